"""A copy of files, and an old active site that becomes a replica again with only what differs copied."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair, end
from tests.replicate.test_link import cross, interactions, one_call
from tests.support import FAST_BUT_FRAGILE, Mart
from twinmart import errors
from twinmart.collect.idb import Idb
from twinmart.config.store import Store
from twinmart.replicate import fence, link, physical, turn
from twinmart.replicate.ends import identity, reach
from twinmart.replicate.watch import look
from twinmart.site.account import Account
from twinmart.site.mart import DATABASE, OWNER, READER, create_database, prepare_mart
from twinmart.site.ports import free_port
from twinmart.site.postgres import Server
from twinmart.site.programs import find_programs, reachable


@contextmanager
def site_of_its_own(folder: Path) -> Iterator[Mart]:
    account = Account.choose()
    server = Server(folder, free_port(), account, reachable(find_programs(), account, folder.parent), FAST_BUT_FRAGILE)
    server.create()
    server.start()
    create_database(server.dsn(), {role: server.password(role) for role in (OWNER, READER)})
    mart = Mart(server, DATABASE)
    prepare_mart(mart.dsn, ahead=timedelta(days=1))
    yield mart
    mart.close()
    server.stop("immediate")


@pytest.fixture
def apart(scratch: Path) -> Iterator[Pair]:
    """Two marts, each alone on a server."""
    with site_of_its_own(scratch / "a") as one, site_of_its_own(scratch / "b") as two:
        with one.connect() as connection:
            store = Store(connection, author="test")
            store.set_option("application", "mart", "gim-etl", "partitioning-ahead-range", "1")
        yield Pair(one, two, end(1, one), end(2, two))


def test_files_are_copied_and_the_catch_up_follows(apart: Pair) -> None:
    pbx = Switch(apart.mart)
    one_call(pbx)
    # Above the usual: once it is the source itself, its copy must not recover with less.
    (apart.other_mart.server.folder / "local.conf").write_text("max_connections = 120\n", encoding="utf-8")
    Idb.open(apart.other_mart.connect(autocommit=True), "idb_pbx_b")
    with reach(apart.target, "test") as mart:
        before = identity(mart)
    link.set_up(apart.source, apart.target, method="physical")
    one_call(pbx, 20, 3)
    fresh = replace(apart, other_mart=Mart(apart.other_mart.server, DATABASE))
    cross(fresh)
    assert len(interactions(fresh.mart)) == 2
    assert interactions(fresh.other_mart) == interactions(fresh.mart)
    with reach(apart.target, "test") as mart, reach(apart.source, "test") as active:
        assert identity(mart) not in (before, identity(active))
        assert fence.standing(mart).holes == ()
        schemas = mart.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'idb_')").fetchall()
        assert schemas == [("idb_pbx_b",)]
        assert mart.execute("SELECT role, state FROM ops.link").fetchall() == [("target", "linked")]
    found = look(apart.source, apart.target)
    assert found.is_ready, found
    assert turn.reverse(apart.source, apart.target)
    assert look(apart.target, apart.source).is_ready
    fresh.other_mart.close()
    apart.mart.close()
    # What was made by copying files can itself be copied so, though it recovered up to a place that is long past.
    link.set_up(apart.target, apart.source, method="physical", discard_standby=True)
    assert look(apart.target, apart.source).is_ready
    with reach(apart.source, "test") as mart:
        assert (
            mart.execute("SELECT name FROM pg_settings WHERE name ~ '^recovery_target' AND sourceline > 0").fetchall()
            == []
        )


@pytest.mark.parametrize(
    "broken_off",
    [
        pytest.param("_subscribe", marks=pytest.mark.soak),
        pytest.param("_make_ours", marks=pytest.mark.soak),
        pytest.param("_take_out", marks=pytest.mark.soak),
        "_put_in",
        pytest.param("_to_disk", marks=pytest.mark.soak),
    ],
)
def test_a_copy_of_files_that_is_broken_off_leaves_the_old_cluster_and_begins_anew(
    apart: Pair, broken_off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ended here."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(physical, broken_off, die)
        with pytest.raises(Killed):
            link.set_up(apart.source, apart.target, method="physical")
    with reach(apart.target, "test") as mart:
        assert mart.execute("SELECT count(*) FROM cfg.topology").fetchone() == (1,)
    link.set_up(apart.source, apart.target, method="physical")
    assert look(apart.source, apart.target).is_ready
    with reach(apart.source, "test") as active:
        assert len(link.leftover_slots(active)) == 1


def test_a_program_that_stops_is_quoted_with_what_decided_it() -> None:
    out = (
        "2026-11-23 03:08:29.616 UTC [1976] LOG:  redo starts at 0/11000028\n"
        "2026-11-23 03:08:29.616 UTC [1976] FATAL:  requested recovery stop point is before consistent recovery point\n"
        "2026-11-23 03:08:29.673 UTC [1961] LOG:  database system is shut down\n"
    )
    error = (
        "pg_ctl: could not start server\nExamine the log output.\n"
        "pg_createsubscriber: error: pg_ctl failed with exit code 1\n"
        "pg_createsubscriber: detail: it was for host=/run user=postgres password=secret\n"
    )
    told = physical._told(out, error)
    assert "requested recovery stop point" in told.splitlines()[0]
    assert told.splitlines()[1] == "pg_createsubscriber: error: pg_ctl failed with exit code 1"
    assert "secret" not in told


def test_a_server_with_other_databases_is_not_overwritten(pair: Pair) -> None:
    with pytest.raises(errors.NotReady, match="holds other databases"):
        link.set_up(pair.source, pair.target, method="physical")


def test_an_old_active_site_comes_back_with_only_what_differs_copied(pair: Pair) -> None:
    one_call(Switch(pair.mart))
    pair.set_up()
    link.detach(pair.target)
    with reach(pair.target, "test") as new:
        turn.open_site(new, 2)
    with pair.other_mart.connect(autocommit=True) as new:
        new.execute("INSERT INTO ctl.counter VALUES ('sales', 7)")
    said: list[str] = []
    link.set_up(pair.target, pair.source, tell=said.append)
    assert any("were alike and stayed" in one for one in said), said
    assert look(pair.target, pair.source).is_ready
    assert interactions(pair.mart) == interactions(pair.other_mart) != []
    with pair.mart.connect() as old:
        assert old.execute("SELECT active_site FROM cfg.topology").fetchone() == (2,)
        assert old.execute("SELECT name FROM ctl.counter WHERE name = 'sales'").fetchone() == ("sales",)


def test_an_old_active_site_with_loads_that_never_crossed_is_refused_until_they_may_go(pair: Pair) -> None:
    pair.set_up()
    link.pause(pair.target)
    one_call(Switch(pair.mart))
    link.detach(pair.target)
    with reach(pair.target, "test") as new:
        turn.open_site(new, 2)
    with pytest.raises(errors.StandbyHoldsMore, match="site 1 holds 1 loads"):
        link.set_up(pair.target, pair.source)
    link.set_up(pair.target, pair.source, discard_standby=True)
    assert interactions(pair.mart) == interactions(pair.other_mart) == []
    assert look(pair.target, pair.source).is_ready
