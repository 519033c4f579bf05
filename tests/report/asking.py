"""Asks reports in tests and gives the answer as dictionaries."""

import io
import json
from dataclasses import dataclass
from typing import Any

from tests.support import Mart
from twinmart.report.answer import ask
from twinmart.report.formats import write
from twinmart.report.question import Question

DAY: dict[str, Any] = {"from_": "2026-11-22", "to": "2026-11-23"}


@dataclass(frozen=True)
class Told:
    """What a report said, as JSON says it."""

    rows: list[dict[str, Any]]
    total: dict[str, Any] | None
    about: dict[str, Any]


def told(mart: Mart, report: str, **question: Any) -> Told:
    """Ask a report of 22 November, unless another time is named."""
    document = json.loads(written(mart, report, "json", **question))
    return Told(document.pop("rows"), document.pop("total"), document)


def written(mart: Mart, report: str, format_: str, *, now: Any = None, site: int | None = 1, **question: Any) -> bytes:
    """Return the answer as a format has it."""
    if not {"from_", "preset"} & question.keys():
        question |= DAY
    stream = io.BytesIO()
    with ask(mart.dsn, Question(report, **question), site=site, now=now) as answer:
        write(answer, format_, stream)
    return stream.getvalue()
