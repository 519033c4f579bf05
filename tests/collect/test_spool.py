"""The spool: what was accepted comes out again, once and in order, whatever happened to the process and the disk."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinmart.collect import spool as spool_module
from twinmart.collect.records import Record, Tag
from twinmart.collect.spool import Spool
from twinmart.errors import SpoolFull, SpoolTakenTwice


def events(*texts: str) -> list[Record]:
    return [Record(Tag.EVENTS, text.encode()) for text in texts]


def taken(spool: Spool, position: int = 0, most: int = 1 << 20) -> list[str]:
    found: list[str] = []
    while True:
        records, after, damage = spool.take(position, most)
        found += [record.payload.decode() for record in records]
        if damage is not None:
            found.append("(damage)")
        if after == position:
            return found
        position = after


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool.open(tmp_path / "spool")
    yield opened
    opened.close()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 100)


def again(spool: Spool, folder: Path) -> Spool:
    spool.close()
    return Spool.open(folder)


def test_what_was_accepted_comes_out_in_order_and_stays_until_it_is_forgotten(spool: Spool) -> None:
    spool.append(events("one", "two"))
    spool.append([Record.of(Tag.SESSION_END, reason="x")])
    records, position, _ = spool.take(0, 1 << 20)
    assert [record.tag for record in records] == [Tag.EVENTS, Tag.EVENTS, Tag.SESSION_END]
    assert records[2].parameters() == {"reason": "x"}
    assert position == spool.end
    assert taken(spool)[:2] == ["one", "two"]


def test_it_outlives_its_process_with_its_identity(spool: Spool, tmp_path: Path) -> None:
    spool.append(events("one"))
    identity = spool.spool_id
    spool = again(spool, tmp_path / "spool")
    spool.append(events("two"))
    assert (spool.spool_id, taken(spool)) == (identity, ["one", "two"])


@pytest.mark.usefixtures("small_segments")
def test_segments_that_were_taken_are_removed(spool: Spool, tmp_path: Path) -> None:
    for number in range(50):
        spool.append(events(f"{number:030}"))
    assert len(segments(tmp_path / "spool")) > 10
    _, position, _ = spool.take(0, 200)
    spool.forget(position)
    assert spool.oldest <= position
    assert len(taken(spool, position)) == 50 - position // 39
    spool.forget(spool.end)
    assert len(segments(tmp_path / "spool")) == 1
    assert taken(spool, spool.end) == []


@pytest.mark.usefixtures("small_segments")
@given(
    batches=st.lists(st.lists(st.text(max_size=80), min_size=1, max_size=4), max_size=12),
    most=st.integers(1, 300),
    data=st.data(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_appending_taking_forgetting_and_restarting_loses_and_doubles_nothing(
    batches: list[list[str]], most: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, position, out = Spool.open(folder), 0, list[str]()
    for batch in batches:
        spool.append(events(*batch))
        match data.draw(st.sampled_from(["nothing", "take", "restart", "torn"])):
            case "take":
                records, position, _ = spool.take(position, most)
                out += [record.payload.decode() for record in records]
                spool.forget(position)
            case "restart":
                spool = again(spool, folder)
            case "torn":
                spool.close()
                with segments(folder)[-1].open("ab") as file:
                    file.write(data.draw(st.sampled_from([b"\0" * 30, b"\0\0\0\x50abcdefgh", b"x"])))
                spool = Spool.open(folder)
    out += taken(spool, position, most)
    spool.close()
    assert out == [text for batch in batches for text in batch]


def test_a_record_larger_than_what_was_asked_for_comes_out_whole(spool: Spool) -> None:
    spool.append(events("x" * 5000, "y"))
    assert [len(text) for text in taken(spool, most=10)] == [5000, 1]


def test_one_process_at_a_time_has_it(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolTakenTwice) as caught:
        Spool.open(tmp_path / "spool")
    assert caught.value.code == "TM320"


def test_a_reader_is_woken_by_what_is_appended(spool: Spool) -> None:
    woken: list[bool] = []
    reader = threading.Thread(target=lambda: woken.append(spool.wait_beyond(0, 20)))
    reader.start()
    spool.append(events("one"))
    reader.join()
    assert woken == [True]
    assert not spool.wait_beyond(spool.end, 0.001)


@pytest.mark.usefixtures("small_segments")
def test_a_damaged_segment_is_told_of_once_skipped_and_kept(spool: Spool, tmp_path: Path) -> None:
    for text in ("a" * 60, "b" * 60, "c" * 60, "d" * 60):
        spool.append(events(text))
    first, second, *_ = segments(tmp_path / "spool")
    data = bytearray(first.read_bytes())
    data[-5] ^= 1
    first.write_bytes(data)
    position, out = 0, list[str]()
    while position < spool.end:
        records, position, damage = spool.take(position, 1000)
        out += [record.payload.decode()[:1] for record in records]
        out += [damage.code] if damage is not None else []
        spool.forget(position)
    assert out == ["a", "TM720", "c", "d"]
    assert [path.name for path in tmp_path.glob("spool/*.damaged")] == [first.with_suffix(".damaged").name]
    assert not second.exists() or second in segments(tmp_path / "spool")


def test_damage_in_the_newest_segment_does_not_take_the_rest_of_the_spool_along(spool: Spool, tmp_path: Path) -> None:
    spool.append(events("one", "two", "three"))
    spool.close()
    (only,) = segments(tmp_path / "spool")
    only.write_bytes(only.read_bytes().replace(b"two", b"twx"))
    spool = Spool.open(tmp_path / "spool")
    spool.append(events("four"))
    assert taken(spool) == ["one", "(damage)", "four"]
    spool.close()


def test_beyond_a_limit_nothing_is_accepted_until_something_was_taken(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool", limit_bytes=100)
    spool.append(events("x" * 80))
    spool.append(events("a batch is not parted", "y" * 80))
    with pytest.raises(SpoolFull, match="limit"):
        spool.append(events("z"))
    assert taken(spool) == ["x" * 80, "a batch is not parted", "y" * 80]
    spool.forget(spool.end)
    spool.append(events("z"))
    spool.close()


def test_what_the_database_has_is_never_given_out_again_by_an_older_copy_of_the_spool(spool: Spool) -> None:
    spool.append(events("one"))
    ahead = spool.end + 1000
    spool.go_to(ahead)
    spool.append(events("two"))
    assert taken(spool, ahead) == ["two"]


def test_a_disk_without_room_is_an_error_and_going_on_is_possible_when_there_is_some(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool")
    spool.append(events("before"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(SpoolFull) as caught:
            spool.append(events("lost?" * 1000))
        assert caught.value.code == "TM420"
        assert caught.value.detail == os.strerror(27)
        spool.append(events("small"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append(events("after" * 1000))
    assert taken(spool) == ["before", "small", "after" * 1000]
    spool = again(spool, tmp_path / "spool")
    assert len(taken(spool)) == 3
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a quarter of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.faults("D1")
def test_a_full_file_system_takes_nothing_more_until_something_was_taken_out(small_disk: Path) -> None:
    spool, accepted = Spool.open(small_disk / "spool"), 0

    def fill() -> None:
        nonlocal accepted
        while True:
            spool.append(events(f"{accepted:04}" * 500))
            accepted += 1

    with pytest.raises(SpoolFull, match="cannot be written") as caught:
        fill()
    assert caught.value.detail == os.strerror(28)
    assert accepted > 50
    _, position, _ = spool.take(0, 50_000)
    spool.forget(position)
    spool.append(events("there is room"))
    assert taken(spool, position)[-1] == "there is room"
    assert len(taken(spool)) == accepted + 1 - (spool.oldest // 2009)
    spool.close()


APPENDER = """
import sys
from pathlib import Path
from twinmart.collect.records import Record, Tag
from twinmart.collect.spool import Spool
spool = Spool.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    spool.append([Record(Tag.EVENTS, b"%d " % number * (number % 700 + 1))])
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    last = -1
    for _ in range(6):
        command = [sys.executable, "-c", APPENDER, str(tmp_path / "spool"), str(last + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(40):
                last = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            # What it said before it died counts too.
            last = max([last, *map(int, process.stdout.read().split())])
        spool = Spool.open(tmp_path / "spool")
        numbers = [int(text.split()[0]) for text in taken(spool)]
        spool.close()
        # The record that was accepted but not yet told may be there as well.
        assert numbers == list(range(len(numbers)))
        assert last + 1 <= len(numbers) <= last + 2
        last = len(numbers) - 1
