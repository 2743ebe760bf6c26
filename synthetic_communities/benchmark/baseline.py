"""Holding what was measured against an earlier run, on this machine or another: ratios only, never seconds."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .judging import Control, find_noise
from .measures import FORMAT_VERSION, Figure, Measured

Baseline = Mapping[tuple[str, str], float]
"""Name of a measure and of a figure to the median of an earlier run. Ratios are compared; the others, of bare clients,
say what the machine could do."""


@dataclass(frozen=True, slots=True)
class Worse:
    """A figure that is worse than in an earlier run.

    Attributes:
        measure: name of the measure.
        figure: the figure.
        before: its median then.
        now: its median now.
        noise: why that may be noise; empty: there is no sign of it.
    """

    measure: str
    figure: Figure
    before: float
    now: float
    noise: str


def load_baseline(path: Path) -> Baseline:
    """Return the medians that an earlier run's JSON holds.

    Raises:
        ValueError: it is no such file; the message says so.
        OSError: it cannot be read.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows, version = told["measures"], told["format_version"]
        found = {
            (row["name"], figure["name"]): float(figure["median"])
            for row in rows
            for figure in row["figures"]
            if figure["median"] is not None
        }
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} does not hold what --json writes: {error!r}") from error
    if version != FORMAT_VERSION:
        raise ValueError(f"{path} is of format version {version!r}, and {FORMAT_VERSION} is read here; measure anew")
    if not all(map(math.isfinite, found.values())):
        raise ValueError(f"{path} holds a median that is no number")
    return found


def find_worse(results: Iterable[Measured], baseline: Baseline, tolerance: float) -> list[Worse]:
    """Return the ratios that are worse than before by more than the tolerance, a share of the earlier one."""
    return [worse for measured in results for worse in _find_worse(measured, baseline, tolerance)]


def _find_worse(measured: Measured, baseline: Baseline, tolerance: float) -> Iterator[Worse]:
    for figure, before, now in _shared(measured, baseline):
        slack = 1 - tolerance if figure.better == "more" else 1 + tolerance
        if figure.is_worse(now, before * slack):
            control = _find_control(measured, figure, before, slack, baseline)
            noise = find_noise(measured, figure, before * slack, control)
            yield Worse(measured.measure.name, figure, before, now, noise)


def _find_control(
    measured: Measured, figure: Figure, before: float, slack: float, baseline: Baseline
) -> Control | None:
    """Return what the bare client has to show: it got worse itself, and the figure hardly more than it.

    That it misses what has to be reached, say because it always did, shows nothing of what changed since.
    """
    bare = baseline.get((measured.measure.name, figure.control))
    if not bare:
        return None
    return Control(figure.control, bare * slack, before / bare, "got as much worse")


def count_shared(results: Iterable[Measured], baseline: Baseline) -> int:
    """Return how many ratios both runs hold."""
    return sum(1 for measured in results for _ in _shared(measured, baseline))


def _shared(measured: Measured, baseline: Baseline) -> Iterator[tuple[Figure, float, float]]:
    for figure in measured.measure.figures:
        before, now = baseline.get((measured.measure.name, figure.name)), measured.median(figure.name)
        if figure.is_ratio and before is not None and now is not None:
            yield figure, before, now
