"""Loading a recording: everything once, as a live collector would, and clear words about what is wrong with a file."""

import gzip
from pathlib import Path

import psycopg
import pytest

from tests.collect.messages import SECOND, message, stream
from tests.support import Mart
from twinmart.collect import records
from twinmart.collect.backfill import CHUNK, backfill_file
from twinmart.db.connect import Connection
from twinmart.errors import NoRecording, RecordingCutOff, SourceMisconfigured

SAMPLE = Path(__file__).parents[1] / "samples" / "small.raw.gz"
SCHEMA = "idb_pbx_a"
CALLER = {"Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Linkedid": "pbx-1.1"}


@pytest.fixture
def connection(mart: Mart) -> Connection:
    return mart.connect()


def count(connection: Connection, table: str, schema: str = SCHEMA) -> int:
    select = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(schema, table))
    row = connection.execute(select).fetchone()
    assert row is not None
    return int(row[0])


def test_a_recording_loaded_twice_is_loaded_once(connection: Connection) -> None:
    first = backfill_file(connection, SCHEMA, "pbx", SAMPLE)
    assert (first.messages, first.events, first.new_events) == (6515, first.new_events, count(connection, "event"))
    assert first.events > 1000
    again = backfill_file(connection, SCHEMA, "pbx", SAMPLE)
    assert (again.events, again.new_events) == (first.events, 0)
    assert count(connection, "event") == first.events
    assert count(connection, "data_source_session") == 1


def test_its_session_spans_its_events_and_knows_the_switch(connection: Connection) -> None:
    loaded = backfill_file(connection, SCHEMA, "pbx", SAMPLE, collector="pbx_a")
    row = connection.execute(
        "SELECT collector, connected_at, disconnected_at, events, system_name, version, switch_boot_at::text"
        " FROM idb_pbx_a.data_source_session"
    ).fetchone()
    assert row == (
        *("pbx_a", loaded.first_at, loaded.last_at, loaded.events, "site3", "22.10.1+dfsg+~cs6.17.60671434-1"),
        "2026-11-22 08:51:01+00",
    )


def test_packed_or_not_is_the_same(connection: Connection, tmp_path: Path) -> None:
    plain = tmp_path / "ami.raw"
    plain.write_bytes(gzip.decompress(SAMPLE.read_bytes()))
    backfill_file(connection, SCHEMA, "pbx", SAMPLE)
    assert backfill_file(connection, SCHEMA, "pbx", plain).new_events == 0


def test_a_damaged_file_is_loaded_up_to_the_damage_and_may_be_loaded_again(
    connection: Connection, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.raw.gz"
    cut.write_bytes(SAMPLE.read_bytes()[:100_000])
    with pytest.raises(RecordingCutOff) as caught:
        backfill_file(connection, SCHEMA, "pbx", cut)
    assert caught.value.code == "TM721"
    connection.rollback()
    before = count(connection, "event")
    assert 300 < before < 1300
    assert count(connection, "bad_message") == 1
    assert backfill_file(connection, SCHEMA, "pbx", SAMPLE).new_events + before == count(connection, "event")


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty one"])
def test_no_file_is_an_error_and_an_empty_one_holds_nothing(
    content: bytes | None, connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "ami.raw"
    if content is None:
        with pytest.raises(NoRecording) as caught:
            backfill_file(connection, SCHEMA, "pbx", path)
        assert caught.value.code == "TM122"
    else:
        path.write_bytes(content)
        assert backfill_file(connection, SCHEMA, "pbx", path).events == 0


def test_events_without_time_stamps_are_refused_with_what_to_set(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "ami.raw"
    path.write_bytes(stream(*[message("Hold", None, **CALLER)] * 200))
    with pytest.raises(SourceMisconfigured) as caught:
        backfill_file(connection, SCHEMA, "pbx", path)
    assert "timestampevents = yes" in str(caught.value.hint)
    assert count(connection, "event") == 0


def test_noise_between_messages_is_kept_aside_and_the_rest_loaded(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "ami.raw"
    holds = [message("Hold", SECOND + number / 1000, **CALLER) for number in range(3000)]
    noise = [b"\x00\xff" * 10, b"GET / HTTP/1.1", b"z" * (CHUNK + 5), message("Hangup")]
    path.write_bytes(stream(holds[0], noise[0], *holds[1:1000], noise[1], *holds[1000:], *noise[2:]) + b"Event: Ho")
    loaded = backfill_file(connection, SCHEMA, "pbx", path)
    assert loaded.new_events == count(connection, "event") == 3000
    assert loaded.kept_aside == {"not-a-message": 2, "too-long": 1, "missing-key: Uniqueid": 1, "cut-off": 1}
    assert count(connection, "bad_message") == 5


def test_a_stream_of_noise_does_not_fill_the_database(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_KEPT_ASIDE", 7)
    path = tmp_path / "ami.raw"
    path.write_bytes(stream(message("Hold", **CALLER), *[b"noise"] * 20))
    assert backfill_file(connection, SCHEMA, "pbx", path).kept_aside == {"not-a-message": 20}
    assert count(connection, "bad_message") == 7


def test_two_sources_keep_to_themselves(connection: Connection) -> None:
    backfill_file(connection, SCHEMA, "pbx", SAMPLE)
    other = backfill_file(connection, "idb_other_a", "other", SAMPLE)
    same = connection.execute("SELECT count(*) FROM idb_pbx_a.event JOIN idb_other_a.event USING (event_id)").fetchone()
    assert (other.new_events, same) == (other.events, (0,))


@pytest.mark.parametrize("run", ["site1", "edges", "crash", "crash/after"])
def test_whole_recordings_are_loaded_without_a_message_that_is_not_understood(
    run: str, recordings: Path, connection: Connection
) -> None:
    loaded = backfill_file(connection, SCHEMA, "pbx", recordings / run / "ami.raw.gz")
    assert loaded.new_events == loaded.events == count(connection, "event")
    assert loaded.kept_aside == {}
