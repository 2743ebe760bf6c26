"""Asking before much is spent: what a run from the command line may cost, and whether it is to go on."""

import sys
from dataclasses import dataclass, field
from typing import Any, Literal

from ..domain.money import spell_usd, spell_usd_range
from ..errors import UsageError
from ..forecast.assumed import ZERO, Span
from ..forecast.forecast import Forecast
from ..game_engine import GameEngine
from ..llm.money.price_list import describe_similar
from ..report.terminal.ranges import spell_minutes_words
from ..report.text import count_of
from .held import NOTHING_HELD, Held
from .program import say

CONFIRM_ABOVE_USD = 5.0

REMEDY = "the setting prices states it, and --max-tokens and --max-calls limit what is asked"

ASSUMED = "Replies are taken to be short; check --probe measures them."

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
        cost_usd: what they will cost, in US dollars; None: the price of a model is not known.
        known_usd: what those of them will cost whose price is known, where not all are; else nothing.
        uncached_usd: what these cost at most if nothing is read from a cache that promises nothing; None: no more.
        runs: how many runs that is.
        unpriced: models whose price is not known.
        limit_usd: what all runs may cost, as they are stopped then; None: no limit.
        is_rest: whether some of it is held by journals.
        is_assumed: whether the length of replies is only assumed.
        is_exact: whether there will be just so many calls, if each succeeds at once.
        minutes: how long it will take; None: not known.
    """

    calls: int | None
    cost_usd: Span | None
    known_usd: Span = field(default=ZERO, kw_only=True)
    uncached_usd: float | None = field(default=None, kw_only=True)
    runs: int = field(default=1, kw_only=True)
    unpriced: tuple[str, ...] = field(default=(), kw_only=True)
    limit_usd: float | None = field(default=None, kw_only=True)
    is_rest: bool = field(default=False, kw_only=True)
    is_assumed: bool = field(default=False, kw_only=True)
    is_exact: bool = field(default=False, kw_only=True)
    minutes: Span | None = field(default=None, kw_only=True)

    @property
    def is_bounded(self) -> bool:
        """Whether it is known how much it may be: all prices are, or there is a limit."""
        return self.cost_usd is not None or self.limit_usd is not None

    @property
    def most_usd(self) -> float | None:
        """The most that may be spent, as far as prices are known; None: nothing is known of it."""
        priced = self.cost_usd or self.known_usd
        foretold = max(priced.high, self.uncached_usd or 0.0)
        is_foretold = self.cost_usd is not None or foretold > 0
        return min(
            (usd for usd in (foretold if is_foretold else None, self.limit_usd) if usd is not None), default=None
        )


def expect(engine: GameEngine, *, runs: int = 1, resample: bool = False, held: Held = NOTHING_HELD) -> Expense:
    """Return what runs of this engine's configuration will cost.

    Args:
        engine: ready to run.
        runs: how many there will be.
        resample: whether each of them draws its own people.
        held: what their journals hold already.
    """
    return reckon(engine.foretold(replicates=runs, resample=resample), engine.config.max_cost_usd, runs, held)


def reckon(forecast: Forecast | None, limit: float | None, runs: int, held: Held = NOTHING_HELD) -> Expense:
    """Return what runs will cost of which this is foretold.

    Args:
        forecast: of all of them; None: no model is asked.
        limit: what each may cost, in US dollars; None: no limit.
        runs: how many there are.
        held: what their journals hold already, which is asked of nobody.
    """
    if forecast is None:
        return Expense(0, None, runs=runs)
    cost, asked, (calls, is_exact) = forecast.cost_usd, forecast.asked, _count_calls(forecast)
    uncached = None if asked is None else asked.uncached_usd
    return Expense(
        calls,
        None if cost is None else _take_off(cost, held.usd),
        known_usd=ZERO if asked is None or cost is not None else _take_off(asked.known_usd, held.usd),
        uncached_usd=None if uncached is None else _take_off(uncached, held.usd).high,
        runs=runs,
        unpriced=() if asked is None else asked.unpriced,
        limit_usd=None if limit is None else max(0.0, limit * runs - held.paid_usd),
        is_rest=held.usd > 0,
        is_assumed=asked is not None and not asked.assumed.knows_replies,
        is_exact=is_exact and runs == 1,  # each run draws for itself
        minutes=None if asked is None else asked.minutes,
    )


def _count_calls(forecast: Forecast) -> tuple[int | None, bool]:
    """Return how many calls a run makes at most, and whether it makes just so many."""
    if forecast.asked is None:
        return forecast.calls, False
    foretold = forecast.asked.calls
    return round(foretold.high), foretold.low == foretold.high


def _take_off(cost: Span, usd: float) -> Span:
    return Span(max(0.0, cost.low - usd), max(0.0, cost.high - usd))


def decide(expense: Expense, consent: Consent, *, is_at_terminal: bool) -> Step:
    """Return what is to be done before this is spent."""
    if expense.calls == 0:
        return "go on"
    if expense.most_usd is None:
        return "say"
    if consent.is_given or expense.most_usd <= consent.above_usd:
        return "go on" if expense.is_bounded else "say"
    return "ask" if is_at_terminal else "refuse"


def is_confirmed(expense: Expense, consent: Consent) -> bool:
    """Say whether this is to be spent; who is at a terminal is asked.

    Raises:
        UsageError: it is much, and there is nobody to be asked.
    """
    step, told = decide(expense, consent, is_at_terminal=_is_terminal(sys.stdin) and _is_terminal(sys.stderr)), ""
    if step == "say":
        say(spell_unknown(expense))
    if step in ("ask", "refuse"):
        told = spell_expense(expense)
    if step == "refuse":
        why = f"{told}; that {_spell_verdict(expense, consent)} {spell_usd(consent.above_usd)} (--confirm-above)"
        other = "limit it by --max-cost-usd" if expense.limit_usd is None else "set a lower --max-cost-usd"
        raise UsageError(f"{why}; add --yes to go on all the same, or {other}")
    if step != "ask":
        return True
    assumed = f" {ASSUMED}" if expense.is_assumed else ""
    agreed = ask(f"{told[:1].upper()}{told[1:]}.{assumed} Go on? [y/N] ")
    if not agreed:
        say("Nothing was run, and nothing was spent.")
    return agreed


def tell_foretold(expense: Expense) -> None:
    """Say on stderr what runs were foretold to take; nothing where nobody is asked, or nothing is known."""
    if expense.calls:
        say(spell_foretold(expense))


def spell_foretold(expense: Expense) -> str:
    """Return a sentence that says what runs will cost, as far as that is known, and how many calls and minutes."""
    money = [] if expense.cost_usd is None else [_spell_span(expense.cost_usd)]
    time = [] if expense.minutes is None else [spell_minutes_words(expense.minutes.low, expense.minutes.high)]
    together = [] if expense.runs == 1 else [f"all {expense.runs:,} runs taken together"]
    uncached = "" if expense.cost_usd is None else _spell_uncached(expense, "; ")
    return f"Foretold: {', '.join([*money, _count(expense), *time, *together])}{uncached}."


def _spell_verdict(expense: Expense, consent: Consent) -> str:
    least = (expense.cost_usd or expense.known_usd).low
    if expense.limit_usd is not None:
        least = min(least, expense.limit_usd)
    return "is more than" if least > consent.above_usd else "may be more than"


def spell_unknown(expense: Expense) -> str:
    """Return a sentence that says that the cost is not known, and why, and what of it is."""
    known = f"; what has a price will cost {_spell_span(expense.known_usd)}" if expense.known_usd.high else ""
    whose = f"so neither is that of {_name(expense)}{known}"
    return f"The price of {_unpriced(expense)} is not known, {whose}; {REMEDY}.{describe_similar(expense.unpriced)}"


def spell_expense(expense: Expense) -> str:
    """Return in words what is about to be spent."""
    number = _spell_calls(expense)
    if expense.cost_usd is not None:
        told = f"will cost {_spell_span(expense.cost_usd)}{number}{_spell_uncached(expense)}"
        limited = "" if expense.limit_usd is None else f", limited to {spell_usd(expense.limit_usd)}"
        return f"{_name(expense)} {told}{limited}"
    if expense.limit_usd is not None:
        return f"{_name(expense)} may cost up to {spell_usd(expense.limit_usd)}{number}"
    priced = f"{_spell_span(expense.known_usd)} for what has a price{_spell_uncached(expense)}"
    return f"{_name(expense)} will cost at least {priced}; the price of {_unpriced(expense)} is not known"


def _spell_calls(expense: Expense) -> str:
    # Of a rest only the money is known: calls of the whole would be too many.
    if not expense.calls or expense.is_rest:
        return ""
    return f" for {_count(expense)}"


def _count(expense: Expense) -> str:
    return f"{'' if expense.is_exact else 'up to '}{count_of(expense.calls or 0, 'calls')}"


def _spell_span(cost: Span) -> str:
    return spell_usd_range(cost.low, cost.high)


def _spell_uncached(expense: Expense, between: str = ", ") -> str:
    if expense.uncached_usd is None:
        return ""
    return f"{between}up to {spell_usd(expense.uncached_usd, is_most=True)} if nothing is read from a cache"


def _unpriced(expense: Expense) -> str:
    return " and ".join(expense.unpriced) or "a model"


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
