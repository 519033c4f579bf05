"""What the witness keeps, what a site sees, and what it decides. Pure data, and the protocol of a witness.

No wall clock of one site is ever compared with that of another: ages are measured by one process's own monotonic
clock, and the witness measures its lease by its own.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Act = Literal["keep", "fence", "wait", "take", "go on", "none"]


@dataclass(frozen=True, slots=True)
class Lease:
    """What the witness keeps. ``is_held`` and ``block_s``, the rest of the anti-flap block, are by its own clock.

    ``fences`` says that the holder has promised to load only while it is in contact; without it nobody may take over.
    """

    witness: str
    holder: int
    epoch: int
    beat: int
    grace_s: float
    fences: bool
    is_held: bool
    block_s: float = 0


class Witness(Protocol):
    """A place that keeps one lease and changes it by compare-and-set. Every call may raise ``NoWitness``."""

    def read(self) -> Lease | None:
        """Return the lease, or None where there never was one."""
        ...

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        """Hold the lease for ``grace_s`` from now; where the holder changes by it, the anti-flap block begins.

        Raises:
            LeaseRefused: the witness knows a higher epoch, or another holder of this one.
        """
        ...

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        """Take a lease that has ended, in the next epoch of the site, and begin the anti-flap block.

        Raises:
            LeaseRefused: it was renewed or taken since it was seen, is held, or the block stands.
        """
        ...

    def acknowledge(self) -> None:
        """End the anti-flap block: somebody has looked at what happened."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What automatic failover is bound to. ``grace_s``: how long both must have lost the active site."""

    grace_s: float = 120
    lag_limit_s: float = 60
    verified_within_s: float = 86_400
    block_s: float = 3_600
    observe_only: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What a site sees at one moment; ages in seconds by its own monotonic clock, None: never.

    ``witness_age_s`` and ``peer_age_s`` count from when the last question that was answered was *asked*; the others
    from when a sign of life of the active site was last *seen*: a renewal at the witness, a contact that it made
    here, a visit that we made there. So its leave to load always ends before we may think that it has.
    """

    site: int
    epoch: int
    active_site: int
    is_replica: bool
    highest_epoch: int
    bounds: Bounds
    witness_age_s: float | None = None
    peer_age_s: float | None = None
    lease: Lease | None = None
    lease_same_s: float = 0
    contact_same_s: float = 0
    visit_age_s: float | None = None
    told_witness: str | None = None
    lag_s: float | None = None
    verified_age_s: float | None = None

    @property
    def is_active(self) -> bool:
        """Whether the site's own mart says that it loads."""
        return self.active_site == self.site and not self.is_replica


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and why; ``hold_s`` is for how long from now the active site may go on to load."""

    act: Act
    reasons: tuple[str, ...]
    hold_s: float = 0
