"""The collector process: one thread reads a source and accepts into the spool, another writes on to the database.

Reading never waits for the database. It waits for the disk alone: as long as the spool has no room the socket is not
read, so that the source keeps what it wants to say, or notices.
"""

import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from twinmart.collect.asterisk.link import Link
from twinmart.collect.asterisk.session import Session
from twinmart.collect.asterisk.userdata import Keys
from twinmart.collect.config import CollectorConfig
from twinmart.collect.pauses import Pauses, spread
from twinmart.collect.records import Record, Tag
from twinmart.collect.spool import Spool
from twinmart.collect.status import CollectorStatus, State
from twinmart.collect.writer import Writer
from twinmart.errors import (
    MartError,
    SourceLoginRefused,
    SourceMisconfigured,
    SourceSilent,
    SourceUnreachable,
    SpoolFull,
)

log = structlog.get_logger(__name__)

# How often a spool without room is tried, and how long afterwards a lost connection is put down to that.
ROOM_EVERY_S = 1.0
FULL_IS_TO_BLAME_S = 60.0

# A difference between the switch's clock and ours that is worth a warning: gaps are told by the switch's.
CLOCKS_DIFFER_MS = 5_000

STATUS_EVERY_S = 2.0


class Stopped(Exception):
    """The collector was told to stop while it waited."""


class Collector:
    """Runs one collector until it is stopped; ``stop`` may be called from a signal handler or another thread."""

    def __init__(self, config: CollectorConfig) -> None:
        self.config = config
        self.status = CollectorStatus(config.name, os.getpid(), datetime.now(UTC))
        # The writer brings changes from the configuration while the sessions use them.
        self._keys = Keys(config.user_data)
        self._stopping = threading.Event()
        self._pauses = Pauses(config.patience.retry_first_s, config.patience.retry_longest_s)
        self._boot_at: datetime | None = None
        self._sessions = 0
        self._full_at: float | None = None
        self._log = log.bind(collector=config.name, source=config.source)

    def stop(self) -> None:
        """Ask the collector to stop: its session ends, and what it has accepted is written if that can be done soon."""
        self._stopping.set()

    def run(self) -> None:
        """Collect until told to stop.

        Raises:
            SpoolTakenTwice: another process does this already.
            SpoolFull: there is no room even to begin.
        """
        spool = Spool.open(self.config.spool_folder, limit_bytes=self.config.spool_limit_bytes)
        writer = Writer(self.config, spool, self.status.idb, self._keys)
        writer.start()
        reporter = threading.Thread(target=self._report, daemon=True)
        reporter.start()
        try:
            self._end_session(spool, "lost", "not-connected")
            while not self._stopping.is_set():
                writer.check()
                self._collect_once(spool, writer)
        except Stopped:
            pass
        finally:
            self._stopping.set()
            writer.stop(self.config.patience.flush_s)
            spool.close()
            self.status.source.state = "stopped"
            reporter.join()
            self.status.write(self.config.status_file)
            self._log.info("collector.stopped", waiting_bytes=self.status.idb.waiting_bytes)

    def _collect_once(self, spool: Spool, writer: Writer) -> None:
        """Hold one session, from connecting to its end, and wait for the next."""
        self._is("connecting")
        pause_s = 0.0
        try:
            link = Link.connect(self.config)
        except MartError as error:
            pause_s = self._missed(error)
        else:
            try:
                pause_s = self._listen(link, spool, writer)
            finally:
                link.close()
        self._stopping.wait(pause_s)

    def _listen(self, link: Link, spool: Spool, writer: Writer) -> float:
        """Listen until the session ends, and return how long to wait before the next."""
        session = Session(self.config, link, earlier_boot=self._boot_at, is_first=self._sessions == 0, keys=self._keys)
        began, reason, cause = time.monotonic(), "stopped", "stopped"
        failure: MartError | None = None
        try:
            session.begin()
            while not self._stopping.is_set():
                self._accept(spool, session.advance())
                self._note(session)
                writer.check()
        except (SourceUnreachable, SourceMisconfigured) as error:
            failure, reason, cause = error, error.detail or error.message, self._cause(error)
        self._accept(spool, session.end())
        self._note(session)
        self._end_session(spool, reason, cause)
        self._log.info("session.ended", session=session.key, reason=reason, events=session.events)
        if time.monotonic() - began > self.config.patience.retry_longest_s:
            self._pauses.reset()
        return 0.0 if failure is None else self._missed(failure)

    def _note(self, session: Session) -> None:
        """Take over what the session has learnt."""
        status = self.status.source
        if status.session != session.key and session.clock_at is not None:
            self._sessions += 1
            status.session, status.error = session.key, None
            self._is("connected")
            self._log.info("session.started", session=session.key)
        for name in session.checks.warnings.keys() - status.warnings.keys():
            self._log.warning("source.lacks", what=name, text=session.checks.warnings[name])
        if session.clock_at is not None and session.clock_at != status.clock_at:
            status.clock_at = session.clock_at
            status.ahead_ms = round((session.clock_at - datetime.now(UTC)).total_seconds() * 1000)
        self._boot_at = session.boot_at or self._boot_at
        status.boot_at = self._boot_at
        status.version, status.system_name = session.checks.version, session.checks.system_name
        status.events, status.kept_aside = session.events, session.kept_aside
        status.dropped = dict(session.translator.dropped)
        status.warnings = dict(session.checks.warnings)
        if status.ahead_ms is not None and abs(status.ahead_ms) > CLOCKS_DIFFER_MS:
            status.warnings["clock"] = (
                f"the switch's clock is {status.ahead_ms / 1000:+.1f} s off ours; set both by NTP"
            )

    def _accept(self, spool: Spool, records: Sequence[Record]) -> None:
        """Bring records into the spool, and wait as long as it has no room for them; nothing is read meanwhile.

        Raises:
            Stopped: told to stop while waiting; the records were not accepted.
        """
        if not records:
            return
        while True:
            try:
                spool.append(records)
            except SpoolFull as error:
                if self.status.source.state != "spool-full":
                    self._log.error("spool.full", **error.to_json())
                self._is("spool-full")
                self._full_at = time.monotonic()
                self.status.source.error = error.to_json()
                if self._stopping.wait(ROOM_EVERY_S):
                    raise Stopped from error
            else:
                break
        if self.status.source.state == "spool-full":
            self._log.info("spool.has-room")
            self.status.source.error = None
            self._is("connected")

    def _end_session(self, spool: Spool, reason: str, cause: str) -> None:
        end = Record.of(Tag.SESSION_END, reason=reason, cause=cause, at=datetime.now(UTC))
        self._accept(spool, [end])

    def _cause(self, error: MartError) -> str:
        if self._full_at is not None and time.monotonic() - self._full_at < FULL_IS_TO_BLAME_S:
            return "spool-full"
        return "silent" if isinstance(error, SourceSilent) else "not-connected"

    def _missed(self, error: MartError) -> float:
        """Note why there is no session, and return how long to wait before the next try."""
        pause_s = self._pauses.next()
        if isinstance(error, SourceLoginRefused | SourceMisconfigured):
            pause_s = max(pause_s, spread(self.config.patience.refused_retry_s))
        self.status.source.error = error.to_json()
        self._is("waiting")
        self._log.warning("source.missed", again_in_s=round(pause_s, 1), **error.to_json())
        return pause_s

    def _is(self, state: State) -> None:
        if self.status.source.state != state:
            self.status.source.state, self.status.source.since = state, datetime.now(UTC)

    def _report(self) -> None:
        """Write the status now and then, whatever the other threads wait for."""
        while True:
            self.status.write(self.config.status_file)
            if self._stopping.wait(STATUS_EVERY_S):
                return
