"""How long to wait before the next try: longer each time, and never in step with others who wait for the same thing."""

import random


def spread(seconds: float) -> float:
    """Return about so many seconds, a tenth more or less."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311  nobody gains from guessing it


class Pauses:
    """Pauses between tries, each up to twice the one before, with half of it left to chance."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._tries = 0

    def next(self) -> float:
        """Return how long to wait now."""
        whole_s = min(self._longest_s, self._first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return whole_s * random.uniform(0.5, 1.0)  # noqa: S311  nobody gains from guessing it

    def reset(self) -> None:
        """Begin again with the shortest, after a success."""
        self._tries = 0
