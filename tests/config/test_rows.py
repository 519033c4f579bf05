"""Rows 27 to 33 and 104 to 106 of the list of capabilities, through the commands and a real extraction."""

from datetime import timedelta

import pytest

from tests.config.conftest import Run
from tests.etl.story import Switch
from tests.jobs.support import eventually, rows, serving
from tests.support import Mart
from twinmart.config.options import effective
from twinmart.config.store import Store
from twinmart.errors import WrongConfiguration
from twinmart.model.events import Kind


def say_one(switch: Switch, second: float) -> None:
    switch.say(second, Kind.MEMBER_ADD, queue="sales", member=f"PJSIP/{second}", channel=f"PJSIP/{second}")


def events(mart: Mart) -> int:
    row = mart.connect(autocommit=True).execute("SELECT count(*) FROM gidb.event").fetchone()
    assert row is not None
    return int(row[0])


def test_row_27_one_application_object_is_pointed_at_another_host_and_keeps_its_identity(run: Run, mart: Mart) -> None:
    assert run("config", "set", "application", "mart", "schedule/run-scheduler=true").code == 0
    keys = mart.connect(autocommit=True)
    key = keys.execute("SELECT object_key FROM cfg.object WHERE (kind, name) = ('application', 'mart')").fetchone()
    moved = run(
        "config", "set", "application", "mart", "host=site2", 'start_up_arguments={"configuration_database": 2}'
    )
    assert (moved.code, "host  site1 → site2" in moved.out) == (0, True)
    shown = run("config", "show", "application", "mart", "--json").json
    assert shown["properties"]["host"] == "site2"
    assert shown["properties"]["start_up_arguments"] == {"configuration_database": 2}
    assert shown["options"] == {"schedule": {"run-scheduler": "true"}}
    assert (
        keys.execute("SELECT object_key FROM cfg.object WHERE (kind, name) = ('application', 'mart')").fetchone() == key
    )
    checked = run("config", "check")
    assert (checked.code, "runs at site 2, and site 1 is active" in checked.out) == (3, True)


@pytest.mark.parametrize("target", ["collector/pbx_a", "access_point/pbx_a"])
def test_row_28_connections_define_what_is_extracted(run: Run, mart: Mart, target: str) -> None:
    switch = Switch(mart)
    say_one(switch, 1)
    switch.hear()
    assert events(mart) == 1
    assert run("config", "disconnect", "application", "mart", target).code == 0
    say_one(switch, 2)
    switch.hear()
    assert events(mart) == 1
    assert run("config", "connect", "application", "mart", target).code == 0
    say_one(switch, 3)
    switch.hear()
    assert events(mart) == 3


@pytest.mark.parametrize(("kind", "name"), [("collector", "pbx_a"), ("access_point", "pbx_a"), ("source", "pbx")])
def test_row_29_what_is_disabled_is_as_if_it_were_disconnected(run: Run, mart: Mart, kind: str, name: str) -> None:
    switch = Switch(mart)
    say_one(switch, 1)
    switch.hear()
    assert run("config", "disable", kind, name, "--why", "site 1 is lost").code == 0
    say_one(switch, 2)
    switch.hear()
    assert events(mart) == 1
    assert run("config", "enable", kind, name).code == 0
    switch.hear([])
    assert events(mart) == 2


def test_row_30_exactly_one_access_point_leads_to_the_mart(run: Run, store: Store) -> None:
    assert run("config", "check").code == 0
    second = run("config", "enable", "access_point", "mart@2")
    assert (second.code, "TM345" in second.err, "config disable access_point mart@1" in second.err) == (4, True, True)
    assert not store.get("access_point", "mart@2").enabled
    for role in ("ICON_CFG", "ICON_CORE", "ICON_MM", "ICON_OCS"):
        assert run("config", "set", "access_point", f"of-{role}", f"role={role}", "site=1").code == 0
    wrong = run("config", "set", "access_point", "odd", "role=ICON_FAX", "site=1")
    assert (wrong.code, "'ICON_OCS' or 'INFO_MART'" in wrong.err) == (2, True)
    assert run("config", "disable", "access_point", "mart@1").code == 0
    none = run("config", "check")
    assert (none.code, "0 with role INFO_MART are enabled" in none.out) == (3, True)
    assert run("config", "enable", "access_point", "mart@2").code == 0
    other = run("config", "check", "--json")
    assert other.code == 3
    assert [fault["about"] for fault in other.json["faults"]] == ['access point "mart@2"']


def test_row_31_a_role_is_not_changed_after_extraction_began(run: Run, mart: Mart, store: Store) -> None:
    switch = Switch(mart)
    assert run("config", "set", "access_point", "pbx_a", "role=ICON_MM").code == 0
    assert run("config", "set", "access_point", "pbx_a", "role=ICON_CORE").code == 0
    say_one(switch, 1)
    switch.hear()
    late = run("config", "set", "access_point", "pbx_a", "role=ICON_MM")
    assert (late.code, "has been extracted since" in late.err) == (4, True)
    assert store.get("access_point", "pbx_a").properties["role"] == "ICON_CORE"


def test_row_32_the_scheduler_is_off_until_it_is_switched_on(run: Run, mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    assert not effective(connection).flag("schedule", "run-scheduler")
    assert run("config", "set", "application", "mart", "schedule/run-scheduler=true").code == 0
    assert effective(connection).flag("schedule", "run-scheduler")
    assert run("config", "unset", "application", "mart", "schedule/run-scheduler").code == 0
    assert not effective(connection).flag("schedule", "run-scheduler")


@pytest.mark.parametrize(
    ("option", "wrong", "words"),
    [
        ("etl-start-time", "25:00", "HH:mm"),
        ("export-schedule", "20 0/8 *", "two fields"),
        ("export-schedule", "20 25", "hours 0 to 23"),
        ("etl-frequency", "1441", "0 to 1440 min"),
        ("run-aggregates", "perhaps", "true or false"),
        ("timezone", "Mars/Olympus", "no time zone"),
    ],
)
def test_row_33_a_wrong_value_is_refused_and_the_old_one_stays(
    run: Run, mart: Mart, option: str, wrong: str, words: str
) -> None:
    right = {"etl-start-time": "07:30", "export-schedule": "20 0/6", "etl-frequency": "5", "timezone": "Europe/Paris"}
    good = right.get(option, "false")
    assert run("config", "set", "application", "mart", f"schedule/{option}={good}").code == 0
    refused = run("config", "set", "application", "mart", f"schedule/{option}={wrong}")
    assert (refused.code, "error TM140" in refused.err, words in refused.err) == (2, True, True)
    assert f'it stays "{good}"' in refused.err
    assert "hint" in refused.err
    found = effective(mart.connect(autocommit=True)).get("schedule", option)
    assert found is not None
    assert found == effective(mart.connect(autocommit=True)).get("schedule", option)
    shown = run("config", "show", "application", "mart", "--json").json
    assert shown["options"]["schedule"] == {option: good}


def test_row_33_an_impossible_schedule_is_refused_as_a_whole(run: Run, mart: Mart) -> None:
    clash = run("config", "set", "application", "mart", "schedule/maintain-start-time=12:00")
    assert (clash.code, "inside the window of extraction" in clash.err) == (2, True)
    both = ("schedule/maintain-start-time=12:00", "schedule/etl-end-time=11:00")
    assert run("config", "set", "application", "mart", *both).code == 0
    options = effective(mart.connect(autocommit=True))
    assert options.clock("schedule", "maintain-start-time") == timedelta(hours=12)


def test_row_104_a_port_of_the_agent_of_a_host_below_2000_becomes_4999(run: Run, store: Store) -> None:
    told = run("config", "set", "host", "site1", "lca_port=1999", "address=10.0.0.1")
    assert (told.code, 'note   lca_port of host "site1" is 4999: 1999 is below 2000' in told.out) == (0, True)
    assert store.get("host", "site1").properties["lca_port"] == 4999
    assert run("config", "set", "host", "site1", "lca_port=2000").code == 0
    assert store.get("host", "site1").properties["lca_port"] == 2000
    assert run("config", "set", "host", "site1", "lca_port=65536").code == 2


def test_row_105_a_second_server_of_the_same_name_is_refused(run: Run, mart: Mart) -> None:
    locks = "SELECT FROM pg_locks WHERE locktype = 'advisory'"
    with serving({1: mart.dsn}):
        eventually(lambda: rows(mart.dsn, locks))
        second = run("mart", "run", "--site", "1")
    assert (second.code, "Nothing was changed" in second.err or "hint" in second.err) == (4, True), second.err


def waiting_call(switch: Switch, begin: float, channel: str) -> None:
    """A caller waits twelve seconds in the queue and gives up."""
    switch.call(begin, channel, "PJSIP/trunk")
    for second, kind in ((0, Kind.QUEUE_ENTER), (12, Kind.QUEUE_ABANDON)):
        switch.say(begin + second, kind, channel_id=channel, linked_id=channel, queue="sales", value="1")
    switch.end(begin + 12, channel)


def test_row_106_the_more_specific_object_wins_and_the_facts_show_it(run: Run, mart: Mart) -> None:
    switch = Switch(mart)
    levels = [
        (("application", "mart", "gim-etl/q-short-abandoned-threshold=11"), False),
        (("tenant", "default", "gim-etl/q-short-abandoned-threshold=13"), True),
        (("tenant", "default", "gim-etl/q-short-abandoned-threshold-voice=11"), False),
        (("source", "pbx", "gim-etl/q-short-abandoned-threshold=13"), True),
        (("queue", "sales", "gim-etl/q-short-abandoned-threshold=11"), False),
        (("queue", "pbx/sales", "gim-etl/q-short-abandoned-threshold=13"), True),
    ]
    for number, (words, is_short) in enumerate(levels, 1):
        assert run("config", "set", *words).code == 0
        waiting_call(switch, number * 100, f"c{number}")
        switch.hear()
        flags = switch.rows("SELECT short_abandoned_flag AS f FROM mart.mediation_segment_fact ORDER BY start_at")
        assert [bool(row["f"]) for row in flags][-1] is is_short, words
        threshold = effective(switch.mart).at(
            "gim-etl", "q-short-abandoned-threshold", media="voice", source="pbx", queue="sales"
        )
        assert threshold == (13 if is_short else 11)
    assert run("config", "disable", "queue", "pbx/sales").code == 0
    row = switch.rows(
        "SELECT short_abandon_ms AS ms FROM cfg.queue_setting WHERE (source_name, queue) = ('pbx', 'sales')"
    )
    assert row == [{"ms": 11_000}]
    wrong = run("config", "set", "queue", "sales", "schedule/run-scheduler=true")
    assert (wrong.code, "is not one of a queue" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (["schedule/maintain-start-time=07:00"], "maintenance would begin inside the window of extraction"),
        (["schedule/etl-start-time=00:00", "schedule/etl-end-time=24:00"], "maintenance would begin inside the window"),
        (["schedule/etl-end-time=06:00"], "the window of extraction is empty"),
        (["schedule/aggregate-duration=00:00"], "aggregation would end when it begins"),
    ],
)
def test_row_33_options_of_the_schedule_that_contradict_one_another_are_refused_and_the_old_ones_stay(
    run: Run, store: Store, told: list[str], why: str
) -> None:
    assert run("config", "set", "application", "mart", "schedule/etl-frequency=5").code == 0
    before = store.get("application", "mart").options
    refused = run("config", "set", "application", "mart", *told)
    assert refused.code == WrongConfiguration.exit_code
    for words in (WrongConfiguration.code, why, "nothing was changed", "Mend it: twinmart config set"):
        assert words in refused.err
    assert store.get("application", "mart").options == before
    assert run("config", "check").code == 0
    # Written past the command, it is still told of.
    for one in told:
        section, _, text = one.partition("/")
        store.set_option("application", "mart", section, *text.split("="))
    checked = run("config", "check")
    assert (checked.code, why in checked.out) == (3, True)
