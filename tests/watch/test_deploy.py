"""The files in deploy/ name commands and options that exist, and systemd finds no fault with its unit."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from twinmart.cli.main import exit_code

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "twinmart-site@.service"


def understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Say whether the command exists and has the options, by its own help."""
    options = [word for word in words if word.startswith("--")]
    path = [word for word in words[words.index(next(w for w in words if w in ("init", "site"))) :] if word.isalpha()]
    assert exit_code([*path, "--help"]) == 0
    told = capsys.readouterr().out
    assert [option for option in options if option != "--home" and option not in told] == []


def test_the_unit_runs_a_command_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = re.findall(r"^ExecStart=(.+)$", UNIT.read_text(), re.MULTILINE)
    program, *words = shlex.split(line.replace("%i", "1"))
    assert program.endswith("/twinmart")
    understood(words, capsys)


def test_the_container_runs_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    found = re.findall(r"twinmart ((?:init|site) ?[^&|\]]*)", text.partition("\nCMD ")[2])
    assert len(found) == 3
    for words in found:
        plain = words.replace('\\"$TWINMART_SITE\\"', "1").replace('"', "")
        understood(shlex.split(plain), capsys)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here to ask")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "twinmart-site@1.service"
    # The program's place is not on this machine.
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert unit.name not in done.stderr, done.stderr
