"""A migration that is killed at any instant goes on where it was, and comes to what a new mart is."""

import multiprocessing
import threading
import time
from random import Random

import pytest

from tests.paths.conftest import seed, tell  # noqa: F401
from tests.paths.table import Tell
from tests.support import Mart
from tests.upkeep.test_upgrade import REGISTERED, RELEASED, earlier, make_partitions, shape  # noqa: F401
from twinmart.db.connect import connect
from twinmart.db.migrate import known_migrations, migrate, schema_state
from twinmart.upkeep.migrate import migrate_site

_processes = multiprocessing.get_context("forkserver")


def migrate_here(dsn: str) -> None:
    migrate_site(1, {1: dsn}, stop=threading.Event())


@pytest.mark.rows(34)
@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.soak)])
def test_a_migration_killed_again_and_again_comes_to_its_end(
    mart: Mart,
    earlier: Mart,  # noqa: F811
    kills: int,
    tell: Tell,  # noqa: F811
    seed: int,  # noqa: F811
) -> None:
    old = earlier.connect(autocommit=True)
    migrate(old, known_migrations()[: RELEASED[0]])
    make_partitions(old)
    if RELEASED[0] >= 3:
        old.execute(REGISTERED.encode())
    random = Random(seed)
    versions = [schema_state(old).version]
    for _ in range(kills):
        process = _processes.Process(target=migrate_here, args=(earlier.dsn,), daemon=True)
        process.start()
        time.sleep(random.random() * (1.5 if kills < 10 else 0.7))
        process.kill()
        process.join()
        with connect(earlier.dsn, application_name="test", autocommit=True) as looking:
            versions.append(schema_state(looking).version)
    tell("killed at work: migrate", kills)
    # No version is ever half there or taken back.
    assert versions == sorted(versions)
    migrate_here(earlier.dsn)
    assert shape(old) == shape(mart.connect(autocommit=True))
    # And no lock of a killed one is left.
    held = old.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    assert held == (0,)
