"""Verify: no false alarm under load, and every planted difference found, named, and mended at the standby alone."""

import json
import threading
from collections.abc import Iterator

import pytest
from psycopg.rows import dict_row

from tests.etl.story import Switch
from tests.replicate.conftest import Pair, end
from tests.support import Mart
from twinmart import errors
from twinmart.cli.main import exit_code
from twinmart.model.events import Kind
from twinmart.replicate import compare, fence, link
from twinmart.replicate.ends import End, reach
from twinmart.site.home import Home
from twinmart.watch.verify import Verification, verify


def story(pbx: Switch, begin: int = 0, count: int = 4) -> None:
    """Agents who log in, and calls between phones."""
    for number in range(count):
        second, channel = begin + 20 * number, f"c{10 * (begin + number) + 1}"
        pbx.member(second, f"PJSIP/{number}")
        dialled = f"c{10 * (begin + number) + 2}"
        pbx.call(second + 1, channel, "PJSIP/a")
        pbx.dial(second + 2, channel, dialled, f"PJSIP/{number}")
        pbx.up(second + 3, dialled, channel)
        pbx.up(second + 3, channel)
        pbx.end(second + 9, dialled, channel)
        pbx.end(second + 9, channel)
        pbx.say(
            second + 12,
            Kind.MEMBER_PAUSE,
            queue="sales",
            member=f"PJSIP/{number}",
            channel=f"PJSIP/{number}",
            value="1",
        )
    pbx.hear()


@pytest.fixture
def ends(mart: Mart, other_mart: Mart) -> Iterator[dict[int, End]]:
    """Two sites with some calls, site 2 following site 1."""
    made = Pair(mart, other_mart, end(1, mart), end(2, other_mart))
    story(Switch(mart))
    made.set_up()
    yield {1: made.source, 2: made.target}
    for one in (made.source, made.target):
        try:
            link.tear_down(None, one)
        except errors.MartError:
            continue


def at_standby(ends: dict[int, End], statement: str) -> None:
    """Change the standby behind everybody's back."""
    with reach(ends[2], "test") as standby, fence.passed(standby), standby.transaction():
        standby.execute("SET TRANSACTION READ WRITE")
        standby.execute(statement.encode())
    with reach(ends[2], "test") as standby:
        standby.execute("SELECT pg_stat_force_next_flush()")


def looked(ends: dict[int, End], **words: object) -> Verification:
    return verify(ends, **words)  # type: ignore[arg-type]


def whole(mart: Mart) -> list[dict[str, object]]:
    with mart.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM mart.interaction_resource_fact ORDER BY interaction_resource_id"
        ).fetchall()


def test_two_sites_that_are_alike_are_right_and_it_is_written_down(ends: dict[int, End], mart: Mart) -> None:
    made = looked(ends)
    assert made.verdict == "right", made.to_json()
    assert made.standby == 2
    assert made.comparison is not None
    assert made.comparison.rows > 20
    assert made.recomputed is not None
    assert (made.recomputed.interactions, made.recomputed.agents) == (4, 4)
    with mart.connect() as connection:
        rows = connection.execute("SELECT run::text, verdict, evidence->>'run' FROM ops.verify_run").fetchall()
    assert rows == [(made.run, "right", made.run)]


@pytest.mark.faults("V3")
def test_each_row_that_differs_is_found_named_and_mended(ends: dict[int, End], mart: Mart, other_mart: Mart) -> None:
    before = whole(mart)
    fact = "mart.interaction_resource_fact"
    rows = f"SELECT interaction_resource_id FROM {fact} ORDER BY start_at"
    changes = {
        "ASC": "talk_count = talk_count + 1",
        "DESC": "start_at = start_at + interval '1 microsecond'",
        "ASC OFFSET 2": "channel_id = channel_id || 'é'",
    }
    for place, change in changes.items():
        at_standby(ends, f"UPDATE {fact} SET {change} WHERE interaction_resource_id = ({rows} {place} LIMIT 1)")
    at_standby(ends, f"DELETE FROM {fact} WHERE interaction_resource_id = ({rows} ASC OFFSET 1 LIMIT 1)")
    made = looked(ends)
    assert made.verdict == "different"
    assert made.comparison is not None
    found = {json.loads(one.key)["interaction_resource_id"]: (one.table, one.kind) for one in made.comparison.listed}
    assert found == {
        str(before[0]["interaction_resource_id"]): (fact, "different"),
        str(before[1]["interaction_resource_id"]): (fact, "missing"),
        str(before[2]["interaction_resource_id"]): (fact, "different"),
        str(before[-1]["interaction_resource_id"]): (fact, "different"),
    }
    mended = looked(ends, is_repairing=True)
    assert (mended.verdict, mended.repaired) == ("right", 4)
    assert whole(other_mart) == whole(mart) == before


@pytest.mark.faults("S3")
def test_a_row_that_only_the_standby_has_is_found_and_taken_away(ends: dict[int, End], other_mart: Mart) -> None:
    before = whole(other_mart)
    at_standby(
        ends,
        "INSERT INTO ctl.counter VALUES ('planted', 1);INSERT INTO gidb.touched_call VALUES (1, 'nobody', 1)",
    )
    made = looked(ends)
    assert made.comparison is not None
    assert {(one.table, one.kind) for one in made.comparison.listed} == {
        ("ctl.counter", "extra"),
        ("gidb.touched_call", "extra"),
    }
    assert looked(ends, is_repairing=True).verdict == "right"
    assert whole(other_mart) == before


def test_many_differences_are_narrowed_down_bucket_by_bucket(
    ends: dict[int, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "MOST_ROWS", 2)
    at_standby(ends, "UPDATE mart.date_time SET label_yyyy = 'x' WHERE date_time_key % 7200 = 0")
    made = looked(ends)
    assert made.comparison is not None
    with reach(ends[2], "test") as standby:
        (planted,) = standby.execute("SELECT count(*) FROM mart.date_time WHERE label_yyyy = 'x'").fetchone() or (0,)
    assert made.comparison.different == planted > 5


@pytest.mark.faults("V1")
def test_there_is_no_false_alarm_while_loads_go_on(ends: dict[int, End], mart: Mart) -> None:
    stop = threading.Event()

    def load() -> None:
        pbx = Switch(mart, "busy")
        begin = 100
        while not stop.is_set():
            story(pbx, begin, 2)
            begin += 100

    loader = threading.Thread(target=load)
    loader.start()
    try:
        made = [looked(ends) for _ in range(2)]
    finally:
        stop.set()
        loader.join(60)
    assert [json.dumps(one.to_json()) for one in made if one.verdict != "right"] == []


@pytest.mark.faults("V1")
def test_a_difference_is_found_under_load_too(ends: dict[int, End], mart: Mart) -> None:
    at_standby(
        ends,
        "UPDATE mart.interaction_fact SET status = 9"
        " WHERE start_at = (SELECT min(start_at) FROM mart.interaction_fact)",
    )
    story(Switch(mart, "busy"), 100, 2)
    made = looked(ends)
    assert made.comparison is not None
    assert [(one.table, one.kind) for one in made.comparison.listed] == [("mart.interaction_fact", "different")]


def test_signatures_are_kept_and_trusted_until_somebody_writes(ends: dict[int, End]) -> None:
    looked(ends)
    second = looked(ends)
    assert second.comparison is not None
    assert second.comparison.trusted > 0
    at_standby(ends, "UPDATE mart.interaction_fact SET status = 9")
    third = looked(ends)
    assert third.comparison is not None
    assert third.comparison.different == 4
    deep = looked(ends, is_deep=True)
    assert deep.comparison is not None
    assert (deep.comparison.trusted, deep.comparison.different) == (0, 4)


@pytest.mark.faults("V1")
def test_what_the_link_holds_up_is_not_called_right(ends: dict[int, End], mart: Mart) -> None:
    with reach(ends[2], "test") as standby:
        # The catalog is that of the whole server, where other tests have links too.
        (name,) = standby.execute(
            "SELECT subname FROM pg_subscription JOIN pg_database AS own ON own.oid = subdbid"
            " WHERE own.datname = current_database()"
        ).fetchone() or ("",)
        standby.execute(f'ALTER SUBSCRIPTION "{name}" DISABLE'.encode())
    story(Switch(mart, "busy"), 100, 1)
    made = looked(ends, drain_s=0.5)
    assert made.verdict == "unknown"
    assert made.comparison is not None
    assert made.comparison.in_flight > 0
    assert any(isinstance(one, errors.NotCaughtUp) for one in made.unknown)


def test_a_fact_that_its_events_do_not_give_is_found_and_left_as_it_is(ends: dict[int, End], mart: Mart) -> None:
    with mart.connect() as connection:
        connection.execute("UPDATE mart.interaction_resource_fact SET talk_count = 9")
        connection.execute(
            "UPDATE mart.sm_res_state_fact SET total_duration_ms = 1 WHERE total_duration_ms IS NOT NULL"
        )
    before = whole(mart)
    made = looked({1: ends[1]})
    assert made.verdict == "different"
    assert made.recomputed is not None
    assert {"interaction_resource_fact", "sm_res_state_fact"} <= set(made.recomputed.named)
    assert whole(mart) == before


def test_a_standby_that_gives_no_answer_leaves_it_unknown(ends: dict[int, End]) -> None:
    away = End(2, "host=127.0.0.1 port=1 dbname=twinmart user=twinmart connect_timeout=2")
    made = looked({1: ends[1], 2: away})
    assert (made.verdict, made.standby) == ("unknown", None)


def test_without_a_standby_nothing_is_repaired(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for site in home.sites:
        monkeypatch.setenv(f"TWINMART_SITE_{site.number}_DSN", site.dsn())
    assert exit_code(["--home", str(home.path), "verify", "--repair"]) == 4
    assert exit_code(["--home", str(home.path), "verify", "--json"]) == 0
