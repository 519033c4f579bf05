"""Mends rows of a standby that are not as the active site has them. The active site is never touched.

The rows are written as apply would write them: past the fences, and marked as coming from an origin, so that they do
not travel on.
"""

from collections.abc import Sequence

from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.replicate import fence
from twinmart.replicate.compare import Difference
from twinmart.replicate.signatures import Table, among, row_texts, tables

# Rows that are mended in one transaction.
ROWS_A_TRANSACTION = 500


def repair(active: Connection, standby: Connection, differences: Sequence[Difference]) -> int:
    """Make these rows at the standby what they are at the active site; return how many were written or deleted.

    Rows that are in flight are left alone.

    Raises:
        Refused: the mart to be mended is not a replica; nothing was changed.
        NotAllowed: the user must not pass the fences.
    """
    if fence.standing(standby).of_site is None:
        raise errors.NotAStandby(
            "the mart that would be mended is not a standby",
            detail="its fences are down, so it may have rows of its own",
            hint="Nothing was changed. Look with: twinmart replication show.",
        )
    known = {table.name: table for table in tables(active)}
    by_table: dict[str, list[str]] = {}
    for one in differences:
        if one.kind != "in flight":
            by_table.setdefault(one.table, []).append(one.key)
    mended = 0
    with fence.passed(standby):
        for name, keys in by_table.items():
            for start in range(0, len(keys), ROWS_A_TRANSACTION):
                mended += _mend(active, standby, known[name], keys[start : start + ROWS_A_TRANSACTION])
    return mended


def _mend(active: Connection, standby: Connection, table: Table, keys: Sequence[str]) -> int:
    right = row_texts(active, table, keys)
    with standby.transaction():
        standby.execute("SET TRANSACTION READ WRITE")
        gone = standby.execute(
            sql.SQL("DELETE FROM {} WHERE {}").format(table.identifier, among(table)), {"keys": list(keys)}
        ).rowcount
        if right:
            columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
            standby.execute(
                sql.SQL(
                    "INSERT INTO {table} ({columns}) SELECT {columns} FROM unnest(%(rows)s::text[]) AS told (one)"
                    " CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, told.one::jsonb)"
                ).format(table=table.identifier, columns=columns),
                {"rows": list(right.values())},
            )
    return max(gone, len(right))
