"""The one place where it is decided whether a site may load and whether the other takes over: facts to a decision.

Why two sites never load. The active site loads until half the grace period after it *asked* the witness or the other
site for the last time with an answer. The other site takes over when it has *seen* no sign of life for the whole grace
period, neither at the witness nor as a contact of its own, and both are changed by compare-and-set on exactly the sign
that was seen. A sign is seen after it was given, and given after it was asked for; half the grace period is left for
what is on its way.
"""

from twinmart.recover.witness.model import Decision, Facts, Lease


def decide(facts: Facts) -> Decision:
    """Return what a site has to do, given what it sees."""
    if facts.is_active:
        return _active(facts)
    if facts.active_site == facts.site or not facts.is_replica:
        return Decision("none", (f"site {facts.site} is neither active nor a replica of the active site",))
    return _standby(facts)


def _active(facts: Facts) -> Decision:
    if facts.highest_epoch > facts.epoch:
        return Decision("fence", (f"epoch {facts.highest_epoch} exists, this site is of epoch {facts.epoch}",))
    grace_s = facts.bounds.grace_s
    if facts.lease is not None and facts.lease.holder == facts.site:
        # A longer one counts only once the witness knows it, since the other site waits as long as is written there.
        grace_s = min(grace_s, facts.lease.grace_s)
    heard = [
        (age_s, who)
        for age_s, who in ((facts.witness_age_s, "the witness"), (facts.peer_age_s, "the other site"))
        if age_s is not None and age_s < grace_s / 2
    ]
    if not heard:
        return Decision("fence", (f"neither the witness nor the other site has answered within {grace_s / 2:g} s",))
    return Decision("keep", tuple(f"{who} answers" for _, who in heard), grace_s / 2 - min(heard)[0])


def _standby(facts: Facts) -> Decision:
    lease = facts.lease
    against = _not_lost(facts)
    # One that has met the higher epoch is there and does not load: it counts no longer.
    visited = _visited(facts)
    if lease is not None and lease.holder == facts.site and lease.epoch > facts.epoch:
        # The witness gave it to us; what is left is the failover itself, unless the active site has reached us since.
        return Decision("wait", against) if against else Decision("go on", ("the witness gave us the lease",))
    against += visited + _no_lease(facts, lease) + _out_of_bounds(facts)
    if against:
        return Decision("wait", against)
    return Decision(
        "take",
        (f"site {facts.active_site} was lost by the witness and by this site for {facts.bounds.grace_s:g} s",),
    )


def _grace_s(facts: Facts) -> float:
    return max(facts.bounds.grace_s, facts.lease.grace_s if facts.lease else 0)


def _not_lost(facts: Facts) -> tuple[str, ...]:
    """Why the active site is not lost to us, or we cannot tell."""
    found: tuple[str, ...] = ()
    if facts.witness_age_s is None or facts.witness_age_s >= facts.bounds.grace_s / 4:
        found += ("the witness does not answer",)
    if facts.contact_same_s < _grace_s(facts):
        found += (f"site {facts.active_site} may have reached this one {facts.contact_same_s:.0f} s ago",)
    if facts.told_witness is None:
        found += (f"site {facts.active_site} has never told of its witness",)
    return found


def _visited(facts: Facts) -> tuple[str, ...]:
    if facts.visit_age_s is None or facts.visit_age_s >= _grace_s(facts):
        return ()
    return (f"site {facts.active_site} answered {facts.visit_age_s:.0f} s ago",)


def _no_lease(facts: Facts, lease: Lease | None) -> tuple[str, ...]:
    """Why the lease cannot be taken."""
    if lease is None:
        return ("the witness has no lease",)
    found: tuple[str, ...] = ()
    if facts.told_witness not in (None, lease.witness):
        found += (f"site {facts.active_site} answers to another witness",)
    if (lease.holder, lease.epoch) != (facts.active_site, facts.epoch):
        found += (f"the lease is of site {lease.holder} in epoch {lease.epoch}, not of the active site",)
    if lease.is_held or facts.lease_same_s < _grace_s(facts):
        found += (f"the witness hears site {lease.holder}, or did {facts.lease_same_s:.0f} s ago",)
    if not lease.fences:
        found += (f"site {lease.holder} has not promised to fence itself",)
    if lease.block_s > 0:
        found += (f"the last change of the active site is not acknowledged; the block ends in {lease.block_s:.0f} s",)
    return found


def _out_of_bounds(facts: Facts) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    bounds = facts.bounds
    if facts.lag_s is None:
        found += ("how far this site was behind at the last contact is not known",)
    elif facts.lag_s > bounds.lag_limit_s:
        found += (
            f"this site was {facts.lag_s:.0f} s behind at the last contact; {bounds.lag_limit_s:g} s are allowed",
        )
    if facts.verified_age_s is None:
        found += ("no verification has found the sites alike",)
    elif facts.verified_age_s > bounds.verified_within_s:
        hours = facts.verified_age_s / 3600
        found += (f"the last verification is {hours:.0f} h old; {bounds.verified_within_s / 3600:g} h are allowed",)
    return found
