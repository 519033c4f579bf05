"""Secrets in a keyring: a reference leads there, and what is missing there is told without a secret."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.config.conftest import Run, run
from twinmart.errors import WrongSetting
from twinmart.settings import read_secret

keyring: Any = pytest.importorskip("keyring", reason="the extra twinmart[keyring] is not installed")

__all__ = ["run"]


@pytest.fixture
def kept() -> Iterator[dict[tuple[str, str], str]]:
    """What the keyring holds: a backend of the library's own kind, that keeps it for as long as the test lasts."""
    held: dict[tuple[str, str], str] = {}

    class Memory(keyring.backend.KeyringBackend):  # type: ignore[misc]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    yield held
    keyring.set_keyring(before)


def test_a_reference_leads_into_the_keyring(kept: dict[tuple[str, str], str]) -> None:
    with pytest.raises(WrongSetting, match="leads nowhere") as missing:
        read_secret("keyring:twinmart/pbx")
    assert missing.value.detail == 'the keyring has no "pbx" of service "twinmart"'
    keyring.set_password("twinmart", "pbx", "open sesame")
    assert read_secret("keyring:twinmart/pbx") == "open sesame"


def test_a_keyring_without_a_backend_says_so() -> None:
    none: Any = import_module("keyring.backends.fail")
    before = keyring.get_keyring()
    keyring.set_keyring(none.Keyring())
    try:
        with pytest.raises(WrongSetting) as refused:
            read_secret("keyring:twinmart/pbx")
    finally:
        keyring.set_keyring(before)
    assert "the keyring gave no answer" in str(refused.value.detail)


def test_doctor_finds_whether_the_secret_of_a_source_is_there(run: Run, kept: dict[tuple[str, str], str]) -> None:
    reach = ("--host", "192.0.2.1", "--username", "collector", "--secret", "keyring:twinmart/pbx")
    assert run("source", "add", "pbx", *reach).code == 0
    assert 'the keyring has no "pbx" of service "twinmart"' in run("doctor").out
    keyring.set_password("twinmart", "pbx", "open sesame")
    told = run("doctor", "--all").out
    assert "the keyring has no" not in told
    assert "open sesame" not in told + run("config", "show", "source", "pbx", "--json").out
