"""A site is lost with loads that had not crossed and events that only it has; it comes back and is salvaged."""

import psycopg
import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.support import Mart
from twinmart import errors
from twinmart.config.store import Store
from twinmart.config.topology import raise_epoch
from twinmart.etl.cycle import run_once
from twinmart.etl.extract import Extractor
from twinmart.recover.salvage.run import salvage
from twinmart.replicate import fence, link
from twinmart.replicate.ends import reach

# Of one call, as ``call`` tells it.
EVENTS = 9

FACTS = (
    "SELECT interaction_id, start_date_time_key, channel_id FROM mart.interaction_resource_fact ORDER BY 1, 2, 3",
    "SELECT event_id, at, kind FROM gidb.event ORDER BY 1",
)


def call(switch: Switch, second: float, number: int) -> None:
    """Tell of a whole call between two devices."""
    one, two = f"c{number}", f"c{number + 1}"
    switch.call(second, one, "PJSIP/10")
    switch.dial(second + 1, one, two, "PJSIP/20")
    switch.up(second + 3, two, one)
    switch.up(second + 3, one)
    switch.bridge(second + 3, one)
    switch.bridge(second + 3, two, linked=one)
    switch.end(second + 20, two, one)
    switch.end(second + 20, one)


def facts(mart: Mart) -> list[list[tuple[object, ...]]]:
    with mart.connect(autocommit=True) as connection:
        return [connection.execute(query.encode()).fetchall() for query in FACTS]


def lose(pair: Pair) -> Switch:
    """Link the sites, load a call that crosses; then one that does not and a change of the configuration; fail over."""
    switch = Switch(pair.mart)
    call(switch, 0, 1)
    switch.hear()
    pair.set_up()
    link.pause(pair.target, "lost")
    call(switch, 60, 3)
    switch.hear()
    with pair.mart.connect() as connection:
        Store(connection, author="somebody").set_option("application", "mart", "log", "level", "debug")
    link.detach(pair.target)
    with reach(pair.target, "recover") as connection:
        fence.lower(connection)
        raise_epoch(connection, expected_epoch=1, active_site=2)
    return switch


def test_every_event_is_brought_and_the_facts_are_those_of_an_undisturbed_run(pair: Pair) -> None:
    lose(pair)
    ends = {1: pair.source, 2: pair.target}
    assert facts(pair.other_mart) != facts(pair.mart)
    done = salvage(ends, 1)
    assert done.events_brought == EVENTS
    assert facts(pair.other_mart) == facts(pair.mart)
    # What was configured there alone is told, and not merged.
    assert any(one["table"] == "cfg.option" and "debug" in str(one["row"]) for one in done.filed)
    assert done.unshipped["gidb.event"] == EVENTS
    with pair.other_mart.connect(autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM cfg.option WHERE value = 'debug'").fetchone() == (0,)
    again = salvage(ends, 1)
    assert (again.events_brought, again.interactions) == (0, 0)
    assert facts(pair.other_mart) == facts(pair.mart)
    # The old site is fenced by its own database.
    with pytest.raises(errors.SiteFenced, match="fenced itself"):
        run_once(1, {1: pair.mart.dsn})


@pytest.mark.soak
def test_one_that_is_broken_off_goes_on(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(pair)
    ends = {1: pair.source, 2: pair.target}
    with monkeypatch.context() as broken:

        def take(self: Extractor, *_: object, **__: object) -> object:
            self.mart.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            raise AssertionError("not reached")

        broken.setattr(Extractor, "extract", take)
        with pytest.raises((errors.MartError, psycopg.Error)):
            salvage(ends, 1)
    done = salvage(ends, 1)
    assert done.events_brought == EVENTS
    assert facts(pair.other_mart) == facts(pair.mart)
    with pair.other_mart.connect(autocommit=True) as connection:
        assert connection.execute("SELECT count(*), count(ended_at) FROM ops.salvage_run").fetchone() == (1, 1)


def test_the_active_site_is_not_salvaged(pair: Pair) -> None:
    with pytest.raises(errors.NothingToSalvage):
        salvage({1: pair.source, 2: pair.target}, 1)
