"""The commands that bring events in: source for whom to listen to, collect, and backfill of what was recorded."""

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Annotated

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, table, tell
from twinmart.cli.writing import stores
from twinmart.collect.backfill import Loaded, backfill_file
from twinmart.collect.collector import Collector
from twinmart.collect.config import CollectorConfig
from twinmart.collect.settings import CollectorSettings, find_settings
from twinmart.config.sources import collectors, ensure_collector, ensure_source
from twinmart.db.connect import session
from twinmart.etl.cycle import Cycle, run_once
from twinmart.settings import read_secret
from twinmart.site.home import Home

SourceName = Annotated[str, typer.Option("--source", metavar="NAME", help="Name of the source.")]
# How soon a signal is heeded.
LOOK_S = 0.1

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(collect)
    backfill = typer.Typer(help="Load what was recorded elsewhere.", no_args_is_help=True)
    backfill.command("asterisk-ami")(backfill_asterisk_ami)
    app.add_typer(backfill, name="backfill")
    source = typer.Typer(help="The telephony servers that are listened to.", no_args_is_help=True)
    source.command("add")(source_add)
    source.command("list")(source_list)
    app.add_typer(source, name="source")


def collect(
    ctx: typer.Context,
    collector: Annotated[str, typer.Option(metavar="NAME", help="Name of the collector, such as london_a.")],
    site: Annotated[
        int | None, typer.Option(min=1, help="Read the settings at this site; else at the first that answers.")
    ] = None,
) -> None:
    """Run one collector in the foreground until it is stopped with Ctrl-C or SIGTERM.

    Example: twinmart collect --collector london_a
    """
    home = home_of(ctx)
    sites = [home.site(site)] if site is not None else home.require_sites()
    copies = sorted(home.path.glob(f"site*/collectors/{collector}.settings"))
    found = find_settings(collector, [one.dsn() for one in sites], copies)
    found.keep(home.folder(found.site) / "collectors" / f"{found.name}.settings")
    run_until_told(Collector(_config(home, found)))


def backfill_asterisk_ami(
    ctx: typer.Context,
    recording: Annotated[Path, typer.Argument(metavar="FILE", help="Recorded AMI stream, packed with gzip or not.")],
    source: SourceName,
    site: Annotated[int, typer.Option(min=1, help="Site whose interaction database is filled.")] = 1,
    no_etl: Annotated[bool, typer.Option("--no-etl", help="Leave the facts for the next load.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a recorded AMI stream, with the live collector's own code, and bring the mart up to date.

    A source that is not known yet is registered at the site. Loading the same recording again changes nothing.

    Example: twinmart backfill asterisk-ami ami.raw.gz --source london
    """
    home = home_of(ctx)
    chosen = home.site(site)
    active = _active_site(home)
    with stores(home, reason="twinmart backfill") as marts:
        for store in marts:
            known = ensure_source(store.connection, source, site=site, store=store)
            collector = ensure_collector(store.connection, known, site=site, store=store)
    with session(chosen.dsn(), application_name="twinmart backfill", autocommit=True) as idb:
        loaded = backfill_file(idb, collector.idb_schema, source, recording, collector=collector.name)
    cycle = None if no_etl else run_once(active, {one.number: one.dsn() for one in home.sites}, tell=_tell_of_cycle)
    if as_json:
        answer_json(
            source=source, collector=collector.name, **_data(loaded), **({} if cycle is None else _facts(cycle))
        )
        return
    span = f"{loaded.first_at:%-d %b %Y %H:%M:%S} to {loaded.last_at:%H:%M:%S} UTC" if loaded.first_at else "no events"
    answer(f"{recording}  {span}")
    answer(
        f"{loaded.messages:,} messages in {loaded.seconds:.1f} s: {loaded.events:,} events, {loaded.new_events:,} new"
    )
    for reason, count in loaded.kept_aside.most_common():
        answer(f"kept aside {count:,}: {reason}")
    if cycle is not None:
        answer(f"{cycle.interactions:,} interactions computed, {cycle.rows_changed:,} rows of facts changed")


def source_add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name by which people and commands know it.")],
    host: Annotated[str | None, typer.Option(help="Address of its management interface.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; 5038 unless told, 5039 is usual with TLS.")
    ] = None,
    tls: Annotated[bool | None, typer.Option("--tls/--no-tls", help="Whether the connection is encrypted.")] = None,
    username: Annotated[str | None, typer.Option(help="Account of the collectors there.")] = None,
    secret_ref: Annotated[
        str | None,
        typer.Option("--secret", metavar="WHERE", help="Its password: env:NAME, file:PATH or keyring:SERVICE/NAME."),
    ] = None,
    site: Annotated[int, typer.Option(min=1, help="Site at which the server stands.")] = 1,
    twin_site: Annotated[
        int | None, typer.Option(min=1, help="Site of the second collector; else the next one, if there is one.")
    ] = None,
) -> None:
    """Register a telephony server with its two collectors, or change how it is reached.

    Example: twinmart source add london --host 10.0.0.5 --username twinmart --secret file:/etc/twinmart/london
    """
    home = home_of(ctx)
    others = [one.number for one in home.require_sites() if one.number != home.site(site).number]
    second = twin_site if twin_site is not None else next(iter(others), None)
    told = {"host": host, "port": port, "tls": tls, "username": username, "secret": secret_ref}
    with stores(home, reason="twinmart source add") as marts:
        for store in marts:
            source = ensure_source(store.connection, name, site=site, store=store)
            store.put("source", name, {key: value for key, value in told.items() if value is not None})
            made = [
                ensure_collector(store.connection, source, site=number, store=store)
                for number in (source.site, second)
                if number is not None
            ]
    for collector in made:
        answer(f"collector {collector.name} at site {collector.site}, interaction database {collector.idb_schema}")
    answer(f"next   twinmart collect --collector {made[0].name}")


def source_list(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the sources and their collectors.

    Example: twinmart source list
    """
    home = home_of(ctx)
    with session(home.site(_active_site(home)).dsn(), application_name="twinmart source list") as mart:
        found = collectors(mart)
    if as_json:
        rows = [
            {"collector": one.name, "source": one.source_name, "site": one.site, "idb": one.idb_schema} for one in found
        ]
        answer_json(collectors=rows)
        return
    rows_of_text = [
        (one.source_name, one.name, one.site, one.idb_schema, "yes" if one.enabled else "no") for one in found
    ]
    answer(table(("source", "collector", "site", "interaction database", "enabled"), rows_of_text))


def run_until_told(process: Collector) -> None:
    """Run a collector until Ctrl-C or SIGTERM; the signal is only noted where it strikes, since that may be anywhere.

    Raises:
        MartError: whatever ended the collector before.
    """
    told: list[int] = []
    earlier = {number: signal.signal(number, lambda n, _: told.append(n)) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with ThreadPoolExecutor(1, "collector") as thread:
            running = thread.submit(process.run)
            while not wait([running], timeout=LOOK_S).done:
                if told:
                    process.stop()
            running.result()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _config(home: Home, found: CollectorSettings) -> CollectorConfig:
    if found.host is None or found.username is None:
        raise errors.WrongSetting(
            f'source "{found.source}" has no address or no account yet',
            hint=f"Set them with: twinmart source add {found.source} --host HOST --username NAME --secret file:PATH",
        )
    return CollectorConfig(
        name=found.name,
        source=found.source,
        host=found.host,
        port=found.port or 5038,
        username=found.username,
        secret=read_secret(found.secret_ref),
        tls=found.tls,
        idb_dsn=home.site(found.site).dsn(),
        idb_schema=found.idb_schema,
        spool_folder=home.spool(found.site) / found.name,
        status_file=home.folder(found.site) / "collectors" / f"{found.name}.json",
        user_data=found.user_data,
    )


def _active_site(home: Home) -> int:
    """Return the site that loads, by the newest word of those that answer; without any word, the first."""
    words: list[tuple[int, int]] = []
    missed: errors.MartError | None = None
    for site in home.require_sites():
        try:
            with session(site.dsn(), application_name="twinmart") as mart:
                words += mart.execute("SELECT epoch, active_site FROM cfg.topology").fetchall()
        except errors.SiteUnreachable as error:
            missed = error
    if words:
        return max(words)[1]
    if missed is not None:
        raise missed
    return home.require_sites()[0].number


def _tell_of_cycle(cycle: Cycle) -> None:
    tell(f"{cycle.events:,} events taken, {cycle.interactions:,} interactions computed")


def _data(loaded: Loaded) -> dict[str, object]:
    return {
        "bytes": loaded.bytes,
        "messages": loaded.messages,
        "events": loaded.events,
        "new_events": loaded.new_events,
        "kept_aside": dict(loaded.kept_aside),
        "dropped": dict(loaded.dropped),
        "first_at": loaded.first_at,
        "last_at": loaded.last_at,
        "seconds": round(loaded.seconds, 3),
    }


def _facts(cycle: Cycle) -> dict[str, object]:
    return {"interactions": cycle.interactions, "rows_changed": cycle.rows_changed}
