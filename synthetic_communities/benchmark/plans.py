"""What is measured, and what has to be reached."""

from dataclasses import dataclass, field
from typing import Literal

Measure = Literal["speed-up", "overhead"]


@dataclass(frozen=True, slots=True)
class Reach:
    """A figure that has to be reached.

    Attributes:
        measure: `speed-up`: how many times faster than one by one, at least; `overhead`: wall time beyond what waiting
            for replies takes, in seconds, at most.
        limit: at which limit.
        bound: the figure.
    """

    measure: Measure
    limit: int
    bound: float

    def is_met_by(self, value: float) -> bool:
        """Say whether a measured value reaches it."""
        return value >= self.bound if self.measure == "speed-up" else value <= self.bound

    def __str__(self) -> str:
        return f">= {self.bound:g}x" if self.measure == "speed-up" else f"overhead <= {self.bound:g} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        name: as it stands in the report.
        people: how many update their beliefs side by side.
        latency_seconds: how long a reply takes.
        sequential_people: how many of them do it one by one as well.
        limits: how many at once, one leg each.
        reaches: what has to be reached.
    """

    name: str
    people: int
    latency_seconds: float = field(kw_only=True)
    sequential_people: int = field(kw_only=True)
    limits: tuple[int, ...] = field(kw_only=True)
    reaches: tuple[Reach, ...] = field(kw_only=True)

    def reaches_at(self, limit: int) -> tuple[Reach, ...]:
        """Return what has to be reached at a limit."""
        return tuple(reach for reach in self.reaches if reach.limit == limit)


FULL = Plan(
    "full",
    100,
    latency_seconds=2.0,
    sequential_people=100,
    limits=(20, 100),
    reaches=(Reach("speed-up", 20, 19.0), Reach("speed-up", 100, 90.0)),
)

QUICK = Plan(
    "quick",
    100,
    latency_seconds=0.3,
    sequential_people=20,
    limits=(20, 100),
    reaches=(Reach("overhead", 100, 0.25),),
)
"""The sequential leg is on 20 people, so its speed-ups are projected; the reach needs no sequential leg."""
