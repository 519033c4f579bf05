"""The table of procedures: which steps a wish takes, in which order."""

from twinmart.recover.model import Wish
from twinmart.recover.procedure import Step
from twinmart.recover.steps_failover import FAILOVER
from twinmart.recover.steps_return import OPTION_1, OPTION_2
from twinmart.recover.steps_switch import SWITCHOVER

PROCEDURES: dict[str, tuple[Step, ...]] = {
    "failover": FAILOVER,
    "switchover": SWITCHOVER,
    "return, the newcomer becomes active": OPTION_1,
    "return, the survivor stays active": OPTION_2,
}


def steps_for(wish: Wish) -> tuple[Step, ...]:
    """Return the steps of a wish; a drill takes those of the failover that it practises."""
    match wish.command:
        case "failover" | "drill":
            return FAILOVER
        case "switchover":
            return SWITCHOVER
        case "return":
            return OPTION_2 if wish.target == wish.survivor else OPTION_1
