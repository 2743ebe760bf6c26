"""A scenario of the user's own, over the loopback server: how close its run comes to what is possible."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config
from ..testing.loopback import LoopbackServer
from .measures import Figure, Sample, Tell
from .shares import SIGMA, RunsPlan, describe_run, list_runs_figures, warm_up
from .towns import Town
from .whole_runs import time_run


@dataclass(frozen=True, slots=True)
class OwnPlan:
    """What is measured of a scenario.

    Attributes:
        config: its settings; whatever model it names, none but the loopback server is asked.
        mean_seconds: how long a reply takes on average; the times are log-normal.
        seeds: what the server draws them from, a repetition each.
    """

    config: Config
    mean_seconds: float = field(default=1.0, kw_only=True)
    seeds: tuple[int, ...] = field(default=(1, 2, 3), kw_only=True)


def list_own_figures(plan: OwnPlan) -> tuple[Figure, ...]:
    """Return what comes out; nothing has to be reached."""
    town = Town(plan.config.population_size, plan.config.max_concurrent)
    return list_runs_figures(RunsPlan(town, mean_seconds=plan.mean_seconds, seeds=plan.seeds))


def take_own(plan: OwnPlan, tell: Tell) -> Iterator[Sample]:
    """Measure runs of a scenario, a sample a seed."""
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
        for seed in plan.seeds:
            tell(f"{plan.config.population_size:,} people of your own, limit {plan.config.max_concurrent}, seed {seed}")
            with LoopbackServer(latency=plan.mean_seconds, sigma=SIGMA, seed=seed) as server:
                run = time_run(plan.config, server, Path(folder))
            yield Sample(describe_run(run), run.faults)
