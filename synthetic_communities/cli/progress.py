"""How far a run is, for a log that is read later; `live` shows the same on a terminal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..simulation.progress import Progress
from .program import say

EVERY_SECONDS = 10.0


@contextmanager
def told_plainly(progress: Progress) -> Iterator[None]:
    """Write a line to stderr every `EVERY_SECONDS` while this lasts, whether or not anything ends meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=tell_until, args=(stop.wait, progress), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def tell_until(wait: Callable[[float], bool], progress: Progress) -> None:
    """Write a line to stderr whenever `wait` has waited `EVERY_SECONDS` and returned False."""
    while not wait(EVERY_SECONDS):
        say(progress.line())
