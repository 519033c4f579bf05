"""What somebody asks of a report: which one, of what time, by what, of whom; checked before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from twinmart.errors import WrongQuestion
from twinmart.report.catalogue import REPORTS, Report, report_named
from twinmart.report.period import STEPS, Hours, Period, Spans, period, spans, zone_named

DEFAULT_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Question:
    """A report with its parameters, as a person wrote them; times and presets are words until it is asked.

    Without ``by`` the report is grouped as its declaration says. ``service_level`` is the number of a variant that
    holds for all queues, instead of that which each has.
    """

    report: str
    from_: str | None = None
    to: str | None = None
    preset: str | None = None
    zone: str = DEFAULT_ZONE
    by: Sequence[str] | None = None
    from_hour: int = 0
    to_hour: int = 24
    queue: Sequence[str] = ()
    agent: Sequence[str] = ()
    group: Sequence[str] = ()
    source: Sequence[str] = ()
    site: Sequence[int] = ()
    tenant: Sequence[str] = ()
    customer_segment: Sequence[str] = ()
    service_type: Sequence[str] = ()
    service_subtype: Sequence[str] = ()
    business_result: Sequence[str] = ()
    interaction: str | None = None
    service_level: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what differs from an empty question, to be kept."""
        empty = asdict(Question(self.report))
        return {name: value for name, value in asdict(self).items() if value != empty[name]}

    @classmethod
    def from_json(cls, report: str, kept: Mapping[str, Any]) -> Self:
        """Return a question that was kept; fields of a newer program are left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{"report": report} | {name: value for name, value in kept.items() if name in known})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its report, its time and its grouping settled."""

    question: Question
    report: Report
    period: Period
    spans: Spans
    step: str | None
    dimensions: tuple[str, ...]
    asked_at: datetime
    hours: Hours = field(default_factory=Hours)

    @property
    def by(self) -> tuple[str, ...]:
        """The step of time and the dimensions by which the rows are told apart."""
        return (*([self.step] if self.step else []), *self.dimensions)

    def parameters(self, group_members: Sequence[int] | None) -> dict[str, Any]:
        """Return the parameters of the report's statement."""
        question = self.question
        return {
            "from_at": self.period.from_at,
            "to_at": self.period.to_at,
            "zone": self.period.zone.key,
            "hours": self.hours.listed(),
            "starts": self.spans.starts,
            "ends": self.spans.ends,
            "labels": self.spans.labels,
            **{name: list(getattr(question, name)) or None for name in FILTERS},
            "group_members": None if group_members is None else list(group_members),
            "interaction": question.interaction,
            "service_level": question.service_level,
            **{f"by_{name}": name in self.dimensions for name in _DIMENSIONS},
        }


FILTERS = (
    "queue", "agent", "group", "source", "site", "tenant", "customer_segment", "service_type", "service_subtype",
    "business_result",
)  # fmt: skip
_DIMENSIONS = sorted({name for report in REPORTS.values() for name in report.dimensions})


def settle(question: Question, now: datetime) -> Asked:
    """Check a question and settle what it is about.

    Raises:
        UnknownReport: there is no such report.
        UnknownZone: there is no such zone.
        ImpossiblePeriod: the period cannot be.
        TooManySteps: it has more steps than a report holds.
        WrongQuestion: the report has no such grouping or filter.
    """
    report = report_named(question.report)
    _check_filters(question, report)
    step, dimensions = _grouping(question, report)
    hours = Hours(question.from_hour, question.to_hour)
    zone = zone_named(question.zone)
    about = period(zone, now=now, from_=question.from_, to=question.to, preset=question.preset)
    cut = spans(about, "day" if report.is_cut_by_day else step, hours)
    return Asked(question, report, about, cut, step, dimensions, now, hours)


def _grouping(question: Question, report: Report) -> tuple[str | None, tuple[str, ...]]:
    by = report.by if question.by is None else tuple(question.by)
    if question.by is not None and not report.by:
        raise WrongQuestion(
            f'report "{report.name}" is a list and cannot be grouped', hint="Leave --by out, or choose another report."
        )
    steps = [name for name in by if name in STEPS]
    wrong = [name for name in by if name not in STEPS and name not in report.dimensions]
    if wrong or len(steps) > 1:
        what = f'by "{wrong[0]}"' if wrong else f"by {' and '.join(steps)} at once"
        raise WrongQuestion(
            f'report "{report.name}" cannot be grouped {what}',
            hint=f"Name one of {', '.join(STEPS)}, and any of {', '.join(report.dimensions) or 'nothing else'}.",
        )
    return steps[0] if steps else None, tuple(name for name in report.dimensions if name in by)


def _check_filters(question: Question, report: Report) -> None:
    given = [name for name in (*FILTERS, "interaction") if getattr(question, name)]
    wrong = [name for name in given if name not in report.filters]
    if wrong:
        raise WrongQuestion(
            f'report "{report.name}" has no filter "{wrong[0]}"', hint=f"It has: {', '.join(report.filters)}."
        )
    if question.service_level is not None and question.service_level not in range(1, 10):
        raise WrongQuestion(
            f"there is no service level {question.service_level}",
            hint="They are 1 to 9; see docs/reference/measures.md, or: twinmart report show queue-summary.",
        )
