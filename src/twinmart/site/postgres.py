"""One embedded PostgreSQL: makes it, starts it, stops it, and starts it again after it was killed.

A server lives in a folder of its own::

    data/          the database cluster
    socket/        the Unix socket, open to the server's account alone, so no password is asked there
    passfile       passwords for 127.0.0.1, one line a role, in libpq's format
    postgres.log   what the server says
    local.conf     settings of yours, if you write one; read last
    held           locked by whoever starts the server or exchanges its cluster

Nothing else knows these names.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from psycopg import conninfo

from twinmart import errors
from twinmart.site.account import Account
from twinmart.site.programs import Programs

SUPERUSER = "postgres"

# sun_path holds 104 bytes on some systems and 108 on others, the closing zero included.
LONGEST_SOCKET_PATH = 103
LARGEST_LOG_BYTES = 10 * 1024 * 1024

# A server that was killed replays its log first, up to ``max_wal_size`` and more.
START_S = 300

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    # Replication to the other site, both ways round, with room for parallel apply and a first copy.
    "wal_level": "logical",
    "track_commit_timestamp": "on",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_worker_processes": "24",
    "max_logical_replication_workers": "12",
    "max_parallel_apply_workers_per_subscription": "4",
    # A standby that is away may not fill the active site's disk: beyond this its slot is lost and it is copied anew.
    "max_slot_wal_keep_size": "16GB",
    # A line that went dead without a word is noticed by both sides.
    "wal_sender_timeout": "20s",
    "wal_receiver_timeout": "20s",
    "wal_retrieve_retry_interval": "2s",
    # A machine that does other things too.
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    # A statement over all partitions of a few tables takes a lock on each.
    "max_locks_per_transaction": "512",
}

_ACCESS = """\
# Written by Twinmart at each start.
# The socket's folder is open to the server's own account alone, which owns the data files as well.
local  all          all                trust
host   all          all  127.0.0.1/32  scram-sha-256
# A copy of the whole cluster is not of any one database.
local  replication  all                trust
host   replication  all  127.0.0.1/32  scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Server:
    """An embedded PostgreSQL in a folder; several processes may hold one of these for the same server."""

    folder: Path
    port: int
    account: Account
    programs: Programs
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def passfile(self) -> Path:
        """The file with the passwords of the roles that may log in over 127.0.0.1, readable by the account alone."""
        return self.folder / "passfile"

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.folder / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket: the server's own, or one under ``/tmp`` where that path would be too long."""
        near = self.folder / "socket"
        if len(os.fsencode(near / f".s.PGSQL.{self.port}")) <= LONGEST_SOCKET_PATH:
            return near
        return Path("/tmp") / f"twinmart-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"  # noqa: S108

    def dsn(self, *, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return a connection string by way of the socket, for the server's account and root."""
        return conninfo.make_conninfo("", host=str(self.socket_folder), port=self.port, dbname=database, user=user)

    def tcp_dsn(self, *, database: str, user: str) -> str:
        """Return a connection string by way of 127.0.0.1, for whoever may read the file with the passwords."""
        return conninfo.make_conninfo(
            "", host="127.0.0.1", port=self.port, dbname=database, user=user, passfile=str(self.passfile)
        )

    @property
    def exists(self) -> bool:
        """Whether the database cluster was made."""
        return (self.data / "PG_VERSION").exists()

    def create(self) -> bool:
        """Make the database cluster if there is none, and say whether it was made now.

        Raises:
            ServerNotStarted: initdb stopped with an error; nothing is left of its work.
        """
        if self.folder.exists():
            with self.hold():
                self._finish_exchange()
        if self.exists:
            return False
        self.account.make_folder(self.folder)
        # Made beside its place and moved there when whole, so a kill at any moment leaves all or nothing. The name is
        # a new one each time, since an initdb whose parent was killed goes on where it was.
        for left_over in self.folder.glob("data.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        fresh = self.folder / f"data.new-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(24)
        password_file = self.folder / "password.new"
        self.account.write(password_file, password + "\n")
        try:
            done = self.account.run(self._initdb(fresh, password_file), cwd=self.folder)
        finally:
            password_file.unlink()
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise errors.ServerNotStarted(
                f'the database cluster in "{self.data}" could not be made', detail=(done.stderr or done.stdout).strip()
            )
        self.account.write(self.passfile, _passfile_line(SUPERUSER, password))
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\ninclude 'twinmart.conf'\ninclude_if_exists '../local.conf'\n")
        fresh.replace(self.data)
        return True

    def start(self, *, timeout_s: int = START_S) -> bool:
        """Start the server unless it runs, wait until it takes connections, and say whether it was started now.

        After a crash this is all that is needed: left-over processes of the dead server are ended, a stale lock file is
        taken away, and PostgreSQL recovers from its log. While somebody holds the server, that is waited for.

        Raises:
            ServerNotStarted: it did not come up within ``timeout_s``; the end of its log is in the detail.
            UnusableHome: the folder for the socket is not ours.
        """
        with self.hold():
            return self.start_held(timeout_s=timeout_s)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep everybody else from starting the server for a block; who is killed in it lets go."""
        with (self.folder / "held").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_held(self) -> bool:
        """Whether somebody else keeps the server from being started at this moment."""
        if not self.folder.exists():
            return False
        with (self.folder / "held").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def start_held(self, *, timeout_s: int = START_S) -> bool:
        """Start as ``start`` does, for one who holds the server."""
        if self.is_running() and self._port_in_use() not in (None, self.port):
            # Whoever had it elsewhere held it meanwhile, and was killed.
            self.stop()
        if self.is_running() and self._becomes_ready(timeout_s):
            return False
        self._finish_exchange()
        self._end_leftovers()
        self._remove_stale_locks()
        self._make_socket_folder()
        self.account.write(self.data / "twinmart.conf", self._configuration())
        self.account.write(self.data / "pg_hba.conf", _ACCESS)
        log_end = self._rotate_log()
        done = self._pg_ctl("start", f"--log={self.log}", timeout_s=timeout_s)
        if done.returncode != 0:
            raise errors.ServerNotStarted(
                f'PostgreSQL in "{self.folder}" did not start',
                detail=self._log_since(log_end) or (done.stderr or done.stdout).strip(),
                hint=f"Its log is {self.log}. If its port is taken, write another one into sites.toml.",
            )
        return True

    def stop(self, mode: Literal["fast", "immediate"] = "fast", *, timeout_s: int = 60) -> bool:
        """Stop the server if it runs, and say whether it was stopped now; "immediate" is a crash on purpose.

        Raises:
            StopNotConfirmed: it still runs after ``timeout_s``.
        """
        if not self.is_running():
            return False
        done = self._pg_ctl("stop", f"--mode={mode}", timeout_s=timeout_s)
        if done.returncode != 0 and self.is_running():
            raise errors.StopNotConfirmed(
                f'PostgreSQL in "{self.folder}" has not stopped within {timeout_s} s; it may still do so',
                detail=(done.stderr or done.stdout).strip(),
                hint="Look with: twinmart status. Then run the same command again.",
            )
        return True

    def exchange(self, fresh: Path) -> None:
        """Put another cluster, which is on disk, in the place of this one; neither runs, and the server is held.

        Killed at any moment, one of the two stands there whole when it is started the next time, which removes the old
        one if it is the new one's turn.
        """
        aside = self.folder / f"data.old-{secrets.token_hex(4)}"
        self.data.replace(aside)
        _to_disk(self.folder)
        fresh.replace(self.data)
        _to_disk(self.folder)

    def _finish_exchange(self) -> None:
        """Put the old cluster back if the new one never came to its place, and remove it if it did."""
        for aside in self.folder.glob("data.old-*"):
            if self.data.exists():
                # A large one takes seconds, which nobody need wait for.
                threading.Thread(target=shutil.rmtree, args=(aside, True)).start()
            else:
                aside.replace(self.data)

    def is_running(self) -> bool:
        """Whether the server's main process lives; it may still be starting or recovering."""
        pid = self.pid()
        return pid is not None and _runs_in(pid, self.data)

    def pid(self) -> int | None:
        """Return the process id that the lock file names, alive or not, or None."""
        lines = self._lock_file()
        return int(lines[0]) if lines and lines[0].isdigit() else None

    def password(self, role: str) -> str:
        """Return the role's password for 127.0.0.1; one that has none yet gets a random one, kept in the passfile."""
        lines = self.passfile.read_text(encoding="utf-8").splitlines()
        for line in lines:
            *_, name, password = line.split(":")
            if name == role:
                return password
        password = secrets.token_urlsafe(24)
        self.account.write(self.passfile, "\n".join([*lines, _passfile_line(role, password)]))
        return password

    def forget_password(self, role: str) -> None:
        """Take the role's password out of the passfile."""
        lines = self.passfile.read_text(encoding="utf-8").splitlines()
        self.account.write(self.passfile, "".join(f"{line}\n" for line in lines if line.split(":")[-2:-1] != [role]))

    def _initdb(self, data: Path, password_file: Path) -> list[str | Path]:
        command: list[str | Path] = [self.programs / "initdb", f"--pgdata={data}", f"--username={SUPERUSER}"]
        command += [f"--pwfile={password_file}", "--auth-local=trust", "--auth-host=scram-sha-256"]
        command += ["--data-checksums", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        if self.programs.major >= 17:
            # The same order and the same capitals on every machine, whatever its C library thinks of them.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        return command

    def _pg_ctl(self, act: str, option: str, *, timeout_s: int) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [self.programs / "pg_ctl", act, f"--pgdata={self.data}", option]
        return self.account.run(
            [*command, "--silent", "--wait", f"--timeout={timeout_s}"], cwd=self.data, timeout_s=timeout_s + 30
        )

    def _configuration(self) -> str:
        values = {
            **_SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_folder),
            **({"max_active_replication_origins": "20"} if self.programs.major >= 18 else {}),
            # After a crash every file is synchronised: one by one, the 30,000 of a mart of years took over a minute.
            **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
            **self.settings,
        }
        lines = ["# Written by Twinmart at each start; settings of yours go into ../local.conf."]
        for name, value in values.items():
            escaped = value.replace("'", "''")
            lines.append(f"{name} = '{escaped}'")
        return "\n".join(lines) + "\n"

    def _make_socket_folder(self) -> None:
        folder = self.socket_folder
        if folder.parent == self.folder:
            self.account.make_folder(folder)
            return
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.account.uid, self.account.gid)
        # Under /tmp anybody may have been here first.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.account.uid or found.st_mode & 0o077:
            raise errors.UnusableHome(
                f'"{folder}" is there already and not ours alone',
                detail=f'the socket path in "{self.folder}" would have more than {LONGEST_SOCKET_PATH} bytes',
                hint="Choose a folder with a shorter path, or remove that one.",
            )

    def _lock_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _port_in_use(self) -> int | None:
        """Return the port that the lock file names, which a server that starts this moment may not have written yet."""
        lines = self._lock_file()
        return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None

    def _becomes_ready(self, timeout_s: float) -> bool:
        """Wait for a server that somebody else has started to take connections; return False if it ends instead."""
        deadline = time.monotonic() + timeout_s
        # PostgreSQL keeps its state in the eighth line of the file.
        while [line.strip() for line in self._lock_file()[7:8]] != ["ready"]:
            if not self.is_running():
                return False
            if time.monotonic() > deadline:
                raise errors.ServerNotStarted(
                    f'PostgreSQL in "{self.folder}" was started and takes no connections after {timeout_s:.0f} s',
                    detail=self._log_since(0),
                    hint=f"It may still be recovering; its log is {self.log}. Look with: twinmart status.",
                )
            time.sleep(0.02)
        return True

    def _end_leftovers(self) -> None:
        """End what a killed server left running; its main process is known to be gone."""
        for number, patience_s in ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + patience_s
            for pid in _processes_in(self.data):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            while _processes_in(self.data):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            else:
                return

    def _remove_stale_locks(self) -> None:
        """Take away lock files whose process id now belongs to somebody else, which PostgreSQL would take for a server.

        That happens after a restart of the machine or its container, where the same small numbers come again.
        """
        pid = self.pid()
        if pid is None or not _exists(pid):
            return
        for path in (self.data / "postmaster.pid", self.socket_folder / f".s.PGSQL.{self.port}.lock"):
            path.unlink(missing_ok=True)

    def _rotate_log(self) -> int:
        """Put a long log aside, keeping one, and return where the new part will begin."""
        with suppress(FileNotFoundError):
            size = self.log.stat().st_size
            if size < LARGEST_LOG_BYTES:
                return size
            self.log.replace(self.log.with_suffix(".log.1"))
        return 0

    def _log_since(self, offset: int) -> str:
        with suppress(FileNotFoundError), self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(offset)
            return "\n".join(file.read().splitlines()[-12:])
        return ""


def _passfile_line(role: str, password: str) -> str:
    # Any port: it may be changed in sites.toml, and the file is named in connection strings to this server only.
    return f"127.0.0.1:*:*:{role}:{password}\n"


def _to_disk(folder: Path) -> None:
    """See that what was renamed in a folder stays so when the machine stops."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _runs_in(pid: int, data: Path) -> bool:
    """Whether a process is a PostgreSQL at work in this data directory; without a /proc, whether it lives."""
    process = Path("/proc") / str(pid)
    if not Path("/proc/self").exists():
        return _exists(pid)
    try:
        program, place = (process / "exe").readlink(), (process / "cwd").readlink()
    except OSError:
        return False
    return re.fullmatch(r"postgres( \(deleted\))?", program.name) is not None and place == data.resolve()


def _processes_in(data: Path) -> list[int]:
    if not Path("/proc/self").exists():
        return []
    running = (int(item.name) for item in Path("/proc").iterdir() if item.name.isdigit())
    return [pid for pid in running if _runs_in(pid, data)]
