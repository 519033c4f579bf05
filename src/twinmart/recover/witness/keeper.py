"""Keeps the lease at the active site and watches over it at the other: one tick looks, decides and acts.

The same keeper works at both sites; its own mart says which it is. The witness and the other site are asked
in threads of their own (``ask``), so that one that hangs holds up nothing; a tick works with the last answers.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from twinmart.config.topology import next_epoch
from twinmart.errors import LeaseRefused, MartError, NoWitness
from twinmart.recover.witness.decide import decide
from twinmart.recover.witness.mart import Own
from twinmart.recover.witness.model import Bounds, Decision, Facts, Lease, Witness

log = structlog.get_logger(__name__)

_NUMBER = re.compile(r"-?\d+")


class _Mart(Protocol):
    """The keeper's own mart, as ``mart.OwnMart`` is it."""

    def now(self) -> datetime: ...
    def look(self) -> Own: ...
    def hold(self, epoch: int, until: datetime) -> None: ...
    def fence(self, epoch: int, reason: str) -> None: ...
    def unwatch(self) -> None: ...
    def claim(self, active: int, contact: int, epoch: int) -> bool: ...
    def unclaim(self) -> None: ...
    def note(self, decision: Decision, epoch: int, *, observed_only: bool) -> None: ...


class _Others(Protocol):
    """The other sites' marts, as ``mart.Others`` is it."""

    def tell(
        self, site: int, epoch: int, witness: str | None, verified_age_s: float | None, beat_at: datetime | None
    ) -> tuple[bool, int]: ...
    def visit(self, active: int) -> int: ...


@dataclass(slots=True)
class Keeper:
    """The keeper of one site; ``failover`` is called when this site has got the lease and shall become active."""

    site: int
    witness: Witness
    others: _Others
    failover: Callable[[], None]
    bounds: Bounds
    clock: Callable[[], float] = time.monotonic
    _lease: Lease | None = None
    _witness_at: float | None = None
    _peer_at: float | None = None
    _visit_at: float | None = None
    _beat_at: float = field(default=0.0, init=False)
    _contact_at: float = field(default=0.0, init=False)
    _contact: int = -1
    _highest: int = 0
    _decided: tuple[object, ...] | None = None

    def __post_init__(self) -> None:
        self._beat_at = self._contact_at = self.clock()

    # -- questions ----------------------------------------------------------------------------------------------------

    def ask_witness(self, own: Own) -> None:
        """Renew the lease where this site is active, else read it; no answer changes nothing."""
        asked_at = self.clock()
        is_active = own.active_site == self.site and not own.is_replica
        try:
            lease, is_ours = self._renewed(own) if is_active else (self.witness.read(), True)
        except MartError as error:
            log.debug("witness.silent", site=self.site, **error.to_json())
            return
        if (
            lease is None
            or self._lease is None
            or lease.beat != self._lease.beat
            or self._lease.witness != lease.witness
        ):
            self._beat_at = self.clock()
        self._lease = lease
        self._highest = max(self._highest, lease.epoch if lease else 0)
        if is_ours:
            self._witness_at = asked_at

    def _renewed(self, own: Own) -> tuple[Lease | None, bool]:
        bounds = self.bounds
        # Promised only once the database holds us to it.
        fences = own.is_watched and not bounds.observe_only
        try:
            lease = self.witness.renew(
                self.site, own.epoch, grace_s=bounds.grace_s, fences=fences, block_s=bounds.block_s
            )
        except LeaseRefused:
            return self.witness.read(), False
        return lease, True

    def ask_peer(self, own: Own, told: tuple[float | None, datetime | None] = (None, None)) -> None:
        """Tell the other sites that the active one is there, or visit the active one; no answer changes nothing."""
        asked_at = self.clock()
        try:
            if own.active_site != self.site or own.is_replica:
                self._highest = max(self._highest, self.others.visit(own.active_site))
                self._visit_at = self.clock()
                return
            if self._highest > own.epoch:
                # One that was replaced is not there any more, or nobody would go on with its work.
                return
            is_taken, epoch = self.others.tell(
                self.site, own.epoch, self._lease.witness if self._lease else None, *told
            )
        except MartError as error:
            log.debug("witness.other_site_silent", site=self.site, **error.to_json())
            return
        self._highest = max(self._highest, epoch)
        if is_taken:
            self._peer_at = asked_at

    # -- decisions ----------------------------------------------------------------------------------------------------

    def tick(self, mart: _Mart) -> Decision:
        """Look at the own mart, decide, act, and return what was decided.

        Raises:
            MartError: the own mart gives no answer.
        """
        # Before anything else: what is counted from here ends no later than it should, however long we are held up.
        began_at, began = mart.now(), self.clock()
        own = mart.look()
        if own.contact != self._contact:
            self._contact, self._contact_at = own.contact, self.clock()
        facts = self._facts(own, began)
        decision = decide(facts)
        if facts.is_active:
            self._keep(mart, own, decision, began_at)
        elif not self.bounds.observe_only:
            decision = self._stand_by(mart, own, facts, decision)
        elif own.claimed_epoch == next_epoch(own.epoch, self.site):
            mart.unclaim()
        self._note(mart, own, decision)
        return decision

    def _facts(self, own: Own, now: float) -> Facts:
        def age_s(then: float | None) -> float | None:
            return None if then is None else now - then

        return Facts(
            self.site,
            own.epoch,
            own.active_site,
            own.is_replica,
            max(own.epoch, self._highest),
            self.bounds,
            age_s(self._witness_at),
            age_s(self._peer_at),
            self._lease,
            now - self._beat_at,
            now - self._contact_at,
            age_s(self._visit_at),
            own.told_witness,
            own.lag_s,
            own.verified_age_s,
        )

    def _keep(self, mart: _Mart, own: Own, decision: Decision, began_at: datetime) -> None:
        lease = self._lease
        if self.bounds.observe_only:
            if not own.is_watched:
                return
            if lease is not None and lease.holder == self.site and lease.epoch == own.epoch and not lease.fences:
                # The witness knows that we promise nothing any more, so nobody will take over.
                mart.unwatch()
                return
        if decision.act == "fence" and not own.is_watched and self._highest <= own.epoch:
            # Nothing was promised in this epoch yet, and nobody has been asked long enough ago to have answered.
            return
        if decision.act == "keep":
            mart.hold(own.epoch, began_at + timedelta(seconds=decision.hold_s))
        else:
            mart.fence(own.epoch, "; ".join(decision.reasons))

    def _stand_by(self, mart: _Mart, own: Own, facts: Facts, decision: Decision) -> Decision:
        wanted = next_epoch(own.epoch, self.site)
        if decision.act not in ("take", "go on"):
            lease = facts.lease
            is_ours = lease is not None and lease.holder == self.site
            if own.claimed_epoch == wanted and not is_ours and facts.witness_age_s is not None:
                mart.unclaim()
            return decision
        if own.claimed_epoch != wanted and not mart.claim(own.active_site, own.contact, wanted):
            return Decision("wait", (f"site {own.active_site} has reached this one just now",))
        if decision.act == "take":
            assert facts.lease is not None  # noqa: S101  else it is not decided so
            try:
                self._lease = self.witness.take(facts.lease, self.site, block_s=self.bounds.block_s)
            except LeaseRefused as error:
                mart.unclaim()
                return Decision("wait", (error.message,))
            except NoWitness as error:
                # It may have happened: the next answer tells, and the claim stays until then.
                self._witness_at = None
                return Decision("wait", (error.message,))
        self._note(mart, own, decision)
        self.failover()
        return decision

    def _note(self, mart: _Mart, own: Own, decision: Decision) -> None:
        observed_only = self.bounds.observe_only
        # The ages in the reasons are others each time, and no news.
        shape = (decision.act, observed_only, *(_NUMBER.sub("", reason) for reason in decision.reasons))
        if self._decided != shape:
            self._decided = shape
            log.warning("witness.decided", site=self.site, decision=decision.act, why=list(decision.reasons))
            mart.note(decision, own.epoch, observed_only=observed_only)
