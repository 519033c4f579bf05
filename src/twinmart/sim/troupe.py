"""Processes of ours that do not outlive us, however we end, and a folder that goes with them.

A caretaker waits until we are gone, even by kill -9, and then ends whatever is left: the processes, the PostgreSQL
servers below the folder, and the folder itself. The processes are a group of their own, so they do not hear the Ctrl-C
of the terminal: we end them, in our order.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from twinmart.errors import StepFailed
from twinmart.settings import without_sites

# Told the process group, the folder, and whether to remove it.
_CARETAKER = """
trap '' HUP INT TERM
cat >/dev/null
if kill -TERM "-$1" 2>/dev/null; then sleep 0.5; kill -KILL "-$1" 2>/dev/null; fi
find "$2" -name postmaster.pid 2>/dev/null | while read -r file; do kill -QUIT "$(head -n 1 "$file")" 2>/dev/null; done
[ "$3" = remove ] || exit 0
for pause in 0.1 0.2 0.5 1 2; do rm -rf "$2" 2>/dev/null && break; sleep "$pause"; done
"""

PATIENCE_S = 10.0


@dataclass(eq=False, slots=True)
class Player:
    """One process: its name, and the file with what it printed."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    def wait_for_line(self, pattern: str, within_s: float) -> re.Match[str]:
        """Return what the process printed once it matches.

        Raises:
            StepFailed: it did not in time, or ended before.
        """
        deadline = time.monotonic() + within_s
        while (found := re.search(pattern, self.output.read_text(encoding="utf-8"))) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self.ended()
            time.sleep(0.02)
        return found

    def ended(self) -> StepFailed:
        """Return the error that says how the process ended, with the last lines that it printed."""
        code = self.process.poll()
        how = "does not answer" if code is None else f"ended with exit code {code}"
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return StepFailed(f'process "{self.name}" {how}', detail="\n".join(lines) or "it printed nothing")


class Troupe:
    """A number of ``twinmart`` processes that work in one folder."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self._folder = folder
        self._keep = keep
        self._players: list[Player] = []

    def __enter__(self) -> Self:
        """Start the caretaker, and the process that holds the group together until we are gone."""
        self._anchor = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, process_group=0)
        what = "keep" if self._keep else "remove"
        words = [str(self._anchor.pid), str(self._folder), what]
        self._caretaker = subprocess.Popen(
            ["/bin/sh", "-c", _CARETAKER, "twinmart-caretaker", *words],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes, then let the caretaker look after what is left, and wait for it."""
        self.stop()
        for process in (self._anchor, self._caretaker):
            if process.stdin is not None:
                process.stdin.close()
            process.wait()

    def start(self, name: str, *words: str) -> Player:
        """Start a command of ``twinmart`` on the folder."""
        logs = self._folder / "logs"
        logs.mkdir(exist_ok=True)
        output = logs / f"{name}.log"
        command = [sys.executable, "-m", "twinmart", "--home", str(self._folder), *words]
        # Nothing of the user's own sites may reach these processes.
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=without_sites(),
                process_group=self._anchor.pid,
            )
        player = Player(name, process, output)
        self._players.append(player)
        return player

    def lose(self, players: Collection[Player]) -> None:
        """Kill processes and think no more of them."""
        for player in players:
            player.process.kill()
            player.process.wait()
        self._players = [player for player in self._players if player not in players]

    def check(self) -> None:
        """Raise what is to be said of the first process that has ended, if one has.

        Raises:
            StepFailed: one has.
        """
        for player in self._players:
            if player.process.poll() is not None:
                raise player.ended()

    def stop(self, but: Collection[Player] = ()) -> None:
        """Ask the processes to stop, some of them excepted, and end those that do not."""
        stopping = [player for player in self._players if player not in but]
        for player in stopping:
            with suppress(ProcessLookupError):
                player.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        for player in stopping:
            try:
                player.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                player.process.kill()
                player.process.wait()
        self._players = [player for player in self._players if player in but]
