"""Processes that die at the n-th of the moments before and after each of their acts."""

import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable
from typing import Any

_DIED = 137
_LONGEST_S = 120

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.replicate.test_physical_crash", "tests.replicate.test_setup_crash"])


def die_at(moment: int, acts: Iterable[tuple[Any, str]]) -> None:
    """Let this process die at a moment; the acts are functions, by the place that holds them and their name."""
    moments = itertools.count(1)

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*args: Any, **named: Any) -> Any:
            if next(moments) == moment:
                os._exit(_DIED)
            done = act(*args, **named)
            if next(moments) == moment:
                os._exit(_DIED)
            return done

        return acted

    for place, name in acts:
        setattr(place, name, mortal(getattr(place, name)))


def dies(work: Callable[..., None], *args: object) -> bool:
    """Do some work in a process of its own, and say whether it died at its moment."""
    process = _processes.Process(target=work, args=args)
    process.start()
    process.join(_LONGEST_S)
    assert process.exitcode in (0, _DIED)
    return process.exitcode == _DIED
