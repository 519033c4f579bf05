"""The witness in the nights: the real keepers of both sites, over the simulated sites and lines."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.recover.sim import DAWN, SimSite, SimWorld
from tests.recover.witness.test_sequences import Place
from tests.recover.witness.test_sequences import World as Ether
from twinmart.errors import MartError, NoConnection, NoWitness
from twinmart.recover.witness.keeper import Keeper
from twinmart.recover.witness.mart import Own
from twinmart.recover.witness.model import Bounds, Decision, Lease

BOUNDS = Bounds(grace_s=120, block_s=600, observe_only=False)
TICK_S = 5


class Line:
    """The witness, as one site reaches it."""

    def __init__(self, world: SimWorld, place: Place, site: int) -> None:
        self._world, self._place, self._site = world, place, site

    def _there(self) -> Place:
        if not self._world.line(self._site, 0):
            raise NoWitness("the witness gives no answer")
        return self._place

    def read(self) -> Lease | None:
        return self._there().read()

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        return self._there().renew(site, epoch, grace_s=grace_s, fences=fences, block_s=block_s)

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        return self._there().take(seen, site, block_s=block_s)

    def acknowledge(self) -> None:
        self._there().acknowledge()


class OwnSite:
    """A site's own mart, as its keeper reads and writes it."""

    def __init__(self, world: SimWorld, site: SimSite) -> None:
        self._world, self._site = world, site

    def now(self) -> datetime:
        return DAWN + timedelta(seconds=self._world.now_s)

    def look(self) -> Own:
        here = self._site
        mart = here.own
        watched = here.lease is not None and here.lease[0] == mart.epoch
        is_replica = here.replica_of is not None
        return Own(
            mart.epoch, mart.active_site, is_replica, watched, here.contact, here.told_witness, here.claimed, 0, 60
        )

    def hold(self, epoch: int, until: datetime) -> None:
        self._site.lease = (epoch, (until - DAWN).total_seconds())

    def fence(self, epoch: int, reason: str) -> None:
        del reason
        self._site.lease = (epoch, -1.0)

    def unwatch(self) -> None:
        self._site.lease = None

    def claim(self, active: int, contact: int, epoch: int) -> bool:
        del active
        if not contact or contact != self._site.contact:
            return False
        self._site.claimed = epoch
        return True

    def unclaim(self) -> None:
        self._site.claimed = None

    def note(self, decision: Decision, epoch: int, *, observed_only: bool) -> None:
        """Nobody reads it here."""


class Far:
    """The other site's mart, as one site reaches it: there is but one."""

    def __init__(self, world: SimWorld, own: int, other: int) -> None:
        self._world, self._own, self._other = world, own, world.sites[other]

    def tell(self, site: int, epoch: int, witness: str | None, verified: object, beat_at: object) -> tuple[bool, int]:
        del verified, beat_at
        there = self._there()
        taken = there.own.epoch <= epoch and (there.claimed is None or there.claimed <= epoch)
        if taken:
            there.contact, there.told_witness = there.contact + 1, witness
        return taken, self.visit(site)

    def visit(self, active: int) -> int:
        del active
        there = self._there()
        return max(there.own.epoch, there.claimed or 0)

    def _there(self) -> SimSite:
        if not self._world.line(self._own, self._other.number) or self._other.mart is None:
            raise NoConnection("it gives no answer")
        return self._other


class Third:
    """The third place, and the keepers of the sites; those of a site that dies begin anew."""

    def __init__(self, world: SimWorld, failover: Callable[[int], None]) -> None:
        self._world = world
        self._place = Place(Ether())
        self._failover = failover
        self._keepers: dict[int, Keeper] = {}
        self.pass_time(3 * TICK_S)

    def pass_time(self, seconds: int) -> None:
        """Let time pass, keepers look, and decide."""
        for _ in range(seconds // TICK_S):
            self._world.now_s += TICK_S
            self._place.world.at += TICK_S
            for site, here in self._world.sites.items():
                if not here.up or here.mart is None:
                    self._keepers.pop(site, None)
                    continue
                self._tick(site, OwnSite(self._world, here))

    def _tick(self, site: int, mart: OwnSite) -> None:
        if site not in self._keepers:
            self._keepers[site] = Keeper(
                site, Line(self._world, self._place, site), Far(self._world, site, 3 - site),
                lambda: self._failover(site), BOUNDS, clock=lambda: self._world.now_s,
            )  # fmt: skip
        keeper, own = self._keepers[site], mart.look()
        try:
            keeper.ask_witness(own)
            keeper.ask_peer(own)
            keeper.tick(mart)
        except MartError:
            pass
