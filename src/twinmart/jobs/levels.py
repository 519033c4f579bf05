"""The least important log lines that are written, as the configuration has it, changed while the process runs."""

import logging

import structlog

_LEVELS = {
    "all": logging.NOTSET,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "none": logging.CRITICAL + 1,
    "off": logging.CRITICAL + 1,
}
_now = ""


def set_level(level: str) -> None:
    """Write log lines of this level and above from now on; a level that holds already is left alone."""
    global _now  # noqa: PLW0603  it mirrors structlog's configuration, of which there is one in a process
    if level != _now:
        _now = level
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))
