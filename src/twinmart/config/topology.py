"""Which site is active: the one that loads the mart, by the newest word of all sites that answer.

The configuration is written at the active site, and at each other one that is not a replica of it, since nothing else
would bring the change there.
"""

from collections.abc import Mapping

from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.errors import MartError, NotReady, SiteUnreachable, TopologyChanged

# As many as there can be; an epoch tells by its remainder which of them took it.
MOST_SITES = 100


def active_site(dsns: Mapping[int, str]) -> int:
    """Return the number of the active site, given the connection strings of all sites.

    A site that was away may believe in an older topology, so the highest epoch counts.

    Raises:
        SiteUnreachable: no site answers.
        NotReady: those that answer have no mart that this program can use.
    """
    return _heard(dsns)[0]


def write_dsns(dsns: Mapping[int, str]) -> dict[int, str]:
    """Return the connection strings of the marts to which a change of the configuration is written, the active first.

    These are that of the active site and, of the others that answer, those that are no replicas.

    Raises:
        SiteUnreachable: no site answers.
        NotReady: those that answer have no mart that this program can use.
    """
    active, replicas, answered = _heard(dsns)
    others = [site for site in dsns if site in answered and site not in replicas and site != active]
    return {site: dsns[site] for site in (active, *others) if site in dsns}


def next_epoch(known: int, site: int) -> int:
    """Return the first epoch above a known one that a site may take: its last two digits are the site's.

    So sites that cannot hear each other never take the same one, each above what it knows.

    >>> next_epoch(1, 2), next_epoch(2, 1), next_epoch(2, 2), next_epoch(101, 3)
    (2, 101, 102, 103)
    """
    return known + 1 + (site - known - 1) % MOST_SITES


def raise_epoch(connection: Connection, *, expected_epoch: int, active_site: int, above: int = 0) -> int:
    """Make a site the active one in this mart, unless somebody else has changed the topology; return the new epoch.

    It is the first one of the site above the expected one, ``above`` and every one that this mart has promised away or
    heard of.
    It is part of the caller's transaction.

    Raises:
        TopologyChanged: the epoch is not the expected one; nothing was changed.
    """
    spent = connection.execute("SELECT greatest(promised_epoch, heard_epoch) FROM ops.recovery_fence").fetchone()
    epoch = next_epoch(max(expected_epoch, above, spent[0] if spent is not None else 0), active_site)
    row = connection.execute(
        "UPDATE cfg.topology SET active_site = %s, epoch = %s, changed_at = now() WHERE epoch = %s RETURNING epoch",
        (active_site, epoch, expected_epoch),
    ).fetchone()
    if row is not None:
        return int(row[0])
    found = connection.execute("SELECT epoch, active_site FROM cfg.topology").fetchone()
    raise TopologyChanged(
        f"site {active_site} was not made the active one",
        detail=f"epoch {expected_epoch} was expected, epoch and active site are {found}; nothing was changed",
        hint="Look with: twinmart status. Then run the same command again.",
    )


def _heard(dsns: Mapping[int, str]) -> tuple[int, set[int], set[int]]:
    """Return the active site, the sites that are replicas now, and those that answered."""
    words: list[tuple[int, int]] = []
    replicas: set[int] = set()
    answered: set[int] = set()
    missed: MartError = NotReady("there are no sites", hint="Make them with: twinmart init.")
    for site, dsn in dsns.items():
        try:
            with session(dsn, application_name="twinmart") as mart:
                obstacle = schema_state(mart).obstacle()
                if obstacle is not None:
                    raise obstacle
                words += mart.execute("SELECT epoch, active_site FROM cfg.topology").fetchall()
                answered.add(site)
                if is_replica(mart):
                    replicas.add(site)
        except (SiteUnreachable, NotReady) as error:
            missed = error
    if not words:
        raise missed
    return max(words)[1], replicas, answered


def is_replica(mart: Connection) -> bool:
    """Say whether a mart is a replica of another now, and so not to be written."""
    if mart.execute("SELECT to_regclass('ops.replica') IS NULL").fetchone() == (True,):
        return False
    return mart.execute("SELECT EXISTS (SELECT FROM ops.replica)").fetchone() == (True,)


def heard_epoch(mart: Connection) -> int:
    """Return the highest epoch that the site has heard of elsewhere and written down, be it long ago; 0: none."""
    row = mart.execute("SELECT heard_epoch FROM ops.recovery_fence").fetchone()
    return int(row[0]) if row else 0


def hear_of(mart: Connection, epoch: int) -> None:
    """Write down an epoch of another site, if it is above that of this mart."""
    mart.execute(
        "UPDATE ops.recovery_fence SET heard_epoch = %(epoch)s, changed_at = now()"
        " WHERE heard_epoch < %(epoch)s AND %(epoch)s > (SELECT epoch FROM cfg.topology)",
        {"epoch": epoch},
    )


def lapsed(mart: Connection) -> str | None:
    """Return why a witness's leave to load has ended at this site, or None where it has not or none is needed."""
    row = mart.execute(
        "SELECT coalesce(reason, 'its leave to load was not renewed since ' || to_char(held_until, 'HH24:MI:SS TZ'))"
        " FROM ops.lease JOIN cfg.topology USING (epoch) WHERE held_until <= clock_timestamp()"
    ).fetchone()
    return None if row is None else str(row[0])
