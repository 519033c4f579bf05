"""The command or the configuration is wrong: nothing was changed."""

from twinmart.errors.tree import MartError


class UsageError(MartError):
    """The command, an option or the configuration is wrong. Nothing was changed."""

    code = "TM100"
    exit_code = 2


class WrongSetting(UsageError):
    """A setting of the process, from the environment or from ``sites.toml``, has a value that cannot be used."""

    code = "TM101"


class UnknownSite(UsageError):
    """A command names a site that this folder does not have."""

    code = "TM102"


class UnusableHome(UsageError):
    """The folder of the sites cannot hold them: PostgreSQL's account cannot reach it, or it is not writable."""

    code = "TM103"


class NoPostgres(UsageError):
    """No PostgreSQL server programs of a supported version were found."""

    code = "TM104"


class LoginRefused(UsageError):
    """A PostgreSQL server answered and refused the user, the password or the database of the connection string."""

    code = "TM105"


class SourceMisconfigured(UsageError):
    """A telephony server answers, but is not set up so that its events can be used; the hint says what to set."""

    code = "TM120"


class SourceLoginRefused(UsageError):
    """A telephony server refused the user or the password."""

    code = "TM121"


class NoRecording(UsageError):
    """A file that should hold a recorded stream does not exist or cannot be read."""

    code = "TM122"


class UnknownId(UsageError):
    """No call, channel or fact has the id that a command names; or its news is not loaded yet."""

    code = "TM130"


class AmbiguousId(UsageError):
    """Calls of several sources have the id that a command names, and the command does not name the source."""

    code = "TM131"


class WrongConfiguration(UsageError):
    """An object or option of the configuration cannot be as a command or document says. What was there stays."""

    code = "TM140"


class UnknownObject(UsageError):
    """The configuration has no object of the kind and name, or no revision of the number, that a command names."""

    code = "TM141"


class WrongWriterSchedule(UsageError):
    """The option ``writer-schedule`` of the aggregation cannot be read, or names no writer or too many."""

    code = "TM170"


class WrongAggregateRequest(UsageError):
    """A request to aggregate again names a set, tenant or span that cannot be. Nothing was requested."""

    code = "TM171"


class WrongSchedule(UsageError):
    """Options of the scheduler contradict one another; the schedule before it stays."""

    code = "TM180"


class UnknownJob(UsageError):
    """A command names a job that there is not."""

    code = "TM181"


class UnknownRun(UsageError):
    """No run of a recovery has the id that a command names, or several have."""

    code = "TM190"


class UnknownReport(UsageError):
    """There is no report, and no saved report, of the name that a command names."""

    code = "TM191"


class ImpossiblePeriod(UsageError):
    """A period, a preset or the hours of a day cannot be: it ends before it begins, or no calendar has it."""

    code = "TM192"


class UnknownZone(UsageError):
    """There is no time zone of this name."""

    code = "TM193"


class TooManySteps(UsageError):
    """A report would have more steps of time than anybody reads; a shorter period or longer steps are meant."""

    code = "TM194"


class WrongQuestion(UsageError):
    """A report cannot be grouped, filtered or written as a command asks."""

    code = "TM195"
