"""The folder of a machine's sites: what lies where, which sites there are, and how to make, start, stop and see them.

::

    sites.toml     which sites, their ports, or connection strings of servers of your own
    site1/         the PostgreSQL of site 1 (see ``postgres.py``), and beside it
    site1/spool/   what collectors took from their sources and have not yet handed on

A site on a server of the user's own has no PostgreSQL in the folder: it is prepared and looked at, never started or
stopped.
"""

import fcntl
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from twinmart import errors
from twinmart.settings import Settings, default_home
from twinmart.site.account import Account
from twinmart.site.mart import DATABASE, OWNER, READER, create_database, prepare_mart, refresh_mart
from twinmart.site.ports import free_port
from twinmart.site.postgres import Server
from twinmart.site.programs import Programs, find_programs, reachable

# Told what was done for the site of a number, as it is done.
Tell = Callable[[int, str], None]

_PREAMBLE = """\
# The sites in this folder. "port" is that of the embedded PostgreSQL, chosen once.
# For a server of your own write "dsn" instead, or set TWINMART_SITE_<N>_DSN.
"""


def _say_nothing(number: int, message: str) -> None:
    """Take what is told of a site's progress, and keep it."""


@dataclass(frozen=True, slots=True)
class Site:
    """One site: its number, and either a server in this folder or the connection string of one of the user's own."""

    number: int
    server: Server | None = None
    own_dsn: str | None = None
    own_replication_dsn: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether the site lives on a server of the user's own."""
        return self.own_dsn is not None

    def dsn(self, *, user: str = OWNER, database: str = DATABASE) -> str:
        """Return a connection string for the site's mart; that of a server of the user's own is as it was given."""
        if self.server is None:
            return self.own_dsn or ""
        return self.server.dsn(database=database, user=user)


class Home:
    """A folder with sites, and the acts on all of them. Nothing is read or made before it is needed."""

    def __init__(self, settings: Settings, *, server_settings: Mapping[str, str] | None = None) -> None:
        self.path = settings.home
        self._settings = settings
        self._server_settings = server_settings or {}

    @property
    def sites(self) -> list[Site]:
        """The sites in order of their numbers; none before ``init``.

        Raises:
            WrongSetting: ``sites.toml`` cannot be read.
        """
        entries = self._entries()
        return [self._site(number, entries[number]) for number in sorted(entries)]

    def site(self, number: int) -> Site:
        """Return the site of a number.

        Raises:
            NotInitialised: there are no sites yet.
            UnknownSite: there are sites, and none has this number.
        """
        sites = self.require_sites()
        for site in sites:
            if site.number == number:
                return site
        known = ", ".join(str(site.number) for site in sites)
        raise errors.UnknownSite(f"there is no site {number}", detail=f'"{self.path}" has: {known}')

    def require_sites(self) -> list[Site]:
        """Return the sites, of which there is at least one.

        Raises:
            NotInitialised: there are no sites yet.
        """
        sites = self.sites
        if not sites:
            raise errors.NotInitialised(
                f'there are no sites in "{self.path}" yet', hint="Make them with: twinmart init."
            )
        return sites

    def init(self, count: int | None = None, *, tell: Tell = _say_nothing) -> list[Site]:
        """Make sites until there are ``count``, start them, and bring each mart to this program's version.

        All of it may run again at any time and changes nothing that is already so. Without a count the sites stay as
        they are; where there are none, two are made.

        Raises:
            UsageError: there are more sites than ``count``, or the folder or a setting cannot be used.
            LockHeld: another process is at it.
            StepFailed: a server or a mart could not be made; running it again goes on.
        """
        self._make_folder()
        with self._locked():
            self._add_sites(count)
            for site in self.sites:
                if site.server is not None:
                    tell(site.number, _made_and_started(site.server))
                applied, made = prepare_mart(site.dsn())
                tell(site.number, f"{len(applied)} migrations applied, {len(made)} partitions made")
            return self.sites

    def up(self, *, tell: Tell = _say_nothing) -> None:
        """Start each site's PostgreSQL unless it runs, and make partitions ahead where the mart is up to date.

        Raises:
            NotInitialised: there are no sites yet.
            LockHeld: another process is at it.
            ServerNotStarted: one did not come up; those before it run.
        """
        sites = self.require_sites()
        with self._locked():
            for site in sites:
                if site.server is None:
                    tell(site.number, "on a server of your own, not ours to start")
                else:
                    if site.server.is_held():
                        tell(site.number, "waits: another process starts it, or puts a copy of files in its place")
                    tell(site.number, "started" if site.server.start() else "runs already")
                obstacle = refresh_mart(site.dsn())
                if obstacle is not None:
                    tell(site.number, obstacle.message)

    def down(self, *, tell: Tell = _say_nothing) -> None:
        """Stop each site's PostgreSQL if it runs; sessions are ended, what they committed stays.

        Raises:
            NotInitialised: there are no sites yet.
            LockHeld: another process is at it.
            StopNotConfirmed: one still runs after a minute.
        """
        sites = self.require_sites()
        with self._locked():
            for site in sites:
                if site.server is None:
                    tell(site.number, "on a server of your own, not ours to stop")
                else:
                    tell(site.number, "stopped" if site.server.stop() else "was not running")

    def folder(self, number: int) -> Path:
        """Return the folder of a site."""
        return self.path / f"site{number}"

    @property
    def exports(self) -> Path:
        """Folder of exports unless an option names another; one for all sites, which have the same loads."""
        return self.path / "exports"

    def spool(self, number: int) -> Path:
        """Return the folder in which a site's collectors keep what they have not handed on."""
        return self.folder(number) / "spool"

    @cached_property
    def _account(self) -> Account:
        return Account.choose(self._settings.account)

    @cached_property
    def _programs(self) -> Programs:
        return reachable(find_programs(self._settings.postgres_bin), self._account, self.path)

    @property
    def _list(self) -> Path:
        return self.path / "sites.toml"

    def _site(self, number: int, entry: Mapping[str, object]) -> Site:
        match entry:
            case {"dsn": str(dsn)}:
                line = entry.get("replication_dsn")
                return Site(number, own_dsn=dsn, own_replication_dsn=line if isinstance(line, str) else None)
            case {"port": int(port)} if 0 < port < 65536:
                server = Server(self.folder(number), port, self._account, self._programs, self._server_settings)
                return Site(number, server)
        raise errors.WrongSetting(
            f'site {number} in "{self._list}" has neither a "port" nor a "dsn" that can be used',
            detail=f"it has: {', '.join(entry) or 'nothing'}",
        )

    def _entries(self) -> dict[int, Mapping[str, object]]:
        """Read what ``sites.toml`` says of each site, with what the environment puts over it."""
        entries: dict[int, Mapping[str, object]] = {}
        try:
            for number, entry in tomllib.loads(self._list.read_text(encoding="utf-8")).get("sites", {}).items():
                entries[int(number)] = dict(entry)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, tomllib.TOMLDecodeError, ValueError, TypeError, AttributeError) as error:
            raise errors.WrongSetting(f'"{self._list}" cannot be read', detail=str(error)) from None
        for number, dsn in self._settings.site_dsns.items():
            entries[number] = {**entries.get(number, {}), "dsn": dsn.get_secret_value()}
        return entries

    def _add_sites(self, count: int | None) -> None:
        """Write down the ports of new sites at the end of the list; what the user wrote there stays as it is."""
        entries = self._entries()
        if count is not None and len(entries) > count:
            raise errors.UsageError(
                f'"{self.path}" has {len(entries)} sites, more than the {count} asked for',
                hint="Nothing was changed; init removes no site.",
            )
        taken = [port for entry in entries.values() if isinstance(port := entry.get("port"), int)]
        for number in range(1, (count or len(entries) or 2) + 1):
            if number not in entries:
                taken.append(free_port(taken))
                self._append_to_list(f"\n[sites.{number}]\nport = {taken[-1]}\n")

    def _append_to_list(self, text: str) -> None:
        # Connection strings with passwords may be written here.
        self._list.touch(mode=0o600)
        with self._list.open("a", encoding="utf-8") as file:
            file.write(text if file.tell() else _PREAMBLE + text)

    def _make_folder(self) -> None:
        """Make the folder, and see that PostgreSQL's account can get there.

        Raises:
            UnusableHome: it cannot, or the folder cannot be made.
        """
        try:
            missing = [step for step in (self.path, *self.path.parents) if not step.exists()]
            for step in reversed(missing):
                step.mkdir()
                step.chmod(0o755)
        except OSError as error:
            raise errors.UnusableHome(
                f'folder "{self.path}" cannot be made',
                detail=str(error),
                hint="Name another with --home, or in TWINMART_HOME.",
            ) from None
        blocked = self._account.unreachable(self.path)
        if blocked is not None:
            raise errors.UnusableHome(
                f'account "{self._account.name}" cannot reach "{self.path}"',
                detail=f'it cannot enter "{blocked}"; PostgreSQL refuses to run as root, so it runs as that account',
                hint=f"Name another folder with --home, such as {default_home()}, or let it in: chmod o+x {blocked}",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time make, start or stop sites of this folder; the lock dies with the process."""
        with (self.path / ".lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise errors.LockHeld(
                    f'another process is making, starting or stopping the sites in "{self.path}"',
                    hint="Nothing was changed. Run the same command again when it is done.",
                ) from None
            yield


def _made_and_started(server: Server) -> str:
    """Make the server, its roles and its database as far as they are missing, and say in words what was so."""
    made = server.create()
    started = server.start()
    create_database(server.dsn(), {role: server.password(role) for role in (OWNER, READER)})
    if made:
        return f"PostgreSQL {server.programs.version} made and started, port {server.port}"
    return "PostgreSQL started" if started else "PostgreSQL runs already"
