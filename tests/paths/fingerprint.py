"""What a mart holds, row by row, without what tells only of its loads; and the first difference of two."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from twinmart.db.connect import Connection

AUDIT = ("create_audit_key", "update_audit_key")

# Everything that people read or that a later load builds on, and what of it tells of the path and not of the events.
TABLES: Mapping[str, tuple[str, ...]] = {
    "mart.interaction_fact": AUDIT,
    "mart.interaction_resource_fact": AUDIT,
    "mart.mediation_segment_fact": AUDIT,
    "mart.ixn_resource_state_fact": AUDIT,
    "mart.irf_user_data_cust": AUDIT,
    "mart.sm_res_session_fact": AUDIT,
    "mart.sm_res_state_fact": AUDIT,
    "mart.sm_res_state_reason_fact": AUDIT,
    "mart.resource_group_fact_": AUDIT,
    "mart.resource_": (),
    "mart.resource_history": (),
    "mart.resource_state_reason": (),
    "mart.group_": (),
    "ctl.transform_discard": ("audit_key", "discarded_at"),
    "ctl.gap": ("noted_at",),
    "gidb.event": ("batch",),
    "gidb.alias": (),
    "gidb.alias_pair": (),
    "gidb.member_queue": (),
    "gidb.channel_link": (),
    "gidb.across_link": (),
    "gidb.login_call": (),
    "gidb.switch_boot": (),
    "gidb.interaction": (),
}

# The calendar may reach further than the facts; days without an interval in it would be lost to every report.
NOT_IN_CALENDAR = """
    SELECT count(*)
    FROM (
        SELECT start_date_time_key, end_date_time_key FROM mart.interaction_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.interaction_resource_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.mediation_segment_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.ixn_resource_state_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.sm_res_session_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.sm_res_state_fact
        UNION ALL SELECT start_date_time_key, end_date_time_key FROM mart.sm_res_state_reason_fact
    ) AS fact
    CROSS JOIN unnest(ARRAY[start_date_time_key, end_date_time_key]) AS named (date_time_key)
    WHERE date_time_key IS NOT NULL AND date_time_key NOT IN (SELECT date_time_key FROM mart.date_time)
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The rows of each table as text, in their order as text."""

    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, tuple[tuple[str, ...], ...]]

    @classmethod
    def of(cls, connection: Connection, tables: Mapping[str, tuple[str, ...]] = TABLES) -> "Fingerprint":
        """Read the tables of a mart; ``tables`` names the columns of each that do not count."""
        assert connection.execute(NOT_IN_CALENDAR).fetchone() == (0,)
        columns = {table: _columns(connection, table, left_out) for table, left_out in tables.items()}
        return cls(columns, {table: _rows(connection, table, columns[table]) for table in tables})

    def difference(self, other: "Fingerprint") -> str | None:
        """Return the first difference, with the row that comes nearest on the other side; None where there is none."""
        for table, rows in self.rows.items():
            missing = sorted(set(rows) - set(other.rows[table]))
            surplus = sorted(set(other.rows[table]) - set(rows))
            if missing or surplus or len(rows) != len(other.rows[table]):
                heading = f"{table}: {len(missing)} rows missing, {len(surplus)} too many, of {len(rows)}"
                return "\n".join([heading, *self._shown(table, missing, surplus)])
        return None

    def _shown(self, table: str, missing: list[tuple[str, ...]], surplus: list[tuple[str, ...]]) -> list[str]:
        names = self.columns[table]
        if not missing or not surplus:
            sign, row = ("missing ", missing[0]) if missing else ("too many", surplus[0]) if surplus else ("twice", ())
            return [f"  {sign} " + ", ".join(f"{name}={value}" for name, value in zip(names, row, strict=False))]
        want, have = min(
            ((one, two) for one in missing[:50] for two in surplus[:50]),
            key=lambda pair: sum(left != right for left, right in zip(*pair, strict=True)),
        )
        same = ", ".join(f"{name}={left}" for name, left, right in zip(names, want, have, strict=True) if left == right)
        differs = [
            f"  {name}: expected {left}, found {right}"
            for name, left, right in zip(names, want, have, strict=True)
            if left != right
        ]
        return [*differs, f"  in the row {same}"]


def _columns(connection: Connection, table: str, left_out: tuple[str, ...]) -> tuple[str, ...]:
    names = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        (table,),
    )
    return tuple(name for (name,) in names if name not in left_out)


def _rows(connection: Connection, table: str, columns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    listed = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    query = sql.SQL("SELECT {} FROM {}").format(listed, sql.Identifier(*table.split(".")))
    found = [tuple(str(value) for value in row) for row in connection.execute(query)]
    return tuple(sorted(found))
