"""Messages out of a stream: the same ones however it is cut, and no more memory than one of them."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from twinmart.collect.asterisk.wire import KEPT_OF_TOO_LONG, LONGEST_MESSAGE, Messages, TooLong

# Text in which line ends are as frequent as letters, so that every way of cutting an end is met.
STREAMS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"a", b"Event: X", b"\0", b"\xff"])).map(
    b"".join
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def fed(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    messages = Messages()
    return [message for piece in pieces for message in messages.feed(piece)], messages.rest


@given(STREAMS | st.binary(), st.lists(st.integers(min_value=0)))
@example(b"a\r\n\r\nb\r\n\r\n", [2, 3, 4])
@example(b"a\r\n\r\n\r\nb\r\n\r\n", [5])
def test_any_fragmentation_gives_the_same_messages(data: bytes, places: list[int]) -> None:
    assert fed(cut(data, places)) == fed([data])


@given(STREAMS)
def test_messages_hold_no_ends_and_nothing_else_is_lost(data: bytes) -> None:
    messages, rest = fed([data])
    assert all(message and b"\r\n\r\n" not in message for message in messages)
    assert (b"".join(messages) + rest).replace(b"\r", b"").replace(b"\n", b"") == data.replace(b"\r", b"").replace(
        b"\n", b""
    )


@given(st.lists(st.integers(0, 3 * LONGEST_MESSAGE), max_size=6), st.integers(-3, 8))
def test_a_message_that_is_too_long_is_cut_alike_however_it_came(places: list[int], beyond: int) -> None:
    long = b"x" * (LONGEST_MESSAGE + beyond)
    data = b"Event: A\r\n\r\n" + long + b"\r\n\r\nEvent: B\r\n\r\n"
    messages, rest = fed(cut(data, places))
    middle = TooLong(long[:KEPT_OF_TOO_LONG]) if beyond > 0 else long
    assert messages == [b"Event: A", middle, b"Event: B"]
    assert [type(message) for message in messages] == [bytes, type(middle), bytes]
    assert rest == b""


def test_an_endless_message_takes_no_more_memory_than_the_longest() -> None:
    messages = Messages()
    found = [message for _ in range(100) for message in messages.feed(b"y" * 100_000)]
    assert [type(message) for message in found] == [TooLong]
    assert len(messages.rest) < LONGEST_MESSAGE + 100_000
    assert messages.feed(b"\r\n\r\nEvent: B\r\n\r\n") == [b"Event: B"]
