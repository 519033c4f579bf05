"""What a witness promises, asked of a real PostgreSQL and a real etcd alike."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.recover.witness.conftest import post
from tests.recover.witness.line import Line
from tests.support import Mart
from twinmart.errors import LeaseRefused, NoWitness
from twinmart.recover.witness.etcd import EtcdWitness
from twinmart.recover.witness.line import question
from twinmart.recover.witness.model import Lease, Witness
from twinmart.recover.witness.postgres import PostgresWitness

# The least that etcd gives with the election timeout of the tests.
GRACE_S = 1.0


@pytest.fixture(params=["postgres", "etcd"])
def witness(request: pytest.FixtureRequest) -> Witness:
    if request.param == "postgres":
        third: Mart = request.getfixturevalue("third")
        return PostgresWitness(third.dsn)
    client: str = request.getfixturevalue("etcd")
    return EtcdWitness((client,), name=f"test-{uuid.uuid4().hex}")


def renew(witness: Witness, site: int, epoch: int, **more: Any) -> Lease:
    return witness.renew(site, epoch, **{"grace_s": GRACE_S, "fences": True, "block_s": 60, **more})


def wait_for_end(witness: Witness) -> Lease:
    deadline = time.monotonic() + 10
    while (found := witness.read()) is not None and found.is_held:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found is not None
    return found


def test_a_lease_is_held_from_a_renewal_on_and_ends_by_the_witnesses_clock(witness: Witness) -> None:
    assert witness.read() is None
    first = renew(witness, 1, 7)
    assert (first.holder, first.epoch, first.is_held, first.fences, first.block_s) == (1, 7, True, True, 0)
    second = renew(witness, 1, 7, fences=False, grace_s=2.5)
    assert second.beat > first.beat
    assert second.witness == first.witness
    assert (second.fences, second.grace_s) == (False, 2.5)
    assert witness.read() == second
    ended = wait_for_end(witness)
    assert replace(ended, is_held=True) == second


def test_an_ended_lease_is_taken_once_and_the_old_holder_learns_so(witness: Witness) -> None:
    renew(witness, 1, 7)
    with pytest.raises(LeaseRefused):
        witness.take(witness.read(), 2, block_s=60)  # type: ignore[arg-type]  # it is there, and held
    seen = wait_for_end(witness)
    taken = witness.take(seen, 2, block_s=60)
    # The epoch is one of that site, the same in which it will become active: nobody else takes it, blind or not.
    assert (taken.holder, taken.epoch, taken.is_held) == (2, 102, True)
    with pytest.raises(LeaseRefused):
        witness.take(seen, 3, block_s=60)
    for epoch in (7, 102):
        with pytest.raises(LeaseRefused):
            renew(witness, 1, epoch)
    assert renew(witness, 2, 102).epoch == 102


def test_a_renewal_after_the_look_defeats_the_taking(witness: Witness) -> None:
    renew(witness, 1, 7)
    seen = wait_for_end(witness)
    renew(witness, 1, 7)
    wait_for_end(witness)
    with pytest.raises(LeaseRefused):
        witness.take(seen, 2, block_s=0)


def test_the_block_stands_until_it_ends_or_somebody_acknowledges(witness: Witness) -> None:
    renew(witness, 1, 7)
    witness.take(wait_for_end(witness), 2, block_s=60)
    seen = wait_for_end(witness)
    assert 50 < seen.block_s <= 60
    with pytest.raises(LeaseRefused):
        witness.take(seen, 1, block_s=60)
    witness.acknowledge()
    again = wait_for_end(witness)
    assert again.block_s == 0
    assert witness.take(again, 1, block_s=60).epoch == 201


def test_a_change_by_people_is_followed_and_begins_the_block_too(witness: Witness) -> None:
    renew(witness, 1, 7)
    renew(witness, 2, 9)
    found = witness.read()
    assert found is not None
    assert (found.holder, found.epoch) == (2, 9)
    assert found.block_s > 50


def test_of_many_who_take_at_once_one_gets_it(witness: Witness) -> None:
    renew(witness, 1, 7)
    seen = wait_for_end(witness)

    def take(site: int) -> int:
        try:
            return witness.take(seen, site, block_s=60).holder
        except LeaseRefused:
            return 0

    with ThreadPoolExecutor(8) as pool:
        got = [site for site in pool.map(take, range(2, 10)) if site]
    found = witness.read()
    assert found is not None
    assert got == [found.holder]


def test_two_witnesses_have_two_identities(third: Mart) -> None:
    one, other = PostgresWitness(third.dsn, name="one"), PostgresWitness(third.dsn, name="other")
    assert renew(one, 1, 1).witness != renew(other, 1, 1).witness


def test_no_answer_is_said_so_within_the_time(third: Mart) -> None:
    assert third.server.port
    with Line(third.server.port) as line:
        dsn = third.server.tcp_dsn(database=third.name, user="twinmart").replace(
            f"port={third.server.port}", f"port={line.port}"
        )
        with question(dsn, 2) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            line.swallow()
            began = time.monotonic()
            with pytest.raises(Exception, match=r"closed|lost|terminat"):
                connection.execute("SELECT 1")
            assert time.monotonic() - began < 3
        line.cut()
        with pytest.raises(NoWitness):
            PostgresWitness(dsn, timeout_s=1).read()
    with pytest.raises(NoWitness, match="etcd"):
        EtcdWitness((f"http://127.0.0.1:{line.port}",), timeout_s=1).read()


def test_etcd_with_users_gives_tokens_and_a_second_member_is_asked_where_the_first_is_silent(etcd: str) -> None:
    def coded(text: str) -> str:
        return text

    post(etcd, "auth/user/add", {"name": "root", "password": coded("hunter2")})
    post(etcd, "auth/user/grant", {"user": "root", "role": "root"})
    post(etcd, "auth/enable", {})
    try:
        endpoints = ("http://127.0.0.1:1", etcd)
        known = EtcdWitness(endpoints, name="users", user="root", password="hunter2")
        assert renew(known, 1, 1).holder == 1
        with pytest.raises(NoWitness) as raised:
            EtcdWitness(endpoints, name="users", user="root", password="wrong").read()
        assert "wrong" not in str(raised.value.to_json()).replace("went wrong", "")
        known._token = "stale.1"
        assert renew(known, 1, 1).beat == 2
    finally:
        token = post(etcd, "auth/authenticate", {"name": "root", "password": "hunter2"})["token"]
        _disable(etcd, token)


def _disable(etcd: str, token: str) -> None:
    import urllib.request  # noqa: PLC0415

    request = urllib.request.Request(f"{etcd}/v3/auth/disable", b"{}", {"Authorization": token})
    urllib.request.urlopen(request, timeout=5).close()
