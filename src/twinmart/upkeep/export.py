"""Exports the dimensional model in increments: what changed in the facts since the last one, and all dimensions.

An increment is a folder ``NNNNNNNNNNNN-NNNNNNNNNNNN`` named by the loads in it, with a file for each table and
``manifest.json``. It is written beside its place and renamed when all of it is on disk, so a folder that is there is
whole; what an export that was broken off left behind is thrown away by the next one, which begins anew.

All tables are read in one snapshot of the mart, several at a time, while loads go on.

Who applies increments in their order has the mart: for each fact table first take out the rows of ``tombstone`` and
those before the cut-offs in the manifest, then put the file's rows in the place of those with the same key; a dimension
is replaced whole. A tombstone's ``fact_part`` is what a key has beyond tenant, interval and fact.
"""

import csv
import hashlib
import io
import json
import os
import shutil
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow

from twinmart import errors
from twinmart.config.options import Options
from twinmart.db.connect import mapped_error, session
from twinmart.db.sqlfiles import sql_text
from twinmart.upkeep.work import Work, work_at

log = structlog.get_logger(__name__)

MANIFEST = "manifest.json"
ROWS_AT_A_TIME = 20_000

# A table that cannot be exported is tried so often.
TRIES = 3

FORMATS = ("csv", "parquet")

_ELSEWHERE = "Nothing was written. Export to an empty folder, which begins with everything: twinmart export --to DIR."


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the mart; a fact has audit keys and is exported by them. ``schema`` is where it is read."""

    name: str
    is_fact: bool
    key: tuple[str, ...]
    has_view: bool = False
    schema: str = "mart"


@dataclass(frozen=True, slots=True)
class _How:
    """How increments are written; those of one folder are all written alike, so that they belong together."""

    format: str
    encoding: str
    start_date: date | None
    is_of_views: bool
    threads: int
    retry_s: int

    @classmethod
    def of(cls, options: Options, file_format: str | None) -> "_How":
        """Read the options.

        Raises:
            WrongSetting: the format is not known.
        """
        chosen = file_format or options.text("gim-export", "output-format")
        if chosen not in FORMATS:
            raise errors.WrongSetting(f'"{chosen}" is no format of exports', hint="Choose parquet or csv.")
        if chosen == "parquet":
            _pyarrow()
        return cls(
            chosen,
            options.text("gim-export", "output-files-encoding"),
            options.day("gim-export", "start-date"),
            options.flag("gim-export", "use-export-views"),
            options.number("gim-export", "thread-pool-size"),
            options.number("gim-export", "retry-delay-seconds"),
        )

    @property
    def alike(self) -> dict[str, object]:
        """What a manifest tells and all increments of a folder have in common."""
        start = self.start_date.isoformat() if self.start_date else None
        encoding = self.encoding if self.format == "csv" else None
        return {"format": self.format, "encoding": encoding, "start_date": start, "views": self.is_of_views}

    @property
    def start_key(self) -> int:
        """First interval of facts that are exported."""
        return int(datetime.combine(self.start_date, time(), UTC).timestamp()) if self.start_date else 0


def export(
    site: int,
    dsns: Mapping[int, str],
    *,
    stop: threading.Event,
    tell: Callable[[str], None] | None = None,
    to: Path | None = None,
    file_format: str | None = None,
    beside: Path | None = None,
) -> Mapping[str, object]:
    """Write the next increment below the folder ``to``; return what is in it, with ``folder`` None if nothing is new.

    Without ``to`` the folder is that of ``[gim-export] output-directory``; where that is not set, ``beside``.

    Raises:
        LockHeld: maintenance, or another export, runs at this site.
        ExportElsewhere: the folder holds increments that were written otherwise, or of another mart.
        WrongSetting: no folder is known, or the format is none that can be written.
        StepFailed: a table could not be exported, several times; nothing was written.
    """
    with work_at(site, dsns, "export") as work:
        how = _How.of(work.options, file_format)
        folder = _target(work, to, beside)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(".*.part"):
            shutil.rmtree(left)
        from_key = _exported(folder, how, _last_load(work))
        with work.mart.transaction():
            work.mart.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            manifest = _Increment(work, dsns[site], folder, how, from_key, stop, tell).write()
        if manifest is not None and work.is_active:
            _record(work, manifest)
    return _summary(site, folder, manifest, from_key)


class _Increment:
    """One increment on its way to disk; the transaction of ``work`` gives the snapshot that all its files show."""

    def __init__(
        self,
        work: Work,
        dsn: str,
        folder: Path,
        how: _How,
        from_key: int,
        stop: threading.Event,
        tell: Callable[[str], None] | None,
    ) -> None:
        self.work, self.dsn, self.folder, self.how, self.from_key = work, dsn, folder, how, from_key
        self.stop, self.tell = stop, tell
        self.to_key = _last_load(work)
        self.snapshot = str((work.mart.execute("SELECT pg_export_snapshot()").fetchone() or ("",))[0])

    def write(self) -> dict[str, Any] | None:
        """Write all files and the manifest, rename the folder, and return the manifest; None if nothing was to do."""
        if self.to_key <= self.from_key:
            return None
        started_at = datetime.now(UTC)
        name = f"{self.from_key:012}-{self.to_key:012}"
        place = self.folder / f".{name}.part"
        place.mkdir(mode=0o700)
        files = self._files(place)
        if files is None:
            shutil.rmtree(place)
            return None
        manifest = {
            "v": 1,
            "export_key": str(uuid.uuid4()),
            "site": self.work.site,
            **self.how.alike,
            "from_audit_key": self.from_key,
            "to_audit_key": self.to_key,
            "started_at": started_at.isoformat(),
            "ended_at": datetime.now(UTC).isoformat(),
            "purged_before": {kind: at.isoformat() for kind, at in _cut_offs(self.work).items()},
            "gaps": list(_gaps(self.work)),
            "files": files,
        }
        _write_durably(place / MANIFEST, json.dumps(manifest, indent=2).encode())
        _sync(place)
        place.rename(self.folder / name)
        _sync(self.folder)
        return {**manifest, "name": name}

    def _files(self, place: Path) -> list[dict[str, Any]] | None:
        """Write the files, as many at a time as the options say; None when told to stop."""
        tables = (*_tables(self.work, self.how), _Table("tombstone", is_fact=True, key=()))
        files: list[dict[str, Any]] = []
        with ThreadPoolExecutor(min(self.how.threads, len(tables)), "export") as threads:
            try:
                for table, written in zip(
                    tables, threads.map(lambda table: self._file_patiently(place, table), tables), strict=True
                ):
                    if written is None:
                        return None
                    files.append(written)
                    if self.tell:
                        self.tell(f"{table.name}: {written['rows']:,} rows")
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return files

    def _file_patiently(self, place: Path, table: _Table) -> dict[str, Any] | None:
        """Write the file of a table; one that fails is begun anew after a while. None when told to stop."""
        for left in reversed(range(TRIES)):
            if self.stop.is_set():
                return None
            try:
                return self._file(place, table)
            except (psycopg.Error, OSError, errors.MartError) as error:
                if left == 0 or isinstance(error, errors.WrongSetting):
                    raise _failed(table, error) from error
                log.warning("export.repeated", table=table.name, left=left, again_in_s=self.how.retry_s, why=str(error))
                self.stop.wait(self.how.retry_s)
        raise AssertionError("not reached")

    def _file(self, place: Path, table: _Table) -> dict[str, Any]:
        path = place / f"{table.name}.{'parquet' if self.how.format == 'parquet' else 'csv.zip'}"
        with session(self.dsn, application_name="twinmart export") as mart:
            mart.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            mart.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self.snapshot)))
            with mart.cursor(name="export") as cursor:
                cursor.itersize = ROWS_AT_A_TIME
                cursor.execute(
                    self._query(table),
                    {"from_key": self.from_key, "to_key": self.to_key, "start_key": self.how.start_key},
                )
                if self.how.format == "parquet":
                    rows = _parquet(path, cursor)
                else:
                    rows = _csv(path, table.name, cursor, self.how.encoding)
        path.chmod(0o600)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
            os.fsync(file.fileno())
        return {
            "file": path.name,
            "table": table.name,
            "kind": "increment" if table.is_fact else "snapshot",
            "key": list(table.key),
            "rows": rows,
            "bytes": path.stat().st_size,
            "sha256": digest.hexdigest(),
        }

    def _query(self, table: _Table) -> sql.Composed:
        if table.name == "tombstone":
            return sql.SQL("{}").format(sql.SQL(sql_text("upkeep/tombstone")))
        text = "SELECT * FROM {name}"
        if table.is_fact:
            text += " WHERE update_audit_key > %(from_key)s AND update_audit_key <= %(to_key)s"
            text += " AND start_date_time_key >= %(start_key)s"
        return sql.SQL(text).format(name=sql.Identifier(table.schema, table.name))


def _failed(table: _Table, error: Exception) -> errors.MartError:
    """Return the error of an export that a table has ended."""
    if isinstance(error, errors.MartError):
        return error
    known = mapped_error(error, "the export") if isinstance(error, psycopg.Error) else None
    return known or errors.StepFailed(
        f'table "{table.name}" could not be exported, {TRIES} times',
        detail=f"{error}. Nothing was written; the next export begins with the same loads",
        hint="Mend what the detail says, then run it again: twinmart export.",
    )


def increments(folder: Path) -> list[Path]:
    """Return the whole increments below a folder in the order in which they are to be applied."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def _target(work: Work, to: Path | None, beside: Path | None) -> Path:
    named = work.options.get("gim-export", "output-directory")
    folder = to if to is not None else Path(str(named)) if named else beside
    if folder is None:
        raise errors.WrongSetting(
            "no folder is known for exports",
            hint="Name one with --to, or set it: twinmart config set application mart gim-export/output-directory=DIR.",
        )
    return folder


def _exported(folder: Path, how: _How, last_load: int) -> int:
    """Return the last load that the increments in the folder hold."""
    known = increments(folder)
    if not known:
        return 0
    manifest = json.loads((known[-1] / MANIFEST).read_bytes())
    for name, value in how.alike.items():
        was = manifest.get(name)
        if was != value:
            what = {"format": "in another format", "views": "of views and not of tables" if was else "of tables"}
            raise errors.ExportElsewhere(
                f"the increments in {folder} are {what.get(name, f'of another {name}'.replace('_', ' '))}",
                detail=f"they are of {name} {was}, asked for {value}",
                hint=_ELSEWHERE,
            )
    if manifest["to_audit_key"] > last_load:
        raise errors.ExportElsewhere(
            f"the increments in {folder} are ahead of this mart",
            detail=f"they reach to load {manifest['to_audit_key']}, the mart's last one is {last_load}",
            hint=_ELSEWHERE,
        )
    return int(manifest["to_audit_key"])


def _tables(work: Work, how: _How) -> list[_Table]:
    found = [_Table(*row) for row in work.mart.execute(sql_text("upkeep/export_table"))]
    return [replace(one, schema="gim") if how.is_of_views and one.has_view else one for one in found]


def _last_load(work: Work) -> int:
    row = work.mart.execute("SELECT value FROM ctl.counter WHERE name = 'audit'").fetchone()
    return int(row[0]) if row else 0


def _cut_offs(work: Work) -> Mapping[str, datetime]:
    found = work.mart.execute("SELECT kind, max(before_at) FROM ctl.purge_command GROUP BY kind ORDER BY kind")
    return dict(found.fetchall())


def _gaps(work: Work) -> Iterator[dict[str, object]]:
    for gap_key, source, site, cause, from_at, to_at in work.mart.execute(sql_text("upkeep/export_gap")):
        yield {
            "gap_key": gap_key, "source": source, "site": site, "cause": cause,
            "from": from_at.isoformat(), "to": to_at.isoformat() if to_at else None,
        }  # fmt: skip


def _record(work: Work, manifest: Mapping[str, Any]) -> None:
    rows = sum(one["rows"] for one in manifest["files"] if one["kind"] == "increment")
    work.mart.execute(
        "INSERT INTO ctl.export_history VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            manifest["export_key"], work.site, manifest["format"], manifest["name"], manifest["from_audit_key"],
            manifest["to_audit_key"], rows, manifest["started_at"], manifest["ended_at"],
        ),
    )  # fmt: skip


def _summary(site: int, folder: Path, manifest: Mapping[str, Any] | None, from_key: int) -> Mapping[str, object]:
    if manifest is None:
        return {
            "site": site,
            "folder": None,
            "rows": 0,
            "from_audit_key": from_key,
            "to_audit_key": from_key,
            "gaps": 0,
        }
    return {
        "site": site,
        "folder": str(folder / manifest["name"]),
        "rows": sum(one["rows"] for one in manifest["files"] if one["kind"] == "increment"),
        "from_audit_key": manifest["from_audit_key"],
        "to_audit_key": manifest["to_audit_key"],
        "gaps": len(manifest["gaps"]),
    }


def _csv(path: Path, name: str, cursor: psycopg.ServerCursor[TupleRow], encoding: str) -> int:
    """Write rows as CSV with a header, NULL as nothing, alone in a zip file.

    Raises:
        WrongSetting: a text cannot be written in this encoding; it is not changed behind anybody's back.
    """
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.csv", "w") as binary:
        file = io.TextIOWrapper(binary, encoding=encoding, newline="")
        writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        writer.writerow([column.name for column in cursor.description or ()])
        try:
            for rows in _blocks(cursor):
                writer.writerows([[_text(value) for value in row] for row in rows])
                count += len(rows)
            file.flush()
        except UnicodeEncodeError as error:
            raise errors.WrongSetting(
                f'a text of table "{name}" cannot be written as {encoding}',
                detail=f"{error.reason}. Nothing was written",
                hint="Set it: twinmart config set application mart gim-export/output-files-encoding=utf8.",
            ) from None
        file.detach()
    return count


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else value


def _parquet(path: Path, cursor: psycopg.ServerCursor[TupleRow]) -> int:
    """Write rows as Parquet; the types of the columns are those of PostgreSQL."""
    arrow, parquet = _pyarrow()
    described = cursor.description or ()
    types = {
        16: arrow.bool_(), 20: arrow.int64(), 21: arrow.int16(), 23: arrow.int32(), 701: arrow.float64(),
        1082: arrow.date32(), 1184: arrow.timestamp("us", "UTC"),
    }  # fmt: skip
    schema = arrow.schema([(column.name, types.get(column.type_code, arrow.string())) for column in described])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _blocks(cursor):
            columns = [
                arrow.array(
                    [_as_text(value) if arrow.types.is_string(kind.type) else value for value in values], kind.type
                )
                for kind, values in zip(schema, zip(*rows, strict=True), strict=True)
            ]
            writer.write_table(arrow.table(columns, schema=schema))
            count += len(rows)
    return count


def _as_text(value: object) -> str | None:
    return None if value is None else json.dumps(value) if isinstance(value, list | dict) else str(value)


def _blocks(cursor: psycopg.ServerCursor[TupleRow]) -> Iterator[Sequence[TupleRow]]:
    while rows := cursor.fetchmany(ROWS_AT_A_TIME):
        yield rows


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  an optional part of the installation
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise errors.WrongSetting(
            "this installation cannot write Parquet",
            detail="the package pyarrow is missing. Nothing was written",
            hint="Install it with: pip install 'twinmart[parquet]'; or export with --format csv.",
        ) from None
    return pa, pq


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        path.chmod(0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
