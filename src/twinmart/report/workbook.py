"""Writes an answer as a workbook: sheets Report, About and Gaps; numbers, times and durations are typed."""

from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import IO, Any
from zoneinfo import ZoneInfo

import xlsxwriter

from twinmart.errors import WrongQuestion
from twinmart.report.answer import Answer
from twinmart.report.catalogue import FLAG, LIST, TIME, Column
from twinmart.report.measures import SECONDS, SHARE

MOST_ROWS = 1_048_576 - 2
_DAY_S = 86_400


def write_workbook(answer: Answer, stream: IO[bytes]) -> int:
    """Write the workbook, keeping one row in memory; return the number of rows.

    Texts are written as texts, so that none is ever taken for a formula.

    Raises:
        WrongQuestion: there are more rows than a sheet holds; nothing of use was written.
    """
    with TemporaryDirectory(prefix="twinmart-") as folder:
        book = xlsxwriter.Workbook(
            stream,
            {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False,
             "strings_to_numbers": False, "default_date_format": "yyyy-mm-dd hh:mm:ss", "remove_timezone": True},
        )  # fmt: skip
        try:
            rows = _fill(book, answer)
        finally:
            book.close()
    return rows


def _fill(book: Any, answer: Answer) -> int:
    bold = book.add_format({"bold": True})
    formats = {
        SECONDS: book.add_format({"num_format": "[h]:mm:ss"}),
        SHARE: book.add_format({"num_format": "0.0%"}),
        TIME: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    zone = answer.asked.period.zone
    sheet = book.add_worksheet("Report")
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(answer.columns):
        sheet.set_column(place, place, 20 if column.unit == TIME else 14)
        sheet.write_string(0, place, column.title, bold)
    count = 0
    for row in answer.rows:
        count += 1
        if count > MOST_ROWS:
            raise WrongQuestion(
                f"the report has more than the {MOST_ROWS:,} rows that a sheet holds",
                hint="Ask for a shorter period, or for all of it with -o csv.",
            )
        _write_row(sheet, count, row, answer.columns, formats, zone)
    sheet.autofilter(0, 0, max(count, 1), len(answer.columns) - 1)
    if answer.total is not None:
        _write_row(sheet, count + 1, answer.total, answer.columns, formats, zone)
        sheet.write_string(count + 1, 0, "total", bold)
    _about(book.add_worksheet("About"), bold, {**answer.about(), "rows": count})
    _gaps(book.add_worksheet("Gaps"), bold, formats[TIME], answer)
    return count


def _write_row(
    sheet: Any, line: int, row: Any, columns: tuple[Column, ...], formats: dict[str, Any], zone: ZoneInfo
) -> None:
    for place, (value, column) in enumerate(zip(row, columns, strict=True)):
        if value is None:
            continue
        if isinstance(value, datetime):
            sheet.write_datetime(line, place, value.astimezone(zone).replace(tzinfo=None), formats[TIME])
        elif column.unit == LIST:
            sheet.write_string(line, place, " ".join(value))
        elif column.unit == FLAG:
            sheet.write_boolean(line, place, value)
        elif column.unit == SECONDS:
            sheet.write_number(line, place, float(value) / _DAY_S, formats[SECONDS])
        elif isinstance(value, int | float | Decimal):
            sheet.write_number(line, place, value, formats.get(column.unit))
        else:
            sheet.write_string(line, place, str(value))


def _about(sheet: Any, bold: Any, about: dict[str, object]) -> None:
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 60)
    for line, (name, value) in enumerate(about.items()):
        sheet.write_string(line, 0, name, bold)
        if isinstance(value, int | float):
            sheet.write_number(line, 1, value)
        else:
            sheet.write_string(line, 1, "" if value is None else str(value))


def _gaps(sheet: Any, bold: Any, time: Any, answer: Answer) -> None:
    zone = answer.asked.period.zone
    for place, name in enumerate(("gap", "source", "site", "cause", "from", "to")):
        sheet.set_column(place, place, 20)
        sheet.write_string(0, place, name, bold)
    for line, gap in enumerate(answer.gaps, 1):
        sheet.write_string(line, 0, gap.gap_key)
        sheet.write_string(line, 1, gap.source or "")
        sheet.write_string(line, 2, "" if gap.site is None else str(gap.site))
        sheet.write_string(line, 3, gap.cause)
        sheet.write_datetime(line, 4, gap.from_at.astimezone(zone).replace(tzinfo=None), time)
        if not gap.is_open:
            sheet.write_datetime(line, 5, gap.to_at.astimezone(zone).replace(tzinfo=None), time)
