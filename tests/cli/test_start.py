"""A command starts as quickly as what it needs is imported: of what others need, nothing is."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from twinmart.cli.main import _MODULES, modules_for


@pytest.mark.parametrize("module", _MODULES)
def test_a_module_brings_the_commands_for_which_it_is_loaded(module: str) -> None:
    app = typer.Typer()
    # With two commands of its own, so that no group is folded into the only command it has.
    app.command("one")(lambda: None)
    app.command("two")(lambda: None)
    import_module(f"twinmart.cli.{module}").register(app)
    brought = set(typer.main.get_command(app).commands) - {"one", "two"}  # type: ignore[attr-defined]
    assert brought == set(_MODULES[module])


def test_a_word_that_is_no_command_loads_all_of_them_so_that_the_error_can_name_them() -> None:
    assert list(modules_for(["failover-now"])) == list(_MODULES)
    assert list(modules_for(["--home"])) == list(_MODULES)
    assert list(modules_for(["--help"])) == list(_MODULES)


def test_a_failover_waits_for_no_module_that_it_does_not_need() -> None:
    asking = (
        "import sys; from twinmart.cli.main import exit_code; exit_code(['failover', '--help']);"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True).stderr.split()
    assert "twinmart.recover.run" in loaded
    for unneeded in ("twinmart.jobs.server", "twinmart.report.formats", "twinmart.sim.demo", "xlsxwriter"):
        assert unneeded not in loaded
