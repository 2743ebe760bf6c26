"""Showing in a notebook how far a run is, while it lasts and when it has ended."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RunStoppedError
from ..simulation.progress import Progress
from ..simulation.telling import told_meanwhile
from .frames import Frame, draw, draw_end
from .kernel import OneDisplay, Publish, is_notebook, kept_awake

logger = logging.getLogger("synthetic_communities.notebook")

REDRAWN_EVERY_SECONDS = 0.2
"""How often the display is updated at most."""

TICKS_EVERY_SECONDS = 1.0
"""How often it is updated at least, though nothing ends: the time goes on."""


class Screen:
    """Where frames are shown, until showing one fails: that is logged, and never stops a run."""

    def __init__(self, publish: Publish) -> None:
        self._publish: Publish | None = publish

    def show(self, draw_frame: Callable[[], Frame]) -> None:
        """Draw a frame and show it in the place of the one before."""
        if self._publish is None:
            return
        try:
            self._publish(draw_frame().data())
        except Exception:
            self._publish = None
            logger.info("the progress cannot be displayed; the run goes on without", exc_info=True)


@contextmanager
def shown(directory: Path, publish: Publish) -> Iterator[Progress]:
    """Show how far a run is while this lasts, then how it ended; give what is to observe the run.

    Args:
        directory: the run directory.
        publish: shows what is given in the place of what it showed before.
    """
    progress, screen = Progress(time.monotonic), Screen(publish)
    screen.show(lambda: draw(progress))
    ending = "failed"
    try:
        # A kernel knows the cell that something is to be shown in by a context variable, which the thread has too.
        with told_meanwhile(lambda wait: redraw_until(wait, progress, screen), "notebook progress"):
            yield progress
        ending = "complete"
    except (asyncio.CancelledError, KeyboardInterrupt):
        ending = "interrupted"
        raise
    except RunStoppedError:
        ending = "stopped"
        raise
    finally:
        screen.show(lambda: draw_end(progress, ending, directory))


@contextmanager
def at_home_in_notebook(directory: Path, *, is_watched: bool) -> Iterator[Progress | None]:
    """Let a run stop at once in a notebook, and show how far it is unless somebody else does; elsewhere do nothing.

    Args:
        directory: the run directory.
        is_watched: True if there is an observer already: None is given, and nothing shown.
    """
    if not is_notebook():
        yield None
        return
    with kept_awake(asyncio.get_running_loop()):
        if is_watched:
            yield None
        else:
            with shown(directory, OneDisplay()) as progress:
                yield progress


def redraw_until(wait: Callable[[float], bool], progress: Progress, screen: Screen) -> None:
    """Redraw what has changed, or has stood for a tick, whenever `wait` has waited and returned False."""
    drawn, drawn_at = progress.moment, progress.elapsed_seconds
    while not wait(REDRAWN_EVERY_SECONDS):
        seconds = progress.elapsed_seconds
        if progress.moment is not drawn or seconds - drawn_at >= TICKS_EVERY_SECONDS:
            drawn, drawn_at = progress.moment, seconds
            screen.show(lambda: draw(progress))
