"""Waiting for what a limiter allows: on any event loop, in any thread, the most urgent call first."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .changes import LimitChange, LimitObserver
from .limiter import Limiter
from .ticket import OTHER, Ending, Ticket
from .waiters import Order, Waiter, Waiters

logger = logging.getLogger("synthetic_communities.limits")

TIMER_SLACK_SECONDS = 0.0005
"""How much later than needed a timer may be before it is set anew."""

TIMER_STEP_SECONDS, MOST_PASSES = 0.002, 128
"""A loop's timers are up to two steps of a millisecond late: less is waited for pass by pass of it, so many at most."""


@dataclass(slots=True)
class _Work:
    """What is to be done once the lock is given back; mostly nothing."""

    granted: Sequence[Waiter] = ()
    timers: Sequence[tuple[asyncio.AbstractEventLoop, float]] = ()
    changes: Sequence[LimitChange] = ()


class SharedLimiter:
    """A limiter that calls on several event loops wait for.

    Its state is plain and behind a lock, which nobody waits under. Each loop on which calls wait has a timer of its
    own, so that none depends on another one's going on.

    Attributes:
        name: the model's, as `provider:model`.
        limiter: what decides; not to be touched from outside but for looking at it.
    """

    def __init__(self, name: str, limiter: Limiter, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take what decides.

        Args:
            name: the model's.
            limiter: what decides.
            clock: the time in seconds, the same for all loops, never going back.
        """
        self.name = name
        self.limiter = limiter
        self._clock = clock
        self._lock = threading.Lock()
        self._waiters = Waiters()
        self._timers: dict[asyncio.AbstractEventLoop, float] = {}
        self._observers: tuple[LimitObserver, ...] = ()

    def watch(self, observer: LimitObserver) -> None:
        """Tell of every change from here on."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def unwatch(self, observer: LimitObserver) -> None:
        """Tell no more, as often as it watches once less; who does not watch is left alone."""
        with self._lock:
            left = list(self._observers)
            if observer in left:
                left.remove(observer)
            self._observers = tuple(left)

    def give(self, *, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        """Hold to so much a minute from here on; None: as before."""
        with self._lock:
            now = self._clock()
            self.limiter.give("requests", requests_per_minute, now)
            self.limiter.give("tokens", tokens_per_minute, now)
            changes = self.limiter.pop_untold()
        self._tell(changes)

    def allow(self, most: int) -> None:
        """Let there be so many calls at once, if that is more than so far."""
        with self._lock:
            self.limiter.crowd.allow(most)

    async def take(self, ticket: Ticket, order: Order) -> float:
        """Wait until a call may go, and let it; whoever takes has to `end` it.

        Args:
            ticket: the call.
            order: the least goes first; of equal ones, who came first.

        Returns:
            How long that took, in seconds; 0.0 if it went at once.

        Raises:
            asyncio.CancelledError: cancelled meanwhile; then there is nothing to end.
        """
        waiter = None
        with self._lock:
            asked_at = self._clock()
            if not self._waiters and not self.limiter.wait_for(ticket, asked_at):
                self.limiter.take(ticket, asked_at)
                work = _Work(changes=self.limiter.pop_untold())
            else:
                waiter = self._waiters.enter(ticket, order)
                work = self._look(asked_at)
        self._do(work)
        if waiter is None:
            return 0.0
        try:
            await waiter.let_go
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        return max(0.0, ticket.granted_at - asked_at)

    def end(self, ticket: Ticket, ending: Ending = OTHER) -> None:
        """Say how a call ended."""
        with self._lock:
            now = self._clock()
            self.limiter.end(ticket, ending, now)
            work = self._look(now)
        self._do(work)

    def _leave(self, waiter: Waiter) -> None:
        """Let a waiter go that was cancelled, before it was let go or just after."""
        with self._lock:
            now = self._clock()
            if waiter.is_granted:
                self.limiter.end(waiter.ticket, OTHER, now)
            else:
                self._waiters.leave(waiter)
            work = self._look(now)
        self._do(work)

    def _look(self, now: float) -> _Work:
        """Let go who may go, the most urgent first, and see when to look again."""
        if not self._waiters:
            return _Work(changes=self.limiter.pop_untold())
        granted: list[Waiter] = []
        work = _Work(granted)
        for first in self._waiters:
            seconds = self.limiter.wait_for(first.ticket, now)
            if seconds > 0:
                work.timers = self._late_timers(now + seconds)
                break
            self.limiter.take(first.ticket, now)
            self._waiters.grant(first)
            granted.append(first)
        work.changes = self.limiter.pop_untold()
        return work

    def _late_timers(self, due: float) -> list[tuple[asyncio.AbstractEventLoop, float]]:
        """Return the loops whose timer would go off too late, and note that they get another."""
        if due == math.inf:
            return []
        self._timers = {loop: self._timers.get(loop, math.inf) for loop in self._waiters.loops}
        late = [loop for loop, at in self._timers.items() if at > due + TIMER_SLACK_SECONDS]
        self._timers.update(dict.fromkeys(late, due))
        return [(loop, due) for loop in late]

    def _do(self, work: _Work, *, passes: int = MOST_PASSES) -> None:
        if work.granted or work.timers:
            here = _running_loop()
            for waiter in work.granted:
                if waiter.loop is here:
                    _let_go(waiter)
                elif not _call_in(waiter.loop, _let_go, waiter):
                    self.end(waiter.ticket)
            for loop, due in work.timers:
                if loop is here:
                    self._set_timer(loop, due, passes)
                else:
                    _call_in(loop, self._set_timer, loop, due, passes)
        self._tell(work.changes)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, due: float, passes: int) -> None:
        seconds = due - self._clock()
        if seconds < TIMER_STEP_SECONDS and passes > 0:
            loop.call_soon(self._wake, loop, due, passes - 1)
        else:
            loop.call_later(max(0.0, seconds), self._wake, loop, due, MOST_PASSES)

    def _wake(self, loop: asyncio.AbstractEventLoop, due: float, passes: int) -> None:
        with self._lock:
            if self._timers.get(loop) != due:
                return  # another timer was set since, for earlier
            del self._timers[loop]
            work = self._look(self._clock())
        # Where time stands still while there is something to do, it would do so for ever.
        self._do(work, passes=MOST_PASSES if work.granted else passes)

    def _tell(self, changes: Sequence[LimitChange]) -> None:
        for change in changes:
            logger.info("%s: %s", self.name, change)
            for observer in self._observers:
                observer(self.name, change)


def _let_go(waiter: Waiter) -> None:
    if not waiter.let_go.done():  # it was cancelled meanwhile, and gives its place back itself
        waiter.let_go.set_result(None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> bool:
    """Have something called on another loop, in its own thread, and return whether that loop still is there."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:  # it is closed
        return False
    return True
