"""Makes partitions at the standby before the active site has rows for them, since a row that has no place stops apply.

A standby that gives no answer holds up nobody: what it lacks is made when apply stops there for want of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from twinmart.db.connect import session
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError

# Loads wait for a standby no longer than this, and one that was slower is not asked again for a while.
ANSWER_S = 10.0
NOT_ASKED_S = 30.0


@dataclass(slots=True)
class Standbys:
    """The sites that may be replicas of one, by their connection strings."""

    of_site: int
    dsns: Mapping[int, str]
    _not_before: float = 0.0

    def make_partitions(self, from_at: datetime, to_at: datetime) -> None:
        """Make the partitions of a span at every replica of this site that answers."""
        if time.monotonic() < self._not_before:
            return
        for site, dsn in self.dsns.items():
            if site == self.of_site:
                continue
            try:
                with session(
                    dsn, application_name="twinmart partitions", autocommit=True, statement_timeout_s=ANSWER_S
                ) as mart:
                    if mart.execute(sql_text("db/replica_of")).fetchone() == (self.of_site,):
                        mart.execute("SET default_transaction_read_only = off")
                        ensure_partitions(mart, from_at, to_at)
            except (MartError, psycopg.Error):
                self._not_before = time.monotonic() + NOT_ASKED_S
