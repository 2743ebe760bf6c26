"""Counting what a run will do, from its plan. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ..config import Config
from ..domain.debate import Topic
from ..domain.person import Person
from ..engine.ledger import Ledger, Task
from ..engine.plan import Course
from ..minds.offline.priors import find_prior
from ..report.steps import ACTS
from ..simulation.expectation import OPINION_STEPS, CastExpectation
from ..simulation.stage import build_plan, limit_acts
from .forecast import Forecast, StepForecast

AT_MOST = ("opening_position", "reading", "reaction", "social_update")
"""Steps whose agents are asked only if there is something to ask: a position missing, a post to read or react to."""


def forecast_run(course: Course, minds: CastExpectation, config: Config) -> Forecast:
    """Return what a run of this course will do.

    Args:
        course: what there is to plan for.
        minds: what is known of who is asked.
        config: the settings, for the schedule and the limit to acts under way at once.
    """
    tasks = build_plan(course, config)
    return Forecast(
        forecast_steps((task for task in tasks if task.is_act), minds, has_topics=bool(course.topic_ids)),
        levels=measure_levels(tasks),
        max_concurrent=limit_acts(config, [mind.max_concurrent for mind in minds.all()]),
    )


def forecast_steps(acts: Iterable[Task], minds: CastExpectation, *, has_topics: bool) -> tuple[StepForecast, ...]:
    """Return how many acts and calls there are of every step, in the order in which acts take place."""
    counts: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for task in acts:
        counts[task.step] += 1
        per_act = minds.of_task(task).calls_per_act
        if per_act is None:
            own[task.step] += 1
        elif has_topics or task.step not in OPINION_STEPS:
            calls[task.step] += per_act
    return tuple(
        StepForecast(
            step,
            counts[step],
            is_exact=step not in AT_MOST,
            calls=None if own[step] == counts[step] else calls[step],
            own_acts=own[step],
        )
        for step in ACTS
        if step in counts
    )


def measure_levels(tasks: Sequence[Task]) -> int:
    """Return the length of the longest chain of acts that wait for one another; what is no act counts nothing."""
    ledger = Ledger(tasks)
    return max((ledger.path_ahead(task.key) for task in tasks), default=0)


def count_drawn_priors(people: Iterable[Person], topic: Topic) -> int:
    """Return how many people have no prior belief that speaks to the topic: the offline mind draws them a stance."""
    seed = 0  # whether a stance is drawn does not depend on what is drawn
    return sum(find_prior(person, topic, seed).drawn for person in people)
