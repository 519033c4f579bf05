"""Settings: the environment is read in one place, and a value that will not do is named without being shown."""

import ast
import os
from pathlib import Path

import pytest

import twinmart
from twinmart.errors import WrongSetting
from twinmart.settings import Settings, default_home


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TWINMART_")]:
        monkeypatch.delenv(name)


def test_without_an_environment_the_defaults_hold() -> None:
    settings = Settings.load()
    assert settings.home == default_home()
    assert settings.site_dsns == {}
    assert settings.log_level == "info"


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWINMART_HOME", str(tmp_path / "environment"))
    assert Settings.load().home == tmp_path / "environment"
    assert Settings.load(home=tmp_path / "option").home == tmp_path / "option"


def test_a_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Settings.load(home=Path("sites")).home == tmp_path / "sites"
    assert Settings.load(home=Path("~/sites")).home == tmp_path / "me" / "sites"


def test_each_site_may_have_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINMART_SITE_2_DSN", "host=db password=hunter2")
    monkeypatch.setenv("TWINMART_SITE_3_DSN", "")
    settings = Settings.load()
    assert list(settings.site_dsns) == [2]
    assert settings.site_dsns[2].get_secret_value() == "host=db password=hunter2"
    assert "hunter2" not in repr(settings)


def test_a_value_that_will_not_do_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINMART_LOG_LEVEL", "loud")
    with pytest.raises(WrongSetting, match='"TWINMART_LOG_LEVEL"') as caught:
        Settings.load()
    assert "'debug', 'info', 'warning' or 'error'" in (caught.value.detail or "")


def test_nobody_else_reads_the_environment() -> None:
    package = Path(twinmart.__file__).parent
    readers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }
    assert readers == {"settings.py"}
