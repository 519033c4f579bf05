"""The least important log lines that are written, as the configuration has it, changed while the process runs."""

import logging

import structlog


def _nothing(*_: object, **__: object) -> None:
    """Write no line."""


# There is no level above the highest, so that nothing at all is written by a logger of its own.
_SILENT = type(
    "SilentLogger",
    (structlog.make_filtering_bound_logger(logging.CRITICAL),),
    dict.fromkeys(("critical", "fatal", "log"), _nothing),
)

_LOGGERS: dict[str, type] = {
    "all": structlog.make_filtering_bound_logger(logging.NOTSET),
    "debug": structlog.make_filtering_bound_logger(logging.DEBUG),
    "info": structlog.make_filtering_bound_logger(logging.INFO),
    "warn": structlog.make_filtering_bound_logger(logging.WARNING),
    "error": structlog.make_filtering_bound_logger(logging.ERROR),
    "none": _SILENT,
    "off": _SILENT,
}


def is_set(level: str) -> bool:
    """Whether log lines of this level and above are written, and no others."""
    return structlog.get_config()["wrapper_class"] is _LOGGERS[level]


def set_level(level: str) -> None:
    """Write log lines of this level and above from now on."""
    if not is_set(level):
        structlog.configure(wrapper_class=_LOGGERS[level])
