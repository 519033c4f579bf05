"""Opens the configuration of every mart that a command must write."""

import getpass
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from twinmart.config.store import Store
from twinmart.config.topology import write_dsns
from twinmart.db.connect import session
from twinmart.site.home import Home


@contextmanager
def stores(home: Home, *, reason: str | None = None) -> Iterator[list[Store]]:
    """Open the active site's mart and those that are no replicas; all is committed when the block ends, or nothing.

    What is written carries the name of the operating system's user and one time for all marts.

    Raises:
        MartError: no site answers, or none has a mart that this program can use.
    """
    at = datetime.now(UTC)
    dsns = write_dsns({site.number: site.dsn() for site in home.require_sites()})
    with ExitStack() as opened:
        marts = [opened.enter_context(session(dsn, application_name="twinmart config")) for dsn in dsns.values()]
        for mart in marts:
            # Begins the transaction, so that what the stores write is part of it and not committed by each.
            mart.execute("SELECT FROM cfg.topology")
        yield [Store(mart, author=author(), reason=reason, at=at) for mart in marts]


def author() -> str:
    """Return the operating system's name of who runs the command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return "unknown"
