"""The error tree: everything that Twinmart can refuse, miss or not know, by what one can do about it.

A class is a kind of trouble with a stable code; an instance says what happened in three parts, after PostgreSQL's own
message style. The *message* is one line, begins in lower case, has no full stop and names the thing. The *detail* holds
facts and both sides of a comparison, lower libraries' text included. The *hint* is a full sentence with a next command.
The docstring of a class is its description in ``docs/reference/errors.md``.

An error that is none of these is a mistake of ours: exit code 1, traceback to the log.
"""

import re
from collections.abc import Iterator
from typing import ClassVar

_SECRETS = (
    re.compile(r"(?P<keep>\b\w*password\s*=\s*)(?:'(?:\\.|[^'\\])*'|[^\s'&\"]+)", re.IGNORECASE),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+]*://[^\s:/@]*:)[^\s/]+(?=@)", re.IGNORECASE),
)


def without_secrets(text: str) -> str:
    """Return the text with the passwords of connection strings and addresses taken out.

    >>> without_secrets("host=db password='my secret' user=me")
    'host=db password=(hidden) user=me'
    >>> without_secrets("postgresql://me:hunter2@db/twinmart")
    'postgresql://me:(hidden)@db/twinmart'
    """
    for pattern in _SECRETS:
        text = pattern.sub(r"\g<keep>(hidden)", text)
    return text


class MartError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str] = "TM000"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        self.message = without_secrets(message)
        self.detail = without_secrets(detail) if detail else None
        self.hint = without_secrets(hint) if hint else None
        super().__init__(self.message)

    def render(self) -> str:
        """Return the error as text for people: the message, then detail and hint where there are any."""
        lines = [f"error {self.code}: {self.message}"]
        for label, part in (("detail", self.detail), ("hint", self.hint)):
            if part:
                first, *rest = part.splitlines()
                lines.append(f"  {label:<7}{first}")
                lines += [f"  {'':<7}{line}" for line in rest]
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """Return the error as data for programs; the code is stable, the texts are not."""
        return {"code": self.code, "message": self.message, "detail": self.detail, "hint": self.hint}


# --- the command or the configuration is wrong -----------------------------------------------------------------------


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


# --- a check says no -------------------------------------------------------------------------------------------------


class NotReady(MartError):
    """A check says no. Nothing was changed."""

    code = "TM200"
    exit_code = 3


class NotInitialised(NotReady):
    """There is no mart here yet."""

    code = "TM201"


class MartBehind(NotReady):
    """The mart's schema is older than the program; it must be migrated first."""

    code = "TM202"


class NoPartitionRule(NotReady):
    """A partitioned table has no row in ``ops.partition_rule``, so nobody knows how wide its partitions are."""

    code = "TM203"


class MissingRole(NotReady):
    """A server of the user's own lacks a database role, and the connection's user must not create it."""

    code = "TM204"


class SchemaDrift(NotReady):
    """The marts of two sites differ in their schema, so that changes of one cannot be applied to the other."""

    code = "TM230"


class NoKey(NotReady):
    """A replicated table has no primary key, without which its changes cannot cross the link."""

    code = "TM231"


class NoLink(NotReady):
    """There is no replication link between the sites, or not the one that the command needs."""

    code = "TM232"


class LinkNotSteady(NotReady):
    """The replication link is not in the state that the command needs; the detail says which it is in."""

    code = "TM233"


class AggregateDiffers(NotReady):
    """Aggregates are not what the facts say, or a level is not the sum of the one below."""

    code = "TM270"


class NotReadyForIt(NotReady):
    """A failover, switchover, return or drill must not begin as things are; the detail says why."""

    code = "TM290"


# --- a guard stopped it ----------------------------------------------------------------------------------------------


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


# --- a step did not reach its goal -----------------------------------------------------------------------------------


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


# --- nobody knows ----------------------------------------------------------------------------------------------------


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


# --- no answer -------------------------------------------------------------------------------------------------------


class SiteUnreachable(MartError):
    """A site gives no answer."""

    code = "TM600"
    exit_code = 6


class NoConnection(SiteUnreachable):
    """No connection to a PostgreSQL server could be made. Nothing was changed."""

    code = "TM601"


class ConnectionLost(SiteUnreachable):
    """The connection to a PostgreSQL server broke; whether the transaction in progress was committed is not known."""

    code = "TM602"


class SourceUnreachable(MartError):
    """A telephony server gives no answer, or the connection to it broke."""

    code = "TM620"
    exit_code = 6


class SourceSilent(SourceUnreachable):
    """A telephony server is connected and says nothing, not even when asked."""

    code = "TM621"


class NoWitness(MartError):
    """The witness in the third place gives no answer."""

    code = "TM640"
    exit_code = 6


# --- data that breaks a rule -----------------------------------------------------------------------------------------


class DataError(MartError):
    """Events or rows break a rule."""

    code = "TM700"
    exit_code = 7


class RowRefused(DataError):
    """A row breaks a constraint of its table, or a value does not fit its column; the transaction was rolled back."""

    code = "TM701"


class NoPartition(DataError):
    """A row's time lies outside every partition of its table."""

    code = "TM702"


class ImplausibleTime(DataError):
    """A time is too far from its neighbours to be true; the clock of a source is wrong."""

    code = "TM703"


class InteractionBroken(DataError):
    """An interaction breaks a rule, and the option error-policy-irf-exception ends the load for that."""

    code = "TM704"


class SpoolDamaged(DataError):
    """A part of a collector's spool is not what was written to it; it was put aside and the rest goes on."""

    code = "TM720"


class RecordingCutOff(DataError):
    """A recorded stream ends in the middle or is damaged; what stands before that was loaded."""

    code = "TM721"


def error_classes(root: type[MartError] = MartError) -> Iterator[type[MartError]]:
    """Yield the root and all classes below it, parents before their children, in the order of their definition."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)
