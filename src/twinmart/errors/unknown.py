"""Nobody knows how it ended: asking again is safe, guessing is not."""

from twinmart.errors.tree import MartError


class OutcomeUnknown(MartError):
    """Twinmart stopped waiting; what it asked for may still happen."""

    code = "TM500"
    exit_code = 6


class StopNotConfirmed(OutcomeUnknown):
    """PostgreSQL was told to stop and has not confirmed it in time."""

    code = "TM501"


class JobNotConfirmed(OutcomeUnknown):
    """The mart server was asked about a job and has not said how it ended."""

    code = "TM580"


class StepUnknown(OutcomeUnknown):
    """A step of a recovery has not answered in time; whether its goal is reached is asked by the next run."""

    code = "TM590"
