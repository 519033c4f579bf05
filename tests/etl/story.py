"""A switch made by hand: writes what a telephony server would say of a story, and lets the mart hear it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from psycopg.rows import dict_row

from tests.support import Mart
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.etl.cycle import Cycle, run_once
from twinmart.model.events import Event, Kind, event_id

DAWN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SESSION = "01a20267-fb1f-8aed-884b-000000000000"


class Switch:
    """A telephony server of which a test tells the story; seconds count from 09:00."""

    def __init__(self, mart: Mart, name: str = "pbx") -> None:
        self.mart = mart.connect(autocommit=True)
        self.name = name
        self.said: list[Event] = []
        self._dsn = mart.dsn
        self._collector = ensure_collector(self.mart, ensure_source(self.mart, name), site=1)
        self._numbers = count()

    def say(self, second: float, kind: Kind, *, detail: dict[str, Any] | None = None, **fields: Any) -> None:
        """Say one event."""
        at = DAWN + timedelta(seconds=second)
        identity = event_id(self.name, round(at.timestamp() * 1_000_000), f"{next(self._numbers)}".encode())
        text = json.dumps(detail) if detail is not None else None
        self.said.append(Event(identity, at, kind, detail=text, **fields))

    def member(
        self, second: float, phone: str, queue: str = "sales", kind: Kind = Kind.MEMBER_ADD, **more: Any
    ) -> None:
        """A phone begins to serve a queue, or something else happens to its membership."""
        fields: dict[str, Any] = {
            "queue": queue,
            "member": phone,
            "channel": phone,
            "target": f"Agent of {phone}",
            "value": "0",
            **more,
        }
        self.say(second, kind, **fields)

    def call(self, second: float, channel: str, device: str, *, linked: str | None = None, number: str = "555") -> None:
        """A device begins a call by itself."""
        self.start(second, channel, device, state="Ring", linked=linked, number=number)

    def start(
        self,
        second: float,
        channel: str,
        device: str,
        *,
        state: str = "Down",
        linked: str | None = None,
        number: str = "555",
    ) -> None:
        """A channel comes into being."""
        name = f"{device}-{int(channel.strip('c')):08x}"
        self.say(
            second, Kind.CHANNEL_START, channel_id=channel, linked_id=linked or channel, channel=name, number=number,
            target="8001", value=state,
        )  # fmt: skip

    def up(self, second: float, channel: str, linked: str | None = None) -> None:
        """A channel is answered."""
        self.say(second, Kind.CHANNEL_UP, channel_id=channel, linked_id=linked or channel)

    def end(self, second: float, channel: str, linked: str | None = None) -> None:
        """A channel hangs up."""
        self.say(second, Kind.CHANNEL_END, channel_id=channel, linked_id=linked or channel, value="16")

    def dial(self, second: float, caller: str, dialled: str, device: str, linked: str | None = None) -> None:
        """A channel dials a device, which rings."""
        self.start(second, dialled, device, linked=linked or caller)
        self.say(
            second, Kind.DIAL_START, channel_id=caller, linked_id=linked or caller, other_id=dialled, target=device,
            channel=f"{device}-{int(dialled.strip('c')):08x}",
        )  # fmt: skip

    def bridge(self, second: float, channel: str, bridge: str = "b1", linked: str | None = None) -> None:
        """A channel enters a bridge."""
        self.say(
            second, Kind.BRIDGE_ENTER, channel_id=channel, linked_id=linked or channel, bridge_id=bridge, value="basic"
        )

    def attach(self, second: float, channel: str, key: str, value: str | None, linked: str | None = "") -> None:
        """A channel is given a value; a program that does so after the call does not know the call."""
        self.say(
            second, Kind.USER_DATA, channel_id=channel, linked_id=channel if linked == "" else linked, target=key,
            value=value, reason="variable",
        )  # fmt: skip

    def hear(self, events: list[Event] | None = None) -> Cycle:
        """Let the collector write what was said, or the events given, and the mart take and transform it."""
        self.write(events)
        return run_once(1, {1: self._dsn})

    def write(self, events: list[Event] | None = None) -> None:
        """Let the collector write what was said, or the events given, into its database."""
        said = self.said if events is None else events
        record = Record(Tag.EVENTS, copy_lines(said, SESSION, datetime.now(UTC)))
        Idb.open(self.mart, self._collector.idb_schema).write([record])
        if events is None:
            self.said = []

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the answer to a query as dictionaries."""
        with self.mart.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the interaction resources by their channel."""
        return {row["channel_id"]: row for row in self.rows("SELECT * FROM mart.interaction_resource_fact")}
