"""Keys of user data are objects: the document and the history have them, and what cannot be is refused whole."""

from typing import Any

import pytest

from tests.config.conftest import Run
from tests.support import Mart
from twinmart import errors
from twinmart.config import document
from twinmart.config.attached import Rule
from twinmart.config.sources import ensure_source
from twinmart.config.store import Store
from twinmart.config.userdata import Mapped, add_key, end_key, mappings
from twinmart.db.connect import Connection
from twinmart.db.migrate import known_migrations, migrate

COLUMN = "irf_user_data_cust_3.custom_data_1"


def put_some(store: Store) -> None:
    """Keys of each kind: with columns, of one source, hidden, linking, ended."""
    ensure_source(store.connection, "london")
    add_key(store, "ServiceType", to="interaction_descriptor.service_type")
    add_key(store, "Word", to=COLUMN, rule=Rule.IRF_ROUTE, default="none told")
    add_key(store, "Word", to="user_data_cust_dim_4.dim_attribute_2", rule=Rule.PARTY)
    add_key(store, "Pin", source="london", masked=True)
    add_key(store, "CALL_UUID", link=True)
    add_key(store, "Old", to="irf_user_data_gen_1.revenue")
    end_key(store, "Old")


def views(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'gim'::regnamespace AND relname ~ '^(irf_user|user)_data_'"
        " ORDER BY relname"
    )
    return [name for (name,) in rows]


def test_a_document_brings_the_keys_to_another_mart_with_their_views(mart: Mart, other_mart: Mart) -> None:
    store = Store(mart.connect(autocommit=True), author="ann")
    put_some(store)
    text = document.export(store.all())
    assert '[user_data_key.Word.to."irf_user_data_cust_3.custom_data_1"]' in text
    other = Store(other_mart.connect(autocommit=True), author="bob")
    document.apply(other, document.parse(text))
    assert mappings(other.connection) == mappings(store.connection)
    word = Mapped("Word", "*", False, False, True, "irf_user_data_cust_3", "custom_data_1", "IRF_ROUTE", "none told")
    assert word in mappings(other.connection)
    assert views(other.connection) == views(store.connection)
    assert {"irf_user_data_cust_3", "user_data_cust_dim_4"} <= set(views(other.connection))
    assert document.export(other.all()) == text
    document.apply(other, document.parse(text), whole=True)
    assert {one.revision for one in other.all("user_data_key")} == {1}


def test_the_history_says_who_added_a_key_where_it_went_and_why(mart: Mart, run: Run) -> None:
    assert run("userdata", "add", "ServiceType", "--why", "asked for by sales").code == 0
    assert run("userdata", "remove", "ServiceType").code == 0
    told = run("config", "history", "user_data_key", "ServiceType", "--json").json["changes"]
    assert {(one["revision"], one["reason"]) for one in told} == {(1, "asked for by sales"), (2, None)}
    (to,) = [one["new"] for one in told if one["name"] == "to"]
    assert to == '{"interaction_descriptor.service_type": {"rule": "CALL"}}'
    assert run("config", "restore", "user_data_key", "ServiceType", "1").code == 0
    (found,) = mappings(mart.connect())
    assert (found.is_active, found.column) == (True, "service_type")


@pytest.mark.parametrize(
    ("key", "properties", "why"),
    [
        ("PIN", {}, "secret"),
        ("Word", {"masked": True, "link": True}, "masked"),
        ("Word", {"to": {"irf_user_data_cust.custom_data_1": {}}}, "there are"),
        ("Word", {"to": {"irf_user_data_gen_1_2.revenue": {}}}, "there are"),
        ("Word", {"to": {"user_data_cust_dim_801.dim_attribute_1": {}}}, "there are"),
        ("Word", {"to": {COLUMN: {"rule": "SOMETIMES"}}}, "rule"),
        ("_Word", {}, "a key is"),
    ],
)
def test_what_cannot_be_is_refused_in_a_document_too(
    mart: Mart, key: str, properties: dict[str, Any], why: str
) -> None:
    store = Store(mart.connect(autocommit=True), author="test")
    with pytest.raises(errors.WrongConfiguration) as caught:
        store.put("user_data_key", key, properties)
    assert why in str(caught.value.detail)
    assert store.all("user_data_key") == []


def test_a_column_holds_one_key_by_one_rule(mart: Mart) -> None:
    store = Store(mart.connect(autocommit=True), author="test")
    for name in ("london", "paris"):
        ensure_source(store.connection, name)
    add_key(store, "Word", source="london", to=COLUMN)
    add_key(store, "Word", source="paris", to=COLUMN)
    assert len([one for one in mappings(store.connection) if one.column]) == 2
    for refused in ({"key": "Other"}, {"key": "Word", "rule": Rule.PARTY}):
        with pytest.raises(errors.ConfigurationGuard, match="holds the key"):
            add_key(store, refused["key"], to=COLUMN, rule=Rule(refused.get("rule", Rule.CALL)))
    assert end_key(store, "Word") == 2
    add_key(store, "Other", to=COLUMN)
    with pytest.raises(errors.ConfigurationGuard, match="holds the key"):
        store.enable("user_data_key", "london/Word")


def test_a_key_that_comes_back_goes_only_where_it_is_told_to_go(mart: Mart) -> None:
    store = Store(mart.connect(autocommit=True), author="test")
    add_key(store, "Word", to=COLUMN)
    end_key(store, "Word")
    add_key(store, "Word")
    (found,) = mappings(store.connection)
    assert (found.is_active, found.table) == (True, None)
    assert "irf_user_data_cust_3" in views(store.connection), "what stands there can still be read"


def test_keys_of_the_release_before_are_taken_over(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    for schema in ("cfg", "gidb", "ctl", "mart", "agg", "gim", "ops"):
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
    migrate(connection, known_migrations()[:19])
    connection.execute(
        "INSERT INTO cfg.user_data_key (source_name, key_name, is_masked, is_link, is_active) VALUES"
        " ('*', 'Word', false, false, true), ('london', 'Pin', true, false, true), ('*', 'Old', false, false, false)"
    )
    connection.execute(
        "INSERT INTO ctl.ud_to_ude_mapping (id, ud_key_name, ude_table_name, ude_column_name, propagation_rule,"
        " default_value, active_flag) VALUES"
        " (1, 'Word', 'user_data_cust_dim_2', 'dim_attribute_1', 'PARTY', 'none told', 1),"
        " (2, 'Word', 'interaction_descriptor', 'service_type', 'CALL', NULL, 1),"
        " (3, 'Word', 'irf_user_data_cust_1', 'custom_data_1', 'CALL', NULL, 0),"
        " (4, 'Old', 'irf_user_data_cust_5', 'custom_data_1', 'CALL', NULL, 0)"
    )
    connection.execute("SELECT ctl.make_user_data_views()")
    before, had = mappings(connection), views(connection)
    migrate(connection)
    assert mappings(connection) == before
    assert views(connection) == had
    store = Store(connection, author="test")
    assert {one.name for one in store.all("user_data_key")} == {"Word", "london/Pin", "Old"}
    for one in store.all("user_data_key"):
        assert store.as_of("user_data_key", one.name, 1).properties == one.properties
    kept = connection.execute("SELECT count(*) FROM ctl.ud_to_ude_mapping WHERE active_flag = 0").fetchone()
    assert kept == (1,)
    add_key(store, "New", to="user_data_cust_dim_3.dim_attribute_1")
    columns = connection.execute("SELECT * FROM gim.irf_user_data_keys").description or []
    assert [column.name for column in columns][-3:] == ["custom_key_1", "custom_key_2", "custom_key_3"]
