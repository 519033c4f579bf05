"""Somebody gives no answer: a site, a telephony server, the witness."""

from twinmart.errors.tree import MartError


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
