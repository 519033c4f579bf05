"""An active site dies by SIGKILL with loads that had not crossed and events that only it has; then it comes back."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.etl.story import Switch
from tests.faults.conftest import wait_until
from tests.faults.sites import Collectors, Sites, new_home
from tests.jobs.support import ALWAYS, set_options
from tests.paths.fingerprint import Fingerprint
from tests.recover.salvage.test_salvage import call
from tests.support import running_server
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import Connection, connect
from twinmart.model.events import Event
from twinmart.replicate import link
from twinmart.replicate.ends import ends_of, reach
from twinmart.watch.overview import overview

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]


@pytest.fixture
def sites(scratch: Path) -> Iterator[Sites]:
    home = new_home(scratch / "h")
    home.init(2)
    yield Sites(home)
    with suppress(OSError, ValueError):
        os.kill(int((home.folder(2) / "mart.pid").read_text()), signal.SIGKILL)
    home.down()


def told(switch: Switch, second: float, number: int) -> list[Event]:
    """Return the events of one more call."""
    call(switch, second, number)
    said, switch.said = switch.said, []
    return said


def test_what_only_the_killed_site_has_is_brought_however_often_the_salvage_is_killed(
    sites: Sites, scratch: Path
) -> None:
    ends = ends_of(sites.home)
    switch = Switch(sites.mart(1))
    ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
    # Loads with a pause between them, in which the salvage finds its turn, at whatever hour this runs.
    set_options(sites.mart(1), **{name: ALWAYS[name] for name in ("etl_start_time", "etl_end_time", "run_maintain")})
    collectors = Collectors(sites)
    crossed, unshipped, unloaded = (told(switch, 60 * part, 10 * part + 1) for part in range(3))
    # Heard by both, loaded and shipped.
    collectors.hear(crossed)
    switch.hear([])
    link.set_up(ends[1], ends[2])
    # The twin is cut off from the switch from here on.
    with connect(sites.home.site(2).dsn(), application_name="test", autocommit=True) as twin:
        twin.execute("SET default_transaction_read_only = off")
        twin.execute(
            "INSERT INTO idb_pbx_b.no_data (from_at, to_at, cause) VALUES (%s, NULL, 'disconnected')", (crossed[-1].at,)
        )
    # Heard at site 1 alone: loaded and not shipped, and not even loaded; and a change of the configuration.
    link.pause(ends[2], "as if the line were cut")
    collectors.hear(unshipped, at=(1,))
    switch.hear([])
    with sites.mart(1).connect() as mart:
        Store(mart, author="somebody").set_option("application", "mart", "log", "level", "debug")
    collectors.hear(unloaded, at=(1,))
    switch.mart.close()
    collectors.kept = {1: [], 2: []}
    sites.lose(1)
    report = sites.told("failover", "--yes", "2", "--accept-loss", "all")
    assert report["state"] == "done", report
    assert sites.topology(2) == (2, 2)
    assert sites.ask(2, "SELECT count(*) FROM mart.interaction_fact") == [(1,)]
    open_losses = "SELECT count(*) FROM ctl.loss WHERE class IN ('gone', 'partial') AND closed_at IS NULL"
    assert sites.ask(2, open_losses) != [(0,)]
    sites.server(1).start()
    # Killed at any moment, four times; then let to its end.
    random = Random(4)
    for _ in range(4):
        with sites.begin("salvage", "--site", "1") as salvage:
            time.sleep(random.uniform(0.4, 1.6))
            salvage.kill()
    done = sites.told("salvage", "--site", "1")
    assert done["unshipped"]["gidb.event"] == len(unshipped)
    assert any(one["table"] == "cfg.option" and "debug" in str(one["row"]) for one in done["filed"])
    with connect(sites.home.site(2).dsn(), application_name="test", autocommit=True) as mart:
        assert _facts(mart) == _undisturbed([*crossed, *unshipped, *unloaded], scratch / "u")
        brought = mart.execute(
            "SELECT sum(events_brought), count(*) FILTER (WHERE ended_at IS NULL) FROM ops.salvage_run"
        )
        assert brought.fetchone() == (len(unshipped) + len(unloaded), 0)
    # What was brought is missing no more; behind the killed site's last word nobody heard the switch, and that is told.
    last = unloaded[-1].at
    missing = "SELECT from_at, to_at FROM ctl.loss WHERE class = 'gone' AND closed_at IS NULL"
    assert sites.ask(2, missing) == [(last, None)]
    with connect(sites.home.site(2).dsn(), application_name="test", autocommit=True) as twin:
        twin.execute("UPDATE idb_pbx_b.no_data SET to_at = %s", (last + timedelta(seconds=10),))
    collectors.hear(told(switch, 300, 41), at=(2,))
    wait_until(lambda: sites.ask(2, missing) == [(last, last + timedelta(seconds=10))])
    assert [loss.to_at for loss in overview(sites.home).losses] == [last + timedelta(seconds=10)]
    assert sites.ask(2, "SELECT count(*) FROM cfg.option WHERE value = 'debug'") == [(0,)]
    # Only then it is rebuilt, and nothing is left of its earlier life.
    assert sites.told("return", "--yes", "2")["state"] == "done"
    assert sites.topology(1) == (2, 2)
    assert sites.told("verify")["verdict"] == "right"
    with reach(ends[1], "test") as old:
        assert link.leftover_slots(old) == []


def _undisturbed(events: list[Event], folder: Path) -> dict[str, object]:
    with running_server(folder) as server:
        mart = server.new_mart()
        switch = Switch(mart)
        ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
        switch.hear(events)
        found = _facts(mart.connect(autocommit=True))
        mart.close()
        return found


def _facts(mart: Connection) -> dict[str, object]:
    """Return what the mart holds of calls and agents; what it says of gaps is another after a disaster."""
    rows = Fingerprint.of(mart).rows
    return {name: rows[name] for name in rows if name != "ctl.gap"}
