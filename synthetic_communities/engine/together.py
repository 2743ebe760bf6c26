"""Several coroutines side by side: results in order, and the others cancelled when one raises."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def run_together(
    coroutines: Iterable[Coroutine[Any, Any, T]], *, held_back: type[Exception] | tuple[()] = ()
) -> list[T]:
    """Return what these return, in their order.

    Args:
        coroutines: what to run.
        held_back: an exception that concerns nobody but the one who raises it: the others go on, and the first in
            their order is raised when all have ended.

    Raises:
        Exception: the first that one of them raised, after the others were cancelled and have ended.
        asyncio.CancelledError: cancelled from outside, likewise.
    """
    first_error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_hold_back(coroutine, held_back)) for coroutine in coroutines]
    except BaseExceptionGroup as several:
        first_error = first_leaf(several)
    if first_error is not None:
        raise first_error  # outside the handler, so that its own cause stays the only one shown
    results: list[T] = []
    for returned, error in (task.result() for task in tasks):
        if error is not None:
            raise error
        results += returned
    return results


async def _hold_back(
    coroutine: Coroutine[Any, Any, T], held_back: type[Exception] | tuple[()]
) -> tuple[list[T], Exception | None]:
    """Return what was returned, or what was raised that is held back."""
    try:
        return [await coroutine], None
    except held_back as error:
        return [], error


def first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception in a group of groups that is none itself."""
    first = group.exceptions[0]
    return first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
