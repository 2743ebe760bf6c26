"""Foretelling what calls of models will take: runs are rehearsed with the shortest replies, and with the longest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..config import Config
from ..engine.plan import Course
from ..llm.limits.counts import measure_saved_up
from ..llm.limits.headers import Counted
from ..llm.money.prices import Prices
from ..report.steps import ACTS
from ..simulation.stage import build_course
from .ahead import RunAhead, choose_rehearsed
from .assumed import Assumed, Span
from .calls import CallsForecast
from .forecast import Forecast
from .measuring import End, MeasuredCall, rehearse
from .totals import Rehearsed, Totals, add_by_model, add_up, join_ends
from .understudies import Company, sample_people, with_posts

MOST_ACTS = 5_000
"""How many acts are rehearsed, about; of more, a sample of the people makes as many."""

SLOWEST = 1.2
"""How much longer a run may take than its rehearsal: replies take unequally long, and some wait for the slowest."""

PACE_DOUBT = 0.02
"""By what share it may be shorter where an account holds it up: after a pause a little more may go at once."""


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
    totals = [add_up(each, acts, prices) for each in ends]
    doubted = {
        step.step: step.acts
        for step in forecast.steps
        if not step.is_exact and (sampled < people or ends[0].acts()[step.step] < step.acts)
    }
    called = ends[1].calls()
    models = sorted({call.model for calls in called.values() for call in calls})
    return CallsForecast(
        tuple(
            join_ends(step, totals[0][step], totals[1][step], most=doubted.get(step)) for step in ACTS if step in called
        ),
        minutes=Span(*(_minutes(*each, config, forecast) for each in zip(ends, totals, strict=True))),
        unpriced=tuple(model for model in models if prices.of(model) is None),
        assumed=assumed,
        sampled=sampled if sampled < people else None,
        replicates=len(ahead),
        rehearsed=len(chosen),
        thinking_tokens=_thinking(called, assumed),
    )


def _thinking(called: Mapping[str, list[MeasuredCall]], assumed: Assumed) -> Span:
    """Return the tokens of thinking of one reply, whichever of them it is."""
    efforts = {(step, call.effort) for step, calls in called.items() for call in calls}
    spans = [assumed.thinking(*each) for each in efforts]
    return Span(min((each.low for each in spans), default=0.0), max((each.high for each in spans), default=0.0))


async def _rehearse_all(
    parts: Sequence[tuple[Company, Course]], forecast: Forecast, end: End, *, people: int
) -> Rehearsed:
    limit, times = forecast.max_concurrent, forecast.replicates
    shares = forecast.shares_opening
    measured = [
        await rehearse(*part, limit, end, people=people, side_by_side=times, shares_opening=shares) for part in parts
    ]
    return Rehearsed(end, measured)


def _sample(company: Company, run: RunAhead) -> tuple[Company, Course]:
    course, people = run.course, sample_people(company.people, run.forecast.acts, MOST_ACTS)
    if len(people) == len(company.people):
        return company, course
    config = company.config
    drawn = build_course(config, [each.id for each in people], course.candidate_ids, course.topic_ids)
    return replace(company, people=people), with_posts(drawn, course, config.feed_size)


def _minutes(rehearsed: Rehearsed, totals: Mapping[str, Totals], config: Config, forecast: Forecast) -> float:
    """Return how long the runs take: as long as their acts, and as the account may ask of the model it asks most."""
    minutes = [_act_seconds(rehearsed, totals, forecast) / 60]
    minutes += _account_minutes(totals, "requests", config.requests_per_minute, is_high=rehearsed.end.is_high)
    minutes += _account_minutes(totals, "tokens", config.tokens_per_minute, is_high=rehearsed.end.is_high)
    if rehearsed.end.is_high:
        return max(minutes) * SLOWEST
    is_held_up = config.requests_per_minute is not None or config.tokens_per_minute is not None
    return max(minutes) * (1 - PACE_DOUBT if is_held_up else 1.0)


def _account_minutes(
    totals: Mapping[str, Totals], counted: Counted, per_minute: float | None, *, is_high: bool
) -> Iterator[float]:
    """Yield how long the account takes with each model; at the low end what may go at once is not waited for.

    Neither is the rest of the last call: one goes as soon as the account is not in debt, or has saved up the most.
    """
    if per_minute is None:
        return
    calls = add_by_model(item for each in totals.values() for item in each.calls_by_model.items())
    tokens = add_by_model(item for each in totals.values() for item in each.tokens_by_model.items())
    for model, number in (calls if counted == "requests" else tokens).items():
        at_once = max(measure_saved_up(counted, per_minute), number / calls[model])
        yield (number if is_high else max(0.0, number - at_once)) / per_minute


def _act_seconds(rehearsed: Rehearsed, totals: Mapping[str, Totals], forecast: Forecast) -> float:
    """Return how long the acts take: the longest chain of them, or the work of all under the limit.

    Some places are empty now and then, which counts: a sample has as many places for each of its people as all have,
    and so has each of several runs. As these fill one another's, the run with the fewest empty ones makes the low end.
    """
    rehearsals = [run.rehearsal for run in rehearsed.runs]
    chain, work = max(each.chain for each in rehearsals), sum(each.seconds for each in totals.values())
    idle = (max if rehearsed.end.is_high else min)(each.idle for each in rehearsals)
    return max(chain, work / forecast.max_concurrent + idle)
