"""Adding up what was measured in rehearsals: what the calls of each step take, at one end, and between both. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..llm.caching.manner import find_manner
from ..llm.model import Usage
from ..llm.money.prices import Prices
from .assumed import Span
from .calls import StepCalls, TokensForecast
from .measuring import End, Measured, MeasuredCall, count_tokens

SAMPLE_DOUBT = 0.02
"""By what share the calls of a step that does not ask everybody may be off, where a large sample was rehearsed."""

CACHE_DOUBT = 0.01
"""By what share money may be less where a cache is read: which call is there first decides how much the others read."""

UNSEEN = 3
"""Of as many acts as there were in a sample, so many may be of a kind that none of these was: with 95 % certainty."""

KINDS = (
    *("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens"),
    *("cache_write_1h_tokens", "thinking_tokens"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the calls of a step take at one end, in all runs together, with everybody.

    Attributes:
        calls: how many.
        tokens: kind of tokens to how many.
        known_usd: what those cost whose price is known.
        uncached_usd: the same, if servers that keep beginnings on their own keep none.
        is_priced: whether the price of every one is known.
        seconds: how long they take, one after the other.
        rehearsed: from how many acts that is reckoned.
        calls_by_model: model to how many of them it gets.
        tokens_by_model: model to the tokens of those, prompts and replies together.
    """

    calls: float
    tokens: Mapping[str, float]
    known_usd: float
    uncached_usd: float
    is_priced: bool
    seconds: float
    rehearsed: int
    calls_by_model: Mapping[str, float]
    tokens_by_model: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was measured at one end in the rehearsals of some of the runs.

    Attributes:
        end: the end of all that is assumed.
        runs: what was measured in each.
    """

    end: End
    runs: Sequence[Measured]

    def calls(self) -> Mapping[str, list[MeasuredCall]]:
        """Return step to its calls."""
        calls: defaultdict[str, list[MeasuredCall]] = defaultdict(list)
        for run in self.runs:
            for step, made in run.calls.items():
                calls[step] += made
        return calls

    def acts(self) -> Mapping[str, int]:
        """Return step to how many acts there were."""
        return sum((run.rehearsal.acts for run in self.runs), Counter[str]())


def add_up(rehearsed: Rehearsed, acts: Mapping[str, int], prices: Prices) -> dict[str, Totals]:
    """Return step to what its calls take in all runs, with everybody.

    Args:
        rehearsed: what was measured.
        acts: step to how many acts there are.
        prices: what calls cost.
    """
    made = rehearsed.acts()
    return {
        step: _add_up_step(step, calls, rehearsed.end, prices, acts=acts[step], rehearsed=made[step])
        for step, calls in rehearsed.calls().items()
    }


def _add_up_step(
    step: str, calls: Sequence[MeasuredCall], end: End, prices: Prices, *, acts: int, rehearsed: int
) -> Totals:
    asked, times = [(call.model, end.usage(step, call)) for call in calls], acts / rehearsed
    uncached = [(model, _without_cache(model, usage)) for model, usage in asked]
    return Totals(
        calls=len(calls) * times,
        tokens={kind: sum(_count(usage, kind) for _, usage in asked) * times for kind in KINDS},
        known_usd=_add_costs(asked, prices) * times,
        uncached_usd=_add_costs(uncached, prices) * times,
        is_priced=all(prices.of(model) is not None for model, _ in asked),
        seconds=len(calls) * times * end.seconds(step),
        rehearsed=rehearsed,
        calls_by_model=add_by_model((model, times) for model, _ in asked),
        tokens_by_model=add_by_model((model, count_tokens(usage) * times) for model, usage in asked),
    )


def _add_costs(asked: Iterable[tuple[str, Usage]], prices: Prices) -> float:
    """Return what these calls cost, as far as prices are known; each alone, as a long prompt may cost more a token."""
    return math.fsum(prices.cost(model, usage) or 0.0 for model, usage in asked)


def _without_cache(model: str, usage: Usage) -> Usage:
    """Return what a call takes if a server that keeps beginnings on its own, and promises nothing, has kept none."""
    if find_manner(model) != "automatic":
        return usage
    return Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.output_tokens)


def add_by_model(parts: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    """Return model to the sum of all that stands there beside it."""
    sums: defaultdict[str, float] = defaultdict(float)
    for model, part in parts:
        sums[model] += part
    return sums


def _count(usage: Usage, kind: str) -> int:
    tokens: int | None = getattr(usage, kind)
    return tokens or 0


def join_ends(step: str, low: Totals, high: Totals, *, most: int | None) -> StepCalls:
    """Return both ends together.

    Args:
        step: the step.
        low: its calls at the low end.
        high: those at the high end.
        most: how many calls there can be, where their number is not known exactly; None: it is.
    """
    doubt = CACHE_DOUBT if low.tokens["cache_read_tokens"] else 0.0
    known = _span(low.known_usd * (1 - doubt), high.known_usd)
    return StepCalls(
        step,
        calls=_span(low.calls, high.calls) if most is None else _doubt(low, high, most),
        tokens=TokensForecast(**{kind: _span(low.tokens[kind], high.tokens[kind]) for kind in KINDS}),
        cost_usd=known if low.is_priced and high.is_priced else None,
        known_usd=known,
        uncached_usd=_span(low.uncached_usd, high.uncached_usd),
    )


def _doubt(low: Totals, high: Totals, most: int) -> Span:
    doubt = max(SAMPLE_DOUBT, UNSEEN / low.rehearsed)
    return Span(max(0, math.floor(low.calls * (1 - doubt))), min(most, math.ceil(high.calls * (1 + doubt))))


def _span(one: float, other: float) -> Span:
    return Span(min(one, other), max(one, other))
