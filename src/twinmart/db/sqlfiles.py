"""The SQL of Twinmart by name: finds a file under ``sql/``, reads its header, gives its text.

A statement that somebody may want to EXPLAIN stands in a file of its own, one statement each, with psycopg's named
parameters. Leading comment lines tell what it does; those that begin with one of ``HEADER_KEYS`` and two spaces or more
are its header, and a line indented further goes on with the one before::

    -- One row per queue visit.
    -- grain   interaction, mediation segment
    -- reads   gidb.event
    -- writes  mart.mediation_segment_fact
    -- rule    an interaction belongs to the interval in which it ENTERED the queue
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

HEADER_KEYS = ("grain", "reads", "writes", "rule", "rebuild", "parameters")
REQUIRED_KEYS = ("grain", "reads", "writes", "rule")

_HEADER_LINE = re.compile(rf"--\s(?P<key>{'|'.join(HEADER_KEYS)})\s{{2,}}(?P<value>\S.*)")
_CONTINUED = re.compile(r"--\s{3,}(?P<value>\S.*)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One statement with what its header says of it."""

    name: str
    text: str
    title: str
    header: dict[str, str]

    @property
    def names_read(self) -> tuple[str, ...]:
        """The tables that the header says the statement reads."""
        return _names(self.header.get("reads", ""))

    @property
    def names_written(self) -> tuple[str, ...]:
        """The tables that the header says the statement writes; empty for a query."""
        return _names(self.header.get("writes", ""))


def sql_text(name: str) -> str:
    """Return the text of ``sql/<name>.sql``, such as ``transform/visit``.

    Raises:
        FileNotFoundError: there is no such file; a mistake of ours.
    """
    return sql_file(name).text


@cache
def sql_file(name: str) -> SqlFile:
    """Return ``sql/<name>.sql`` with its header; read once in the life of the process.

    Raises:
        FileNotFoundError: there is no such file; a mistake of ours.
    """
    text = _root().joinpath(f"{name}.sql").read_text(encoding="utf-8")
    title, header = _header(text)
    return SqlFile(name, text, title, header)


def sql_names(folder: str = "") -> list[str]:
    """Return the names of all SQL files below a folder of ``sql/``, sorted, migrations left out."""
    start = _root().joinpath(folder) if folder else _root()
    prefix = f"{folder}/" if folder else ""
    return sorted(name for name in _walk(start, prefix) if not name.startswith("migrations/"))


def migration_files() -> list[tuple[str, str]]:
    """Return name and text of each file in ``sql/migrations``, sorted by name."""
    files = (item for item in _root().joinpath("migrations").iterdir() if item.name.endswith(".sql"))
    return [(item.name, item.read_text(encoding="utf-8")) for item in sorted(files, key=lambda item: item.name)]


def _root() -> Traversable:
    return resources.files("twinmart").joinpath("sql")


def _walk(folder: Traversable, prefix: str) -> list[str]:
    names = []
    for item in folder.iterdir():
        if item.is_dir():
            names += _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".sql"):
            names.append(prefix + item.name.removesuffix(".sql"))
    return names


def _header(text: str) -> tuple[str, dict[str, str]]:
    """Read the leading comment: the first line is the title, keys begin a value, deeper lines go on with it."""
    title, header, key = "", dict[str, str](), None
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if begun := _HEADER_LINE.fullmatch(line.rstrip()):
            key = begun["key"]
            header[key] = begun["value"]
        elif key and (more := _CONTINUED.fullmatch(line.rstrip())):
            header[key] += " " + more["value"]
        elif not title:
            title = line.removeprefix("--").strip()
    return title, header


def _names(value: str) -> tuple[str, ...]:
    if value in {"", "nothing"}:
        return ()
    return tuple(re.findall(r"[\w.*]+", value.partition("   ")[0]))
