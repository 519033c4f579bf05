"""R1 to R3: a link that is paused and forgotten, that would loop, that belongs to an earlier life of a server."""

from pathlib import Path

import pytest

from tests.faults.conftest import Line
from tests.faults.test_p import refusals
from tests.replicate.conftest import Pair, end
from tests.replicate.test_link import cross
from tests.replicate.test_states import at, see
from tests.support import running_server
from twinmart import errors
from twinmart.recover.model import Wish
from twinmart.recover.plan import findings
from twinmart.recover.world import SiteWorld
from twinmart.replicate import link, turn
from twinmart.replicate.ends import reach
from twinmart.watch.metrics import SiteMetrics

pytestmark = pytest.mark.xdist_group("faults")


def test_r1_a_pause_that_is_forgotten_is_told_everywhere_and_no_switch_is_planned(
    own_line: Line, tmp_path: Path
) -> None:
    pair = own_line.pair
    link.pause(pair.target, "disk of site 2 is exchanged")
    at(pair.target, b"UPDATE ops.link SET paused_at = now() - interval '3 hours'")
    # Since the pause nothing crosses; to a reader of the standby its data are of then.
    at(
        pair.target,
        b"SET session_replication_role = replica; UPDATE ctl.heartbeat SET beat_at = now() - interval '3 h'",
    )
    found = see(pair)
    assert (found.state.name, found.pause_reason) == ("paused", "disk of site 2 is exchanged")
    assert found.facts.lag_ms is not None
    assert found.facts.lag_ms > 3 * 3_600_000 - 60_000
    told = {metric.name: metric.samples for metric in SiteMetrics(lambda: pair.other_mart.dsn, tmp_path).collect()}
    assert told["twinmart_replication_state"][0].labels == {"state": "paused"}
    assert told["twinmart_replication_lag_seconds"][0].value > 10_000
    assert any("is paused" in text for text in refusals(pair))
    with pytest.raises(errors.LinkNotSteady, match="not fit"):
        turn.reverse(pair.source, pair.target)
    # A failover would still go, and is told what it would cost.
    world = SiteWorld({1: pair.source, 2: pair.target}, lost={1})
    texts = [one.text for one in findings(world.facts({1, 2}), Wish("failover", 2, 1, even_if_alive=True))]
    assert any("paused; what it misses is loaded from the twins" in text for text in texts)


def test_r2_a_subscription_that_would_loop_is_refused_before_a_switch(own_line: Line) -> None:
    pair = own_line.pair
    name = link.standing(pair.source, pair.target)
    at(pair.target, f'ALTER SUBSCRIPTION "{name}" SET (origin = any)'.encode())
    with pytest.raises(errors.LinkNotSteady) as refused:
        turn.reverse(pair.source, pair.target)
    assert "changes would come back" in str(refused.value.detail)
    at(pair.target, f'ALTER SUBSCRIPTION "{name}" SET (origin = none)'.encode())
    turn.reverse(pair.source, pair.target)


@pytest.mark.soak
def test_r3_a_standby_that_was_replaced_by_another_machine_is_not_taken_for_the_old_one(
    own_line: Line, scratch: Path
) -> None:
    """The new server has the same site number, database and even the notes of the old one, and another identity."""
    pair = own_line.pair
    old = link.standing(pair.source, pair.target)
    assert old is not None
    notes = at(pair.target, b"SELECT to_jsonb(note)::text FROM ops.link AS note")
    with running_server(scratch / "new") as machine:
        fresh = machine.new_mart()
        new = Pair(pair.mart, fresh, pair.source, end(2, fresh))
        assert see(new).state.name == "not set up"
        for (note,) in notes:
            with reach(new.target, "test") as standby:
                standby.execute(
                    "INSERT INTO ops.link SELECT (jsonb_populate_record(NULL::ops.link, %s::jsonb)).*", (note,)
                )
        assert see(new).state.name == "foreign"
        assert link.standing(new.source, new.target) is None
        assert any("slot" in one and old in one for one in link.tear_down(new.source, new.target))
        new.set_up()
        cross(new)
        assert see(new).is_ready
        link.tear_down(new.source, new.target)
        fresh.close()
