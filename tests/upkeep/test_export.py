"""Increments of the mart: applied in order to nothing they are the mart, deletions included; never half a one."""

import csv
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.etl.story import DAWN, Switch
from tests.support import Mart
from tests.upkeep.stories import maintained, queue_call
from twinmart import errors
from twinmart.db.connect import advisory_lock
from twinmart.upkeep.export import export, increments
from twinmart.upkeep.work import LOCK

Row = dict[str, Any]


def exported(mart: Mart, folder: Path, file_format: str = "csv", **more: Any) -> Mapping[str, Any]:
    return export(1, {1: mart.dsn}, stop=threading.Event(), to=folder, file_format=file_format, **more)


class Consumer:
    """A copy of the mart that knows nothing but what the increments say."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, ...], Row]] = {}

    def apply(self, increment: Path) -> None:
        manifest = json.loads((increment / "manifest.json").read_text())
        files = {one["table"]: one for one in manifest["files"]}
        rows = {name: self._read(increment, one) for name, one in files.items()}
        for grave in rows["tombstone"]:
            key = (str(grave["tenant_key"]), str(grave["start_date_time_key"]), str(grave["fact_key"]))
            self.tables.get(grave["table_name"], {}).pop(key, None)
        for name, one in files.items():
            if name == "tombstone":
                continue
            table = self.tables.setdefault(name, {})
            if one["kind"] == "snapshot":
                table.clear()
            for row in rows[name]:
                table[tuple(str(row[column]).replace("T", " ") for column in one["key"])] = row

    def _read(self, increment: Path, one: Mapping[str, Any]) -> list[Row]:
        path = increment / one["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == one["sha256"]
        if path.suffix == ".parquet":
            rows: list[Row] = pq.read_table(path).to_pylist()
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read(f"{one['table']}.csv").decode()
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == one["rows"]
        return rows


def keys_in_mart(mart: Mart, table: str, key: list[str]) -> set[tuple[str, ...]]:
    rows = mart.connect(autocommit=True).execute(f"SELECT {', '.join(key)} FROM mart.{table}".encode())
    return {tuple(map(str, row)) for row in rows}


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_row_51_all_increments_applied_in_order_are_the_mart(mart: Mart, scratch: Path, file_format: str) -> None:
    switch = Switch(mart)
    switch.member(0, "PJSIP/100")
    queue_call(switch, 100, 1)
    switch.hear()
    consumer = Consumer()
    first = exported(mart, scratch, file_format)
    assert first["from_audit_key"] == 0
    assert exported(mart, scratch, file_format)["folder"] is None
    # An earlier start of the same call moves the keys of its rows: the old ones are deleted.
    switch.call(99, "c1", "PJSIP/trunk1")
    queue_call(switch, 300, 11)
    switch.hear()
    second = exported(mart, scratch, file_format)
    assert second["from_audit_key"] == first["to_audit_key"]
    graves = (
        mart.connect(autocommit=True).execute("SELECT DISTINCT table_name FROM ctl.deleted_fact ORDER BY 1").fetchall()
    )
    assert ("interaction_fact",) in graves
    for increment in increments(scratch):
        consumer.apply(increment)
    manifest = json.loads((increments(scratch)[-1] / "manifest.json").read_text())
    tables = [one for one in manifest["files"] if one["table"] != "tombstone"]
    assert len(tables) >= 20
    for one in tables:
        assert set(consumer.tables[one["table"]]) == keys_in_mart(mart, one["table"], one["key"]), one["table"]
    durations = (
        mart.connect(autocommit=True)
        .execute("SELECT sum(duration_ms), min(update_audit_key) FROM mart.interaction_fact")
        .fetchone()
    )
    copies = consumer.tables["interaction_fact"].values()
    assert durations == (
        sum(int(row["duration_ms"]) for row in copies),
        min(int(row["update_audit_key"]) for row in copies),
    )
    history = (
        mart.connect(autocommit=True)
        .execute("SELECT from_audit_key, to_audit_key FROM ctl.export_history ORDER BY 1")
        .fetchall()
    )
    assert history == [(one["from_audit_key"], one["to_audit_key"]) for one in (first, second)]


def test_row_51_an_export_that_is_broken_off_leaves_nothing_and_is_done_anew(mart: Mart, scratch: Path) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()

    def die(message: str) -> None:
        if message.startswith("interaction_resource_fact"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(mart, scratch, tell=die)
    assert increments(scratch) == []
    assert [path.name[0] for path in scratch.iterdir()] == ["."]
    stop = threading.Event()
    stop.set()
    assert export(1, {1: mart.dsn}, stop=stop, to=scratch, file_format="csv")["folder"] is None
    assert list(scratch.iterdir()) == []
    assert exported(mart, scratch)["rows"] > 0


def test_row_51_an_export_and_maintenance_never_run_together(mart: Mart, scratch: Path) -> None:
    with advisory_lock(mart.connect(autocommit=True), LOCK):
        with pytest.raises(errors.LockHeld):
            exported(mart, scratch)
        with pytest.raises(errors.LockHeld):
            maintained(mart, DAWN)


def test_increments_of_another_format_or_a_mart_that_is_behind_are_not_added_to(mart: Mart, scratch: Path) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    exported(mart, scratch)
    with pytest.raises(errors.ExportElsewhere, match="another format"):
        exported(mart, scratch, "parquet")
    mart.connect(autocommit=True).execute("UPDATE ctl.counter SET value = value - 1 WHERE name = 'audit'")
    with pytest.raises(errors.ExportElsewhere, match="ahead"):
        exported(mart, scratch)
    with pytest.raises(errors.WrongSetting, match="xml"):
        exported(mart, scratch, "xml")


def test_the_manifest_names_what_was_purged(mart: Mart, scratch: Path) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    maintained(mart, DAWN + timedelta(days=30))
    exported(mart, scratch)
    manifest = json.loads((increments(scratch)[0] / "manifest.json").read_text())
    assert manifest["purged_before"]["gidb"].startswith("2026-12-08")
