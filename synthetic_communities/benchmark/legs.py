"""What was measured of one leg, and what follows from it: plain values, plain arithmetic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .plans import Plan, Reach

Kind = Literal["sequential", "parallel", "bare client"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the server counted of a leg.

    Attributes:
        calls: how many came in.
        statuses: how they were answered: HTTP status to how many.
        peak_in_flight: the most it was answering at once.
        bytes_in: size of all bodies.
    """

    calls: int
    statuses: Mapping[str, int] = field(kw_only=True)
    peak_in_flight: int = field(kw_only=True)
    bytes_in: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Leg:
    """The same calls, made in one way.

    Attributes:
        kind: in which way.
        people: how many people were asked, once each.
        limit: how many at once, at most.
        seconds: wall time in all, opening and closing connections included.
        cpu_seconds: processor time of this process; the server's is not in it.
        asked: what the server counted.
        beliefs: what each person believed afterwards, by id; empty for the bare client.
        unanswered: ids of people without an answer.
    """

    kind: Kind
    people: int
    limit: int
    seconds: float = field(kw_only=True)
    cpu_seconds: float = field(kw_only=True)
    asked: Asked = field(kw_only=True)
    beliefs: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    unanswered: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Pair:
    """The same calls under the same limit, right after each other.

    Attributes:
        parallel: side by side, through this package.
        bare: the bare client.
        other_try: the slower of two tries; None: the first reached what has to be reached.
    """

    parallel: Leg
    bare: Leg
    other_try: "Pair | None" = field(default=None, kw_only=True)

    @property
    def share_of_bare(self) -> float:
        """The bare client's wall time over ours."""
        return self.bare.seconds / self.parallel.seconds


@dataclass(frozen=True, slots=True)
class Result:
    """Everything one run of the benchmark measured.

    Attributes:
        plan: what was to be measured.
        sequential: one by one.
        pairs: side by side, for each limit.
    """

    plan: Plan
    sequential: Leg = field(kw_only=True)
    pairs: tuple[Pair, ...] = field(kw_only=True)

    @property
    def parallel(self) -> tuple[Leg, ...]:
        """Ours side by side, for each limit."""
        return tuple(pair.parallel for pair in self.pairs)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """All of them, each bare leg below the one it belongs to."""
        return (self.sequential, *(leg for pair in self.pairs for leg in (pair.parallel, pair.bare)))


def measure_overhead(leg: Leg, plan: Plan) -> float:
    """Return the wall time beyond what waiting for replies takes, `limit` of them at once, in seconds."""
    return leg.seconds - math.ceil(leg.people / leg.limit) * plan.latency_seconds


def measure_speed_up(leg: Leg, sequential: Leg) -> float:
    """Return how many times faster a leg is than the sequential one, that one projected to as many people."""
    return sequential.seconds * (leg.people / sequential.people) / leg.seconds


def measure_value(reach: Reach, leg: Leg, sequential: Leg, plan: Plan) -> float:
    """Return the figure of a leg that a reach is about."""
    return measure_speed_up(leg, sequential) if reach.measure == "speed-up" else measure_overhead(leg, plan)


def find_missed(leg: Leg, sequential: Leg, plan: Plan) -> list[Reach]:
    """Return what a leg had to reach and did not."""
    reaches = plan.reaches_at(leg.limit) if leg.kind == "parallel" else ()
    return [reach for reach in reaches if not reach.is_met_by(measure_value(reach, leg, sequential, plan))]


def find_faults(result: Result) -> list[str]:
    """Return everything that must not be, a sentence each: reaches missed, people not asked once, unequal beliefs."""
    found = [fault for leg in result.legs for fault in _miscounts(leg)]
    found += [
        f"beliefs at limit {leg.limit} differ from those one by one" for leg in result.parallel if _differs(leg, result)
    ]
    for leg in result.parallel:
        for reach in find_missed(leg, result.sequential, result.plan):
            value = measure_value(reach, leg, result.sequential, result.plan)
            found.append(f"limit {leg.limit}: {reach.measure} of {value:.3f} misses {reach}")
    return found


def _miscounts(leg: Leg) -> list[str]:
    name, asked = f"{leg.kind} at limit {leg.limit}", leg.asked
    found = []
    if asked.calls != leg.people or asked.statuses != {"200": leg.people}:
        found.append(f"{name}: {leg.people} people, {asked.calls} calls, answered {dict(asked.statuses)}")
    if leg.unanswered:
        found.append(f"{name}: no answer from {', '.join(leg.unanswered)}")
    if asked.peak_in_flight > leg.limit:
        found.append(f"{name}: {asked.peak_in_flight} calls at once")
    return found


def _differs(leg: Leg, result: Result) -> bool:
    first = result.parallel[0].beliefs
    one_by_one = result.sequential.beliefs
    return leg.beliefs != first or any(leg.beliefs.get(who) != beliefs for who, beliefs in one_by_one.items())
