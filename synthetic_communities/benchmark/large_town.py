"""A large community and no model: one epoch with the offline mind, its time, its memory, and how they grow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .children import call_in_child
from .measures import Figure, Sample, Tell

MODULE, FUNCTION = "synthetic_communities.benchmark.scale", "measure_scale"
"""Called with a number of people; returns the `seconds` and the `peak_bytes`."""


@dataclass(frozen=True, slots=True)
class LargePlan:
    """What is measured of a large community.

    Attributes:
        people: how many.
        fewer: how many there are in the community that it is held against.
        repetitions: how often.
        most_seconds: how long an epoch may take.
        most_gb: how much memory it may hold, in GB of 10^9 bytes.
        times: how many times longer than the smaller one it may take.
    """

    people: int
    fewer: int
    repetitions: int = field(default=1, kw_only=True)
    most_seconds: float | None = field(default=None, kw_only=True)
    most_gb: float | None = field(default=None, kw_only=True)
    times: float | None = field(default=None, kw_only=True)


def list_large_figures(plan: LargePlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    fewer = f"{plan.fewer:,} people"
    return (
        Figure("an epoch", "s", compared_to="nothing", better="less", reach=plan.most_seconds),
        Figure("memory at most", "GB", compared_to="nothing", better="less", reach=plan.most_gb),
        Figure("beside fewer people", "x", compared_to=fewer, better="less", reach=plan.times, is_ratio=True),
        Figure(f"an epoch of {fewer}", "s", compared_to="nothing", better="less"),
    )


def take_large(plan: LargePlan, tell: Tell) -> Iterator[Sample]:
    """Measure the smaller community and the large one, each in a process of its own."""
    for number in range(plan.repetitions):
        again = f"repetition {number + 1} of {plan.repetitions}"
        tell(f"{plan.fewer:,} and {plan.people:,} people, offline, one epoch, {again}")
        fewer, many = (call_in_child(MODULE, FUNCTION, people) for people in (plan.fewer, plan.people))
        yield Sample(read_growth(plan, many, fewer))


def read_growth(plan: LargePlan, many: dict[str, Any], fewer: dict[str, Any]) -> dict[str, float]:
    """Return the values of the figures; none for memory where the system does not tell."""
    memory = {} if many["peak_bytes"] is None else {"memory at most": many["peak_bytes"] / 1e9}
    return {
        "an epoch": many["seconds"],
        "beside fewer people": many["seconds"] / fewer["seconds"],
        f"an epoch of {plan.fewer:,} people": fewer["seconds"],
        **memory,
    }
