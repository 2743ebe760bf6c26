"""What the engine alone costs: acts that only sleep, beside asyncio sleeping as often."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .children import call_in_child
from .measures import Figure, Sample, Tell

MODULE, FUNCTION = "synthetic_communities.benchmark.engine_only", "measure_engine"
"""Called with a number of acts and a limit; returns the legs `bare` and `engine` and `peak_bytes`."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What is measured of the engine alone.

    Attributes:
        acts: how many acts that only sleep, a second each.
        limit: how many at once.
        repetitions: how often, each in a new process.
        times: how many times the processor time of asyncio alone it may take.
        most_gb: how much memory it may hold, in GB of 10^9 bytes.
    """

    acts: int
    limit: int
    repetitions: int = field(kw_only=True)
    times: float | None = field(default=None, kw_only=True)
    most_gb: float | None = field(default=None, kw_only=True)


def list_engine_figures(plan: EnginePlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    sleeps = f"asyncio, {plan.acts:,} sleeps"
    return (
        Figure("beside asyncio", "x", compared_to=sleeps, better="less", reach=plan.times, is_ratio=True),
        Figure("an act", "ms", compared_to="process CPU / acts", better="less"),
        Figure("a sleep of asyncio", "ms", compared_to="process CPU / sleeps", better="less"),
        Figure("memory at most", "GB", compared_to="nothing", better="less", reach=plan.most_gb),
    )


def take_engine(plan: EnginePlan, tell: Tell) -> Iterator[Sample]:
    """Measure the engine alone, in a process of its own every time."""
    for number in range(plan.repetitions):
        tell(f"{plan.acts:,} acts, repetition {number + 1} of {plan.repetitions}")
        yield Sample(read_engine(call_in_child(MODULE, FUNCTION, plan.acts, plan.limit)))


def read_engine(told: dict[str, Any]) -> dict[str, float]:
    """Return the values of the figures; none for memory where the system does not tell."""
    bare, engine = told["bare"], told["engine"]
    memory = {} if told["peak_bytes"] is None else {"memory at most": told["peak_bytes"] / 1e9}
    return {
        "beside asyncio": engine["cpu_seconds"] / bare["cpu_seconds"],
        "an act": 1000 * engine["cpu_seconds"] / engine["acts"],
        "a sleep of asyncio": 1000 * bare["cpu_seconds"] / bare["acts"],
        **memory,
    }
