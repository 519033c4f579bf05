"""The loader that follows: soon after, through what passes by itself, and not through what does not."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal

import pytest
from structlog.testing import capture_logs

from tests.support import Mart, running_server
from twinmart.collect.backfill import backfill_file
from twinmart.collect.pauses import Pauses
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.topology import active_site
from twinmart.db.connect import connect
from twinmart.errors import LockHeld, MartBehind, MartError, NoConnection, NotReady, SiteFenced, TransactionLost
from twinmart.etl.cycle import Etl
from twinmart.etl.loop import MOST_COLLISIONS, catch_up, follow
from twinmart.sim.samples import sample
from twinmart.site.postgres import Server

NOWHERE = "host=127.0.0.1 port=1 dbname=twinmart user=twinmart connect_timeout=2"


def fill(dsn: str, name: str = "bristol") -> None:
    """Write a sample's events into the interaction database of its source, as a collector at site 1 does."""
    with connect(dsn, application_name="test", autocommit=True) as mart:
        collector = ensure_collector(mart, ensure_source(mart, name), site=1)
        backfill_file(mart, collector.idb_schema, name, sample(name).recording)


def visits(dsn: str) -> int:
    with connect(dsn, application_name="test") as mart:
        row = mart.execute("SELECT count(*) FROM mart.queue_visit").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def following(dsns: dict[int, str]) -> Iterator[Future[None]]:
    stop = Signal()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(follow, 1, dsns, stop, pauses=Pauses(0.05, 0.2))
        try:
            yield loading
        finally:
            stop.set()
            loading.result(timeout=10)


def wait_until(holds: Callable[[], bool], within_s: float = 10) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within_s, "it does not come true"
        time.sleep(0.02)
    return time.monotonic() - began


def test_events_become_facts_soon_after_they_are_written(mart: Mart) -> None:
    with following({1: mart.dsn}):
        fill(mart.dsn)
        assert wait_until(lambda: visits(mart.dsn) == 74) < 2
        fill(mart.dsn, "london")
        assert wait_until(lambda: visits(mart.dsn) == 74 + 154) < 2


def test_a_site_that_is_away_is_reported_once_and_holds_up_nothing(mart: Mart) -> None:
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        ensure_collector(connection, ensure_source(connection, "bristol"), site=2)
    with capture_logs() as logs, following({1: mart.dsn, 2: NOWHERE}):
        fill(mart.dsn)
        wait_until(lambda: visits(mart.dsn) == 74)
        fill(mart.dsn, "london")
        wait_until(lambda: visits(mart.dsn) == 74 + 154)
    lost = [line for line in logs if line["event"] == "site.lost"]
    assert [(line["site"], line["code"]) for line in lost] == [(2, NoConnection.code)]


@pytest.mark.slow  # a server of its own is made, killed and started again
def test_a_mart_that_is_killed_is_waited_for_and_the_load_goes_on(scratch: Path) -> None:
    with running_server(scratch / "1") as server:
        mart = server.new_mart()
        with capture_logs() as logs, following({1: mart.dsn}):
            fill(mart.dsn)
            wait_until(lambda: visits(mart.dsn) == 74)
            kill(server.server)
            wait_until(lambda: any(line["event"] == "load.waiting" for line in logs))
            server.server.start()
            fill(mart.dsn, "london")
            wait_until(lambda: visits(mart.dsn) == 74 + 154)
        assert [line["event"] for line in logs].count("load.started") == 2
        assert all(line["code"].startswith("TM60") for line in logs if line["event"] == "load.waiting")
        server.drop(mart)


def kill(server: Server) -> None:
    server.stop("immediate")


def make_collisions(mart: Mart, count: int) -> None:
    """Let PostgreSQL end the next so many loads as it ends the victim of a deadlock."""
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE public.collision")
        connection.execute(
            "CREATE FUNCTION public.collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('public.collision') <= {count} THEN RAISE deadlock_detected; END IF;"
            " RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER collide BEFORE INSERT ON ctl.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.collide()"
        )


def test_a_load_that_lost_a_deadlock_is_repeated(mart: Mart) -> None:
    fill(mart.dsn)
    make_collisions(mart, 2)
    with capture_logs() as logs:
        cycle = catch_up(1, {1: mart.dsn})
    assert visits(mart.dsn) == 74
    assert cycle.interactions > 0
    assert [line["code"] for line in logs if line["event"] == "load.repeated"] == [TransactionLost.code] * 2


def test_a_follower_repeats_such_a_load_too(mart: Mart) -> None:
    make_collisions(mart, 2)
    with following({1: mart.dsn}):
        fill(mart.dsn)
        wait_until(lambda: visits(mart.dsn) == 74)


def test_a_load_that_loses_every_time_is_told(mart: Mart) -> None:
    fill(mart.dsn)
    make_collisions(mart, 1000)
    with pytest.raises(TransactionLost):
        catch_up(1, {1: mart.dsn})
    with connect(mart.dsn, application_name="test") as connection:
        assert connection.execute("SELECT last_value FROM public.collision").fetchone() == (MOST_COLLISIONS,)
    with pytest.raises(TransactionLost):
        follow(1, {1: mart.dsn}, Signal())


def test_a_second_loader_is_told_who_works(mart: Mart) -> None:
    with following({1: mart.dsn}):
        fill(mart.dsn)
        wait_until(lambda: visits(mart.dsn) == 74)
        for load in (lambda: catch_up(1, {1: mart.dsn}), lambda: follow(1, {1: mart.dsn}, Signal())):
            with pytest.raises(LockHeld) as raised:
                load()
            assert "twinmart transform" in (raised.value.detail or "")


def test_a_mart_of_another_version_is_left_alone(mart: Mart) -> None:
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        connection.execute(
            "DELETE FROM ops.schema_version WHERE version = (SELECT max(version) FROM ops.schema_version)"
        )
    for load in (lambda: catch_up(1, {1: mart.dsn}), lambda: follow(1, {1: mart.dsn}, Signal())):
        with pytest.raises(MartBehind):
            load()


def test_a_follower_whose_site_is_no_longer_active_ends_by_itself(mart: Mart) -> None:
    stop = Signal()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(follow, 1, {1: mart.dsn}, stop)
        fill(mart.dsn)
        wait_until(lambda: visits(mart.dsn) == 74)
        with connect(mart.dsn, application_name="test", autocommit=True) as connection:
            connection.execute("UPDATE cfg.topology SET active_site = 2, epoch = epoch + 1")
        with pytest.raises(SiteFenced):
            loading.result(timeout=10)


def test_a_follower_that_is_told_to_stop_before_it_begins_does_nothing() -> None:
    stop = Signal()
    stop.set()
    follow(1, {1: NOWHERE}, stop)


def test_a_stop_does_not_wait_for_a_mart_that_is_away() -> None:
    stop = Signal()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(follow, 1, {1: NOWHERE}, stop, pauses=Pauses(60, 60))
        time.sleep(0.2)
        stop.set()
        loading.result(timeout=5)


def test_the_active_site_is_the_newest_word_of_those_that_answer(mart: Mart, other_mart: Mart) -> None:
    both = {1: mart.dsn, 2: other_mart.dsn}
    assert active_site(both) == 1
    with connect(other_mart.dsn, application_name="test", autocommit=True) as connection:
        connection.execute("UPDATE cfg.topology SET active_site = 2, epoch = 2")
    assert active_site(both) == 2
    assert active_site({1: NOWHERE, 2: other_mart.dsn}) == 2
    assert active_site({1: mart.dsn, 2: NOWHERE}) == 1


def test_without_any_answer_there_is_no_active_site(mart: Mart) -> None:
    errors: list[tuple[dict[int, str], type[MartError]]] = [({1: NOWHERE}, NoConnection), ({}, NotReady)]
    for dsns, kind in errors:
        with pytest.raises(kind):
            active_site(dsns)


@contextmanager
def black_hole() -> Iterator[str]:
    """Give the connection string of a server that takes connections and says nothing, as one behind a dead line."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        yield f"host=127.0.0.1 port={port} dbname=twinmart user=twinmart connect_timeout=3"


def test_a_site_that_says_nothing_is_waited_for_once_and_then_left_out(mart: Mart) -> None:
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        for name in ("bristol", "london"):
            ensure_collector(connection, ensure_source(connection, name), site=2)
    with black_hole() as nothing, Etl(1, {1: mart.dsn, 2: nothing}) as etl:
        fill(mart.dsn)
        began = time.monotonic()
        assert list(etl.cycle().unreachable) == [2]
        assert 2 < time.monotonic() - began < 6
        fill(mart.dsn, "london")
        for _ in range(5):
            began = time.monotonic()
            assert list(etl.cycle().unreachable) == [2]
            assert time.monotonic() - began < 2
        assert visits(mart.dsn) == 74 + 154


@pytest.mark.slow  # a second server is stopped and started again
def test_a_site_that_comes_back_is_read_again(mart: Mart, scratch: Path) -> None:
    with running_server(scratch / "2") as server:
        other = server.new_mart()
        with connect(mart.dsn, application_name="test", autocommit=True) as connection:
            collector = ensure_collector(connection, ensure_source(connection, "bristol"), site=2)
        with capture_logs() as logs, following({1: mart.dsn, 2: other.dsn}):
            wait_until(lambda: "load.started" in [line["event"] for line in logs])
            server.server.stop("immediate")
            wait_until(lambda: "site.lost" in [line["event"] for line in logs])
            server.server.start()
            wait_until(lambda: "site.found" in [line["event"] for line in logs])
            with connect(other.dsn, application_name="test", autocommit=True) as idb:
                backfill_file(idb, collector.idb_schema, "bristol", sample("bristol").recording)
            wait_until(lambda: visits(mart.dsn) == 74)
        server.drop(other)
