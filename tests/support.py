"""What tests share: marts on real servers, and folders of which nothing is left, however a test run ends."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from psycopg import sql

from twinmart.db.connect import Connection, connect
from twinmart.site.account import Account
from twinmart.site.mart import OWNER, READER, create_database, prepare_mart
from twinmart.site.ports import free_port
from twinmart.site.postgres import Server
from twinmart.site.programs import find_programs, reachable

TEMPLATE = "twinmart_template"

# A test server may lose its data when the machine stops, and no sooner.
FAST_BUT_FRAGILE = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

# Waits until the test process is gone, however it went, then ends the servers below a folder and removes it.
_CARETAKER = """
cat >/dev/null
find "$1" -name postmaster.pid 2>/dev/null | while read -r file; do kill -QUIT "$(head -n 1 "$file")" 2>/dev/null; done
for pause in 0.2 0.5 1 2; do rm -rf "$1" 2>/dev/null && break; sleep "$pause"; done
"""

_numbers = itertools.count(1)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a short-named folder that PostgreSQL's account can reach; it is gone afterwards, even if we are killed."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir=_fastest_place()))
    folder.chmod(0o755)
    caretaker = subprocess.Popen(
        ["/bin/sh", "-c", _CARETAKER, "sh", str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield folder
    finally:
        assert caretaker.stdin is not None
        caretaker.stdin.close()
        caretaker.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _fastest_place() -> str:
    """Return a folder in memory if there is one with room; copying a template there takes 15 ms, on a disk 400."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 2**30:
        return str(memory)
    return "/tmp"


@dataclass
class Mart:
    """A fresh, migrated mart that belongs to one test."""

    server: Server
    name: str
    _opened: list[Connection] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """Connection string of the mart's owner."""
        return self.server.dsn(database=self.name, user=OWNER)

    @property
    def reader_dsn(self) -> str:
        """Connection string of the role that may only read."""
        return self.server.dsn(database=self.name, user=READER)

    def connect(self, *, autocommit: bool = False, user: str = OWNER) -> Connection:
        """Open a connection that is closed when the test ends."""
        connection = connect(
            self.server.dsn(database=self.name, user=user), application_name="test", autocommit=autocommit
        )
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


@dataclass
class MartServer:
    """A running server with a migrated template database, of which marts are copied."""

    server: Server

    def new_mart(self) -> Mart:
        mart = Mart(self.server, f"mart_{os.getpid()}_{next(_numbers)}")
        self._admin(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER {}").format(
                sql.Identifier(mart.name), sql.Identifier(TEMPLATE), sql.Identifier(OWNER)
            )
        )
        return mart

    def drop(self, mart: Mart) -> None:
        mart.close()
        self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(mart.name)))

    def _admin(self, statement: sql.Composed) -> None:
        with connect(self.server.dsn(), application_name="test", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[MartServer]:
    """Make and start a server in a folder, with a template database at this program's version."""
    account = Account.choose()
    programs = reachable(find_programs(), account, folder)
    server = Server(folder / "site", free_port(), account, programs, {**FAST_BUT_FRAGILE, **(settings or {})})
    server.create()
    server.start()
    try:
        passwords = {role: server.password(role) for role in (OWNER, READER)}
        create_database(server.dsn(), passwords, database=TEMPLATE)
        # Partitions for hardly more than today: a test that needs others makes them, as a loader has to.
        prepare_mart(server.dsn(database=TEMPLATE, user=OWNER), ahead=timedelta(days=1))
        yield MartServer(server)
    finally:
        server.stop("immediate")
