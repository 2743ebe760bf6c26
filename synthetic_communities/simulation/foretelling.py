"""Foretelling what calls of models will take: a run is rehearsed with the shortest replies, and with the longest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..engine.plan import Course
from ..llm.model import Usage
from ..llm.prices import Prices
from ..report.steps import ACTS
from .assumed import Assumed, Span
from .calls_forecast import CallsForecast, StepCalls, TokensForecast
from .forecast import Forecast
from .measuring import End, Measured, rehearse
from .stage import build_course
from .understudies import Company, sample_people, with_posts

MOST_ACTS = 5_000
"""How many acts are rehearsed, about; of more, a sample of the people makes as many."""

SAMPLE_DOUBT = 0.02
"""By what share the calls of a step that does not ask everybody may be off, where a large sample was rehearsed."""

UNSEEN = 3
"""Of as many acts as there were in a sample, so many may be of a kind that none of these was: with 95 % certainty."""

SLOWEST = 1.2
"""How much longer a run may take than its rehearsal, as replies take unequally long, and some wait for the slowest."""

EMPTY_PLACES = 1.1
"""How much longer a run takes than its work under the limit, as places are empty now and then: at most, about."""

APART = ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens")
"""Kinds of tokens that add up to all of them."""

KINDS = (*APART, "cache_write_1h_tokens", "thinking_tokens")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the calls of a step take at one end, together, in the whole community.

    Attributes:
        calls: how many.
        tokens: kind of tokens to how many.
        cost_usd: what they cost; None: the price of a model is not known.
        seconds: how long they take, one after the other.
        rehearsed: from how many acts that is reckoned.
    """

    calls: float
    tokens: Mapping[str, float]
    cost_usd: float | None
    seconds: float
    rehearsed: int


async def foretell(
    company: Company, course: Course, forecast: Forecast, assumed: Assumed | None = None
) -> CallsForecast:
    """Return what the calls of models of a run will take.

    Args:
        company: who takes part.
        course: what there is to plan for.
        forecast: how many acts there are.
        assumed: what is not known of the models; None: as by default.
    """
    assumed = assumed or Assumed()
    sampled, drawn = _sample(company, course, forecast)
    low, high = [
        await rehearse(sampled, drawn, forecast.max_concurrent, End(assumed, each), people=len(company.people))
        for each in (False, True)
    ]
    acts, prices = {step.step: step.acts for step in forecast.steps}, Prices(company.config.prices or {})
    ends = [_add_up(each, acts, prices) for each in (low, high)]
    models = sorted({call.model for calls in high.calls.values() for call in calls})
    is_sampled = len(sampled.people) < len(company.people)
    inexact = {step.step: step.acts for step in forecast.steps if is_sampled and not step.is_exact}
    return CallsForecast(
        tuple(_join(step, ends[0][step], ends[1][step], most=inexact.get(step)) for step in ACTS if step in high.calls),
        minutes=Span(*(_minutes(*each, company, forecast) for each in zip((low, high), ends, strict=True))),
        unpriced=tuple(model for model in models if prices.of(model) is None),
        assumed=assumed,
        sampled=len(sampled.people) if is_sampled else None,
    )


def _sample(company: Company, course: Course, forecast: Forecast) -> tuple[Company, Course]:
    people = sample_people(company.people, forecast.acts, MOST_ACTS)
    if len(people) == len(company.people):
        return company, course
    config = company.config
    drawn = build_course(config, [each.id for each in people], course.candidate_ids, course.topic_ids)
    return replace(company, people=people), with_posts(drawn, course, config.feed_size)


def _add_up(measured: Measured, acts: Mapping[str, int], prices: Prices) -> dict[str, Totals]:
    """Return step to what its calls take in the whole community."""
    return {step: _add_up_step(step, measured, acts[step], prices) for step in measured.calls}


def _add_up_step(step: str, measured: Measured, acts: int, prices: Prices) -> Totals:
    calls = measured.calls[step]
    times = acts / measured.rehearsal.acts[step]
    usages = [measured.end.usage(step, call) for call in calls]
    costs = [prices.cost(call.model, usage) for call, usage in zip(calls, usages, strict=True)]
    known = [cost for cost in costs if cost is not None]
    return Totals(
        len(calls) * times,
        {kind: times * sum(_count(usage, kind) for usage in usages) for kind in KINDS},
        times * math.fsum(known) if len(known) == len(costs) else None,
        len(calls) * times * measured.end.seconds(step),
        measured.rehearsal.acts[step],
    )


def _count(usage: Usage, kind: str) -> int:
    tokens: int | None = getattr(usage, kind)
    return tokens or 0


def _join(step: str, low: Totals, high: Totals, *, most: int | None) -> StepCalls:
    """Return both ends together.

    Args:
        step: the step.
        low: its calls at the low end.
        high: those at the high end.
        most: how many calls there can be, where their number is not known exactly; None: it is.
    """
    is_known = low.cost_usd is not None and high.cost_usd is not None
    return StepCalls(
        step,
        calls=_span(low.calls, high.calls) if most is None else _doubt(low, high, most),
        tokens=TokensForecast(**{kind: _span(low.tokens[kind], high.tokens[kind]) for kind in KINDS}),
        cost_usd=_span(low.cost_usd or 0.0, high.cost_usd or 0.0) if is_known else None,
    )


def _doubt(low: Totals, high: Totals, most: int) -> Span:
    doubt = max(SAMPLE_DOUBT, UNSEEN / low.rehearsed)
    return Span(max(0, math.floor(low.calls * (1 - doubt))), min(most, math.ceil(high.calls * (1 + doubt))))


def _span(one: float, other: float) -> Span:
    return Span(min(one, other), max(one, other))


def _minutes(measured: Measured, totals: Mapping[str, Totals], company: Company, forecast: Forecast) -> float:
    """Return how long a run takes: as long as its acts, and as the account may ask."""
    config = company.config
    minutes = [_act_seconds(measured, totals, len(company.people), forecast.max_concurrent) / 60]
    if config.requests_per_minute:
        minutes.append(sum(each.calls for each in totals.values()) / config.requests_per_minute)
    if config.tokens_per_minute:
        tokens = sum(sum(each.tokens[kind] for kind in APART) for each in totals.values())
        minutes.append(tokens / config.tokens_per_minute)
    return max(minutes)


def _act_seconds(measured: Measured, totals: Mapping[str, Totals], people: int, limit: int) -> float:
    """Return how long the acts take: the longest chain of them, or the work of all under the limit.

    In a rehearsal of everybody some places are empty now and then, which counts. In a sample more of them are, so there
    that counts at the high end alone, and not in full.
    """
    rehearsal = measured.rehearsal
    bound = max(rehearsal.chain, sum(each.seconds for each in totals.values()) / limit)
    if len(rehearsal.stage.population.personas) == people:
        return max(bound, rehearsal.now) * (SLOWEST if measured.end.is_high else 1.0)
    return bound * (SLOWEST * EMPTY_PLACES if measured.end.is_high else 1.0)
