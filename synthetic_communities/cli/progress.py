"""How far a run is, for a log that is read later; `live` shows the same on a terminal."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from ..simulation.progress import Progress
from ..simulation.telling import told_meanwhile
from .program import say

EVERY_SECONDS = 10.0


def told_plainly(progress: Progress) -> AbstractContextManager[None]:
    """Return what writes a line to stderr every `EVERY_SECONDS` while it lasts, though nothing may end meanwhile."""
    return told_meanwhile(lambda wait: tell_until(wait, progress), "progress")


def tell_until(wait: Callable[[float], bool], progress: Progress) -> None:
    """Write a line to stderr whenever `wait` has waited `EVERY_SECONDS` and returned False."""
    while not wait(EVERY_SECONDS):
        say(progress.line())
