"""Process settings: the only reader of the environment.

They say where things lie on this machine and nothing about how the mart works; that is configuration, lives in the
database and is the same at both sites. The command line reads the settings once and passes values down.
"""

import os
import re
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from twinmart.errors import WrongSetting

_SITE_DSN = re.compile(r"TWINMART_SITE_([1-9][0-9]?)_DSN")


def default_home() -> Path:
    """Return the folder for sites when none is named: the user's data folder, or ``/var/lib/twinmart`` for root.

    Root's own folder is closed to others on most systems, and PostgreSQL never runs as root, so it could not get there.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/twinmart")
    return platformdirs.user_data_path("twinmart", appauthor=False)


class Settings(BaseSettings):
    """What this process was told by its environment; read it with ``Settings.load()``."""

    model_config = SettingsConfigDict(env_prefix="TWINMART_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=default_home,
        description="folder of the sites; `--home` goes before it",
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="folder with PostgreSQL's server programs (`initdb`, `pg_ctl`, `postgres`), 16 or newer",
    )
    account: str | None = Field(
        default=None,
        description="account that runs PostgreSQL when Twinmart runs as root, since PostgreSQL refuses root; "
        "without it the first of `twinmart`, `postgres` and `nobody` that exists",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="least important log lines to write",
    )
    crash_at: int | None = Field(
        default=None,
        description="for tests of recovery: die, as if by SIGKILL, at the n-th place where that would leave something",
    )
    site_dsns: dict[int, SecretStr] = Field(
        default_factory=dict,
        description="connection string of a server of your own for site N, one variable a site; "
        "goes before `dsn` in the folder's `sites.toml`",
    )

    @classmethod
    def load(cls, *, home: Path | None = None) -> Self:
        """Read the environment; ``home`` is the one named on the command line and goes first.

        Raises:
            WrongSetting: a variable has a value that cannot be used.
        """
        dsns = {int(m[1]): value for name, value in os.environ.items() if (m := _SITE_DSN.fullmatch(name)) and value}
        named = {} if home is None else {"home": home}
        try:
            settings = cls(site_dsns=dsns, **named)  # type: ignore[arg-type]  # pydantic makes the SecretStr
        except ValidationError as error:
            raise _wrong_setting(error) from None
        return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def _wrong_setting(error: ValidationError) -> WrongSetting:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    variable = f"TWINMART_{name.upper()}"
    return WrongSetting(
        f'setting "{variable}" cannot be used',
        detail=first["msg"],
        hint="The settings are described in docs/reference/settings.md.",
    )


def without_sites() -> dict[str, str]:
    """Return the environment for a process that must know nothing of the user's own sites."""
    return {name: value for name, value in os.environ.items() if not _SITE_DSN.fullmatch(name)}


def notify_socket() -> str | None:
    """Return the address at which the system's service manager wants to hear that we are ready, if there is one."""
    return os.environ.get("NOTIFY_SOCKET")


def whole_environment() -> dict[str, str]:
    """Return the environment for a process of ours that serves the same sites."""
    return dict(os.environ)


def read_secret(reference: str | None) -> str:
    """Return the password that a reference names: ``env:NAME``, ``file:/path`` or ``keyring:SERVICE/NAME``.

    No reference is the empty password.

    Raises:
        WrongSetting: the variable is not set, the file cannot be read, or the keyring has no such entry.
    """
    if reference is None:
        return ""
    kind, _, name = reference.partition(":")
    if kind == "env" and (value := os.environ.get(name)) is not None:
        return value
    detail = f'no variable "{name}" is set'
    if kind == "file":
        try:
            return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            detail = str(error)
    if kind == "keyring":
        value, detail = _from_keyring(name)
        if value is not None:
            return value
    if kind not in ("env", "file", "keyring"):
        # Whoever wrote the password itself here shall not find it in a log.
        reference, detail = "(hidden)", "it is none of these"
    raise WrongSetting(
        f'password reference "{reference}" leads nowhere',
        detail=detail,
        hint="It is env:NAME, file:/path or keyring:SERVICE/NAME.",
    )


def _from_keyring(name: str) -> tuple[str | None, str]:
    """Return the password that the system's keyring has for a service and name, and else why there is none."""
    service, _, entry = name.partition("/")
    try:
        import keyring  # noqa: PLC0415  it is an extra, and slow to import
        import keyring.errors  # noqa: PLC0415
    except ModuleNotFoundError:
        return None, "the keyring library is not installed: pip install 'twinmart[keyring]'"
    try:
        return keyring.get_password(service, entry), f'the keyring has no "{entry}" of service "{service}"'
    except keyring.errors.KeyringError as error:
        return None, f"the keyring gave no answer: {error}"
