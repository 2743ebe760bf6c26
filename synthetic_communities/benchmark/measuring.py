"""Taking a measure, with a look at the machine before and afterwards."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from .judging import judge_all
from .machine import measure_room
from .measures import CannotMeasureError, Figure, Measure, Measured, Sample, Tell


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
    missed = _list_missed(first)
    if tries < 2 or not missed or first.faults or first.obstacle:
        return first
    tell(f"{measure.name}: {missed[0].name} was missed; measured once more")
    second = _take(measure, tell, look)
    better, other = (second, first) if _is_better(second, first, missed[0]) else (first, second)
    return replace(better, other_try=other)


def _list_missed(measured: Measured) -> list[Figure]:
    return [judged.figure for judged in judge_all(measured) if judged.verdict in ("missed", "too noisy to tell")]


def _take(measure: Measure, tell: Tell, look: Callable[[], float]) -> Measured:
    before, samples = look(), list[Sample]()
    try:
        samples.extend(measure.take(tell))
    except CannotMeasureError as error:
        return Measured(measure, samples=tuple(samples), room=(before,), obstacle=str(error))
    except Exception as error:  # an hour of other measures is not to be lost by it
        why = f"{type(error).__name__}: {error}"
        return Measured(measure, samples=tuple(samples), room=(before,), obstacle=why)
    return Measured(measure, samples=tuple(samples), room=(before, look()))


def _is_better(one: Measured, other: Measured, figure: Figure) -> bool:
    """Say whether a try is better: it was taken, misses fewer figures, or misses as many and less of this one."""
    if one.obstacle:
        return False
    missed, of_other = len(_list_missed(one)), len(_list_missed(other))
    if missed != of_other:
        return missed < of_other
    return figure.is_worse(median(other.values(figure.name)), median(one.values(figure.name)))
