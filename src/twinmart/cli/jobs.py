"""The commands of the mart server and its jobs: mart runs and shows it, jobs lists, runs, stops and holds them."""

import getpass
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event as Signal
from typing import Annotated, Any
from uuid import UUID

import typer

from twinmart.cli.context import answer, answer_json, home_of, stop_signal, table, tell
from twinmart.cli.witness import fail_over_by_itself
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.errors import (
    JobFailed,
    JobNotConfirmed,
    JobNotNow,
    MartError,
    NoMartServer,
    Refused,
    error_classes,
)
from twinmart.etl.cycle import BOTH
from twinmart.jobs import desk
from twinmart.jobs.book import Run
from twinmart.jobs.catalogue import CATALOGUE, Catalogue, Job
from twinmart.jobs.runner import run_job
from twinmart.jobs.server import MartServer
from twinmart.jobs.standing import SWITCH_ON, is_amiss, job_standings, server_standing
from twinmart.jobs.stop import BY_REQUEST, Stop
from twinmart.recover.witness.service import watching
from twinmart.replicate.ends import ends_of
from twinmart.site.home import Home
from twinmart.upkeep.export import export

# How long the server may take to answer a request; it looks twice a second.
ANSWER_WITHIN_S = 15.0
GOOD_DAY_LINES = 5

_Site = Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")]
_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
_Job = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job, or its name in the original.")]

_SIGNS = {"running": "▶", "stopping": "▶", "done": "✔", "failed": "✘", "stopped": "■", "lost": "?", "idle": "·"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    mart = typer.Typer(help="The mart server, which runs the jobs.", no_args_is_help=True)
    mart.command("run")(mart_run)
    mart.command("status")(mart_status)
    app.add_typer(mart, name="mart")
    jobs = typer.Typer(help="What the mart does by the schedule or on request.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        jobs.command(name)(command)
    app.add_typer(jobs, name="jobs")


def mart_run(ctx: typer.Context, site: Annotated[int, typer.Option(min=1, help="Number of the site.")]) -> None:
    """Run the mart server of a site in the foreground until it is stopped with Ctrl-C or SIGTERM.

    Jobs are stopped at their next safe point, and go on from there when the server runs again.

    Example: twinmart mart run --site 1
    """
    home = home_of(ctx)
    number = home.site(site).number
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    with stop_signal(Signal()) as stop, watching(number, dsns, lambda: fail_over_by_itself(home, number)):
        MartServer(number, dsns, catalogue=catalogue_in(home), ends=ends_of(home)).run(stop)


def mart_status(ctx: typer.Context, site: _Site = None, as_json: _Json = False) -> None:
    """Say whether a site's mart server runs, in what state, and since when. Changes nothing.

    Example: twinmart mart status --site 2
    """
    with _at(ctx, site) as at:
        found = server_standing(at.connection, at.site)
    if as_json:
        answer_json(**found)
        return
    answer(_server_line(found))
    _answer_next(found)


def _answer_next(server: Mapping[str, Any]) -> None:
    """Name what is missing for the schedule to run: the server, and in a new mart the switch."""
    if server["state"] == "none":
        answer(f"next   twinmart mart run --site {server['site']}")
    if server["run_scheduler"] is False and server["state"] in {"none", "paused"}:
        answer(f"next   {SWITCH_ON}     nothing is loaded by itself until then")


def catalogue_in(home: Home) -> Catalogue:
    """Return the jobs as they run in a home: exports go there unless an option names another folder."""
    return CATALOGUE.with_body("export", partial(export, beside=home.exports))


@dataclass(frozen=True, slots=True)
class _At:
    """Where a command works: a site, and a connection to its mart that may write what is the site's own."""

    site: int
    dsns: Mapping[int, str]
    connection: Connection
    catalogue: Catalogue


@contextmanager
def _at(ctx: typer.Context, site: int | None) -> Iterator[_At]:
    home = home_of(ctx)
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    number = home.site(active_site(dsns) if site is None else site).number
    with session(dsns[number], application_name="twinmart jobs", autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield _At(number, dsns, connection, catalogue_in(home))


def _server_line(found: Mapping[str, Any]) -> str:
    if found["state"] == "none":
        return f"site {found['site']}  no mart server runs" + (f"; {found['why']}" if found["why"] else "")
    since = f" since {_moment(found['started_at'])}" if found["started_at"] else ""
    why = f": {found['why']}" if found["why"] else ""
    process = f", process {found['pid']} at {found['host']}" if found["pid"] else ""
    return f"site {found['site']}  {found['state']}{why}{process}{since}"


def list_jobs(ctx: typer.Context, site: _Site = None, as_json: _Json = False) -> None:
    """List the jobs: what each does now, how its last run ended, when it runs next. Changes nothing.

    Example: twinmart jobs list
    """
    with _at(ctx, site) as at:
        server = server_standing(at.connection, at.site)
        known = job_standings(at.connection, is_served=server["state"] != "none")
    if as_json:
        answer_json(server=server, jobs=known)
        return
    answer(_server_line(server))
    told = [one for one in known if _is_worth_a_line(one)]
    if told:
        rows = [_job_row(one) for one in _with_one_cycle(told)]
        answer(table(("job", "state", "last run", "took", "rows", "next"), rows))
    # A good day is five lines, so the others are named only where there is room.
    if (others := [one["job"] for one in known if one not in told]) and len(told) < GOOD_DAY_LINES - 2:
        answer(f"  on request: {', '.join(others)}")
    for one in told:
        if is_amiss(one):
            answer(f"  {one['job']}: {one['last']['message']}")
    _answer_next(server)


def _is_worth_a_line(one: Mapping[str, Any]) -> bool:
    is_wrong = one["last"] is not None and one["last"]["status"] in {"failed", "lost"}
    return bool(one["state"] != "idle" or one["next_at"] or one["held"] or is_wrong)


def _with_one_cycle(told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is listed with the two jobs of a cycle as one, while both go alike: what loads facts is told then."""
    cycle = [one for one in told if one["job"] in BOTH]
    ends = {one["last"] and one["last"]["status"] for one in cycle}
    alike = len({(one["state"], one["held"] is None, one["is_continuous"]) for one in cycle}) == 1
    if len(cycle) < len(BOTH) or not alike or ends & {"failed", "lost"}:
        return list(told)
    name = ", ".join(one["job"] for one in cycle)
    return [{**cycle[-1], "job": name}, *(one for one in told if one not in cycle)]


def _job_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    last = one["last"]
    state = f"{_SIGNS[one['state']]} {one['state']}" + (", continuous" if one["is_continuous"] else "")
    state += ", held" if one["held"] else ""
    following = one["message"] if one["state"] != "idle" else one["next_at"] and _moment(one["next_at"])
    following = following or "-"
    if last is None:
        return one["job"], state, "never", "-", "-", following
    ended = f"{_SIGNS[last['status']]} {last['status']} {_moment(last['ended_at'] or last['started_at'])}"
    return one["job"], state, ended, _took(last), _count(last["rows"]), following


def run_one(ctx: typer.Context, job: _Job, site: _Site = None, as_json: _Json = False) -> None:
    """Run a job now and wait for its end: through the mart server, or here when none runs.

    Ctrl-C stops waiting and leaves the job to the server; a job that runs here is stopped at its next safe point.

    Example: twinmart jobs run maintain
    """
    wanted = CATALOGUE.get(job)
    with _at(ctx, site) as at:
        if (server := desk.server_holder(at.connection)) is not None and desk.has_desk(at.connection):
            run = _answered(at, wanted, "run")
            assert run is not None  # noqa: S101  the server names the run that it began
            row = _wait(at, wanted, run, server)
        else:
            row = _run_here(at, wanted)
    _answer_run(row, as_json)


def _run_here(at: _At, job: Job) -> dict[str, Any]:
    """Run a job in this process."""
    _refuse_in_wrong_state(at, job)
    run = Run(job.name, "command")
    with stop_signal(Stop(BY_REQUEST)) as stop:
        ended = run_job(at.catalogue, job, run, at.site, at.dsns, stop, tell)
    if ended.error is not None:
        raise ended.error
    return {
        "job": job.name,
        "run": run.run,
        "site": at.site,
        "status": ended.status,
        "started_at": run.started_at,
        "ended_at": datetime.now(UTC),
        "rows": run.rows,
        "message": ended.message,
        "summary": dict(run.summary),
    }


def _refuse_in_wrong_state(at: _At, job: Job) -> None:
    obstacle = schema_state(at.connection).obstacle()
    if obstacle is not None:
        if not job.in_migration:
            raise obstacle
        return
    row = at.connection.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
    if row is not None and row[0] != at.site and not job.at_standby:
        raise JobNotNow(
            f'job "{job.name}" must not run at site {at.site}, which is a standby',
            detail=f"site {row[0]} is active since epoch {row[1]}",
            hint=f"Nothing was changed. Run it there: twinmart jobs run {job.name} --site {row[0]}.",
        )


def stop_one(ctx: typer.Context, job: _Job, site: _Site = None, as_json: _Json = False) -> None:
    """Stop a job that runs, at its next safe point; what it has committed stays, and its next run goes on from there.

    Example: twinmart jobs stop aggregate
    """
    wanted = CATALOGUE.get(job)
    with _at(ctx, site) as at:
        server = _require_server(at)
        run = _answered(at, wanted, "stop")
        row = _wait(at, wanted, run, server) if run else None
    if row is not None and as_json:
        _answer_run(row, as_json)
        return
    if as_json:
        answer_json(job=wanted.name, run=None, status="stopped")
        return
    answer(f"{wanted.name} stopped at a safe point; what it had committed stays")
    answer(f"next   twinmart jobs hold {wanted.name}     unless the schedule shall begin it again")


def show_log(
    ctx: typer.Context,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Only this job's runs.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many to list.")] = 20,
    site: _Site = None,
    as_json: _Json = False,
) -> None:
    """List the last runs, latest first: when, how long, how they ended, how many rows.

    Example: twinmart jobs log transform --last 5
    """
    name = CATALOGUE.get(job).name if job is not None else None
    with _at(ctx, site) as at:
        if (obstacle := schema_state(at.connection).obstacle()) is not None:
            raise obstacle
        found = desk.rows(at.connection, "history", job=name, run=None, last=last)
    if as_json:
        answer_json(runs=[{**row, "duration_ms": _duration_ms(row)} for row in found])
        return
    if not found:
        answer("no runs yet" + (f" of {name}" if name else ""))
        return
    head = ("job", "site", "start, UTC", "end", "took", "status", "rows", "cause", "message")
    answer(table(head, [_log_row(row) for row in found]))


def hold_one(
    ctx: typer.Context,
    job: _Job,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who see it held.")
    ] = None,
    site: _Site = None,
    as_json: _Json = False,
) -> None:
    """Keep the schedule from beginning a job until it is released; a run that goes on is not touched.

    Example: twinmart jobs hold export --reason "disk is full"
    """
    name = CATALOGUE.get(job).name
    with _at(ctx, site) as at:
        is_new = desk.hold(at.connection, name, getpass.getuser(), reason)
    if as_json:
        answer_json(job=name, held=True, changed=is_new)
        return
    answer(f"{name} is held" if is_new else f"{name} was held already")
    answer(f"next   twinmart jobs release {name}")


def release_one(ctx: typer.Context, job: _Job, site: _Site = None, as_json: _Json = False) -> None:
    """Let the schedule begin a job again that was held.

    Example: twinmart jobs release export
    """
    name = CATALOGUE.get(job).name
    with _at(ctx, site) as at:
        was_held = desk.release(at.connection, name)
    if as_json:
        answer_json(job=name, held=False, changed=was_held)
        return
    answer(f"{name} is released" if was_held else f"{name} was not held")


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_jobs,
    "run": run_one,
    "stop": stop_one,
    "log": show_log,
    "hold": hold_one,
    "release": release_one,
}


def _require_server(at: _At) -> object:
    server = desk.server_holder(at.connection)
    if server is None:
        raise NoMartServer(
            f"no mart server runs at site {at.site}",
            detail="a job that was begun by a command is stopped there, with Ctrl-C",
            hint=f"Nothing was changed. Start one with: twinmart mart run --site {at.site}.",
        )
    return server


def _answered(at: _At, job: Job, action: str) -> UUID | None:
    """Ask the server and return the run it names.

    Raises:
        Refused: it refused, for the reason that it gives.
        JobNotConfirmed: it said nothing.
    """
    request = desk.ask(at.connection, job.name, action)
    last = time.monotonic() + ANSWER_WITHIN_S
    while (said := desk.answer_of(at.connection, request)) is None:
        if time.monotonic() > last and desk.take_back(at.connection, request):
            raise JobNotConfirmed(
                f'the mart server has not answered the request to {action} job "{job.name}"',
                detail="the request was taken back",
                hint="Look with: twinmart mart status.",
            )
        time.sleep(0.1)
    if said.error is not None:
        raise _told(said.error)
    return said.run


def _told(error: Mapping[str, str | None]) -> MartError:
    """Return the error that the server told of."""
    kind = next((one for one in error_classes() if one.code == error["code"]), Refused)
    return kind(str(error["message"]), detail=error["detail"], hint=error["hint"])


def _wait(at: _At, job: Job, run: UUID, asked: object) -> dict[str, Any]:
    """Wait until a run has ended, telling a person how far it is, and return it; ``asked`` is the server that runs it.

    Raises:
        JobNotConfirmed: the server went away meanwhile; nobody knows how the run ended.
    """
    told = None
    while True:
        # Another server in its place knows of runs that were begun, and calls them lost; of others nobody knows.
        holder = desk.server_holder(at.connection)
        found = desk.rows(at.connection, "history", job=None, run=run, last=1)
        if found and found[0]["ended_at"] is not None:
            return found[0]
        if holder is None or (not found and holder != asked):
            raise JobNotConfirmed(
                f'the mart server went away while job "{job.name}" ran',
                detail="what it had committed stands; if it had begun, it is marked as lost when the server is back",
                hint=f"Look with: twinmart jobs log {job.name}.",
            )
        message = next((row["message"] for row in desk.table(at.connection, "states") if row["run"] == run), None)
        if message and message != told:
            tell(message)
            told = message
        time.sleep(0.2)


def _answer_run(row: Mapping[str, Any], as_json: bool) -> None:
    """Say how a run ended.

    Raises:
        JobFailed: with an error.
    """
    if row["status"] in {"failed", "lost"}:
        raise JobFailed(
            f'job "{row["job"]}" {row["status"]}',
            detail=f"{row['message']}\nwhat it had committed stands",
            hint=f"Run it again when the cause is gone: twinmart jobs run {row['job']}.",
        )
    if as_json:
        answer_json(**{**row, "duration_ms": _duration_ms(row)})
    else:
        rows = f", {row['rows']:,} rows" if row["rows"] is not None else ""
        answer(f"{row['job']}  {row['status']} in {_took(row)}{rows}")
    if row["status"] == "stopped":
        tell(f"stopped at a safe point; go on with: twinmart jobs run {row['job']}")


def _log_row(row: Mapping[str, Any]) -> tuple[object, ...]:
    ended = f"{row['ended_at']:%H:%M:%S}" if row["ended_at"] else "-"
    status = f"{_SIGNS[row['status']]} {row['status']}"
    message = row["message"] if row["message"] and row["message"] != row["status"] else ""
    begun = f"{row['started_at']:%d %b %H:%M:%S}"
    return row["job"], row["site"], begun, ended, _took(row), status, _count(row["rows"]), row["cause"], message


def _duration_ms(row: Mapping[str, Any]) -> int | None:
    if row["ended_at"] is None:
        return None
    return int((row["ended_at"] - row["started_at"]).total_seconds() * 1000)


def _took(row: Mapping[str, Any]) -> str:
    spent_ms = _duration_ms(row)
    return "-" if spent_ms is None else _length(spent_ms / 1000)


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def _count(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def _moment(at: datetime) -> str:
    """Return a moment absolute and relative; with its day unless that is today."""
    now = datetime.now(UTC)
    day = "" if at.date() == now.date() else f"{at:%d %b} "
    away = (at - now).total_seconds()
    relative = f"in {_length(int(away))}" if away > 0 else f"{_length(int(-away))} ago"
    return f"{day}{at:%H:%M:%S} UTC ({relative})".replace(".0 s", " s")
