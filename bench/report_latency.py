"""How long people wait for a report of 30 days of a million calls, by hour and by day; its aggregates are made up."""

import io
import os
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from psycopg import sql

from bench.place import connection, home
from bench.report import stopwatch
from twinmart.config.sources import ensure_source
from twinmart.db.connect import Connection
from twinmart.report.answer import ask
from twinmart.report.catalogue import REPORTS, Report
from twinmart.report.formats import write
from twinmart.report.question import Question

DAYS = int(os.environ.get("TWINMART_BENCH_DAYS", "30"))
AGENTS = int(os.environ.get("TWINMART_BENCH_AGENTS", "2000"))
QUEUES = 50
TEAM = 100
RUNS = int(os.environ.get("TWINMART_BENCH_RUNS", "5"))
FIRST = datetime(2026, 10, 1, tzinfo=UTC)

# What the rows of each set are about, and the rows of one thing and hour; a million calls a day are 833 in each hour of
# each queue.
SETS = {
    "queue": "queue", "queue_acc_agent": "queue", "queue_abn": "queue", "agent": "agent", "i_agent": "agent",
    "i_sess_state": "agent", "i_state_rsn": "agent", "id": "tenant",
}  # fmt: skip


def main() -> None:
    """Measure and print."""
    with home() as place, connection(place) as mart:
        _resources(mart, ensure_source(mart, "bench").key)
        rows = {name: _fill(mart, name, about) for name, about in SETS.items()}
        print(
            f"\nreports of {DAYS} days, {QUEUES} queues, {AGENTS:,} agents; {sum(rows.values()):,} rows of aggregates"
        )
        dsn, measured = place.site(1).dsn(), [report for report in REPORTS.values() if report.measures]
        for step, agents in (("hour", 1), ("day", TEAM)):
            _show(
                f"by {step}, {'one queue or agent' if agents == 1 else f'all queues or a team of {agents} agents'}",
                [one for report in measured for one in _asked(dsn, report, step, agents)],
            )
        agents_only = [report for report in measured if "agent" in report.filters]
        _show(f"by day, all {AGENTS:,} agents", [one for report in agents_only for one in _asked(dsn, report, "day")])


def _asked(dsn: str, report: Report, step: str, agents: int | None = None) -> list[float]:
    """Ask for 30 days of so many agents, all if None; by hour of one queue, by day of all queues."""
    filters: dict[str, tuple[str, ...]] = {}
    if "agent" in report.filters and agents is not None:
        filters = {"agent": tuple(f"Agent {7 + n}" for n in range(agents))}
    elif "queue" in report.filters and step == "hour":
        filters = {"queue": ("Queue 7",)}
    dimensions = [one for one in report.by if one in report.dimensions and one in {"queue", "agent", "site"}]
    until = FIRST + timedelta(days=DAYS)
    question = Question(
        report.name,
        from_=f"{FIRST:%Y-%m-%d}",
        to=f"{until:%Y-%m-%d}",
        by=(step, *dimensions),
        **filters,  # type: ignore[arg-type]
    )
    seconds = []
    for _ in range(RUNS):
        with stopwatch() as elapsed, ask(dsn, question, site=1) as answer:
            rows = write(answer, "csv", io.BytesIO())
        seconds.append(elapsed())
    print(f"  {report.name:<26}{step:<6}{rows:>9,} rows  {statistics.median(seconds) * 1000:>8,.0f} ms", flush=True)
    return seconds


def _show(what: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    print(f"  {what}: median {statistics.median(ordered) * 1000:,.0f} ms, p95 {p95 * 1000:,.0f} ms, goal 300 ms")


def _resources(mart: Connection, source_key: int) -> None:
    for kind, first, count in (("AGENT", 1_000_000, AGENTS), ("QUEUE", 2_000_000, QUEUES)):
        mart.execute(
            "INSERT INTO mart.resource_"
            " (resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, first_seen_at)"
            " SELECT %s::bigint + n, 1, %s, %s, %s || n, initcap(%s) || ' ' || n, timestamptz 'epoch'"
            " FROM generate_series(0, %s - 1) AS n",
            (first, kind, source_key, kind, kind, count),
        )


def _fill(mart: Connection, name: str, about: str) -> int:
    """Fill the levels hour and day of a set with even figures; return the number of rows."""
    first, count = {"agent": (1_000_000, AGENTS), "queue": (2_000_000, QUEUES), "tenant": (1, 1)}[about]
    filled = 0
    for level, step in (("hour", 3600), ("day", 86_400)):
        table = sql.Identifier("agg", f"{name}_{level}")
        columns = [
            one.name for one in mart.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or ()
        ]
        known = {
            "tenant_key": "1", "date_time_key": "step", "resource_key": "thing", "media_type_key": "1",
            "interaction_type_key": "1", "time_range_key": "-2", "resource_state_key": "3",
            "resource_state_reason_key": "-2",
        }  # fmt: skip
        values = [known.get(one, f"{step} * 100" if one.endswith("_ms") else f"{step} / 4") for one in columns]
        begin = int(FIRST.timestamp())
        filled += mart.execute(
            sql.SQL(
                "INSERT INTO {} ({}) SELECT {} FROM generate_series({}::bigint, {}::bigint, {}) AS step,"
                " generate_series({}::bigint, {}::bigint) AS thing"
            ).format(
                table, sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(sql.SQL(one) for one in values),  # type: ignore[arg-type]
                begin, begin + DAYS * 86_400 - 1, step, first, first + count - 1,
            )
        ).rowcount  # fmt: skip
        mart.execute(sql.SQL("ANALYZE {}").format(table))
    return filled
