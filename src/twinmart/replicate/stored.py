"""Signatures kept from earlier verifications: a span that nobody has written since need not be read again.

"Nobody has written" is what the server counts for the span's partitions. A server that was killed counts anew, which
looks like a change and costs one more reading. What a disk forgot without a write is not seen this way; a deep
verification trusts nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinmart.db.connect import Connection
from twinmart.db.partitions import Span, span_of
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate.signatures import Signature, Unit, signatures


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a table: writes counted in each partition, and signatures kept by span and such a count."""

    counted: Sequence[tuple[Span, int]]
    kept: Mapping[tuple[int, int, int], Signature]

    def writes(self, span: Span) -> int:
        """Return how many writes were counted in the partitions of a span."""
        return sum(writes for (start, end), writes in self.counted if start < span[1] and end > span[0])


class Stored:
    """Gives the signatures of one site, trusting those kept for up to so many days; 0 trusts none and keeps none.

    Of a span that ends after ``reads_from``, seconds since the epoch, none is trusted.
    """

    def __init__(self, days: float, reads_from: float = math.inf) -> None:
        self._days = days
        self._reads_from = reads_from
        self._known: dict[str, _Known] = {}

    def signatures(self, connection: Connection, units: Sequence[Unit]) -> list[tuple[Signature, bool]]:
        """Return the signatures of units of one table in their order, each with whether it is one that was kept."""
        if not self._days or units[0].span is None:
            return [(made, False) for made in signatures(connection, units)]
        known = self._look(connection, units[0])
        kept = {unit: self._trusted(known, unit) for unit in units}
        asked = [unit for unit in units if kept[unit] is None]
        made = dict(zip(asked, signatures(connection, asked), strict=True))
        self._keep(connection, known, made)
        return [(kept[unit] or made[unit], kept[unit] is not None) for unit in units]

    def _trusted(self, known: _Known, unit: Unit) -> Signature | None:
        assert unit.span is not None  # noqa: S101  asked by the caller
        if unit.span[1] > self._reads_from:
            return None
        return known.kept.get((*unit.span, known.writes(unit.span)))

    def _look(self, connection: Connection, unit: Unit) -> _Known:
        """Return what a server says of a table; it is asked once, before the first span of it is looked at."""
        name = unit.table.name
        if name not in self._known:
            counted = connection.execute(sql_text("verify/writes"), {"table": name}).fetchall()
            kept = connection.execute(
                "SELECT from_key, to_key, writes, rows_counted, signature FROM ops.verify_signature"
                " WHERE table_name = %s AND made_at > now() - make_interval(secs => %s)",
                (name, self._days * 86_400),
            ).fetchall()
            self._known[name] = _Known(
                [(span_of(bound, unit.table.key_kind), int(writes)) for bound, writes in counted],
                {(start, end, writes): Signature(int(rows), int(made)) for start, end, writes, rows, made in kept},
            )
        return self._known[name]

    def _keep(self, connection: Connection, known: _Known, made: Mapping[Unit, Signature]) -> None:
        """Keep signatures under the counts from before: what was written meanwhile may be in them or not."""
        if not made:
            return
        with connection.transaction(), connection.cursor() as cursor:
            # The sessions of a replica are read-only unless they say otherwise; this table is the site's own.
            cursor.execute("SET TRANSACTION READ WRITE")
            cursor.executemany(
                "INSERT INTO ops.verify_signature AS kept"
                " (table_name, from_key, to_key, rows_counted, signature, writes) VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (table_name, from_key, to_key) DO UPDATE SET rows_counted = excluded.rows_counted,"
                " signature = excluded.signature, writes = excluded.writes, made_at = now()",
                [
                    (unit.table.name, *unit.span, one.rows, one.hashes, known.writes(unit.span))
                    for unit, one in made.items()
                    if unit.span is not None
                ],
            )
