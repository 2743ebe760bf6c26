"""Holding minds open: connections are opened on the loop that runs, once for all acts that go on together."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from contextvars import ContextVar

from ..minds.base import Mind

_held_open: ContextVar[tuple[tuple[int, object], ...]] = ContextVar("synthetic_communities_held_open", default=())


def held_open(minds: Iterable[Mind]) -> AbstractAsyncContextManager[None]:
    """Hold these minds open in there; those that have nothing to open, or are held open already, are left alone."""
    loop, held = id(asyncio.get_running_loop()), _held_open.get()
    closed = [mind for mind in minds if not _holds(held, loop, mind) and isinstance(mind, AbstractAsyncContextManager)]
    return _opened(closed, loop) if closed else nullcontext()


@asynccontextmanager
async def _opened(minds: Iterable[AbstractAsyncContextManager[object]], loop: int) -> AsyncIterator[None]:
    held = list(_held_open.get())
    async with AsyncExitStack() as stack:
        for mind in minds:
            if not _holds(held, loop, mind):
                await stack.enter_async_context(mind)
                held.append((loop, mind))
        token = _held_open.set(tuple(held))
        try:
            yield
        finally:
            _held_open.reset(token)


def _holds(held: Iterable[tuple[int, object]], loop: int, mind: object) -> bool:
    return any(which is mind and where == loop for where, which in held)
