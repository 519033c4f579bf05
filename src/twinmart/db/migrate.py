"""Applies the numbered migrations of ``sql/migrations`` to a mart, forward only, and knows what version a mart is at.

A migration is a file ``NNNN_name.sql``, numbered from 0001 without holes, applied as a whole in one transaction and
recorded in ``ops.schema_version`` with the hash of its text. That table is local to the site: each site knows its own.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from twinmart import errors
from twinmart.db.connect import Connection, advisory_lock, mapped_errors
from twinmart.db.sqlfiles import migration_files

_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")

# The ground on which migrations stand: what this package itself reads. It cannot be one of them.
_GROUND = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.schema_version (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON SCHEMA ops IS 'What concerns this site alone; never replicated.';
COMMENT ON TABLE ops.schema_version IS 'Migrations applied to the mart of this site.';
COMMENT ON COLUMN ops.schema_version.version IS 'Number of the migration, from 1 without holes.';
COMMENT ON COLUMN ops.schema_version.name IS 'Name of the migration, from its file.';
COMMENT ON COLUMN ops.schema_version.sha256 IS 'SHA-256 of the text that was applied, in hexadecimal digits.';
COMMENT ON COLUMN ops.schema_version.applied_at IS 'When it was applied, at this site.';
CREATE TABLE IF NOT EXISTS ops.partition_rule (
    schema_name   text    NOT NULL,
    table_name    text    NOT NULL,
    key_kind      text    NOT NULL CHECK (key_kind IN ('timestamptz', 'epoch')),
    interval_days integer NOT NULL CHECK (interval_days > 0),
    PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE ops.partition_rule IS 'How each partitioned table is divided; read when partitions are made ahead.';
COMMENT ON COLUMN ops.partition_rule.schema_name IS 'Schema of the partitioned table.';
COMMENT ON COLUMN ops.partition_rule.table_name IS 'Name of the partitioned table.';
COMMENT ON COLUMN ops.partition_rule.key_kind IS 'What its key is: timestamptz, or epoch for seconds as bigint.';
COMMENT ON COLUMN ops.partition_rule.interval_days IS 'Width of a partition in days of UTC.';
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered migration: its text and the hash by which it is known again."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, in hexadecimal digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.version:04} {self.name}"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What version a mart is at, and what version this program would bring it to; 0 is an empty database."""

    version: int
    latest: int

    @property
    def is_current(self) -> bool:
        """Whether mart and program are at the same version."""
        return self.version == self.latest

    def obstacle(self) -> errors.MartError | None:
        """Return why this program cannot work with the mart as it is, or None."""
        if self.version > self.latest:
            return _newer(self.version, self.latest)
        if self.version == 0 < self.latest:
            return errors.NotInitialised("the database holds no mart yet", hint="Make it with: twinmart init.")
        if self.version < self.latest:
            return errors.MartBehind(
                f"the mart is at version {self.version}, this program needs {self.latest}",
                hint="Migrate it with: twinmart init.",
            )
        return None


def known_migrations() -> list[Migration]:
    """Return the migrations of this program in order.

    Raises:
        ValueError: a file is misnamed or a number is missing or doubled; a mistake of ours.
    """
    migrations = []
    for file_name, text in migration_files():
        parts = _FILE_NAME.fullmatch(file_name)
        if parts is None:
            raise ValueError(f"migration file {file_name} is not named NNNN_name.sql")
        migrations.append(Migration(int(parts["version"]), parts["name"], text))
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError("migrations are not numbered from 0001 without holes")
    return migrations


def schema_state(connection: Connection, known: Sequence[Migration] | None = None) -> SchemaState:
    """Read what version the mart is at; changes nothing, also where there is no mart."""
    known = known_migrations() if known is None else known
    return SchemaState(len(_applied(connection)), len(known))


def migrate(connection: Connection, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Bring the mart to this program's version and return what was applied, which is nothing when it is there already.

    Each migration is one transaction; when one stops, those before it stay. A second process that migrates the same
    mart waits until the first is done. The connection must not be in a transaction.

    Raises:
        MigrationChanged: an applied migration differs from the program's; nothing was changed.
        MartNewer: the mart has migrations that this program does not know; nothing was changed.
        MigrationFailed: a migration raised an error and was rolled back.
    """
    known = known_migrations() if known is None else known
    with advisory_lock(connection, "migrate", wait=True):
        applied = _applied(connection)
        _check_history(applied, known)
        pending = known[len(applied) :]
        if pending:
            with connection.transaction():
                connection.execute(_GROUND)
        for migration in pending:
            _apply(connection, migration)
    return list(pending)


def _applied(connection: Connection) -> list[tuple[int, str, str]]:
    with connection.transaction():
        exists = connection.execute("SELECT to_regclass('ops.schema_version') IS NOT NULL").fetchone()
        if exists != (True,):
            return []
        return connection.execute("SELECT version, name, sha256 FROM ops.schema_version ORDER BY version").fetchall()


def _check_history(applied: Sequence[tuple[int, str, str]], known: Sequence[Migration]) -> None:
    """Refuse a mart whose history is not the beginning of the program's."""
    for (version, name, sha256), migration in zip(applied, known, strict=False):
        if (version, name, sha256) != (migration.version, migration.name, migration.sha256):
            raise errors.MigrationChanged(
                f'migration {version:04} "{name}" is not the one that was applied to this mart',
                detail=f'applied: "{name}", SHA-256 {sha256}\nprogram: "{migration.name}", SHA-256 {migration.sha256}',
                hint="Nothing was changed. Install the release that the mart was migrated with, or a newer one.",
            )
    if len(applied) > len(known):
        raise _newer(len(applied), len(known))


def _newer(version: int, latest: int) -> errors.MartNewer:
    return errors.MartNewer(
        f"the mart is at version {version}, this program knows only {latest}",
        hint="Nothing was changed. Install the release that the mart was migrated with, or a newer one.",
    )


def _apply(connection: Connection, migration: Migration) -> None:
    try:
        with mapped_errors(), connection.transaction():
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO ops.schema_version (version, name, sha256) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.sha256),
            )
    except (psycopg.Error, errors.StepFailed, errors.DataError, errors.NotAllowed) as error:
        told = error.detail if isinstance(error, errors.MartError) else str(error)
        raise errors.MigrationFailed(
            f"migration {migration} could not be applied",
            detail=told,
            hint="It was rolled back, those before it are applied. Run the same command again when its cause is gone.",
        ) from error
