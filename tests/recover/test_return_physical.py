"""A return that copies the mart as files, where those of the new site can be reached."""

from pathlib import Path
from random import Random

from tests.etl.story import Switch
from tests.recover.conftest import Disaster
from tests.recover.test_crash_matrix import Walk
from tests.recover.test_two_sites import both_hold_the_same
from tests.replicate.conftest import end
from tests.replicate.test_link import interactions, one_call
from tests.replicate.test_physical import site_of_its_own
from tests.support import Mart
from twinmart.recover.journal import Journal
from twinmart.recover.model import Wish
from twinmart.replicate.watch import look
from twinmart.site.mart import DATABASE


def test_return_step_2_by_a_copy_of_files_that_dies_once_the_new_site_follows_the_survivor(
    scratch: Path,
) -> None:
    with site_of_its_own(scratch / "a") as survivor, site_of_its_own(scratch / "b") as empty:
        pbx = Switch(survivor)
        one_call(pbx)
        made = Disaster(survivor, empty, {1: end(1, survivor), 2: end(2, empty)})
        walk = Walk(made, Wish("return", 1, 2, copy="physical", survivor=1), scratch, lost=False)
        with walk.recorder:
            walk.die_at(Random(3).randrange(20, 90))  # within the copy; the soak dies everywhere
        assert walk.recorder.check()
        with Journal(scratch / "recovery.sqlite") as journal:
            (run,) = journal.runs()
        assert run.state == "done"
        assert run.steps["copy-mart"].note == "physical"
        one_call(pbx, 20, 3)
        assert look(made.ends[1], made.ends[2]).is_ready
        made.carry_out(Wish("switchover", 2, 1), lost=False)
        made.second = Mart(empty.server, DATABASE)
        assert len(interactions(made.second)) == 2
        assert both_hold_the_same(made)
        made.stop_servers()
        made.second.close()
