"""What is said of an option, once: everything else about options is made of these declarations."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from twinmart.config.values import Type, Value


class Effect(StrEnum):
    """When a changed value is heeded by a process that runs already."""

    AT_ONCE = "at once"
    NEXT_CYCLE = "next ETL cycle"
    NEXT_RUN = "next run of the job"


class Level(StrEnum):
    """Where an option may be set other than on an application; each is more specific than the one before.

    ``MEDIA`` is not an object: an option of it is set under its name with ``-`` and the medium, as ``...-voice``.
    """

    TENANT = "tenant"
    MEDIA = "media"
    SOURCE = "source"
    QUEUE = "queue"


THRESHOLD = (Level.TENANT, Level.MEDIA, Level.SOURCE, Level.QUEUE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One option. ``default`` is text as people write it; None: there is no value until one is set."""

    section: str
    name: str
    type: Type
    default: str | None
    sentence: str
    takes_effect: Effect
    unit: str | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    since: str = "0.4"
    # Whether the original has the option under this name.
    is_original: bool = True

    @property
    def range(self) -> str:
        """The values that it may have, in words."""
        if self.choices:
            return ", ".join(self.choices)
        match self.least, self.most:
            case None, None:
                return self.type.meaning
            case least, None:
                return f"{least:g} or more"
            case None, most:
                return f"{most:g} or less"
            case least, most:
                return f"{least:g} to {most:g}"
        raise AssertionError

    def parse(self, text: str) -> Value:
        """Return the value that a text stands for.

        Raises:
            ValueError: it is not of the type, or out of range; the message says what is.
        """
        value = self.type.parse(text)
        if self.choices and value not in self.choices:
            raise ValueError(f"one of {', '.join(self.choices)}")
        numbers: Sequence[object] = value if isinstance(value, tuple) else (value,)
        for number in numbers:
            if isinstance(number, int | float) and not isinstance(number, bool):
                too_small = self.least is not None and number < self.least
                if too_small or (self.most is not None and number > self.most):
                    raise ValueError(self.range + (f" {self.unit}" if self.unit else ""))
        return value

    def is_named(self, section: str, name: str) -> bool:
        """Whether an option of this section and name is this one, under its own name or for one medium."""
        is_here = section == self.section or (self.section == "date-time" and section.startswith("date-time-"))
        return is_here and (name == self.name or (Level.MEDIA in self.levels and name.startswith(f"{self.name}-")))
