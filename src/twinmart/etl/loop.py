"""Keeps the mart of the active site up to date: once, or cycle after cycle until told to stop.

What passes by itself is waited for here: a database that is away, a transaction that PostgreSQL ended in favour of
another. What does not, such as a site that is not the active one or an event that breaks a rule, is raised.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event as Signal

import structlog

from twinmart.collect.pauses import Pauses
from twinmart.errors import LockHeld, MartError, OutOfResources, SiteUnreachable, TookTooLong, TransactionLost
from twinmart.etl.cycle import BOTH, Cycle, Etl

log = structlog.get_logger(__name__)

# A cycle begins at most so often: an event waits for the next one at most that long, and what came together is loaded
# together.
PACE_S = 0.2

# Tries of one load that PostgreSQL ended in favour of another transaction, before a person is told.
MOST_COLLISIONS = 5

_AWAY = (SiteUnreachable, OutOfResources, TookTooLong)

# Told what a cycle has done so far, after each of its steps.
Tell = Callable[[Cycle], None]

# Told what a cycle did that had something to do, and in how many seconds.
Done = Callable[[Cycle, float], None]


def catch_up(
    site: int,
    dsns: Mapping[int, str],
    *,
    tell: Tell | None = None,
    stop: Signal | None = None,
    parts: frozenset[str] = BOTH,
) -> Cycle:
    """Bring the mart of the active site up to date and return what was done.

    Raises:
        LockHeld: another loader works on this mart.
        SiteFenced: the site is not the active one.
        TransactionLost: PostgreSQL ended the load in favour of another transaction, time after time.
        SiteUnreachable: the mart's own database gives no answer.
    """
    pauses = Pauses(0.05, 1.0)
    for left in reversed(range(MOST_COLLISIONS)):
        try:
            with Etl(site, dsns) as etl:
                return etl.cycle(tell=tell, stop=stop, parts=parts)
        except TransactionLost as error:
            if not left:
                raise
            log.info("load.repeated", left=left, **error.to_json())
            time.sleep(pauses.next())
    raise AssertionError("not reached")


def follow(
    site: int,
    dsns: Mapping[int, str],
    stop: Signal,
    *,
    done: Done | None = None,
    tell: Tell | None = None,
    pauses: Pauses | None = None,
    enough: Signal | None = None,
    parts: frozenset[str] = BOTH,
) -> None:
    """Keep the mart of the active site up to date until ``stop`` is set, which takes effect between steps.

    ``enough`` takes effect between cycles.

    A database that is away is asked again after the ``pauses``, and the work goes on where the mart says it stands.

    Raises:
        LockHeld: another loader works on this mart, and did so when we came.
        SiteFenced: the site is not the active one, or is it no longer.
        DataError: an event breaks a rule of the mart.
    """
    patience = _Patience(pauses or Pauses(0.2, 10.0))
    unreachable: frozenset[int] = frozenset()
    enough = enough or Signal()
    while not (stop.is_set() or enough.is_set()):
        try:
            with Etl(site, dsns) as etl:
                log.info("load.started", site=site)
                while not (stop.is_set() or enough.is_set()):
                    began = time.monotonic()
                    cycle = etl.cycle(stop=stop, tell=tell, parts=parts)
                    spent_s = time.monotonic() - began
                    patience.reset()
                    unreachable = _note_unreachable(unreachable, cycle)
                    if done and (cycle.taken or cycle.transformed):
                        done(cycle, spent_s)
                    stop.wait(PACE_S - spent_s)
        except MartError as error:
            pause_s = patience.after(error)
            if pause_s is None:
                raise
            log.warning("load.waiting", again_in_s=round(pause_s, 1), **error.to_json())
            stop.wait(pause_s)
    log.info("load.stopped", site=site)


class _Patience:
    """How long to wait after an error; it knows whether we have been the loader of this mart before."""

    def __init__(self, pauses: Pauses) -> None:
        self._away = pauses
        self._collisions = Pauses(0.05, 1.0)
        self._collided = 0
        self._has_loaded = False

    def reset(self) -> None:
        """Begin anew, after a cycle that was completed."""
        self._away.reset()
        self._collisions.reset()
        self._collided = 0
        self._has_loaded = True

    def after(self, error: MartError) -> float | None:
        """Return how long to wait before the next try, or None if trying again is no use."""
        if isinstance(error, TransactionLost) and self._collided < MOST_COLLISIONS:
            self._collided += 1
            return self._collisions.next()
        # A server that has not noticed yet that our connection broke still holds the lock for it.
        if isinstance(error, _AWAY) or (isinstance(error, LockHeld) and self._has_loaded):
            return self._away.next()
        return None


def _note_unreachable(before: frozenset[int], cycle: Cycle) -> frozenset[int]:
    """Log which sites' interaction databases were lost or found again since the cycle before."""
    for number in cycle.unreachable.keys() - before:
        log.warning("site.lost", site=number, **cycle.unreachable[number].to_json())
    for number in before - cycle.unreachable.keys():
        log.info("site.found", site=number)
    return frozenset(cycle.unreachable)
