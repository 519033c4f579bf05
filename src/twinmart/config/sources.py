"""The sources that a mart collects and the two collectors of each: who they are and where they write.

Objects of the configuration, whose keys are hashes of their names, so that every site, and every order of registering,
gives the same ones.
"""

import re
from dataclasses import dataclass
from typing import Literal

from twinmart import errors
from twinmart.config.store import Store, writing
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")

# PostgreSQL cuts identifiers after 63 bytes; the schema of an interaction database has a prefix and a suffix.
_LONGEST_SCHEMA = 63


# The first and the second collector of a source, neither above the other.
Twin = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Source:
    """A telephony server whose events are collected."""

    key: int
    name: str
    kind: str
    site: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class Collector:
    """One of the two collectors of a source, and where its interaction database stands."""

    key: int
    name: str
    source_key: int
    source_name: str
    twin: Twin
    site: int
    idb_schema: str
    enabled: bool
    # Whether it, its source and its access point are enabled, and application "mart" is connected to it and to that.
    extracted: bool


def ensure_source(
    connection: Connection, name: str, *, kind: str = "asterisk-ami", site: int = 1, store: Store | None = None
) -> Source:
    """Return the source of this name, registering it at the site if it is new.

    Raises:
        WrongSetting: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise errors.WrongSetting(
            f'"{name}" cannot be the name of a source',
            detail="a name is up to 63 letters, digits, dots, dashes and underscores; the first is a letter or digit",
            hint="Nothing was changed. Choose another name with --source.",
        )
    with writing(connection):
        store = store or _store(connection)
        if store.find("source", name) is None:
            ensure_site(store, site)
            store.put("source", name, {"protocol": kind, "site": site})
        row = connection.execute(
            "SELECT source_key, name, kind, site, enabled FROM cfg.source WHERE name = %s", (name,)
        ).fetchone()
    assert row is not None  # noqa: S101  it was made above
    return Source(*row)


def ensure_collector(
    connection: Connection, source: Source, *, site: int, store: Store | None = None, twin: Twin | None = None
) -> Collector:
    """Return the collector that writes the source's events at the site, registering it if it is new.

    The collector at the source's own site is twin a, the one at any other site twin b, unless ``twin`` says otherwise.
    With a new one comes the access point of its interaction database, and application "mart" is connected to both.

    Raises:
        WrongSetting: that twin stands at yet another site already.
    """
    twin = twin or ("a" if site == source.site else "b")
    name = f"{source.name}_{twin}"
    with writing(connection):
        store = store or _store(connection)
        if store.find("collector", name) is None:
            ensure_site(store, site)
            schema = schema_name(source.name, twin)
            store.put("collector", name, {"source": source.name, "twin": twin, "site": site, "idb_schema": schema})
            store.put("access_point", name, {"role": "ICON_CORE", "site": site})
            known = store.get("application", "mart").connections
            store.put("application", "mart", connections={*known, ("collector", name), ("access_point", name)})
    found = next(one for one in collectors(connection) if one.name == name)
    if found.site != site:
        raise errors.WrongSetting(
            f'source "{source.name}" has its second collector at site {found.site} already',
            detail=f"asked for site {site}; a source has two collectors, at two sites",
            hint=f"Nothing was changed. Use --site {found.site} or --site {source.site}.",
        )
    return found


def ensure_site(store: Store, site: int) -> None:
    """Register a site with its host and the access point of its mart, if it is new."""
    if store.find("site", str(site)) is None:
        store.put("site", str(site))
        store.put("host", f"site{site}", {"site": site})
        store.put("access_point", f"mart@{site}", {"role": "INFO_MART", "site": site}, enabled=False)


def collectors(connection: Connection) -> list[Collector]:
    """Return all collectors, those of one source together."""
    return [Collector(*row) for row in connection.execute(sql_text("config/collectors"))]


def _store(connection: Connection) -> Store:
    return Store(connection, author="twinmart", reason="registered")


def schema_name(source_name: str, twin: str) -> str:
    """Return the schema of an interaction database.

    Letters of either case and signs are kept apart, so that no two sources share one.

    >>> schema_name("london-2", "a"), schema_name("London.2", "b")
    ('idb_london__2d2_a', 'idb__4condon__2e2_b')
    """
    plain = "".join(
        character
        if character.isdigit() or character.islower()
        else f"__{ord(character):x}"
        if not character.isalpha()
        else f"_{ord(character):x}"
        for character in source_name
    )
    return f"idb_{plain}"[: _LONGEST_SCHEMA - 2] + f"_{twin}"
