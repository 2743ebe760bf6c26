"""The engine alone: a plan of acts that only sleep, beside asyncio doing nothing but sleep as often."""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from ..domain.outcome import Done, Outcome
from ..engine.ledger import Ledger, Task
from ..engine.runner import Places, run_tasks
from .memory import read_peak_bytes

ACT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SleepLeg:
    """So many sleeps, `limit` at a time.

    Attributes:
        acts: how many.
        limit: how many at once.
        seconds: wall time.
        cpu_seconds: processor time of this process.
    """

    acts: int
    limit: int
    seconds: float = field(kw_only=True)
    cpu_seconds: float = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class EngineResult:
    """The engine beside bare asyncio.

    Attributes:
        bare: asyncio alone.
        engine: the same acts as tasks of a plan, planning included.
        peak_bytes: the most memory this process ever held, both legs included; None where the system does not tell.
    """

    bare: SleepLeg
    engine: SleepLeg
    peak_bytes: int | None


def measure_engine(acts: int, limit: int, act_seconds: float = ACT_SECONDS) -> EngineResult:
    """Return what so many acts that only sleep take, with asyncio alone and with the engine, in this process.

    Args:
        acts: how many.
        limit: how many at once.
        act_seconds: how long each of them sleeps.
    """
    bare = _measure(lambda: sleep_bare(acts, limit, act_seconds), acts, limit)
    engine = _measure(lambda: sleep_as_tasks(acts, limit, act_seconds), acts, limit)
    return EngineResult(bare, engine, read_peak_bytes())


async def sleep_bare(acts: int, limit: int, act_seconds: float) -> None:
    """Sleep so many times, each in a task of its own, with nothing but asyncio."""
    for first in range(0, acts, limit):
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, acts - first)):
                group.create_task(asyncio.sleep(act_seconds))


async def sleep_as_tasks(acts: int, limit: int, act_seconds: float) -> None:
    """Sleep so many times, each as an act of a plan."""

    async def perform(task: Task) -> Outcome[None]:
        """Sleep for as long as an act takes, and say nothing."""
        await asyncio.sleep(act_seconds)
        return Done(None)

    ledger = Ledger(Task(f"sleep/{number}", "sleep") for number in range(acts))
    await run_tasks(ledger, perform, _ignore, places=Places(limit))


def _measure(sleep: Callable[[], Coroutine[Any, Any, None]], acts: int, limit: int) -> SleepLeg:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(sleep())
    return SleepLeg(acts, limit, seconds=time.perf_counter() - wall, cpu_seconds=time.process_time() - cpu)


def _ignore(task: Task, outcome: Outcome[Any]) -> None:
    """Settle nothing: sleeping leaves nothing."""
