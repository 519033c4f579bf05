"""What a person asks of a mart's shape: version, partitions, what is purged, what is late."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from twinmart.db.connect import Connection
from twinmart.db.migrate import schema_state
from twinmart.db.partitions import FOREVER, partitioned_tables, span_of
from twinmart.db.sqlfiles import sql_text


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The partitions of one table; ``purged_before`` is None where nothing was dropped."""

    table: str
    partitions: int
    from_at: datetime | None
    to_at: datetime | None
    purged_before: datetime | None
    bytes: int

    def to_json(self) -> dict[str, object]:
        """Return it with times as text."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


def schema_of(connection: Connection) -> dict[str, object]:
    """Return what version the mart is at and what version this program has."""
    state = schema_state(connection)
    return {"version": state.version, "latest": state.latest, "is_current": state.is_current}


def partition_states(connection: Connection) -> list[PartitionState]:
    """Return the partitioned tables with what their partitions cover."""
    found = []
    for one in partitioned_tables(connection):
        rows = connection.execute(sql_text("upkeep/partitions_of"), {"root": f'"{one.schema}"."{one.name}"'}).fetchall()
        spans = [(*span_of(bound, one.key_kind), size) for _, _, bound, size in rows]
        dated = [span for span in spans if span[0] != FOREVER]
        found.append(
            PartitionState(
                f"{one.schema}.{one.name}",
                len(dated),
                _at(min((start for start, _, _ in dated), default=None)),
                _at(max((end for _, end, _ in dated), default=None)),
                _at(one.purged_before),
                sum(size for *_, size in spans),
            )
        )
    return found


def watch(connection: Connection) -> dict[str, object]:
    """Return how far the mart is prepared, what is purged, and what somebody should look at."""
    ends = [state.to_at for state in partition_states(connection) if state.to_at is not None]
    row = connection.execute(sql_text("upkeep/watch")).fetchone()
    purged, calendar_to, delayed, refused, violations = row or (None, None, [], 0, 0)
    return {
        "partitions_to": min(ends).isoformat() if ends else None,
        "calendar_to": calendar_to.isoformat() if calendar_to else None,
        "purged_before": purged or {},
        "delayed_sources": delayed or [],
        "refused_rows": refused,
        "fk_violations": violations,
    }


def _at(second: int | None) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(second, UTC)
