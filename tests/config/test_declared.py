"""Every declared option is read by some code; those that are not yet are named here, and the list only shrinks."""

import re
from pathlib import Path

from twinmart.config.options import DECLARED

SOURCE = Path(__file__).parents[2] / "src" / "twinmart"

# Readers of these are still missing; whoever writes one takes its name away here.
UNREAD = {
    "abandoned-thresholds",
    "accepted-thresholds",
    "chunk-size",
    "date-time-first-day-of-week",
    "date-time-max-days-ahead",
    "date-time-min-days-ahead",
    "date-time-min-days-in-first-week",
    "date-time-start-year",
    "date-time-table-name",
    "date-time-tz",
    "days-to-keep-active-facts",
    "days-to-keep-cfg-facts",
    "days-to-keep-discards-and-job-history",
    "days-to-keep-gdpr-history",
    "days-to-keep-gidb-facts",
    "days-to-keep-gim-facts",
    "delayed-data-threshold",
    "error-policy-irf-exception",
    "extract-data-stuck-threshold",
    "fiscal-year-start",
    "fiscal-year-week-pattern",
    "introduced-transfer-threshold",
    "max-call-duration",
    "output-directory",
    "output-files-encoding",
    "output-format",
    "partitioning-ahead-range",
    "partitioning-interval-size-gidb",
    "partitioning-interval-size-gim",
    "retry-delay-seconds",
    "short-talk-threshold",
    "simple-week-numbering",
    "start-date",
    "sub-hour-interval",
    "thread-pool-size",
    "use-export-views",
}


def readers() -> str:
    """Return all code and SQL but the declarations and the checks of the configuration itself."""
    own = {"declared.py", "declared_more.py", "check.py"}
    files = [path for path in SOURCE.rglob("*.py") if path.name not in own]
    files += [path for path in (SOURCE / "sql").rglob("*.sql") if path.name != "0007_configuration.sql"]
    view = (
        (SOURCE / "sql" / "migrations" / "0007_configuration.sql")
        .read_text()
        .partition("CREATE VIEW cfg.queue_setting")[2]
    )
    return "\n".join([view, *(path.read_text(encoding="utf-8") for path in files)])


def test_some_code_reads_each_option() -> None:
    words = set(re.findall(r"[\w-]+", readers()))
    unread = {
        one.name
        for one in DECLARED
        # The levels of aggregation are read by one line, each by its name.
        if one.name not in words and not (one.name.startswith("agg-level-") and "agg-level-" in words)
    }
    assert sorted(unread - UNREAD) == []
    assert {one.name for one in DECLARED} >= UNREAD
