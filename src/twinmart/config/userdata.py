"""Which keys of user data are collected, and to which columns their values go: added and ended while calls go on.

Rows of ``cfg.user_data_key`` and ``ctl.ud_to_ude_mapping``. Rows of user data that stand already are not touched: what
is computed from now on follows the mapping of now.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from twinmart.db.connect import Connection
from twinmart.errors import WrongSetting

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Names under which people keep what nobody should read in a report.
_SECRET = re.compile(r"pass(word|wd)?$|pin$|cvv|cvc|card|iban|secret|token|ssn", re.IGNORECASE)

_COLUMNS = {
    "irf_user_data_gen_1": ["customer_id", "revenue", "satisfaction", "gsw_call_attempt_guid"],
    "interaction_descriptor": ["customer_segment", "service_type", "service_subtype", "business_result"],
    "irf_user_data_cust": [f"custom_data_{number}" for number in range(1, 17)],
    "user_data_cust_dim": [f"dim_attribute_{number}" for number in range(1, 6)],
}
MOST_TABLES = 800


class Rule(StrEnum):
    """Which of several values counts for a part of an interaction; the original's names."""

    CALL = "CALL"
    PARTY = "PARTY"
    IRF = "IRF"
    IRF_FIRST_UPDATE = "IRF_FIRST_UPDATE"
    IRF_INITIAL = "IRF_INITIAL"
    IRF_ROUTE = "IRF_ROUTE"


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


def collect_key(connection: Connection, key: str, *, source: str, masked: bool, link: bool) -> None:
    """Collect a key of a source, or of all of them (``*``), from now on.

    Raises:
        WrongSetting: it cannot be a key, looks like a secret and is not hidden, or there is no such source.
    """
    if not _KEY.fullmatch(key):
        raise WrongSetting(
            f'"{key}" cannot be a key of user data',
            detail="a key is up to 64 letters, digits, dots, dashes and underscores; the first is a letter or digit",
            hint="Nothing was changed. Write it as the dialplan does, without leading underscores.",
        )
    if _SECRET.search(key) and not masked:
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
    if source != "*" and connection.execute("SELECT FROM cfg.source WHERE name = %s", (source,)).fetchone() is None:
        raise WrongSetting(
            f'there is no source "{source}"', hint="Nothing was changed. List them with: twinmart source list"
        )
    connection.execute(
        "INSERT INTO cfg.user_data_key (source_name, key_name, is_masked, is_link) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (source_name, key_name) DO UPDATE"
        " SET is_masked = excluded.is_masked, is_link = excluded.is_link, is_active = true",
        (source, key, masked, link),
    )


def map_key(connection: Connection, key: str, target: str, *, rule: Rule, default: str | None) -> None:
    """Bring the value of a key to a column, written ``table.column``, and make the view of a table that is new.

    Raises:
        WrongSetting: there is no such column, or another key goes there.
    """
    table, _, column = target.lower().partition(".")
    numbered = re.fullmatch(r"(irf_user_data_cust|user_data_cust_dim)_([1-9][0-9]{0,2})", table)
    family, number = (numbered[1], int(numbered[2])) if numbered else (table, 1)
    if column not in _COLUMNS.get(family, ()) or number > MOST_TABLES:
        raise WrongSetting(
            f'there is no column "{target}" for user data',
            detail="there are irf_user_data_gen_1 (customer_id, revenue, satisfaction, gsw_call_attempt_guid),"
            " irf_user_data_cust_N (custom_data_1 to 16), user_data_cust_dim_N (dim_attribute_1 to 5),"
            " interaction_descriptor (customer_segment, service_type, service_subtype, business_result); N is 1 to 800",
            hint="Nothing was changed. Name one of these with --to TABLE.COLUMN.",
        )
    other = connection.execute(
        "SELECT ud_key_name FROM ctl.ud_to_ude_mapping"
        " WHERE ude_table_name = %s AND ude_column_name = %s AND active_flag = 1 AND ud_key_name <> %s",
        (table, column, key),
    ).fetchone()
    if other is not None:
        raise WrongSetting(
            f'column "{target}" holds the key "{other[0]}"',
            detail="a column holds one key at a time",
            hint=f"Nothing was changed. Choose another column, or end that one: twinmart userdata remove {other[0]}",
        )
    connection.execute(
        "INSERT INTO ctl.ud_to_ude_mapping AS known (id, ud_key_name, ude_table_name, ude_column_name,"
        " propagation_rule, default_value) VALUES (mart.dimension_key(%s), %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET propagation_rule = excluded.propagation_rule,"
        " default_value = excluded.default_value, active_flag = 1",
        (f"USERDATA|{key}|{table}|{column}", key, table, column, rule, default or None),
    )
    if family == "user_data_cust_dim":
        name = f"custom_key_{number}"
        connection.execute(
            "INSERT INTO ctl.ude_keys_to_dim_mapping (id, ude_key_name, dim_table_name, dim_table_pk_name)"
            " VALUES (mart.dimension_key(%s), %s, %s, 'id') ON CONFLICT DO NOTHING",
            (name, name, table),
        )


def make_views(connection: Connection) -> None:
    """Make the views of tables and dimensions that the mapping names and that are not there yet."""
    connection.execute("SELECT ctl.make_user_data_views()")


def end_key(connection: Connection, key: str) -> int:
    """Collect a key no longer, and bring it to no column; return how many rows of the configuration that changed."""
    ended = connection.execute(
        "UPDATE cfg.user_data_key SET is_active = false WHERE key_name = %s AND is_active", (key,)
    ).rowcount
    return (
        ended
        + connection.execute(
            "UPDATE ctl.ud_to_ude_mapping SET active_flag = 0 WHERE ud_key_name = %s AND active_flag = 1", (key,)
        ).rowcount
    )


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
