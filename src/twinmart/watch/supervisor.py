"""The supervisor of a site: starts its processes, watches them, starts them again, and stops them.

It knows nothing of what the processes do. Which there shall be is asked again and again, so what the configuration adds
is started and what it disables is stopped. A supervisor that was killed leaves its processes running, and the next one
takes them over: nobody stops collecting because we died.
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from typing import IO, Any, Literal

import structlog

from twinmart.collect.pauses import Pauses
from twinmart.errors import LockHeld, MartError
from twinmart.watch.process import Process, trim_log

log = structlog.get_logger(__name__)

State = Literal["running", "waiting", "stopped"]


@dataclass(frozen=True, slots=True)
class Program:
    """A command of ``twinmart`` that shall run, under a name that no other has."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look and how long to wait, in seconds; tests are less patient than a site."""

    look_s: float = 0.5
    ask_every_s: float = 5.0
    retry_first_s: float = 0.5
    retry_longest_s: float = 30.0
    # A process that ran for so long was well, so the next start is tried at once again.
    well_after_s: float = 60.0
    # How long a process may take to stop before it is killed.
    stop_s: float = 20.0


@dataclass(slots=True)
class Charge:
    """One program in our care: the process that runs it, or when it is started again."""

    program: Program
    pauses: Pauses
    process: Process | None = None
    since: datetime | None = None
    began_s: float = 0.0
    again_s: float = 0.0
    starts: int = 0
    last_end: str | None = None

    @property
    def state(self) -> State:
        """What it is like now."""
        if self.process is not None:
            return "running"
        return "waiting" if self.again_s else "stopped"

    def to_json(self) -> dict[str, object]:
        """Return what the state file says of it."""
        return {
            "name": self.program.name,
            "words": list(self.program.words),
            "state": self.state,
            "pid": self.process and self.process.pid,
            "began": self.process and self.process.began,
            "since": self.since and self.since.isoformat(),
            "starts": self.starts,
            "last_end": self.last_end,
        }


@dataclass(slots=True)
class Supervisor:
    """Keeps the programs that ``wanted`` names running until told to stop.

    ``ground`` is called before anything is started, and every few seconds: it makes sure that what all of them stand
    on, the site's PostgreSQL, is there. What it or ``wanted`` raises is logged, and tried again.
    """

    folder: Path
    command: Sequence[str]
    wanted: Callable[[], Sequence[Program]]
    ground: Callable[[], object]
    environment: Mapping[str, str]
    patience: Patience = field(default_factory=Patience)
    _charges: dict[str, Charge] = field(default_factory=dict)
    _told: str = ""
    _trouble: str | None = None

    def run(self, stop: Signal, *, ready: Callable[[], None] = lambda: None) -> None:
        """Supervise until ``stop`` is set, then stop the programs, the last started first.

        ``ready`` is called when everything has been started for the first time.

        Raises:
            LockHeld: another supervisor works in this folder.
        """
        with _locked(self.folder):
            self._take_over()
            next_ask_s = 0.0
            is_first = True
            while not stop.is_set():
                if time.monotonic() >= next_ask_s:
                    next_ask_s = time.monotonic() + self.patience.ask_every_s
                    self._ask()
                self._look()
                self._write()
                if is_first:
                    ready()
                    is_first = False
                stop.wait(self.patience.look_s)
            self._stop([*self._charges.values()])
            self._write()

    def _ask(self) -> None:
        """Learn what shall run; while nobody can tell, everything stays as it is."""
        try:
            self.ground()
            wanted = {program.name: program for program in self.wanted()}
        except MartError as error:
            if self._trouble != error.code:
                log.warning("site.waiting", **error.to_json())
            self._trouble = error.code
            return
        if self._trouble:
            log.info("site.answers")
        self._trouble = None
        gone = [one for one in self._charges.values() if wanted.get(one.program.name) != one.program]
        self._stop(gone)
        for one in gone:
            del self._charges[one.program.name]
        for name, program in wanted.items():
            if name not in self._charges:
                self._charges[name] = self._charge(program)
        for name in self._charges:
            trim_log(self._log(name))

    def _charge(self, program: Program) -> Charge:
        return Charge(program, Pauses(self.patience.retry_first_s, self.patience.retry_longest_s))

    def _look(self) -> None:
        """Note who has ended, and start who is due."""
        now_s = time.monotonic()
        for one in self._charges.values():
            if one.process is not None and not one.process.is_running():
                self._note_end(one, now_s)
            if one.process is None and now_s >= one.again_s:
                self._start(one, now_s)

    def _start(self, one: Charge, now_s: float) -> None:
        name = one.program.name
        try:
            one.process = Process.start([*self.command, *one.program.words], self._log(name), self.environment)
        except OSError as error:
            one.last_end = f"could not be started: {error}"
            one.again_s = now_s + one.pauses.next()
            log.error("process.not_started", process=name, reason=str(error))
            return
        one.since, one.began_s, one.starts = datetime.now(UTC), now_s, one.starts + 1
        log.info("process.started", process=name, pid=one.process.pid)

    def _note_end(self, one: Charge, now_s: float) -> None:
        process, one.process = one.process, None
        if now_s - one.began_s >= self.patience.well_after_s:
            one.pauses.reset()
        pause_s = one.pauses.next()
        one.again_s, one.since = now_s + pause_s, datetime.now(UTC)
        one.last_end = _words_of_end(process.exit_code if process else None)
        log.warning("process.ended", process=one.program.name, how=one.last_end, again_in_s=round(pause_s, 1))

    def _stop(self, charges: Sequence[Charge]) -> None:
        """Ask each to stop, the last started first, and kill those that do not."""
        deadline_s = time.monotonic() + self.patience.stop_s
        running = [one for one in reversed(charges) if one.process is not None]
        for one in running:
            assert one.process is not None  # noqa: S101  chosen above
            one.process.signal(signal.SIGTERM)
        for one in running:
            assert one.process is not None  # noqa: S101  chosen above
            while one.process.is_running() and time.monotonic() < deadline_s:
                time.sleep(0.02)
            if one.process.is_running():
                one.process.signal(signal.SIGKILL)
                log.error("process.killed", process=one.program.name, after_s=self.patience.stop_s)
                while one.process.is_running():
                    time.sleep(0.02)
            log.info("process.stopped", process=one.program.name)
            one.process, one.again_s, one.since, one.last_end = None, 0.0, datetime.now(UTC), "stopped by us"

    def _take_over(self) -> None:
        """Take into our care what a supervisor before us left running."""
        for row in read_state(self.folder).get("programs", []):
            process = Process.found(row["pid"], row["began"]) if row["pid"] else None
            if process is None:
                continue
            one = self._charge(Program(row["name"], tuple(row["words"])))
            one.process, one.began_s, one.starts = process, time.monotonic(), row["starts"]
            one.since = datetime.fromisoformat(row["since"]) if row["since"] else None
            self._charges[one.program.name] = one
            log.info("process.taken_over", process=one.program.name, pid=process.pid)

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _write(self) -> None:
        """Replace the state file when something has changed; a disk without room leaves the old one."""
        state = {"v": 1, "pid": os.getpid(), "programs": [one.to_json() for one in self._charges.values()]}
        text = json.dumps(state, indent=1)
        if text == self._told:
            return
        new = state_file(self.folder).with_suffix(".new")
        try:
            new.touch(mode=0o600)
            new.write_text(text + "\n", encoding="utf-8")
            new.replace(state_file(self.folder))
            self._told = text
        except OSError as error:
            log.error("state.not_written", reason=str(error))


def state_file(folder: Path) -> Path:
    """Return the file in which a supervisor says what it looks after."""
    return folder / "supervisor.json"


def read_state(folder: Path) -> dict[str, Any]:
    """Return what the last supervisor of the folder said; nothing where there was none."""
    try:
        state: dict[str, Any] = json.loads(state_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def running_pid(folder: Path) -> int | None:
    """Return the process id of the supervisor that works in the folder now, or None."""
    try:
        with (folder / "supervisor.lock").open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except OSError:
        pass
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder; a supervisor that dies lets go of it.

    Raises:
        LockHeld: another process holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "supervisor.lock"
    path.touch(mode=0o600)
    with path.open("r+", encoding="utf-8") as file:
        _take(file, folder)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _take(file: IO[str], folder: Path) -> None:
    # Somebody who only looks whether there is a supervisor holds the lock for a moment.
    for pause_s in (0.05, 0.1, 0.2):
        with suppress(BlockingIOError):
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(pause_s)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockHeld(
            f'another supervisor works in "{folder}"',
            detail=f"its process id is {file.read() or 'not told yet'}",
            hint="Nothing was changed. Look with: twinmart site status.",
        ) from None


def _words_of_end(code: int | None) -> str:
    if code is None:
        return "ended"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"ended with exit code {code}"


def own_command(home: Path) -> list[str]:
    """Return the beginning of a command line that runs this program on a home."""
    return [sys.executable, "-m", "twinmart", "--home", str(home)]
