"""Log lines on stderr: one for every act, or more of each."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..report.text import clean_text
from .program import say

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""Level by the number of `-v`. What failed of single acts is counted in the progress and the tables, and is INFO."""


class _StderrHandler(logging.Handler):
    """Writes to stderr as it is at the time: a live display puts its own in place, and lines then stand above it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of the log to stderr, and those of its traceback below it."""
        # What a mind said may be in the message: it is shown as text, and does nothing to the terminal.
        say(f"{_name_level(record.levelno)}{clean_text(record.getMessage())}")
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        for line in trace.splitlines():
            say(" " * (len(line) - len(line.lstrip(" "))) + clean_text(line))


def _name_level(level: int) -> str:
    return "Error: " if level >= logging.ERROR else "Warning: " if level >= logging.WARNING else ""


@contextmanager
def logs_on_stderr(verbosity: int) -> Iterator[None]:
    """Show the log of this package on stderr while this lasts.

    Args:
        verbosity: 0: nothing; 1: a line for every act; 2 or more: a line when one begins and two when one ends.
    """
    logger, handler = logging.getLogger("synthetic_communities"), _StderrHandler()
    level, propagate = logger.level, logger.propagate
    logger.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
