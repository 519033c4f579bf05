"""The job that brings the mart of one site to this program's version; replication carries no change of a schema."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from twinmart import errors
from twinmart.db.connect import session
from twinmart.db.migrate import known_migrations, migrate, schema_state
from twinmart.site.mart import allow_reader, make_partitions_ahead


def migrate_site(
    site: int, dsns: Mapping[int, str], *, stop: threading.Event, tell: Callable[[str], None] | None = None
) -> Mapping[str, object]:
    """Apply the migrations that the mart of this site lacks, each in a transaction of its own; return which.

    A mart that is newer is refused; one that is at this version already stays as it is.

    Raises:
        MartNewer: the mart is ahead of this program. MigrationChanged: its history is another one.
        MigrationFailed: a migration was rolled back; those before it stay.
    """
    if site not in dsns:
        raise errors.UnknownSite(f"there is no site {site}", hint="See the sites with: twinmart status.")
    with session(dsns[site], application_name="twinmart migrate", autocommit=True) as mart:
        mart.execute("SET default_transaction_read_only = off")
        known = known_migrations()
        before = schema_state(mart, known)
        applied = []
        # One at a time, so that a stop takes effect between two.
        for version in range(before.version + 1, before.latest + 1):
            if stop.is_set():
                break
            for one in migrate(mart, known[:version]):
                applied.append(str(one))
                if tell:
                    tell(f"migration {one}")
        after = schema_state(mart, known)
        if before.version > before.latest:
            migrate(mart, known)  # says why not
        if after.is_current:
            # Tables of new migrations need partitions and privileges as all others do.
            make_partitions_ahead(mart, datetime.now(UTC))
            allow_reader(mart)
    return {"site": site, "from_version": before.version, "version": after.version, "applied": applied}
