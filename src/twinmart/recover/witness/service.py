"""The keeper of a lease beside a site's mart server: its threads, its options, and what it calls to fail over."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Event as Signal
from threading import Thread

import psycopg
import structlog
from psycopg import conninfo

from twinmart.config.options import Options
from twinmart.db.connect import session
from twinmart.errors import MartError, WrongSetting
from twinmart.recover.witness.etcd import EtcdWitness
from twinmart.recover.witness.keeper import Keeper
from twinmart.recover.witness.mart import Others, Own, OwnMart
from twinmart.recover.witness.model import Bounds, Witness
from twinmart.recover.witness.postgres import PostgresWitness
from twinmart.settings import read_secret

Told = tuple[float | None, datetime | None]

log = structlog.get_logger(__name__)

LONGEST_PACE_S = 2.0
LONGEST_QUESTION_S = 5.0
# An option that was changed is heeded so soon.
OPTIONS_EVERY_S = 5.0


def bounds_of(options: Options) -> Bounds:
    """Return what automatic failover is bound to, from the configuration."""

    def seconds(name: str) -> float:
        value = options.get("witness", name)
        assert isinstance(value, int)  # noqa: S101  they are declared so, with defaults
        return float(value)

    return Bounds(
        grace_s=seconds("grace-period"),
        lag_limit_s=seconds("lag-limit"),
        verified_within_s=seconds("verified-within"),
        block_s=seconds("block"),
        observe_only=options.flag("witness", "observe-only"),
    )


def witness_of(options: Options, *, timeout_s: float = LONGEST_QUESTION_S) -> Witness | None:
    """Return the witness that the configuration names, or None.

    Raises:
        WrongSetting: its address or the reference of its password cannot be used.
    """
    place = options.get("witness", "place")
    if not place:
        return None
    text, name = str(place), options.text("witness", "name")
    reference = options.get("witness", "password-reference")
    secret = read_secret(str(reference) if reference else None)
    if text.startswith(("http://", "https://")):
        user, ca_file = options.get("witness", "user"), options.get("witness", "ca-file")
        return EtcdWitness(
            tuple(text.split(",")),
            name=name,
            user=str(user) if user else None,
            password=secret,
            ca_file=str(ca_file) if ca_file else None,
            timeout_s=timeout_s,
        )
    try:
        dsn = conninfo.make_conninfo(text, **({"password": secret} if secret else {}))
    except psycopg.ProgrammingError as error:
        raise WrongSetting(
            'option "place" of the witness cannot be used',
            detail=str(error).strip(),
            hint="It is http(s)://HOST:PORT of etcd or a connection string of PostgreSQL. See docs/howto/witness.md.",
        ) from None
    return PostgresWitness(dsn, name=name, timeout_s=timeout_s)


@contextmanager
def watching(site: int, dsns: Mapping[int, str], failover: Callable[[], None]) -> Iterator[None]:
    """Keep or watch the lease of a site while the block runs; does nothing while no witness is configured."""
    stop = Signal()
    thread = Thread(target=watch, args=(site, dsns, failover, stop), name="witness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONGEST_QUESTION_S)


def watch(site: int, dsns: Mapping[int, str], failover: Callable[[], None], stop: Signal) -> None:
    """Keep or watch the lease of a site until told to stop, through everything that passes by itself."""
    others = {number: dsn for number, dsn in dsns.items() if number != site}
    while others and not stop.is_set():
        try:
            with session(dsns[site], application_name="twinmart witness", autocommit=True) as connection:
                mart = OwnMart(site, connection)
                watch_from(site, mart, others, failover, stop)
        except (MartError, psycopg.Error) as error:
            told = error.to_json() if isinstance(error, MartError) else {"message": str(error)}
            log.warning("witness.waiting", site=site, **told)
            stop.wait(LONGEST_PACE_S)


def watch_from(
    site: int, mart: OwnMart, others: Mapping[int, str], failover: Callable[[], None], stop: Signal
) -> None:  # fmt: skip
    """Watch over one connection to the own mart, until it breaks or somebody says stop.

    Raises:
        MartError: the own mart gives no answer, or the failover stopped; whoever calls begins again.
    """
    keeper: Keeper | None = None
    questions: _Questions | None = None
    named: object = None
    read_at = -OPTIONS_EVERY_S
    try:
        while not stop.is_set():
            if time.monotonic() - read_at >= OPTIONS_EVERY_S:
                read_at = time.monotonic()
                options = mart.options()
                bounds, wanted = bounds_of(options), _named(options)
                if keeper is not None and wanted != named and mart.look().is_watched:
                    # First the witness hears that nothing is promised any more; only then it is left.
                    bounds = Bounds(bounds.grace_s, observe_only=True)
                elif wanted != named:
                    if questions is not None:
                        questions.stop()
                    keeper, questions, named = None, None, wanted
                    timeout_s = min(LONGEST_QUESTION_S, max(1.0, bounds.grace_s / 12))
                    witness = witness_of(options, timeout_s=timeout_s)
                    if witness is not None:
                        keeper = Keeper(site, witness, Others(others, timeout_s=timeout_s), failover, bounds)
                        questions = _Questions(keeper, stop)
                if keeper is not None:
                    keeper.bounds = bounds
            if keeper is None or questions is None:
                stop.wait(LONGEST_PACE_S)
                continue
            own = mart.look()
            questions.ask(own, mart.told() if own.active_site == site and not own.is_replica else (None, None))
            keeper.tick(mart)
            stop.wait(min(LONGEST_PACE_S, keeper.bounds.grace_s / 20))
    finally:
        if questions is not None:
            questions.stop()


def _named(options: Options) -> tuple[object, ...]:
    return tuple(options.get("witness", name) for name in ("place", "user", "password-reference", "ca-file", "name"))


class _Questions:
    """Two threads that ask the witness and the other sites, one question of each at a time."""

    def __init__(self, keeper: Keeper, stop: Signal) -> None:
        self._keeper = keeper
        self._outside = stop
        self._end = Signal()
        self._now: tuple[Own, Told] | None = None
        self._news = {"witness": Signal(), "peer": Signal()}
        for who in self._news:
            Thread(target=self._run, args=(who,), name=f"ask {who}", daemon=True).start()

    def ask(self, own: Own, told: Told) -> None:
        """Ask anew, with what the own mart says now; whoever is asking still is left to it."""
        self._now = (own, told)
        for news in self._news.values():
            news.set()

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()
        for news in self._news.values():
            news.set()

    def _run(self, who: str) -> None:
        while not self._outside.is_set():
            self._news[who].wait()
            self._news[who].clear()
            if self._end.is_set() or self._now is None:
                return
            own, told = self._now
            if who == "witness":
                self._keeper.ask_witness(own)
            else:
                self._keeper.ask_peer(own, told)
