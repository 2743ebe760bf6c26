"""A large community and no model: one epoch with the offline mind, its time, its memory, and how they grow."""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..game_engine import GameEngine
from .children import call_in_child
from .measures import Figure, Sample, Tell
from .towns import Town, build_config


@dataclass(frozen=True, slots=True)
class LargePlan:
    """What is measured of a large community.

    Attributes:
        people: how many.
        fewer: how many there are in the community that it is held against.
        most_seconds: how long an epoch may take.
        most_gb: how much memory it may hold, in GB of 10^9 bytes.
        times: how many times longer than the smaller one it may take.
    """

    people: int
    fewer: int
    most_seconds: float | None = field(default=None, kw_only=True)
    most_gb: float | None = field(default=None, kw_only=True)
    times: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class OfflineRun:
    """An offline run in a process of its own.

    Attributes:
        people: how many took part.
        seconds: wall time, from reading the people to the last line of the record.
        peak_bytes: the most memory the process ever held; None where the system does not tell.
    """

    people: int
    seconds: float
    peak_bytes: int | None


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
    """Measure the smaller community, then the large one, each in a process of its own."""
    runs = []
    for people in (plan.fewer, plan.people):
        tell(f"{people:,} people, offline, one epoch")
        runs.append(OfflineRun(**call_in_child(__name__, run_offline.__name__, people)))
    yield Sample(compare_runs(plan, *runs))


def compare_runs(plan: LargePlan, fewer: OfflineRun, large: OfflineRun) -> dict[str, float]:
    """Return the values of the figures; none for memory where the system does not tell."""
    memory = {} if large.peak_bytes is None else {"memory at most": large.peak_bytes / 1e9}
    return {
        "an epoch": large.seconds,
        "beside fewer people": large.seconds / fewer.seconds,
        f"an epoch of {plan.fewer:,} people": fewer.seconds,
        **memory,
    }


def run_offline(people: int) -> OfflineRun:
    """Run one epoch of the bundled scenario with so many people and the offline mind, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        config = build_config(Town(people, 20, topics=2, candidates=3, epochs=1), Path(folder), seed=1, model="offline")
        began = time.perf_counter()
        engine = GameEngine.from_config(config)
        engine.initialize_simulation_output(folder)
        engine.run()
        return OfflineRun(people, time.perf_counter() - began, read_peak_bytes())


def read_peak_bytes() -> int | None:
    """Return the most memory this process ever held, in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource  # late: not everywhere

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
