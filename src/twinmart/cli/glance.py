"""How ``twinmart status`` shows what it found: a line for each thing on a good day, more of what is not right."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from twinmart.cli.context import span, table
from twinmart.report.sources import SourceState
from twinmart.site.home import Home
from twinmart.watch.overview import Overview, SiteView

SIGNS = {"ready": "✔", "not ready": "!", "down": "·", "no answer": "?"}


def page(found: Overview, home: Home, *, everything: bool = False) -> list[str]:
    """Return the lines: verdict, a line a site, jobs, sources; then what is not right, or all there is to say."""
    notes = found.notes()
    lines = [f"{found.verdict.upper():<10}{_summary(found)}  {found.at:%-d %b %Y  %H:%M:%S} UTC"]
    rows = [_site_row(site, found) for site in found.sites]
    lines += table(rows[0], rows[1:]).splitlines()
    lines.append(f"  jobs     {_jobs(found)}")
    lines.append(f"  sources  {_sources(found)}")
    if everything or any(site.status.state != "ready" for site in found.sites):
        head = ("site", "is", "server", "where")
        lines += ["", table(head, [_place_row(site) for site in found.sites]), f"  folder {home.path}"]
    if found.sources and (everything or any(source.open_gaps for source in found.sources)):
        head = ("source", "events in 24 h", "last event", "open gaps")
        lines += ["", table(head, [_source_row(source, found.at) for source in found.sources])]
    if notes:
        lines += ["", *(f"  {note.about}: {note.message}" for note in notes)]
    lines += [f"next   {mend}" for mend in dict.fromkeys(note.mend for note in notes if note.mend)]
    return lines


def data(found: Overview, home: Home) -> dict[str, object]:
    """Return everything that was found, for programs; what is not known is null."""
    return {
        "verdict": found.verdict,
        "at": found.at.isoformat(timespec="seconds"),
        "home": home.path,
        "active_site": found.active,
        "epoch": max((site.epoch for site in found.sites if site.epoch is not None), default=None),
        "sites": [_site_data(site, found) for site in found.sites],
        "jobs": list(found.jobs),
        "sources": [asdict(source) for source in found.sources],
        "losses": [asdict(loss) for loss in found.losses],
        "notes": [asdict(note) for note in found.notes()],
    }


def _summary(found: Overview) -> str:
    others = [str(site.number) for site in found.sites if site.status.state != "ready"]
    notes = len(found.notes())
    if found.verdict == "down":
        return "no site is ready"
    if others:
        return f"not ready: site {', '.join(others)}"
    told = "every site is ready" if len(found.sites) > 1 else "the site is ready"
    return told if not notes else f"{told}, {notes} thing{'' if notes == 1 else 's'} to look at"


def _site_row(site: SiteView, found: Overview) -> tuple[str, ...]:
    status = site.status
    is_told = f"{SIGNS[status.state]} {status.state if status.state != 'ready' or site.role is None else site.role}"
    mart = f"mart v{status.schema_version}" if status.schema_version is not None else "mart —"
    return f"site {site.number}", is_told, mart, _link(site, found), f"data to {_moment(site.data_to, found.at)}"


def _link(site: SiteView, found: Overview) -> str:
    """Return what a standby is behind, or to which sites an active one sends."""
    if site.number == found.active:
        sent = [f"{link.facts.target_site}" for link in found.links if link.name is not None]
        return f"sends to site {', '.join(sent)}" if sent else "not replicated"
    link = found.link_of(site.number)
    if link is None or link.state.name == "not set up":
        return "—"
    lag_ms = link.facts.lag_ms
    return link.state.name + ("" if lag_ms is None else f", {_lag(lag_ms)} behind")


def _lag(lag_ms: int) -> str:
    return f"{lag_ms} ms" if lag_ms < 1000 else span(lag_ms / 1000)


def _jobs(found: Overview) -> str:
    served = [site for site in found.sites if site.server.get("state", "none") != "none"]
    if not served:
        return "no mart server runs; jobs run when asked for" if found.active is not None else "not known"
    told = ", ".join(f"site {site.number} {site.server['state']}" for site in served)
    at_work = [job["job"] for job in found.jobs if job["state"] != "idle"]
    following = min((job for job in found.jobs if job["next_at"]), key=lambda job: job["next_at"], default=None)
    if at_work:
        told += f"; {', '.join(at_work)} at work"
    if following:
        told += f"; next {following['job']} at {following['next_at']:%H:%M} UTC"
    return told


def _sources(found: Overview) -> str:
    if not found.sources:
        return "none yet" if found.active is not None else "not known"
    events = sum(source.events_in_24_h for source in found.sources)
    gaps = sum(source.open_gaps for source in found.sources)
    last = max((source.last_event_at for source in found.sources if source.last_event_at), default=None)
    told = f"{len(found.sources)} with {events:,} events in 24 h, the last {_moment(last, found.at)}"
    return f"{told}, {gaps or 'no'} open gap{'' if gaps == 1 else 's'}"


def _place_row(site: SiteView) -> tuple[object, ...]:
    status = site.status
    server = f"PostgreSQL {status.server_version}" if status.server_version else "—"
    return site.number, f"{SIGNS[status.state]} {status.state}", server, status.place


def _source_row(source: SourceState, now: datetime) -> tuple[object, ...]:
    last = _moment(source.last_event_at, now)
    return source.name, f"{source.events_in_24_h:>14,}", last, source.open_gaps or "none"


def _moment(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "—"
    ago_s = (now - at).total_seconds()
    # A switch's clock may be ahead of ours.
    return f"{at:%-d %b %H:%M:%S} UTC" + (f" ({span(ago_s)} ago)" if ago_s >= 0 else "")


def _site_data(site: SiteView, found: Overview) -> dict[str, Any]:
    status = asdict(site.status)
    status.pop("reason")
    link = found.link_of(site.number)
    return {
        "site": status.pop("number"),
        **status,
        "role": site.role,
        "epoch": site.epoch,
        "follows": site.follows,
        "data_to": site.data_to,
        "replication": link
        and {
            "state": link.state.name,
            "is_ready": link.is_ready,
            "lag_ms": link.facts.lag_ms,
            "lag_bytes": link.facts.lag_bytes,
            "problems": list(link.problems),
        },
        "mart_server": dict(site.server) or None,
        "supervisor": site.supervisor,
        "reason": site.status.reason.to_json() if site.status.reason else None,
    }
