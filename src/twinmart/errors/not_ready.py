"""A check says no: something is missing or not as it must be, and the hint says how to mend it."""

from twinmart.errors.tree import MartError


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
