"""Starting what the ledger says may start, never more acts at once than the limit."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..domain.outcome import Done, NotAsked, Outcome, Skipped
from ..waiting import place_given_back
from .bridge import inside, is_stopping
from .ledger import Ledger, Task

Perform = Callable[[Task], Awaitable[Outcome[Any]]]
Settle = Callable[[Task, Outcome[Any]], None]


async def run_tasks(ledger: Ledger, perform: Perform, settle: Settle, *, limit: int) -> None:
    """Run every task of the ledger.

    Args:
        ledger: a plan nothing of which has started.
        perform: does an act; its exceptions are bugs or stop the run, what merely failed it returns as a value.
        settle: takes down how a task ended, before anything that waited for it starts; for bookkeeping tasks this
            is all there is. It must not wait.
        limit: how many acts may be under way at once, at least 1.

    Raises:
        Exception: the first that `perform` or `settle` raised, after everything under way was cancelled and has ended.
        asyncio.CancelledError: cancelled from outside, likewise.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; nothing could ever start")
    run = _Run(ledger, perform, settle, limit)
    first_error: BaseException | None = None
    try:
        with inside():  # for all acts: each runs in a copy of this context
            async with asyncio.TaskGroup() as group:
                run.start_what_may(group)
    except BaseExceptionGroup as several:
        first_error = _first_leaf(several)
    if first_error is not None:
        raise first_error  # outside the handler, so that its own cause stays the only one shown
    if ledger.unfinished:
        raise RuntimeError(f"tasks wait for each other: {', '.join(ledger.stuck()[:5])}")


class _Run:
    """One run of a plan: counts what is under way, and starts the next whenever something ends."""

    def __init__(self, ledger: Ledger, perform: Perform, settle: Settle, limit: int) -> None:
        self._ledger = ledger
        self._perform = perform
        self._settle = settle
        self._limit = limit
        self._under_way = 0
        self._returning: deque[asyncio.Future[None]] = deque()

    def start_what_may(self, group: asyncio.TaskGroup) -> None:
        """Give places to who waits for one back, then start what the ledger says may start."""
        while self._returning and self._under_way < self._limit:
            returned = self._returning.popleft()
            if not returned.cancelled():
                self._under_way += 1
                returned.set_result(None)
        while (task := self._ledger.take(acts_allowed=self._under_way < self._limit)) is not None:
            if (cause := self._ledger.missing_need(task)) is not None:
                was_asked = self._ledger.state(cause) != "not_asked"
                self._end(task, Skipped(cause) if was_asked else NotAsked("there was nothing before it to go on from"))
            elif task.is_act:
                self._under_way += 1
                group.create_task(self._act(task, group))
            else:
                self._end(task, Done(None))

    async def _act(self, task: Task, group: asyncio.TaskGroup) -> None:
        place = _Place()
        place_given_back.set(lambda: self._without_place(place, group))
        if is_stopping():
            raise asyncio.CancelledError
        outcome = await self._perform(task)
        this = asyncio.current_task()
        if this is not None and this.cancelling():  # a mind swallowed its cancellation: nothing new may start
            raise asyncio.CancelledError
        self._under_way -= place.is_held
        self._end(task, outcome)
        self.start_what_may(group)

    @asynccontextmanager
    async def _without_place(self, place: "_Place", group: asyncio.TaskGroup) -> AsyncIterator[None]:
        place.is_held = False
        self._under_way -= 1
        self.start_what_may(group)
        try:
            yield
        except asyncio.CancelledError:
            raise  # what is cancelled, by a timeout too, waits for nothing more
        except BaseException:
            await self._take_place(place, group)
            raise
        await self._take_place(place, group)

    async def _take_place(self, place: "_Place", group: asyncio.TaskGroup) -> None:
        returned = asyncio.get_running_loop().create_future()
        self._returning.append(returned)
        self.start_what_may(group)
        try:
            await returned
        finally:
            place.is_held = returned.done() and not returned.cancelled()

    def _end(self, task: Task, outcome: Outcome[Any]) -> None:
        self._settle(task, outcome)
        match outcome:
            case Done():
                self._ledger.end(task, "done")
            case NotAsked():
                self._ledger.end(task, "not_asked")
            case Skipped(cause):
                self._ledger.end(task, "skipped", cause)
            case _:
                self._ledger.end(task, "failed")


@dataclass(slots=True)
class _Place:
    """An act's place under the limit.

    Attributes:
        is_held: whether the act holds it; False while it waits for something that is not a reply.
    """

    is_held: bool = True


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
