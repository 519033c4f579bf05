"""Which keys of user data are collected, and to which columns their values go: added and ended while calls go on.

A key is an object of the configuration, so the document and the history have it. Rows of user data that stand already
are not touched: what is computed from now on follows the mapping of now.
"""

from dataclasses import dataclass

from twinmart.config.attached import COLUMNS_IN_WORDS, KEY_IN_WORDS, Rule, is_column, is_key, is_secret
from twinmart.config.kinds import Object
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.errors import WrongSetting

KIND = "user_data_key"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A key that is collected, and one column to which its value goes, if any."""

    key: str
    source: str
    is_masked: bool
    is_link: bool
    is_active: bool
    table: str | None
    column: str | None
    rule: str | None
    default: str | None


def add_key(
    store: Store,
    key: str,
    *,
    source: str = "*",
    masked: bool = False,
    link: bool = False,
    to: str | None = None,
    rule: Rule = Rule.CALL,
    default: str | None = None,
) -> Object:
    """Collect a key of a source, or of all of them (``*``), from now on, and bring its value to one more column.

    ``to`` is written ``table.column``. The views of a table that is new are made with it.

    Raises:
        WrongSetting: it cannot be a key, looks like a secret and is not hidden, or there is no such source or column.
        ConfigurationGuard: another key goes to the column.
    """
    _refuse(store, key, source=source, masked=masked, link=link, to=to)
    name = key if source == "*" else f"{source}/{key}"
    before = store.find(KIND, name)
    # What a key that was ended once went to is over.
    columns = dict(before.properties.get("to", {})) if before is not None and before.enabled else {}
    if to is not None:
        columns[to.lower()] = {"rule": str(rule), "default": default or None}
    known = {"key": key, "source": None if source == "*" else source, "masked": masked, "link": link, "to": columns}
    return store.put(KIND, name, known, enabled=True)


def end_key(store: Store, key: str) -> int:
    """Collect a key no longer, and bring it to no column; return of how many sources, all of them counted as one."""
    found = [one for one in store.all(KIND) if one.properties["key"] == key and one.enabled]
    for one in found:
        store.disable(KIND, one.name)
    return len(found)


def make_views(connection: Connection) -> None:
    """Make the views of tables and dimensions that the mapping names and that are not there yet."""
    connection.execute("SELECT ctl.make_user_data_views()")


def mappings(connection: Connection) -> list[Mapped]:
    """Return all keys with the columns to which they go; a key that goes to none stands alone."""
    rows = connection.execute(
        "SELECT wanted.key_name, wanted.source_name, wanted.is_masked, wanted.is_link, wanted.is_active,"
        " mapping.ude_table_name, mapping.ude_column_name, mapping.propagation_rule, mapping.default_value"
        " FROM cfg.user_data_key AS wanted LEFT JOIN ctl.ud_to_ude_mapping AS mapping"
        " ON mapping.ud_key_name = wanted.key_name AND mapping.active_flag = 1"
        " ORDER BY wanted.key_name, wanted.source_name, mapping.ude_table_name, mapping.ude_column_name"
    )
    return [Mapped(*row) for row in rows]


def _refuse(store: Store, key: str, *, source: str, masked: bool, link: bool, to: str | None) -> None:
    if not is_key(key):
        raise WrongSetting(
            f'"{key}" cannot be a key of user data',
            detail=KEY_IN_WORDS,
            hint="Nothing was changed. Write it as the dialplan does, without leading underscores.",
        )
    if is_secret(key) and not masked:
        raise WrongSetting(
            f'"{key}" looks like a secret',
            detail="its values would stand in the interaction databases and the mart as they are",
            hint=f"Nothing was changed. Hide the values with: twinmart userdata add {key} --mask",
        )
    if masked and link:
        raise WrongSetting(
            f'"{key}" cannot be hidden and link calls',
            detail="what is hidden is the same for every call",
            hint="Nothing was changed. Give either --mask or --link.",
        )
    if source != "*" and store.find("source", source) is None:
        raise WrongSetting(
            f'there is no source "{source}"', hint="Nothing was changed. List them with: twinmart source list"
        )
    if to is not None and not is_column(to.lower()):
        raise WrongSetting(
            f'there is no column "{to}" for user data',
            detail=COLUMNS_IN_WORDS,
            hint="Nothing was changed. Name one of these with --to TABLE.COLUMN.",
        )
