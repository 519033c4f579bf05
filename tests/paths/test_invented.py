"""What no switch would say, in any order: loads go on, and come to the same facts; and some hard cases by name."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths.invented import invented
from tests.paths.roads import ORDERS, steps
from tests.paths.sample import EDGES
from tests.paths.table import Tell
from tests.paths.test_paths import FEW
from tests.paths.walk import Cycle, Extract, Path, Transform, Write, ground, one_batch
from tests.support import MartServer
from twinmart.model.events import Event, Kind, event_id

# All is said by a switch for which the ground is prepared.
SOURCE = EDGES.source
DAWN = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)

_numbers = count()


@given(seed=st.integers(0, 1 << 32))
@FEW
def test_whatever_is_said_in_whatever_order_comes_to_the_same(walks: MartServer, seed: int) -> None:
    check(walks, *story(seed))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_four_hundred_switches_that_say_anything(walks: MartServer, seed: int, tell: Tell, part: int) -> None:
    for number in range(seed + part * 40, seed + part * 40 + 40):
        events, path = story(number)
        found = compared(walks, events, path)
        assert found is None, f"story({number})\n{found}"
    tell("orders and pieces of what was invented", 40)


def story(seed: int) -> tuple[Sequence[Event], Path]:
    """Return what an invented switch says, and a way of it into a mart."""
    random = Random(seed)
    events = invented(SOURCE, random)
    order = ORDERS[random.choice(sorted(ORDERS))](list(range(len(events))), random)
    return events, (*steps(order, random), Cycle())


def test_two_names_given_to_an_agent_at_one_instant_do_not_stop_a_load(walks: MartServer) -> None:
    events = [
        member(0, Kind.MEMBER_ADD, queue="sales", name="Ann"),
        member(0, Kind.MEMBER_ADD, queue="help", name="Anna"),
        member(9, Kind.MEMBER_PAUSE, queue="sales", name="Ann"),
    ]
    check(walks, events, one_by_one(events))
    check(walks, events, one_by_one(events[::-1], events))


def test_a_name_that_comes_back_is_told_again(walks: MartServer) -> None:
    events = [member(second, Kind.MEMBER_ADD, name=name) for second, name in ((0, "Ann"), (60, "Bea"), (120, "Ann"))]
    check(walks, events, one_by_one(events))


def test_a_member_found_late_to_have_served_since_long_is_counted_from_then(walks: MartServer) -> None:
    """A queue served since 09:00 is heard of at 09:05, when the agent is known from another queue since 09:03."""
    events = [
        member(180, Kind.MEMBER_ADD, queue="help"),
        member(240, Kind.MEMBER_PAUSE, queue="help", value="1"),
        member(300, Kind.MEMBER_STATUS, queue="sales", login=0),
        member(299, Kind.MEMBER_REMOVE, queue="sales"),
    ]
    check(walks, events, one_by_one(events))


def test_a_start_of_the_switch_that_moves_takes_the_sessions_with_it(walks: MartServer) -> None:
    events = [
        member(0, Kind.MEMBER_ADD),
        said(600, Kind.SWITCH_BOOT),
        member(300, Kind.MEMBER_STATUS, queue="help", interface="PJSIP/102"),
        member(500, Kind.MEMBER_ADD, queue="help", interface="PJSIP/102"),
    ]
    check(walks, events, one_by_one(events))


def test_one_start_of_the_switch_that_the_twins_put_two_seconds_apart_is_one(walks: MartServer) -> None:
    events = [
        member(0, Kind.MEMBER_ADD),
        member(300, Kind.MEMBER_PENALTY),
        said(600, Kind.SWITCH_BOOT),
        member(601, Kind.MEMBER_ADD),
        said(602, Kind.SWITCH_BOOT),
        member(700, Kind.MEMBER_REMOVE),
    ]
    check(walks, events, one_by_one(events))
    check(walks, events, one_by_one(events[::-1], events))
    check(walks, events, one_by_one([events[number] for number in (0, 1, 3, 5, 4, 2)], events))
    with ground(walks, SOURCE) as fresh:
        fresh.walk(one_batch(events), events)
        sessions = fresh.mart.execute(
            "SELECT extract(epoch FROM start_at - %s), total_duration_ms, abnormal_flag FROM mart.sm_res_session_fact"
            " ORDER BY start_at",
            (DAWN,),
        ).fetchall()
    assert sessions == [(0, 300_000, 1), (601, 99_000, 0)]


def test_a_call_of_days_keeps_its_agent_busy_however_late_other_news_comes(walks: MartServer) -> None:
    hour = 3600
    events = [
        member(0, Kind.MEMBER_ADD),
        said(60, Kind.CHANNEL_START, channel_id="1", linked_id="1", channel="PJSIP/101-00000001", value="Ring"),
        said(61, Kind.CHANNEL_UP, channel_id="1", linked_id="1", channel="PJSIP/101-00000001"),
        said(50 * hour, Kind.CHANNEL_END, channel_id="1", linked_id="1", channel="PJSIP/101-00000001"),
        member(49 * hour, Kind.MEMBER_PAUSE, value="1"),
        member(49 * hour + 60, Kind.MEMBER_PAUSE, value="0"),
    ]
    check(walks, events, one_by_one(events))


def one_by_one(events: Sequence[Event], all_of_them: Sequence[Event] | None = None) -> Path:
    """Return the path on which each event is loaded before the next is written."""
    numbers = [(all_of_them or events).index(event) for event in events]
    return tuple(step for number in numbers for step in (Write("a", (number,)), Extract("a"), Transform()))


def said(second: int, kind: Kind, **fields: str) -> Event:
    """Return an event of the invented switch."""
    at = DAWN + timedelta(seconds=second)
    at_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Event(event_id(SOURCE, at_us, b"%d" % next(_numbers)), at, kind, **fields)


def member(
    second: int,
    kind: Kind,
    *,
    queue: str = "sales",
    interface: str = "PJSIP/101",
    name: str = "Ann",
    value: str = "0",
    login: int | None = None,
) -> Event:
    """Return an event of a member; the login is in seconds too."""
    since = 0 if login is None else int(DAWN.timestamp()) + login
    return said(
        second,
        kind,
        queue=queue,
        member=interface,
        channel=interface,
        target=name,
        value=value,
        detail=f'{{"login": {since}}}',
    )


def check(server: MartServer, events: Sequence[Event], path: Path) -> None:
    """Walk a path and the straight one, and compare."""
    assert compared(server, events, path) is None


def compared(server: MartServer, events: Sequence[Event], path: Path) -> str | None:
    """Return the first difference between a path and the straight one."""
    with ground(server, SOURCE) as straight, ground(server, SOURCE) as fresh:
        return straight.walk(one_batch(events), events).difference(fresh.walk(path, events))
