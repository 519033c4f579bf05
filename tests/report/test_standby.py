"""Reports at a standby: a real replica answers all as the active site does, says how old it is, and writes nothing."""

from pathlib import Path
from threading import Event

from tests.etl.story import Switch
from tests.replicate.conftest import Pair, linked, pair  # noqa: F401
from tests.replicate.test_link import cross
from tests.report.asking import told
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.report.test_scheduled import NOW, planned
from twinmart.model.events import Kind
from twinmart.report.catalogue import REPORTS
from twinmart.report.scheduled import run_due


def test_every_report_is_answered_by_the_replica_as_by_the_active_site(linked: Pair, tmp_path: Path) -> None:  # noqa: F811
    switch = Switch(linked.mart)
    whole_call(switch)
    # A state that goes on would have lasted longer for who is asked later.
    switch.member(70, "PJSIP/101", kind=Kind.MEMBER_REMOVE)
    switch.hear()
    aggregated(linked.mart)
    planned(linked.mart, folder=tmp_path / "out")
    cross(linked)
    for report in REPORTS:
        here, there = told(linked.mart, report, site=1), told(linked.other_mart, report, site=2)
        assert (there.rows, there.total) == (here.rows, here.total), report
        assert (here.about["answered_by"], here.about["age_s"]) == ("active site", 0)
        assert there.about["answered_by"] == "standby"
        assert 0 <= there.about["age_s"] < 600
        assert there.about["as_of"] is not None
    dsns = {1: linked.mart.dsn, 2: linked.other_mart.dsn}
    assert run_due(2, dsns, stop=Event(), now=NOW)["message"] == "another site is active"
    assert linked.other_mart.connect().execute("SELECT * FROM ctl.report_delivery").fetchall() == []
    # What the active site delivers the replica knows, so that after a failover nobody gets it twice.
    assert run_due(1, dsns, stop=Event(), now=NOW)["done"] == 1
    cross(linked)
    delivered = linked.other_mart.connect().execute("SELECT site, state FROM ctl.report_delivery").fetchall()
    assert delivered == [(1, "done")]
