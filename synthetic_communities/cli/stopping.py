"""Being told to end by the system: the command ends as it does on Ctrl-C, and its exit status says by what."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C."""

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that tell a process to end; not every system has all of them."""


class Stopping:
    """By which signal this process was told to end, if it was."""

    def __init__(self) -> None:
        self._number: int | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C does at this moment: whoever handles it knows how to end what is under way."""
        self._number = number
        handle = signal.getsignal(signal.SIGINT)
        if callable(handle):
            handle(signal.SIGINT, frame)

    def exit_status(self, status: int) -> int:
        """Return the exit status of a command that ends with this one: that of the signal, if it ended by one."""
        if status == INTERRUPTED and self._number is not None:
            return 128 + self._number
        return status


@contextmanager
def stopped_as_by_ctrl_c() -> Iterator[Stopping]:
    """Let signals that tell a process to end do what Ctrl-C does; those that are ignored, as under `nohup`, stay so."""
    stopping = Stopping()
    with ExitStack() as after:
        if threading.current_thread() is threading.main_thread():  # no other may say what signals do
            handled = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
            if handled:
                after.enter_context(_ctrl_c_handled())
            for number in handled:
                after.callback(signal.signal, number, signal.signal(number, stopping.stop))
        yield stopping


@contextmanager
def _ctrl_c_handled() -> Iterator[None]:
    """Have a handler of Ctrl-C, where it is ignored, too.

    A shell lets what it starts in the background ignore Ctrl-C, and it is still to: it is held back as long as there is
    a handler for it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # first: it also drops what was held back
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
