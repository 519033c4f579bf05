"""Which programs a site runs: a collector for each interaction database that it holds, and the mart server."""

from collections.abc import Callable, Sequence

from twinmart.db.connect import session
from twinmart.db.migrate import schema_state
from twinmart.db.sqlfiles import sql_text
from twinmart.site.home import Site
from twinmart.watch.supervisor import Program


def site_programs(site: Site) -> Sequence[Program]:
    """Return the programs that the site's own copy of the configuration asks for, in the order of their start.

    Collectors come first: what nobody hears is lost, while loads and reports can be made up for.

    Raises:
        SiteUnreachable: the site's database gives no answer.
        NotInitialised: there is no mart yet.
    """
    with session(site.dsn(), application_name="twinmart site") as mart:
        state = schema_state(mart)
        obstacle = state.obstacle()
        if obstacle is not None and state.version == 0:
            raise obstacle
        names = mart.execute(sql_text("watch/collectors"), {"site": site.number}).fetchall()
    number = str(site.number)
    collecting = [Program(name, ("collect", "--collector", name, "--site", number)) for (name,) in names]
    return [*collecting, Program("mart", ("mart", "run", "--site", number))]


def site_ground(site: Site) -> Callable[[], object]:
    """Return what makes sure that the site's PostgreSQL runs; one of the user's own is not ours to start."""
    if site.server is not None:
        return site.server.start
    return lambda: None
