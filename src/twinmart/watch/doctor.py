"""The doctor: examines an installation and says of each finding how to mend it. Changes nothing.

A finding is right, a warning (it works, and will hurt one day), wrong (it does not work, or a disaster would not be
survived), or unknown (it could not be looked at). Each examination is a function in ``EXAMINATIONS``.
"""

import json
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from twinmart.config.sources import collectors
from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError
from twinmart.settings import read_secret
from twinmart.site.home import Home, Site
from twinmart.watch.server_rules import judge, server_facts
from twinmart.watch.supervisor import read_state, running_pid

Verdict = Literal["right", "warning", "wrong", "unknown"]

LEAST_FREE_BYTES = 2 * 2**30
FREE_BYTES_WANTED = 10 * 2**30
DAYS_AHEAD_WANTED = 7
CLOCKS_APART_S = 1.0
CONNECT_S = 3.0
STATUS_IS_OLD_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: where, what was found, and how to mend it unless it is right."""

    verdict: Verdict
    where: str
    message: str
    mend: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return the finding as data for programs."""
        return {"verdict": self.verdict, "where": self.where, "message": self.message, "mend": self.mend}


class _Look(NamedTuple):
    """What an examination is given: the folder, a site of it, and its mart where that can be used."""

    home: Home
    site: Site
    mart: Connection | None

    @property
    def where(self) -> str:
        return f"site {self.site.number}"


def examine(home: Home) -> list[Finding]:
    """Examine every site of a home and the machine that it is on.

    Raises:
        NotInitialised: there are no sites yet.
    """
    found = [*_examine_home(home)]
    clocks: dict[int, float] = {}
    for site in home.require_sites():
        found += _examine_site(home, site, clocks)
    return [*found, *_examine_clocks(clocks)]


def _examine_site(home: Home, site: Site, clocks: dict[int, float]) -> Iterator[Finding]:
    where = f"site {site.number}"
    try:
        with session(site.dsn(), application_name="twinmart doctor", statement_timeout_s=10, autocommit=True) as mart:
            yield Finding("right", where, "its database answers")
            yield from _server(_Look(home, site, mart), clocks)
            obstacle = schema_state(mart).obstacle()
            usable = mart if obstacle is None else None
            if obstacle is not None:
                yield Finding("wrong", where, obstacle.message, obstacle.hint)
            for examination in EXAMINATIONS:
                yield from examination(_Look(home, site, usable))
    except MartError as error:
        yield Finding("wrong", where, error.message, error.hint or error.detail)
        for examination in EXAMINATIONS:
            yield from examination(_Look(home, site, None))


def _server(look: _Look, clocks: dict[int, float]) -> Iterator[Finding]:
    """Examine the server's settings and our role's rights."""
    assert look.mart is not None  # noqa: S101  it has just answered
    before_s = time.time()
    facts = server_facts(look.mart)
    clocks[look.site.number] = facts.clock_at.timestamp() - (before_s + time.time()) / 2
    for verdict, message, mend in judge(facts):
        yield Finding(verdict, look.where, message, mend)


def _partitions(look: _Look) -> Iterator[Finding]:
    if look.mart is None:
        yield Finding("unknown", look.where, "how far partitions reach is not known")
        return
    row = look.mart.execute(sql_text("watch/loads")).fetchone()
    days = float(row[0] or 0) / 86_400 if row else 0.0
    if days >= DAYS_AHEAD_WANTED:
        yield Finding("right", look.where, f"partitions exist for {days:.0f} days ahead")
    else:
        verdict: Verdict = "warning" if days > 1 else "wrong"
        yield Finding(verdict, look.where, f"partitions exist for {days:.1f} days ahead", "Make them: twinmart up.")


def _disk(look: _Look) -> Iterator[Finding]:
    if look.site.is_own:
        yield Finding("unknown", look.where, "its server's disk is not ours to see")
        return
    free = shutil.disk_usage(look.home.path).free
    told = f"{free / 2**30:.0f} GiB free for its data"
    if free >= FREE_BYTES_WANTED:
        yield Finding("right", look.where, told)
    else:
        verdict: Verdict = "warning" if free >= LEAST_FREE_BYTES else "wrong"
        yield Finding(verdict, look.where, told, "Make room on the disk, or shorten the retention.")


def _sources(look: _Look) -> Iterator[Finding]:
    """See that each source that this site listens to can be reached, and its password be found."""
    if look.mart is None:
        return
    rows = look.mart.execute(
        "SELECT DISTINCT s.name, s.host, s.port, s.secret_ref FROM cfg.source AS s JOIN cfg.collector AS c"
        " USING (source_key) WHERE c.site = %s AND s.enabled AND c.enabled ORDER BY 1",
        (look.site.number,),
    )
    for name, host, port, secret in rows.fetchall():
        where = f"{look.where}, source {name}"
        if host is None:
            mend = f"Set it: twinmart source add {name} --host HOST --username NAME --secret file:PATH."
            yield Finding("warning", where, "it has no address, so nobody listens to it", mend)
            continue
        yield _reach(where, host, port or 5038)
        yield from _secret(where, secret)


def _reach(where: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S):
            return Finding("right", where, f"it answers at {host}:{port}")
    except OSError as error:
        mend = "See that the server runs, that its manager interface is enabled, and that no firewall is in between."
        return Finding("wrong", where, f"no answer at {host}:{port}: {error}", mend)


def _secret(where: str, reference: str | None) -> Iterator[Finding]:
    try:
        read_secret(reference)
    except MartError as error:
        yield Finding("wrong", where, f"{error.message}: {error.detail}", error.hint)
        return
    yield Finding("right", where, "its password can be found")
    if reference and reference.startswith("file:"):
        path = Path(reference.removeprefix("file:"))
        yield from _private(path, where)


def _twins(look: _Look) -> Iterator[Finding]:
    """See that each source has two collectors at two sites: with one, the loss of its site loses data."""
    if look.mart is None or len(look.home.sites) < 2:
        return
    sites: dict[str, set[int]] = {}
    for collector in collectors(look.mart):
        if collector.enabled:
            sites.setdefault(collector.source_name, set()).add(collector.site)
    for source, places in sites.items():
        where = f"{look.where}, source {source}"
        if len(places) > 1:
            yield Finding("right", where, "two collectors at two sites listen to it")
        else:
            mend = f"Add the second: twinmart source add {source} --twin-site N, then twinmart collect at that site."
            yield Finding("warning", where, f"it is listened to at site {places.pop()} alone", mend)


def _processes(look: _Look) -> Iterator[Finding]:
    folder = look.home.folder(look.site.number)
    if running_pid(folder) is None:
        mend = f"Start it: twinmart site run --site {look.site.number}, or enable its service."
        yield Finding("warning", look.where, "no supervisor runs, so nobody restarts what dies", mend)
        return
    yield Finding("right", look.where, "a supervisor runs")
    for program in read_state(folder).get("programs", []):
        where = f"{look.where}, process {program['name']}"
        if program["state"] == "running":
            yield Finding("right", where, "it runs")
        else:
            log = folder / "logs" / f"{program['name']}.log"
            yield Finding("wrong", where, f"it does not run: {program['last_end']}", f"Its log is {log}.")


def _collector_status(look: _Look) -> Iterator[Finding]:
    for path in sorted((look.home.folder(look.site.number) / "collectors").glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text(encoding="utf-8"))
            where = f"{look.where}, collector {told['name']}"
            age_s = (datetime.now(UTC) - datetime.fromisoformat(told["updated_at"])).total_seconds()
            if age_s > STATUS_IS_OLD_S or told["source"]["state"] == "stopped":
                continue
            for message in told["source"]["warnings"].values():
                yield Finding("warning", where, message)
            if error := told["source"]["error"]:
                yield Finding("wrong", where, error["message"], error["hint"])


EXAMINATIONS: Sequence[Callable[[_Look], Iterator[Finding]]] = (
    _partitions,
    _disk,
    _sources,
    _twins,
    _processes,
    _collector_status,
)


def _examine_home(home: Home) -> Iterator[Finding]:
    """Examine the files in which passwords are, or may be."""
    for path in [home.path / "sites.toml", *sorted(home.path.glob("site*/passfile"))]:
        yield from _private(path, "files")


def _private(path: Path, where: str) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if stat.S_IMODE(mode) & 0o077:
        yield Finding("warning", where, f"{path} can be read by others", f"Run: chmod 600 {path}")
    else:
        yield Finding("right", where, f"{path} is closed to others")


def _examine_clocks(clocks: dict[int, float]) -> Iterator[Finding]:
    if not clocks:
        return
    for number, apart_s in clocks.items():
        where = f"site {number}"
        if abs(apart_s) <= CLOCKS_APART_S:
            yield Finding("right", where, "its clock agrees with this machine's")
        else:
            mend = "Let both machines follow a time server."
            yield Finding("warning", where, f"its clock is {apart_s:+.1f} s from this machine's", mend)
