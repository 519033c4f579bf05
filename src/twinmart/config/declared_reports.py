"""Options of reports."""

from twinmart.config.declaration import Declaration, Effect, Level
from twinmart.config.values import Type

REPORTS = (
    Declaration(
        "reports",
        "service-level",
        Type.INTEGER,
        "6",
        "Formula of the service level, 1 to 9, as docs/reference/measures.md numbers them.",
        Effect.AT_ONCE,
        least=1,
        most=9,
        levels=(Level.TENANT, Level.SOURCE, Level.QUEUE),
        is_original=False,
    ),
)
