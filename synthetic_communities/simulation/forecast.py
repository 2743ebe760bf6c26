"""What a run will do, counted before anything is done or spent. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..domain.debate import Topic
from ..domain.person import Person
from ..engine.plan import Course, plan_run
from ..minds.offline.priors import find_prior

AT_MOST = ("opening_position", "reading", "reaction", "social_update")
"""Steps whose agents are asked only if there is something to ask: a position missing, a post to read or react to."""


@dataclass(frozen=True, slots=True)
class StepForecast:
    """How many acts of one step a run will make.

    Attributes:
        step: the step, as in the plan.
        acts: how many.
        is_exact: True if every one of them asks somebody; False: at most so many do.
    """

    step: str
    acts: int
    is_exact: bool = field(kw_only=True)


def forecast_run(course: Course) -> tuple[StepForecast, ...]:
    """Return how many acts of every step a run will make, in the order in which the steps first come.

    An act is one question to one mind: with a language model, one call where it succeeds at once.
    """
    acts = Counter(task.step for task in plan_run(course) if task.is_act)
    return tuple(StepForecast(step, number, is_exact=step not in AT_MOST) for step, number in acts.items())


def count_drawn_priors(people: Iterable[Person], topic: Topic) -> int:
    """Return how many people have no prior belief that speaks to the topic: the offline mind draws them a stance."""
    seed = 0  # whether a stance is drawn does not depend on what is drawn
    return sum(find_prior(person, topic, seed).drawn for person in people)
