"""Values of options: what is understood, what is refused, and with which words."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from twinmart.config.options import DECLARED, Options, declaration
from twinmart.config.values import Cron, Type


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Type.BOOLEAN, "True", True),
        (Type.BOOLEAN, "off", False),
        (Type.INTEGER, "-3", -3),
        (Type.NUMBER, "12.5", 12.5),
        (Type.CLOCK, "24:00", timedelta(days=1)),
        (Type.CLOCK, "6:05", timedelta(hours=6, minutes=5)),
        (Type.ZONE, "Europe/Paris", ZoneInfo("Europe/Paris")),
        (Type.DATE, "2026-01-31", date(2026, 1, 31)),
        (Type.WORDS, "ACW, Wrap-up,", ("ACW", "Wrap-up")),
        (Type.NUMBERS, "5,10,15.5", (5, 10, 15.5)),
    ],
)
def test_a_value_is_understood(kind: Type, text: str, value: object) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Type.BOOLEAN, "maybe"),
        (Type.INTEGER, "1.5"),
        (Type.INTEGER, ""),
        (Type.INTEGER, "9" * 30),
        (Type.NUMBER, "nan"),
        (Type.NUMBER, "1e3"),
        (Type.NUMBER, "1.2345"),
        (Type.CLOCK, "24:01"),
        (Type.CLOCK, "12:60"),
        (Type.CLOCK, "noon"),
        (Type.CRON, "5"),
        (Type.CRON, "60 1"),
        (Type.CRON, "1 24"),
        (Type.CRON, "1-0 1"),
        (Type.CRON, "0/0 1"),
        (Type.CRON, "* * *"),
        (Type.ZONE, "Mars/Olympus"),
        (Type.ZONE, "../etc/passwd"),
        (Type.DATE, "31.1.2026"),
        (Type.NUMBERS, "5,5"),
        (Type.NUMBERS, "5,4"),
    ],
)
def test_another_is_refused_with_words_for_people(kind: Type, text: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]{2}"):
        kind.parse(text)


def test_a_schedule_finds_its_next_time_by_the_clock_of_its_zone() -> None:
    every_eight = Cron.parse("20 0/8")
    assert every_eight.next_after(datetime(2026, 1, 1, 8, 20, tzinfo=UTC)) == datetime(2026, 1, 1, 16, 20, tzinfo=UTC)
    kolkata = datetime(2026, 1, 1, 0, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert Cron.parse("0 1").next_after(kolkata) == datetime(2025, 12, 31, 19, 30, tzinfo=UTC)


def test_a_schedule_comes_once_where_summer_time_repeats_an_hour() -> None:
    paris = ZoneInfo("Europe/Paris")
    first = Cron.parse("30 2").next_after(datetime(2026, 10, 25, tzinfo=paris))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert Cron.parse("30 2").next_after(first.astimezone(paris)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_each_option_is_declared_once_and_its_default_is_valid() -> None:
    names = [(one.section, one.name) for one in DECLARED]
    assert len(names) == len(set(names))
    for one in DECLARED:
        assert one.default is None or one.parse(one.default) is not None
        assert one.sentence.endswith("."), one.name
        assert declaration(one.section, one.name) is one


def test_the_more_specific_object_wins() -> None:
    name = ("gim-etl", "q-answer-threshold")
    voice = ("gim-etl", "q-answer-threshold-voice")
    texts: dict[tuple[str, str], dict[tuple[str, str], str]] = {("", ""): {name: "60"}}
    options = Options(texts)

    def at(**where: str) -> object:
        return options.at(*name, **where)

    assert at(source="london", queue="sales") == 60
    texts["tenant", "default"] = {name: "50"}
    assert at(source="london", queue="sales") == 50
    texts["tenant", "default"][voice] = "45"
    assert (at(media="voice"), at(media="chat"), at()) == (45, 50, 50)
    texts["source", "london"] = {name: "40"}
    assert (at(source="london", queue="sales", media="voice"), at(source="paris", media="voice")) == (40, 45)
    texts["queue", "sales"] = {name: "30"}
    assert at(source="london", queue="sales") == 30
    texts["queue", "london/sales"] = {name: "20"}
    assert (at(source="london", queue="sales"), at(source="paris", queue="sales")) == (20, 30)
    assert options.get(*name) == 60


def test_an_option_that_is_not_declared_is_a_mistake() -> None:
    with pytest.raises(LookupError):
        Options().get("schedule", "run-schedular")
