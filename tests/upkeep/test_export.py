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
import structlog

from tests.etl.story import DAWN, Switch
from tests.support import Mart
from tests.upkeep.stories import DAY_S, maintained, queue_call
from tests.userdata.calls import mapped
from twinmart import errors
from twinmart.config.store import Store
from twinmart.config.userdata import end_key
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
            part = (str(grave["fact_part"]),) if grave["fact_part"] else ()
            self.tables.get(grave["table_name"], {}).pop(key + part, None)
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


def set_export(mart: Mart, **values: str) -> None:
    store = Store(mart.connect(autocommit=True), author="test")
    for name, value in values.items():
        store.set_option("application", "mart", "gim-export", name.replace("_", "-"), value)


def manifest_of(folder: Path, number: int = -1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((increments(folder)[number] / "manifest.json").read_text())
    return found


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_user_data_come_as_increments_too_and_what_was_deleted_is_known(
    mart: Mart, scratch: Path, file_format: str
) -> None:
    switch = Switch(mart)
    for number, key in enumerate(("Colour", "Size"), 1):
        mapped(switch, key, f"irf_user_data_cust_{number}.custom_data_1")
    queue_call(switch, 100, 1)
    switch.attach(110, "c1", "Colour", "red")
    switch.attach(111, "c1", "Size", "large")
    switch.hear()
    consumer = Consumer()
    first = exported(mart, scratch, file_format)
    (known,) = [one for one in manifest_of(scratch)["files"] if one["table"] == "irf_user_data_cust"]
    assert known["kind"] == "increment"
    assert known["rows"] == len(switch.rows("SELECT FROM mart.irf_user_data_cust")) > 0
    queue_call(switch, 300, 11)
    switch.hear()
    exported(mart, scratch, file_format)
    (none,) = [one for one in manifest_of(scratch)["files"] if one["table"] == "irf_user_data_cust"]
    assert none["rows"] == 0, "nothing of it changed"
    # One of the two is collected no more when news of the call comes; the other row of the same fact stays.
    end_key(Store(switch.mart, author="test"), "Size")
    switch.attach(112, "c1", "Other", "x")
    switch.hear()
    third = exported(mart, scratch, file_format)
    assert third["from_audit_key"] > first["to_audit_key"]
    for increment in increments(scratch):
        consumer.apply(increment)
    for table in ("irf_user_data_cust", "irf_user_data_keys", "irf_user_data_gen_1", "irf_user_data_discard"):
        key = next(one["key"] for one in manifest_of(scratch)["files"] if one["table"] == table)
        assert set(consumer.tables[table]) == keys_in_mart(mart, table, key), table
    assert {key[-1] for key in consumer.tables["irf_user_data_cust"]} == {"1"}


def test_an_export_shows_one_moment_while_loads_go_on(mart: Mart, scratch: Path) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    loaded: list[int] = []

    def load_more(message: str) -> None:
        if not loaded:
            queue_call(switch, 300, 11)
            loaded.append(switch.hear().interactions)

    set_export(mart, thread_pool_size="1")
    done = exported(mart, scratch, tell=load_more)
    assert loaded == [1]
    assert done["to_audit_key"] == manifest_of(scratch)["to_audit_key"]
    counts = {one["table"]: one["rows"] for one in manifest_of(scratch)["files"]}
    assert (counts["interaction_fact"], counts["interaction_resource_fact"]) == (1, 1)
    assert exported(mart, scratch)["from_audit_key"] == done["to_audit_key"]


def test_options_of_the_export_do_what_they_say(mart: Mart, scratch: Path) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.call(200, "c21", "PJSIP/1", number="Jürgen")
    switch.end(210, "c21")
    queue_call(switch, DAY_S, 11)
    switch.hear()
    set_export(mart, start_date="2026-11-23", output_files_encoding="latin-1", output_directory=str(scratch / "set"))
    done = export(1, {1: mart.dsn}, stop=threading.Event(), beside=scratch / "beside")
    assert Path(done["folder"]).parent == scratch / "set"  # type: ignore[arg-type]
    manifest = manifest_of(scratch / "set")
    assert (manifest["format"], manifest["encoding"], manifest["start_date"]) == ("csv", "latin-1", "2026-11-23")
    assert next(one["rows"] for one in manifest["files"] if one["table"] == "interaction_fact") == 1
    set_export(mart, start_date="2026-11-22")
    with pytest.raises(errors.ExportElsewhere, match="another start date"):
        exported(mart, scratch / "set")
    exported(mart, scratch / "all")
    with zipfile.ZipFile(increments(scratch / "all")[0] / "interaction_fact.csv.zip") as archive:
        assert "Jürgen" in archive.read("interaction_fact.csv").decode("latin-1")
    set_export(mart, output_files_encoding="ascii")
    with pytest.raises(errors.WrongSetting, match="cannot be written as ascii"):
        exported(mart, scratch / "ascii")
    assert increments(scratch / "ascii") == []
    with pytest.raises(errors.WrongConfiguration, match="klingon"):
        set_export(mart, output_files_encoding="klingon")
    set_export(mart, output_files_encoding="utf8", use_export_views="true")
    exported(mart, scratch / "views")
    with zipfile.ZipFile(increments(scratch / "views")[0] / "interaction_fact.csv.zip") as archive:
        header, *rows = archive.read("interaction_fact.csv").decode().splitlines()
    assert header.startswith("interaction_id,tenant_key,start_date_time_key")
    assert "start_ts" in header.split(",")
    assert len(rows) == 3
    set_export(mart, output_files_encoding="latin-1")
    with pytest.raises(errors.ExportElsewhere, match="of tables"):
        exported(mart, scratch / "all")


def test_a_table_that_cannot_be_read_is_tried_again_and_in_the_end_nothing_is_written(
    mart: Mart, scratch: Path
) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    connection = mart.connect(autocommit=True)
    set_export(mart, retry_delay_seconds="1")
    # The owner may not read its own table for a while.
    connection.execute("REVOKE SELECT ON mart.media_type FROM twinmart")
    with structlog.testing.capture_logs() as lines, pytest.raises(errors.NotAllowed):
        exported(mart, scratch)
    assert [line["left"] for line in lines if line["event"] == "export.repeated"] == [2, 1]
    assert increments(scratch) == []

    def allow() -> None:
        connection.execute("GRANT SELECT ON mart.media_type TO twinmart")

    timer = threading.Timer(0.5, allow)
    timer.start()
    assert exported(mart, scratch)["folder"] is not None
    timer.join()
