"""Following a call: any of its ids leads to all of it, to nothing else, and to the loads and batches behind it."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tests.etl.story import DAWN, Switch
from tests.report.calls import answer, broken_call, hang_up, waiting_call, whole_call
from tests.support import Mart
from twinmart.collect.asterisk.rules import RULES
from twinmart.collect.backfill import backfill_file
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import Connection
from twinmart.errors import AmbiguousId, UnknownId
from twinmart.etl.cycle import run_once
from twinmart.etl.extract import Extractor
from twinmart.model.events import Kind
from twinmart.report.timeline import _SAYS, Fold, Line, channel_names, folded, timeline
from twinmart.report.trace import Trace, trace, work_of
from twinmart.sim.samples import sample


@pytest.fixture
def switch(mart: Mart) -> Switch:
    return Switch(mart)


def values(connection: Connection, query: str) -> list[str]:
    return [str(value) for (value,) in connection.execute(query.encode())]


def said(whole: Trace) -> dict[str, str]:
    """Return what the first event of each kind says."""
    return {line.event.kind: line.says for line in reversed(timeline(whole))}


class TestIds:
    """Every name of a call leads to the same trace."""

    def test_any_key_and_any_id_of_the_switch_lead_to_the_same_call(self, switch: Switch) -> None:
        whole_call(switch)
        switch.call(3, "c8", "PJSIP/trunk")
        switch.end(4, "c8")
        switch.hear()

        ids = [
            *values(switch.mart, "SELECT interaction_id FROM mart.interaction_fact WHERE call_count = 1 AND"
                                 " media_server_root_ixn_guid = 'c1'"),
            *values(switch.mart, "SELECT interaction_resource_id FROM mart.interaction_resource_fact"
                                 " WHERE channel_id <> 'c8'"),
            *values(switch.mart, "SELECT mediation_segment_id FROM mart.mediation_segment_fact"),
            *values(switch.mart, "SELECT ixn_resource_state_fact_key FROM mart.ixn_resource_state_fact"),
            "c1", "c2", "c3", "c4",
        ]  # fmt: skip
        assert len(ids) >= 1 + 3 + 1 + 5 + 4
        traces = [trace(switch.mart, wanted) for wanted in ids]
        assert all(found == traces[0] for found in traces)
        assert traces[0].channels == ["c1", "c2", "c3", "c4"]
        assert traces[0].interaction is not None
        assert traces[0].interaction.root_id == "c1"

    def test_calls_that_share_a_channel_are_traced_together(self, switch: Switch) -> None:
        switch.member(-100, "PJSIP/101")
        for channel in ("c1", "c5"):
            switch.call(0, channel, "PJSIP/trunk")
        switch.say(5, Kind.BRIDGE_ENTER, channel_id="c5", linked_id="c1", bridge_id="b1", value="basic")
        hang_up(switch, 9, "c1", "c5")
        switch.hear()

        for wanted in ("c1", "c5"):
            found = trace(switch.mart, wanted)
            assert (found.calls, found.channels) == (["c1", "c5"], ["c1", "c5"])
            assert found.interaction is not None
            assert found.interaction.call_count == 2

    @pytest.mark.parametrize("wanted", ["c77", "01a20267-fb1f-8aed-884b-000000000000", "", "01a20267-fb1f-8aed-884b"])
    def test_an_id_of_nothing_is_unknown(self, switch: Switch, wanted: str) -> None:
        whole_call(switch)
        switch.hear()
        with pytest.raises(UnknownId) as raised:
            trace(switch.mart, wanted)
        assert f'"{wanted}"' in raised.value.message
        assert "twinmart etl" in (raised.value.hint or "")

    def test_the_same_id_at_two_switches_must_be_told_apart(self, switch: Switch, mart: Mart) -> None:
        whole_call(switch)
        switch.hear()
        other = Switch(mart, "other")
        waiting_call(other)
        other.hear()

        with pytest.raises(AmbiguousId) as raised:
            trace(switch.mart, "c1")
        assert raised.value.detail == "sources: other, pbx"
        assert len(trace(switch.mart, "c1", source="pbx").channels) == 4
        assert len(trace(switch.mart, "c1", source="other").channels) == 1
        with pytest.raises(UnknownId, match='of source "third"'):
            trace(switch.mart, "c1", source="third")

    def test_a_channel_named_by_a_uuid_is_found_too(self, switch: Switch) -> None:
        channel = str(UUID(int=1))
        switch.say(0, Kind.CHANNEL_START, channel_id=channel, linked_id=channel, channel="PJSIP/x-00000001")
        switch.hear()
        assert trace(switch.mart, channel).channels == [channel]

    def test_every_event_of_a_day_is_in_the_trace_of_its_fact_and_in_no_other(self, mart: Mart) -> None:
        connection = mart.connect(autocommit=True)
        collector = ensure_collector(connection, ensure_source(connection, "bristol"), site=1)
        backfill_file(
            connection, collector.idb_schema, "bristol", sample("bristol").recording, collector=collector.name
        )
        run_once(1, {1: mart.dsn})

        found: Counter[str] = Counter()
        for wanted in values(connection, "SELECT interaction_id FROM mart.interaction_fact"):
            whole = trace(connection, wanted)
            found.update(str(event.event_id) for event in whole.events)
            assert whole.visits == sorted(whole.visits, key=lambda visit: visit.start_at)
            for part in whole.parts:
                assert part.channel_id in whole.channels
            for line in timeline(whole):
                assert line.says
        waits = "SELECT channel_id FROM gidb.login_call"
        told = f"SELECT event_id FROM gidb.event WHERE channel_id IS NOT NULL AND channel_id NOT IN ({waits})"
        assert found == Counter(values(connection, told))


class TestStanding:
    """What becomes of a call is told as it stands."""

    def test_a_discarded_interaction_tells_why(self, switch: Switch) -> None:
        broken_call(switch)
        switch.hear()
        found = trace(switch.mart, "c9")
        assert found.interaction is not None
        assert found.interaction.status == 2
        assert found.interaction.discard_code == "ends-before-start"
        assert "before it started" in (found.interaction.discard_reason or "")
        assert (found.visits, found.parts, len(found.events)) == ([], [], 2)
        assert [load.audit_key for load in found.loads] == [found.interaction.discard_audit_key]

    def test_news_that_is_not_loaded_yet_is_told_with_its_batch(self, switch: Switch, mart: Mart) -> None:
        whole_call(switch)
        late = switch.said[-2:]
        switch.hear(switch.said[:-2])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.etl.story.run_once", lambda *_: None)
            switch.hear(late)
        Extractor(mart.connect(autocommit=True)).extract(switch.mart, switch._collector)

        found = trace(switch.mart, "c1")
        assert found.interaction is not None
        assert found.interaction.active_flag == 1
        assert found.pending_batch == 2
        assert [batch.rows_new for batch in found.batches][1:] == [2]

        run_once(1, {1: mart.dsn})
        found = trace(switch.mart, "c1")
        assert found.interaction is not None
        assert (found.interaction.active_flag, found.pending_batch) == (0, None)

    def test_a_call_that_is_in_no_fact_yet_has_its_events(self, switch: Switch, mart: Mart) -> None:
        whole_call(switch)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.etl.story.run_once", lambda *_: None)
            switch.hear()
        Extractor(mart.connect(autocommit=True)).extract(switch.mart, switch._collector)
        found = trace(switch.mart, "c4")
        assert (found.interaction, found.pending_batch, found.parts) == (None, 1, [])
        assert found.channels == ["c1", "c2", "c3", "c4"]
        assert found.events

    def test_the_line_of_a_waiting_agent_is_traced_without_the_calls_it_was_bridged_with(self, switch: Switch) -> None:
        switch.call(0, "c7", "PJSIP/101")
        login: dict[str, Any] = {
            "channel_id": "c7",
            "linked_id": "c7",
            "channel": "PJSIP/101-00000007",
            "member": "Agent:1001",
        }
        switch.say(1, Kind.AGENT_LOGIN, **login)
        switch.call(5, "c1", "PJSIP/trunk")
        switch.say(6, Kind.BRIDGE_ENTER, channel_id="c7", linked_id="c1", bridge_id="b1", value="basic")
        switch.end(9, "c1")
        switch.call(15, "c2", "PJSIP/trunk")
        switch.say(16, Kind.BRIDGE_ENTER, channel_id="c7", linked_id="c2", bridge_id="b2", value="basic")
        switch.end(19, "c2")
        switch.hear()

        line = trace(switch.mart, "c7")
        assert (line.waiting_agent, line.interaction, line.channels) == ("Agent:1001", None, ["c7"])
        for caller in ("c1", "c2"):
            call = trace(switch.mart, caller)
            assert (call.waiting_agent, call.calls, call.channels) == (None, [caller], [caller])
            assert call.interaction is not None

    def test_facts_outlive_their_events(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        (key,) = values(switch.mart, "SELECT mediation_segment_id FROM mart.mediation_segment_fact")
        before = trace(switch.mart, key)
        for table in ("gidb.event", "gidb.channel_link", "gidb.interaction"):
            switch.mart.execute(f"DELETE FROM {table}".encode())
        for wanted in (key, "c1"):
            after = trace(switch.mart, wanted)
            assert (after.interaction, after.visits, after.parts) == (before.interaction, before.visits, before.parts)
            assert (after.events, after.batches) == ([], [])


class TestAudit:
    """Every fact names its loads, every event its extraction."""

    def test_a_fact_that_changed_names_both_loads(self, switch: Switch) -> None:
        waiting_call(switch)
        switch.hear()
        answer(switch, 5, "c4")
        hang_up(switch, 65, "c4", "c1")
        switch.hear()

        found = trace(switch.mart, "c1")
        first, second = (load.audit_key for load in found.loads)
        assert work_of(found, first)[0][:2] == ["interaction", "visit"]
        inserted, changed = work_of(found, second)
        assert changed[:2] == ["interaction", "visit"]
        assert {"part", "state"} <= set(inserted)
        facts = [fact for _, fact in found.facts]
        assert sum(fact.create_audit_key == first for fact in facts) == len(work_of(found, first)[0])
        assert [(load.job, load.site, load.epoch) for load in found.loads] == [("transform", 1, 1)] * 2

    def test_every_event_came_with_a_batch_of_a_known_collector(self, switch: Switch) -> None:
        waiting_call(switch)
        switch.hear()
        hang_up(switch, 9, "c1")
        switch.hear()
        switch.member(20, "PJSIP/102")
        switch.hear()

        found = trace(switch.mart, "c1")
        assert [(one.batch, one.collector, one.site) for one in found.batches] == [(1, "pbx_a", 1), (2, "pbx_a", 1)]
        assert [event.batch for event in found.events] == [1, 1, 1, 2]
        assert [(one.from_seq, one.to_seq) for one in found.batches] == [(0, 4), (4, 5)]

    def test_an_extraction_that_brought_nothing_is_not_taken_for_the_one_before(
        self, switch: Switch, mart: Mart
    ) -> None:
        waiting_call(switch)
        twin = ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
        events = list(switch.said)
        switch.hear()
        other = Switch(mart)
        other._collector = twin
        other.hear(events)
        run_once(1, {1: mart.dsn, 2: mart.dsn})
        keys = values(switch.mart, "SELECT extract_key FROM ctl.extract_history")
        assert keys == ["1", "1"]
        assert [one.collector for one in trace(switch.mart, "c1").batches] == ["pbx_a"]


class TestMeasures:
    """The lengths are those of the facts."""

    def test_a_part_tells_how_long_it_rang_talked_and_held(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        found = trace(switch.mart, "c1")
        parts = [(part.channel_id, part.ring_ms, part.talk_ms, part.hold_ms) for part in found.parts]
        assert parts == [("c2", 4_000, 0, 0), ("c3", 4_000, 0, 0), ("c4", 3_001, 42_998, 5_000)]
        (visit,) = found.visits
        assert (visit.queue, visit.result, visit.agent, visit.offer_count) == (
            "sales",
            "answered",
            "Agent of PJSIP/101",
            3,
        )
        assert visit.wait_ms == 16_002

    def test_the_phases_of_all_families_add_up_to_the_states(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        found = trace(switch.mart, "c1")
        spent = sum(part.dial_ms + part.ring_ms + part.talk_ms + part.hold_ms + part.work_ms for part in found.parts)
        assert spent == sum(state.duration_ms or 0 for state in found.states) > 0


class TestTimeline:
    """Events in words, and noise folded."""

    def test_events_are_in_order_and_point_at_the_facts_that_they_made(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        lines = timeline(trace(switch.mart, "c4"))
        assert [line.event.at for line in lines] == sorted(line.event.at for line in lines)
        told = {fact: line.event.kind for line in lines for fact in line.facts}
        assert told["interaction begins"] == Kind.CHANNEL_START
        assert told["visit 1 begins"] == Kind.QUEUE_ENTER
        assert told["visit 1: answered"] == Kind.AGENT_CONNECT
        assert told["part 3 ends"] == told["interaction ends"] == Kind.CHANNEL_END
        assert lines[0].event.at == DAWN

    def test_of_events_at_one_instant_the_one_about_the_fact_is_pointed_at(self, switch: Switch) -> None:
        switch.member(-100, "PJSIP/101")
        switch.call(0, "c1", "PJSIP/trunk")
        switch.dial(0, "c1", "c2", "PJSIP/101")
        for channel in ("c1", "c2"):
            switch.say(4, Kind.HOLD_END, channel_id=channel, linked_id="c1")
            switch.up(4, channel, "c1")
            switch.say(9, Kind.BRIDGE_LEAVE, channel_id=channel, linked_id="c1", bridge_id="b1")
            switch.end(9, channel, "c1")
        switch.hear()
        lines = timeline(trace(switch.mart, "c1"))
        told = {fact: (line.event.kind, line.event.channel_id) for line in lines for fact in line.facts}
        assert told["part 1 begins"] == (Kind.CHANNEL_START, "c2")
        assert told["part 1 answered"] == (Kind.CHANNEL_UP, "c2")
        assert told["part 1 ends"] == (Kind.CHANNEL_END, "c2")
        assert told["interaction begins"][0] == Kind.CHANNEL_START
        assert told["interaction ends"][0] == Kind.CHANNEL_END

    def test_channels_have_short_names_and_numbers(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        names = channel_names(trace(switch.mart, "c1"))
        assert names == {"c1": "PJSIP/trunk", "c2": "PJSIP/101", "c3": "PJSIP/101 #2", "c4": "PJSIP/101 #3"}

    def test_an_event_says_what_it_knows_and_leaves_out_what_it_does_not(self, switch: Switch) -> None:
        whole_call(switch)
        switch.say(70, Kind.BRIDGE_ENTER, channel_id="c1", linked_id="c1")
        switch.say(71, Kind.AGENT_CONNECT, channel_id="c1", linked_id="c1", queue="sales", member="PJSIP/101")
        switch.hear()
        found = trace(switch.mart, "c1")
        words = said(found)
        assert words[Kind.QUEUE_ENTER] == 'enters queue "sales", at place 1'
        assert words[Kind.AGENT_OFFER] == 'queue "sales" rings Ann (PJSIP/101), channel PJSIP/101'
        assert words[Kind.CHANNEL_END] == "hangs up, cause 19 (no answer)"
        assert words[Kind.BRIDGE_ENTER] == "enters bridge 1"
        assert [line.says for line in timeline(found)[-2:]] == [
            "bridge enter", 'queue "sales" is answered by PJSIP/101'
        ]  # fmt: skip

    def test_every_kind_that_a_channel_can_tell_has_words(self) -> None:
        told = {rule.kind for rule in RULES.values() if rule.channel_id}
        told |= {kind for rule in RULES.values() if rule.kind_by for kind in rule.kind_by[1].values()}
        assert told <= _SAYS.keys()

    def test_a_single_try_is_told_and_many_are_folded_with_their_facts(self, switch: Switch) -> None:
        whole_call(switch)
        switch.hear()
        lines = timeline(trace(switch.mart, "c1"))
        shown = list(folded(lines))
        (fold,) = [item for item in shown if isinstance(item, Fold)]
        assert {line.event.channel_id for line in fold.lines} | {"c1"} == {"c1", "c2", "c3"}
        assert fold.says == "2 channel_start, 2 agent_offer, 2 channel_ring, 2 agent_noanswer, 2 channel_end"
        assert fold.facts == ("part 1 begins", "part 1 ends", "part 2 begins", "part 2 ends")
        again = [line for item in shown for line in (item.lines if isinstance(item, Fold) else (item,))]
        assert again == lines

    def test_short_runs_are_left_alone(self, switch: Switch) -> None:
        waiting_call(switch)
        switch.say(3, Kind.QUEUE_CALLER_SEEN, channel_id="c1", queue="sales", value="2")
        hang_up(switch, 5, "c1")
        switch.hear()
        shown = list(folded(timeline(trace(switch.mart, "c1"))))
        assert all(isinstance(item, Line) for item in shown)
        assert [item.is_noise for item in shown if isinstance(item, Line)].count(True) == 1
