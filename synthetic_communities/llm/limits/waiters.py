"""Who waits for a limiter, on which loop, and who of them goes first."""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from .ticket import Ticket

Order: TypeAlias = tuple[float, str]
"""Who goes first: the least. A number, then a text."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A call that waits.

    Attributes:
        order: the least goes first.
        number: of those with the same order, the least goes first.
        ticket: the call.
        loop: the loop it waits on.
        let_go: done when it may go; to be touched on its own loop only.
        is_granted: whether it may go.
        has_left: whether it waits no more, as it was cancelled.
    """

    order: Order
    number: int
    ticket: Ticket
    loop: asyncio.AbstractEventLoop
    let_go: "asyncio.Future[None]"
    is_granted: bool = False
    has_left: bool = False

    def __lt__(self, other: "Waiter") -> bool:
        return (self.order, self.number) < (other.order, other.number)


class Waiters:
    """All who wait. Whoever uses it from several threads locks it."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._queue: list[Waiter] = []
        self._by_loop: Counter[asyncio.AbstractEventLoop] = Counter()
        self._numbers = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._by_loop)

    def __iter__(self) -> Iterator[Waiter]:
        """Yield whoever is first, as long as there is one; whoever was yielded is to be granted before the next."""
        while self._queue:
            first = self._queue[0]
            if not first.has_left:
                yield first
            heapq.heappop(self._queue)

    @property
    def loops(self) -> tuple[asyncio.AbstractEventLoop, ...]:
        """The loops on which somebody waits."""
        return tuple(self._by_loop)

    def enter(self, ticket: Ticket, order: Order) -> Waiter:
        """Have a call wait on the running loop."""
        loop = asyncio.get_running_loop()
        waiter = Waiter(order, next(self._numbers), ticket, loop, loop.create_future())
        heapq.heappush(self._queue, waiter)
        self._by_loop[loop] += 1
        return waiter

    def grant(self, waiter: Waiter) -> None:
        """Note that a call may go."""
        waiter.is_granted = True
        self._leave(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Note that a call waits no more."""
        waiter.has_left = True
        self._leave(waiter)

    def _leave(self, waiter: Waiter) -> None:
        self._by_loop[waiter.loop] -= 1
        if not self._by_loop[waiter.loop]:
            del self._by_loop[waiter.loop]
