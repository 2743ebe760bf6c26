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

EXCUSED = 0.03
"""How much worse than the bare client, as a share of it, a figure may be that the bare client misses too: what may
separate them on a machine that is free."""

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


@dataclass(frozen=True, slots=True)
class Control:
    """What a bare client has to show before a figure is excused by it.

    Attributes:
        name: the figure that is the bare client's.
        bound: it is worse than this.
        usual: what a figure comes to as a multiple of it when the machine is free.
        says: what is said of it then.
    """

    name: str
    bound: float
    usual: float
    says: str


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
    noise = find_noise(measured, figure, figure.reach, Control(figure.control, figure.reach, 1.0, "misses it too"))
    return Judged(figure, "too noisy to tell" if noise else "missed", noise)


def find_noise(measured: Measured, figure: Figure, bound: float, control: Control | None = None) -> str:
    """Return why a figure that is worse than `bound` says nothing, or an empty string: there is no sign of noise.

    Args:
        measured: what it was measured with.
        figure: the figure.
        bound: what it is worse than.
        control: the bare client beside it; None: none says anything about the machine.
    """
    if figure.is_counted:
        return ""
    room = min(measured.room, default=1.0)
    if room < ROOM_NEEDED:
        return f"only {room:.0%} of two processors were free"
    if control is not None and _is_slowed_alike(measured, figure, control):
        return f"{control.name} {control.says}"
    values = measured.values(figure.name)
    if measure_spread(values) > SPREAD_ALLOWED and not all(figure.is_worse(value, bound) for value in values):
        return f"repetitions lie {measure_spread(values):.0%} apart, and not all of them miss it"
    return ""


def _is_slowed_alike(measured: Measured, figure: Figure, control: Control) -> bool:
    """Say whether the bare client fell behind as well, and the figure hardly further than it."""
    value, bare = measured.median(figure.name), measured.median(control.name)
    if value is None or bare is None or not figure.is_worse(bare, control.bound):
        return False
    return not figure.is_worse(value, bare * control.usual * (1 - EXCUSED if figure.better == "more" else 1 + EXCUSED))


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
