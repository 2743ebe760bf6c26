"""Whether the record is the same however many calls are under way at once."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..runs.directory import FINAL_VOTE, LINES
from ..testing.loopback import LoopbackServer
from .measures import Figure, Sample, Tell
from .towns import Town, build_config
from .whole_runs import time_run

RECORD = (*LINES, FINAL_VOTE)
"""The files that hold what happened, and nothing of how fast."""


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What is compared.

    Attributes:
        town: what is run; its limit is not used.
        limits: how many acts may be under way at once.
    """

    town: Town
    limits: tuple[int, ...]


def list_record_figures(plan: RecordPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    limits = ", ".join(map(str, plan.limits))
    return (Figure("the same record", "limits", compared_to=f"limits {limits}", reach=len(plan.limits)),)


def take_records(plan: RecordPlan, tell: Tell) -> Iterator[Sample]:
    """Run a town at each limit, over replies that take no time, and compare what is recorded."""
    with tempfile.TemporaryDirectory() as folder, LoopbackServer() as server:
        paths, faults = [], list[str]()
        for limit in plan.limits:
            tell(f"{plan.town.people} people at limit {limit}")
            run = time_run(build_config(replace(plan.town, limit=limit), Path(folder), seed=1), server, Path(folder))
            paths.append(run.path)
            faults += run.faults
        unequal = [find_different_files(paths[0], path) for path in paths]
        faults += [
            f"{file} differs at limit {limit}"
            for limit, files in zip(plan.limits, unequal, strict=True)
            for file in files
        ]
        yield Sample({"the same record": unequal.count([])}, tuple(faults))


def find_different_files(one: Path, other: Path) -> list[str]:
    """Return the files of the record in which two run directories differ."""
    return [file for file in RECORD if _read(one / file) != _read(other / file)]


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
