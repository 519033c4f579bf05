"""From when on a source may have lost something."""

from tests.support import Mart
from twinmart.config.sources import collectors, ensure_collector, ensure_source
from twinmart.recover.loss import open_manifest, write_manifest


def test_a_collector_that_delivered_nothing_lost_nothing_from_before_it_was_registered(mart: Mart) -> None:
    with mart.connect() as connection:
        source = ensure_source(connection, "london")
        for site in (1, 2):
            ensure_collector(connection, source, site=site)
        registered = connection.execute("SELECT created_at FROM cfg.collector WHERE name = 'london_a'").fetchone()
        assert [one.name for one in collectors(connection)] == ["london_a", "london_b"]
        run = "01a20267-fb1f-8aed-884b-0000000000aa"
        assert open_manifest(connection, run, lost=1) == 1
        assert connection.execute("SELECT class, from_at, to_at FROM ctl.loss").fetchall() == [
            ("delivered", None, *(registered or ()))
        ]
        assert write_manifest(connection, run, site=2) == "london gone"
        gone = connection.execute("SELECT from_at, to_at FROM ctl.loss WHERE class = 'gone'").fetchone()
        assert gone == (*(registered or ()), None)
