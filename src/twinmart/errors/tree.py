"""The root of the error tree, and the walk over all of it."""

import re
from collections.abc import Iterator
from typing import ClassVar

_SECRETS = (
    re.compile(r"(?P<keep>\b\w*password\s*=\s*)(?:'(?:\\.|[^'\\])*'|[^\s'&\"]+)", re.IGNORECASE),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+]*://[^\s:/@]*:)[^\s/]+(?=@)", re.IGNORECASE),
)


def without_secrets(text: str) -> str:
    """Return the text with the passwords of connection strings and addresses taken out.

    >>> without_secrets("host=db password='my secret' user=me")
    'host=db password=(hidden) user=me'
    >>> without_secrets("postgresql://me:hunter2@db/twinmart")
    'postgresql://me:(hidden)@db/twinmart'
    """
    for pattern in _SECRETS:
        text = pattern.sub(r"\g<keep>(hidden)", text)
    return text


class MartError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str] = "TM000"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        self.message = without_secrets(message)
        self.detail = without_secrets(detail) if detail else None
        self.hint = without_secrets(hint) if hint else None
        super().__init__(self.message)

    def render(self) -> str:
        """Return the error as text for people: the message, then detail and hint where there are any."""
        lines = [f"error {self.code}: {self.message}"]
        for label, part in (("detail", self.detail), ("hint", self.hint)):
            if part:
                first, *rest = part.splitlines()
                lines.append(f"  {label:<7}{first}")
                lines += [f"  {'':<7}{line}" for line in rest]
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """Return the error as data for programs; the code is stable, the texts are not."""
        return {"code": self.code, "message": self.message, "detail": self.detail, "hint": self.hint}


def error_classes(root: type[MartError] = MartError) -> Iterator[type[MartError]]:
    """Yield the root and all classes below it, parents before their children, in no order that counts."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)
