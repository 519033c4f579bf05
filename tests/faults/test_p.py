"""P1 to P6: processes that are killed, frozen, looping in errors, or holding a transaction open."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.conftest import Line, frozen, kill, wait_until
from tests.replicate.conftest import Pair
from tests.replicate.test_states import at, see, until
from twinmart import errors
from twinmart.recover.model import Wish
from twinmart.recover.plan import findings
from twinmart.recover.world import SiteWorld
from twinmart.replicate import turn
from twinmart.replicate.ends import End
from twinmart.replicate.watch import look

pytestmark = pytest.mark.xdist_group("faults")

APPLYING = b"SELECT pid FROM pg_stat_subscription WHERE leader_pid IS NULL AND pid IS NOT NULL AND relid IS NULL"
SENDING = b"SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'twinmart%'"


def process(end: End, query: bytes) -> int:
    """Return the process that a query names, once there is one."""
    found: list[int] = []

    def is_there() -> bool:
        found[:] = [int(str(pid)) for (pid,) in at(end, query)]
        return bool(found)

    wait_until(is_there)
    return found[0]


def refusals(pair: Pair) -> list[str]:
    """Return what speaks against a switchover now."""
    wish = Wish("switchover", 2, 1)
    facts = SiteWorld({1: pair.source, 2: pair.target}).facts({1, 2})
    return [one.text for one in findings(facts, wish) if one.level == "no"]


@pytest.mark.parametrize("which", ["source", "target"])
def test_p1_a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing(own_line: Line, which: str) -> None:
    victim = (own_line.pair.source if which == "source" else own_line.pair.target).server
    assert victim is not None
    for word in (b"before", b"between"):
        own_line.say(word)
        kill(victim)
        assert see(own_line.pair, wait_s=0.1).state.name == "unreachable"
        victim.start()
    own_line.say(b"after")
    own_line.arrives()


def test_p3_an_apply_worker_that_hangs_is_stalled_and_goes_on(own_line: Line) -> None:
    own_line.arrives()
    with frozen(process(own_line.pair.target, APPLYING)):
        own_line.say(b"frozen")
        assert not until(own_line.pair, "stalled", wait_s=90).is_ready
        with pytest.raises(errors.LinkNotSteady):
            turn.reverse(own_line.pair.source, own_line.pair.target)
    own_line.arrives()


def test_p3_a_server_that_hangs_is_unreachable_within_the_time_limit(own_line: Line) -> None:
    """The main process is frozen: connections are taken by the kernel and answered by nobody."""
    server = own_line.pair.target.server
    assert server is not None
    pid = server.pid()
    assert pid is not None
    with frozen(pid):
        found = look(own_line.pair.source, own_line.pair.target)
        assert found.state.name == "unreachable"
        assert "site 2 does not answer" in " ".join(refusals(own_line.pair))
    own_line.say(b"thawed")
    own_line.arrives()


@pytest.mark.parametrize(
    "breaking",
    ["ALTER reason TYPE varchar(3)", pytest.param("DROP COLUMN reason CASCADE", marks=pytest.mark.soak)],
    ids=["type", "missing"],
)
def test_p4_a_shape_that_does_not_fit_is_named_and_no_switch_is_planned(own_line: Line, breaking: str) -> None:
    pair = own_line.pair
    at(pair.target, f"ALTER TABLE ctl.job_hold {breaking}".encode())
    assert any("job_hold" in str(one) for one in see(pair).drift if one.breaks)
    at(pair.source, b"INSERT INTO ctl.job_hold VALUES ('extract', now(), 'somebody', 'more than three letters')")
    with pytest.raises(errors.LinkNotSteady, match="not fit for a switch") as refused:
        turn.reverse(pair.source, pair.target)
    assert "column ctl.job_hold" in str(refused.value.detail)
    assert "Nothing was changed" in str(refused.value.hint)
    assert at(pair.source, b"SELECT active_site, epoch FROM cfg.topology") == [(1, 1)]


def test_p4_a_worker_that_fails_over_and_over_is_a_conflict_and_no_switch_is_planned(own_line: Line) -> None:
    pair = own_line.pair
    at(pair.target, b"SET session_replication_role = replica; INSERT INTO ctl.counter VALUES ('x', 0)")
    at(pair.source, b"INSERT INTO ctl.counter VALUES ('x', 0)")
    assert until(pair, "conflict", wait_s=90).cause
    assert any("replication to site 2" in text for text in refusals(pair))


@contextmanager
def streaming_early(end: End) -> Iterator[None]:
    """Let the source send a transaction of a few hundred rows before it is committed."""
    at(end, b"ALTER SYSTEM SET logical_decoding_work_mem = '64kB'")
    at(end, b"SELECT pg_reload_conf()")
    try:
        yield
    finally:
        at(end, b"ALTER SYSTEM RESET logical_decoding_work_mem")
        at(end, b"SELECT pg_reload_conf()")


def test_p5_a_large_transaction_half_applied_when_the_standby_dies_comes_whole_and_once(own_line: Line) -> None:
    """Streamed while it is written and applied by a parallel worker; the standby is killed in the midst of it."""
    pair = own_line.pair
    server = pair.target.server
    assert server is not None
    parallel = b"SELECT count(*) FROM pg_stat_subscription WHERE leader_pid IS NOT NULL"
    with streaming_early(pair.source), psycopg.connect(pair.source.reach) as writer:
        writer.execute("SET default_transaction_read_only = off")
        for part in range(4):
            writer.execute(
                "INSERT INTO ctl.counter SELECT format('%%s %%s', %s::int, n), n FROM generate_series(1, 5000) AS n",
                (part,),
            )
            if part == 2:
                wait_until(lambda: at(pair.target, parallel) != [(0,)])
                kill(server)
                server.start()
    own_line.arrives()
    assert at(pair.target, b"SELECT count(*) FROM ctl.counter WHERE name LIKE '3 %'") == [(5000,)]


def test_p6_a_prepared_transaction_is_named_and_blocks_the_switch(own_line: Line) -> None:
    pair = own_line.pair
    with psycopg.connect(pair.source.reach, autocommit=True) as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO ctl.counter VALUES ('prepared', 0)")
        writer.execute("PREPARE TRANSACTION 'left-open'")
    try:
        assert any("left-open" in problem for problem in see(pair).problems)
        with pytest.raises(errors.LinkNotSteady) as refused:
            turn.reverse(pair.source, pair.target)
        assert "left-open" in str(refused.value.detail)
    finally:
        with psycopg.connect(pair.source.reach, autocommit=True) as writer:
            writer.execute("COMMIT PREPARED 'left-open'")
    own_line.arrives()
    turn.reverse(pair.source, pair.target)
    assert at(pair.target, b"SELECT count(*) FROM ctl.counter WHERE name = 'prepared'") == [(1,)]
