"""Taking a measure, with a look at the machine before and afterwards."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from .judging import judge_all
from .machine import measure_room
from .measures import CannotMeasureError, Figure, Measure, Measured, Tell


def run_measure(measure: Measure, tell: Tell, *, tries: int = 1, look: Callable[[], float] = measure_room) -> Measured:
    """Take a measure.

    What else a machine is doing only ever makes a figure worse. So where something was missed and `tries` allows it,
    all of it is measured once more, and the better of the two counts; that there were two stands in what is returned.

    Args:
        measure: what to measure.
        tell: is told what is going on, a line at a time.
        tries: how often at most.
        look: tells what share of two processors is free.
    """
    tell(f"{measure.name}: {measure.title}")
    first = _take(measure, tell, look)
    missed = [judged.figure for judged in judge_all(first) if judged.verdict in ("missed", "too noisy to tell")]
    if tries < 2 or not missed or first.faults:
        return first
    tell(f"{measure.name}: {missed[0].name} was missed; measured once more")
    second = _take(measure, tell, look)
    better, other = (second, first) if _is_better(second, first, missed[0]) else (first, second)
    return replace(better, other_try=other)


def _take(measure: Measure, tell: Tell, look: Callable[[], float]) -> Measured:
    before = look()
    try:
        samples = tuple(measure.take(tell))
    except CannotMeasureError as error:
        return Measured(measure, samples=(), room=(before,), obstacle=str(error))
    return Measured(measure, samples=samples, room=(before, look()))


def _is_better(one: Measured, other: Measured, figure: Figure) -> bool:
    return figure.is_worse(median(other.values(figure.name)), median(one.values(figure.name)))
