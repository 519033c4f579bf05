"""What a PostgreSQL server must be like to hold a mart and its standby, as a table of rules."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.site.mart import READER


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What was found: the server's settings and the rights of the role that we log in with."""

    version: int
    wal_level: str
    commit_timestamps: bool
    checksums: bool
    fsync: bool
    full_page_writes: bool
    autovacuum: bool
    slots: int
    senders: int
    locks: int
    slot_keep_mb: int | None
    clock_at: datetime
    may_replicate: bool
    may_create: bool
    has_reader: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: how it is judged, how bad it is when broken, what is said either way, and the mend."""

    holds: Callable[[ServerFacts], bool]
    verdict: Literal["warning", "wrong"]
    right: str
    broken: str
    mend: str


RULES = (
    Rule(
        lambda facts: facts.wal_level == "logical",
        "wrong",
        "changes can be replicated",
        "wal_level is {wal_level}",
        "Set wal_level = logical and restart the server; without it there is no standby.",
    ),
    Rule(
        lambda facts: facts.commit_timestamps,
        "warning",
        "commit times are kept",
        "track_commit_timestamp is off",
        "Set track_commit_timestamp = on and restart the server; conflicts cannot be dated without it.",
    ),
    Rule(
        lambda facts: facts.slots >= 4 and facts.senders >= 4,
        "wrong",
        "there is room for replication",
        "only {slots} replication slots and {senders} WAL senders",
        "Set max_replication_slots and max_wal_senders to 10 and restart the server.",
    ),
    Rule(
        lambda facts: facts.slot_keep_mb not in (None, -1),
        "warning",
        "the WAL kept for a dead standby is bounded",
        "max_slot_wal_keep_size is unlimited",
        "Set max_slot_wal_keep_size, to 20GB for example: a standby that stays away must not fill the disk.",
    ),
    Rule(
        lambda facts: facts.locks >= 256,
        "warning",
        "there is room for the locks of partitions",
        "max_locks_per_transaction is {locks}",
        "Set max_locks_per_transaction = 512 and restart the server.",
    ),
    Rule(
        lambda facts: facts.fsync and facts.full_page_writes,
        "wrong",
        "commits survive a power cut",
        "fsync or full_page_writes is off",
        "Set both on; a power cut may destroy the mart.",
    ),
    Rule(
        lambda facts: facts.checksums,
        "warning",
        "pages have checksums",
        "data checksums are off",
        "Stop the server and run pg_checksums --enable; without them nobody notices a disk that forgets.",
    ),
    Rule(
        lambda facts: facts.autovacuum,
        "warning",
        "autovacuum runs",
        "autovacuum is off",
        "Set autovacuum = on.",
    ),
    Rule(
        lambda facts: facts.may_create,
        "wrong",
        "our role may create what the mart needs",
        "our role may not create schemas",
        "Let our role own the database.",
    ),
    Rule(
        lambda facts: facts.has_reader,
        "wrong",
        "there is a role for readers",
        f'there is no role "{READER}"',
        f"Let the administrator run: CREATE ROLE {READER} LOGIN. Then: twinmart init.",
    ),
)


def server_facts(connection: Connection) -> ServerFacts:
    """Ask the server what it is like."""
    with connection.cursor(row_factory=class_row(ServerFacts)) as cursor:
        found = cursor.execute(sql_text("watch/server_facts"), {"reader": READER}).fetchone()
    assert found is not None  # noqa: S101  our own role exists
    return found


def judge(facts: ServerFacts) -> Iterator[tuple[Literal["right", "warning", "wrong"], str, str | None]]:
    """Yield for each rule the verdict, what is said, and the mend where it is broken."""
    for rule in RULES:
        if rule.holds(facts):
            yield "right", rule.right, None
        else:
            yield rule.verdict, rule.broken.format(**asdict(facts)), rule.mend
