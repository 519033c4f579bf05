"""Nothing lost: a switch plays to live collectors and loaders follow, whatever is killed on the way and however fast.

Two comparisons. What the mart holds equals one batch of everything that at least one twin heard, whole rows and keys.
And what the switch said by itself is the recording's, so every row that does not hang on lists is the recording's too:
each collector asks for lists itself, at moments of its own, and gets other ones.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from tests.collect.live import ASKED, eventually
from tests.paths.fingerprint import TABLES, Fingerprint
from tests.paths.live import TWINS, Chain, chain, timed
from tests.paths.sample import CRASH, POOL, SAMPLES, Sample
from tests.paths.table import Tell
from tests.paths.walk import ground, one_batch
from tests.support import MartServer, running_server, scratch_folder
from twinmart.db.connect import connect
from twinmart.etl.cycle import Etl
from twinmart.model.events import Event

FACTS = [table for table in TABLES if table.startswith("mart.") and "fact" in table]

# What a collector is told because it asked; it computes the start of the switch, which is the same for all.
LISTS = ASKED - {"switch_boot"}

# Gaps tell of the collectors, and not of events.
WITHOUT_GAPS = {table: columns for table, columns in TABLES.items() if table != "ctl.gap"}

Harm = Callable[[Chain, Random], None]


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[MartServer, MartServer]]:
    """Two servers that are killed and started again."""
    with scratch_folder() as folder, running_server(folder / "1") as one, running_server(folder / "2") as other:
        yield one, other


def kill_a_collector(chain: Chain, random: Random) -> None:
    chain.wait_until_both_hear()
    twin = random.choice(TWINS)
    chain.kill_collector(twin)
    time.sleep(random.random() * 0.3)
    chain.start_collector(twin)


def kill_a_database(chain: Chain, random: Random) -> None:
    site = random.choice((1, 2, 2))
    chain.kill_database(site)
    time.sleep(random.random() * 0.3)
    chain.start_database(site)


def kill_the_loader(chain: Chain, random: Random) -> None:
    chain.kill_loader()
    chain.start_loader()


HARMS: tuple[Harm, ...] = (kill_a_collector, kill_a_collector, kill_a_database, kill_the_loader)


def play(live: Chain, sample: Sample, speed: str, random: Random, harms: tuple[Harm, ...]) -> None:
    """Play a sample to the collectors while harm is done, each kind in its turn, and load what is left in the end."""
    turns = cycle(random.sample(harms, len(harms)))
    for number, recording in enumerate(sample.recordings):
        live.switch.play(recording, speed)
        if not number:
            live.start_loader()
            for twin in TWINS:
                live.start_collector(twin)
        while live.switch.is_playing:
            time.sleep(random.random() * 0.4)
            if harms:
                next(turns)(live, random)
    live.wait_until_written()
    live.kill_loader()
    with connect(live.dsns[1], application_name="paths", autocommit=True) as mart:
        eventually(lambda: mart.execute(IS_QUIET).fetchone() == (True,))
    with Etl(1, live.dsns) as etl:
        etl.cycle()


IS_QUIET = """
    SELECT NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE application_name LIKE 'twinmart %' AND datname = current_database()
    )
"""


def compare(live: Chain, walks: MartServer, sample: Sample) -> None:
    """Compare with one batch of all that was heard, and with what the switch said."""
    everything = list({event.event_id: event for events in live.heard().values() for event in events}.values())
    with connect(live.dsns[1], application_name="paths", autocommit=True) as mart:
        found = Fingerprint.of(mart, WITHOUT_GAPS)
    assert in_one_batch(walks, sample, everything).difference(found) is None
    missing = timed(sample.events) - timed(everything)
    assert not missing, (
        f"{len(missing)} of {len(timed(sample.events))} events that the switch told were heard by nobody"
    )
    recorded = in_one_batch(walks, sample, sample.events)
    unasked = in_one_batch(
        walks, sample, [event for event in sample.events if str(event.kind) not in ASKED - {"switch_boot"}]
    )
    for table in FACTS:
        certain = set(recorded.rows[table]) & set(unasked.rows[table])
        assert len(certain) >= 0.7 * len(recorded.rows[table]), f"{table}: {len(certain)} rows do not hang on lists"
        assert certain <= set(found.rows[table]), f"{table}: {sorted(certain - set(found.rows[table]))[:2]}"


def in_one_batch(walks: MartServer, sample: Sample, events: Sequence[Event]) -> Fingerprint:
    """Return what events come to at once."""
    with ground(walks, sample.source) as fresh:
        fresh.walk(one_batch(events), events)
        return Fingerprint.of(fresh.mart, WITHOUT_GAPS)


@pytest.mark.parametrize(("sample", "speed"), [(CRASH, "60"), (POOL, "max")], ids=["crash-60", "pool-max"])
def test_a_live_replay_at_any_speed_comes_to_what_one_batch_does(
    walks: MartServer, sites: tuple[MartServer, MartServer], tmp_path: Path, seed: int, sample: Sample, speed: str
) -> None:
    with chain(sites, sample.source, tmp_path) as live:
        play(live, sample, speed, Random(seed), ())
        compare(live, walks, sample)


def test_whatever_is_killed_during_a_replay_nothing_is_lost(
    walks: MartServer, sites: tuple[MartServer, MartServer], tmp_path: Path, seed: int, tell: Tell
) -> None:
    with chain(sites, CRASH.source, tmp_path) as live:
        play(live, CRASH, "30", Random(seed), HARMS)
        compare(live, walks, CRASH)
    for what, times in live.kills.items():
        tell(what, times)


@pytest.mark.soak
@pytest.mark.parametrize("speed", ["5", "20", "100", "max"])
def test_every_sample_live_at_several_speeds_comes_to_what_one_batch_does(
    walks: MartServer,
    sites: tuple[MartServer, MartServer],
    tmp_path: Path,
    seed: int,
    tell: Tell,
    speed: str,
) -> None:
    for sample in SAMPLES:
        with chain(sites, sample.source, tmp_path / sample.source) as live:
            play(live, sample, speed, Random(seed), ())
            compare(live, walks, sample)
        tell("live replays at several speeds", 1)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(12))
def test_over_and_over_whatever_is_killed_during_a_replay_nothing_is_lost(
    walks: MartServer, sites: tuple[MartServer, MartServer], tmp_path: Path, seed: int, tell: Tell, part: int
) -> None:
    random = Random(seed + part)
    sample = SAMPLES[part % len(SAMPLES)]
    with chain(sites, sample.source, tmp_path) as live:
        play(live, sample, random.choice(("5", "10", "20")), random, HARMS)
        compare(live, walks, sample)
    for what, times in live.kills.items():
        tell(what, times)
