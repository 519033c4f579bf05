"""Working ahead: in order, bounded, and nothing is left running when nobody wants more."""

import threading
from collections.abc import Iterator

import pytest

from twinmart.collect.ahead import DEPTH, ahead


def test_items_come_in_order_and_no_more_than_a_few_are_made_early() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    for number in ahead(numbers()):
        assert len(made) <= number + DEPTH + 3
    assert made == list(range(100))


def test_an_error_comes_at_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("here")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="here"):
        next(items)


def test_nothing_goes_on_when_nobody_wants_more() -> None:
    before = threading.active_count()
    items = ahead(iter(range(10**9)))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
