"""Lets a producer work ahead of its consumer, in a thread of its own and by a bounded number of items.

It pays where the two wait for different things: unpacking, taking apart and writing to a database overlap, since each
leaves the interpreter to the others while it works in C or waits.
"""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

DEPTH = 4


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Yield the items, which are made in another thread; what is raised there is raised here, at its place.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(DEPTH)
    given_up = threading.Event()

    def put(item: tuple[T] | BaseException | None) -> bool:
        while not given_up.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  it is raised in the consumer's thread
            put(error)

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        given_up.set()
        producer.join()
