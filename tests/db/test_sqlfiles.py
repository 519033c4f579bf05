"""SQL files: each says what it is for and holds one statement."""

import re

import pytest

from twinmart.db.sqlfiles import REQUIRED_KEYS, sql_file, sql_names, sql_text


@pytest.mark.parametrize("name", sql_names())
def test_every_file_has_a_title_and_a_header(name: str) -> None:
    file = sql_file(name)
    assert file.title, "the first line says in a sentence what the file is for"
    missing = [key for key in REQUIRED_KEYS if not file.header.get(key)]
    assert not missing, f"the header lacks {', '.join(missing)}"


@pytest.mark.parametrize("name", sql_names())
def test_every_file_holds_one_statement(name: str) -> None:
    assert len(_statements(sql_text(name))) == 1


def test_migrations_are_not_among_the_named_files() -> None:
    assert sql_names()
    assert not [name for name in sql_names() if "migration" in name]


def test_a_folder_lists_its_own_files_only() -> None:
    names = sql_names("db")
    assert "db/lock_holder" in names
    assert all(name.startswith("db/") for name in names)


def test_the_header_is_read_key_by_key() -> None:
    file = sql_file("db/partitioned_tables")
    assert file.title.startswith("The partitioned tables of the mart")
    assert "ops.partition_rule" in file.names_read
    assert file.names_written == ()


def test_a_file_is_read_once() -> None:
    assert sql_file("db/lock_holder") is sql_file("db/lock_holder")


def test_a_name_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(FileNotFoundError):
        sql_text("transform/nothing")


def _statements(text: str) -> list[str]:
    """Split at semicolons outside quotes and comments; enough for our own files."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    bare = re.sub(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", "''", bare, flags=re.DOTALL)
    return [statement for statement in bare.split(";") if statement.strip()]
