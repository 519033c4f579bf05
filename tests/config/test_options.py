"""Every declared option: a right value is kept, a wrong one is refused with words that help, and the old one stays."""

from collections.abc import Sequence

import pytest

from tests.config.conftest import Run
from tests.jobs.support import eventually, serving
from tests.support import Mart
from twinmart.config.declaration import Declaration
from twinmart.config.options import DECLARED, effective
from twinmart.config.store import Store
from twinmart.config.values import Type
from twinmart.errors import WrongConfiguration
from twinmart.jobs.look import State

RIGHT = {
    Type.BOOLEAN: "true",
    Type.CLOCK: "02:30",
    Type.CRON: "5 0/6",
    Type.ZONE: "Europe/Paris",
    Type.DATE: "2026-01-31",
    Type.TEXT: "somewhere",
    Type.WORDS: "Wrap,After",
    Type.NUMBERS: ",".join(str(2 * number) for number in range(1, 20)),
    Type.MONTH_DAY: "4-1",
    Type.ENCODING: "latin-1",
    Type.REFERENCE: "env:WITNESS_PASSWORD",
    Type.WRITERS: "default=strict(2:1)",
}

# Where what fits the type does not fit the other options.
FITTING = {
    "etl-start-time": "06:30",
    "etl-end-time": "21:00",
    "days-to-keep-gim-facts": "399",
    "days-to-keep-cfg-facts": "401",
    "days-to-keep-discards-and-job-history": "601",
    "date-time-max-days-ahead": "400",
    "date-time-min-days-ahead": "100",
    "agg-level-day-delay": "3600",
    "agg-level-week-delay": "10800",
    "agg-level-month-delay": "43200",
    "agg-level-quarter-delay": "43200",
    "agg-level-year-delay": "86400",
    "partitioning-interval-size-gim": "172800",
    "partitioning-interval-size-gidb": "172800",
}

WRONG = {
    Type.BOOLEAN: ("perhaps", ""),
    Type.INTEGER: ("many", "1.5", ""),
    Type.NUMBER: ("many", "1e3", "nan"),
    Type.CHOICE: ("no-such-word",),
    Type.CLOCK: ("24:01", "noon"),
    Type.CRON: ("60 1", "20 0/8 *"),
    Type.ZONE: ("Mars/Olympus",),
    Type.DATE: ("31.1.2026", "2026-02-30"),
    Type.NUMBERS: ("5,4", "5,x"),
    Type.MONTH_DAY: ("4-31", "13-1", "April"),
    Type.ENCODING: ("utf-9",),
    Type.REFERENCE: ("hunter2",),
    Type.WRITERS: ("flex(3:1)", "default=flex(9:9)", "default=flex(0:0)"),
    # Any text, and any words.
    Type.TEXT: (),
    Type.WORDS: (),
}


def right_value(one: Declaration) -> str:
    if one.name in FITTING:
        return FITTING[one.name]
    if one.choices:
        return next(word for word in one.choices if word != one.default)
    if one.type in (Type.INTEGER, Type.NUMBER):
        least = one.least or 0
        return str(round(least) + 1 if str(round(least) + 1) != one.default else round(least) + 2)
    if one.type is Type.BOOLEAN:
        return "false" if one.default == "true" else "true"
    return RIGHT[one.type]


def wrong_values(one: Declaration) -> Sequence[str]:
    if one.type not in (Type.INTEGER, Type.NUMBER, Type.NUMBERS):
        return WRONG[one.type]
    beyond = [] if one.least is None else [f"{one.least - 1:g}"]
    beyond += [] if one.most is None else [f"{one.most + 1:.0f}"]
    return (*WRONG[one.type], *beyond)


def test_every_declared_option_keeps_what_is_right_and_refuses_what_is_wrong(run: Run, store: Store) -> None:
    refused = 0
    told_of: set[Type] = set()
    for one in DECLARED:
        place = f"{one.section}/{one.name}"
        right = right_value(one)
        assert right != one.default, place
        store.set_option("application", "mart", one.section, one.name, right)
        for wrong in wrong_values(one):
            with pytest.raises(WrongConfiguration) as error:
                store.set_option("application", "mart", one.section, one.name, wrong)
            said = (place, wrong, error.value.render())
            assert "allowed: " in str(error.value.detail), said
            assert f'it stays "{right}"' in str(error.value.detail), said
            assert one.sentence in str(error.value.hint), said
            assert (wrong in error.value.message) is (one.type is not Type.REFERENCE), said
            refused += 1
        if wrong_values(one) and one.type not in told_of:
            told_of.add(one.type)
            told = run("config", "set", "application", "mart", f"{place}={wrong_values(one)[-1]}")
            assert (told.code, told.out, "error TM140" in told.err) == (2, "", True), (place, told.err)
            assert f'it stays "{right}"' in told.err, (place, told.err)
            assert one.sentence in " ".join(told.err.split()), (place, told.err)
        assert store.get("application", "mart").options[one.section, one.name] == right
        assert effective(store.connection).get(one.section, one.name) == one.parse(right), place
        store.unset_option("application", "mart", one.section, one.name)
    assert refused > 150
    free = {one.name for one in DECLARED if not wrong_values(one)}
    assert free == {"output-directory", "acw-reasons", "place", "user", "ca-file", "name"}
    assert run("config", "check").code == 0


def test_an_option_is_set_only_where_it_means_something(store: Store) -> None:
    store.put("queue", "sales", {"queue": "sales"})
    for one in DECLARED:
        if "queue" in one.levels:
            store.set_option("queue", "sales", one.section, one.name, right_value(one))
            continue
        with pytest.raises(WrongConfiguration, match="is not one of a queue") as error:
            store.set_option("queue", "sales", one.section, one.name, right_value(one))
        assert "it may be set on: application" in str(error.value.detail)


@pytest.mark.rows(33)
def test_a_value_written_past_the_commands_counts_as_not_set_and_is_told_of(run: Run, mart: Mart, store: Store) -> None:
    store.set_option("application", "mart", "schedule", "etl-frequency", "7")
    store.set_option("application", "mart", "schedule", "run-scheduler", "true")
    store.connection.execute("UPDATE cfg.option SET value = 'often' WHERE name = 'etl-frequency'")
    assert effective(store.connection).number("schedule", "etl-frequency") == 1
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.RUNNING)
    checked = run("config", "check")
    assert (checked.code, 'cannot be "often"' in checked.out) == (3, True)
    assert run("config", "set", "application", "mart", "schedule/etl-frequency=5").code == 0
    assert run("config", "check").code == 0
