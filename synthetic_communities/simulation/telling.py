"""Telling of a run while it is under way: in a thread, as its loop may be busy, and acts do not wait for displays."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_meanwhile(tell: Callable[[Callable[[float], bool]], None], name: str) -> Iterator[None]:
    """Have somebody tell of what goes on in here, in a thread and with the context variables of who enters.

    Args:
        tell: is given what waits so many seconds, and returns once that has returned True: this has ended.
        name: of the thread.
    """
    stop, context = threading.Event(), contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(tell, stop.wait), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
