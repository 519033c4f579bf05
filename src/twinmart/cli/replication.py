"""The commands for the link between the sites."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, table, tell
from twinmart.config.topology import active_site
from twinmart.replicate import link, turn
from twinmart.replicate.copy import Method
from twinmart.replicate.ends import End, ends_of
from twinmart.replicate.watch import Look, history, look

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
From = Annotated[
    int | None, typer.Option("--from", min=1, help="Site that sends; else the active one, by the newest word.")
]
To = Annotated[int | None, typer.Option("--to", min=1, help="Site that receives; needed with more than two sites.")]
Copy = Annotated[
    str, typer.Option("--copy", metavar="online|dump|physical", help="How the standby gets its first rows.")
]
Discard = Annotated[
    bool, typer.Option("--discard-standby", help="Throw away loads that the standby has and the active site lacks.")
]

METHODS: dict[str, Method] = {"online": "online", "dump": "dump", "physical": "physical"}
_VERDICTS = {"streaming": "OK", "catching up": "OK", "paused": "HELD", "not set up": "NONE"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="The link that makes the standby follow the active site.", rich_markup_mode=None)
    for command in (show, setup, pause, resume, reverse, rebuild, teardown):
        group.command()(command)
    app.add_typer(group, name="replication")


def show(ctx: typer.Context, from_site: From = None, to_site: To = None, as_json: AsJson = False) -> None:
    """Say what state the link is in, how far the standby is behind, and what to do next.

    A beat is sent across; nothing else is changed.

    Example: twinmart replication show
    """
    source, target = _ends(ctx, from_site, to_site)
    found = look(source, target)
    if as_json:
        answer_json(**_data(found))
        return
    facts = found.facts
    verdict = "OK" if found.is_ready else _VERDICTS.get(found.state.name, "BROKEN")
    verdict = "CHECK" if verdict == "OK" and not found.is_ready and found.state.is_steady else verdict
    answer(f"replication  site {source.site} to site {target.site}    {found.at:%-d %b %Y  %H:%M:%S} UTC")
    answer(f"{verdict:<10}{found.state.name}: {found.state.meaning}\n")
    answer(table(("what", "now"), [*_rows(found, facts.beat_at), *_history(found, source, target)]))
    notes = [f"  site {site}: {error.message}" for site, error in found.missed.items()]
    notes += [f"  cause: {found.cause}"] if found.cause else []
    notes += [f"  ! {one}" for one in (*found.problems, *(str(one) for one in found.drift[:10]))]
    if notes:
        answer("\n" + "\n".join(notes))
    if found.state.mend:
        answer(f"\nnext   {found.state.mend}")


def setup(
    ctx: typer.Context,
    from_site: From = None,
    to_site: To = None,
    copy: Copy = "online",
    discard_standby: Discard = False,
    as_json: AsJson = False,
) -> None:
    """Copy the active mart to the standby and let it follow from there; loads go on meanwhile.

    Run again after it was broken off it goes on, and where the link stands it changes nothing.

    Example: twinmart replication setup
    """
    source, target = _ends(ctx, from_site, to_site)
    method = _method(copy)
    name = link.set_up(source, target, method=method, discard_standby=discard_standby, tell=tell)
    _done(as_json, f"site {target.site} follows site {source.site}", link=name, source=source.site, target=target.site)


def pause(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why, for those who look later.")] = "",
    from_site: From = None,
    to_site: To = None,
    as_json: AsJson = False,
) -> None:
    """Hold the link up. The active site keeps what is not sent, up to its limit; the standby stays as it is.

    Example: twinmart replication pause --reason "disk of site 2 is exchanged"
    """
    _, target = _ends(ctx, from_site, to_site)
    was_running = link.pause(target, reason)
    _done(as_json, "paused" if was_running else "was paused already", changed=was_running)


def resume(ctx: typer.Context, from_site: From = None, to_site: To = None, as_json: AsJson = False) -> None:
    """Let the link go on, after a pause or after the cause of an error is gone.

    Example: twinmart replication resume
    """
    _, target = _ends(ctx, from_site, to_site)
    was_held = link.resume(target)
    _done(as_json, "goes on" if was_held else "was not held up", changed=was_held)


def reverse(
    ctx: typer.Context,
    yes: Annotated[
        int | None, typer.Option("--yes", help="Number of the site that becomes active; else asked.")
    ] = None,
    from_site: From = None,
    to_site: To = None,
    as_json: AsJson = False,
) -> None:
    """Make the standby the active site, and the active one its standby.

    Nothing is copied and nothing lost; loads pause meanwhile.

    Example: twinmart replication reverse --yes 2
    """
    source, target = _ends(ctx, from_site, to_site)
    _confirm(yes, target.site, f"Site {target.site} becomes active.")
    name = turn.reverse(source, target, tell=tell)
    _done(as_json, f"site {target.site} is active, site {source.site} follows it", link=name, active=target.site)


def rebuild(
    ctx: typer.Context,
    yes: Annotated[int | None, typer.Option("--yes", help="Number of the site that is emptied; else asked.")] = None,
    copy: Copy = "online",
    from_site: From = None,
    to_site: To = None,
    discard_standby: Discard = False,
    as_json: AsJson = False,
) -> None:
    """Copy the standby anew, after its slot was lost or a conflict cannot be mended. Its fences stay up.

    Example: twinmart replication rebuild --yes 2
    """
    source, target = _ends(ctx, from_site, to_site)
    _confirm(yes, target.site, f"The mart of site {target.site} is emptied and copied anew.")
    name = turn.rebuild(source, target, method=_method(copy), discard_standby=discard_standby, tell=tell)
    _done(as_json, f"site {target.site} follows site {source.site} again", link=name)


def teardown(
    ctx: typer.Context,
    yes: Annotated[
        int | None, typer.Option("--yes", help="Number of the site that stops following; else asked.")
    ] = None,
    from_site: From = None,
    to_site: To = None,
    as_json: AsJson = False,
) -> None:
    """Remove the link and whatever earlier ones left: subscription, slot, publication, origins, fences. Data stay.

    A site that gives no answer is left out; run it again when that one is back.

    Example: twinmart replication teardown --yes 2
    """
    source, target = _ends(ctx, from_site, to_site)
    _confirm(yes, target.site, f"Site {target.site} stops following site {source.site}.")
    removed: list[str] = []
    missed: dict[int, errors.MartError] = {}
    for one, ends in ((target, (None, target)), (source, (source, None))):
        try:
            removed += link.tear_down(*ends)
        except errors.SiteUnreachable as error:
            missed[one.site] = error
    if as_json:
        answer_json(removed=removed, missed={site: reason.to_json() for site, reason in missed.items()})
        return
    for line in removed or ["nothing was left to remove"]:
        answer(line)
    for site, reason in missed.items():
        answer(f"site {site} was left out: {reason.message}")
    if missed:
        answer("next   run the same command again when it is back")


def _ends(ctx: typer.Context, from_site: int | None, to_site: int | None) -> tuple[End, End]:
    """Return source and target: those named, else the active site and the other one."""
    home = home_of(ctx)
    ends = ends_of(home)
    source = from_site if from_site is not None else _active(home.sites, ends)
    home.site(source)
    others = [number for number in ends if number != source]
    if to_site is None and len(others) != 1:
        known = ", ".join(map(str, others)) or "none"
        raise errors.UsageError(
            "which site shall follow is not clear",
            detail=f"sites other than {source}: {known}",
            hint="Name it with --to, or make a second one with: twinmart init --sites 2. Nothing was changed.",
        )
    target = to_site if to_site is not None else others[0]
    home.site(target)
    return ends[source], ends[target]


def _active(sites: Sequence[Any], ends: dict[int, End]) -> int:
    with suppress(errors.MartError):
        return active_site({number: end.dsn for number, end in ends.items()})
    return int(sites[0].number)


def _method(copy: str) -> Method:
    if copy in METHODS:
        return METHODS[copy]
    raise errors.UsageError(
        f'"{copy}" is no way to copy a mart', detail="there are: online, dump, physical", hint="Nothing was changed."
    )


def _confirm(yes: int | None, site: int, what: str) -> None:
    """Let a person type the number of the site that changes, unless a script named it.

    Raises:
        UsageError: it is not that number.
    """
    given = yes
    if given is None:
        typed = typer.prompt(f"{what} Type its number to go on, or nothing to stop", default="", show_default=False)
        given = int(typed) if str(typed).strip().isdigit() else None
    if given != site:
        raise errors.UsageError(
            f"site {site} was not confirmed", detail=what, hint=f"Nothing was changed. Say so with: --yes {site}."
        )


def _done(as_json: bool, text: str, **fields: Any) -> None:
    if as_json:
        answer_json(done=text, **fields)
        return
    answer(text)
    answer("next   twinmart replication show")


def _rows(found: Look, beat_at: datetime | None) -> list[tuple[str, str]]:
    facts = found.facts
    rows = [("link", found.name or "—")]
    behind = "not known" if facts.lag_ms is None else f"{facts.lag_ms:,} ms"
    rows.append(("last beat", f"{beat_at:%-d %b %H:%M:%S} UTC, {behind} old" if beat_at else "none has crossed"))
    if facts.source_answers and facts.target_answers and found.name:
        rows.append(("behind by", _bytes(facts.lag_bytes)))
        limit = f" of {_bytes(facts.limit_bytes)}" if facts.limit_bytes and facts.limit_bytes > 0 else ", no limit"
        rows.append(("kept for it", _bytes(facts.kept_bytes) + limit))
        rows.append(("errors", f"{facts.apply_errors} in applying, {facts.conflicts} conflicts"))
    if found.paused_at is not None:
        why = f": {found.pause_reason}" if found.pause_reason else ""
        rows.append(("paused since", f"{found.paused_at:%-d %b %H:%M:%S} UTC{why}"))
    return rows


def _history(found: Look, source: End, target: End) -> list[tuple[str, str]]:
    """Return what the last day's looks found, as the mart servers keep it; from a site that answers."""
    end = next((one for one in (target, source) if one.site not in found.missed), None)
    rows = history(end) if end is not None else []
    told = []
    for state, looks, at, lag_ms in rows:
        lag = "" if lag_ms is None else f", at most {lag_ms:,} ms behind"
        told.append((f"{state}, 24 h", f"{looks:,} looks until {at:%-d %b %H:%M:%S} UTC{lag}"))
    return told


def _bytes(size: int | None) -> str:
    """Return a size in the unit that its length asks for.

    >>> _bytes(None), _bytes(900), _bytes(5 * 2**20)
    ('not known', '900 B', '5.0 MiB')
    """
    if size is None:
        return "not known"
    for unit, length in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= length:
            return f"{size / length:,.1f} {unit}"
    return f"{size} B"


def _data(found: Look) -> dict[str, Any]:
    facts = found.facts
    return {
        "state": found.state.name,
        "is_ready": found.is_ready,
        "at": found.at,
        "source": facts.source_site,
        "target": facts.target_site,
        "link": found.name,
        "lag_ms": facts.lag_ms,
        "lag_bytes": facts.lag_bytes,
        "kept_bytes": facts.kept_bytes,
        "limit_bytes": facts.limit_bytes,
        "wal_status": facts.wal_status if found.name else None,
        "beat": facts.beat,
        "beat_at": facts.beat_at,
        "apply_errors": facts.apply_errors,
        "conflicts": facts.conflicts,
        "paused_at": found.paused_at,
        "pause_reason": found.pause_reason,
        "problems": list(found.problems),
        "drift": [str(one) for one in found.drift],
        "cause": found.cause,
        "missed": {site: error.to_json() for site, error in found.missed.items()},
        "next": found.state.mend or None,
    }
