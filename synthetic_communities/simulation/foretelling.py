"""Foretelling what calls of models will take: runs are rehearsed with the shortest replies, and with the longest."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..config import Config
from ..engine.plan import Course
from ..llm.model import Usage
from ..llm.prices import Prices
from ..report.steps import ACTS
from .ahead import RunAhead, choose_rehearsed
from .assumed import Assumed, Span
from .calls_forecast import CallsForecast, StepCalls, TokensForecast
from .forecast import Forecast
from .measuring import End, Measured, MeasuredCall, rehearse
from .stage import build_course
from .understudies import Company, sample_people, with_posts

MOST_ACTS = 5_000
"""How many acts are rehearsed, about; of more, a sample of the people makes as many."""

SAMPLE_DOUBT = 0.02
"""By what share the calls of a step that does not ask everybody may be off, where a large sample was rehearsed."""

UNSEEN = 3
"""Of as many acts as there were in a sample, so many may be of a kind that none of these was: with 95 % certainty."""

SLOWEST = 1.2
"""How much longer a run may take than its rehearsal: replies take unequally long, and some wait for the slowest."""

APART = ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens")
"""Kinds of tokens that add up to all of them."""

KINDS = (*APART, "cache_write_1h_tokens", "thinking_tokens")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the calls of a step take at one end, in all runs together, with everybody.

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


async def foretell(
    company_of: Callable[[RunAhead], Company],
    ahead: Sequence[RunAhead],
    forecast: Forecast,
    assumed: Assumed | None = None,
) -> CallsForecast:
    """Return what the calls of models of a run will take, or those of replicates side by side under one limit.

    Args:
        company_of: says who takes part in a run.
        ahead: the runs, of which as many are rehearsed as make about as many acts as a sample.
        forecast: how many acts there are in all of them together.
        assumed: what is not known of the models; None: as by default.
    """
    assumed = assumed or Assumed()
    chosen = choose_rehearsed(ahead, MOST_ACTS)
    parts = [_sample(company_of(run), run) for run in chosen]
    people = len(ahead[0].people)
    ends = [await _rehearse_all(parts, forecast, End(assumed, each), people=people) for each in (False, True)]
    config, sampled = ahead[0].config, len(parts[0][0].people)
    acts, prices = {step.step: step.acts for step in forecast.steps}, Prices(config.prices or {})
    totals = [_add_up(each, acts, prices) for each in ends]
    doubted = {
        step.step: step.acts
        for step in forecast.steps
        if not step.is_exact and (sampled < people or ends[0].acts()[step.step] < step.acts)
    }
    called = ends[1].calls()
    models = sorted({call.model for calls in called.values() for call in calls})
    return CallsForecast(
        tuple(_join(step, totals[0][step], totals[1][step], most=doubted.get(step)) for step in ACTS if step in called),
        minutes=Span(*(_minutes(*each, config, forecast, people=people) for each in zip(ends, totals, strict=True))),
        unpriced=tuple(model for model in models if prices.of(model) is None),
        assumed=assumed,
        sampled=sampled if sampled < people else None,
        replicates=len(ahead),
        rehearsed=len(chosen),
    )


async def _rehearse_all(
    parts: Sequence[tuple[Company, Course]], forecast: Forecast, end: End, *, people: int
) -> Rehearsed:
    limit, times = forecast.max_concurrent, forecast.replicates
    measured = [await rehearse(*part, limit, end, people=people, side_by_side=times) for part in parts]
    return Rehearsed(end, measured)


def _sample(company: Company, run: RunAhead) -> tuple[Company, Course]:
    course, people = run.course, sample_people(company.people, run.forecast.acts, MOST_ACTS)
    if len(people) == len(company.people):
        return company, course
    config = company.config
    drawn = build_course(config, [each.id for each in people], course.candidate_ids, course.topic_ids)
    return replace(company, people=people), with_posts(drawn, course, config.feed_size)


def _add_up(rehearsed: Rehearsed, acts: Mapping[str, int], prices: Prices) -> dict[str, Totals]:
    """Return step to what its calls take in all runs, with everybody."""
    made = rehearsed.acts()
    return {
        step: _add_up_step(step, calls, rehearsed.end, prices, acts=acts[step], rehearsed=made[step])
        for step, calls in rehearsed.calls().items()
    }


def _add_up_step(
    step: str, calls: Sequence[MeasuredCall], end: End, prices: Prices, *, acts: int, rehearsed: int
) -> Totals:
    usages = [end.usage(step, call) for call in calls]
    costs = [prices.cost(call.model, usage) for call, usage in zip(calls, usages, strict=True)]
    known = [cost for cost in costs if cost is not None]
    number = len(calls) * acts / rehearsed
    return Totals(
        number,
        {kind: sum(_count(usage, kind) for usage in usages) * acts / rehearsed for kind in KINDS},
        math.fsum(known) * acts / rehearsed if len(known) == len(costs) else None,
        number * end.seconds(step),
        rehearsed,
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


def _minutes(
    rehearsed: Rehearsed, totals: Mapping[str, Totals], config: Config, forecast: Forecast, *, people: int
) -> float:
    """Return how long the runs take: as long as their acts, and as the account may ask."""
    minutes = [_act_seconds(rehearsed, totals, forecast, people=people) / 60]
    if config.requests_per_minute:
        minutes.append(sum(each.calls for each in totals.values()) / config.requests_per_minute)
    if config.tokens_per_minute:
        tokens = sum(sum(each.tokens[kind] for kind in APART) for each in totals.values())
        minutes.append(tokens / config.tokens_per_minute)
    return max(minutes)


def _act_seconds(rehearsed: Rehearsed, totals: Mapping[str, Totals], forecast: Forecast, *, people: int) -> float:
    """Return how long the acts take: the longest chain of them, or the work of all under the limit.

    In a rehearsal of everybody some places are empty now and then, which counts. In a sample more of them are, so there
    it does not: the high end has room for it. Of several runs the longest counts, though each is rehearsed alone.
    """
    rehearsals = [run.rehearsal for run in rehearsed.runs]
    chain, work = max(each.chain for each in rehearsals), sum(each.seconds for each in totals.values())
    seconds = max(chain, work / forecast.max_concurrent)
    if len(rehearsals[0].stage.population.personas) == people:
        seconds = max(seconds, *(each.now for each in rehearsals))
    return seconds * (SLOWEST if rehearsed.end.is_high else 1.0)
