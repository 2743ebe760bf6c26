"""Giving back one's place under a limit while waiting for something that is not a reply."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

place_given_back: ContextVar[Callable[[], AbstractAsyncContextManager[None]] | None] = ContextVar(
    "synthetic_communities_place_given_back", default=None
)
"""How the act under way gives back its place; set by whoever counts places, None where nobody does."""


@asynccontextmanager
async def without_place() -> AsyncIterator[None]:
    """Wait in here: the act's place under the limit goes to others, and is taken again at the end."""
    give_back = place_given_back.get()
    if give_back is None:
        yield
    else:
        async with give_back():
            yield
