"""The journal of recoveries: a file at the site that survives, to which records are only ever added.

Every record is on the disk before what it announces is done, and carries the hash of the one before it, so that nobody
takes one out unnoticed. A run is what its records say: nothing else is remembered of it. It is SQLite, since the
database of the site may be what is broken; a copy goes to ``ops.recovery_record`` when that database can take it.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Literal, Self
from uuid import uuid4

from twinmart import errors
from twinmart.recover.model import Wish
from twinmart.recover.procedure import StepState

FILE = "recovery.sqlite"

# Of what a run's records say and mean; a run of a higher one is left to the program that began it.
VERSION = 1

# How a run can stand. "open" is begun and not ended, whether somebody works on it now or not.
RunState = Literal["open", "done", "undone", "superseded", "given up"]

_SHAPE = """
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    step TEXT,
    data TEXT NOT NULL,
    hash TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal."""

    seq: int
    run: str
    at: datetime
    kind: str
    step: str | None
    data: Mapping[str, object]
    hash: str


@dataclass(slots=True)
class Taken:
    """How a step of a run came out so far."""

    state: StepState
    note: str | None = None
    spent_ms: int = 0
    ended_at: datetime | None = None


@dataclass(slots=True)
class Run:
    """A recovery as its records tell it."""

    id: str
    wish: Wish
    plan_id: str
    started_at: datetime
    commanded_at: datetime
    epoch: int = 0
    number: int = 0
    who: str = ""
    version: int = VERSION
    state: RunState = "open"
    ended_at: datetime | None = None
    last_at: datetime | None = None
    steps: dict[str, Taken] = field(default_factory=dict)
    intents: set[str] = field(default_factory=set)
    notes: dict[str, object] = field(default_factory=dict)
    paused_at: datetime | None = None
    paused_ms: int = 0

    @property
    def short_id(self) -> str:
        """The first characters of the id, which is what people see and type."""
        return self.id[:8]

    def take(self, record: Record) -> None:
        """Take in the next record."""
        data = record.data
        if self.paused_at is not None:
            self.paused_ms += round((record.at - self.paused_at).total_seconds() * 1000)
            self.paused_at = None
        self.last_at = record.at
        match record.kind:
            case "taken":
                self.number = int(str(data["number"]))
            case "intent" if record.step:
                self.intents.add(record.step)
                self.steps[record.step] = Taken("running")
            case "outcome" if record.step:
                self.steps[record.step] = Taken(
                    data["state"],  # type: ignore[arg-type]
                    data.get("note"),  # type: ignore[arg-type]
                    int(str(data.get("spent_ms", 0))),
                    record.at,
                )
            case "note":
                self.notes[str(data["name"])] = data["value"]
            case "paused":
                self.paused_at = record.at
            case "ended":
                self.state = data["state"]  # type: ignore[assignment]
                self.ended_at = record.at


class Journal:
    """The records of all runs whose journal is kept here."""

    def __init__(self, path: Path | None, *, mirror: Callable[[Record], None] | None = None) -> None:
        """Open the file, or one in memory if there is none, and check it; ``notes`` says what was found amiss.

        Raises:
            JournalNotWritten: the file cannot be opened or made.
        """
        self.path = path
        self.mirror = mirror
        self.notes: list[str] = []
        self._file = self._open()
        self._seq, self._hash = 0, ""
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def begin(self, wish: Wish, plan_id: str, **told: object) -> Run:
        """Begin a run and return it."""
        run = str(uuid4())
        self.write(run, "begun", wish=wish.to_json(), plan=plan_id, version=VERSION, **told)
        return self.run(run)

    def write(self, run: str, kind: str, step: str | None = None, /, **data: object) -> Record:
        """Write a record; it is on the disk when this returns.

        Raises:
            JournalNotWritten: it could not be written; what it announces must not be done.
            RunSuperseded: another command has written to the journal since; the same.
        """
        at = datetime.now(UTC)
        text = json.dumps(data, default=str, ensure_ascii=False, sort_keys=True)
        seq, digest = self._seq + 1, _hash(self._hash, run, at.isoformat(), kind, step, text)
        try:
            with self._file:
                self._file.execute(
                    "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (seq, run, at.isoformat(), kind, step, text, digest),
                )
        except sqlite3.IntegrityError as error:
            raise errors.RunSuperseded(
                "another command has taken up or ended a recovery of this journal", detail="the step was not begun",
                hint="Look with: twinmart runs list.",
            ) from error  # fmt: skip
        except sqlite3.Error as error:
            raise errors.JournalNotWritten(
                f'the journal "{self.path}" could not be written',
                detail=str(error),
                hint="The step was not begun. Make room, then run the same command again.",
            ) from error
        self._seq, self._hash = seq, digest
        record = Record(seq, run, at, kind, step, json.loads(text), digest)
        if self.mirror is not None:
            # A copy for others to look at; the site's database may be what is broken.
            with suppress(errors.MartError):
                self.mirror(record)
        return record

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Yield the records of a run, or of all, in the order in which they were written."""
        rows = self._file.execute(
            "SELECT seq, run, at, kind, step, data, hash FROM record WHERE ?1 IS NULL OR run = ?1 ORDER BY seq",
            (run or None,),
        )
        for seq, of, at, kind, step, data, digest in rows:
            yield Record(seq, of, datetime.fromisoformat(at), kind, step, json.loads(data), digest)

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first, each put together from its records."""
        found: dict[str, Run] = {}
        for record in self.records():
            if record.kind == "begun":
                wish = Wish.from_json(record.data["wish"])  # type: ignore[arg-type]
                found[record.run] = Run(
                    record.run,
                    wish,
                    str(record.data["plan"]),
                    record.at,
                    datetime.fromisoformat(str(record.data.get("commanded_at", record.at))),
                    int(str(record.data.get("epoch", 0))),
                    who=str(record.data.get("who", "")),
                    version=int(str(record.data.get("version", 1))),
                )
            if record.run in found:
                found[record.run].take(record)
        return list(found.values())

    def run(self, wanted: str) -> Run:
        """Return the run whose id begins so.

        Raises:
            UnknownRun: there is none, or there are several.
        """
        found = [run for run in self.runs() if run.id.startswith(wanted)]
        if len(found) != 1:
            raise errors.UnknownRun(
                f'"{wanted}" is the beginning of {len(found) or "no"} runs', hint="List them with: twinmart runs list."
            )
        return found[0]

    def open_runs(self) -> list[Run]:
        """Return the runs that were begun and have not ended: one at most, and those that yield to it."""
        return [run for run in self.runs() if run.state == "open"]

    def open_run(self) -> Run | None:
        """Return the newest run that was begun and has not ended."""
        return next(reversed(self.open_runs()), None)

    def timings(self) -> dict[str, int]:
        """Return for each step how long it took as a rule: the median of all runs, milliseconds."""
        spent: dict[str, list[int]] = {}
        for run in self.runs():
            for name, taken in run.steps.items():
                if taken.state == "done":
                    spent.setdefault(name, []).append(taken.spent_ms)
        return {name: round(median(times)) for name, times in spent.items()}

    def _open(self) -> sqlite3.Connection:
        try:
            if self.path is None:
                file = sqlite3.connect(":memory:", check_same_thread=False)
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                self.path.chmod(0o600)
                file = sqlite3.connect(self.path, timeout=5, check_same_thread=False)
            # A record is announced by nothing but itself: it is on the disk, and so is the entry in its folder.
            file.execute("PRAGMA synchronous = EXTRA")
            file.execute(_SHAPE)
            file.commit()
        except (OSError, sqlite3.OperationalError) as error:
            raise errors.JournalNotWritten(
                f'the journal "{self.path}" cannot be opened', detail=str(error), hint="Nothing was changed."
            ) from error
        except sqlite3.DatabaseError:
            return self._put_aside()
        return file

    def _put_aside(self) -> sqlite3.Connection:
        """Keep a file that was damaged or changed under another name and begin anew.

        A night without a journal is bad, one without a failover worse; and what is so the sites say themselves.
        """
        assert self.path is not None  # noqa: S101  what is in memory is never damaged
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        self.path.replace(aside)
        self.notes.append(f'the journal was damaged and is kept as "{aside.name}"; a new one was begun')
        return self._open()

    def _check(self) -> None:
        """Walk the chain; forget a last record that was not written whole, trust no chain that is broken elsewhere."""
        try:
            rows = self._file.execute("SELECT seq, run, at, kind, step, data, hash FROM record ORDER BY seq").fetchall()
        except sqlite3.DatabaseError:
            self._file.close()
            self._file, rows = self._put_aside(), []
        for number, (seq, run, at, kind, step, data, digest) in enumerate(rows, 1):
            if digest == _hash(self._hash, run, at, kind, step, data) and seq == self._seq + 1:
                self._seq, self._hash = seq, digest
                continue
            if number < len(rows):
                self._file.close()
                self._seq, self._hash = 0, ""
                self._file = self._put_aside()
                return
            with self._file:
                self._file.execute("DELETE FROM record WHERE seq = ?", (seq,))
            self.notes.append(f"the last record of the journal, {seq}, was not written whole and is left out")


def _hash(before: str, *parts: str | None) -> str:
    return sha256(json.dumps([before, *parts]).encode()).hexdigest()
