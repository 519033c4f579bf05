"""A folder of two sites with servers of their own, as a user has it: commands are processes, losses are kills."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.faults.conftest import kill
from tests.support import FAST_BUT_FRAGILE, Mart
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.db.connect import connect
from twinmart.errors import MartError
from twinmart.model.events import Event
from twinmart.recover.journal import FILE, Journal
from twinmart.settings import Settings
from twinmart.site.home import Home
from twinmart.site.mart import DATABASE
from twinmart.site.postgres import Server

SESSION = "01a20267-fb1f-8aed-884b-000000000000"


def new_home(path: Any) -> Home:
    return Home(Settings(home=path, site_dsns={}), server_settings=FAST_BUT_FRAGILE)


@dataclass
class Sites:
    """The two sites of a folder."""

    home: Home

    def server(self, site: int) -> Server:
        server = self.home.site(site).server
        assert server is not None
        return server

    def mart(self, site: int) -> Mart:
        return Mart(self.server(site), DATABASE)

    def ask(self, site: int, query: str) -> list[tuple[Any, ...]]:
        with connect(self.home.site(site).dsn(), application_name="test", autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def topology(self, site: int) -> tuple[Any, ...]:
        return self.ask(site, "SELECT active_site, epoch FROM cfg.topology")[0]

    def lose(self, site: int) -> float:
        """End everything at a site by SIGKILL; return when."""
        kill(self.server(site))
        return time.monotonic()

    def runs_of(self, site: int) -> list[str]:
        with Journal(self.home.folder(site) / FILE) as journal:
            return [run.state for run in journal.runs()]

    def begin(self, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "twinmart", "--home", str(self.home.path), *words],
            env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def told(self, *words: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what a command says, in JSON."""
        with self.begin(*words, "--json", environment=environment) as command:
            out, error = command.communicate()
        assert command.returncode == 0, error
        answer: dict[str, Any] = json.loads(out)
        return answer


@dataclass
class Collectors:
    """The two collectors of one source: what one cannot write since its site is down it keeps and writes later."""

    sites: Sites
    kept: dict[int, list[Event]] = field(default_factory=lambda: {1: [], 2: []})
    schemas: Mapping[int, str] = field(default_factory=lambda: {1: "idb_pbx_a", 2: "idb_pbx_b"})

    def hear(self, events: list[Event], at: tuple[int, ...] = (1, 2)) -> None:
        for site in at:
            self.kept[site] += events
        self.write()

    def write(self) -> bool:
        """Write what can be written; return whether nothing is kept any more."""
        for site, kept in self.kept.items():
            if not kept:
                continue
            try:
                with connect(self.sites.home.site(site).dsn(), application_name="test", autocommit=True) as mart:
                    mart.execute("SET default_transaction_read_only = off")
                    record = Record(Tag.EVENTS, copy_lines(kept, SESSION, datetime.now(UTC)))
                    Idb.open(mart, self.schemas[site]).write([record])
                self.kept[site] = []
            except (MartError, psycopg.Error):
                continue
        return not any(self.kept.values())
