"""Something that belongs to one event loop, for owners that are used on several."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import UsageError

T = TypeVar("T")


@dataclass(slots=True)
class _Opened(Generic[T]):
    thing: T
    users: int = 0


class PerLoop(Generic[T]):
    """One thing for each event loop, made when it is first opened there and closed when it was closed as often.

    Connections outlive no loop: one used from another loop fails, and one left open is a warning. Loops in other
    threads do not meet: each looks up its own.
    """

    def __init__(self, build: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        """Take what makes the thing, on the loop it is for, and what closes it there."""
        self._build = build
        self._close = close
        self._opened: dict[asyncio.AbstractEventLoop, _Opened[T]] = {}

    @property
    def current(self) -> T:
        """What belongs to the running loop.

        Raises:
            UsageError: it was not opened on this loop.
        """
        opened = self._opened.get(asyncio.get_running_loop())
        if opened is None:
            raise UsageError("the model is not open on this event loop; use `async with model`")
        return opened.thing

    def open(self) -> T:
        """Open it on the running loop, or note that one more uses it there."""
        loop = asyncio.get_running_loop()
        opened = self._opened.get(loop)
        if opened is None:
            opened = self._opened[loop] = _Opened(self._build())
        opened.users += 1
        return opened.thing

    async def close(self) -> None:
        """Note that one less uses it on the running loop, and close it there after the last."""
        loop = asyncio.get_running_loop()
        opened = self._opened[loop]
        opened.users -= 1
        if opened.users == 0:
            del self._opened[loop]
            await self._close(opened.thing)
