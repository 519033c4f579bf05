"""What a site is like now: looked at, never changed."""

from dataclasses import dataclass
from typing import Literal

from twinmart import errors
from twinmart.db.connect import place, session
from twinmart.db.migrate import known_migrations, schema_state
from twinmart.site.home import Site

State = Literal["ready", "not ready", "down", "no answer"]


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """One look at a site: whether its mart can be used, and if not, why and what to do."""

    number: int
    kind: Literal["embedded", "own"]
    state: State
    place: str
    server_version: str | None = None
    schema_version: int | None = None
    latest_version: int = 0
    reason: errors.MartError | None = None


def look(site: Site) -> SiteStatus:
    """Look at a site; one that gives no answer within a few seconds is a state as well, not an error."""
    latest = len(known_migrations())
    kind: Literal["embedded", "own"] = "own" if site.is_own else "embedded"

    def found(
        state: State, reason: errors.MartError | None, server: str | None = None, schema: int | None = None
    ) -> SiteStatus:
        return SiteStatus(site.number, kind, state, place(site.dsn()), server, schema, latest, reason)

    if site.server is not None and not site.server.is_running():
        if site.server.is_held():
            why = "PostgreSQL is being started, or a copy of files is put in its place"
            return found("down", errors.NotReady(why, hint="It is waited for by: twinmart up."))
        return found("down", errors.NotReady("PostgreSQL does not run", hint="Start it with: twinmart up."))
    try:
        with session(site.dsn(), application_name="twinmart status", statement_timeout_s=5) as connection:
            schema = schema_state(connection)
            server = connection.info.parameter_status("server_version")
    except errors.SiteUnreachable as error:
        return found("no answer", error)
    except errors.MartError as error:
        return found("not ready", error)
    obstacle = schema.obstacle()
    return found("not ready" if obstacle else "ready", obstacle, server, schema.version)
