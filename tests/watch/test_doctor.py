"""The doctor: nothing is wrong with a good installation, and each fault planted in it is found and named."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support import Mart
from twinmart.cli.main import exit_code
from twinmart.db.sqlfiles import sql_text
from twinmart.settings import Settings
from twinmart.site.home import Home
from twinmart.site.ports import free_port
from twinmart.watch.doctor import Finding, examine
from twinmart.watch.server_rules import RULES, judge, server_facts


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def source(home: Home, port: int, secret: Path, *words: str) -> None:
    command = ["--home", str(home.path), "source", "add", "pbx", "--host", "127.0.0.1", "--port", str(port)]
    assert exit_code([*command, "--username", "me", "--secret", f"file:{secret}", *words]) == 0


@pytest.fixture
def secret(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    for site in home.sites:
        monkeypatch.setenv(f"TWINMART_SITE_{site.number}_DSN", site.dsn())
    path = tmp_path / "secret"
    path.write_text("word\n")
    path.chmod(0o600)
    return path


def faults(found: list[Finding], *, about: str) -> list[Finding]:
    return [one for one in found if one.verdict in ("wrong", "warning") and about in f"{one.where} {one.message}"]


def test_a_good_installation_has_nothing_wrong(home: Home, secret: Path) -> None:
    with listening() as port:
        source(home, port, secret)
        found = examine(home)
    # The servers of the tests may forget what they committed, on purpose.
    assert [one for one in found if one.verdict == "wrong" and "fsync" not in one.message] == []
    assert any(one.verdict == "right" and one.where == "site 1, source pbx" for one in found)


def test_a_source_that_does_not_answer(home: Home, secret: Path) -> None:
    source(home, free_port([]), secret)
    found = faults(examine(home), about="no answer at 127.0.0.1")
    assert "site 1, source pbx" in {one.where for one in found}
    assert all(one.verdict == "wrong" and one.mend for one in found)


def test_a_password_that_cannot_be_found_or_is_open_to_all(home: Home, secret: Path) -> None:
    with listening() as port:
        source(home, port, secret)
        secret.chmod(0o644)
        assert {one.mend for one in faults(examine(home), about="can be read by others")} == {
            f"Run: chmod 600 {secret}"
        }
        secret.unlink()
        assert faults(examine(home), about="leads nowhere")


def test_a_source_with_one_collector(home: Home, secret: Path) -> None:
    with listening() as port:
        source(home, port, secret)
        other = Home(Settings(home=home.path, site_dsns={1: SecretStr(home.site(1).dsn())}))
        assert faults(examine(other), about="alone") == []
        assert exit_code(["--home", str(home.path), "backfill", "asterisk-ami", "/dev/null", "--source", "one"]) == 0
        (alone, *_) = faults(examine(home), about="alone")
    assert (alone.verdict, alone.where) == ("warning", "site 1, source one")


def test_a_site_that_does_not_answer(home: Home) -> None:
    away = SecretStr(f"host=127.0.0.1 port={free_port([])} dbname=twinmart user=twinmart connect_timeout=2")
    half = Home(Settings(home=home.path, site_dsns={1: SecretStr(home.site(1).dsn()), 2: away}))
    (wrong,) = [one for one in examine(half) if one.verdict == "wrong" and one.where == "site 2"]
    assert wrong.mend


def test_a_mart_that_is_behind(home: Home, mart: Mart) -> None:
    with mart.connect() as connection:
        connection.execute("DELETE FROM ops.schema_version WHERE version > 1")
    found = faults(examine(home), about="at version 1")
    assert [(one.verdict, one.where) for one in found] == [("wrong", "site 1")]


def test_each_rule_about_the_server_can_be_broken(mart: Mart) -> None:
    with mart.connect() as connection:
        facts = server_facts(connection)
    bad = {
        "wal_level": "replica",
        "commit_timestamps": False,
        "slots": 2,
        "slot_keep_mb": -1,
        "locks": 64,
        "fsync": False,
        "checksums": False,
        "autovacuum": False,
        "may_create": False,
        "has_reader": False,
    }
    broken = type(facts)(**{**{name: getattr(facts, name) for name in facts.__slots__}, **bad})
    assert [verdict for verdict, _, mend in judge(broken) if mend] == [rule.verdict for rule in RULES]


def test_the_answer_in_json_has_every_finding(home: Home, secret: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source(home, free_port([]), secret)
    capsys.readouterr()
    assert exit_code(["--home", str(home.path), "doctor", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["v"], told["verdict"]) == (1, "wrong")
    assert {"verdict", "where", "message", "mend"} == set(told["findings"][0])
    assert exit_code(["--home", str(home.path), "doctor"]) == 3
    assert "no answer at 127.0.0.1" in capsys.readouterr().out


def test_the_examination_changes_nothing(home: Home, mart: Mart) -> None:
    with mart.connect() as connection:
        schemas = {"schemas": ["cfg", "ctl", "mart", "gidb", "ops"]}
        before = connection.execute(sql_text("db/schema_columns"), schemas).fetchall()
        examine(home)
        assert connection.execute(sql_text("db/schema_columns"), schemas).fetchall() == before
