"""D1 to D3: disks that are full, a slot at risk and lost, a page that a disk has spoilt."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.etl.story import Switch
from tests.faults.conftest import SETTINGS, Line, arrives, wait_until
from tests.replicate.conftest import Pair, pair_of, take_down
from tests.replicate.test_link import interactions, one_call
from tests.replicate.test_states import at, see, until, write_log
from tests.support import MartServer, running_server
from tests.watch.test_verify import looked, story
from twinmart import errors
from twinmart.replicate import link, turn

pytestmark = pytest.mark.xdist_group("faults")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a file system of its own on a folder."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.soak
def test_d1_a_standby_whose_disk_is_full_stops_and_goes_on_when_there_is_room(
    scratch: Path, own_servers: tuple[MartServer, MartServer]
) -> None:
    folder = scratch / "small"
    folder.mkdir(mode=0o755)
    with small_disk(folder, "400m"), running_server(folder, {**SETTINGS, "wal_recycle": "off"}) as target:
        pair = pair_of(own_servers[0].new_mart(), target.new_mart())
        pair.set_up()
        ballast = folder / "ballast"
        free = shutil.disk_usage(folder).free
        ballast.write_bytes(b"\0" * (free - 4 * 2**20))
        at(pair.source, b"INSERT INTO ctl.counter SELECT repeat('x', 500) || n, n FROM generate_series(1, 60000) AS n")

        def is_full() -> bool:
            with suppress(errors.SiteUnreachable):  # PostgreSQL gives up where its log has no room, and tries again
                return not see(pair, wait_s=0.2).is_ready and shutil.disk_usage(folder).free < 2**20
            return True

        wait_until(is_full)
        ballast.unlink()

        def is_back() -> bool:
            if not target.server.is_running():
                target.server.start()
            with suppress(errors.SiteUnreachable):
                return at(pair.target, b"SELECT 1") == [(1,)]
            return False

        wait_until(is_back)
        arrives(pair)
        take_down(pair)
        own_servers[0].drop(pair.mart)
        pair.other_mart.close()


@contextmanager
def limited(pair: Pair) -> Iterator[None]:
    """Let the active site keep sixteen segments for its slots; ``write_log`` takes one for each 4 MiB."""
    at(pair.source, b"ALTER SYSTEM SET max_slot_wal_keep_size = '256MB'")
    at(pair.source, b"SELECT pg_reload_conf()")
    try:
        yield
    finally:
        at(pair.source, b"ALTER SYSTEM RESET max_slot_wal_keep_size")
        at(pair.source, b"SELECT pg_reload_conf()")


def test_d2_a_slot_is_at_risk_long_before_it_is_lost_and_a_lost_one_is_rebuilt(own_line: Line) -> None:
    pair = own_line.pair
    with limited(pair):
        link.pause(pair.target)
        write_log(pair.source, 40)
        found = see(pair)
        assert found.state.name == "slot at risk"
        assert "twinmart replication" in found.state.mend
        assert found.facts.limit_bytes is not None
        assert found.facts.kept_bytes is not None
        # Told of while nothing is lost yet, and going on is all that it takes.
        assert found.facts.limit_bytes * 0.5 < found.facts.kept_bytes < found.facts.limit_bytes
        write_log(pair.source, 48)
        at(pair.source, b"CHECKPOINT")
        assert see(pair).state.name == "slot lost"
    own_line.say(b"after the slot")
    turn.rebuild(pair.source, pair.target)
    own_line.arrives()
    assert see(pair).is_ready


@pytest.mark.soak
def test_d2_going_on_in_time_saves_the_slot(own_line: Line) -> None:
    pair = own_line.pair
    with limited(pair):
        link.pause(pair.target)
        write_log(pair.source, 40)
        assert see(pair).state.name == "slot at risk"
        link.resume(pair.target)
        own_line.arrives()
        wait_until(lambda: see(pair).is_ready)


def test_d3_a_spoilt_page_at_the_standby_is_found_and_copied_anew(own_line: Line) -> None:
    pair = own_line.pair
    story(Switch(pair.mart))
    own_line.arrives()
    server = pair.target.server
    assert server is not None
    ((path,),) = at(
        pair.target,
        b"SELECT DISTINCT pg_relation_filepath(tableoid) FROM mart.interaction_fact",
    )
    at(pair.target, b"CHECKPOINT")
    server.stop()
    with (server.data / str(path)).open("r+b") as file:
        file.seek(8192 - 40)
        file.write(b"\xff" * 20)
    server.start()
    ends = {1: pair.source, 2: pair.target}
    made = looked(ends)
    assert made.verdict == "different", made.to_json()
    assert [type(error) for error in made.unknown] == [errors.DataSpoilt]
    assert "invalid page" in str(made.unknown[0].detail)
    turn.rebuild(pair.source, pair.target)
    until(pair, "streaming", wait_s=90)
    assert looked(ends).verdict == "right"
    one_call(Switch(pair.mart, "later"), 500, 71)
    own_line.arrives()
    assert interactions(pair.mart) == interactions(pair.other_mart)
