"""Asking before much is spent: what a run from the command line may cost, and whether it is to go on."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import click

from ..game_engine import GameEngine
from ..llm.meter import spell_usd
from ..report.text import count_of
from ..simulation.assumed import Span
from ..simulation.forecast import Forecast
from .program import say

CONFIRM_ABOVE_USD = 5.0

REMEDY = "--max-tokens and --max-calls limit what is asked, and the setting prices says what it costs"

Command = TypeVar("Command", bound=Callable[..., Any])

Step = Literal["go on", "say", "ask", "refuse"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody who types a command agrees to beforehand.

    Attributes:
        above_usd: what may be spent without asking, in US dollars.
        is_given: whether everything beyond that was agreed to.
    """

    above_usd: float = CONFIRM_ABOVE_USD
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Expense:
    """What is about to be spent.

    Attributes:
        calls: how many calls of models there will be at most, in all runs; None: not known.
        cost_usd: what they will cost, in US dollars; None: not known.
        runs: how many runs that is.
        unpriced: models whose price is not known.
        limit_usd: what all runs may cost, as they are stopped then; None: no limit.
        is_rest: whether some of it was paid for before.
        is_exact: whether there will be just so many calls, if each succeeds at once.
    """

    calls: int | None
    cost_usd: Span | None
    runs: int = field(default=1, kw_only=True)
    unpriced: tuple[str, ...] = field(default=(), kw_only=True)
    limit_usd: float | None = field(default=None, kw_only=True)
    is_rest: bool = field(default=False, kw_only=True)
    is_exact: bool = field(default=False, kw_only=True)

    @property
    def most_usd(self) -> float | None:
        """The most that may be spent; None: not known."""
        foretold = None if self.cost_usd is None else self.cost_usd.high
        return min((usd for usd in (foretold, self.limit_usd) if usd is not None), default=None)


def consent_options(command: Command) -> Command:
    """Give a command the options by which somebody agrees to what it costs."""
    above = click.option(
        *("--confirm-above", "above_usd"),
        metavar="USD",
        type=float,
        default=CONFIRM_ABOVE_USD,
        show_default=True,
        callback=_refuse_no_amount,
        help="What may be spent without asking.",
    )
    given = click.option("--yes", "is_given", is_flag=True, help="Spend what it costs; ask nothing.")
    return above(given(command))


def _refuse_no_amount(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not value >= 0:
        raise click.BadParameter(f"{value!r} is no amount of money; give US dollars, 0 or more", context, parameter)
    return value


def expect(engine: GameEngine, *, runs: int = 1, resample: bool = False, paid_usd: float = 0.0) -> Expense:
    """Return what runs of this engine's configuration will cost.

    Args:
        engine: ready to run.
        runs: how many there will be.
        resample: whether each of them draws its own people.
        paid_usd: what was paid for calls of these runs before, and need not be again.
    """
    forecast, limit = engine.foretold(replicates=runs, resample=resample), engine.config.max_cost_usd
    if forecast is None:
        return Expense(0, None, runs=runs)
    cost, (calls, is_exact) = forecast.cost_usd, _count_calls(forecast)
    return Expense(
        calls,
        None if cost is None else Span(max(0.0, cost.low - paid_usd), max(0.0, cost.high - paid_usd)),
        runs=runs,
        unpriced=() if forecast.asked is None else forecast.asked.unpriced,
        limit_usd=None if limit is None else max(0.0, limit * runs - paid_usd),
        is_rest=paid_usd > 0,
        is_exact=is_exact and runs == 1,  # each run draws for itself
    )


def _count_calls(forecast: Forecast) -> tuple[int | None, bool]:
    """Return how many calls a run makes at most, and whether it makes just so many."""
    if forecast.asked is None:
        return forecast.calls, False
    foretold = forecast.asked.calls
    return round(foretold.high), foretold.low == foretold.high


def decide(expense: Expense, consent: Consent, *, is_at_terminal: bool) -> Step:
    """Return what is to be done before this is spent."""
    if expense.calls == 0:
        return "go on"
    if expense.most_usd is None:
        return "say"
    if consent.is_given or expense.most_usd <= consent.above_usd:
        return "go on"
    return "ask" if is_at_terminal else "refuse"


def is_confirmed(expense: Expense, consent: Consent) -> bool:
    """Say whether this is to be spent; who is at a terminal is asked.

    Raises:
        click.UsageError: it is much, and there is nobody to be asked.
    """
    step = decide(expense, consent, is_at_terminal=_is_terminal(sys.stdin) and _is_terminal(sys.stderr))
    if step == "say":
        models = " and ".join(expense.unpriced) or "a model"
        say(f"What {_name(expense)} will cost is not known, as the price of {models} is not; {REMEDY}.")
    if step == "refuse":
        why = f"{spell_expense(expense)}, more than {spell_usd(consent.above_usd)} (--confirm-above)"
        other = "limit it by --max-cost-usd" if expense.limit_usd is None else "set a lower --max-cost-usd"
        raise click.UsageError(f"{why}; add --yes to go on all the same, or {other}")
    if step != "ask":
        return True
    agreed = ask(f"{spell_expense(expense)[:1].upper()}{spell_expense(expense)[1:]}. Go on? [y/N] ")
    if not agreed:
        say("Nothing was run, and nothing was spent.")
    return agreed


def spell_expense(expense: Expense) -> str:
    """Return in words what is about to be spent."""
    cost = expense.cost_usd
    if cost is None:
        told = f"may cost up to {spell_usd(expense.limit_usd or 0.0)}"
    else:
        low, high = spell_usd(cost.low), spell_usd(cost.high)
        told = f"will cost about {high}" if low == high else f"will cost {low.removesuffix(' USD')} to {high}"
    limited = "" if expense.limit_usd is None or cost is None else f", limited to {spell_usd(expense.limit_usd)}"
    return f"{_name(expense)} {told}{_spell_calls(expense)}{limited}"


def _spell_calls(expense: Expense) -> str:
    # Of a rest only the money is known: calls of the whole would be too many.
    if not expense.calls or expense.is_rest:
        return ""
    return f" for {'' if expense.is_exact else 'up to '}{count_of(expense.calls, 'calls')}"


def ask(question: str) -> bool:
    """Put a question to who is at the terminal, and return whether the answer is yes; any other is no."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _name(expense: Expense) -> str:
    whole = "this run" if expense.runs == 1 else f"these {expense.runs:,} runs"
    return f"the rest of {whole}" if expense.is_rest else whole


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()
