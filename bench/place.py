"""Where the benchmarks run: a mart of their own on an embedded PostgreSQL with durable settings, gone afterwards."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinmart.collect.backfill import backfill_file
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import Connection, connect
from twinmart.settings import Settings
from twinmart.site.home import Home

SAMPLES = Path(__file__).resolve().parents[1] / "src" / "twinmart" / "sim" / "samples"


def recording() -> Path:
    """Return the largest recording at hand: one beside the checkout, or else a sample of the repository."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "asterisk" / "site1" / "ami.raw.gz"
    if shared.exists():
        return shared
    return max(SAMPLES.glob("*/ami.raw.gz"), key=lambda path: path.stat().st_size)


@contextmanager
def home(sites: int = 1) -> Iterator[Home]:
    """Give a started installation with durable settings, and take it away afterwards."""
    with tempfile.TemporaryDirectory(prefix="twinmart-bench-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        place = Home(Settings.load(home=path / "home"))
        place.init(sites)
        try:
            yield place
        finally:
            place.down()


@contextmanager
def connection(place: Home, site: int = 1) -> Iterator[Connection]:
    """Give a connection to the mart of a site."""
    with connect(place.site(site).dsn(), application_name="twinmart bench", autocommit=True) as opened:
        yield opened


def load(mart: Connection, path: Path, names: list[str]) -> int:
    """Load a recording once for each source name; return how many of our events that are."""
    events = 0
    for name in names:
        collector = ensure_collector(mart, ensure_source(mart, name), site=1)
        events += backfill_file(mart, collector.idb_schema, name, path).events
    return events


def as_json(**fields: object) -> str:
    """Return figures in one line for a log."""
    return json.dumps(fields, default=str)
