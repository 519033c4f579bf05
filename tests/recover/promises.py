"""What a command promises when it says that it is done, looked up at the simulated sites."""

from tests.recover.sim import SOURCES, SimWorld
from twinmart import errors
from twinmart.recover.journal import Run


def kept(world: SimWorld, run: Run) -> None:
    """Assert that everything is so that a completed run promises."""
    wish = run.wish
    target, other = world.sites[wish.target], world.sites[wish.other]
    assert run.state == "done"  # I10: the journal replays to it
    assert target.own.active_site == wish.target
    assert target.replica_of is None
    mart = target.own
    assert (mart.mart_site, mart.mart_point, mart.runs_schedule) == (wish.target, wish.target, True)
    assert mart.report_site == wish.target
    assert world.serves(wish.target)
    assert target.partitions
    assert set(mart.sources) == set(SOURCES), "a mart that knows nothing became active"
    assert not target.behind
    if wish.command in ("switchover", "return"):
        assert world.is_linked(wish.target, wish.other)
        assert other.replica_of == wish.target
        assert (target.link, set(target.feeds), other.feeds) == (None, {wish.other}, {})  # I9
        assert other.own.epoch <= target.own.epoch
    else:
        assert target.link is None
        assert mart.runs_aggregates
        assert not any(one.is_on or one.point_is_on for one in mart.collectors.values() if one.site == wish.other)
        # I4, I5: what is neither in the mart nor recorded here is in the manifest, and nothing else is.
        world.follow_schedule(wish.target)
        for event in world.missing(wish.target):
            assert event not in target.heard, f"event {event} was recorded here and is not loaded"
        for source, start, end in mart.gone:
            assert [event for event, of in world.said.items() if of == source and start < event <= end]
    if wish.command == "return":
        sources = {one.source for one in mart.collectors.values()}
        back = {one.source for one in mart.collectors.values() if one.site == wish.newcomer and one.is_on}
        assert back == sources


def assert_helps(error: errors.MartError) -> None:
    """Assert that a refusal says what was not done, and which command comes next."""
    told = error.render()
    assert "twinmart " in (error.hint or "") or "the same command" in (error.hint or ""), told
