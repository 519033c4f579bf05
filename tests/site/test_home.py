"""The folder of sites: made in any number of tries, never half, never by two at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from tests.support import FAST_BUT_FRAGILE, MartServer
from twinmart import errors
from twinmart.db.connect import connect
from twinmart.settings import Settings
from twinmart.site.home import Home
from twinmart.site.mart import READER
from twinmart.site.status import look

ONE_SITE = 1


@pytest.fixture
def home(scratch: Path) -> Iterator[Home]:
    """A folder with nothing in it yet."""
    home = make_home(scratch / "home")
    yield home
    for site in home.sites:
        if site.server is not None:
            site.server.stop("immediate")


def make_home(path: Path, **settings: object) -> Home:
    return Home(Settings(home=path, **settings), server_settings=FAST_BUT_FRAGILE)  # type: ignore[arg-type]


def test_before_init_there_is_nothing(home: Home) -> None:
    assert home.sites == []
    with pytest.raises(errors.NotInitialised):
        home.up()
    assert not home.path.exists()


def test_init_makes_what_is_missing_and_a_second_time_nothing(home: Home) -> None:
    told: list[str] = []
    (site,) = home.init(ONE_SITE, tell=lambda _, message: told.append(message))
    assert look(site).state == "ready"
    assert told[0].startswith("PostgreSQL 18")
    told.clear()
    assert home.init(tell=lambda _, message: told.append(message)) == [site]
    assert told == ["PostgreSQL runs already", "0 migrations applied, 0 partitions made"]


def test_a_site_can_be_added_and_none_is_taken_away(home: Home) -> None:
    home.init(ONE_SITE)
    home.down()
    with (home.path / "sites.toml").open("a") as file:
        file.write("# a note of mine\n")
    first, second = home.init(2)
    assert first.server is not None
    assert second.server is not None
    assert first.server.port != second.server.port
    assert "# a note of mine" in (home.path / "sites.toml").read_text()
    with pytest.raises(errors.UsageError, match="has 2 sites"):
        home.init(ONE_SITE)


def test_down_and_up_again_keep_the_mart(home: Home) -> None:
    (site,) = home.init(ONE_SITE)
    home.down()
    assert look(site).state == "down"
    home.down()
    home.up()
    home.up()
    assert look(site).state == "ready"


@pytest.mark.slow  # makes a site up to four times
def test_an_init_that_is_killed_at_any_moment_goes_on_when_run_again(scratch: Path) -> None:
    path = scratch / "home"
    for moment in (0.4, 0.8, 1.2):
        process = subprocess.Popen(
            [sys.executable, "-m", "twinmart", "--home", str(path), "init", "--sites", "1"], stdout=subprocess.DEVNULL
        )
        time.sleep(moment)
        process.kill()
        process.wait()
    home = make_home(path)
    (site,) = home.init(ONE_SITE)
    assert look(site).state == "ready"
    home.down()


def test_two_do_not_make_sites_at_once(home: Home) -> None:
    home.init(ONE_SITE)
    with home._locked(), pytest.raises(errors.LockHeld):
        make_home(home.path).down()


def test_a_mart_takes_its_owner_and_its_reader_and_each_has_its_limits(home: Home) -> None:
    (site,) = home.init(ONE_SITE)
    assert site.server is not None
    reader = site.server.tcp_dsn(database="twinmart", user=READER)
    with connect(reader, application_name="test", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM mart.interaction_fact").fetchone() == (0,)
        for forbidden in ("SELECT * FROM gidb.event", "SELECT * FROM cfg.source"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM mart.interaction_fact")
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM mart.interaction_fact")
    with connect(site.dsn(), application_name="test", autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE intruder")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")


def test_a_site_without_an_answer_is_a_state(home: Home) -> None:
    (site,) = home.init(ONE_SITE)
    assert site.server is not None
    site.server.stop()
    assert look(site).state == "down"
    own = make_home(home.path, site_dsns={1: SecretStr("host=127.0.0.1 port=1 dbname=mart")}).sites[0]
    found = look(own)
    assert (found.state, found.kind) == ("no answer", "own")
    assert isinstance(found.reason, errors.NoConnection)


@pytest.mark.parametrize(
    "text",
    ["[sites.1", "[sites.one]\nport = 5", "sites = 3", "[sites.1]\nport = 'x'", "[sites.1]\nport = 99999", "[sites.1]"],
)
def test_a_list_of_sites_that_cannot_be_read_is_a_wrong_setting(scratch: Path, text: str) -> None:
    (scratch / "sites.toml").write_text(text)
    with pytest.raises(errors.WrongSetting, match=r"sites\.toml"):
        _ = make_home(scratch).sites


def test_an_unknown_site_is_named_with_those_there_are(scratch: Path) -> None:
    (scratch / "sites.toml").write_text('[sites.1]\ndsn = "host=a"\n[sites.3]\ndsn = "host=b"\n')
    with pytest.raises(errors.UnknownSite) as caught:
        make_home(scratch).site(2)
    assert caught.value.detail == f'"{scratch}" has: 1, 3'


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone has folders that PostgreSQL's account cannot enter")
def test_a_folder_that_postgresql_cannot_reach_is_refused_before_anything_is_made(scratch: Path) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(errors.UnusableHome) as caught:
        make_home(closed / "home").init(ONE_SITE)
    assert f'it cannot enter "{closed}"' in (caught.value.detail or "")
    assert "/var/lib/twinmart" in (caught.value.hint or "")
    assert not (closed / "home" / "sites.toml").exists()


def test_a_folder_that_cannot_be_made_is_refused(scratch: Path) -> None:
    (scratch / "file").touch()
    with pytest.raises(errors.UnusableHome, match="cannot be made"):
        make_home(scratch / "file" / "home").init(ONE_SITE)


@pytest.fixture
def own_dsn(server: MartServer) -> Iterator[str]:
    """An empty database on a server that somebody else runs, and its owner's connection string."""
    statements = ("CREATE ROLE tenant LOGIN", "CREATE DATABASE theirs OWNER tenant")
    with connect(server.server.dsn(), application_name="test", autocommit=True) as admin:
        for statement in statements:
            admin.execute(sql.SQL(statement))
        yield server.server.dsn(database="theirs", user="tenant")
        admin.execute("DROP DATABASE theirs WITH (FORCE)")
        admin.execute("DROP ROLE tenant")


def test_a_server_of_the_users_own_is_prepared_and_never_started_or_stopped(scratch: Path, own_dsn: str) -> None:
    told: list[str] = []
    home = make_home(scratch, site_dsns={1: SecretStr(own_dsn)})
    for _ in range(2):
        (site,) = home.init(ONE_SITE)
        assert look(site).state == "ready"
    home.up(tell=lambda _, message: told.append(message))
    home.down(tell=lambda _, message: told.append(message))
    assert told == ["on a server of your own, not ours to start", "on a server of your own, not ours to stop"]
    assert look(site).state == "ready"
    assert site.dsn() == own_dsn
    assert not (scratch / "site1").exists()


def test_a_server_of_the_users_own_may_stand_in_the_list(scratch: Path, own_dsn: str) -> None:
    (scratch / "sites.toml").write_text(f'[sites.1]\ndsn = "{own_dsn}"\n')
    (site,) = make_home(scratch).init(ONE_SITE)
    assert look(site).state == "ready"


def test_an_empty_database_of_the_users_own_is_not_ready_and_the_hint_says_what_to_do(
    scratch: Path, own_dsn: str
) -> None:
    found = look(make_home(scratch, site_dsns={1: SecretStr(own_dsn)}).sites[0])
    assert found.state == "not ready"
    assert isinstance(found.reason, errors.NotInitialised)
    assert found.reason.hint == "Make it with: twinmart init."


def test_a_missing_reader_that_we_must_not_create_is_asked_for(server: MartServer, scratch: Path, own_dsn: str) -> None:
    with connect(server.server.dsn(), application_name="test", autocommit=True) as admin:
        admin.execute("ALTER ROLE twinmart_reader RENAME TO put_away")
        try:
            with pytest.raises(errors.MissingRole, match="twinmart_reader") as caught:
                make_home(scratch, site_dsns={1: SecretStr(own_dsn)}).init(ONE_SITE)
            assert "CREATE ROLE twinmart_reader LOGIN" in (caught.value.hint or "")
        finally:
            admin.execute("ALTER ROLE put_away RENAME TO twinmart_reader")


def test_nothing_is_left_of_a_test_that_was_killed() -> None:
    program = (
        "import sys, time\n"
        "from tests.support import running_server, scratch_folder\n"
        "with scratch_folder() as folder, running_server(folder / '1') as made:\n"
        "    print(folder, made.server.pid(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder, pid = process.stdout.readline().split()
        assert Path(folder).is_dir()
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while Path(folder).exists() or Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_up_says_that_it_waits_while_somebody_holds_the_server(home: Home) -> None:
    home.init(ONE_SITE)
    server = home.site(1).server
    assert server is not None
    server.stop("immediate")
    told: list[str] = []
    going = Thread(target=home.up, kwargs={"tell": lambda _, message: told.append(message)})
    with server.hold():
        reason = look(home.site(1)).reason
        assert reason is not None
        assert "copy of files" in reason.message
        going.start()
        deadline = time.monotonic() + 60
        while not told:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert told == ["waits: another process starts it, or puts a copy of files in its place"]
    going.join(60)
    assert told[1] == "started"
    assert not server.is_held()
