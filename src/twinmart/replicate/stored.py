"""Signatures kept from earlier verifications: a span that nobody has written since need not be read again.

"Nobody has written" is what the server counts for the span's partitions. A server that was killed counts anew, which
looks like a change and costs one more reading. What a disk forgot without a write is not seen this way; a deep
verification trusts nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.partitions import Span, span_of
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate.signatures import Signature, Unit, signature


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a table: writes counted in each partition, and signatures kept by span and such a count."""

    counted: Sequence[tuple[Span, int]]
    kept: Mapping[tuple[int, int, int], Signature]

    def writes(self, span: Span) -> int:
        """Return how many writes were counted in the partitions of a span."""
        return sum(writes for (start, end), writes in self.counted if start < span[1] and end > span[0])


class Stored:
    """Gives signatures, trusting those kept for up to so many days; 0 trusts none and keeps none.

    Of a span that ends after ``reads_from``, seconds since the epoch, none is trusted.
    """

    def __init__(self, days: float, reads_from: float = math.inf) -> None:
        self._days = days
        self._reads_from = reads_from
        self._known: dict[tuple[int, str], _Known] = {}

    def signature(self, connection: Connection, unit: Unit) -> tuple[Signature, bool]:
        """Return the signature of a unit, and whether it is one that was kept."""
        if not self._days or unit.span is None or unit.span[1] > self._reads_from:
            return signature(connection, unit), False
        known = self._look(connection, unit)
        writes = known.writes(unit.span)
        kept = known.kept.get((*unit.span, writes))
        if kept is not None:
            return kept, True
        made = signature(connection, unit)
        # What was written meanwhile may be in the signature or not, so it is kept under the count from before.
        self._keep(connection, unit, made, writes)
        return made, False

    def _look(self, connection: Connection, unit: Unit) -> "_Known":
        """Return what a server says of a table; it is asked once, before the first span of it is looked at."""
        key = (id(connection), unit.table.name)
        if key not in self._known:
            counted = connection.execute(sql_text("verify/writes"), {"table": unit.table.name}).fetchall()
            kept = connection.execute(
                "SELECT from_key, to_key, writes, rows_counted, signature FROM ops.verify_signature"
                " WHERE table_name = %s AND made_at > now() - make_interval(secs => %s)",
                (unit.table.name, self._days * 86_400),
            ).fetchall()
            self._known[key] = _Known(
                [(span_of(bound, unit.key_kind), int(writes)) for bound, writes in counted],
                {(start, end, writes): Signature(int(rows), int(made)) for start, end, writes, rows, made in kept},
            )
        return self._known[key]

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
