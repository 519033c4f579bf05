"""All sites at one look: what each is, what its mart server does, the links between them, and the sources.

What cannot be learnt now is None and never a guess: a site that went away between two questions is told by the next
look.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg.rows import namedtuple_row

from twinmart.db.connect import session
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError
from twinmart.jobs.standing import SWITCH_ON, is_amiss, job_standings, server_standing
from twinmart.replicate.ends import ends_of
from twinmart.replicate.watch import Look
from twinmart.replicate.watch import look as look_at_link
from twinmart.report.losses import Loss, manifest
from twinmart.report.sources import SourceState, source_states
from twinmart.site.home import Home
from twinmart.site.status import SiteStatus, look
from twinmart.watch.supervisor import read_state, running_pid

Role = Literal["active", "standby", "unreplicated", "fenced"]
Verdict = Literal["ok", "degraded", "down"]

# A link in one of these states is as somebody wants it, or mends itself within moments.
_CALM = ("streaming", "catching up", "not set up")


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site; ``role`` is None while its mart cannot be asked."""

    status: SiteStatus
    supervisor: Mapping[str, Any]
    epoch: int | None = None
    active_site: int | None = None
    follows: int | None = None
    data_to: datetime | None = None
    role: Role | None = None
    server: Mapping[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Number of the site."""
        return self.status.number


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not right, and the next command about it."""

    about: str
    message: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What one look found. ``active`` is None while nobody can tell."""

    at: datetime
    sites: Sequence[SiteView]
    active: int | None
    links: Sequence[Look]
    jobs: Sequence[Mapping[str, Any]]
    sources: Sequence[SourceState]
    losses: Sequence[Loss] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether all sites can do their part, some, or none."""
        ready = [site for site in self.sites if site.status.state == "ready"]
        if not ready:
            return "down"
        broken = any(link.state.name not in _CALM for link in self.links)
        broken = broken or any(site.role == "fenced" for site in self.sites)
        return "degraded" if broken or len(ready) < len(self.sites) else "ok"

    def link_of(self, site: int) -> Look | None:
        """Return the link that a site receives by; None for the active one and while nobody knows."""
        return next((link for link in self.links if link.facts.target_site == site), None)

    def _loss_notes(self) -> list[Note]:
        """Return what to do about a site that does not come back."""
        silent = [site.number for site in self.sites if site.role is None]
        standbys = [site.number for site in self.sites if site.role == "standby"]
        if self.active in silent and standbys:
            about = f"the active site gives no answer; should it be lost, site {standbys[0]} can take over"
            return [Note(f"site {self.active}", about, "twinmart check failover")]
        return []

    def notes(self) -> list[Note]:
        """Return all that is not right, sites first."""
        found = [note for site in self.sites for note in _site_notes(site)]
        found += self._loss_notes()
        for link in self.links:
            about = f"link to site {link.facts.target_site}"
            # A site that gives no answer has been told of.
            if link.state.name not in (*_CALM, "unreachable"):
                found.append(Note(about, f"{link.state.name}: {link.state.meaning}", link.state.mend))
            found += [Note(about, problem, "twinmart replication show") for problem in link.problems]
        for job in self.jobs:
            look_up = f"twinmart jobs log {job['job']}"
            if is_amiss(job):
                found.append(Note(f"job {job['job']}", f"{job['last']['status']}: {job['last']['message']}", look_up))
            if job["held"]:
                why = f"held by {job['held']['held_by']}: {job['held']['reason'] or 'no reason given'}"
                found.append(Note(f"job {job['job']}", why, f"twinmart jobs release {job['job']}"))
        for source in self.sources:
            if source.open_gaps:
                found.append(
                    Note(
                        f"source {source.name}",
                        f"{source.open_gaps} open gap{'' if source.open_gaps == 1 else 's'}: data are missing there",
                    )
                )
        for loss in self.losses:
            until = f"to {loss.to_at:%d %b %H:%M:%S} UTC" if loss.to_at else "until now"
            since = f"{loss.from_at:%d %b %H:%M:%S}" if loss.from_at else "the beginning"
            why = f"{loss.kind} since site {loss.lost_site} was lost: {since} {until}"
            found.append(Note(f"source {loss.source}", why, f"twinmart runs report {loss.run[:8]}"))
        return found


def overview(home: Home) -> Overview:
    """Look at every site of a folder. A beat is sent across each link; nothing else is changed.

    Raises:
        NotInitialised: there are no sites.
    """
    views = [_view(home, look(site)) for site in home.require_sites()]
    words = [(view.epoch, view.active_site) for view in views if view.epoch is not None]
    epoch, active = max(words, default=(None, None))
    views = [_with_role(view, active, epoch) for view in views]
    jobs: Sequence[Mapping[str, Any]] = ()
    sources: Sequence[SourceState] = ()
    losses: Sequence[Loss] = ()
    ready = [view for view in views if view.status.state == "ready" and view.role is not None]
    # Where the active site gives no answer, its copy knows the sources as well.
    asked = next((view for view in ready if view.number == active), ready[0] if ready else None)
    if asked is not None:
        dsn = home.site(asked.number).dsn()
        with suppress(MartError), session(dsn, application_name="twinmart status", statement_timeout_s=5) as mart:
            sources = source_states(mart)
            losses = manifest(mart, only_open=True)
            if asked.number == active:
                jobs = job_standings(mart, is_served=asked.server.get("state") != "none")
    return Overview(datetime.now(UTC), views, active, _links(home, views, active), jobs, sources, losses)


def _view(home: Home, status: SiteStatus) -> SiteView:
    folder = home.folder(status.number)
    pid = running_pid(folder)
    supervisor = {"pid": pid, "programs": read_state(folder).get("programs", []) if pid else []}
    if status.state == "ready":
        dsn = home.site(status.number).dsn()
        with suppress(MartError), session(dsn, application_name="twinmart status", statement_timeout_s=5) as mart:
            server = server_standing(mart, status.number)
            row: Any = mart.cursor(row_factory=namedtuple_row).execute(sql_text("watch/site_standing")).fetchone()
            return SiteView(status, supervisor, row.epoch, row.active_site, row.follows, row.data_to, None, server)
    return SiteView(status, supervisor)


def _with_role(view: SiteView, active: int | None, epoch: int | None) -> SiteView:
    role: Role | None
    if view.epoch is None:
        role = None
    elif view.number == active:
        role = "active"
    elif view.active_site == view.number and view.epoch != epoch:
        role = "fenced"
    else:
        role = "unreplicated" if view.follows is None else "standby"
    return replace(view, role=role)


def _links(home: Home, views: Sequence[SiteView], active: int | None) -> list[Look]:
    """Look at the link to each other site; none while nobody knows who is active."""
    if active is None or active not in {view.number for view in views}:
        return []
    ends = ends_of(home)
    return [look_at_link(ends[active], ends[view.number]) for view in views if view.number != active]


def _site_notes(site: SiteView) -> list[Note]:
    about = f"site {site.number}"
    found = []
    if site.status.reason is not None:
        found.append(Note(about, site.status.reason.message, site.status.reason.hint))
    if site.role == "fenced":
        found.append(Note(about, f"was replaced: it is of epoch {site.epoch}", "twinmart replication show"))
    if site.server.get("state") == "migration":
        found.append(Note(about, f"mart server: {site.server['why']}", "twinmart jobs run migrate"))
    if site.server.get("state") == "paused":
        message = f"mart server: {site.server['why']}, so nothing is loaded by itself"
        found.append(Note(about, message, SWITCH_ON))
    for program in site.supervisor["programs"]:
        if program["state"] == "waiting":
            message = f"{program['name']} {program['last_end']}, and is started again"
            found.append(Note(about, message, f"twinmart site status --site {site.number}"))
    return found
