"""Warnings at the line of whoever called this package, however deep in it, or on whatever loop, they arise."""

import sys
import warnings
from contextvars import Context, ContextVar
from typing import Any, NamedTuple

_PASSED = frozenset({__name__.partition(".")[0], "asyncio", "concurrent", "contextlib", "selectors", "threading"})
"""Packages on the way from a caller's line to where a warning arises."""


class Place(NamedTuple):
    """A line of somebody's code.

    Attributes:
        file: its file.
        line: its number.
        module: name of its module.
        registry: what was warned of there already.
    """

    file: str
    line: int
    module: str
    registry: dict[Any, Any]


_caller: ContextVar[Place | None] = ContextVar("synthetic_communities_caller", default=None)
"""Whose line waits for what goes on in this thread; None: the thread is the caller's own."""


def find_caller() -> Place | None:
    """Return the latest line on the way to here that is not this package's; None if there is none."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED:
        if frame.f_back is None:
            return _caller.get()
        frame = frame.f_back
    module, registry = frame.f_globals.get("__name__", ""), frame.f_globals.setdefault("__warningregistry__", {})
    return Place(frame.f_code.co_filename, frame.f_lineno, module, registry)


def keep_caller(context: Context) -> None:
    """Let what is run in a context, in another thread, know whose line waits for it."""
    context.run(_caller.set, find_caller())


def warn_caller(message: str) -> None:
    """Warn at the caller's line."""
    place = find_caller()
    if place is None:
        warnings.warn(message, stacklevel=2)
    else:
        warnings.warn_explicit(message, UserWarning, place.file, place.line, place.module, place.registry)
