"""The embedded server: made whole, started again after any death, and open to nobody else."""

import os
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import FAST_BUT_FRAGILE
from twinmart import errors
from twinmart.db.connect import connect
from twinmart.site.account import Account
from twinmart.site.ports import free_port
from twinmart.site.postgres import LONGEST_SOCKET_PATH, Server
from twinmart.site.programs import find_programs, reachable


@pytest.fixture
def fresh(scratch: Path) -> Iterator[Server]:
    """A server that was made and not started."""
    server = make(scratch / "site1")
    yield server
    server.stop("immediate")


def make(folder: Path) -> Server:
    account = Account.choose()
    programs = reachable(find_programs(), account, folder.parent)
    server = Server(folder, free_port(), account, programs, FAST_BUT_FRAGILE)
    server.create()
    return server


def value(server: Server, *statements: str) -> object:
    """Run statements and return the first value that the last one gives."""
    with connect(server.dsn(), application_name="test", autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        row = connection.execute(statements[-1]).fetchone()
    assert row is not None
    return row[0]


def test_it_is_made_once_and_started_once(fresh: Server) -> None:
    assert not fresh.create()
    assert not fresh.is_running()
    assert fresh.start()
    assert not fresh.start()
    assert fresh.is_running()
    assert fresh.stop()
    assert not fresh.stop()
    assert not fresh.is_running()


def test_it_is_set_up_for_what_follows(fresh: Server) -> None:
    fresh.start()
    expected = {
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "wal_level": "logical",
        "track_commit_timestamp": "on",
        "listen_addresses": "127.0.0.1",
        "TimeZone": "UTC",
        "jit": "off",
    }
    assert {name: value(fresh, f"SELECT current_setting('{name}')") for name in expected} == expected


def test_words_sort_and_change_case_alike_on_every_machine(fresh: Server) -> None:
    fresh.start()
    assert value(fresh, "SELECT upper('zürich')") == "ZÜRICH"
    if fresh.programs.major >= 17:
        assert value(fresh, "SELECT concat(datlocprovider, ' ', datlocale) FROM pg_database LIMIT 1") == "b C.UTF-8"


def test_settings_of_the_users_go_before_ours(fresh: Server) -> None:
    fresh.account.write(fresh.folder / "local.conf", "work_mem = '7MB'\n")
    fresh.start()
    assert value(fresh, "SELECT current_setting('work_mem')") == "7MB"


def test_what_was_committed_survives_a_kill(fresh: Server) -> None:
    fresh.start()
    value(fresh, "CREATE TABLE kept (answer integer)", "INSERT INTO kept VALUES (42) RETURNING answer")
    kill(fresh)
    assert not fresh.is_running()
    assert fresh.start()
    assert value(fresh, "SELECT answer FROM kept") == 42


def test_a_left_over_process_that_will_not_die_does_not_keep_it_from_starting(fresh: Server) -> None:
    fresh.start()
    with connect(fresh.dsn(), application_name="test") as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        kill(fresh)
        assert Path(f"/proc/{backend}").exists()
        assert fresh.start()
        connection.close()
    assert value(fresh, "SELECT 1") == 1


def test_a_lock_file_with_the_number_of_somebody_else_does_not_keep_it_from_starting(fresh: Server) -> None:
    fresh.start()
    kill(fresh)
    rights = {"user": fresh.account.uid} if fresh.account.is_other else {}
    stranger = subprocess.Popen(["sleep", "60"], **rights)  # type: ignore[call-overload]
    try:
        for path in (fresh.data / "postmaster.pid", fresh.socket_folder / f".s.PGSQL.{fresh.port}.lock"):
            lines = path.read_text().splitlines()
            path.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert not fresh.is_running()
        assert fresh.start()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_somebody_else_is_starting_is_waited_for(fresh: Server) -> None:
    fresh.start()
    fresh.stop()
    other = threading.Thread(target=fresh.account.run, args=[start_by_hand(fresh)])
    other.start()
    while not fresh.is_running():
        time.sleep(0.001)
    assert not fresh.start()
    assert value(fresh, "SELECT 1") == 1
    other.join()


def test_a_server_that_somebody_else_is_stopping_is_started_when_it_has_ended(fresh: Server) -> None:
    fresh.start()
    started: list[bool] = []
    other = threading.Thread(target=lambda: started.append(fresh.start()))
    with connect(fresh.dsn(), application_name="test"):
        pid = fresh.pid()
        assert pid is not None
        os.kill(pid, signal.SIGTERM)  # it waits for the connection to end
        while "stopping" not in fresh._lock_file()[7]:
            time.sleep(0.001)
        other.start()
        other.join(0.2)
        assert other.is_alive()
    other.join(60)
    assert started == [True]
    assert fresh.pid() != pid
    assert value(fresh, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(fresh: Server) -> None:
    fresh.account.write(fresh.folder / "local.conf", "shared_buffers = '99999GB'\n")
    with pytest.raises(errors.ServerNotStarted) as caught:
        fresh.start()
    assert "shared_buffers" in (caught.value.detail or "") or "memory" in (caught.value.detail or "")
    assert str(fresh.log) in (caught.value.hint or "")


def test_half_a_database_cluster_is_made_anew(scratch: Path) -> None:
    half = scratch / "site1" / "data.new-1"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = make(scratch / "site1")
    assert server.start()
    assert not half.exists()
    server.stop("immediate")


def test_a_long_path_puts_the_socket_elsewhere(scratch: Path) -> None:
    server = make(scratch / ("long" * 20) / "site1")
    assert server.socket_folder.parent == Path("/tmp")
    assert len(str(server.socket_folder / f".s.PGSQL.{server.port}")) <= LONGEST_SOCKET_PATH
    server.start()
    try:
        assert value(server, "SELECT 1") == 1
    finally:
        server.stop("immediate")
        server.socket_folder.rmdir()


def test_a_folder_that_somebody_else_left_for_our_socket_is_refused(scratch: Path) -> None:
    server = make(scratch / ("long" * 20) / "site1")
    server.socket_folder.mkdir()
    server.socket_folder.chmod(0o777)
    try:
        with pytest.raises(errors.UnusableHome, match="not ours alone"):
            server.start()
    finally:
        server.socket_folder.rmdir()


def test_only_its_account_can_reach_its_files_and_its_socket(fresh: Server) -> None:
    fresh.start()
    for path in (fresh.folder, fresh.data, fresh.socket_folder, fresh.passfile):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) & 0o077 == 0
        assert found.st_uid == fresh.account.uid


def test_by_way_of_the_network_a_password_is_asked_and_the_passfile_has_it(fresh: Server) -> None:
    fresh.start()
    with connect(fresh.tcp_dsn(database="postgres", user="postgres"), application_name="test") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(errors.LoginRefused):
        connect(f"host=127.0.0.1 port={fresh.port} user=postgres passfile=/dev/null", application_name="test")


def test_a_taken_port_is_named_and_another_one_can_be_written_down(fresh: Server) -> None:
    with socket.create_server(("127.0.0.1", fresh.port)):
        with pytest.raises(errors.ServerNotStarted) as caught:
            fresh.start()
        assert "Address already in use" in (caught.value.detail or "")
        moved = replace(fresh, port=free_port())
        assert moved.start()
    with connect(moved.tcp_dsn(database="postgres", user="postgres"), application_name="test") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_is_made_once(fresh: Server) -> None:
    assert fresh.password("reader") == fresh.password("reader") != fresh.password("postgres")


def test_a_long_log_is_put_aside_at_the_next_start(fresh: Server) -> None:
    fresh.start()
    fresh.stop()
    with fresh.log.open("a") as log:
        log.truncate(11 * 1024 * 1024)
    fresh.start()
    assert fresh.log.stat().st_size < 100_000
    assert fresh.log.with_suffix(".log.1").stat().st_size > 10 * 1024 * 1024


def start_by_hand(server: Server) -> list[str | Path]:
    return [server.programs / "pg_ctl", "start", f"--pgdata={server.data}", f"--log={server.log}", "--wait"]


def kill(server: Server) -> None:
    """End the main process as a power cut would, and wait until it is gone."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.01)
