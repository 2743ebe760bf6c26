"""The one bridge from the synchronous face to the asynchronous insides."""

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..errors import UsageError

T = TypeVar("T")

_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("synthetic_communities_inside", default=False)


def mark_inside() -> None:
    """Note, for the rest of this task, that it runs inside this package: a synchronous verb called here would hang."""
    _inside.set(True)


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end and return its result.

    Without a running loop in this thread this is `asyncio.run`. Where a loop is running already (a notebook, an
    async web handler), `asyncio.run` runs in a thread of its own with this context's variables, and the caller waits.

    Raises:
        UsageError: called from inside this package's own coroutines; the message names the `_async` twin.
        KeyboardInterrupt: Ctrl-C, after the work was cancelled and has ended.
    """
    if not _is_loop_running():
        return asyncio.run(_marked(coroutine))
    if _inside.get():
        name = getattr(coroutine, "__qualname__", "coroutine")
        coroutine.close()
        raise UsageError(
            f"{name.removesuffix('_async')}() was called from inside a running community, "
            f"where waiting would block every other call; await {name}() instead"
        )
    return _run_in_thread(coroutine)


async def _marked(coroutine: Coroutine[Any, Any, T]) -> T:
    mark_inside()
    return await coroutine


def _run_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    worker = _Worker(coroutine)
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(worker.run,), name="synthetic_communities", daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        worker.cancel()
        thread.join()
        raise
    result: T = worker.result()
    return result


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Worker:
    """A coroutine run by `asyncio.run` in another thread, which can be cancelled from this one."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[Any]
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = asyncio.run(self._main())
        except BaseException as error:  # whatever it is, it belongs to the thread that waits: handed over by result()
            self._error = error

    async def _main(self) -> Any:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._started.set()
        return await _marked(self._coroutine)

    def cancel(self) -> None:
        self._started.wait()
        self._loop.call_soon_threadsafe(self._task.cancel)

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result
