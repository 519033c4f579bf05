"""Loaders in processes of their own that die by SIGKILL: at the n-th word they have with a database, or whenever told.

Everything that psycopg says to a server goes through one method of its connection: statements, COPY, BEGIN and COMMIT.
"""

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from threading import Event
from typing import Any, Literal

import psycopg

from twinmart.errors import MartError
from twinmart.etl.cycle import Etl
from twinmart.etl.loop import follow

# Before a word is said, with the word on its way and no answer yet, and with the answer unread.
Moment = Literal["before", "during", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")

# A COPY is one word, however many rows it brings.
PARTS_OF_A_COPY = {"copy_from", "copy_to"}

# Loaders are forked from a process that has imported all they need and nothing else: a few milliseconds each.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.paths.mortal"])


def load(dsns: Mapping[int, str], word: int | None = None, moment: Moment = "before") -> None:
    """Load until nothing is left, or die at a word that is said to a database."""
    if word is not None:
        _die_at(word, moment)
    with Etl(1, dsns) as etl:
        etl.cycle()


def follow_on(dsns: Mapping[int, str]) -> None:
    """Load as long as we live, whatever dies around us."""
    while True:
        with suppress(MartError):
            follow(1, dsns, Event())


def follower(dsns: Mapping[int, str]) -> BaseProcess:
    """Start a loader that goes on until it is killed."""
    process = _processes.Process(target=follow_on, args=(dict(dsns),), daemon=True)
    process.start()
    return process


@contextmanager
def loader(dsns: Mapping[int, str], word: int | None = None, moment: Moment = "before") -> Iterator[BaseProcess]:
    """Run a loader in a process of its own; it is gone when the block ends, whatever it was doing."""
    process = _processes.Process(target=load, args=(dict(dsns), word, moment), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _die_at(word: int, moment: Moment) -> None:
    said = itertools.count(1)
    original = psycopg.Connection.wait

    def wait(self: psycopg.Connection[Any], saying: Any, *args: Any, **named: Any) -> Any:
        if saying.__name__ in PARTS_OF_A_COPY or next(said) != word:
            return original(self, saying, *args, **named)
        if moment == "during":
            next(saying, None)
        elif moment == "after":
            original(self, saying, *args, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("not reached")

    psycopg.Connection.wait = wait  # type: ignore[method-assign, assignment]
