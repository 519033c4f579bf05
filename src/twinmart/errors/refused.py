"""A guard stopped it: what was asked for would do harm now."""

from twinmart.errors.tree import MartError


class Refused(MartError):
    """A guard stopped the command: a lock, a fence, something that changed since. Nothing was changed."""

    code = "TM300"
    exit_code = 4


class MigrationChanged(Refused):
    """A migration that the mart has already applied is not the one in the program: edited, renamed or missing."""

    code = "TM301"


class MartNewer(Refused):
    """The mart was migrated by a newer program than this one."""

    code = "TM302"


class LockHeld(Refused):
    """Another process does this already and holds its lock."""

    code = "TM303"


class NotAllowed(Refused):
    """The database user lacks a privilege for the statement."""

    code = "TM304"


class ReadOnlySite(Refused):
    """The site takes no writes: it is a standby, or it was fenced."""

    code = "TM305"


class SiteFenced(Refused):
    """The site is not the active one, or was not when the work began: it must not load."""

    code = "TM306"


class StandbyHoldsMore(Refused):
    """The site to be made a standby holds loads that the active site does not know; they would be lost."""

    code = "TM330"


class OpenTransaction(Refused):
    """A transaction is open, or prepared and forgotten, that must end before the link can be made or turned."""

    code = "TM331"


class ConfigurationGuard(Refused):
    """A change of the configuration that must not be made now, such as a second enabled access point of a mart."""

    code = "TM345"


class NotAStandby(Refused):
    """The site is not a standby, and what was asked for is done to standbys only."""

    code = "TM340"


class TopologyChanged(Refused):
    """The topology has another epoch than the command began with: somebody else changed the active site meanwhile."""

    code = "TM341"


class SpoolTakenTwice(Refused):
    """A second process takes from, or writes to, the spool of a collector."""

    code = "TM320"


class CalendarFixed(Refused):
    """The options of a calendar were changed though it is filled; another zone in it would make days that overlap."""

    code = "TM370"


class ExportElsewhere(Refused):
    """The folder holds exports of another mart, or in another format; an increment must not be added to them."""

    code = "TM371"


class MartServerRuns(LockHeld):
    """A mart server runs for this mart already; a second one must not."""

    code = "TM380"


class JobExcluded(LockHeld):
    """The job runs already, or one runs that must not run beside it."""

    code = "TM381"


class JobNotNow(Refused):
    """The mart server is in a state in which this job must not run, or the job does not run."""

    code = "TM382"


class NoMartServer(Refused):
    """The command needs a running mart server, and there is none."""

    code = "TM383"


class PlanStale(Refused):
    """The sites are no longer as they were when the plan was made, be it that the plan itself was carried out."""

    code = "TM390"


class RunOpen(Refused):
    """Another recovery was begun and has not ended; it is gone on with or taken back first."""

    code = "TM391"


class NoWayBack(Refused):
    """A recovery has passed its point of no return and can only be completed."""

    code = "TM392"


class NotConfirmed(Refused):
    """The name of the site that becomes active was not typed, or not given with --yes."""

    code = "TM393"


class RunSuperseded(Refused):
    """A newer run of a recovery has begun; this one must not change anything any more."""

    code = "TM394"


class LeaseRefused(Refused):
    """The witness does not give its lease: it knows a higher epoch, another holder, or a block that stands."""

    code = "TM395"


class NothingToSalvage(Refused):
    """The site cannot be salvaged from: it is active, follows another site, or is not the one that was lost."""

    code = "TM396"
