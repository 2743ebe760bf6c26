"""Time that costs nothing: when all that is left to do is to wait, the clock jumps to the end of the wait.

    import asyncio
    from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds

    async def main() -> float:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(2))
            group.create_task(asyncio.sleep(3600))
        return virtual_seconds()

    assert run_in_virtual_time(main()) == 3600.0

What happens when, and in what order, depends on the delays alone: not on the machine, nor on how busy it is.
"""

import asyncio
import itertools
import math
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")

TIMER_TOLERANCE_SECONDS = 1e-9
"""How much before its time a loop takes a timer to be due; beside a year it is too little to count."""


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end in virtual time, which begins at 0, and return its result.

    Raises:
        RuntimeError: everything waits for something that nothing is going to bring about.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def virtual_seconds() -> float:
    """Return the virtual time passed since the loop of this coroutine began, in seconds.

    Raises:
        RuntimeError: no loop is running here, or one of ordinary time.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop):
        raise RuntimeError(f"{loop!r} runs in ordinary time; start it with run_in_virtual_time()")
    return loop.time()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while something can be done, and else jumps to the next timer.

    Timers set for one moment go off in the order set.

    It is meant for coroutines that wait for timers and for each other. A timer does not wait for a thread or a
    connection: time jumps past them. Where there is no timer, the loop waits for threads of `run_in_executor` and
    for connections as any loop does.
    """

    outruns_threads = True
    """Whoever hands work to a thread of its own is to wait for it at once: this clock would not."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._uses_threads = False
        self._numbers = itertools.count()
        super().__init__(_JumpingSelector(self._jump, self._can_be_woken))

    def time(self) -> float:
        """Return the virtual time passed, in seconds."""
        return self._seconds

    def call_at(  # type: ignore[override]  # the supertype's is bound to the arguments of what is called
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Set a timer, as any loop does."""
        return super().call_at(_Moment(when, next(self._numbers)), callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # likewise
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run `func` in a thread, as any loop does."""
        self._uses_threads = True
        return super().run_in_executor(executor, func, *args)

    def _jump(self, seconds: float) -> None:
        self._seconds += seconds
        if self._seconds + TIMER_TOLERANCE_SECONDS == self._seconds:  # the loop would not take the timer to be due
            self._seconds = math.nextafter(self._seconds, math.inf)

    def _can_be_woken(self, watched: int) -> bool:
        """Say whether a thread or a connection may still bring something about; the loop watches one pipe itself."""
        return self._uses_threads or watched > 1


class _Moment(float):
    """When a timer goes off; of two equal ones, that set first comes first, where a loop's heap would keep no order."""

    _number: int

    def __new__(cls, seconds: float, number: int) -> "_Moment":
        moment = super().__new__(cls, seconds)
        moment._number = number
        return moment

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _Moment) and float(self) == float(other):
            return self._number < other._number
        return float(self) < float(other)


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits for a time to pass: it lets the clock jump instead."""

    def __init__(self, jump: Callable[[float], None], can_be_woken: Callable[[int], bool]) -> None:
        super().__init__()
        self._jump = jump
        self._can_be_woken = can_be_woken

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; if nothing is and there is a `timeout`, the clock jumps by it."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._jump(timeout)
            return []
        if not self._can_be_woken(len(self.get_map())):
            raise RuntimeError("everything waits, and no timer is set: without an outside event this would never end")
        return super().select(None)
