"""Data that break a rule: they are put aside and the rest goes on."""

from twinmart.errors.tree import MartError


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


class DataSpoilt(DataError):
    """A server cannot read what it has written: a page's checksum is wrong, or an index does not fit its table."""

    code = "TM705"


class SpoolDamaged(DataError):
    """A part of a collector's spool is not what was written to it; it was put aside and the rest goes on."""

    code = "TM720"


class RecordingCutOff(DataError):
    """A recorded stream ends in the middle or is damaged; what stands before that was loaded."""

    code = "TM721"
