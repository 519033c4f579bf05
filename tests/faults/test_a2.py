"""A2: a standby that is itself half broken is told of by check, while there is time to mend it."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, Line
from tests.faults.test_d import small_disk
from tests.replicate.conftest import Pair, pair_of, take_down
from tests.replicate.test_states import at
from tests.support import MartServer, running_server
from twinmart.recover.model import Command, Wish
from twinmart.recover.plan import findings
from twinmart.recover.soundness import soundness
from twinmart.recover.world import SiteWorld
from twinmart.replicate import link
from twinmart.replicate.ends import End
from twinmart.site.mart import OWNER, READER

pytestmark = pytest.mark.xdist_group("faults")


def told(pair: Pair, command: Command = "failover", level: str = "no") -> list[str]:
    """Return what a check says no to, or warns of."""
    wish = Wish(command, 2, 1, even_if_alive=True, accept_loss=frozenset({"all"}))
    facts = SiteWorld({1: pair.source, 2: pair.target}).facts({1, 2})
    found = [*findings(facts, wish), *soundness(pair.target, pair.source, facts, wish)]
    return [one.text for one in found if one.level == level]


def test_a2_a_good_standby_is_ready(own_line: Line) -> None:
    own_line.arrives()
    assert told(own_line.pair) == told(own_line.pair, "switchover") == []
    assert any("can write" in text for text in told(own_line.pair, level="ok"))


@contextmanager
def role_missing(pair: Pair) -> Iterator[None]:
    at(pair.target, f"ALTER ROLE {READER} RENAME TO another".encode())
    try:
        yield
    finally:
        at(pair.target, f"ALTER ROLE another RENAME TO {READER}".encode())
        server = pair.target.server
        assert server is not None
        # A rename forgets the password.
        at(pair.target, f"ALTER ROLE {READER} PASSWORD '{server.password(READER)}'".encode())


@contextmanager
def wrong_password(pair: Pair) -> Iterator[None]:
    server = pair.target.server
    assert server is not None
    at(pair.target, f"ALTER ROLE {OWNER} PASSWORD 'another'".encode())
    try:
        yield
    finally:
        at(pair.target, f"ALTER ROLE {OWNER} PASSWORD '{server.password(OWNER)}'".encode())


@contextmanager
def stopped(pair: Pair) -> Iterator[None]:
    assert pair.target.server is not None
    pair.target.server.stop("immediate")
    try:
        yield
    finally:
        pair.target.server.start()


@contextmanager
def column_missing(pair: Pair) -> Iterator[None]:
    at(pair.target, b"ALTER TABLE ctl.job_hold DROP COLUMN reason CASCADE")
    yield


@contextmanager
def closed_folder(pair: Pair) -> Iterator[None]:
    """The server may make no file any more, as on a file system that is mounted read-only."""
    server = pair.target.server
    assert server is not None
    ((number,),) = at(pair.target, b"SELECT oid FROM pg_database WHERE datname = current_database()")
    folder = server.data / "base" / str(number)
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


BROKEN: dict[str, tuple[Callable[[Pair], object], str]] = {
    "a role is missing": (role_missing, f'no role "{READER}"'),
    "a password is wrong": (wrong_password, f'role "{OWNER}" cannot log in'),
    "the server is stopped": (stopped, "does not answer"),
    "the schema differs": (column_missing, "column ctl.job_hold.reason"),
    "no file can be written": (closed_folder, "cannot write"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a2_a_standby_that_is_broken_is_told_of_before_it_is_needed(own_line: Line, name: str) -> None:
    breaking, word = BROKEN[name]
    with breaking(own_line.pair):  # type: ignore[attr-defined]
        assert any(word in text for text in told(own_line.pair)), told(own_line.pair)
        assert any(word in text for text in told(own_line.pair, "switchover"))


def test_a2_a_link_that_is_held_up_is_a_warning_for_a_failover_and_a_no_for_a_switchover(own_line: Line) -> None:
    link.pause(own_line.pair.target, "for this test")
    assert told(own_line.pair) == []
    assert any("replication is paused" in text for text in told(own_line.pair, level="!"))
    assert any("paused" in text for text in told(own_line.pair, "switchover"))


@contextmanager
def expired_door(folder: Path) -> Iterator[str]:
    """Give the address of a server that speaks TLS as PostgreSQL does, with a certificate that has expired."""
    key, request, certificate = (str(folder / name) for name in ("key", "request", "certificate"))
    for line in (
        ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=site2"],
        ["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out", certificate],
    ):
        subprocess.run(["openssl", *line], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    door = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with suppress(OSError):  # the door was closed
            while True:
                line, _ = door.accept()
                with line, suppress(OSError):
                    line.recv(8)
                    line.sendall(b"S")
                    context.wrap_socket(line, server_side=True).close()

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield f"host=127.0.0.1 port={door.getsockname()[1]} sslmode=verify-ca sslrootcert={certificate}"
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a2_a_certificate_that_has_expired_is_told_of(own_line: Line, scratch: Path) -> None:
    with expired_door(scratch) as address:
        standby = End(2, f"{address} dbname=twinmart user=twinmart password=hunter2")
        pair = replace(own_line.pair, target=standby)
        (line,) = [text for text in told(pair) if "certificate" in text]
    assert "a certificate that is not accepted: certificate verify failed" in line
    assert "hunter2" not in line


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a2_a_standby_whose_disk_is_full_is_told_of(scratch: Path, own_servers: tuple[MartServer, MartServer]) -> None:
    folder = scratch / "small"
    folder.mkdir(mode=0o755)
    with small_disk(folder, "400m"), running_server(folder, SETTINGS) as target:
        pair = pair_of(own_servers[0].new_mart(), target.new_mart())
        pair.set_up()
        link.pause(pair.target)
        ballast = folder / "ballast"
        ballast.write_bytes(b"\0" * (shutil.disk_usage(folder).free - 2**20))
        assert any("cannot write" in text and "No space left" in text for text in told(pair))
        assert any("MiB of disk left" in text for text in told(pair))
        ballast.unlink()
        take_down(pair)
        own_servers[0].drop(pair.mart)
        pair.other_mart.close()
