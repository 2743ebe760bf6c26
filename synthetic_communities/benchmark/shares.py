"""How much of the time in which a run could be done it takes, and how much longer it takes in phases."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..testing.loopback import LoopbackServer
from .measures import Figure, Sample, Tell
from .records import find_different_files
from .towns import Town, build_config
from .whole_runs import Run, time_run

SIGMA = 0.8
"""Spread of reply times: the standard deviation of their logarithm."""


@dataclass(frozen=True, slots=True)
class RunsPlan:
    """What is measured of whole runs.

    Attributes:
        town: what is run.
        mean_seconds: how long a reply takes on average; the times are log-normal.
        seeds: what people's chance and the server's are drawn from, a repetition each.
        share: what share of the bound has to be reached; None: whatever it is.
        in_phases: whether the same is run in phases as well.
        times: how many times longer phases have to take; None: whatever it is.
    """

    town: Town
    mean_seconds: float = field(kw_only=True)
    seeds: tuple[int, ...] = field(kw_only=True)
    share: float | None = field(default=None, kw_only=True)
    in_phases: bool = field(default=False, kw_only=True)
    times: float | None = field(default=None, kw_only=True)


def list_runs_figures(plan: RunsPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    alone = (
        Figure("share of the bound", "share", compared_to="the bound", reach=plan.share, is_ratio=True),
        Figure("the bound", "s", compared_to="longest chain, or all replies / limit", better="less"),
        Figure("the longest chain", "s", compared_to="nothing", better="less"),
        Figure("the run", "s", compared_to="nothing", better="less"),
    )
    beside = (
        Figure("faster than in phases", "x", compared_to="same replies", reach=plan.times, is_ratio=True),
        Figure("in phases", "s", compared_to="nothing", better="less"),
    )
    return (*alone, *beside) if plan.in_phases else alone


def take_runs(plan: RunsPlan, tell: Tell) -> Iterator[Sample]:
    """Measure whole runs, a sample a seed."""
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
        for seed in plan.seeds:
            with LoopbackServer(latency=plan.mean_seconds, sigma=SIGMA, seed=seed) as server:
                yield _take_seed(plan, seed, server, Path(folder), tell)


def warm_up(folder: Path) -> None:
    """Run a handful of people, so that nothing is imported while something is measured."""
    with LoopbackServer() as server:
        time_run(build_config(Town(4, 4, epochs=1), folder, seed=0), server, folder)


def _take_seed(plan: RunsPlan, seed: int, server: LoopbackServer, folder: Path, tell: Tell) -> Sample:
    tell(f"{plan.town}, replies of {plan.mean_seconds:g} s on average, seed {seed}")
    run = time_run(build_config(plan.town, folder, seed=seed), server, folder)
    if not plan.in_phases:
        return Sample(describe_run(run), run.faults)
    tell(f"the same in phases; as it is, it took {run.timed.seconds:.1f} s")
    phases = time_run(build_config(plan.town, folder, seed=seed, schedule="phases"), server, folder)
    beside = {"faster than in phases": phases.timed.seconds / run.timed.seconds, "in phases": phases.timed.seconds}
    unequal = tuple(f"{file} differs in phases" for file in find_different_files(run.path, phases.path))
    return Sample({**describe_run(run), **beside}, (*run.faults, *phases.faults, *unequal))


def describe_run(run: Run) -> dict[str, float]:
    """Return the values of the figures of one run."""
    return {
        "share of the bound": run.share_of_bound,
        "the bound": run.bound,
        "the longest chain": run.critical_path,
        "the run": run.timed.seconds,
    }
