"""Whose rights PostgreSQL runs with: ours, or those of an account without privileges when we are root.

PostgreSQL refuses to run as root. So when Twinmart does, its server programs run as another account, which must be able
to reach the data directory and the programs themselves. Nothing is opened up for it behind anybody's back.
"""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from twinmart import errors

# In this order; the last is on nearly every system, and shared with others there.
PREFERRED = ("twinmart", "postgres", "nobody")

# The programs get this environment and no other: nothing like PGPORT or LC_ALL may change what they do.
_ENVIRONMENT: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Account:
    """The account that owns a site's files and runs its PostgreSQL."""

    name: str
    uid: int
    gid: int

    @classmethod
    def choose(cls, name: str | None = None) -> Self:
        """Return our own account, or as root the named one, or as root without a name the first that exists.

        Raises:
            WrongSetting: there is no such account, or it is root.
        """
        if os.geteuid() != 0:
            return cls._of(pwd.getpwuid(os.geteuid()))
        for candidate in (name,) if name else PREFERRED:
            try:
                entry = pwd.getpwnam(candidate)
            except KeyError:
                continue
            if entry.pw_uid == 0:
                raise errors.WrongSetting(f'account "{candidate}" is root, and PostgreSQL refuses to run as root')
            return cls._of(entry)
        raise errors.WrongSetting(
            f'account "{name}" does not exist' if name else "there is no account to run PostgreSQL with",
            hint='Make one with: useradd --system twinmart. Or name another in "TWINMART_ACCOUNT".',
        )

    @classmethod
    def _of(cls, entry: pwd.struct_passwd) -> Self:
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @property
    def is_other(self) -> bool:
        """Whether it is not the account that we ourselves run as."""
        return self.uid != os.geteuid()

    def run(
        self, command: Sequence[str | Path], *, cwd: Path | str = "/", timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account, with a bare environment, and return its output and exit code.

        Raises:
            PermissionError: the account cannot reach the program.
            subprocess.TimeoutExpired: it took longer than ``timeout_s``.
        """
        return subprocess.run(
            command,
            cwd=cwd,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def make_folder(self, path: Path) -> None:
        """Make a folder that only this account can open, parents included; one that is there becomes so."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        self._own(path)

    def write(self, path: Path, text: str) -> None:
        """Write a file that only this account can read, whole or not at all."""
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600, exist_ok=False)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._own(fresh)
        fresh.replace(path)

    def unreachable(self, folder: Path) -> Path | None:
        """Return the outermost folder on the way to this one that the account cannot enter, or None."""
        return next((step for step in (*reversed(folder.parents), folder) if not self._can_enter(step)), None)

    def _can_enter(self, folder: Path) -> bool:
        # Asked of a process of that account: no reading of modes is as right as the system's own answer.
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]).returncode == 0

    def _own(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid)
