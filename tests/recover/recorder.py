"""Who loaded, all the time: each load that is committed at any site is written down there, and more are provoked.

A trigger notes a load in its own transaction, with the site and the epoch by which it was let in, in a table that
neither replication nor a copy brings along or takes away. What replication brings is no load, and fires no trigger. A
thread for each site tries to load without a pause, in that site's own belief, by the ways of the product: it gives
news of a call that nobody made, which changes no fact.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Signal
from threading import Lock, Thread
from typing import Self

import psycopg

from twinmart.db.connect import connect
from twinmart.errors import MartError
from twinmart.etl.cycle import run_once
from twinmart.replicate.ends import End, reach

# Deferred: what it notes is so when the load commits. The server is known by its port, which a copy of files keeps.
NOTING = """
    CREATE TABLE ops.load_noted (
        at timestamptz NOT NULL, xact xid8 NOT NULL, port integer NOT NULL,
        site integer NOT NULL, epoch bigint NOT NULL, active_site integer NOT NULL, known_epoch bigint NOT NULL
    );
    CREATE FUNCTION ops.note_load() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO ops.load_noted
        SELECT clock_timestamp(), pg_current_xact_id(), current_setting('port')::integer,
            NEW.site, NEW.epoch, active_site, epoch
        FROM cfg.topology;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER note_load AFTER INSERT ON ctl.audit_log
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ops.note_load()
"""

# When it was committed, as the server itself has noted; a row that a copy has carried over tells when it was about to.
NOTED = """
    SELECT port, site, epoch, active_site, known_epoch,
        CASE WHEN xact::xid = xmin THEN coalesce(pg_xact_commit_timestamp(xmin), at) ELSE at END
    FROM ops.load_noted
"""

NEWS = """
    INSERT INTO gidb.touched_call (source_key, linked_id, batch)
    SELECT source_key, 'nobody', 0 FROM cfg.source ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, order=True)
class Load:
    """A load that was committed: when, at which server, and what it said and knew of the sites."""

    at: datetime
    port: int
    site: int
    epoch: int
    active_site: int
    known_epoch: int


class Recorder:
    """Notes all loads of two marts, and provokes them while it is entered; ``is_lost`` says of which site it must not.

    ``belief`` are the connection strings that a site's loader goes by.
    """

    def __init__(
        self,
        ends: Mapping[int, End],
        *,
        belief: Callable[[int], Mapping[int, str]] | None = None,
        is_lost: Callable[[int], bool] = lambda site: False,
        pause_s: float = 0.1,
    ) -> None:
        self.tried = Counter[int]()
        self.done = Counter[int]()
        self._ends = ends
        self._belief = belief or (lambda site: {number: end.dsn for number, end in ends.items()})
        self._is_lost = is_lost
        self._pause_s = pause_s
        self._stop = Signal()
        self._locks = {site: Lock() for site in ends}
        self._threads = [Thread(target=self._run, args=(site,), daemon=True) for site in ends]
        for end in ends.values():
            with reach(end, "test") as mart:
                mart.execute(NOTING.encode())
                mart.execute("GRANT ALL ON ops.load_noted TO PUBLIC")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Provoke no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def provoke(self, site: int) -> bool:
        """Try to load at a site, and say whether it could."""
        if self._is_lost(site):
            return False
        with self._locks[site], suppress(MartError, psycopg.Error):
            self.tried[site] += 1
            with connect(self._ends[site].dsn, application_name="test", autocommit=True) as mart:
                mart.execute("SET default_transaction_read_only = off")
                with suppress(MartError, psycopg.Error):
                    mart.execute(NEWS.encode())
            run_once(site, self._belief(site))
            self.done[site] += 1
            return True
        return False

    def check(self) -> list[Load]:
        """Raise if ever two sites could load, in one epoch or one after the other had begun; return all loads."""
        sites = {end.server.port: site for site, end in self._ends.items() if end.server is not None}
        loads = set[Load]()
        for end in self._ends.values():
            with reach(end, "test") as mart:
                loads |= {Load(at, *row) for *row, at in mart.execute(NOTED.encode())}
        in_order = sorted(loads)
        for load in in_order:
            assert sites[load.port] == load.site == load.active_site, load
            assert load.epoch == load.known_epoch, load
        for before, after in itertools.pairwise(in_order):
            assert before.epoch <= after.epoch, (before, after)
            assert (before.epoch == after.epoch) <= (before.site == after.site), (before, after)
        return in_order

    def _run(self, site: int) -> None:
        while not self._stop.wait(self._pause_s):
            self.provoke(site)
