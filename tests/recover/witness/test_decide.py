"""The decision, over the whole table of what a site can see, one thing at a time and in pairs."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from twinmart.recover.witness.decide import decide
from twinmart.recover.witness.model import Bounds, Facts, Lease

LEASE = Lease("w1", holder=1, epoch=7, beat=40, grace_s=120, fences=True, is_held=False)
ACTIVE = Facts(
    1, 7, 1, is_replica=False, highest_epoch=7, bounds=Bounds(observe_only=False), witness_age_s=1, peer_age_s=1,
    lease=replace(LEASE, is_held=True),
)  # fmt: skip
STANDBY = Facts(
    2, 7, 1, is_replica=True, highest_epoch=7, bounds=Bounds(observe_only=False), witness_age_s=1, lease=LEASE,
    lease_same_s=121, contact_same_s=121, visit_age_s=200, told_witness="w1", lag_s=2, verified_age_s=3600,
)  # fmt: skip

# Each forbids a failover by itself: what is seen otherwise, and a word of the reason that is given.
AGAINST: dict[str, tuple[dict[str, Any], str]] = {
    "no witness": ({"witness_age_s": None}, "witness does not answer"),
    "witness old": ({"witness_age_s": 31.0}, "witness does not answer"),
    "contact": ({"contact_same_s": 119.0}, "may have reached"),
    "visit": ({"visit_age_s": 119.0}, "answered"),
    "never told": ({"told_witness": None}, "never told"),
    "two witnesses": ({"told_witness": "w2"}, "another witness"),
    "no lease": ({"lease": None}, "no lease"),
    "held": ({"lease": replace(LEASE, is_held=True)}, "hears site 1"),
    "renewed": ({"lease_same_s": 119.0}, "hears site 1"),
    "other holder": ({"lease": replace(LEASE, holder=3)}, "not of the active"),
    "other epoch": ({"lease": replace(LEASE, epoch=6)}, "not of the active"),
    "no promise": ({"lease": replace(LEASE, fences=False)}, "not promised"),
    "longer grace": ({"lease": replace(LEASE, grace_s=300)}, "may have reached"),
    "block": ({"lease": replace(LEASE, block_s=10)}, "acknowledged"),
    "lag": ({"lag_s": 61.0}, "behind"),
    "lag unknown": ({"lag_s": None}, "not known"),
    "not verified": ({"verified_age_s": None}, "no verification"),
    "verified long ago": ({"verified_age_s": 86_401.0}, "h old"),
}


def test_the_standby_takes_over_when_both_have_lost_the_active_site_and_all_is_within_bounds() -> None:
    assert decide(STANDBY).act == "take"
    assert decide(replace(STANDBY, visit_age_s=None)).act == "take"


@pytest.mark.parametrize("name", list(AGAINST))
@pytest.mark.faults("N1", "N3", "N4")
def test_each_of_these_alone_forbids_it_and_is_said(name: str) -> None:
    changed, word = AGAINST[name]
    decision = decide(replace(STANDBY, **changed))
    assert decision.act == "wait"
    assert any(word in reason for reason in decision.reasons), decision.reasons


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(AGAINST, 2)))
def test_two_of_them_never_make_it_allowed(one: str, other: str) -> None:
    seen = replace(STANDBY, **{**AGAINST[one][0], **AGAINST[other][0]})
    assert decide(seen).act == "wait"


def test_a_lease_that_the_witness_gave_is_gone_on_with_whatever_the_bounds_say_now() -> None:
    ours = replace(LEASE, holder=2, epoch=8, is_held=True, block_s=3000)
    given = replace(STANDBY, lease=ours, highest_epoch=8, lag_s=None, verified_age_s=None, visit_age_s=1)
    assert decide(given).act == "go on"
    # But never while the active site may go on for having reached this one.
    assert decide(replace(given, contact_same_s=5)).act == "wait"


@pytest.mark.parametrize(
    ("witness", "peer", "act", "hold_s"),
    [
        (1.0, 1.0, "keep", 59), (1.0, None, "keep", 59), (None, 20.0, "keep", 40), (59.0, 80.0, "keep", 1),
        (60.0, 60.0, "fence", 0), (None, None, "fence", 0), (None, 61.0, "fence", 0), (300.0, None, "fence", 0),
    ],
)  # fmt: skip
def test_the_active_site_loads_for_half_the_grace_period_after_either_answered(
    witness: float | None, peer: float | None, act: str, hold_s: float
) -> None:
    decision = decide(replace(ACTIVE, witness_age_s=witness, peer_age_s=peer))
    assert (decision.act, decision.hold_s) == (act, hold_s)


def test_an_active_site_that_meets_a_higher_epoch_fences_itself_though_everybody_answers() -> None:
    assert decide(replace(ACTIVE, highest_epoch=8)).act == "fence"


def test_a_longer_grace_period_counts_for_the_active_site_once_the_witness_has_it() -> None:
    longer = replace(ACTIVE, bounds=Bounds(grace_s=600, observe_only=False))
    assert decide(longer).hold_s == 59
    assert decide(replace(longer, lease=replace(LEASE, grace_s=600))).hold_s == 299


def test_a_site_that_is_neither_active_nor_a_replica_does_nothing() -> None:
    assert decide(replace(ACTIVE, is_replica=True)).act == "none"
    assert decide(replace(STANDBY, is_replica=False)).act == "none"
