"""Where a collector process finds its settings: in the mart of a site, or what it found there last.

A collector that is started while every database is away must go on collecting, so it keeps a copy of its settings
beside its spool; the password is not among them.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from psycopg.rows import class_row

from twinmart.db.connect import session
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError, NotReady, SiteUnreachable, UsageError


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """One row of the configuration: a collector with its source."""

    name: str
    source: str
    site: int
    idb_schema: str
    host: str | None
    port: int | None
    tls: bool
    username: str | None
    secret_ref: str | None
    # Key of user data that is collected, and whether its value is hidden.
    user_data: dict[str, bool] = field(default_factory=dict)

    def keep(self, path: Path) -> None:
        """Write the copy that is used when no database answers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        new.replace(path)

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Return the copy that was kept."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def find_settings(name: str, dsns: Iterable[str], copies: Iterable[Path]) -> CollectorSettings:
    """Return the settings of a collector from the first mart that answers, or else the copy kept last.

    Raises:
        UsageError: the marts that answer know no such collector.
        SiteUnreachable: none answers, and there is no copy.
    """
    missed: MartError | None = None
    answered = False
    for dsn in dsns:
        try:
            with (
                session(dsn, application_name=f"twinmart collector {name}") as connection,
                connection.cursor(row_factory=class_row(CollectorSettings)) as cursor,
            ):
                found = cursor.execute(sql_text("collect/collector"), {"name": name}).fetchone()
        except (SiteUnreachable, NotReady) as error:
            missed = error
            continue
        answered = True
        if found is not None:
            return found
    if answered:
        raise UsageError(
            f'there is no collector "{name}"', hint="List them with: twinmart source list. Nothing was changed."
        )
    for path in copies:
        return CollectorSettings.kept(path)
    raise missed or UsageError("there are no sites", hint="Make them with: twinmart init.")
