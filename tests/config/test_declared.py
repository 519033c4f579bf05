"""Every declared option is read by some code; what the original has and nobody could read is left out, with reason."""

import re
from pathlib import Path

import pytest

from twinmart import errors
from twinmart.config.declared import LEFT_OUT
from twinmart.config.options import DECLARED, declaration
from twinmart.config.rules import checked_option

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
    assert sorted(unread) == []


def test_what_is_left_out_is_not_declared_and_says_why_to_who_sets_it() -> None:
    for (section, name), why in LEFT_OUT.items():
        assert declaration(section, name) is None
        with pytest.raises(errors.WrongConfiguration, match="there is no option") as refused:
            checked_option("application", section, name, "1", None)
        assert why in str(refused.value.detail)
