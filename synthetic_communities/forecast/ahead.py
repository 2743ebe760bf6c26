"""Runs that lie ahead: what there is to do in each, counted, and several of them counted together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..config import Config
from ..engine.plan import Course
from ..persona import Persona
from ..report.steps import ACTS
from .forecast import Forecast, StepForecast

OPENING = ("opening_position", "opening_opinion")
"""Steps that replicates of the same people share."""


@dataclass(frozen=True, slots=True)
class RunAhead:
    """A run that lies ahead.

    Attributes:
        config: its settings.
        people: who takes part.
        course: what there is to plan for.
        forecast: how many acts there are.
    """

    config: Config
    people: Sequence[Persona]
    course: Course = field(kw_only=True)
    forecast: Forecast = field(kw_only=True)


def add_runs(runs: Sequence[RunAhead], *, shares_opening: bool) -> Forecast:
    """Return what several runs do together; an opening that they share counts once."""
    first = runs[0].forecast
    if len(runs) == 1:
        return first
    shared = OPENING if shares_opening else ()
    steps = [_add_steps(step, runs[:1] if step in shared else runs) for step in ACTS]
    return replace(
        first,
        steps=tuple(step for step in steps if step is not None),
        levels=max(run.forecast.levels for run in runs),
        replicates=len(runs),
        shares_opening=bool(shared),
    )


def _add_steps(name: str, runs: Sequence[RunAhead]) -> StepForecast | None:
    found = [step for run in runs for step in run.forecast.steps if step.step == name]
    if not found:
        return None
    known = [step.calls for step in found if step.calls is not None]
    return StepForecast(
        name,
        sum(step.acts for step in found),
        is_exact=found[0].is_exact,
        calls=sum(known) if known else None,
        own_acts=sum(step.own_acts for step in found),
    )


def choose_rehearsed(runs: Sequence[RunAhead], most_acts: int) -> Sequence[RunAhead]:
    """Return as many of the first runs as make at most so many acts together, the very first in any case."""
    acts = 0
    for number, run in enumerate(runs):
        acts += run.forecast.acts
        if number and acts > most_acts:
            return runs[:number]
    return runs
