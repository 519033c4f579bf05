"""A recording into an interaction database: unpacked, taken apart, translated, written once; durable settings."""

import time

from bench.place import connection, home, recording
from bench.report import Figure, show, stopwatch
from twinmart.collect.asterisk.translate import Translator
from twinmart.collect.asterisk.wire import Messages
from twinmart.collect.backfill import backfill_file, recorded_chunks

RUNS = 5
GOAL = 100_000.0


def main() -> None:
    """Measure and print."""
    first = Figure("loaded", "AMI messages/s", limit_name="goal")
    again = Figure("loaded again, nothing new", "AMI messages/s", limit_name="goal")
    pure = Figure("translated, not written", "AMI messages/s", limit_name="unpacked and cut only")
    path = recording()
    with home() as place, connection(place) as mart:
        for run in range(RUNS):
            loaded = backfill_file(mart, f"idb_bench{run}", "bench", path)
            first.values.append(loaded.messages / loaded.seconds)
            twice = backfill_file(mart, f"idb_bench{run}", "bench", path)
            again.values.append(twice.messages / twice.seconds)
            pure.values.append(loaded.messages / _seconds(translated=True))
            pure.limits.append(loaded.messages / _seconds(translated=False))
    first.limits, again.limits = [GOAL], [GOAL]
    show(
        f"{loaded.messages:,} messages, {loaded.bytes:,} bytes, {loaded.events:,} events of ours", [first, again, pure]
    )


def _seconds(*, translated: bool) -> float:
    messages, translator = Messages(), Translator("bench")
    with stopwatch() as elapsed:
        for chunk in recorded_chunks(recording()):
            cut = messages.feed(chunk)
            if translated:
                translator.translate(cut, time.time_ns() // 1000)
    return elapsed()
