"""Rows 103 and must-show 6: periods, presets, hours and zones, and what cannot be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from twinmart.errors import ImpossiblePeriod, TooManySteps, UnknownReport, UnknownZone, WrongQuestion
from twinmart.report.catalogue import REPORTS
from twinmart.report.period import STEPS, Hours, Spans, period, spans, zone_named
from twinmart.report.question import Question, settle

NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


def cut(zone: str, first: str, last: str, step: str | None, hours: Hours | None = None) -> Spans:
    return spans(period(zone_named(zone), now=NOW, from_=first, to=last), step, hours or Hours())


def lengths_h(found: Spans) -> list[float]:
    return [(end - start) / 3600 for start, end in zip(found.starts, found.ends, strict=True)]


@pytest.mark.parametrize(
    ("zone", "first", "last", "lengths"),
    [
        ("Europe/London", "2026-03-28", "2026-03-31", [24, 23, 24]),
        ("Europe/London", "2026-10-24", "2026-10-27", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-04", "2026-04-07", [24, 24.5, 24]),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-06", [24, 23, 24]),
        ("Pacific/Apia", "2011-12-29", "2012-01-01", [24, 24]),
        ("UTC", "2026-11-22", "2026-11-24", [24, 24]),
    ],
)
def test_a_day_is_as_long_as_the_zone_has_it(zone: str, first: str, last: str, lengths: list[float]) -> None:
    found = lengths_h(cut(zone, first, last, "day"))
    assert [length for length in found if length] == lengths


@pytest.mark.parametrize(
    ("zone", "level"),
    [
        ("UTC", "day"),
        ("Europe/London", "day"),
        ("Europe/Paris", "hour"),
        ("Asia/Kolkata", "subhr"),
        ("Asia/Kathmandu", "subhr"),
    ],
)
def test_the_coarsest_aggregate_that_fits_is_read(zone: str, level: str) -> None:
    assert cut(zone, "2026-11-01", "2026-11-30", "day").level == level


@pytest.mark.parametrize("step", [None, *STEPS])
@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Asia/Kathmandu", "America/St_Johns"])
def test_steps_tile_the_period(step: str | None, zone: str) -> None:
    found = cut(zone, "2026-10-20T10:15", "2026-11-03T17:45", step)
    assert found.starts[1:] == found.ends[:-1]
    whole = period(zone_named(zone), now=NOW, from_="2026-10-20T10:15", to="2026-11-03T17:45")
    assert (found.starts[0], found.ends[-1]) == (whole.from_at.timestamp(), whole.to_at.timestamp())
    assert found.labels == sorted(found.labels)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("today", "2026-11-22", "2026-11-23"),
        ("yesterday", "2026-11-21", "2026-11-22"),
        ("this-week", "2026-11-16", "2026-11-23"),
        ("last-week", "2026-11-09", "2026-11-16"),
        ("this-month", "2026-11-01", "2026-12-01"),
        ("last-month", "2026-10-01", "2026-11-01"),
        ("last-quarter", "2026-07-01", "2026-10-01"),
        ("last-30-days", "2026-10-23", "2026-11-22"),
    ],
)
def test_row_103_a_preset_goes_before_dates(preset: str, first: str, last: str) -> None:
    zone = zone_named("Asia/Kolkata")
    told = period(zone, now=NOW, from_="2001-01-01", to="2001-01-02", preset=preset)
    assert told == period(zone, now=NOW, from_=first, to=last)


def test_row_103_hours_23_and_24_both_mean_the_last_hour() -> None:
    whole = cut("Europe/London", "2026-10-24", "2026-10-27", "day", Hours(20, 23))
    assert whole == cut("Europe/London", "2026-10-24", "2026-10-27", "day", Hours(20, 24))
    assert lengths_h(whole) == [4, 4, 4]
    assert Hours(0, 23).is_whole_day
    assert Hours(0, 24).is_whole_day
    assert lengths_h(cut("Europe/London", "2026-10-25", "2026-10-26", "day", Hours(0, 1))) == [3]
    assert cut("UTC", "2026-11-01", "2026-12-01", "month", Hours(8, 17)).labels == [1793491200] * 30


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"from_": "2026-11-23", "to": "2026-11-22"}, ImpossiblePeriod, "begin before it ends"),
        ({"from_": "2026-02-30"}, ImpossiblePeriod, "2026-02-30"),
        ({"from_": "0001-01-01", "to": "0001-01-02"}, ImpossiblePeriod, "outside the calendar"),
        ({"preset": "last-weak"}, ImpossiblePeriod, "last-weak"),
        ({"from_hour": 5, "to_hour": 4}, ImpossiblePeriod, "hours 5 to 4"),
        ({"from_": "2016-01-01", "to": "2026-01-01", "by": ("15min",)}, TooManySteps, "350,688"),
        ({"zone": "Europe/Lodnon"}, UnknownZone, "Europe/Lodnon"),
        ({"zone": "../../etc/passwd"}, UnknownZone, "passwd"),
        ({"report": "queue-sumary"}, UnknownReport, "queue-sumary"),
        ({"by": ("agent",)}, WrongQuestion, 'by "agent"'),
        ({"by": ("day", "week")}, WrongQuestion, "day and week"),
        ({"agent": ("Ann",)}, WrongQuestion, 'filter "agent"'),
        ({"service_level": 10}, WrongQuestion, "service level 10"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_next_step(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        settle(Question(**{"report": "queue-summary", **given}), NOW)
    assert getattr(raised.value, "hint", None)


def test_an_unknown_name_is_answered_with_those_most_like_it() -> None:
    with pytest.raises(UnknownReport) as report:
        settle(Question("queue-sumary"), NOW)
    assert "queue-summary" in (report.value.hint or "")
    with pytest.raises(UnknownZone) as zone:
        zone_named("Europe/Lodnon")
    assert "Europe/London" in (zone.value.hint or "")


@pytest.mark.parametrize("report", ["queue-summary", "abandoned-calls", "agent-state-details"])
@pytest.mark.parametrize("by", [None, ()])
def test_a_period_that_ends_now_is_answered_whatever_the_clock_says(report: str, by: tuple[str, ...] | None) -> None:
    if by is not None and not REPORTS[report].by:
        by = None
    asked = settle(Question(report, from_="2026-11-22T08:07", by=by), NOW.replace(minute=46, second=13))
    assert asked.period.to_at == NOW.replace(minute=46, second=13)
    assert asked.spans.starts[0] % 900 == asked.spans.ends[-1] % 900 == 0
    assert asked.spans.starts[0] <= asked.period.from_at.timestamp()
    assert asked.spans.ends[-1] >= asked.period.to_at.timestamp()
