"""A recovery as a command uses it: the sites of a folder, the journal at the one that survives, and questions."""

import getpass
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from twinmart import errors
from twinmart.db.connect import session
from twinmart.recover.drill import DRILLS, Drill, leftovers
from twinmart.recover.journal import FILE, Journal, Run
from twinmart.recover.model import Command, Copy, Facts, Wish
from twinmart.recover.plan import (
    Finding,
    choose,
    findings,
    in_order,
    is_fulfilled,
    make_plan,
    overdue,
    refusal,
    what_matters,
)
from twinmart.recover.procedure import Plan
from twinmart.recover.report import Report, drill_report, first_load
from twinmart.recover.run import Executor
from twinmart.recover.soundness import soundness
from twinmart.recover.world import SiteWorld
from twinmart.replicate.ends import ends_of
from twinmart.report.losses import Loss, manifest
from twinmart.site.home import Home

_CRASHED = 137

# What was seen so shortly ago is what is so, for a plan that is shown: its run looks anew before it changes anything.
FRESH_S = 1.0


class Recovery:
    """What a command of a bad night works with."""

    def __init__(self, home: Home, *, crash_at: int | None = None) -> None:
        self.home = home
        self._crash_in = crash_at
        self._seen = Facts(datetime.now(UTC), {}), 0.0
        self.world = SiteWorld(ends_of(home), point=self._point, start=self._start, serve=self._serve)

    def wish(
        self, command: Command, *, active: int | None = None, new: int | None = None, copy: Copy = "online",
        reaggregate_h: int | None = None, accept_loss: frozenset[str] = frozenset(), even_if_alive: bool = False,
    ) -> Wish:  # fmt: skip
        """Return what a command is to bring about, from what the sites say now.

        Raises:
            UsageError: there is a choice of sites.
            NotReadyForIt: there is no site for it.
        """
        facts = self.world.facts(self.world.ends)
        self._seen = facts, time.monotonic()
        known = self._open_wish(facts, command)
        if known is not None:
            return known
        target, other = choose(command, facts, active=active, new=new)
        survivor = facts.active.site if facts.active is not None and command == "return" else 0
        return Wish(command, target, other, copy, reaggregate_h, accept_loss, even_if_alive, survivor)

    def facts(self, wish: Wish) -> Facts:
        """Ask the sites of a wish."""
        self._take_as_lost(wish)
        return self.world.facts({wish.target, wish.other})

    def plan(self, wish: Wish) -> Plan:
        """Return the plan of a wish as things are now."""
        with self.journal(wish.keeper) as journal:
            return make_plan(self._look(wish), wish, journal.timings(), runs=len(journal.runs()))

    def findings(self, wish: Wish) -> list[Finding]:
        """Return what speaks for and against a wish now, and whether the site could do what will be asked of it."""
        facts = self.facts(wish)
        found = findings(facts, wish)
        if wish.command in ("failover", "switchover"):
            source = self.world.ends[wish.other] if facts[wish.other].answers else None
            found += soundness(self.world.ends[wish.target], source, facts, wish)
        found += self._drill_findings(wish) if wish.command == "failover" else []
        return in_order(found)

    def is_fulfilled(self, wish: Wish) -> bool:
        """Whether there is nothing to do: it is as wished, and no run is open."""
        with self.journal(wish.keeper) as journal:
            return journal.open_run() is None and is_fulfilled(self._look(wish), wish)

    def refusal(self, wish: Wish) -> errors.MartError | None:
        """Return why a wish must not be carried out, or None; a run that is open asks that for itself."""
        with self.journal(wish.keeper) as journal:
            return None if journal.open_run() is not None else refusal(self._look(wish), wish)

    def journal(self, site: int) -> Journal:
        """Open the journal of a site."""
        return Journal(self.home.folder(site) / FILE, mirror=self.world.mirror)

    def journals(self) -> list[Journal]:
        """Open the journals of all sites of the folder that have one."""
        return [self.journal(site) for site in sorted(self.world.ends) if (self.home.folder(site) / FILE).exists()]

    def drills(self, site: int) -> Journal:
        """Open the journal of the drills of a site."""
        return Journal(self.home.folder(site) / DRILLS)

    def drill_journals(self) -> list[Journal]:
        """Open the journals of drills of all sites that have one."""
        return [self.drills(site) for site in sorted(self.world.ends) if (self.home.folder(site) / DRILLS).exists()]

    def drill(self, wish: Wish, journal: Journal) -> Drill:
        """Return what carries out a drill."""
        return Drill(self.world.ends, wish, journal, _who())

    def executor(
        self, journal: Journal, wants_pause: Callable[[], bool], commanded_at: datetime | None = None
    ) -> Executor:  # fmt: skip
        """Return what carries out a plan; ``commanded_at`` is when somebody said that it shall."""
        others = [one for one in self.journals() if one.path != journal.path]
        return Executor(
            self.world, journal, point=self._point, wants_pause=wants_pause, who=_who(), commanded_at=commanded_at,
            others=others,
        )  # fmt: skip

    def report(self, run: Run, journal: Journal) -> Report:
        """Return the report of a run."""
        begun = next(record for record in journal.records(run.id) if record.kind == "begun")
        if run.wish.command == "drill":
            return drill_report(run, begun.data.get("matter", {}))  # type: ignore[arg-type]
        noted = run.notes.get("first load")
        first = None if noted is None else datetime.fromisoformat(str(noted))
        losses: tuple[Loss, ...] = ()
        site = run.wish.target
        try:
            with session(self.world.ends[site].dsn, application_name="twinmart runs", autocommit=True) as mart:
                losses = tuple(manifest(mart, run.id))
                first = first or first_load(mart, run)
        except errors.SiteUnreachable:
            pass
        matter = begun.data.get("matter", {})
        after = run.notes.get("facts after", {})
        return Report(run, first, losses, matter, after)  # type: ignore[arg-type]

    def note_facts(self, run: Run, journal: Journal) -> None:
        """Write down what is so after a run, and when the first load was committed; the server forgets that in time."""
        first = None
        with (
            suppress(errors.SiteUnreachable),
            session(self.world.ends[run.wish.target].dsn, application_name="twinmart runs", autocommit=True) as mart,
        ):
            first = first_load(mart, run)
        if first is not None:
            journal.write(run.id, "note", name="first load", value=first.isoformat())
        journal.write(run.id, "note", name="facts after", value=what_matters(self.facts(run.wish), run.wish))

    def _look(self, wish: Wish) -> Facts:
        """Return what the sites of a wish say, or said a moment ago."""
        self._take_as_lost(wish)
        (seen, at), sites = self._seen, sorted({wish.target, wish.other})
        if time.monotonic() - at > FRESH_S or not set(sites) <= set(seen.sites):
            seen = self.facts(wish)
            self._seen = seen, time.monotonic()
        return Facts(seen.at, {site: seen[site] for site in sites})

    def _take_as_lost(self, wish: Wish) -> None:
        """Ask nothing of the site that a failover replaces but whether it answers."""
        if wish.command in ("failover", "drill"):
            self.world.lost = frozenset({wish.other})

    def _drill_findings(self, wish: Wish) -> list[Finding]:
        """Return whether the last drill at the site is too long ago, and what an interrupted one has left."""
        done = []
        if (self.home.folder(wish.target) / DRILLS).exists():
            with self.drills(wish.target) as journal:
                done = [run.ended_at for run in journal.runs() if run.state == "done" and run.ended_at is not None]
        found = [overdue(max(done, default=None), datetime.now(UTC))]
        return found + [
            Finding("!", f'an interrupted drill left "{left}"; the next one removes it: twinmart drill')
            for left in leftovers(self.world.ends[wish.target])
        ]

    def _open_wish(self, facts: Facts, command: str) -> Wish | None:
        """Return the wish of an open run of the same command, which is what the command goes on with."""
        for site in facts.sites:
            if (self.home.folder(site) / FILE).exists():
                with self.journal(site) as journal:
                    run = journal.open_run()
                if run is not None and run.wish.command == command and facts[run.wish.keeper].answers:
                    return run.wish
        return None

    def _point(self) -> None:
        """Die here if the settings say so: that is how tests see what a crash leaves."""
        if self._crash_in is not None:
            self._crash_in -= 1
            if self._crash_in <= 0:
                os._exit(_CRASHED)

    def _start(self, site: int) -> None:
        found = self.home.site(site)
        if found.server is not None:
            found.server.start()

    def _serve(self, site: int) -> None:
        """Start the mart server of a site as a process of its own, which outlives us."""
        log = self.home.folder(site) / "mart.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "twinmart", "--home", str(self.home.path), "mart", "run", "--site", str(site)],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        (self.home.folder(site) / "mart.pid").write_text(f"{process.pid}\n", encoding="utf-8")


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
