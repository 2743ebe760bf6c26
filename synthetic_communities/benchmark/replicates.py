"""Several repetitions of a run at once: a debate is one long chain, and what it leaves free the others fill."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config
from ..game_engine import GameEngine
from ..testing.loopback import LoopbackServer
from .bounds import measure_bound
from .measures import Figure, Sample, Tell
from .records import find_different_files
from .shares import SIGMA, warm_up
from .timing import time_action
from .towns import Town, build_config
from .whole_runs import OPENAI, Run, build_loopback_mind, find_call_faults, time_run


@dataclass(frozen=True, slots=True)
class ReplicatesPlan:
    """What is measured of several runs at once.

    Attributes:
        town: what is run.
        replicates: how many repetitions of it.
        mean_seconds: how long a reply takes on average; the times are log-normal.
        repetitions: how often they are run at once; one after the other they are run once.
        times: how many times faster than one after the other they have to be; None: whatever it is.
        share: what share of what is possible has to be reached; None: whatever it is.
    """

    town: Town
    replicates: int
    mean_seconds: float = field(kw_only=True)
    repetitions: int = field(kw_only=True)
    times: float | None = field(default=None, kw_only=True)
    share: float | None = field(default=None, kw_only=True)


def list_replicates_figures(plan: ReplicatesPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    return (
        Figure("faster at once", "x", compared_to="one after the other", reach=plan.times, is_ratio=True),
        Figure("the possible", "x", compared_to="one after the other"),
        Figure("of the possible", "share", compared_to="the possible", reach=plan.share, is_ratio=True),
        Figure("at once", "s", compared_to="nothing", better="less"),
        Figure("one after the other", "s", compared_to="nothing", better="less"),
    )


def take_replicates(plan: ReplicatesPlan, tell: Tell) -> Iterator[Sample]:
    """Measure repetitions one after the other, then all at once."""
    with tempfile.TemporaryDirectory() as name, LoopbackServer(latency=plan.mean_seconds, sigma=SIGMA) as server:
        folder = Path(name)
        warm_up(folder)
        configs = [build_config(plan.town, folder, seed=1, replicate=number) for number in range(plan.replicates)]
        alone = []
        for number, config in enumerate(configs):
            tell(f"one after the other, {number + 1} of {plan.replicates}: {plan.town}")
            alone.append(time_run(config, server, folder))
        for number in range(plan.repetitions):
            tell(f"all at once, repetition {number + 1} of {plan.repetitions}")
            yield _take_together(plan, configs, alone, server, folder)


def _take_together(
    plan: ReplicatesPlan, configs: Sequence[Config], alone: Sequence[Run], server: LoopbackServer, folder: Path
) -> Sample:
    paths, timed = time_action(lambda: run_together(configs, plan.town.limit, server, folder), server)
    faults = [fault for run in alone for fault in run.faults]
    faults += find_call_faults(timed, plan.town.limit)
    for run, path in zip(alone, paths, strict=True):
        faults += [f"{file} of {run.path.name} differs at once" for file in find_different_files(run.path, path)]
    return Sample(compare_replicates(alone, timed.seconds, plan.town.limit), tuple(faults))


def compare_replicates(alone: Sequence[Run], together_seconds: float, limit: int) -> dict[str, float]:
    """Return the values of the figures: runs one after the other, and what the same took at once."""
    one_by_one = sum(run.timed.seconds for run in alone)
    longest = max(run.critical_path for run in alone)
    bound = measure_bound(longest, sum(run.work for run in alone), limit)
    return {
        "faster at once": one_by_one / together_seconds,
        "the possible": one_by_one / bound,
        "of the possible": bound / together_seconds,
        "at once": together_seconds,
        "one after the other": one_by_one,
    }


def run_together(configs: Sequence[Config], limit: int, server: LoopbackServer, folder: Path) -> list[Path]:
    """Run these at once under one limit, and return their run directories, in order."""
    mind = build_loopback_mind(OPENAI, server, configs[0])
    results = GameEngine.run_many(configs, max_concurrent=limit, model=mind, base_dir=folder)
    return [result.path for result in results]
