"""One process of ours, known again by its id and the moment at which it began, also by a later supervisor."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# A log is put aside at this size; one older part is kept.
LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Process:
    """A running process: a child of ours, or one that an earlier supervisor left running."""

    pid: int
    began: str
    child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Self:
        """Start a command that writes to the end of a log. It does not hear the Ctrl-C of our terminal."""
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env=environment,
                process_group=0,
            )
        finally:
            os.close(descriptor)
        return cls(child.pid, began(child.pid) or "", child)

    @classmethod
    def found(cls, pid: int, moment: str) -> Self | None:
        """Return the process that had this id and began at this moment, if it still runs."""
        return cls(pid, moment) if moment and began(pid) == moment else None

    def is_running(self) -> bool:
        """Whether it still runs."""
        if self.child is not None:
            return self.child.poll() is None
        return began(self.pid) == self.began

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs, or where another process was its parent."""
        return None if self.child is None else self.child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def began(pid: int) -> str | None:
    """Return when a process began, as its system writes it, or None if it is gone; one that waits to be reaped is."""
    try:
        # The name of the program, in parentheses, may hold anything; state is the first field behind it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self").exists():
            return None
    else:
        return None if fields[0] in "ZX" else fields[19]
    told = subprocess.run(["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: PLW1510
    state, _, moment = told.strip().partition(" ")
    return None if not moment or state.startswith("Z") else moment.strip()


def trim_log(log: Path, largest_bytes: int = LARGEST_LOG_BYTES) -> bool:
    """Put a long log aside while its process goes on writing to it, and say whether that was done.

    What is written between the copy and the cut, some microseconds, is lost to the log.
    """
    with suppress(OSError):
        if log.stat().st_size > largest_bytes:
            aside = log.with_suffix(".log.1")
            aside.write_bytes(log.read_bytes())
            aside.chmod(0o600)
            os.truncate(log, 0)
            return True
    return False
