"""What a measure is: what it holds against what, what has to be reached, and what came out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Literal, TypeVar

Unit = Literal["x", "share", "s", "ms", "GB", "calls", "limits", "M plain"]
Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a measure.

    Attributes:
        name: what it is.
        unit: what it counts; `x` for so many times, `share` for a part of something, `M plain` for as many
            millions of tokens as cost the same where no cache is.
        compared_to: what it is held against, in words.
        better: whether more of it is better, or less.
        reach: what has to be reached; None: it is there to be read.
        is_ratio: whether both sides were measured in one process, so that it can be held against other machines.
        is_counted: whether it is a count that no machine is too slow for: nothing excuses missing it.
        control: the figure of a bare client that says whether this machine could reach it at all; empty: none does.
    """

    name: str
    unit: Unit
    compared_to: str = field(kw_only=True)
    better: Literal["more", "less"] = field(default="more", kw_only=True)
    reach: float | None = field(default=None, kw_only=True)
    is_ratio: bool = field(default=False, kw_only=True)
    is_counted: bool = field(default=False, kw_only=True)
    control: str = field(default="", kw_only=True)

    def is_reached_by(self, value: float) -> bool:
        """Say whether a value is as good as what has to be reached."""
        return self.reach is None or not self.is_worse(value, self.reach)

    def is_worse(self, value: float, other: float) -> bool:
        """Say whether a value is worse than another."""
        return value < other if self.better == "more" else value > other


@dataclass(frozen=True, slots=True)
class Sample:
    """What one repetition measured.

    Attributes:
        values: name of a figure to its value; a figure may be left out where others are repeated more often.
        faults: what must not be whatever the machine: people not counted once, unequal records.
    """

    values: Mapping[str, float]
    faults: tuple[str, ...] = ()


FORMAT_VERSION = 2
"""Version of the JSON that holds what was measured."""

P = TypeVar("P")
Take = Callable[[Tell], Iterable[Sample]]


class CannotMeasureError(Exception):
    """A measure that cannot be taken here; the message says why."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured.

    Attributes:
        name: what it is called on the command line.
        title: what is measured, in a sentence without a full stop.
        figures: what comes out, in the order shown.
        take: measures, a sample a repetition; it is told whom to tell what is going on.
    """

    name: str
    title: str
    figures: tuple[Figure, ...] = field(kw_only=True)
    take: Take = field(kw_only=True, compare=False, repr=False)


def build_measure(
    name: str,
    title: str,
    plan: P,
    list_figures: Callable[[P], tuple[Figure, ...]],
    take: Callable[[P, Tell], Iterable[Sample]],
) -> Measure:
    """Return the measure that a plan describes, given what lists its figures and what takes it."""
    return Measure(name, title, figures=list_figures(plan), take=partial(take, plan))


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a measure.

    Attributes:
        measure: what was measured.
        samples: repetition by repetition.
        room: what share of two processors was free for this process and its server, before and afterwards.
        obstacle: why it could not be taken here; empty if it was.
        other_try: where it was taken twice, the worse of the two.
    """

    measure: Measure
    samples: tuple[Sample, ...] = field(kw_only=True)
    room: tuple[float, ...] = field(default=(), kw_only=True)
    obstacle: str = field(default="", kw_only=True)
    other_try: "Measured | None" = field(default=None, kw_only=True)

    @property
    def faults(self) -> tuple[str, ...]:
        """What must not be, each once, in either try."""
        found = [fault for sample in self.samples for fault in sample.faults]
        return tuple(dict.fromkeys([*found, *(self.other_try.faults if self.other_try else ())]))

    def values(self, name: str) -> list[float]:
        """Return the values of a figure, repetition by repetition."""
        return [sample.values[name] for sample in self.samples if name in sample.values]

    def median(self, name: str) -> float | None:
        """Return the middle one of a figure's values; None if there are none."""
        values = self.values(name)
        return median(values) if values else None
