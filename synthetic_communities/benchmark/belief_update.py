"""One belief update: one by one, side by side, and the bare client making the very same calls."""

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..config import Config
from ..domain.outcome import Done
from ..llm.wire.over_aiohttp import build_httpx_transport
from ..minds.base import Mind
from ..testing.loopback import LoopbackServer
from .bare import Recorded, Recorder, ask_bare, httpx_over_aiohttp
from .community import build_population
from .measures import Figure, Sample, Tell
from .timing import Timed, time_action
from .towns import Town, build_config
from .whole_runs import OPENAI, build_loopback_mind, find_call_faults


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """What is measured of a belief update.

    Attributes:
        people: how many update their beliefs, a call each.
        latency_seconds: how long a reply takes.
        limits: how many at once.
        repetitions: how often, side by side.
        sequential_people: how many of them do it one by one as well; 0: what that takes is reckoned from the latency.
        speed_ups: limit to how many times faster than one by one it has to be.
        share_of_bare: what share of the bare client's speed has to be reached; None: whatever it is.
        overheads: limit to how many seconds it may take beyond waiting for replies.
    """

    people: int
    latency_seconds: float = field(kw_only=True)
    limits: tuple[int, ...] = field(kw_only=True)
    repetitions: int = field(kw_only=True)
    sequential_people: int = field(default=0, kw_only=True)
    speed_ups: Mapping[int, float] = field(default_factory=dict, kw_only=True)
    share_of_bare: float | None = field(default=None, kw_only=True)
    overheads: Mapping[int, float] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True)
class Leg:
    """The same calls, made in one way.

    Attributes:
        people: how many were asked, once each.
        limit: how many at once, at most.
        timed: what it took.
        beliefs: what each believed afterwards, by id.
        unanswered: ids of people without an answer.
    """

    people: int
    limit: int
    timed: Timed = field(kw_only=True)
    beliefs: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    unanswered: tuple[str, ...] = field(default=(), kw_only=True)


def list_update_figures(plan: UpdatePlan) -> tuple[Figure, ...]:
    """Return what comes out, for each limit: beside one by one, beside the bare client, beyond waiting."""
    return tuple(figure for limit in plan.limits for figure in _list_figures(plan, limit))


def _list_figures(plan: UpdatePlan, limit: int) -> Iterator[Figure]:
    here, bare = f"limit {limit}", f"limit {limit}, bare client"
    one_by_one = _describe_sequential(plan)
    is_measured = plan.sequential_people > 0  # else it is held against arithmetic, and seconds of two machines differ
    yield Figure(here, "x", compared_to=one_by_one, reach=plan.speed_ups.get(limit), is_ratio=is_measured, control=bare)
    yield Figure(bare, "x", compared_to=one_by_one)
    beside = f"{here}, of the bare client"
    yield Figure(beside, "share", compared_to="bare httpx over aiohttp", reach=plan.share_of_bare, is_ratio=True)
    waiting, control = f"people / limit x {plan.latency_seconds:g} s", f"{bare} beyond waiting"
    overhead = Figure(f"{here}, beyond waiting", "s", compared_to=waiting, better="less", control=control)
    yield replace(overhead, reach=plan.overheads.get(limit))
    yield Figure(control, "s", compared_to=waiting, better="less")


def _describe_sequential(plan: UpdatePlan) -> str:
    if not plan.sequential_people:
        return f"{plan.people:,} x {plan.latency_seconds:g} s"
    projected = f" x {plan.people / plan.sequential_people:g}"
    return f"{plan.sequential_people} one by one{projected if plan.sequential_people != plan.people else ''}"


def measure_overhead(leg: Leg, latency_seconds: float) -> float:
    """Return the wall time beyond what waiting for replies takes, `limit` of them at once, in seconds."""
    return leg.timed.seconds - math.ceil(leg.people / leg.limit) * latency_seconds


def project_sequential(sequential: Leg | None, plan: UpdatePlan) -> float:
    """Return what everybody one by one takes, in seconds: as measured of some or all, else as waiting alone takes."""
    if sequential is None:
        return plan.people * plan.latency_seconds
    return sequential.timed.seconds * plan.people / sequential.people


def compare_legs(ours: Leg, bare: Leg, one_by_one: float, plan: UpdatePlan) -> dict[str, float]:
    """Return the values of the figures of one limit."""
    here = f"limit {ours.limit}"
    return {
        here: one_by_one / ours.timed.seconds,
        f"{here}, bare client": one_by_one / bare.timed.seconds,
        f"{here}, of the bare client": bare.timed.seconds / ours.timed.seconds,
        f"{here}, beyond waiting": measure_overhead(ours, plan.latency_seconds),
        f"{here}, bare client beyond waiting": measure_overhead(bare, plan.latency_seconds),
    }


def find_leg_faults(leg: Leg, first: Leg) -> Iterator[str]:
    """Yield what must not be, a sentence each: people not asked once, beliefs that differ from those of the first leg.

    Args:
        leg: what was measured; the bare client's holds no beliefs.
        first: the leg that asked first; who was not in it is compared to nobody.
    """
    if leg.timed.calls != leg.people:
        yield f"limit {leg.limit}: {leg.people} people, {leg.timed.calls} calls"
    if leg.unanswered:
        yield f"limit {leg.limit}: no answer from {', '.join(leg.unanswered)}"
    if any(first.beliefs[who] != beliefs for who, beliefs in leg.beliefs.items() if who in first.beliefs):
        yield f"beliefs at limit {leg.limit} differ from those at limit {first.limit}"
    yield from find_call_faults(leg.timed, leg.limit)


def take_update(plan: UpdatePlan, tell: Tell) -> Iterator[Sample]:
    """Measure a belief update: one by one first, then side by side, next to the bare client every time."""
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(latency=plan.latency_seconds) as server:
        # The bundled scenario: two topics, three candidates.
        config = build_config(Town(plan.people, plan.people, topics=2, candidates=3), Path(folder), seed=42)
        bench = _Bench(config, server)
        tell("warming up, and taking down the requests")
        requests, warm = bench.record_requests()
        sequential = None
        if plan.sequential_people:
            tell(f"{plan.sequential_people} people one by one, {plan.sequential_people * plan.latency_seconds:.0f} s")
            sequential = bench.update(plan.sequential_people, 1)
        first = sequential or warm
        for number in range(plan.repetitions):
            tell(f"side by side, repetition {number + 1} of {plan.repetitions}")
            yield bench.take(plan, requests, first, project_sequential(sequential, plan))


@dataclass(frozen=True, slots=True)
class _Bench:
    config: Config
    server: LoopbackServer

    def record_requests(self) -> tuple[list[Recorded], Leg]:
        """Return what everybody at once asks, as it was sent, and how long that took: the first leg."""
        people = self.config.population_size
        recorder = Recorder(build_httpx_transport(self.server.url, people))
        leg = self._update(build_loopback_mind(OPENAI, self.server, self.config, transport=recorder), people, people)
        return recorder.requests, leg

    def take(self, plan: UpdatePlan, requests: list[Recorded], first: Leg, one_by_one: float) -> Sample:
        """Return one repetition: ours beside the bare client at every limit, against seconds of one by one."""
        values: dict[str, float] = {}
        faults = list(find_leg_faults(first, first))
        for limit in plan.limits:
            bare = self.ask_bare(requests, limit)
            ours = self.update(plan.people, limit)
            values |= compare_legs(ours, bare, one_by_one, plan)
            faults += [*find_leg_faults(ours, first), *find_leg_faults(bare, first)]
        return Sample(values, tuple(faults))

    def update(self, people: int, limit: int) -> Leg:
        """Return one update of so many people with this package, and how long it took."""
        return self._update(build_loopback_mind(OPENAI, self.server, self.config), people, limit)

    def ask_bare(self, requests: list[Recorded], limit: int) -> Leg:
        """Return the very same requests made by the bare client, and how long they took."""
        _, timed = time_action(partial(ask_bare, httpx_over_aiohttp, requests, limit), self.server)
        return Leg(len(requests), limit, timed=timed)

    def _update(self, mind: Mind, people: int, limit: int) -> Leg:
        population = build_population(self.config, mind, people)
        _, timed = time_action(lambda: population.update_beliefs_from_debate(max_concurrent=limit), self.server)
        ended = {persona.id: persona.outcomes["update_beliefs"] for persona in population.personas}
        return Leg(
            people,
            limit,
            timed=timed,
            beliefs={persona.id: dict(persona.beliefs) for persona in population.personas},
            unanswered=tuple(who for who, outcome in ended.items() if not isinstance(outcome, Done)),
        )
