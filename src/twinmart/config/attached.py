"""What a key of user data can be, and to which columns its value can go."""

import re
from enum import StrEnum

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Names under which people keep what nobody should read in a report.
_SECRET = re.compile(r"pass(word|wd)?$|pin$|cvv|cvc|card|iban|secret|token|ssn", re.IGNORECASE)

_COLUMNS = {
    "irf_user_data_gen_1": ["customer_id", "revenue", "satisfaction", "gsw_call_attempt_guid"],
    "interaction_descriptor": ["customer_segment", "service_type", "service_subtype", "business_result"],
    "irf_user_data_cust": [f"custom_data_{number}" for number in range(1, 17)],
    "user_data_cust_dim": [f"dim_attribute_{number}" for number in range(1, 6)],
}
_NUMBERED = re.compile(r"(irf_user_data_cust|user_data_cust_dim)_([1-9][0-9]{0,2})")
MOST_TABLES = 800

COLUMNS_IN_WORDS = (
    "there are irf_user_data_gen_1 (customer_id, revenue, satisfaction, gsw_call_attempt_guid),"
    " irf_user_data_cust_N (custom_data_1 to 16), user_data_cust_dim_N (dim_attribute_1 to 5),"
    " interaction_descriptor (customer_segment, service_type, service_subtype, business_result); N is 1 to 800"
)
KEY_IN_WORDS = "a key is up to 64 letters, digits, dots, dashes and underscores; the first is a letter or digit"

# Where keys go that the original knows by name, unless somebody says otherwise; without capitals, dashes and the like.
_PREDEFINED = {
    column.replace("_", ""): f"{table}.{column}"
    for table in ("interaction_descriptor", "irf_user_data_gen_1")
    for column in _COLUMNS[table]
}


class Rule(StrEnum):
    """Which of several values counts for a part of an interaction; the original's names."""

    CALL = "CALL"
    PARTY = "PARTY"
    IRF = "IRF"
    IRF_FIRST_UPDATE = "IRF_FIRST_UPDATE"
    IRF_INITIAL = "IRF_INITIAL"
    IRF_ROUTE = "IRF_ROUTE"


def is_key(text: str) -> bool:
    """Whether it can be a key."""
    return _KEY.fullmatch(text) is not None


def is_secret(key: str) -> bool:
    """Whether people keep under such a key what nobody should read."""
    return _SECRET.search(key) is not None


def is_column(target: str) -> bool:
    """Whether a value can go there, written ``table.column``."""
    table, _, column = target.partition(".")
    numbered = _NUMBERED.fullmatch(table)
    family, number = (numbered[1], int(numbered[2])) if numbered else (table, 1)
    is_numbered = family in ("irf_user_data_cust", "user_data_cust_dim")
    return column in _COLUMNS.get(family, ()) and number <= MOST_TABLES and is_numbered == (numbered is not None)


def predefined_column(key: str) -> str | None:
    """Return the column to which a key of the original's name goes by itself, such as ServiceType."""
    return _PREDEFINED.get(re.sub(r"[^a-z0-9]", "", key.lower()))
