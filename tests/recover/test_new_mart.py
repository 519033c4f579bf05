"""What stands in the place of a lost site before anything was copied to it stops no failover and takes over nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.recover.conftest import FAILOVER, Disaster, disaster
from tests.support import MartServer
from twinmart import errors
from twinmart.recover.model import Wish
from twinmart.replicate import link, records, slot
from twinmart.replicate.ends import identity, reach
from twinmart.site.mart import OWNER, READER, create_database, prepare_mart

pytestmark = pytest.mark.xdist_group("failover")

BACK = Wish("failover", 1, 2, accept_loss=frozenset({"all"}), even_if_alive=True)


@contextmanager
def emptied(server: MartServer, other_server: MartServer) -> Iterator[Disaster]:
    """Site 1 has lost its disks; an empty database answers in its place."""
    with disaster(server, other_server) as made:
        found = made.world(lost=False).facts({1, 2})
        assert [found[site].was_linked for site in (1, 2)] == [True, True]
        with reach(made.ends[1], "test") as gone:
            link.clear(gone)
        server.drop(made.first)
        passwords = {role: server.server.password(role) for role in (OWNER, READER)}
        create_database(server.server.dsn(), passwords, database=made.first.name)
        yield made


def test_a_failover_goes_on_where_an_empty_database_answers(server: MartServer, other_server: MartServer) -> None:
    with emptied(server, other_server) as made:
        assert made.carry_out(FAILOVER, lost=False).state == "done"
        states = {event.step: event.state for event in made.events}
        assert (states["fence-lost-site"], states["fence-returned-site"]) == ("not needed", "not needed")


def test_a_new_mart_is_not_copied_from_and_does_not_take_over(server: MartServer, other_server: MartServer) -> None:
    """A new mart calls itself site 1's, and site 1 active; the one that has everything is of the same epoch."""
    topology = "SELECT active_site, epoch FROM cfg.topology"
    with emptied(server, other_server) as made:
        prepare_mart(made.ends[1].dsn)
        with pytest.raises(errors.NotReadyForIt, match="site 1 was made anew or put back; let its copy take over"):
            made.carry_out(Wish("return", 1, 2, survivor=1), lost=False)
        assert made.carry_out(FAILOVER, lost=False).state == "done"
        found = made.world(lost=False).facts({1, 2})
        assert [(found[site].replica_of, found[site].was_linked) for site in (1, 2)] == [(2, False), (None, True)]
        with pytest.raises(errors.NotReadyForIt, match="site 1 is no copy of the active site; nothing was ever"):
            made.carry_out(BACK, lost=False)
        assert made.at(1).execute(topology).fetchall() == [(1, 1)]
        assert made.mart.execute(topology).fetchall() == [(2, 2)]


def test_a_return_removes_what_a_broken_off_hand_over_left_at_a_living_standby(
    server: MartServer, other_server: MartServer
) -> None:
    with disaster(server, other_server) as made:
        with reach(made.ends[1], "test") as active, reach(made.ends[2], "test") as standby:
            name = "twinmart_2_1_broken0ff"
            records.begin(standby, name, "source", (2, 1), identity(standby), identity(active), "none")
            slot.new_slot_now(standby, name)
        before = made.world(lost=False).facts({2})[2]
        assert (before.feeds, before.link is not None) == ((1,), True)
        assert made.carry_out(Wish("return", 1, 2, survivor=1), lost=False).state == "done"
        found = made.world(lost=False).facts({1, 2})
        assert (found[1].feeds, found[2].feeds, found[2].leftovers) == ((2,), (), ())
        kept = made.mart.execute("SELECT count(*) FROM ops.link WHERE role = 'target'").fetchone()
        assert kept == (1,), "the link lives on, and nothing was copied"
