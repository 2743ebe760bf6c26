"""The one bridge from the synchronous face to the asynchronous insides."""

import asyncio
import contextvars
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from ..errors import UsageError
from ..warned import keep_caller

T = TypeVar("T")

WAIT_SLICE_SECONDS = 0.1
"""How often a waiting caller looks whether it was told to stop, where the one who tells raises nothing."""


@dataclass(slots=True)
class _Stop:
    """Whether work was told to stop: at once and from any thread, before its loop comes round to cancelling anything.

    Attributes:
        task: what all of the work is part of.
        is_asked: whether somebody asked for it.
    """

    task: "asyncio.Task[Any] | None"
    is_asked: bool = False


_stop: contextvars.ContextVar[_Stop | None] = contextvars.ContextVar("synthetic_communities_stop", default=None)
_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("synthetic_communities_inside", default=False)


class inside:
    """Note that what runs in here runs inside a community: a synchronous verb called from it would hang.

    No generator makes it, as it is entered twice for every act.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _inside.set(True)

    def __exit__(self, *exc_info: object) -> None:
        _inside.reset(self._token)


def is_stopping() -> bool:
    """Say whether the work this is part of was told to stop: what has not begun by then is not to begin.

    Where something blocked the loop, much may be ready to run before the loop comes round to cancelling it.
    """
    stop = _stop.get()
    return stop is not None and (stop.is_asked or (stop.task is not None and stop.task.cancelling() > 0))


async def _stoppable(coroutine: Coroutine[Any, Any, T]) -> T:
    _stop.set(_Stop(asyncio.current_task()))
    return await coroutine


def run_sync(coroutine: Coroutine[Any, Any, T], *, twin: str = "") -> T:
    """Run `coroutine` to its end and return its result.

    Without a running loop in this thread this is `asyncio.run`. Where a loop is running already (a notebook, an
    async web handler), `asyncio.run` runs in a thread of its own with this context's variables, and the caller waits.

    Args:
        coroutine: what to run.
        twin: name of the asynchronous twin of the verb, where it is not the coroutine's own.

    Raises:
        UsageError: called from inside a running community; the message names the twin.
        KeyboardInterrupt: Ctrl-C, after the work was cancelled and has ended.
        asyncio.CancelledError: the task that waits was cancelled, or is about to be after Ctrl-C, likewise.
    """
    if not _is_loop_running():
        return asyncio.run(_stoppable(coroutine))
    if _inside.get():
        name = twin or getattr(coroutine, "__qualname__", "coroutine")
        coroutine.close()
        raise UsageError(
            f"{name.removesuffix('_async')}() was called from inside a running community, "
            f"where waiting would block every other call; await {name}() instead"
        )
    return _run_in_thread(coroutine)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    worker = _Worker(coroutine)
    waiting = asyncio.current_task()
    before = waiting.cancelling() if waiting else 0  # before the work begins: it may be what cancels
    context = contextvars.copy_context()
    keep_caller(context)
    thread = threading.Thread(target=context.run, args=(worker.run,), name="synthetic_communities", daemon=True)
    thread.start()
    try:
        was_told_to_stop = _wait(worker, waiting, before)
    except KeyboardInterrupt:
        worker.stop()
        raise
    finally:
        thread.join()
    if was_told_to_stop:
        raise asyncio.CancelledError
    result: T = worker.result()
    return result


def _wait(worker: "_Worker", waiting: "asyncio.Task[Any] | None", before: int) -> bool:
    """Wait until the worker has ended; say whether that was because this task was cancelled, or is about to be.

    `asyncio.run` answers Ctrl-C by cancelling its task, which raises nothing in a task that blocks. Others, a notebook
    whose cell awaits something among them, cancel it when their loop comes round, which it cannot while this blocks.
    """
    with _interrupt_noted() as interrupted:
        while not worker.ended.wait(WAIT_SLICE_SECONDS):
            if interrupted.is_set() or (waiting is not None and waiting.cancelling() > before):
                worker.stop()
                return True
    return False


@contextmanager
def _interrupt_noted() -> Iterator[threading.Event]:
    """Take note of Ctrl-C beside whoever handles it, where that is not Python's own handler, which raises."""
    noted = threading.Event()
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and callable(handler)) or handler is signal.default_int_handler:
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        """Take note of Ctrl-C, and leave it to whom it was left to."""
        noted.set()
        handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, handler)


class _Worker:
    """A coroutine run by `asyncio.run` in another thread, which can be stopped from this one."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.ended = threading.Event()
        self._coroutine = coroutine
        self._started = threading.Event()
        self._stop = _Stop(None)
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[Any]
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run the coroutine, keeping its result or its error for who waits."""
        try:
            self._result = asyncio.run(self._main())
        except BaseException as error:  # whatever it is, it belongs to the thread that waits: handed over by result()
            self._error = error
        finally:
            self.ended.set()

    async def _main(self) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._loop, self._task = asyncio.get_running_loop(), task
        _stop.set(self._stop)
        self._started.set()
        return await self._coroutine

    def stop(self) -> None:
        """Cancel the coroutine and wait until it has ended."""
        self._stop.is_asked = True
        self._started.wait()
        if not self.ended.is_set():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.ended.wait()

    def result(self) -> Any:
        """Return the coroutine's result, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result
