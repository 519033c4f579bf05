"""The command tree, its global options, and what a command's end means to the shell.

Exit codes: 0 done, 1 a mistake of ours, 2 usage, 3 a check says no, 4 refused by a guard, 5 a step failed and can be
resumed, 6 the outcome is not known, 7 data broke a rule, 130 stopped by Ctrl-C, 141 the reader of the answer went away.

A module that brings commands has a function ``register(app)`` and a line in ``_MODULES``, with the first words of its
commands.
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from twinmart import __version__
from twinmart.cli.logs import start_logging
from twinmart.errors import MartError, UsageError, without_secrets
from twinmart.settings import Settings

_EPILOG = "Exit codes, errors and settings are explained in docs/reference."

# Modules of the command line, in the order in which help lists them, and the first words of the commands they bring.
# A command is as quick to start as what it needs is to import: of the others, nothing is.
_MODULES = {
    "demo": ("demo",),
    "sites": ("init", "up", "down", "status", "dsn"),
    "supervise": ("site", "doctor"),
    "config": ("config",),
    "collect": ("collect", "backfill", "source"),
    "etl": ("etl", "visits"),
    "jobs": ("mart", "jobs"),
    "upkeep": ("db", "export", "calendars"),
    "userdata": ("userdata",),
    "aggregate": ("aggregate",),
    "report": ("report",),
    "reader": ("reader",),
    "trace": ("trace",),
    "replication": ("replication",),
    "verify": ("verify",),
    "recover": ("failover", "switchover", "return", "drill", "plan", "check", "runs"),
    "salvage": ("salvage",),
    "witness": ("witness",),
    "sim": ("sim",),
}


def _version(wanted: bool) -> None:
    if wanted:
        print(f"twinmart {__version__}")
        raise typer.Exit


def _options(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the sites; else TWINMART_HOME, else the usual place.")
    ] = None,
    _version_wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """A reporting mart for contact centres that lives at two sites and survives the loss of one."""
    ctx.obj = Settings.load(home=home)
    start_logging(ctx.obj.log_level)
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def make_app(modules: Iterable[str] = tuple(_MODULES)) -> typer.Typer:
    """Return the command tree that these modules bring; the whole one unless told otherwise."""
    app = typer.Typer(
        name="twinmart",
        epilog=_EPILOG,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_options)
    for module in modules:
        import_module(f"twinmart.cli.{module}").register(app)
    return app


def modules_for(argv: Sequence[str]) -> Iterable[str]:
    """Return the modules that a command line needs: the one whose command it names, or all if it names none.

    >>> list(modules_for(["--home", "/srv/twinmart", "failover", "--yes", "2"]))
    ['recover']
    """
    words = iter(argv)
    for word in words:
        if word == "--home":
            next(words, None)
        elif not word.startswith("-"):
            return [module for module, brings in _MODULES.items() if word in brings] or _MODULES
    return _MODULES


def run(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command of these arguments, or of the process's, and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign shows a question mark, rather than a traceback of ours.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.exit(exit_code(sys.argv[1:] if argv is None else argv))


def exit_code(argv: Sequence[str]) -> int:
    """Run the command of these arguments, show its error if it has one, and return its exit code."""
    try:
        code = make_app(modules_for(argv))(list(argv), prog_name="twinmart", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as error:
        # The library of commands ends so where it meets a pipe that nobody reads.
        if isinstance(error.__context__, BrokenPipeError):
            return _nobody_reads()
        raise
    except MartError as error:
        return _show(error, argv)
    except typer.TyperException as error:
        return _show(_usage_error(error), argv)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:  # noqa: BLE001 - the last line of defence: a mistake of ours ends in one line, not fifty
        return _show_mistake(error)
    return code if isinstance(code, int) else 0


def _nobody_reads() -> int:
    """End without a word, since whoever read our answer has seen enough, as head has; what is left goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 128 + signal.SIGPIPE


def _show(error: MartError, argv: Sequence[str]) -> int:
    text = json.dumps({"v": 1, "error": error.to_json()}) if "--json" in argv else error.render()
    print(text, file=sys.stderr)
    return error.exit_code


def _usage_error(error: typer.TyperException) -> UsageError:
    message = error.format_message().strip().rstrip(".").replace("'", '"')
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "twinmart"
    return UsageError(message[:1].lower() + message[1:], hint=f"See: {command} --help.")


def _show_mistake(error: Exception) -> int:
    """Keep the traceback in a file, and tell the person where; the screen is for what one can do something about."""
    told = without_secrets("".join(traceback.format_exception(error)))
    name = f"twinmart-{datetime.now(UTC):%Y%m%dT%H%M%S}-"
    with tempfile.NamedTemporaryFile("w", prefix=name, suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(f"twinmart {__version__}, Python {sys.version}\n{told}")
    kind, where = type(error).__name__, file.name
    print(f"error: a mistake in Twinmart itself: {without_secrets(str(error)) or kind}", file=sys.stderr)
    print(f"  detail {kind}; all of it is in {where}", file=sys.stderr)
    return 1
