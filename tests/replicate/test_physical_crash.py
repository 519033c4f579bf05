"""A copy of files whose process dies at any moment: the receiving server has one whole cluster, and it goes on."""

import itertools
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.etl.story import SESSION, Switch
from tests.faults.conftest import wait_until
from tests.replicate.conftest import Pair
from tests.replicate.dying import die_at, dies
from tests.replicate.test_link import one_call
from tests.replicate.test_physical import apart  # noqa: F401  a fixture
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.replicate import fence, link, physical, records, subscription
from twinmart.replicate.ends import End, reach
from twinmart.replicate.watch import look
from twinmart.site import postgres
from twinmart.site.postgres import Server, _processes_in

pytestmark = pytest.mark.xdist_group("physical")

# Everything by which a copy changes something that outlives its process.
ACTS: Sequence[tuple[Any, str]] = (
    (physical, "_run"),
    (physical, "create_database"),
    (shutil, "rmtree"),
    (Server, "start_held"),
    (Server, "stop"),
    (Path, "replace"),
    (postgres, "_to_disk"),
    (records, "begin"),
    (records, "move"),
    (fence, "raise_"),
    (subscription, "adopt"),
)


def copy_and_die(source: End, target: End, moment: int, only: str = "") -> None:
    """Copy, and die at a moment; ``only`` names the one act that counts."""
    die_at(moment, [(place, name) for place, name in ACTS if only in ("", name)])
    link.set_up(source, target, method="physical")


def events(pair: Pair) -> object:
    """What the receiving site alone has."""
    with reach(pair.target, "test") as mart:
        return mart.execute("SELECT count(*), max(at) FROM idb_pbx_b.event").fetchone()


def check_goes_on(pair: Pair, said: object) -> None:
    """The server starts as ever, with a mart and its site's own events; the same command ends the copy."""
    server = pair.target.server
    assert server is not None
    server.create()
    server.start()
    assert events(pair) == said
    with reach(pair.target, "test") as mart:
        assert mart.execute("SELECT count(*) FROM cfg.topology").fetchone() == (1,)
    link.set_up(pair.source, pair.target, method="physical")
    assert events(pair) == said
    assert look(pair.source, pair.target, wait_s=20).is_ready
    with reach(pair.source, "test") as active:
        assert len(link.leftover_slots(active)) == 1
    wait_until(lambda: sorted(path.name for path in server.folder.iterdir() if path.is_dir()) == ["data", "socket"])
    # A program that the dead process has started ends by itself, and so do a server's own that come and go.
    wait_until(lambda: not strays(server))


def strays(server: Server) -> set[int]:
    """Return the processes that work in the server's folder and are none of its own."""
    running = {int(one.name) for one in Path("/proc").glob("[0-9]*") if works_in(one, server.folder)}
    return running - {*_processes_in(server.data)}


def works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def prepared(pair: Pair) -> object:
    one_call(Switch(pair.mart))
    heard = Switch(pair.other_mart)
    heard.call(0, "c1", "PJSIP/a")
    heard.end(9, "c1")
    record = Record(Tag.EVENTS, copy_lines(heard.said, SESSION, datetime.now(UTC)))
    Idb.open(heard.mart, "idb_pbx_b").write([record])
    pair.other_mart.close()
    return events(pair)


PARTS = 10


def walk(pair: Pair, moments: Iterable[int]) -> int:
    """Die at each of the moments, and return at how many of them a copy was still going on."""
    said = prepared(pair)
    for count, moment in enumerate(moments):
        link.tear_down(pair.source, pair.target)
        if not dies(copy_and_die, pair.source, pair.target, moment):
            return count
        check_goes_on(pair, said)
    raise AssertionError("not reached")


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_a_copy_of_files_may_die_at_any_moment(apart: Pair, part: int) -> None:  # noqa: F811
    """In parts, each of which has every tenth moment."""
    assert walk(apart, itertools.count(part + 1, PARTS)) >= 8


def test_a_copy_of_files_may_die_between_the_two_renamings(apart: Pair) -> None:  # noqa: F811
    said = prepared(apart)
    assert dies(copy_and_die, apart.source, apart.target, 1, "_to_disk")
    server = apart.target.server
    assert server is not None
    assert not server.data.exists()
    check_goes_on(apart, said)
