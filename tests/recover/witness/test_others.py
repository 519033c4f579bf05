"""More than two sites: the active one counts on the others' word only if each of them took it."""

from datetime import UTC, datetime

import pytest

from tests.support import Mart
from twinmart.errors import MartError, NotReady
from twinmart.recover.witness.mart import Others

NOWHERE = "host=127.0.0.1 port=1 dbname=twinmart user=twinmart"


def contacts(mart: Mart) -> list[tuple[object, ...]]:
    return mart.connect(autocommit=True).execute("SELECT site, epoch, witness FROM ops.contact").fetchall()


def test_n4_the_word_of_one_of_two_other_sites_is_not_enough(mart: Mart, other_mart: Mart) -> None:
    told = (1, 1, "w", None, datetime.now(UTC))
    assert Others({2: mart.dsn, 3: other_mart.dsn}).tell(*told) == (True, 1)
    assert contacts(mart) == contacts(other_mart) == [(1, 1, "w")]
    # One is silent: it may be about to take over. The other one is told all the same, and what it knows is heard.
    other_mart.connect(autocommit=True).execute("UPDATE cfg.topology SET epoch = 5")
    assert Others({2: NOWHERE, 3: other_mart.dsn}, timeout_s=2).tell(*told) == (False, 5)
    assert Others({2: mart.dsn, 3: other_mart.dsn}).tell(*told) == (False, 5)
    with pytest.raises(MartError):
        Others({2: NOWHERE, 3: NOWHERE}, timeout_s=2).tell(*told)


def test_n4_a_standby_visits_the_active_site_and_no_other(mart: Mart, other_mart: Mart) -> None:
    other_mart.connect(autocommit=True).execute("UPDATE cfg.topology SET epoch = 7")
    others = Others({1: mart.dsn, 2: other_mart.dsn})
    assert (others.visit(1), others.visit(2)) == (1, 7)
    with pytest.raises(NotReady, match="no site 3"):
        others.visit(3)
