"""For every state and every command there is a plan, or a refusal that says what was not done and what comes next.

States are made, not thought of: every combination of what two sites can say.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from tests.recover.promises import assert_helps
from tests.recover.sim import DAWN, LATEST
from twinmart import errors
from twinmart.recover.model import COMMANDS, CollectorFacts, Command, Facts, Link, SiteFacts, SourceFacts, Wish
from twinmart.recover.plan import choose, is_fulfilled, make_plan, refusal
from twinmart.recover.steps import steps_for

ROLES: dict[str, dict[str, Any]] = {
    "silent": {"answers": False, "why_not": "no answer"},
    "empty": {"has_mart": False, "version": 0},
    "active": {"own": True},
    "active, an older epoch": {"own": True, "epoch": 0},
    "active, a newer epoch": {"own": True, "epoch": 101},
    "active, fenced for the other": {"own": True, "replica_of": "other", "fenced_for": "other"},
    "active, not wholly": {"own": True, "mart_site": "other"},
    "active, behind": {"own": True, "version": LATEST - 1},
    "active, of a newer program": {"own": True, "version": LATEST + 1},
    "standby": {"replica_of": "other", "link": True},
    "standby, paused": {"replica_of": "other", "link": False},
    "standby, far behind": {"replica_of": "other", "link": True, "lag": timedelta(hours=2)},
    "standby, its schema behind": {"replica_of": "other", "link": True, "version": LATEST - 1},
    "standby without a link": {"replica_of": "other"},
    "half a copy": {"replica_of": "other", "is_half_copied": True},
    "new, fenced for the other": {"replica_of": "other", "fenced_for": "other", "was_linked": False},
    "new, calls itself active": {"own": True, "was_linked": False},
    "no copy": {},
    "taken out of replication": {"marks": frozenset({"candidate"})},
}
CASES = [(command, active, accepted) for command in COMMANDS for active in (None, 1, 2) for accepted in ((), ("all",))]


def site(number: int, role: str) -> SiteFacts:
    told = dict(ROLES[role])
    other = 3 - number
    active = number if told.pop("own", False) else other
    link, lag = told.pop("link", None), told.pop("lag", timedelta(0))
    told = {name: other if value == "other" else value for name, value in told.items()}
    return SiteFacts(
        number,
        **{
            "answers": True, "has_mart": True, "version": LATEST, "latest": LATEST, "epoch": 1, "active_site": active,
            "was_linked": True,
            "mart_site": active, "mart_point": active,
            "link": None if link is None else Link(other, link, "0/1", DAWN - lag),
            "collectors": tuple(CollectorFacts(f"london_{at}", "london", at, is_on=True, point_is_on=True)
                                for at in (1, 2)),
            "sources": (SourceFacts("london", 1, has_twin_here=True), SourceFacts("bristol", 2)),
            **told,
        },
    )  # fmt: skip


def states() -> Iterator[tuple[str, Facts]]:
    for one, other in product(ROLES, repeat=2):
        yield f"{one} | {other}", Facts(DAWN, {1: site(1, one), 2: site(2, other)})


def assert_changes_nothing(error: errors.MartError) -> None:
    assert_helps(error)
    assert "Nothing was changed" in (error.hint or ""), error.render()


@pytest.mark.faults("X2")
@pytest.mark.parametrize(("command", "active", "accepted"), CASES)
def test_every_state_has_a_plan_or_a_refusal_that_helps(
    command: Command, active: int | None, accepted: tuple[str, ...]
) -> None:  # fmt: skip
    plans = 0
    for name, facts in states():
        try:
            target, other = choose(command, facts, active=active)
        except errors.MartError as error:
            assert_changes_nothing(error)
            continue
        survivor = facts.active.site if command == "return" and facts.active is not None else 0
        wish = Wish(command, target, other, survivor=survivor, accept_loss=frozenset(accepted))
        against = refusal(facts, wish)
        plan = make_plan(facts, wish)
        if against is not None:
            assert_changes_nothing(against)
        else:
            plans += 1
            assert is_fulfilled(facts, wish) or not plan.is_empty, name
            assert facts[wish.keeper].answers, name
            told = {step.name: step.state for step in plan.steps}
            held = [step.until for step in steps_for(wish) if step.until and told[step.name] == "to do"]
            assert all(told.get(one) != "as is" for one in held), f"{name}: what is held is told as released"
            if command == "failover":
                assert not name.split(" | ")[target - 1].startswith("new, fenced"), name
    assert plans or (command == "failover" and not accepted), "no state lets it begin"
