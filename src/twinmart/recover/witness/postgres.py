"""The witness as a row in a PostgreSQL database at a third place, which is neither site's."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from twinmart.config.topology import next_epoch
from twinmart.db.connect import Connection, place
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import LeaseRefused, MartError, NoWitness
from twinmart.recover.witness.line import question
from twinmart.recover.witness.model import Lease


class PostgresWitness:
    """A lease in table ``twinmart_witness``, which is made when it is missing; each call is one transaction."""

    def __init__(self, dsn: str, *, name: str = "twinmart", timeout_s: float = 5) -> None:
        self._dsn = dsn
        self._name = name
        self._timeout_s = timeout_s

    def read(self) -> Lease | None:
        """Return the lease, or None where there never was one."""
        with self._at_it() as connection:
            return self._read(connection)

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        """Hold the lease from now on.

        Raises:
            LeaseRefused: a higher epoch is known, or another holder of this one; NoWitness: it gives no answer.
        """
        with self._at_it() as connection:
            # What arrives late, after another renewal, has the number that was read before it and changes nothing.
            seen = self._read(connection)
            told: dict[str, object] = {
                "site": site,
                "epoch": epoch,
                "fences": fences,
                "beat": seen.beat if seen else 0,
                "grace_ms": round(grace_s * 1000),
                "block_ms": round(block_s * 1000),
            }
            return self._change(connection, "witness/renew", told)

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        """Take a lease that has ended.

        Raises:
            LeaseRefused: it is not as it was seen, is held, or blocked; NoWitness: it gives no answer.
        """
        told: dict[str, object] = {
            "site": site,
            "epoch": next_epoch(seen.epoch, site),
            "beat": seen.beat,
            "witness": seen.witness,
            "block_ms": round(block_s * 1000),
        }
        with self._at_it() as connection:
            return self._change(connection, "witness/take", told)

    def acknowledge(self) -> None:
        """End the anti-flap block."""
        with self._at_it() as connection:
            connection.execute("UPDATE twinmart_witness SET blocked_until = NULL WHERE name = %s", (self._name,))

    def _change(self, connection: Connection, statement: str, told: dict[str, object]) -> Lease:
        with connection.transaction():
            changed = connection.execute(sql_text(statement), {"name": self._name, **told}).fetchone()
            found = self._read(connection)
        if changed is None or found is None:
            raise LeaseRefused(
                f"the witness does not give its lease to site {told['site']}",
                detail=f"it has {found}",
                hint="Nothing was changed. Look with: twinmart witness status.",
            )
        return found

    def _read(self, connection: Connection) -> Lease | None:
        row = connection.execute(sql_text("witness/read"), {"name": self._name}).fetchone()
        return None if row is None else Lease(*row)

    @contextmanager
    def _at_it(self) -> Iterator[Connection]:
        try:
            with question(self._dsn, self._timeout_s) as connection:
                if connection.execute("SELECT to_regclass('twinmart_witness') IS NULL").fetchone() == (True,):
                    self._make(connection)
                yield connection
        except LeaseRefused:
            raise
        except MartError as error:
            raise NoWitness(
                f"the witness at {place(self._dsn)} gives no answer",
                detail=error.detail or error.message,
                hint="Look with: twinmart witness status.",
            ) from error

    def _make(self, connection: Connection) -> None:
        # Both sites may come at once; then the other one has made it.
        with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            connection.execute(sql_text("witness/table"))
