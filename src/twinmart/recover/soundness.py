"""Whether a standby could do what a recovery will ask of it: asked while there is time to mend it.

Facts and plans do not wait for this; ``twinmart check`` does. Nothing is changed: what is written lies in a temporary
table, of which nothing goes to the log, so that a full disk is noticed and not filled.
"""

import shutil
from collections.abc import Iterator

import psycopg
from psycopg import conninfo

from twinmart import errors
from twinmart.db.connect import connect, mapped_error, place
from twinmart.recover.model import Command, Facts, Wish
from twinmart.recover.plan import Finding
from twinmart.replicate.ends import End, reach
from twinmart.replicate.watch import look
from twinmart.site.mart import OWNER, READER, REPLICATOR
from twinmart.watch.doctor import LEAST_FREE_BYTES

# Written to see whether there is room: 16 MiB, a row a page, and not compressed to a few.
_PROBE = b"""
    CREATE TEMPORARY TABLE room (filling text STORAGE PLAIN);
    INSERT INTO room SELECT repeat('x', 8000) FROM generate_series(1, 2048)
"""


def soundness(target: End, source: End | None, facts: Facts, wish: Wish) -> Iterator[Finding]:
    """Yield what is broken at the site that is to take over, and at its link; ``source`` is None where it is lost."""
    site = facts[wish.target]
    if not site.answers or not site.has_mart:
        return
    yield from _writes(target)
    yield from _room(target)
    yield from _roles(target)
    yield from _logins(target)
    if site.server == "none":
        yield Finding(
            "!", f"no mart server runs at site {target.site}; start it: twinmart site run --site {target.site}"
        )
    if source is not None and site.link is not None:
        yield from _link(source, target, wish.command)


def _writes(end: End) -> Iterator[Finding]:
    """Write as the mart will have to."""
    try:
        with reach(end, "check", statement_timeout_s=20) as mart, mart.transaction(force_rollback=True):
            mart.execute(_PROBE)
        yield Finding("ok", f"site {end.site} can write")
    except psycopg.Error as error:
        told = mapped_error(error, place(end.dsn)) or error
        yield Finding("no", f"site {end.site} cannot write: {told}")
    except errors.MartError as error:
        yield Finding("no", f"site {end.site} cannot write: {error.detail or error.message}")


def _room(end: End) -> Iterator[Finding]:
    if end.server is not None and (free := shutil.disk_usage(end.server.folder).free) < LEAST_FREE_BYTES:
        yield Finding("no", f"site {end.site} has {free / 2**20:,.0f} MiB of disk left; make room before it is needed")


def _roles(end: End) -> Iterator[Finding]:
    with reach(end, "check", statement_timeout_s=20) as mart:
        # The owner of a mart on a server of the user's own has whatever name it was given.
        wanted = [READER, *([OWNER, REPLICATOR] if end.server is not None else [])]
        rows = mart.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)",
            (wanted,),
        ).fetchall()
    for (role,) in rows:
        yield Finding("no", f'site {end.site} has no role "{role}"; make it with: twinmart init')


def _logins(end: End) -> Iterator[Finding]:
    """Log in over the network as the programs do, with the passwords that the site's file holds."""
    if end.server is None:
        return
    database = str(conninfo.conninfo_to_dict(end.dsn)["dbname"])
    for role in (OWNER, READER):
        dsn = end.server.tcp_dsn(database=database, user=role)
        try:
            connect(dsn, application_name="twinmart check").close()
        except errors.MartError as error:
            yield Finding("no", f'role "{role}" cannot log in at site {end.site}: {error.detail or error.message}')


def _link(source: End, target: End, command: Command) -> Iterator[Finding]:
    found = look(source, target)
    for one in found.drift:
        if one.breaks:
            yield Finding("no", f"the sites' schemas differ: {one}")
    if not found.state.is_steady and found.state.name != "catching up":
        cause = f": {found.cause}" if found.cause else f": {found.state.meaning}"
        mend = f" {found.state.mend}" if found.state.mend else ""
        yield Finding("no" if command == "switchover" else "!", f"replication is {found.state.name}{cause}.{mend}")
    for problem in found.problems:
        yield Finding("no" if command == "switchover" else "!", problem)
