"""The commands that play a telephony server: sim replay."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from twinmart.cli.context import tell
from twinmart.errors import UsageError
from twinmart.sim.replay import Replay, Script


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    sim = typer.Typer(help="Play a telephony server, to try things out.", no_args_is_help=True)
    sim.command()(replay)
    app.add_typer(sim, name="sim")


def replay(
    recording: Annotated[Path, typer.Argument(metavar="FILE", help="Recorded AMI stream, packed with gzip or not.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on at 127.0.0.1; 0 takes a free one.")
    ] = 0,
    speed: Annotated[
        str, typer.Option(metavar="X|max", help="How many times as fast as it was recorded; max: without pauses.")
    ] = "1",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move all times so that the recording begins now.")
    ] = False,
    kill_after: Annotated[
        float | None,
        typer.Option(metavar="S", min=0, help="Die so many recorded seconds after the start, as if killed."),
    ] = None,
    clients: Annotated[int, typer.Option(min=1, help="Begin when so many clients have logged in.")] = 1,
    close: Annotated[bool, typer.Option("--close", help="Close the connections and stop at the end.")] = False,
    username: Annotated[str, typer.Option(help="The user that may log in.")] = "collector",
    secret: Annotated[
        str, typer.Option(help="Password of that user; it protects nothing but a recording.")
    ] = "collector",  # noqa: S107
) -> None:
    """Play a recorded AMI stream to any number of clients, as the server that it was recorded from.

    Clients share one clock: it starts when the first has logged in, and who comes later has missed what was before.

    Example: twinmart sim replay ami.raw.gz --port 5038 --speed 10 --shift-to-now
    """
    script = Script(
        recording=recording,
        speed=_speed(speed),
        shift_to_now=shift_to_now,
        kill_after_s=kill_after,
        clients=clients,
        close_at_end=close,
        username=username,
        secret=secret,
    )
    died = asyncio.run(_run(script, port))
    if died:
        # The connections were reset already; nothing is tidied up, since a killed switch does not do so either.
        os.kill(os.getpid(), signal.SIGKILL)


async def _run(script: Script, port: int) -> bool:
    player = Replay(script, port)
    running = asyncio.ensure_future(player.run(_say_port))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        tell("stopped")
        return False
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be listened on",
            detail=error.strerror or str(error),
            hint="Choose another with --port.",
        ) from error


def _say_port(port: int) -> None:
    print(f"listening on 127.0.0.1:{port}", flush=True)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f'"{text}" is no speed', detail="a speed is a number above zero, or max")
    return speed
