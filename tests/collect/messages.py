"""Messages of a manager interface, written by hand for tests, and what comes of them."""

import json
from datetime import UTC, datetime

from twinmart.collect.asterisk.translate import Batch, Translator
from twinmart.model.events import Event

SECOND = 1_795_336_700

AT = datetime.fromtimestamp(SECOND, UTC).replace(microsecond=500_000)
NOW_US = (SECOND + 3600) * 1_000_000


def message(name: str, at: float | None = SECOND + 0.5, /, **fields: str) -> bytes:
    """An event as it goes over the line, without the empty line behind it."""
    stamp = {} if at is None else {"Privilege": "call,all", "Timestamp": f"{at:.6f}"}
    return "\r\n".join(f"{key}: {value}" for key, value in {"Event": name, **stamp, **fields}.items()).encode()


def answer(action: str, *, response: str = "Success", **fields: str) -> bytes:
    """An answer to an action."""
    lines = {"Response": response, "ActionID": action, **fields}
    return "\r\n".join(f"{key}: {value}" for key, value in lines.items()).encode()


def channel(number: int, name: str = "PJSIP/a101-00000001") -> dict[str, str]:
    """What an event says of its channel."""
    return {"Channel": name, "Uniqueid": f"pbx-{SECOND}.{number}", "Linkedid": f"pbx-{SECOND}.1"}


def stream(*messages: bytes) -> bytes:
    """Messages as they go over the line."""
    return b"".join(one + b"\r\n\r\n" for one in messages)


def translated(*messages: bytes, source: str = "pbx") -> Batch:
    """Translate messages as a session of their own."""
    translator = Translator(source)
    batch = translator.translate(messages, NOW_US)
    rest = translator.finish(b"")
    batch.events += rest.events
    batch.bad += rest.bad
    return batch


def only(*messages: bytes) -> Event:
    """Return the only event of messages of which none is bad."""
    batch = translated(*messages)
    assert batch.bad == []
    (event,) = batch.events
    return event


def said(event: Event) -> dict[str, object]:
    """The columns of an event that are not empty, its identity left out."""
    columns = {name: value for name, value in event._asdict().items() if value is not None and name != "event_id"}
    return columns | ({"detail": json.loads(event.detail)} if event.detail is not None else {})
