"""A site's own mart and those of the other sites, as the keeper of a lease reads and writes them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twinmart.config.options import Options, effective
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError, NotReady
from twinmart.recover.witness.line import question
from twinmart.recover.witness.model import Decision
from twinmart.replicate.heartbeat import beat


@dataclass(frozen=True, slots=True)
class Own:
    """What a site's own mart says. ``is_watched``: its loads are bound to a lease in this epoch."""

    epoch: int
    active_site: int
    is_replica: bool
    is_watched: bool
    contact: int = 0
    told_witness: str | None = None
    claimed_epoch: int | None = None
    lag_s: float | None = None
    verified_age_s: float | None = None


class OwnMart:
    """The mart of the keeper's own site, over one connection that it keeps."""

    def __init__(self, site: int, connection: Connection) -> None:
        self._site = site
        self._connection = connection
        # Tables of a site itself are written at a standby too.
        connection.execute("SET default_transaction_read_only = off")

    def now(self) -> datetime:
        """Return the server's clock."""
        now: datetime = _one(self._connection, "SELECT clock_timestamp()")[0]
        return now

    def look(self) -> Own:
        """Return what the mart says."""
        return Own(*_one(self._connection, sql_text("witness/look")))

    def options(self) -> Options:
        """Return the configuration."""
        return effective(self._connection)

    def told(self) -> tuple[float | None, datetime | None]:
        """Beat, and return the age of the last good verification in seconds and the time of the beat."""
        beat(self._connection, self._site)
        age_s, beat_at = _one(self._connection, sql_text("witness/verified"), site=self._site)
        return age_s, beat_at

    def hold(self, epoch: int, until: datetime) -> None:
        """Let loads be committed until a time of this server's clock."""
        self._connection.execute(sql_text("witness/hold"), {"epoch": epoch, "until": until, "reason": None})

    def fence(self, epoch: int, reason: str) -> None:
        """Let no load be committed from now on."""
        self._connection.execute(sql_text("witness/hold"), {"epoch": epoch, "until": "-infinity", "reason": reason})

    def unwatch(self) -> None:
        """Bind loads to no lease any more."""
        self._connection.execute("DELETE FROM ops.lease")

    def claim(self, active: int, contact: int, epoch: int) -> bool:
        """Write down that this site is about to become active, unless the active one has reached it since."""
        row = self._connection.execute(
            "UPDATE ops.contact SET claimed_epoch = %s WHERE site = %s AND contact = %s RETURNING 1",
            (epoch, active, contact),
        ).fetchone()
        return row is not None

    def unclaim(self) -> None:
        """Take that back."""
        self._connection.execute("UPDATE ops.contact SET claimed_epoch = NULL WHERE claimed_epoch IS NOT NULL")

    def note(self, decision: Decision, epoch: int, *, observed_only: bool) -> None:
        """Write down a decision that is another than before."""
        self._connection.execute(
            "INSERT INTO ops.witness_decision (site, decision, reasons, epoch, observed_only)"
            " VALUES (%s, %s, %s, %s, %s)",
            (self._site, decision.act, list(decision.reasons), epoch, observed_only),
        )


class Others:
    """The marts of the other sites, asked anew each time; as a rule there is one."""

    def __init__(self, dsns: Mapping[int, str], *, timeout_s: float = 5) -> None:
        self._dsns = dict(dsns)
        self._timeout_s = timeout_s

    def tell(
        self, site: int, epoch: int, witness: str | None, verified_age_s: float | None, beat_at: datetime | None
    ) -> tuple[bool, int]:
        """Tell every other site that the active one is there.

        Return whether all of them took it, and the highest epoch that one of them knows. One that did not hear of it
        might take over, so the word of the others is not enough.

        Raises:
            MartError: none gives an answer.
        """
        told = {
            "site": site,
            "epoch": epoch,
            "witness": witness,
            "verified_age_s": verified_age_s,
            "beat_at": beat_at,
        }
        with ThreadPoolExecutor(len(self._dsns), "tell") as asking:
            answers = [asking.submit(self._tell, dsn, told) for dsn in self._dsns.values()]
        silent = [error for one in answers if isinstance(error := one.exception(), MartError)]
        if len(silent) == len(answers):
            raise silent[0]
        heard = [one.result() for one in answers if not isinstance(one.exception(), MartError)]
        return not silent and all(taken for taken, _ in heard), max(known for _, known in heard)

    def visit(self, active: int) -> int:
        """Return the highest epoch known at the active site.

        Raises:
            MartError: it gives no answer.
        """
        dsn = self._dsns.get(active)
        if dsn is None:
            raise NotReady(f"the folder has no site {active}", hint="Nothing was changed. See: twinmart status.")
        with question(dsn, self._timeout_s) as connection:
            return self._epoch(connection)

    def _tell(self, dsn: str, told: Mapping[str, object]) -> tuple[bool, int]:
        with question(dsn, self._timeout_s) as connection:
            connection.execute("SET default_transaction_read_only = off")
            taken = connection.execute(sql_text("witness/tell"), told).fetchone() is not None
            return taken, self._epoch(connection)

    def _epoch(self, connection: Connection) -> int:
        return int(_one(connection, sql_text("witness/known_epoch"))[0])


def _one(connection: Connection, statement: str, **told: object) -> tuple[Any, ...]:
    row = connection.execute(statement.encode(), told or None).fetchone()
    if row is None:
        raise NotReady("the mart does not tell its topology", hint="Nothing was changed. See: twinmart status.")
    return row
