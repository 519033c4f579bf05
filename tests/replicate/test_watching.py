"""The link is watched by the mart servers, and who is caught by a fence is told where to go."""

import threading
import time
from pathlib import Path

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.replicate.test_link import one_call
from tests.replicate.test_states import at
from twinmart import errors
from twinmart.config.store import Store
from twinmart.db.connect import session
from twinmart.etl.cycle import Etl
from twinmart.jobs.linkwatch import LinkWatch
from twinmart.jobs.server import MartServer
from twinmart.replicate import turn
from twinmart.replicate.watch import history
from twinmart.watch.metrics import SiteMetrics


def test_a_mart_server_at_either_site_looks_and_keeps_what_it_saw(steady: Pair) -> None:
    ends, dsns = {1: steady.source, 2: steady.target}, {1: steady.mart.dsn, 2: steady.other_mart.dsn}
    for end in ends.values():
        at(end, b"TRUNCATE ops.lag_history")
    stop = threading.Event()
    servers = [MartServer(site, dsns, ends=ends) for site in (1, 2)]
    threads = [threading.Thread(target=server.run, args=(stop,)) for server in servers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while not (history(steady.source) and history(steady.target)) and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    for end in ends.values():
        assert history(end)[0][0] in ("streaming", "catching up")


def test_what_was_seen_is_a_metric(steady: Pair, tmp_path: Path) -> None:
    found = LinkWatch(1, {1: steady.source, 2: steady.target}).tick()
    assert found is not None
    told = {metric.name: metric.samples for metric in SiteMetrics(lambda: steady.mart.dsn, tmp_path).collect()}
    assert told["twinmart_replication_state"][0].labels == {"state": found.state.name}
    assert told["twinmart_replication_lag_seconds"][0].value >= 0
    assert told["twinmart_replication_kept_bytes"][0].value > 0
    assert told["twinmart_replication_safe_days"][0].value > 0


def test_a_missing_partition_is_healed_by_the_watch(linked: Pair) -> None:
    at(
        linked.source,
        b"CREATE TABLE ctl.audit_log_p2041 PARTITION OF ctl.audit_log FOR VALUES FROM ('2041-01-01') TO ('2041-01-31')",
    )
    at(linked.source, b"INSERT INTO ctl.audit_log VALUES (7, '2041-01-02', 'etl', 1, 1, 0)")
    watch = LinkWatch(2, {1: linked.source, 2: linked.target})
    deadline = time.monotonic() + 20
    count = b"SELECT count(*) FROM ctl.audit_log WHERE audit_key = 7"
    while at(linked.target, count) != [(1,)] and time.monotonic() < deadline:
        watch.tick()
    assert at(linked.target, count) == [(1,)]


def test_a_lone_active_site_beats(pair: Pair) -> None:
    assert LinkWatch(1, {1: pair.source, 2: pair.target}).tick() is None
    assert at(pair.source, b"SELECT site, beat FROM ctl.heartbeat") == [(1, 1)]
    assert LinkWatch(2, {1: pair.source, 2: pair.target}).tick() is None
    assert at(pair.target, b"SELECT site FROM ctl.heartbeat") == []


def test_a_store_at_a_replica_is_told_which_site_is_active(steady: Pair) -> None:
    with (
        pytest.raises(errors.ReadOnlySite) as caught,
        session(steady.other_mart.dsn, application_name="test") as mart,
    ):
        Store(mart, author="test").put("skill", "french")
    assert "replica of site 1" in caught.value.message
    assert "twinmart replication show" in (caught.value.hint or "")


def test_a_loader_caught_by_a_turn_is_told_which_site_is_active(linked: Pair) -> None:
    one_call(pbx := Switch(linked.mart))
    with Etl(1, {1: linked.mart.dsn}) as etl:
        turn.reverse(linked.source, linked.target)
        pbx.call(20, "c3", "PJSIP/a")
        pbx.end(25, "c3")
        with pytest.raises((errors.SiteFenced, errors.LockHeld)):
            pbx.hear()
        with pytest.raises((errors.ReadOnlySite, errors.SiteFenced)) as caught:
            etl.cycle()
    assert "site 2" in caught.value.render()
    assert "twinmart" in (caught.value.hint or "")
