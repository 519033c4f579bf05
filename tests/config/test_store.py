"""Objects, revisions and history: what is written, refused, replayed and restored; and two writers at once."""

import threading
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.conftest import Run
from tests.etl.story import Switch
from tests.support import Mart
from twinmart import errors
from twinmart.config import check, document
from twinmart.config.kinds import Object
from twinmart.config.store import Store, replay
from twinmart.config.topology import raise_epoch, write_dsns
from twinmart.errors import ConfigurationGuard, TopologyChanged, UnknownObject, WrongConfiguration
from twinmart.model.events import Kind
from twinmart.settings import read_secret

QUEUES = ("sales", "london/help", "ß/ü")
THRESHOLDS = ("q-answer-threshold", "q-answer-threshold-voice", "wrap-up-time")

# What a person may do to a queue or to the mart server: a word and what it is said of.
ACTS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(QUEUES), st.sampled_from(THRESHOLDS), st.integers(0, 99)),
    st.tuples(st.just("unset"), st.sampled_from(QUEUES), st.sampled_from(THRESHOLDS)),
    st.tuples(st.just("describe"), st.sampled_from(QUEUES), st.text(max_size=5).filter(lambda t: "\0" not in t)),
    st.tuples(st.sampled_from(["enable", "disable"]), st.sampled_from(QUEUES)),
    st.tuples(st.sampled_from(["connect", "disconnect"]), st.sampled_from(["1", "2"])),
)


def do(store: Store, act: tuple[Any, ...]) -> None:
    match act:
        case "set", queue, option, value:
            store.put("queue", queue, options={("gim-etl", option): str(value)})
        case "describe", queue, text:
            store.put("queue", queue, {"description": text})
        case ("connect" | "disconnect") as verb, site:
            getattr(store, verb)("application", "mart", "access_point", f"mart@{site}")
        case "unset", queue, option:
            if store.find("queue", queue):
                store.unset_option("queue", queue, "gim-etl", option)
        case verb, queue:
            if store.find("queue", queue):
                getattr(store, verb)("queue", queue)


def state(store: Store) -> list[Object]:
    return store.all()


@given(acts=st.lists(ACTS, max_size=8), back=st.integers(1, 9))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_history_replays_restores_and_documents_bring_back_what_was(
    mart: Mart, acts: list[tuple[Any, ...]], back: int
) -> None:
    connection = mart.connect()
    try:
        store = Store(connection, author="test")
        for act in acts:
            do(store, act)
        for one in state(store):
            entries = sorted(store.history(one.kind, one.name), key=lambda entry: entry.revision)
            again = replay(one.kind, one.name, entries)
            told = [(o.enabled, o.discovered, o.revision, o.properties, o.options, o.connections) for o in (one, again)]
            assert told[0] == told[1]
        before = state(store)
        for whole in (False, True):
            document.apply(store, document.parse(document.export(before)), whole=whole)
        assert state(store) == before
        for one in before:
            revision = min(back, one.revision)
            was = store.as_of(one.kind, one.name, revision)
            now = store.restore(one.kind, one.name, revision)
            assert (now.enabled, now.properties, now.options, now.connections) == (
                was.enabled, was.properties, was.options, was.connections,
            )  # fmt: skip
            assert now.revision in (one.revision, one.revision + 1)
    finally:
        connection.rollback()
        connection.close()


def test_each_change_is_told_with_who_why_and_what_was(run: Run) -> None:
    assert run("config", "set", "queue", "sales", "gim-etl/q-answer-threshold=20", "--why", "contract").code == 0
    assert run("config", "set", "queue", "sales", "gim-etl/q-answer-threshold=30", "description=Main").code == 0
    told = run("config", "history", "queue", "sales", "--json").json["changes"]
    option = [one for one in told if one["aspect"] == "option"]
    assert [(one["old"], one["new"], one["reason"]) for one in option] == [("20", "30", None), (None, "20", "contract")]
    assert {one["author"] for one in told} != {""}
    assert "description  — → Main" in run("config", "diff", "queue", "sales", "1").out
    assert run("config", "restore", "queue", "sales", "1").code == 0
    shown = run("config", "show", "queue", "sales", "--json").json
    assert (shown["revision"], shown["options"]) == (3, {"gim-etl": {"q-answer-threshold": "20"}})
    assert "description" not in shown["properties"]
    late = run("config", "restore", "queue", "sales", "9")
    assert (late.code, "it has 1 to 3" in late.err) == (2, True)


def test_what_is_so_already_makes_no_revision(store: Store) -> None:
    first = store.set_option("application", "mart", "schedule", "run-scheduler", "true")
    assert store.set_option("application", "mart", "schedule", "run-scheduler", "true") == first
    assert store.enable("application", "mart") == first


def test_the_time_in_which_a_value_held_is_known(store: Store) -> None:
    for value in ("20", "30"):
        store.put("queue", "sales", options={("gim-etl", "q-answer-threshold"): value})
    store.unset_option("queue", "sales", "gim-etl", "q-answer-threshold")
    spans = store.connection.execute(
        "SELECT value, to_at - from_at > interval '0' FROM cfg.option_span WHERE object_name = 'sales' ORDER BY from_at"
    ).fetchall()
    assert spans == [("20", True), ("30", True)]


@pytest.mark.parametrize(
    ("kind", "name", "properties", "words"),
    [
        ("source", "pbx", {"site": 1, "secret": "hunter2"}, "never stored"),
        ("source", "pbx", {"site": 0}, "site"),
        ("source", "pbx", {"site": 1, "sites": 2}, "sites"),
        ("host", "there", {"site": 1, "lca_port": 0}, "lca_port"),
        ("site", "one", {}, "a number from 1 to 99"),
        ("queue", "a\nb", {}, "can be seen"),
        ("agent", "x" * 256, {}, "up to 255"),
        ("application", "odd", {"type": "toaster"}, "type"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changed(
    store: Store, kind: str, name: str, properties: dict[str, Any], words: str
) -> None:
    before = state(store)
    with pytest.raises(WrongConfiguration) as refused:
        store.put(kind, name, properties)
    text = refused.value.render()
    assert words in text
    assert "hunter2" not in text
    assert state(store) == before


def test_a_mistyped_name_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(WrongConfiguration, match="no kind") as kind:
        store.put("aplication", "mart")
    assert kind.value.hint == 'Did you mean "application"?'
    with pytest.raises(WrongConfiguration) as option:
        store.set_option("application", "mart", "schedule", "run-schedular", "true")
    assert option.value.hint == 'Did you mean "[schedule] run-scheduler"?'
    with pytest.raises(UnknownObject) as name:
        store.get("access_point", "mart1")
    assert name.value.hint == 'Did you mean "mart@1"?'
    with pytest.raises(WrongConfiguration, match="is not connected to"):
        store.connect("queue", store.put("queue", "sales").name, "site", "1")


def test_two_writers_at_once_come_one_after_another(mart: Mart) -> None:
    begun, errors_seen = threading.Barrier(2), []

    def write(number: int) -> None:
        store = Store(mart.connect(autocommit=True), author=f"writer {number}")
        begun.wait()
        try:
            for count in range(10):
                store.put("queue", "sales", {"description": f"{number}.{count}"})
        except Exception as error:  # noqa: BLE001  told by the assertion below
            errors_seen.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors_seen == []
    store = Store(mart.connect(autocommit=True), author="test")
    told = [one for one in store.history("queue", "sales") if one.name == "description"]
    assert store.get("queue", "sales").revision == 20
    told.sort(key=lambda one: one.revision)
    assert [one.old for one in told[1:]] == [one.new for one in told[:-1]]


def test_two_who_would_enable_a_mart_each_do_not_both(mart: Mart) -> None:
    first, second = mart.connect(), mart.connect()
    Store(first, author="one").disable("access_point", "mart@1")
    first.execute("SELECT FROM cfg.topology")  # begins the transaction
    Store(first, author="one").enable("access_point", "mart@1")
    refused: list[errors.MartError] = []

    def enable() -> None:
        try:
            Store(second, author="two").enable("access_point", "mart@2")
        except ConfigurationGuard as error:
            refused.append(error)

    waiting = threading.Thread(target=enable)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    first.commit()
    waiting.join(10)
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[queue", "no TOML"),
        ("queue = 1", "no table of objects"),
        ("[quue.sales]", 'Did you mean "queue"'),
        ("[queue.sales]\nenabled = 3", "neither true nor false"),
        ("[application.mart]\nconnections = 'collector/x'", "no list"),
        ("[application.mart]\nconnections = ['collector/nobody']", 'no collector "nobody"'),
        ("[application.mart]\noptions = 3", "in no section"),
        ("[application.mart.options.schedule]\nrun-scheduler = []", "no single value"),
        ("[queue.sales]\n[application.mart.options.schedule]\nrun-scheduler = 3", "true or false"),
        ("[queue.sales]\n[source.pbx]\nsite = 7", 'site "7", which is not there'),
    ],
)
def test_a_bad_document_changes_nothing(run: Run, tmp_path: Any, store: Store, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    before = state(store)
    done = run("config", "apply", str(path))
    assert (done.code, words in done.err) == (2, True), done.err
    assert state(store) == before


def test_a_document_is_tried_applied_and_applied_again(run: Run, tmp_path: Any, store: Store) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        '[queue.sales.options.gim-etl]\nq-answer-threshold = 20\n[access_point."mart@1"]\nenabled = false\n'
        '[access_point."mart@2"]\nenabled = true\n'
    )
    before = state(store)
    tried = run("config", "apply", str(path), "--dry-run")
    assert (tried.code, 'would make queue "sales"' in tried.out, "enabled  true → false" in tried.out) == (
        0,
        True,
        True,
    )
    assert state(store) == before
    assert run("config", "apply", str(path)).code == 0
    assert store.get("access_point", "mart@2").enabled
    again = run("config", "apply", str(path))
    assert (again.code, again.out) == (0, "nothing changes: it is so already\n")
    (tmp_path / "all.toml").write_text(run("config", "export").out)
    assert run("config", "apply", str(tmp_path / "all.toml"), "--whole").out == again.out


def test_agents_and_queues_of_events_become_objects(mart: Mart, run: Run) -> None:
    switch = Switch(mart)
    switch.member(1, "PJSIP/a101")
    switch.hear()
    store = Store(switch.mart, author="test")
    agent = store.get("agent", "pbx/PJSIP/a101")
    assert (agent.discovered, agent.properties["full_name"]) == (True, "Agent of PJSIP/a101")
    assert {one.label for one in store.all() if one.discovered} == {
        "agent/pbx/PJSIP/a101", "queue/pbx/sales", "agent_group/pbx/sales",
    }  # fmt: skip
    assert check.faults(store) == []
    assert "agent" not in run("config", "export").out
    assert run("config", "set", "queue", "pbx/sales", "description=Main").code == 0
    assert not store.get("queue", "pbx/sales").discovered
    switch.say(2, Kind.MEMBER_REMOVE, queue="sales", member="PJSIP/a101", channel="PJSIP/a101")
    switch.hear()
    assert store.get("queue", "pbx/sales").revision == 2
    entries = store.history("agent", "pbx/PJSIP/a101")
    assert {one.reason for one in entries} == {"seen in events"}


def test_a_secret_is_found_where_its_reference_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PBX_SECRET", "one")
    (tmp_path / "secret").write_text("two\n")
    assert (read_secret("env:PBX_SECRET"), read_secret(f"file:{tmp_path / 'secret'}"), read_secret(None)) == (
        "one",
        "two",
        "",
    )
    with pytest.raises(errors.WrongSetting) as literal:
        read_secret("hunter2")
    assert "hunter2" not in literal.value.render()
    with pytest.raises(errors.WrongSetting, match="leads nowhere"):
        read_secret("keyring:twinmart/nobody")


def test_the_epoch_is_raised_by_who_knows_the_present_one(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    assert raise_epoch(connection, expected_epoch=1, active_site=2) == 2
    with pytest.raises(TopologyChanged, match="site 1 was not made"):
        raise_epoch(connection, expected_epoch=1, active_site=1)
    assert connection.execute("SELECT active_site, epoch FROM cfg.topology").fetchone() == (2, 2)


def test_a_change_goes_to_both_marts_while_neither_is_a_replica(mart: Mart, other_mart: Mart) -> None:
    dsns = {1: mart.dsn, 2: other_mart.dsn}
    assert write_dsns(dsns) == dsns
    assert list(write_dsns({1: mart.dsn, 2: "host=127.0.0.1 port=1 dbname=gone"})) == [1]
    other = other_mart.connect(autocommit=True)
    other.execute("UPDATE cfg.topology SET active_site = 2, epoch = 2")
    assert list(write_dsns(dsns)) == [2, 1]
    try:
        other_mart.connect(autocommit=True).execute("SELECT FROM ops.replica")
    except psycopg.errors.UndefinedTable:
        pytest.skip("there are no replicas yet")
    mart.connect(autocommit=True).execute("INSERT INTO ops.replica (of_site, since) VALUES (2, now())")
    assert list(write_dsns(dsns)) == [2]
