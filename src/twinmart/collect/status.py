"""What a collector says of itself: a small JSON file, replaced whole, for whoever asks how it is."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

State = Literal["connecting", "connected", "waiting", "spool-full", "stopped"]


@dataclass(slots=True)
class SourceStatus:
    """How it stands between the collector and its source."""

    state: State = "connecting"
    since: datetime | None = None
    session: str | None = None
    clock_at: datetime | None = None
    ahead_ms: int | None = None
    boot_at: datetime | None = None
    version: str | None = None
    system_name: str | None = None
    events: int = 0
    kept_aside: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    error: dict[str, str | None] | None = None


@dataclass(slots=True)
class IdbStatus:
    """How it stands between the collector's spool and its interaction database."""

    state: Literal["connecting", "writing", "waiting", "stopped"] = "connecting"
    written_events: int = 0
    written_at: datetime | None = None
    waiting_bytes: int = 0
    error: dict[str, str | None] | None = None


@dataclass(slots=True)
class CollectorStatus:
    """A collector process and the two sides of it."""

    name: str
    pid: int
    started_at: datetime
    source: SourceStatus = field(default_factory=SourceStatus)
    idb: IdbStatus = field(default_factory=IdbStatus)
    updated_at: datetime | None = None

    def write(self, path: Path) -> None:
        """Replace the file; a reader sees the old one or this one. A disk without room leaves the old one."""
        self.updated_at = datetime.now(UTC)
        new = path.with_name(f".{path.name}.{self.pid}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({"v": 1, **asdict(self)}, default=str) + "\n")
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
