"""Everything that is measured, and what has to be reached."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from .belief_update import UpdatePlan, list_update_figures, take_update
from .client_cpu import CpuPlan, list_cpu_figures, take_cpu
from .measures import Figure, Measure, Take
from .own_scenario import OwnPlan, list_own_figures, take_own
from .rates import RatePlan, list_rate_figures, take_rates
from .records import RecordPlan, list_record_figures, take_records
from .replicates import ReplicatesPlan, list_replicates_figures, take_replicates
from .shares import RunsPlan, list_runs_figures, take_runs
from .starting import StartPlan, list_start_figures, take_starts
from .towns import Town

P = TypeVar("P")

SEEDS = (1, 2, 3)

UPDATE = UpdatePlan(
    100,
    latency_seconds=2.0,
    limits=(100, 20),
    repetitions=3,
    sequential_people=100,
    speed_ups={100: 92.0, 20: 19.5},
    share_of_bare=0.97,
)
UPDATE_1000 = UpdatePlan(1_000, latency_seconds=2.0, limits=(1_000,), repetitions=5, speed_ups={1_000: 600.0})
RUN_100 = RunsPlan(Town(100, 100), mean_seconds=0.5, seeds=SEEDS, share=0.95)
RUN_500 = RunsPlan(Town(500, 50), mean_seconds=1.0, seeds=SEEDS, share=0.78)
RUN_1000 = RunsPlan(Town(1_000, 500), mean_seconds=1.0, seeds=SEEDS, share=0.95, in_phases=True, times=1.7)
PHASES_100 = RunsPlan(Town(100, 50), mean_seconds=0.5, seeds=SEEDS, in_phases=True, times=1.35)
BUNDLED_500 = RunsPlan(Town(500, 50, topics=2, candidates=3), mean_seconds=1.0, seeds=SEEDS[:1])
REPLICATES = ReplicatesPlan(Town(100, 100), 10, mean_seconds=0.5, repetitions=2, times=4.0, share=0.85)
CPU = Town(1_000, 1_000, epochs=1)
CPU_OPENAI = CpuPlan("openai", CPU, latency_seconds=1.0, repetitions=3, most_ms=1.0, most_times=1.6)
CPU_ANTHROPIC = CpuPlan("anthropic", CPU, latency_seconds=1.0, repetitions=3, most_times=1.25)
RATE = partial(RatePlan, people=2_000, limit=100, per_second=20.0, bucket=20, latency_seconds=0.2, repetitions=1)
RATE_UNTOLD = RATE("nothing", share_done=0.95, share_refused=0.02)
RATE_HEADERS = RATE("headers", share_done=0.95, share_refused=0.005)
RATE_STATED = RATE("setting", share_done=0.95, share_refused=0.005)
START = StartPlan(7, most_seconds=0.35)
SAME_RECORD = RecordPlan(Town(100, 1, epochs=1), (1, 20, 100))

QUICK_UPDATE = UpdatePlan(
    100, latency_seconds=0.3, limits=(100, 20), repetitions=3, sequential_people=20, overheads={100: 0.25}
)
"""The sequential leg is on 20 people, so its speed-ups are projected; the reach needs no sequential leg."""


def build_measure(
    name: str,
    title: str,
    plan: P,
    list_figures: Callable[[P], tuple[Figure, ...]],
    take: Callable[..., object],
) -> Measure:
    """Return the measure that a plan describes."""
    return Measure(name, title, figures=list_figures(plan), take=partial(take, plan))
