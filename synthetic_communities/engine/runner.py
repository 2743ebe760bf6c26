"""Starting what ledgers say may start, never more acts at once than there are places."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from ..domain.outcome import Done, NotAsked, Outcome, Skipped
from ..waiting import place_given_back, urgency
from .bridge import inside, is_stopping
from .collecting import collecting_rarely
from .ledger import Ledger, Task
from .together import first_leaf

Perform = Callable[[Task], Awaitable[Outcome[Any]]]
Settle = Callable[[Task, Outcome[Any]], None]


class Places:
    """Places for acts under way, for one run or for several that share them on one event loop.

    Of everything that is ready in any run, the act with the longest path still ahead of it goes first, then that of
    the run that came first; of equal ones those that gave a place back and ask for it again. A debate is one long
    chain: while it holds one run up, the others fill the places.

    Attributes:
        limit: how many there are.
    """

    def __init__(self, limit: int) -> None:
        """Take how many acts may be under way at once.

        Raises:
            ValueError: the limit is below 1; nothing could ever start.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}; nothing could ever start")
        self.limit = limit
        self._taken = 0
        self._runs: list[_Run] = []
        self._returning: list[tuple[int, int, asyncio.Future[None]]] = []
        self._asked_again = 0

    def open_to(self, run: "_Run") -> None:
        """Let a run take places."""
        self._runs.append(run)

    def close_to(self, run: "_Run") -> None:
        """Let a run take no more."""
        if run in self._runs:
            self._runs.remove(run)

    def is_open_to(self, run: "_Run") -> bool:
        """Say whether a run may take places."""
        return run in self._runs

    def take(self) -> None:
        """Note that a place is taken."""
        self._taken += 1

    def give_back(self) -> None:
        """Note that a place is free."""
        self._taken -= 1

    def ask_again(self, ahead: int) -> asyncio.Future[None]:
        """Return what is done when a place is there for an act that gave its own back.

        Args:
            ahead: acts on the longest path from it to the end: it goes before any with fewer that starts.
        """
        returned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._returning, (-ahead, self._asked_again, returned))
        self._asked_again += 1
        return returned

    def fill(self) -> None:
        """Give places to acts that ask for one again and to those that may start in any run, the most urgent first."""
        while True:
            ahead, run = self._most_urgent()
            if self._returning and self._taken < self.limit and -self._returning[0][0] >= ahead:
                self._let_return()
            elif run is not None:
                run.start_next(acts_allowed=self._taken < self.limit)
            else:
                return

    def _let_return(self) -> None:
        _, _, returned = heapq.heappop(self._returning)
        if not returned.cancelled():
            self.take()
            returned.set_result(None)

    def _most_urgent(self) -> "tuple[int, _Run | None]":
        acts_allowed = self._taken < self.limit
        urgencies = [(run.ledger.urgency(acts_allowed=acts_allowed), -place) for place, run in enumerate(self._runs)]
        ahead, place = max(urgencies, default=(0, 0))
        return ahead, self._runs[-place] if ahead else None


async def run_tasks(ledger: Ledger, perform: Perform, settle: Settle, *, places: Places) -> None:
    """Run every task of the ledger.

    Args:
        ledger: a plan nothing of which has started.
        perform: does an act; its exceptions are bugs or stop the run, what merely failed it returns as a value.
        settle: takes down how a task ended, before anything that waited for it starts; for bookkeeping tasks this
            is all there is. It must not wait.
        places: how many acts may be under way at once, here and in other runs that share them.

    Raises:
        Exception: the first that `perform` or `settle` raised, after everything under way was cancelled and has ended.
        asyncio.CancelledError: cancelled from outside, likewise.
    """
    first_error: BaseException | None = None
    try:
        with collecting_rarely():
            async with asyncio.TaskGroup() as group:
                await _Run(ledger, perform, settle, places, group).be_carried_out()
    except BaseExceptionGroup as several:
        first_error = first_leaf(several)
    if first_error is not None:
        raise first_error  # outside the handler, so that its own cause stays the only one shown
    if ledger.unfinished:
        raise RuntimeError(f"tasks wait for each other: {', '.join(ledger.stuck()[:5])}")


class _Run:
    """One run of a plan: starts what its ledger hands out when there are places, and notes how it ended."""

    def __init__(
        self, ledger: Ledger, perform: Perform, settle: Settle, places: Places, group: asyncio.TaskGroup
    ) -> None:
        self.ledger = ledger
        self._perform = perform
        self._settle = settle
        self._places = places
        self._group = group
        self._context = copy_context()
        self._under_way = 0
        self._came_to_rest = asyncio.Event()
        self._error: Exception | None = None

    async def be_carried_out(self) -> None:
        """Take places until nothing is ready and nothing under way."""
        self._places.open_to(self)
        try:
            self._places.fill()
            self._note_rest()
            await self._came_to_rest.wait()
        finally:
            self._places.close_to(self)
        if self._error is not None:
            raise self._error

    def start_next(self, *, acts_allowed: bool) -> None:
        """Start the next task; what is none of an agent's ends at once.

        It may be an act of another run that made room for it: what goes wrong here is this run's alone.
        """
        try:
            self._start(acts_allowed=acts_allowed)
        except Exception as error:  # raised by `be_carried_out`, where it belongs
            self._error = self._error or error
            self._places.close_to(self)
            self._came_to_rest.set()
        self._note_rest()  # what was started may have been its last, and ended at once: nobody else would note that

    def _start(self, *, acts_allowed: bool) -> None:
        task = self.ledger.take(acts_allowed=acts_allowed)
        assert task is not None
        if (cause := self.ledger.missing_need(task)) is not None:
            was_asked = self.ledger.state(cause) != "not_asked"
            self._end(task, Skipped(cause) if was_asked else NotAsked("there was nothing before it to go on from"))
        elif task.is_act:
            self._places.take()
            self._under_way += 1
            self._group.create_task(self._act(task), context=self._context.copy())
        else:
            self._end(task, Done(None))

    async def _act(self, task: Task) -> None:
        place = _Place()
        try:
            outcome = await self._carry_out(task, place)
            self._end(task, outcome)
        except BaseException:
            self._places.close_to(self)  # nothing more of this run may start
            raise
        finally:
            self._under_way -= 1
            if place.is_held:
                self._places.give_back()
            self._places.fill()
            self._note_rest()

    async def _carry_out(self, task: Task, place: "_Place") -> Outcome[Any]:
        place_given_back.set(lambda: self._without_place(place))
        urgency.set(self.ledger.path_ahead(task.key))
        if is_stopping():
            raise asyncio.CancelledError
        with inside():
            outcome = await self._perform(task)
        this = asyncio.current_task()
        if this is not None and this.cancelling():  # a mind swallowed its cancellation: nothing new may start
            raise asyncio.CancelledError
        return outcome

    @asynccontextmanager
    async def _without_place(self, place: "_Place") -> AsyncIterator[None]:
        place.is_held = False
        self._places.give_back()
        self._places.fill()
        try:
            yield
        except asyncio.CancelledError:
            raise  # what is cancelled, by a timeout too, waits for nothing more
        except BaseException:
            await self._take_place(place)
            raise
        await self._take_place(place)

    async def _take_place(self, place: "_Place") -> None:
        returned = self._places.ask_again(urgency.get())
        self._places.fill()
        try:
            await returned
        finally:
            place.is_held = returned.done() and not returned.cancelled()

    def _note_rest(self) -> None:
        is_over = not self._places.is_open_to(self) or not self.ledger.urgency(acts_allowed=True)
        if is_over and not self._under_way:
            self._came_to_rest.set()

    def _end(self, task: Task, outcome: Outcome[Any]) -> None:
        self._settle(task, outcome)
        match outcome:
            case Done():
                self.ledger.end(task, "done")
            case NotAsked():
                self.ledger.end(task, "not_asked")
            case Skipped(cause):
                self.ledger.end(task, "skipped", cause)
            case _:
                self.ledger.end(task, "failed")


@dataclass(slots=True)
class _Place:
    """An act's place under the limit.

    Attributes:
        is_held: whether the act holds it; False while it waits for something that is not a reply.
    """

    is_held: bool = True
