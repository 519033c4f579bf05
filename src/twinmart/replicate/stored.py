"""Signatures kept from earlier verifications: a span that nobody has written since need not be read again.

"Nobody has written" is what the server counts for the span's partitions. A server that was killed counts anew, which
looks like a change and costs one more reading. What a disk forgot without a write is not seen this way; a deep
verification trusts nothing.
"""

import math

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.partitions import span_of
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate.signatures import Signature, Unit, signature


class Stored:
    """Gives signatures, trusting those kept for up to so many days; 0 trusts none and keeps none.

    Of a span that ends after ``reads_from``, seconds since the epoch, none is trusted.
    """

    def __init__(self, days: float, reads_from: float = math.inf) -> None:
        self._days = days
        self._reads_from = reads_from

    def signature(self, connection: Connection, unit: Unit) -> tuple[Signature, bool]:
        """Return the signature of a unit, and whether it is one that was kept."""
        if not self._days or unit.span is None or unit.span[1] > self._reads_from:
            return signature(connection, unit), False
        writes = _writes(connection, unit)
        row = connection.execute(
            "SELECT rows_counted, signature FROM ops.verify_signature WHERE table_name = %s AND from_key = %s"
            " AND to_key = %s AND writes = %s AND made_at > now() - make_interval(secs => %s)",
            (unit.table.name, *unit.span, writes, self._days * 86_400),
        ).fetchone()
        if row is not None:
            return Signature(int(row[0]), int(row[1])), True
        made = signature(connection, unit)
        # What was written meanwhile may be in the signature or not, so it is kept under the count from before.
        self._keep(connection, unit, made, writes)
        return made, False

    def _keep(self, connection: Connection, unit: Unit, made: Signature, writes: int) -> None:
        assert unit.span is not None  # noqa: S101  asked by the caller
        with connection.transaction():
            # The sessions of a replica are read-only unless they say otherwise; this table is the site's own.
            connection.execute("SET TRANSACTION READ WRITE")
            connection.execute(
                sql.SQL(
                    "INSERT INTO ops.verify_signature AS kept"
                    " (table_name, from_key, to_key, rows_counted, signature, writes) VALUES (%s, %s, %s, %s, %s, %s)"
                    " ON CONFLICT (table_name, from_key, to_key) DO UPDATE SET rows_counted = excluded.rows_counted,"
                    " signature = excluded.signature, writes = excluded.writes, made_at = now()"
                ),
                (unit.table.name, *unit.span, made.rows, made.hashes, writes),
            )


def _writes(connection: Connection, unit: Unit) -> int:
    assert unit.span is not None  # noqa: S101  asked by the caller
    low, high = unit.span
    total = 0
    for bound, writes in connection.execute(sql_text("verify/writes"), {"table": unit.table.name}):
        start, end = span_of(bound, unit.key_kind)
        if start < high and end > low:
            total += int(writes)
    return total
