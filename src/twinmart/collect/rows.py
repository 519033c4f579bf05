"""Writes events as lines of PostgreSQL's COPY text format, the form in which they lie in the spool and travel.

A line is whole in itself: it says which session delivered the event and when, so that a batch is a run of lines.
"""

from collections.abc import Iterable
from datetime import datetime

from twinmart.model.events import Event

NULL = r"\N"

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_lines(events: Iterable[Event], session_key: str, received_at: datetime) -> bytes:
    r"""Return the events as lines of COPY's text format, each ended by a line feed.

    >>> from twinmart.model.events import Kind, moment
    >>> ring = Event("01a20267-fb1f-8aed-884b-1754c0b7116a", moment(10**15), Kind.CHANNEL_RING, channel="PJSIP/a b")
    >>> line, _, rest = copy_lines([ring], "01a20267-fb1f-8aed-884b-000000000000", moment(10**15)).partition(b"\n")
    >>> line.count(b"\t"), line.count(rb"\N"), rest
    (16, 11, b'')
    """
    tail = f"\t{session_key}\t{received_at}\n"
    return "".join([_line(event) + tail for event in events]).encode()


def _line(event: Event) -> str:
    texts = [event.event_id, str(event.at), *(NULL if text is None else text for text in event[2:])]
    line = "\t".join(texts)
    # Nearly no value holds a character that must be escaped; counting those of the whole line tells in one look.
    plain = line.count("\t") == len(texts) - 1 and line.count("\\") == event.count(None)
    if plain and "\n" not in line and "\r" not in line:
        return line
    return "\t".join(NULL if value is None else str(value).translate(_ESCAPES) for value in event)
