"""Takes accepted records out of the spool and writes them to the interaction database, in a thread of its own.

The position of the spool is moved in the transaction of the records, so whatever is lost, the connection, the database
or this process, goes on at the first record that is not written. A database that is away is asked again and again.
"""

import threading
import time
from datetime import UTC, datetime
from uuid import UUID, uuid5

import psycopg
import structlog

from twinmart.collect.asterisk.userdata import Keys
from twinmart.collect.config import CollectorConfig
from twinmart.collect.idb import Idb, Move
from twinmart.collect.pauses import Pauses
from twinmart.collect.records import Record, Tag
from twinmart.collect.spool import Spool
from twinmart.collect.status import IdbStatus
from twinmart.db.connect import connect, mapped_errors, place
from twinmart.errors import MartError

BATCH_BYTES = 4 << 20

# How long a quiet spool is waited for before the writer looks whether it is to stop.
LOOK_S = 0.5

# How often the configuration is asked which keys of user data are collected.
KEYS_EVERY_S = 5.0

log = structlog.get_logger(__name__)


class Writer:
    """Writes what the spool holds until it is stopped and the spool is empty, or there is no more time."""

    def __init__(self, config: CollectorConfig, spool: Spool, status: IdbStatus, keys: Keys) -> None:
        self._config = config
        self._spool = spool
        self._status = status
        self._keys = keys
        self._stopping = threading.Event()
        self._giving_up = threading.Event()
        self._pauses = Pauses(config.patience.retry_first_s, config.patience.retry_longest_s)
        self._thread = threading.Thread(target=self._run, name=f"writer {config.name}", daemon=True)
        self._broken: BaseException | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the writer before its time: a mistake of ours, which must be seen."""
        if self._broken is not None:
            raise self._broken

    def stop(self, within_s: float) -> None:
        """Write what is left, for so many seconds at most; the rest stays in the spool."""
        self._stopping.set()
        self._thread.join(within_s)
        self._giving_up.set()
        self._thread.join(LOOK_S * 4)

    def _run(self) -> None:
        try:
            while not self._giving_up.is_set():
                try:
                    with mapped_errors(place(self._config.idb_dsn)):
                        self._write_until_done()
                    break
                except MartError as error:
                    self._wait_after(error)
            self._status.state = "stopped"
        except BaseException as error:  # noqa: BLE001  the collector ends with it: a mistake of ours
            self._broken = error

    def _wait_after(self, error: MartError) -> None:
        pause_s = self._pauses.next()
        self._status.state, self._status.error = "waiting", error.to_json()
        log.warning("idb.missed", again_in_s=round(pause_s, 1), **error.to_json())
        if self._stopping.is_set():
            # There is no time for patience: the rest is written when the collector is started again.
            self._giving_up.set()
        self._stopping.wait(pause_s)

    def _write_until_done(self) -> None:
        with connect(self._config.idb_dsn, application_name=f"twinmart collector {self._config.name}") as connection:
            idb = Idb.open(connection, self._config.idb_schema)
            position = self._first_position(idb)
            self._status.state, self._status.error = "writing", None
            self._pauses.reset()
            log.info("idb.reached", collector=self._config.name, waiting_bytes=self._spool.end - position)
            ask_at = 0.0
            while not self._is_done(position):
                if time.monotonic() >= ask_at:
                    if (wanted := idb.user_data_keys(self._config.source)) is not None:
                        self._keys.replace(wanted)
                    ask_at = time.monotonic() + KEYS_EVERY_S
                if self._spool.wait_beyond(position, LOOK_S):
                    position = self._write_next(idb, position)
                self._status.waiting_bytes = self._spool.end - position

    def _first_position(self, idb: Idb) -> int:
        position = idb.position(self._spool.spool_id, self._spool.oldest)
        if position > self._spool.end:
            log.error("spool.behind", position=position, end=self._spool.end)
            self._spool.go_to(position)
        self._spool.forget(position)
        return position

    def _write_next(self, idb: Idb, position: int) -> int:
        taken = self._spool.take(position, BATCH_BYTES)
        if taken.damage is not None:
            log.error("spool.damaged", **taken.damage.to_json())
        move = Move(self._spool.spool_id, position, taken.position)
        try:
            self._status.written_events += idb.write(taken.records, move)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            log.error("batch.refused", reason=str(error))
            self._status.written_events += sum(_write_piecewise(idb, record) for record in taken.records)
            idb.write([], move)
        self._status.written_at = datetime.now(UTC)
        self._spool.forget(taken.position)
        return taken.position

    def _is_done(self, position: int) -> bool:
        return self._giving_up.is_set() or (self._stopping.is_set() and position >= self._spool.end)


def _write_piecewise(idb: Idb, record: Record) -> int:
    """Write a record of a batch that the database refused; a line that is refused by itself is kept aside."""
    try:
        return idb.write([record])
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if record.tag is not Tag.EVENTS:
            log.error("record.refused", tag=record.tag.name, reason=str(error))
            return 0
        lines = record.payload.splitlines(keepends=True)
        if len(lines) > 1:
            return sum(_write_piecewise(idb, Record(Tag.EVENTS, line)) for line in lines)
        return idb.write([_aside(lines[0], error)])


def _aside(line: bytes, error: psycopg.Error) -> Record:
    *_, session_key, received_at = line.decode(errors="replace").rstrip("\n").split("\t")
    reason = f"refused: {error.sqlstate}"
    raw = line[: 1 << 16].hex()
    return Record.of(
        Tag.BAD_MESSAGE,
        id=uuid5(UUID(session_key), raw),
        session_key=session_key,
        received_at=received_at,
        reason=reason,
        raw=raw,
    )
