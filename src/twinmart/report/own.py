"""Measures that people declare themselves, as objects of kind ``measure``: formulas over the sums of the catalogue.

They are worked out of the sums that stand in the same row, in that of the total too, so that a ratio is always one of
sums. No text of theirs ever reaches the database.
"""

from dataclasses import dataclass

from twinmart.db.connect import Connection
from twinmart.model.formula import Formula, parse
from twinmart.report.catalogue import REPORTS, Column, Report
from twinmart.report.measures import COUNT, MEASURES, Measure


@dataclass(frozen=True, slots=True)
class Own:
    """A measure of one's own; ``fault`` says why no report can show it, or is None."""

    measure: Measure
    formula: Formula
    fault: str | None = None

    def is_shown_by(self, report: Report) -> bool:
        """Whether a report has all sums that the formula needs."""
        sums = {one.name for one in report.measures if one.subject == self.measure.subject and one.is_sum}
        return self.fault is None and self.formula.names <= sums

    def is_about(self, report: Report) -> bool:
        """Whether a report shows figures of the same subject."""
        return any(one.subject == self.measure.subject for one in report.measures)

    @property
    def told(self) -> str:
        """Why it is not shown, for people."""
        return f"measure {self.measure.name} is not shown: {self.fault}"

    @property
    def column(self) -> Column:
        """The column in which reports show it."""
        return Column(self.measure.name, self.measure.title, self.measure.unit, measure=self.measure)

    def value(self, figures: dict[str, float | None]) -> float | int | None:
        """Return its value for the figures of a row; a count is whole."""
        found = self.formula.value(figures)
        return round(found) if found is not None and self.measure.unit == COUNT else found


def own_measures(mart: Connection) -> list[Own]:
    """Return the measures that are declared and enabled, by name."""
    rows = mart.execute(
        "SELECT name, properties FROM cfg.object WHERE kind = 'measure' AND enabled ORDER BY name"
    ).fetchall()
    return [_own(name, properties) for name, properties in rows]


def _own(name: str, properties: dict[str, str]) -> Own:
    subject, formula = properties["subject"], parse(properties["formula"])
    measure = Measure(
        subject,
        name,
        properties["title"],
        properties["words"],
        formula.text,
        "",
        properties["unit"],
        "as the sums that it is made of",
        "declared by configuration",
    )
    own = Own(measure, formula)
    sums = {one.name for one in MEASURES.values() if one.subject == subject and one.is_sum}
    if unknown := sorted(formula.names - sums):
        return Own(measure, formula, f'"{unknown[0]}" is no sum of {subject}; these are {", ".join(sorted(sums))}')
    if not any(own.is_shown_by(report) for report in REPORTS.values()):
        return Own(measure, formula, "no report has all of its sums")
    return own
