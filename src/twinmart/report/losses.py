"""The loss manifest as it is read: what became of each source's data when a site was lost, span by span."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


@dataclass(frozen=True, slots=True)
class Loss:
    """One row of the manifest."""

    source: str
    lost_site: int
    kind: str
    from_at: datetime | None
    to_at: datetime | None
    events: int | None
    calls: int | None
    agents: int | None
    minutes: int | None
    cause: str | None
    closed_at: datetime | None
    run: str

    @property
    def is_open(self) -> bool:
        """Whether something is missing still."""
        return self.kind in ("partial", "gone") and self.closed_at is None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Loss":
        """Return the row that was written as data."""
        moments = {
            name: datetime.fromisoformat(data[name]) if data[name] else None
            for name in ("from_at", "to_at", "closed_at")
        }
        return cls(**{**data, **moments})


def manifest(connection: Connection, run: str | None = None, *, only_open: bool = False) -> list[Loss]:
    """Return the manifest of a run, or of all, by source and time."""
    rows = connection.execute(sql_text("report/manifest"), {"run": run})
    found = [Loss(*row) for row in rows]
    return [one for one in found if one.is_open] if only_open else found
