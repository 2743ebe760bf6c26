"""Work that ends before its end once its budget is over."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..config import Config
from ..engine.together import first_leaf
from ..llm.money.budget import Budget, Limits


def read_limits(config: Config) -> Limits:
    """Return what a run with these settings may spend."""
    return Limits(
        max_cost_usd=config.max_cost_usd,
        max_tokens=config.max_tokens,
        max_calls=config.max_calls,
        deadline_seconds=config.deadline_seconds,
    )


async def carry_out(work: Coroutine[Any, Any, None], budget: Budget) -> None:
    """Do work until it has ended, or the budget is over: then whatever it waits for is cancelled.

    A call in flight is not cancelled for it, as a budget is over only when there is none; what waits for its turn, for
    another try or for a server's pause is.

    Raises:
        RunStoppedError: the budget is over, and the work is not done.
        Exception: what the work raised.
        asyncio.CancelledError: cancelled from outside, after the work was and has ended.
    """
    loop, seconds = asyncio.get_running_loop(), budget.limits.deadline_seconds
    timer = None if seconds is None else loop.call_later(seconds, budget.reach_deadline)
    first_error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            doing, over = group.create_task(work), group.create_task(_end_with(budget))
            await asyncio.wait({doing})
            over.cancel()
    except BaseExceptionGroup as several:
        first_error = first_leaf(several)
    finally:
        if timer is not None:
            timer.cancel()
    if first_error is not None:
        raise first_error  # outside the handler, so that its own cause stays the only one shown
    if doing.cancelled():
        raise asyncio.CancelledError


async def _end_with(budget: Budget) -> None:
    raise await budget.wait_until_over()
