"""The connection that a job of upkeep works on: to one site's mart, alone with what the job must be alone with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from twinmart import errors
from twinmart.config.options import Options, effective
from twinmart.db.connect import Connection, advisory_lock, session
from twinmart.db.migrate import schema_state

# Maintenance drops what an export reads; so whoever does one of the two holds this.
LOCK = "upkeep"


@dataclass(frozen=True, slots=True)
class Work:
    """A site's mart with its options, and whether it is the active one of the pair."""

    mart: Connection
    options: Options
    site: int
    is_active: bool
    epoch: int


@contextmanager
def work_at(site: int, dsns: Mapping[int, str], job: str, *, lock: str | None = LOCK) -> Iterator[Work]:
    """Give the mart of a site for a job, in autocommit, writable at a standby too.

    Raises:
        UnknownSite: there is no connection string of the site.
        NotReady: the mart was not migrated to this program's version; MartNewer: it was by a newer one.
        LockHeld: another job that excludes this one runs.
    """
    if site not in dsns:
        raise errors.UnknownSite(f"there is no site {site}", hint="See the sites with: twinmart status.")
    with session(dsns[site], application_name=f"twinmart {job}", autocommit=True) as mart:
        # A standby is read-only by default. What is done there is its own: partitions, views, its records of both.
        mart.execute("SET default_transaction_read_only = off")
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        if lock is None:
            yield _work(mart, site)
        else:
            with advisory_lock(mart, lock):
                yield _work(mart, site)


def _work(mart: Connection, site: int) -> Work:
    row = mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
    active, epoch = row or (None, 0)
    return Work(mart, effective(mart), site, active == site, epoch)
