"""Writes an answer: as a table for people, as CSV, JSON, HTML, a workbook or Parquet; row by row, in little memory."""

import csv
import html
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from twinmart.errors import WrongQuestion
from twinmart.report.answer import COMPLETE, Answer
from twinmart.report.catalogue import FLAG, LIST, NUMBER, TEXT, TIME, WHOLE, Column
from twinmart.report.measures import COUNT, SECONDS, SHARE
from twinmart.report.values import plain, shown, tellers

Stream = IO[bytes]

_LATER = 1000


def write(answer: Answer, format_: str, stream: Stream) -> int:
    """Write a whole answer to a binary stream; return the number of rows.

    Raises:
        WrongQuestion: there is no such format, or the library for it is not installed.
        OSError: the stream takes no more.
    """
    return writer_named(format_)(answer, stream)


def writer_named(format_: str) -> Callable[[Answer, Stream], int]:
    """Return what writes a format.

    Raises:
        WrongQuestion: there is no such format.
    """
    if format_ not in FORMATS:
        raise WrongQuestion(f'there is no format "{format_}"', hint=f"Choose one of {', '.join(FORMATS)}.")
    return FORMATS[format_]


class _Complete:
    """Counts rows, and how many of them are complete."""

    def __init__(self) -> None:
        self.rows = self.complete = 0

    def over(self, answer: Answer) -> Iterator[Any]:
        for row in answer.rows:
            self.rows += 1
            self.complete += row[-2] == COMPLETE
            yield row

    def words(self) -> str:
        return f"{self.complete:,} of {self.rows:,} complete"


def _remarks(answer: Answer, rows: int) -> Iterator[str]:
    """Yield what a reader must know of the figures: what is missing in them, and how old they are."""
    zone, about = answer.asked.period.zone, answer.about()
    if answer.has_no_level:
        yield (
            "no threshold is set, so there is no service level."
            " Next: twinmart config set application mart gim-etl/q-answer-threshold=SECONDS"
        )
    yield from answer.faults
    if answer.behind:
        yield f"intervals not aggregated yet: {answer.behind:,}; figures may change. Next: twinmart aggregate run"
    elif not rows:
        yield "nothing happened in this time"
    for number, gap in enumerate(answer.gaps, 1):
        end = "goes on" if gap.is_open else f"to {gap.to_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        yield (
            f"gap {number}: {gap.source}, {gap.cause}, {gap.from_at.astimezone(zone):%Y-%m-%d %H:%M:%S} {end};"
            f" figures may be too low ({gap.gap_key})"
        )
    if about["answered_by"] != "active site":
        known = "is not known" if answer.age.seconds is None else f"is {answer.age.seconds:,.1f} s behind"
        yield f"answered by the standby of site {about['site']}, which {known}; as of {about['as_of']}"


def _write_table(answer: Answer, stream: Stream) -> int:
    """Lay out columns by their first rows, so that an answer of any length begins at once."""
    columns, zone = answer.columns, answer.asked.period.zone
    notes = [gap.gap_key for gap in answer.gaps]
    count = _Complete()
    rows = (
        [shown(value, column, zone, notes) for value, column in zip(row, columns, strict=True)]
        for row in count.over(answer)
    )
    first = list(islice(rows, _LATER))
    total = None
    if answer.total is not None:
        total = [shown(value, column, zone, notes) for value, column in zip(answer.total, columns, strict=True)]
        total = [
            "total" if place == 0 else "" if columns[place].dimension else text for place, text in enumerate(total)
        ]
    shape = [[column.title for column in columns], *first, *([total] if total else [])]
    widths = [max(len(line[place]) for line in shape) for place in range(len(columns))]

    def lay(cells: list[str]) -> None:
        laid = (
            text.rjust(width) if column.unit in {COUNT, SECONDS, SHARE, WHOLE, NUMBER} else text.ljust(width)
            for text, width, column in zip(cells, widths, columns, strict=True)
        )
        stream.write(("  " + "  ".join(laid).rstrip() + "\n").encode())

    about = answer.about()
    stream.write(f"{about['title']}, {about['from']} to {about['to']}, {about['zone']}\n".encode())
    if first:
        lay(shape[0])
    for line in (*first, *rows):
        lay(line)
    if total:
        total[-2] = count.words()
        lay(total)
    for remark in _remarks(answer, count.rows):
        stream.write(f"  {remark}\n".encode())
    return count.rows


def _write_csv(answer: Answer, stream: Stream) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow([column.name for column in answer.columns])
        told = tellers(answer.columns, answer.asked.period.zone)
        rows = 0
        for row in answer.rows:
            cells = list(row)
            for place, tell in told:
                cells[place] = tell(cells[place])
            lines.writerow(cells)
            rows += 1
        text.flush()
        return rows
    finally:
        # The stream belongs to whoever gave it. One that takes no more raised already.
        _let_go(text)


def _let_go(text: io.TextIOWrapper) -> None:
    with suppress(OSError):
        text.detach()


def _write_json(answer: Answer, stream: Stream) -> int:
    """Write one JSON document, row by row: about, columns, gaps, rows, total."""
    columns, zone = answer.columns, answer.asked.period.zone

    def told(row: Any) -> str:
        values = {one.name: plain(value, one, zone) for value, one in zip(row, columns, strict=True)}
        return json.dumps(values, ensure_ascii=False)

    head = {
        "v": 1,
        **answer.about(),
        "columns": [{"name": one.name, "title": one.title, "unit": one.unit} for one in columns],
        "gap_list": [
            {
                "gap": gap.gap_key, "source": gap.source, "site": gap.site, "cause": gap.cause,
                "from": gap.from_at.astimezone(zone).isoformat(),
                "to": None if gap.is_open else gap.to_at.astimezone(zone).isoformat(),
            }
            for gap in answer.gaps
        ],
        "total": json.loads(told(answer.total)) if answer.total is not None else None,
    }  # fmt: skip
    stream.write((json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [').encode())
    count = _Complete()
    for row in count.over(answer):
        stream.write((("," if count.rows > 1 else "") + "\n" + told(row)).encode())
    stream.write(f'\n], "row_count": {count.rows}, "complete_rows": {count.complete}}}\n'.encode())
    return count.rows


def _write_html(answer: Answer, stream: Stream) -> int:
    """Write a page of its own, without scripts: a caption, one table with row and column heads, the gaps."""
    columns, zone = answer.columns, answer.asked.period.zone
    notes = [gap.gap_key for gap in answer.gaps]
    about = answer.about()

    def told(row: Any, tag: str, kind: str) -> bytes:
        cells = "".join(
            f"<{tag}>{html.escape(shown(value, column, zone, notes))}</{tag}>"
            for value, column in zip(row, columns, strict=True)
        )
        return f'<tr class="{kind}">{cells}</tr>\n'.encode()

    title = html.escape(f"{about['title']}, {about['from']} to {about['to']}, {about['zone']}")
    stream.write(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:14px system-ui}table{border-collapse:collapse}td,th{padding:.2em .6em;text-align:left;"
        "border-bottom:1px solid #ccc}.none,.partial{background:#fff3cd}.total{font-weight:bold}</style></head>\n"
        f"<body><table><caption>{title}</caption><thead><tr>".encode()
    )
    stream.write("".join(f'<th scope="col">{html.escape(one.title)}</th>' for one in columns).encode())
    stream.write(b"</tr></thead>\n<tbody>\n")
    count = _Complete()
    for row in count.over(answer):
        stream.write(told(row, "td", str(row[-2])))
    stream.write(b"</tbody>\n")
    if answer.total is not None:
        stream.write(b"<tfoot>" + told(answer.total, "td", "total") + b"</tfoot>\n")
    stream.write(b"</table>\n<p>" + html.escape(_words(about, count)).encode() + b"</p>\n<ol>\n")
    for gap in answer.gaps:
        words = f"gap {gap.gap_key}: {gap.source}, {gap.cause}, {gap.from_at.isoformat()} to {gap.to_at.isoformat()}"
        stream.write(f"<li>{html.escape(words)}</li>\n".encode())
    stream.write(b"</ol></body></html>\n")
    return count.rows


def _words(about: Mapping[str, object], count: _Complete) -> str:
    return (
        f"{count.words()}. Made {about['made_at']} by Twinmart {about['version']}, {about['answered_by']}, "
        f"as of {about['as_of']}."
    )


def _write_parquet(answer: Answer, stream: Stream) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra, and slow to load
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise WrongQuestion(
            "the library for Parquet is not installed", hint="Install it with: pip install 'twinmart[parquet]'."
        ) from None
    types = {
        TEXT: pa.string(), TIME: pa.timestamp("us", tz=answer.asked.period.zone.key), FLAG: pa.bool_(),
        LIST: pa.list_(pa.string()),
        WHOLE: pa.int64(), COUNT: pa.int64(),
    }  # fmt: skip
    schema = pa.schema([(column.name, types.get(column.unit, pa.float64())) for column in answer.columns])
    schema = schema.with_metadata({"twinmart": json.dumps(answer.about(), default=str)})
    rows = 0
    with parquet.ParquetWriter(stream, schema) as file:
        while block := list(islice(answer.rows, 10_000)):
            file.write_table(
                pa.Table.from_arrays(
                    [
                        pa.array([_arrow(row[place], column) for row in block], field.type)
                        for place, (column, field) in enumerate(zip(answer.columns, schema, strict=True))
                    ],
                    schema=schema,
                )
            )
            rows += len(block)
    return rows


def _arrow(value: Any, column: Column) -> Any:
    if value is None or column.unit in {TEXT, TIME, FLAG, LIST}:
        return value
    return int(value) if column.unit in {WHOLE, COUNT} else float(value)


def _write_xlsx(answer: Answer, stream: Stream) -> int:
    from twinmart.report.workbook import write_workbook  # noqa: PLC0415  slow to load, and every mart server would

    return write_workbook(answer, stream)


FORMATS: Mapping[str, Callable[[Answer, Stream], int]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "html": _write_html,
    "xlsx": _write_xlsx,
    "parquet": _write_parquet,
}


def write_file(answer: Answer, format_: str, path: Path) -> int:
    """Write an answer to a file that is there whole or not at all; return the number of rows.

    Raises:
        WrongQuestion: there is no such format.
        OSError: the file cannot be written; an older one of its name is as it was.
    """
    writer_named(format_)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            part.chmod(0o600)
            rows = write(answer, format_, stream)
        part.replace(path)
        return rows
    finally:
        part.unlink(missing_ok=True)
