"""What a person came with: its prior stance on a topic, from its attributes or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...domain.belief import Belief
from ...domain.chance import Chance
from ...domain.debate import Topic
from ...domain.person import Person
from ..views import PersonView
from .rules import weighted_mean


@dataclass(frozen=True, slots=True)
class Prior:
    """The stance a person came with.

    Attributes:
        stance: in [-1, 1].
        subjects: subject as the topic names it (a leading minus turns the sign) to the person's stance on it as its
            attributes have it; empty: the stance was drawn.
    """

    stance: float
    subjects: Mapping[str, float]

    @property
    def drawn(self) -> bool:
        """Whether the stance was drawn, for want of one in the person's attributes."""
        return not self.subjects


@dataclass(frozen=True, slots=True)
class Holding:
    """Where a person stands on a topic, whether or not it has said so yet.

    Attributes:
        topic: the topic.
        stance: in [-1, 1]: that of the belief, else the prior's.
        prior: what the person came with.
        is_stated: whether there is a belief with a stance.
    """

    topic: Topic
    stance: float
    prior: Prior
    is_stated: bool


def find_prior(person: Person, topic: Topic, seed: int) -> Prior:
    """Return the mean of the person's prior beliefs that speak to the topic, or a stance drawn from the seed.

    The draw is even over [-1, 1], from the person's own stream in epoch 0: the same whenever it is asked for.
    """
    known: dict[str, float] = {}
    signed: list[float] = []
    for subject in topic.priors or (topic.id,):
        is_turned = subject.startswith("-")
        stance = person.prior_beliefs.get(subject[1:] if is_turned else subject)
        if stance is not None:
            known[subject] = stance
            signed.append(-stance if is_turned else stance)
    if not known:
        return Prior(2 * Chance(seed, 0, person.id).draw(f"prior/{topic.id}") - 1, known)
    return Prior(weighted_mean(signed, [1.0] * len(signed)), known)


def find_holdings(view: PersonView) -> tuple[Holding, ...]:
    """Return where the person of this view stands on every topic of the scene, in the scene's order."""
    beliefs = {belief.topic_id: belief for belief in view.beliefs}
    return tuple(_hold(view, topic, beliefs.get(topic.id)) for topic in view.scene.topics)


def stances_of(holdings: tuple[Holding, ...]) -> dict[str, float]:
    """Return topic id to stance."""
    return {holding.topic.id: holding.stance for holding in holdings}


def _hold(view: PersonView, topic: Topic, belief: Belief | None) -> Holding:
    prior = find_prior(view.person, topic, view.chance.seed)
    if belief is None or belief.stance is None:
        return Holding(topic, prior.stance, prior, is_stated=False)
    return Holding(topic, belief.stance, prior, is_stated=True)
