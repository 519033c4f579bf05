"""The procedure to return to normal operation, step by step on real servers: what each step of the original promises.

One return by either option is watched: between the steps both sites are looked at, and traffic goes on. Tests bear the
numbers of the original's steps.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as Signal
from typing import Any

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import Disaster, disaster
from tests.support import MartServer
from twinmart import errors
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.requests import pending
from twinmart.config.options import effective
from twinmart.config.sources import collectors
from twinmart.db.connect import connect
from twinmart.db.migrate import schema_state
from twinmart.etl.cycle import run_once
from twinmart.recover import steps_return
from twinmart.recover.model import Wish
from twinmart.recover.procedure import Event
from twinmart.replicate import link
from twinmart.replicate.ends import reach
from twinmart.site.mart import OWNER, READER, create_database

pytestmark = pytest.mark.xdist_group("return")

OPTION_1 = Wish("return", 1, 2, survivor=2)
OPTION_2 = Wish("return", 2, 1, copy="dump", survivor=2)

SENDS = """
    SELECT count(*) = 1 FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid
    WHERE database = current_database() AND state = 'streaming'
"""

# What is looked at between the steps, at each site that has it.
LOOKS = {
    "topology": "SELECT active_site, epoch FROM cfg.topology",
    "replica of": "SELECT of_site FROM ops.replica",
    "subscriptions": "SELECT subname, subenabled FROM pg_subscription"
    " WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "slots": "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()",
    "publications": "SELECT pubname FROM pg_publication",
    "origins": "SELECT origin.roname FROM pg_replication_origin AS origin JOIN ops.link ON link.origin = origin.roname",
    "links": "SELECT name, role, state FROM ops.link WHERE state <> 'ended'",
    "server": "SELECT state FROM ops.server WHERE kind = 'mart' ORDER BY started_at DESC LIMIT 1",
    "interactions": "SELECT media_server_root_ixn_guid FROM mart.interaction_fact ORDER BY 1",
    "objects": "SELECT name, object_key, enabled, properties FROM cfg.object"
    " WHERE kind IN ('application', 'collector', 'access_point') ORDER BY kind, name",
    "points": "SELECT name FROM cfg.object WHERE kind = 'access_point' AND enabled"
    " AND properties ->> 'role' = 'INFO_MART'",
    "loads": "SELECT count(*) FROM ctl.audit_log",
}


@dataclass
class Watched:
    """A return as it was seen: both sites after each step, and how each step came out."""

    made: Disaster
    seen: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def look(self, event: Event) -> None:
        self.seen[event.step] = self.both()

    def both(self) -> dict[int, dict[str, Any]]:
        found = {}
        for site, end in self.made.ends.items():
            with reach(end, "test") as mart:
                has_mart = schema_state(mart).obstacle() is None
                found[site] = {
                    **{name: mart.execute(query.encode()).fetchall() for name, query in LOOKS.items() if has_mart},
                    "schedule": has_mart and effective(mart).flag("schedule", "run-scheduler"),
                    "aggregates": has_mart and effective(mart).flag("schedule", "run-aggregates"),
                }
        return found

    @property
    def states(self) -> Mapping[str, str]:
        return {event.step: event.state for event in self.made.events}

    @property
    def steps(self) -> list[str]:
        return [event.step for event in self.made.events]

    def note(self, step: str) -> str:
        return str({event.step: event.note for event in self.made.events}[step])

    def objects(self, step: str, at: int) -> dict[str, tuple[Any, ...]]:
        return {name: tuple(rest) for name, *rest in self.seen[step][at]["objects"]}

    def differ(self) -> str | None:
        return Fingerprint.of(self.made.at(1)).difference(Fingerprint.of(self.made.at(2)))


def until(query: str, made: Disaster, site: int) -> bool:
    """Wait until a query says true."""
    deadline = time.monotonic() + 60
    with reach(made.ends[site], "test") as mart:
        while mart.execute(query.encode()).fetchone() != (True,):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


@contextmanager
def lost_and_left_behind(server: MartServer, other_server: MartServer) -> Iterator[Disaster]:
    """Site 1 was lost, site 2 took over, works on, and has leftovers of an earlier link."""
    with disaster(server, other_server) as made:
        made.carry_out()
        with reach(made.ends[2], "test") as survivor:
            survivor.execute("SELECT pg_create_logical_replication_slot('twinmart_2_9_deadbeef', 'pgoutput')")
            survivor.execute("CREATE PUBLICATION twinmart_2_9_deadbeef")
        made.hear(2, made.say_call(70, 5))
        made.load(2)
        yield made


@pytest.fixture(scope="module")
def one(server: MartServer, other_server: MartServer) -> Iterator[Watched]:
    """Option 1: the newcomer, which has its old data still, becomes active; loads go on meanwhile."""
    with lost_and_left_behind(server, other_server) as made:
        watched = Watched(made)

        def look(event: Event) -> None:
            if event.step == "copy-mart":
                watched.told["after the copy"] = watched.both()
                made.hear(2, made.say_call(100, 7))
                made.load(2)
            if event.step == "adopt-collectors":
                # The collector of the newcomer, of which the old object is used again, hears the next call.
                made.hear(1, made.say_call(130, 9))
            if event.step == "fence-old-active":
                with pytest.raises(errors.MartError) as refused:
                    run_once(2, {2: made.ends[2].dsn})
                watched.told["a load at the fenced site"] = refused.value
            if event.step == "compare-marts":
                watched.told["differ"] = watched.differ()
            watched.look(event)

        watched.told["before"] = watched.both()
        watched.told["run"] = made.carry_out(OPTION_1, lost=False, look=look)
        watched.told["sends"] = until(SENDS, made, 1)
        made.hear(2, made.say_call(160, 11))
        made.load(1)
        watched.told["arrives"] = until("SELECT count(*) = 6 FROM mart.interaction_fact", made, 2)
        watched.told["end"] = watched.both()
        yield watched


@pytest.fixture(scope="module")
def two(server: MartServer, other_server: MartServer) -> Iterator[Watched]:
    """Option 2: an empty site becomes the standby, by a dump, and the survivor stays active."""
    with lost_and_left_behind(server, other_server) as made:
        with reach(made.ends[1], "test") as gone:
            link.clear(gone)
        server.drop(made.first)
        passwords = {role: server.server.password(role) for role in (OWNER, READER)}
        create_database(server.server.dsn(), passwords, database=made.first.name)
        watched = Watched(made)

        def look(event: Event) -> None:
            if event.step == "hold-loads":
                watched.told["while held"] = watched.both()
            if event.step == "release-loads":
                made.hear(2, made.say_call(100, 7))
                made.load(2)
            watched.look(event)

        # Its mart server died with its machine, say.
        made.stop_servers()
        watched.told["before"] = watched.both()
        watched.told["run"] = made.carry_out(OPTION_2, lost=False, look=look)
        watched.told["sends"] = until(SENDS, made, 2)
        made.hear(2, made.say_call(130, 9))
        made.load(2)
        watched.told["arrives"] = until("SELECT count(*) = 5 FROM mart.interaction_fact", made, 1)
        watched.told["end"] = watched.both()
        yield watched


# Option 1


def test_return_step_1_loads_go_on_at_the_survivor_until_the_hand_over(one: Watched) -> None:
    assert one.states["hold-loads"] == "not needed"
    before = one.steps[: one.steps.index("hold-schedule")]
    assert all(one.seen[step][2]["schedule"] for step in before)
    assert ("c7",) in one.seen["copy-mart"][2]["interactions"]


def test_return_step_2_the_newcomer_holds_a_copy_of_the_survivors_mart(one: Watched) -> None:
    copied = one.told["after the copy"]
    assert copied[1]["interactions"] == copied[2]["interactions"] == [("c1",), ("c3",), ("c5",)]
    assert copied[1]["replica of"] == [(2,)]


def test_return_step_3_each_source_has_a_collector_at_either_site_with_the_objects_of_before(one: Watched) -> None:
    before, after = one.told["before"][2]["objects"], one.seen["adopt-collectors"][2]["objects"]
    used = [(name, key, properties) for name, key, _, properties in before if name.startswith("pbx_")]
    assert [(name, key, properties) for name, key, _, properties in after if name.startswith("pbx_")] == used
    assert {name: enabled for name, _, enabled, _ in before}["pbx_a"] is False
    found = collectors(one.made.at(1))
    assert [(each.name, each.site, each.extracted) for each in found] == [("pbx_a", 1, True), ("pbx_b", 2, True)]
    # What the collector at the newcomer alone has heard is in the mart.
    assert ("c9",) in one.told["end"][1]["interactions"]


def test_return_step_4_the_one_application_object_of_the_mart_server_is_used_again(one: Watched) -> None:
    def of_mart(at: dict[str, Any]) -> list[int]:
        return [key for name, key, _, properties in at["objects"] if properties.get("type") == "mart_server"]

    assert len(of_mart(one.told["before"][2])) == 1
    assert of_mart(one.told["end"][1]) == of_mart(one.told["before"][2])
    assert one.states["prepare-site"] == "as is"
    assert schema_state(one.made.at(1)).obstacle() is None


def test_return_step_5_the_newcomer_is_set_up_as_a_source(one: Watched) -> None:
    end = one.told["end"][1]
    assert end["publications"] == [("twinmart",)]
    assert [name for (name,) in end["slots"] if name.startswith("twinmart_1_2_")] == [name for (name,) in end["slots"]]
    with connect(one.made.ends[1].line, application_name="test", autocommit=True) as line:
        row = line.execute("SELECT rolreplication FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (True,), "the other site logs in with a role that may receive changes"


def test_return_step_6_nothing_of_an_earlier_link_is_left_at_the_survivor(one: Watched) -> None:
    assert ("twinmart_2_9_deadbeef",) in one.told["before"][2]["slots"]
    cleaned = one.seen["clean-replication"][2]
    assert cleaned["slots"] == cleaned["subscriptions"] == cleaned["publications"] == cleaned["origins"] == []
    assert "twinmart_2_9_deadbeef" in one.note("clean-replication")


def test_return_step_7_what_was_known_of_the_old_link_is_ended_and_the_new_one_has_a_name_of_its_own(
    one: Watched,
) -> None:
    assert one.seen["clean-replication"][2]["links"] == []
    query = "SELECT name, begun_at FROM ops.link ORDER BY begun_at"
    with reach(one.made.ends[2], "test") as survivor:
        names = [name for name, _ in survivor.execute(query).fetchall()]
    living = [name for name, _, _ in one.told["end"][2]["links"]]
    assert len(living) == 1
    assert names.count(living[0]) == 1
    assert names[-1] == living[0]


def test_return_step_8_the_survivor_loads_no_more_before_the_last_changes_cross(one: Watched) -> None:
    assert not one.seen["hold-schedule"][2]["schedule"]
    assert one.seen["stop-old-server"][2]["server"] == [("paused",)]
    refused = one.told["a load at the fenced site"]
    assert isinstance(refused, (errors.ReadOnlySite, errors.SiteFenced, errors.NotAllowed)), refused
    later = one.steps[one.steps.index("fence-old-active") : one.steps.index("raise-epoch")]
    assert len({str(one.seen[step][2]["loads"]) for step in later}) == 1


def test_return_step_9_what_was_loaded_during_the_copy_follows_in_the_reverse_direction(one: Watched) -> None:
    assert ("c7",) not in one.told["after the copy"][1]["interactions"]
    assert ("c7",) in one.seen["wait-for-standby"][1]["interactions"]
    assert one.seen["wait-for-standby"][1]["subscriptions"][0][1]


def test_return_step_10_the_survivor_receives_from_a_position_before_the_first_write_of_the_newcomer(
    one: Watched,
) -> None:
    turned = one.seen["turn-replication"]
    (name, is_on), *others = turned[2]["subscriptions"]
    assert (is_on, others) == (True, [])
    assert name.startswith("twinmart_1_2_")
    # The position was taken while both were fenced: nobody was active in the new epoch yet.
    assert turned[1]["topology"] == turned[2]["topology"] == [(2, 2)]
    with reach(one.made.ends[1], "test") as source, reach(one.made.ends[2], "test") as target:
        asked = "SELECT start_lsn FROM ops.link WHERE name = %s"
        row = source.execute(asked, (name,)).fetchone()
        assert row == target.execute(asked, (name,)).fetchone()
        assert row is not None
        assert row[0] is not None


def test_return_step_11_the_newcomer_sends(one: Watched) -> None:
    turned = one.seen["turn-replication"]
    assert turned[1]["slots"] == [(turned[2]["subscriptions"][0][0],)]
    assert turned[1]["subscriptions"] == []
    assert one.told["sends"]


def test_return_step_12_both_marts_are_completely_in_sync_before_the_switch(one: Watched) -> None:
    assert one.told["differ"] is None
    assert one.steps.index("compare-marts") < one.steps.index("raise-epoch")
    assert "rows of" in str(one.told["run"].notes["compared"])


def test_return_step_13_the_newcomers_access_point_leads_to_the_mart(one: Watched) -> None:
    assert one.seen["turn-replication"][1]["points"] == [("mart@2",)]
    assert one.seen["swap-access-point"][1]["points"] == [("mart@1",)]


def test_return_step_14_1_the_application_names_the_newcomers_host(one: Watched) -> None:
    assert one.told["before"][2]["objects"] != one.told["end"][2]["objects"]
    assert one.objects("repoint-mart", 1)["mart"][2]["host"] == "site1"
    assert one.objects("swap-access-point", 1)["mart"][2]["host"] == "site2"


def test_return_step_14_2_it_starts_with_the_newcomers_configuration(one: Watched) -> None:
    assert one.objects("repoint-mart", 1)["mart"][2]["start_up_arguments"] == {"configuration_database": 1}


def test_return_step_14_3_it_is_connected_to_the_collectors_of_both_sites(one: Watched) -> None:
    rows = one.made.at(1).execute(
        "SELECT there.kind, there.name FROM cfg.connection JOIN cfg.object AS here ON here.object_key = from_key"
        " JOIN cfg.object AS there ON there.object_key = to_key"
        " WHERE here.name = 'mart' AND there.name LIKE 'pbx%' AND there.enabled ORDER BY 1, 2"
    )
    assert rows.fetchall() == [
        ("access_point", "pbx_a"),
        ("access_point", "pbx_b"),
        ("collector", "pbx_a"),
        ("collector", "pbx_b"),
    ]


def test_return_step_14_4_the_survivors_mart_is_no_longer_used(one: Watched) -> None:
    assert one.objects("swap-access-point", 1)["mart@2"][1] is False


def test_return_step_14_5_the_newcomers_mart_is_used(one: Watched) -> None:
    assert one.objects("swap-access-point", 1)["mart@1"][1] is True
    assert one.told["end"][2]["points"] == [("mart@1",)], "and so the other site's copy of the configuration says"


def test_return_step_15_the_mart_server_runs_at_the_newcomer_and_loads(one: Watched) -> None:
    assert one.seen["start-server"][1]["server"] == [("running",)] or one.told["end"][1]["server"] == [("running",)]
    assert ("c9",) in one.seen["load"][1]["interactions"]
    assert one.told["end"][1]["topology"] == [(1, 101)]
    assert one.seen["release-schedule"][1]["schedule"]


def test_return_step_16_the_configuration_is_read_back(one: Watched) -> None:
    assert one.states["check-server"] == "done"
    assert "extracted: pbx_a, pbx_b" in one.note("check-server")


def test_return_step_17_replication_runs_at_the_new_source(one: Watched) -> None:
    assert one.told["sends"]
    assert [(role, state) for _, role, state in one.told["end"][1]["links"]] == [("source", "linked")]


def test_return_step_18_what_the_newcomer_loads_arrives_at_the_survivor(one: Watched) -> None:
    assert one.told["arrives"]
    assert [root for (root,) in one.told["end"][2]["interactions"]] == ["c1", "c11", "c3", "c5", "c7", "c9"]
    assert one.differ() is None


def test_return_step_19_aggregates_of_the_outage_are_asked_for_and_made(one: Watched) -> None:
    mart = one.made.at(1)
    assert one.states["request-aggregates"] == "done"
    assert one.seen["release-aggregation"][1]["aggregates"]
    aggregate(1, {1: one.made.ends[1].dsn}, stop=Signal())
    assert pending(mart) == []
    row = mart.execute("SELECT sum(offered) FROM agg.id_day").fetchone()
    assert row == (6,), row


# Option 2, where it differs


def test_return_step_1_by_option_2_the_survivor_stands_still_for_a_dump(two: Watched) -> None:
    assert two.states["hold-loads"] == "done"
    assert not two.seen["hold-loads"][2]["schedule"]
    assert not two.seen["copy-mart"][2]["schedule"]
    assert two.seen["copy-mart"][2]["loads"] == two.told["while held"][2]["loads"]
    assert two.seen["release-loads"][2]["schedule"]


def test_return_step_2_by_option_2_an_empty_site_holds_a_copy(two: Watched) -> None:
    assert two.told["before"][1] == {"schedule": False, "aggregates": False}
    copied = two.seen["copy-mart"]
    assert copied[1]["interactions"] == copied[2]["interactions"] == [("c1",), ("c3",), ("c5",)]


def test_return_step_4_by_option_2_a_mart_of_this_version_is_made_at_the_new_site(two: Watched) -> None:
    assert two.states["prepare-site"] == "done"
    assert two.seen["prepare-site"][1]["interactions"] == []
    assert schema_state(two.made.at(1)).obstacle() is None


def test_return_step_8_by_option_2_the_survivor_stays_active_in_its_epoch(two: Watched) -> None:
    assert {str(seen[2]["topology"]) for seen in two.seen.values()} == {"[(2, 2)]"}
    assert all(seen[2]["replica of"] == [] for seen in two.seen.values())


def test_return_step_9_by_option_2_what_was_loaded_after_the_dump_follows(two: Watched) -> None:
    assert ("c7",) not in two.seen["copy-mart"][1]["interactions"]
    assert ("c7",) in two.seen["follow"][1]["interactions"]


def test_return_steps_10_and_11_by_option_2_the_survivor_sends_and_the_new_site_receives(two: Watched) -> None:
    end = two.told["end"]
    assert [is_on for _, is_on in end[1]["subscriptions"]] == [True]
    assert end[2]["slots"] == [(end[1]["subscriptions"][0][0],)]
    assert end[2]["subscriptions"] == []
    assert end[1]["replica of"] == [(2,)]
    assert two.told["sends"]


def test_return_step_12_by_option_2_both_are_compared(two: Watched) -> None:
    assert "rows of" in str(two.told["run"].notes["compared"])


def test_return_steps_13_and_14_by_option_2_the_application_stays_where_it_is(two: Watched) -> None:
    before, after = two.told["before"][2], two.told["end"][2]
    assert before["points"] == after["points"] == [("mart@2",)]
    assert [one for one in before["objects"] if one[0] == "mart"] == [
        one for one in after["objects"] if one[0] == "mart"
    ]
    assert {name for name, _, enabled, _ in after["objects"] if enabled} >= {"pbx_a", "pbx_b"}


def test_return_step_15_by_option_2_the_mart_server_of_the_survivor_works_in_the_end(two: Watched) -> None:
    assert two.told["before"][2]["server"] == [("stopped",)]
    assert two.states["start-server"] == "done"
    assert two.seen["start-server"][2]["server"] == [("running",)]


def test_return_steps_16_to_18_by_option_2_loads_go_on_and_arrive(two: Watched) -> None:
    assert two.told["arrives"]
    assert two.differ() is None


def test_every_step_of_the_return_is_one_of_ours() -> None:
    for procedure in (steps_return.OPTION_1, steps_return.OPTION_2):
        numbers = {number.split(".")[0] for step in procedure for number in step.original}
        missing = {str(number) for number in range(1, 20)} - numbers
        assert missing == (set() if procedure is steps_return.OPTION_1 else {"8", "10", "11", "13", "16", "19"})
