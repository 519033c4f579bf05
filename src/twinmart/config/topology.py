"""Which site is active: the one that loads the mart, by the newest word of all sites that answer."""

from collections.abc import Mapping

from twinmart.db.connect import session
from twinmart.db.migrate import schema_state
from twinmart.errors import MartError, NotReady, SiteUnreachable


def active_site(dsns: Mapping[int, str]) -> int:
    """Return the number of the active site, given the connection strings of all sites.

    A site that was away may believe in an older topology, so the highest epoch counts.

    Raises:
        SiteUnreachable: no site answers.
        NotReady: those that answer have no mart that this program can use.
    """
    words: list[tuple[int, int]] = []
    missed: MartError = NotReady("there are no sites", hint="Make them with: twinmart init.")
    for dsn in dsns.values():
        try:
            with session(dsn, application_name="twinmart") as mart:
                obstacle = schema_state(mart).obstacle()
                if obstacle is not None:
                    raise obstacle
                words += mart.execute("SELECT epoch, active_site FROM cfg.topology").fetchall()
        except (SiteUnreachable, NotReady) as error:
            missed = error
    if not words:
        raise missed
    return max(words)[1]
