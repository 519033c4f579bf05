"""E1 to E3: loads that are under way, that wake up too late, and twins that heard something else."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from psycopg import pq

from tests.etl.story import Switch
from tests.faults.conftest import Line, wait_until
from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import all_of_it, disaster, tell_story, undisturbed, write_events
from tests.replicate.test_states import at
from tests.support import MartServer
from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.etl.cycle import Etl, run_once
from twinmart.etl.loop import follow
from twinmart.model.events import Event
from twinmart.recover.model import Wish
from twinmart.replicate import turn

pytestmark = pytest.mark.xdist_group("faults")

_processes = multiprocessing.get_context("forkserver")
REFUSED = 7
# So many words into its transactions a load has written facts and not yet committed them.
WORDS = 60


def load_and_stop(dsns: Mapping[int, str]) -> None:
    """Load, and stop in the midst of it until somebody lets us go on."""
    said = 0
    original = psycopg.Connection.wait

    def wait(self: psycopg.Connection[Any], *args: Any, **named: Any) -> Any:
        nonlocal said
        said += self.info.transaction_status == pq.TransactionStatus.INTRANS
        if said == WORDS:
            said += 1
            os.kill(os.getpid(), signal.SIGSTOP)
        return original(self, *args, **named)

    psycopg.Connection.wait = wait  # type: ignore[method-assign]
    with Etl(1, dsns) as etl:
        etl.cycle()


def follow_until_refused(dsns: Mapping[int, str]) -> None:
    """Load as long as we may."""
    try:
        follow(1, dsns, Signal())
    except (errors.SiteFenced, errors.ReadOnlySite):
        os._exit(REFUSED)


@contextmanager
def process(target: Callable[[Mapping[int, str]], None], dsns: Mapping[int, str]) -> Iterator[BaseProcess]:
    made = _processes.Process(target=target, args=(dict(dsns),), daemon=True)
    made.start()
    try:
        yield made
    finally:
        made.kill()
        made.join()


def is_stopped(one: BaseProcess) -> bool:
    return Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_e1_a_load_that_hangs_is_named_and_comes_whole_before_the_switch_or_not_at_all(own_line: Line) -> None:
    pair = own_line.pair
    switch = Switch(pair.mart)
    tell_story(switch)
    switch.write()
    with process(load_and_stop, {1: pair.mart.dsn}) as loader:
        wait_until(lambda: is_stopped(loader), every_s=0.02)
        with pytest.raises((errors.OpenTransaction, errors.NotCaughtUp)) as refused:
            turn.reverse(pair.source, pair.target, drain_s=0.5)
        assert "did not end" in refused.value.render()
        assert at(pair.source, b"SELECT active_site, epoch FROM cfg.topology") == [(1, 1)]
        assert loader.pid is not None
        os.kill(loader.pid, signal.SIGCONT)
        loader.join(60)
        assert loader.exitcode == 0
    turn.reverse(pair.source, pair.target)
    loads = b"SELECT count(*) FROM mart.interaction_fact"
    assert at(pair.target, loads) == at(pair.source, loads) == [(2,)]
    with pair.mart.connect() as old, pair.other_mart.connect() as new:
        assert Fingerprint.of(old).difference(Fingerprint.of(new)) is None


def test_e2_a_loader_that_slept_through_the_switch_is_refused_when_it_wakes(own_line: Line) -> None:
    pair = own_line.pair
    switch = Switch(pair.mart)
    tell_story(switch)
    said = list(switch.said)
    switch.hear(said[:7])
    dsns = {1: pair.mart.dsn, 2: pair.other_mart.dsn}
    with process(follow_until_refused, dsns) as zombie:
        there = (
            b"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            b" AND application_name = 'twinmart transform'"
        )
        wait_until(lambda: at(pair.source, there) != [(0,)])
        assert zombie.pid is not None
        os.kill(zombie.pid, signal.SIGSTOP)
        for _ in range(50):
            try:
                turn.reverse(pair.source, pair.target, drain_s=1)
                break
            except (errors.OpenTransaction, errors.LinkNotSteady):
                # It was stopped within a transaction: let it go a little further.
                os.kill(zombie.pid, signal.SIGCONT)
                time.sleep(0.05)
                os.kill(zombie.pid, signal.SIGSTOP)
        assert at(pair.target, b"SELECT active_site FROM cfg.topology") == [(2,)]
        loads = b"SELECT count(*) FROM ctl.audit_log"
        before = at(pair.target, loads)
        twin = pair.mart.connect(autocommit=True)
        twin.execute("SET default_transaction_read_only = off")
        write_events(twin, "idb_pbx_a", said[7:])
        os.kill(zombie.pid, signal.SIGCONT)
        zombie.join(60)
        assert zombie.exitcode == REFUSED
        assert at(pair.target, loads) == before
    # Who is active now loads what the zombie wanted to.
    run_once(2, dsns)
    assert at(pair.target, b"SELECT count(*) FROM mart.interaction_fact") == [(2,)]


def missing(_: Connection, __: list[Event]) -> None:
    """The twin's database is not there."""


def mixed_and_twice(twin: Connection, said: list[Event]) -> None:
    for _ in range(2):
        Random(3).shuffle(said)
        all_of_it(twin, said)


def with_a_hole(twin: Connection, said: list[Event]) -> None:
    all_of_it(twin, said[:10] + said[14:])
    twin.execute(
        "INSERT INTO idb_pbx_b.no_data (from_at, to_at, cause) VALUES (%s, %s, 'spool-full')",
        (said[10].at, said[14].at),
    )


HEARD: dict[str, tuple[Callable[[Connection, list[Event]], None], list[str]]] = {
    "mixed and twice": (mixed_and_twice, ["delivered", "recovered"]),
    "missing": (missing, ["delivered", "gone"]),
    "with a hole": (with_a_hole, ["delivered", "recovered", "partial", "recovered"]),
}


@pytest.mark.parametrize(
    "name", ["mixed and twice", *(pytest.param(one, marks=pytest.mark.soak) for one in ("missing", "with a hole"))]
)
def test_e3_the_manifest_says_what_the_twin_had(own_servers: tuple[MartServer, MartServer], name: str) -> None:
    hearing, classes = HEARD[name]
    with disaster(*own_servers, hear=hearing) as made:
        made.carry_out(Wish("failover", 2, 1, accept_loss=frozenset({"all"})))
        found = made.mart.execute("SELECT class FROM ctl.loss ORDER BY from_at NULLS FIRST, to_at").fetchall()
        assert [kind for (kind,) in found] == classes
        noted = "SELECT count(*) FROM ctl.gap WHERE NOT filled AND starts_with(cause, 'site lost')"
        assert made.mart.execute(noted.encode()).fetchone() == (sum(kind in ("gone", "partial") for kind in classes),)
        if {*classes} == {"delivered", "recovered"}:
            assert undisturbed(made).difference(Fingerprint.of(made.mart)) is None
