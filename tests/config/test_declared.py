"""Every declared option is read by some code; one that is taken only because the original has it says so."""

import re
from pathlib import Path

from twinmart.config.options import DECLARED

SOURCE = Path(__file__).parents[2] / "src" / "twinmart"


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
    assert unread == {one.name for one in DECLARED if one.sentence.startswith("Without effect: ")}
