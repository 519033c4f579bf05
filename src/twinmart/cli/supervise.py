"""Commands that run a site's processes and examine an installation: site run, site stop, site status, doctor."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Annotated
from wsgiref.simple_server import WSGIServer

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, span, table, tell
from twinmart.db.connect import session
from twinmart.jobs.standing import SWITCH_ON, server_standing
from twinmart.settings import notify_socket, whole_environment
from twinmart.site.home import Site
from twinmart.watch.doctor import Finding, examine
from twinmart.watch.metrics import SiteMetrics, serve_metrics
from twinmart.watch.notify import notify
from twinmart.watch.programs import site_ground, site_programs
from twinmart.watch.supervisor import Supervisor, own_command, read_state, running_pid

SIGNS = {"right": "✔", "warning": "!", "wrong": "✘", "unknown": "?"}
STOP_S = 60.0

_SiteOption = Annotated[int, typer.Option("--site", min=1, help="Number of the site.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="The processes of a site: its collectors and its mart server.", no_args_is_help=True)
    group.command("run")(run)
    group.command("stop")(stop)
    group.command("status")(status)
    app.add_typer(group, name="site")
    app.command()(doctor)


def run(
    ctx: typer.Context,
    site: _SiteOption = 1,
    metrics: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="Serve metrics on this port of 127.0.0.1.")
    ] = None,
    keep_database: Annotated[
        bool, typer.Option("--keep-database", help="Leave the site's PostgreSQL running when stopped.")
    ] = False,
) -> None:
    """Start a site's PostgreSQL, collectors and mart server, and keep them running until told to stop.

    Which collectors is asked of the configuration every few seconds. Ctrl-C or SIGTERM stops all of them gracefully.

    Example: twinmart site run --site 1 --metrics 9187
    """
    home = home_of(ctx)
    chosen = home.site(site)
    supervisor = Supervisor(
        folder=home.folder(site),
        command=own_command(home.path),
        wanted=lambda: site_programs(chosen),
        ground=site_ground(chosen),
        environment=whole_environment(),
    )
    server = None
    try:
        with _told_to_stop() as told:
            if metrics is not None:
                server = _serve(SiteMetrics(chosen.dsn, home.folder(site)), metrics)
            supervisor.run(told, ready=lambda: _say_ready(chosen))
            notify(notify_socket(), "STOPPING=1")
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
    if chosen.server is not None and not keep_database:
        chosen.server.stop()


def stop(ctx: typer.Context, site: _SiteOption = 1) -> None:
    """Ask the supervisor of a site to stop what it runs, and wait until it has.

    Example: twinmart site stop --site 1
    """
    home = home_of(ctx)
    home.site(site)
    folder = home.folder(site)
    pid = running_pid(folder)
    if pid is None:
        answer(f"no supervisor runs at site {site}")
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_S
    while running_pid(folder) == pid:
        if time.monotonic() > deadline_s:
            raise errors.StopNotConfirmed(
                f"the supervisor of site {site} has not stopped within {STOP_S:.0f} s; it may still do so",
                detail=f"its process id is {pid}",
                hint=f"Look with: twinmart site status --site {site}.",
            )
        time.sleep(0.05)
    answer(f"the supervisor of site {site} has stopped")


def status(ctx: typer.Context, site: _SiteOption = 1, as_json: _AsJson = False) -> None:
    """Say what the supervisor of a site looks after.

    Example: twinmart site status --site 1
    """
    home = home_of(ctx)
    home.site(site)
    pid = running_pid(home.folder(site))
    programs = read_state(home.folder(site)).get("programs", []) if pid else []
    if as_json:
        answer_json(site=site, pid=pid, programs=programs)
        return
    if pid is None:
        answer(f"no supervisor runs at site {site}")
        answer(f"next   twinmart site run --site {site}")
        return
    answer(f"site {site}  supervisor runs, process {pid}")
    now = datetime.now(UTC)
    rows = [
        (one["name"], one["state"], one["pid"] or "—", _since(one["since"], now), one["starts"], one["last_end"] or "—")
        for one in programs
    ]
    answer(table(("process", "is", "pid", "since", "starts", "ended last"), rows))


def doctor(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("-v", "--all", help="Also what is right.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Examine the installation: servers, rights, disk, clocks, sources; say how to mend what is not right.

    Changes nothing. Exit code 3 if something is wrong, 0 if there are warnings at most.

    Example: twinmart doctor
    """
    found = examine(home_of(ctx))
    wrong = [one for one in found if one.verdict == "wrong"]
    if as_json:
        answer_json(verdict="wrong" if wrong else "right", findings=[one.to_json() for one in found])
    else:
        _answer_findings(found, everything=everything)
    if wrong:
        raise typer.Exit(errors.NotReady.exit_code)


def _answer_findings(found: list[Finding], *, everything: bool) -> None:
    counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in SIGNS}
    word = "WRONG" if counts["wrong"] else "RIGHT"
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    answer(f"{word}  {len(found)} things looked at: {told}")
    for one in found:
        if everything or one.verdict != "right":
            answer(f"  {SIGNS[one.verdict]} {one.verdict:<8}{one.where}: {one.message}")
            if one.mend:
                answer(f"             {one.mend}")


def _serve(metrics: SiteMetrics, port: int) -> WSGIServer:
    try:
        return serve_metrics(metrics, port)
    except OSError as error:
        raise errors.WrongSetting(
            f"port {port} cannot be used for metrics",
            detail=str(error),
            hint="Nothing was started. Choose another with --metrics PORT.",
        ) from None


def _say_ready(site: Site) -> None:
    number = site.number
    notify(notify_socket(), "READY=1", f"STATUS=site {number} is supervised")
    tell(f"site {number} is supervised; stop with Ctrl-C or: twinmart site stop --site {number}")
    with suppress(errors.MartError), session(site.dsn(), application_name="twinmart site") as mart:
        if server_standing(mart, number)["run_scheduler"] is False:
            tell(f"run-scheduler is off: nothing is loaded by itself until: {SWITCH_ON}")


def _since(moment: str | None, now: datetime) -> str:
    if moment is None:
        return "—"
    at = datetime.fromisoformat(moment)
    return f"{at:%-d %b %H:%M:%S} UTC ({span((now - at).total_seconds())} ago)"


@contextmanager
def _told_to_stop() -> Iterator[Signal]:
    """Give a signal that Ctrl-C and SIGTERM set."""
    stop = Signal()
    earlier = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
