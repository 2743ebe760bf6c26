"""The notebook this runs in, if it runs in one: found without importing what it is made of, and shown something."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

Publish: TypeAlias = Callable[[Mapping[str, str]], None]
"""Shows data, given by media type, in the place of what it showed before."""

WOKEN_EVERY_SECONDS = 0.2


def is_notebook() -> bool:
    """Say whether this runs in a notebook: in an IPython that has a kernel, as one in a terminal has not."""
    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return find_shell is not None and getattr(find_shell(), "kernel", None) is not None


@contextmanager
def kept_awake(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let a loop come round now and then while this lasts.

    A kernel leaves its stop button to its loop without waking it: a cell that awaits one long reply would end with it.
    """

    next_time: asyncio.TimerHandle

    def come_round() -> None:
        """Do nothing but have the loop wake again: whoever handles Ctrl-C gets a turn by that."""
        nonlocal next_time
        next_time = loop.call_later(WOKEN_EVERY_SECONDS, come_round)

    come_round()
    try:
        yield
    finally:
        next_time.cancel()


class OneDisplay:
    """A display in the cell that runs, shown by the first call and updated by all others."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, data: Mapping[str, str]) -> None:
        """Show data, given by media type, in the place of what was shown before."""
        # Imported by the kernel long ago: this package does not depend on it.
        from IPython.display import display

        show: Callable[..., Any] = display
        if self._handle is None:
            self._handle = show(dict(data), raw=True, display_id=True)
        else:
            self._handle.update(dict(data), raw=True)
