"""What the act under way is told by whoever orders the work: how urgent it is, and how it gives its place back."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar

urgency: ContextVar[int] = ContextVar("synthetic_communities_urgency", default=0)
"""Acts on the longest path from the one under way to the end of its run; 0 where nobody plans."""

sharers: ContextVar[int | None] = ContextVar("synthetic_communities_sharers", default=None)
"""How many people are asked with what the act under way has in common with theirs; None where nobody plans."""

at_once: ContextVar[int] = ContextVar("synthetic_communities_at_once", default=0)
"""How many acts may be under way at once beside this one; 0 where nobody counts."""

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


@contextmanager
def shared_by(people: int, limit: int) -> Iterator[None]:
    """Tell the acts that are started in here how many people share what is common, and how many go on at once."""
    tokens = sharers.set(people), at_once.set(limit)
    try:
        yield
    finally:
        sharers.reset(tokens[0])
        at_once.reset(tokens[1])
