"""The witness in a third place: what it keeps, what this site decides, and ending the block after a change."""

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from twinmart.cli.context import answer, answer_json, home_of, span, table, tell
from twinmart.config.options import effective
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.errors import MartError, UsageError
from twinmart.recover.site import Recovery
from twinmart.recover.witness.model import Witness
from twinmart.recover.witness.service import bounds_of, witness_of
from twinmart.site.home import Home

_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    witness = typer.Typer(help="The witness in a third place, and what the sites decide with it.")
    for command in (status, acknowledge, forget):
        witness.command()(command)
    app.add_typer(witness, name="witness")


def status(ctx: typer.Context, as_json: _Json = False) -> None:
    """Say what the witness keeps and what each site decided last. Changes nothing.

    Example: twinmart witness status
    """
    home = home_of(ctx)
    witness, options = _witness(home)
    bounds, lease, silent = bounds_of(options), None, None
    try:
        lease = witness.read() if witness else None
    except MartError as error:
        silent = error
    decided = [one for site in home.require_sites() for one in _decided(site.dsn(), site.number)]
    mode = "none" if witness is None else "observes only" if bounds.observe_only else "acts"
    if as_json:
        answer_json(
            mode=mode,
            bounds=asdict(bounds),
            lease=lease and asdict(lease),
            error=silent and silent.to_json(),
            decisions=decided,
        )
        return
    if witness is None:
        answer("there is no witness: a failover is begun by people")
        answer("next   twinmart config set application mart witness/place=ADDRESS        see docs/howto/witness.md")
        return
    answer(f"witness   {mode}; grace period {bounds.grace_s:g} s")
    if silent is not None:
        answer(f"          gives no answer: {silent.detail or silent.message}")
    elif lease is None:
        answer("          has no lease yet: no mart server of the active site has reached it")
    else:
        held = "held" if lease.is_held else "ENDED"
        promise = "fences itself when it is cut off" if lease.fences else "promises nothing"
        answer(f"lease     {held} by site {lease.holder} in epoch {lease.epoch}, which {promise}")
        if lease.block_s:
            answer(f"block     no failover by itself for {span(lease.block_s)}: twinmart witness acknowledge ends it")
    rows = [(one["site"], one["decision"], f"{one['at']:%Y-%m-%d %H:%M:%S} UTC", one["reasons"][0]) for one in decided]
    answer("\n" + table(("site", "decided", "since", "why"), rows) if rows else "no site has decided anything yet")
    for one in decided:
        for reason in one["reasons"][1:]:
            answer(f"  site {one['site']}: {reason}")


def acknowledge(ctx: typer.Context, as_json: _Json = False) -> None:
    """End the block after a change of the active site: somebody has looked at what happened.

    Example: twinmart witness acknowledge
    """
    witness, _ = _witness(home_of(ctx))
    if witness is None:
        raise UsageError("there is no witness", hint="Nothing was changed. See docs/howto/witness.md.")
    witness.acknowledge()
    if as_json:
        answer_json(acknowledged=True)
    else:
        answer("acknowledged: the sites may fail over by themselves again, as far as they are allowed to")


def forget(
    ctx: typer.Context,
    site: Annotated[int, typer.Option(min=1, help="Number of the site.")],
    yes: Annotated[bool, typer.Option("--yes", help="The other site is not active, I have looked.")] = False,
    as_json: _Json = False,
) -> None:
    """Let a site load without a witness from now on, when the witness is gone for good.

    Only for a site that has fenced itself and an option "place" that is unset; else the lease comes back.

    Example: twinmart witness forget --site 1 --yes
    """
    home = home_of(ctx)
    chosen = home.site(site)
    witness, _ = _witness(home)
    if witness is not None or not yes:
        raise UsageError(
            f"the lease of site {site} was not forgotten",
            detail="a witness is configured" if witness else "it was not confirmed",
            hint="Nothing was changed. Unset option place of section witness first; then give --yes.",
        )
    with session(chosen.dsn(), application_name="twinmart witness") as mart:
        mart.execute("SET TRANSACTION READ WRITE")
        mart.execute("DELETE FROM ops.lease")
    if as_json:
        answer_json(site=site, forgotten=True)
    else:
        answer(f"site {site} loads without a witness")


def fail_over_by_itself(home: Home, site: int) -> None:
    """Carry out the failover that the witness has allowed; nobody is asked, and it goes on where it was broken off.

    Raises:
        MartError: it was refused or a step stopped; the next tick tries again.
    """
    commanded_at = datetime.now(UTC)
    recovery = Recovery(home)
    wish = recovery.wish("failover", active=site, accept_loss=frozenset({"all"}))
    if recovery.is_fulfilled(wish):
        return
    made = recovery.plan(wish)
    with recovery.journal(wish.keeper) as journal:
        executor = recovery.executor(journal, lambda: False, commanded_at)
        run = executor.start(made)
        for event in executor.walk(run):
            tell(f"{event.step} {event.state}")
        recovery.note_facts(run, journal)


def _witness(home: Home) -> tuple[Witness | None, Any]:
    """Return the witness by the configuration of the active site, or of the first that answers."""
    dsns = {site.number: site.dsn() for site in home.require_sites()}
    chosen = next(iter(dsns.values()))
    with suppress(MartError, KeyError):
        chosen = dsns[active_site(dsns)]
    for dsn in (chosen, *dsns.values()):
        with suppress(MartError), session(dsn, application_name="twinmart witness") as mart:
            options = effective(mart)
            return witness_of(options), options
    with session(chosen, application_name="twinmart witness") as mart:
        options = effective(mart)
    return witness_of(options), options


def _decided(dsn: str, site: int) -> list[dict[str, Any]]:
    with suppress(MartError), session(dsn, application_name="twinmart witness", statement_timeout_s=5) as mart:
        rows = mart.execute(
            "SELECT at, decision, reasons, epoch, observed_only FROM ops.witness_decision ORDER BY at DESC LIMIT 1"
        ).fetchall()
        names = ("at", "decision", "reasons", "epoch", "observed_only")
        return [{"site": site, **dict(zip(names, row, strict=True))} for row in rows]
    return []
