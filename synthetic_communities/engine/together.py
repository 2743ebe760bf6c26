"""Several coroutines side by side: results in order, and the others cancelled when one raises."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def run_together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what these return, in their order.

    Raises:
        Exception: the first that one of them raised, after the others were cancelled and have ended.
        asyncio.CancelledError: cancelled from outside, likewise.
    """
    first_error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as several:
        first_error = first_leaf(several)
    if first_error is not None:
        raise first_error  # outside the handler, so that its own cause stays the only one shown
    return [task.result() for task in tasks]


def first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception in a group of groups that is none itself."""
    first = group.exceptions[0]
    return first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
