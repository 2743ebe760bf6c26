"""What a run will do, or several together, told before anything is done or spent."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..report.html import build_table, paragraph, stand_alone
from ..report.steps import name_acts
from ..report.text import align_row, count_of, measure_width, spell_count
from .assumed import ZERO, Span
from .calls import CallsForecast
from .table import HEAD, calls_lines, calls_rows, describe_calls, spell_price

_NUMBER_WIDTHS = (10, 10, 10)
"""Columns that `at most`, the acts and the calls take in a table."""


@dataclass(frozen=True, slots=True)
class StepForecast:
    """What a run will do in one step.

    Attributes:
        step: the step, as in the plan.
        acts: how many acts.
        is_exact: True if every one of them asks somebody; False: at most so many do.
        calls: how many calls of language models they make if each succeeds at once, where `is_exact` is False as many
            as the rehearsal made at most, but for those of `own_acts`; None: all of them are such.
        own_acts: how many of the acts ask a mind that is not of this package, of whose calls nothing is known.
    """

    step: str
    acts: int
    is_exact: bool = field(kw_only=True)
    calls: int | None = field(kw_only=True)
    own_acts: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will do, or the replicates of one together.

    Attributes:
        steps: what it will do in each step, in the order in which the acts take place.
        levels: the length of the longest chain of acts that wait for one another. A run takes as long as so many
            acts one after the other, however many go on at once.
        max_concurrent: how many acts may be under way at once.
        asked: what its calls of language models will take, but for those of `own_acts`; None: it makes none, or nothing
            is known of them.
        replicates: how many runs that is.
        shares_opening: whether they share their opening: it is asked once, and counted once.
    """

    steps: tuple[StepForecast, ...]
    levels: int = field(kw_only=True)
    max_concurrent: int = field(kw_only=True)
    asked: CallsForecast | None = field(default=None, kw_only=True)
    replicates: int = field(default=1, kw_only=True)
    shares_opening: bool = field(default=False, kw_only=True)

    @property
    def acts(self) -> int:
        """How many acts, at most so many where `is_exact` is False."""
        return sum(step.acts for step in self.steps)

    @property
    def calls(self) -> int | None:
        """How many calls of language models at most, if each succeeds at once: the upper end of `asked.calls`.

        Those of `own_acts` are not among them; None: there are such acts, and no other asks a model.
        """
        known = sum(step.calls or 0 for step in self.steps)
        return None if self.own_acts and not known else known

    @property
    def own_acts(self) -> int:
        """How many acts ask a mind that is not of this package, of whose calls nothing is known."""
        return sum(step.own_acts for step in self.steps)

    @property
    def is_exact(self) -> bool:
        """Whether every act asks somebody."""
        return all(step.is_exact for step in self.steps)

    @property
    def cost_usd(self) -> Span | None:
        """What its calls cost in US dollars, but for those of `own_acts`; None: not known."""
        if self.asked is not None:
            return self.asked.cost_usd
        return ZERO if self.calls == 0 else None

    @property
    def minutes(self) -> Span | None:
        """How long it takes; None: not known, as no calls are foreseen."""
        return None if self.asked is None else self.asked.minutes

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each step, with `step`, `acts`, `is_exact`, `calls` and `own_acts`."""
        return [asdict(step) for step in self.steps]

    def __str__(self) -> str:
        """Return it as a table, with a few words below it."""
        acts = [] if is_told_by_calls(self) else [*forecast_lines(self), ""]
        asked = [] if self.asked is None else [*calls_lines(self.asked), ""]
        return "\n".join([*acts, *asked, *describe_forecast(self)])

    def _repr_html_(self) -> str:
        head = ["", *_head(self)]
        table = build_table(head, _rows(self), caption="Forecast", numbers=range(1, len(head)))
        tables = [] if is_told_by_calls(self) else [table]
        if self.asked is not None:
            rows = calls_rows(self.asked)
            tables.append(
                build_table(["", *HEAD], rows, caption="What its calls take", numbers=range(1, 1 + len(HEAD)))
            )
        return stand_alone(*tables, *map(paragraph, describe_forecast(self)))


def with_calls(forecast: Forecast, asked: CallsForecast) -> Forecast:
    """Return a forecast of acts with what its calls take: steps that may ask nobody make as many as rehearsed.

    Where none is made at all there is nothing to tell of them.
    """
    rehearsed = {step.step: round(step.calls.high) for step in asked.steps}
    steps = (
        step if step.is_exact or step.calls is None else replace(step, calls=rehearsed.get(step.step, 0))
        for step in forecast.steps
    )
    return replace(forecast, steps=tuple(steps), asked=asked if asked.steps else None)


def is_told_by_calls(forecast: Forecast) -> bool:
    """Say whether the table of calls tells of all acts, as every step that has somebody to ask asks a model."""
    asks_models = all(step.calls or not step.is_exact for step in forecast.steps)
    return forecast.asked is not None and not forecast.own_acts and asks_models


def forecast_lines(forecast: Forecast) -> list[str]:
    """Return a table: a line for each step, and one for all of them; calls where there may be some."""
    rows = [["", *_head(forecast)], *_rows(forecast)]
    widths = (max(measure_width(row[0]) for row in rows), *_NUMBER_WIDTHS)[: len(rows[0])]
    return [align_row(row, widths) for row in rows]


def describe_forecast(forecast: Forecast) -> Iterator[str]:
    """Yield how much of a run has to wait for other parts of it, and what its calls of models take."""
    yield from describe_course(forecast)
    if forecast.asked is not None:
        yield spell_price(forecast.asked)
        yield from describe_calls(forecast.asked)


def describe_course(forecast: Forecast) -> Iterator[str]:
    """Yield how much of a run has to wait for other parts of it, and how many calls of models it makes."""
    yield f"The longest chain of acts that wait for one another: {forecast.levels:,}."
    together = ", all runs taken together" if forecast.replicates > 1 else ""
    yield f"At most {forecast.max_concurrent:,} acts are under way at once{together}."
    if forecast.shares_opening:
        yield "They share their opening, which is counted once."
    if forecast.own_acts and forecast.calls:
        own = count_of(forecast.own_acts, "acts")
        yield f"{own} of a mind that is not of this package: what it asks is not counted."
    if forecast.calls == 0:
        yield "Model calls: 0. No language model is asked, and nothing is spent."
    elif forecast.calls is None:
        yield "Model calls: not known, as there is a mind that is not of this package."
    elif forecast.asked is None:
        yield f"Model calls: {_bound(forecast)}{forecast.calls:,}, and more where one has to be tried again."
    else:  # a rehearsal has counted them, and the table of calls says how many
        yield "Calls that have to be tried again come on top."


def _head(forecast: Forecast) -> list[str]:
    return ["", "acts", "calls"][: 2 if forecast.calls == 0 else 3]


def _rows(forecast: Forecast) -> list[list[str]]:
    total = StepForecast("", forecast.acts, is_exact=forecast.is_exact, calls=forecast.calls)
    columns = len(_head(forecast))
    rows = [[name_acts(step.step), *_cells(step)[:columns]] for step in forecast.steps]
    return [*rows, ["in all", *_cells(total)[:columns]]]


def _bound(forecast: Forecast) -> str:
    return "at most " if any(step.calls and not step.is_exact for step in forecast.steps) else ""


def _cells(step: StepForecast) -> list[str]:
    return ["" if step.is_exact else "at most", spell_count(step.acts), spell_count(step.calls)]
