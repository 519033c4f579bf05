"""A step did not reach its goal: the same command goes on from there."""

from twinmart.errors.tree import MartError


class StepFailed(MartError):
    """A step did not reach its goal. What came before it stands; running the same command again goes on."""

    code = "TM400"
    exit_code = 5


class ServerNotStarted(StepFailed):
    """A site's PostgreSQL could not be made or started; the end of its log is in the detail."""

    code = "TM401"


class MigrationFailed(StepFailed):
    """A migration stopped with an error and was rolled back; those before it are applied."""

    code = "TM402"


class TransactionLost(StepFailed):
    """PostgreSQL ended a transaction in favour of another (deadlock, serialization); it can be tried again at once."""

    code = "TM403"


class TookTooLong(StepFailed):
    """A statement ran into its time limit and was rolled back."""

    code = "TM404"


class OutOfResources(StepFailed):
    """A PostgreSQL server has no disk space, memory or connections left."""

    code = "TM405"


class NotCaughtUp(StepFailed):
    """The standby has not taken in everything within the time given."""

    code = "TM430"


class CopyFailed(StepFailed):
    """The copy of a mart to another site stopped; running the same command again begins it anew or goes on."""

    code = "TM431"


class SpoolFull(StepFailed):
    """A collector's spool has no room left; the source is not read until there is some, and the silence is noted."""

    code = "TM420"


class JobFailed(StepFailed):
    """A job ended with an error; what it had committed stands, and its next run goes on from there."""

    code = "TM480"


class StepNotReached(StepFailed):
    """A step of a recovery acted, and its goal is not reached."""

    code = "TM490"


class JournalNotWritten(StepFailed):
    """The journal of recoveries cannot be written; no step is begun without it."""

    code = "TM491"


class Paused(StepFailed):
    """A recovery was paused between two steps; the same command goes on."""

    code = "TM492"


class NotDelivered(StepFailed):
    """A scheduled report could not be written to its folder or handed to the mail server; it is tried again."""

    code = "TM445"
