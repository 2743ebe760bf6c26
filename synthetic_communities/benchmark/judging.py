"""What follows from what was measured: reached, missed, or too noisy to tell. Plain arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from .measures import Figure, Measured

Verdict = Literal["", "reached", "missed", "too noisy to tell", "not measured"]

REACHED, MISSED, NOISY = 0, 1, 3
"""Exit statuses; 2 is wrong usage."""

ROOM_NEEDED = 0.85
"""What share of two processors has to be free, one for the client and one for the server."""

EXCUSED = 0.1
"""How much worse than the bare client, as a share of it, a figure may be that the bare client misses too."""

SPREAD_ALLOWED = 0.1
"""How far repetitions may lie apart, as a share of their median, before they contradict each other."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure and what is to be said of it.

    Attributes:
        figure: the figure.
        verdict: whether what has to be reached was; empty where nothing has to.
        why: why nothing can be told, where that is so.
    """

    figure: Figure
    verdict: Verdict
    why: str = ""


def judge(measured: Measured, figure: Figure) -> Judged:
    """Return what is to be said of a figure.

    What else a machine is doing only makes a figure worse: what was reached was reached. What was missed is a miss
    unless there is a sign of noise.
    """
    value = measured.median(figure.name)
    if figure.reach is None:
        return Judged(figure, "")
    if value is None:
        return Judged(figure, "not measured")
    if figure.is_reached_by(value):
        return Judged(figure, "reached")
    noise = find_noise(measured, figure, figure.reach)
    return Judged(figure, "too noisy to tell" if noise else "missed", noise)


def find_noise(measured: Measured, figure: Figure, bound: float) -> str:
    """Return why a figure that is worse than `bound` says nothing, or an empty string: there is no sign of noise."""
    room = min(measured.room, default=1.0)
    if room < ROOM_NEEDED:
        return f"only {room:.0%} of two processors were free"
    control = measured.median(figure.control) if figure.control else None
    value = measured.median(figure.name)
    if control is not None and value is not None and figure.is_worse(control, bound):
        worst = control * (1 - EXCUSED if figure.better == "more" else 1 + EXCUSED)
        if not figure.is_worse(value, worst):
            return f"{figure.control} misses it too"
    values = measured.values(figure.name)
    if measure_spread(values) > SPREAD_ALLOWED and not all(figure.is_worse(value, bound) for value in values):
        return f"repetitions lie {measure_spread(values):.0%} apart, and not all of them miss it"
    return ""


def measure_spread(values: Sequence[float]) -> float:
    """Return how far values lie apart, as a share of their median; 0 where there is none."""
    middle = median(values) if values else 0.0
    return (max(values) - min(values)) / abs(middle) if middle else 0.0


def judge_all(measured: Measured) -> list[Judged]:
    """Return what is to be said of every figure of a measure."""
    return [judge(measured, figure) for figure in measured.measure.figures]


def choose_status(results: Iterable[Measured], worse: Iterable[str] = ()) -> int:
    """Return the exit status: 1 if anything is missed, worse or could not be taken, 3 if that may be noise, else 0.

    Args:
        results: what was measured.
        worse: for each figure that is worse than in an earlier run, why that may be noise; empty: it is not.
    """
    results, doubts = tuple(results), tuple(worse)
    verdicts = [judged.verdict for measured in results for judged in judge_all(measured)]
    if (
        {"missed", "not measured"} & set(verdicts)
        or "" in doubts
        or any(measured.faults or measured.obstacle for measured in results)
    ):
        return MISSED
    return NOISY if "too noisy to tell" in verdicts or doubts else REACHED
