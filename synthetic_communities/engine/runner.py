"""Starting what the ledger says may start, never more acts at once than the limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..domain.outcome import Done, NotAsked, Outcome, Skipped
from .bridge import mark_inside
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
    run = _Run(ledger, perform, settle, limit)
    first_error: BaseException | None = None
    try:
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

    def start_what_may(self, group: asyncio.TaskGroup) -> None:
        while (task := self._ledger.take(acts_allowed=self._under_way < self._limit)) is not None:
            if (cause := self._ledger.missing_need(task)) is not None:
                self._end(task, Skipped(cause))
            elif task.is_act:
                self._under_way += 1
                group.create_task(self._act(task, group))
            else:
                self._end(task, Done(None))

    async def _act(self, task: Task, group: asyncio.TaskGroup) -> None:
        mark_inside()
        outcome = await self._perform(task)
        self._under_way -= 1
        self._end(task, outcome)
        self.start_what_may(group)

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


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
