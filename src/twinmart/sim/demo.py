"""A whole installation for a minute or two: two sites, two recorded switches, four collectors, and the loss of a site.

Every part is what it is in earnest: the sites have a PostgreSQL each, the collectors are processes that log in over a
socket, and the loader is one that follows. Only the switches are played, from recordings of real ones, so that what
should come out is known: it was noted by the phones in them.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import sql

from twinmart.config.sources import Collector, ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import Connection, session
from twinmart.errors import MartError, UsageError
from twinmart.report.totals import AgentTotal, QueueTotal, agent_totals, queue_totals
from twinmart.settings import Settings
from twinmart.sim import disaster
from twinmart.sim.samples import Pair, Sample, pairs, samples
from twinmart.sim.troupe import Player, Troupe
from twinmart.site.home import Home

# Told what happens, as it happens.
Say = Callable[[str], None]

LOAD, OTHER = 1, 2

# How long the figures may take to become right when the recordings have ended.
SETTLE_S = 30.0
CATCH_UP_S = 5.0
LOOK_EVERY_S = 0.25
SAY_EVERY_S = 5.0
START_S = 30.0

# A demo's data may be lost when the machine stops, and no sooner.
_FAST_BUT_FRAGILE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: each queue and each agent, as the mart has them and as they were."""

    folder: Path
    queues: list[Pair[QueueTotal]]
    agents: list[Pair[AgentTotal]]
    recovery: disaster.Recovery | None = None

    @property
    def agrees(self) -> bool:
        """Whether the mart tells the truth."""
        return bool(self.queues) and not self.wrong

    @property
    def is_right(self) -> bool:
        """Whether the mart tells the truth and, where a site was lost, nothing of it was."""
        return self.agrees and (self.recovery is None or self.recovery.is_right)

    @property
    def wrong(self) -> int:
        """How many queues and agents are not as they were."""
        return sum(not pair.agrees for pair in self.queues) + sum(not pair.agrees for pair in self.agents)


def run(settings: Settings, *, folder: Path | None, speed: float, keep: bool, loses_site: bool, say: Say) -> Result:
    """Play the samples ``speed`` times as fast as they were recorded, and return what came out.

    With ``loses_site`` site 1 is killed on the way, site 2 takes over, and both are made whole again.

    Afterwards nothing runs that was started here, however the demo ends, and the folder is gone unless it is to stay.

    Raises:
        UsageError: the folder is not empty, or cannot hold sites.
        StepFailed: a process ended that should not have.
    """
    with _folder(folder, keep=keep) as path, Troupe(path, keep=keep) as troupe:
        # Servers of the user's own are not for playing.
        plain = settings.model_copy(update={"home": path, "site_dsns": {}})
        home = Home(plain, server_settings={} if keep else _FAST_BUT_FRAGILE)
        switches = _start_switches(troupe, speed)
        say(f"making two sites in {path}")
        try:
            home.init(2)
            if loses_site:
                return _play_with_loss(home, troupe, switches, speed, say)
            with session(home.site(LOAD).dsn(), application_name="twinmart demo", autocommit=True) as mart:
                return _play(home, mart, troupe, switches, speed, say)
        finally:
            # First who listens, so that nobody notes that the switches are gone.
            troupe.stop(but=switches.values())
            troupe.stop()
            _stop_sites(home)


def _play(home: Home, mart: Connection, troupe: Troupe, switches: dict[str, Player], speed: float, say: Say) -> Result:
    say(f"sites 1 and 2 run PostgreSQL {mart.info.parameter_status('server_version')}; site 1 loads")
    collectors = [
        collector
        for site, (name, player) in enumerate(switches.items(), LOAD)
        for collector in _register(mart, home.path, name, site=site, port=_port(player))
    ]
    troupe.start("etl", "etl", "--follow", "--site", str(LOAD))
    for collector in collectors:
        troupe.start(collector.name, "collect", "--collector", collector.name)
    for name in switches:
        twins = " and ".join(f"{one.name} at site {one.site}" for one in collectors if one.source_name == name)
        say(f"switch {name} is collected twice, by {twins}")
    result = _watch(home.path, mart, troupe, speed, say)
    for name in switches:
        say(_counted(home, mart, name, [one for one in collectors if one.source_name == name]))
    return result


def _play_with_loss(home: Home, troupe: Troupe, switches: dict[str, Player], speed: float, say: Say) -> Result:
    with session(home.site(LOAD).dsn(), application_name="twinmart demo", autocommit=True) as mart:
        collectors = [
            collector
            for site, (name, player) in enumerate(switches.items(), LOAD)
            for collector in _register(mart, home.path, name, site=site, port=_port(player))
        ]
    disaster.prepare(home, say)
    servers = disaster.start_servers(troupe, LOAD, OTHER)
    started = {
        one.name: troupe.start(one.name, "collect", "--collector", one.name, "--site", str(one.site))
        for one in collectors
    }
    there = [one.name for one in collectors if one.site == LOAD]
    with session(home.site(LOAD).dsn(), application_name="twinmart demo", autocommit=True) as mart:
        _watch(home.path, mart, troupe, speed, say, until=_a_third)
    disaster.lose(home, troupe, [servers[LOAD], *(started[name] for name in there)], say)
    spent_s, rto_s, sources = disaster.fail_over(home, say)
    with session(home.site(OTHER).dsn(), application_name="twinmart demo", autocommit=True) as mart:
        result = _watch(home.path, mart, troupe, speed, say)
    returned_s = disaster.return_(home, troupe, there, say)
    found = disaster.verify(home, say)
    return replace(result, recovery=disaster.Recovery(rto_s, spent_s, returned_s, sources, *found))


def _a_third(result: Result, true: list[Sample]) -> bool:
    """Whether traffic is in full swing: a third of all visits to queues are in the mart."""
    return 3 * sum(pair.mart.visits for pair in result.queues) >= sum(len(one.visits) for one in true)


def _start_switches(troupe: Troupe, speed: float) -> dict[str, Player]:
    options = ("--port", "0", "--clients", "2", "--speed", f"{speed:g}", "--shift-to-now")
    return {one.name: troupe.start(one.name, "sim", "replay", str(one.recording), *options) for one in samples()}


def _port(player: Player) -> int:
    return int(player.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)", START_S)[1])


def _register(mart: Connection, folder: Path, name: str, *, site: int, port: int) -> list[Collector]:
    """Register a switch at a site, with its two collectors."""
    secret = folder / "secret"
    secret.write_text("collector\n", encoding="utf-8")
    secret.chmod(0o600)
    store = Store(mart, author="demo")
    source = ensure_source(mart, name, site=site, store=store)
    how = {"host": "127.0.0.1", "port": port, "username": "collector", "secret": f"file:{secret}"}
    store.put("source", name, how)
    return [ensure_collector(mart, source, site=number) for number in (site, OTHER if site == LOAD else LOAD)]


def _agrees(result: Result, _: list[Sample]) -> bool:
    return result.agrees


def _watch(
    folder: Path,
    mart: Connection,
    troupe: Troupe,
    speed: float,
    say: Say,
    *,
    until: Callable[[Result, list[Sample]], bool] = _agrees,
) -> Result:
    """Look at the mart until it tells the truth, or what else is waited for, or it has had the time to."""
    true = samples()
    play_s = max(one.length_s for one in true) / speed
    began, said_at = time.monotonic(), 0.0
    while True:
        troupe.check()
        result = _look(folder, mart, true)
        now = time.monotonic()
        if until(result, true) or now - began > play_s + SETTLE_S:
            say(_progress(result, true))
            return result
        if now - said_at >= SAY_EVERY_S:
            said_at = now
            say(_progress(result, true))
        time.sleep(LOOK_EVERY_S)


def _look(folder: Path, mart: Connection, true: list[Sample]) -> Result:
    queues = pairs(queue_totals(mart), [total for one in true for total in one.queue_totals()])
    agents = pairs(agent_totals(mart), [total for one in true for total in one.agent_totals()])
    return Result(folder, queues, agents)


def _progress(result: Result, true: list[Sample]) -> str:
    parts = []
    for one in true:
        seen = sum(pair.mart.visits for pair in result.queues if pair.mart.source == one.name)
        parts.append(f"{one.name} {seen} of {len(one.visits)}")
    right = sum(pair.agrees for pair in result.queues)
    if not any(pair.mart.visits for pair in result.queues):
        return "the collectors log in; a switch begins to play when both of its collectors listen"
    return f"queue visits in the mart: {', '.join(parts)}; {right} of {len(result.queues)} queues are complete"


def _counted(home: Home, mart: Connection, name: str, twins: list[Collector]) -> str:
    """Say how many events of a source each collector has written, and how many the mart took when it had read them."""
    deadline = time.monotonic() + CATCH_UP_S
    while True:
        written = [(_events(home, twin), twin.site) for twin in twins]
        row = mart.execute("SELECT count(*) FROM gidb.event WHERE source_key = %s", (twins[0].source_key,)).fetchone()
        taken = int(row[0]) if row else 0
        if taken >= max(written)[0] or time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY_S)
    parts = ", ".join(f"{count:,} at site {site}" for count, site in written)
    return f"events of {name}: {parts}, {taken:,} in the mart"


def _events(home: Home, collector: Collector) -> int:
    with session(home.site(collector.site).dsn(), application_name="twinmart demo") as idb:
        table = sql.Identifier(collector.idb_schema, "event")
        row = idb.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def _folder(path: Path | None, *, keep: bool) -> Iterator[Path]:
    """Give an empty folder that PostgreSQL's account can enter; it is removed afterwards unless it is to be kept."""
    if path is None:
        path = Path(tempfile.mkdtemp(prefix="twinmart-demo-"))
        path.chmod(0o755)
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f'"{path}" is not an empty folder', hint="Nothing was changed. Name a new one with --home.")
    else:
        path = path.absolute()
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path, ignore_errors=True)


def _stop_sites(home: Home) -> None:
    """Stop the servers as far as they were made; what keeps one from stopping is the caretaker's to deal with."""
    with suppress(MartError, OSError):
        for site in home.sites:
            if site.server is not None:
                site.server.stop("fast")
