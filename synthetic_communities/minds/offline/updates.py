"""A person's opinion at the opening, and after what it heard, talked about and read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...domain.belief import Belief, Opinion, clamp_stance
from ...domain.outcome import Done
from ..views import ChatUpdateView, DebateUpdateView, OpeningView, PersonView, SocialUpdateView, UpdateView
from .choices import measure_distances, nearest_id
from .priors import Holding, find_holdings, find_prior
from .rules import anchor, approach, bounded_mean, bounded_pulls
from .sources import Saying, Source, count_unplaced, gather_sources, sayings_in_chat, sayings_in_debate, sayings_in_feed
from .temper import Temper, measure_temper
from .words import join_sentences, tell_anchor, tell_opening, tell_source, tell_start, tell_unmoved, tell_unplaced


@dataclass(frozen=True, slots=True)
class Influence:
    """What others make of one opinion, before the prior pulls it back.

    Attributes:
        moved: the opinion after all of them.
        pulls: what each of them moved, in their order; they add up to the way from the old opinion to `moved`.
        stood: the opinion each of them met.
    """

    moved: float
    pulls: tuple[float, ...]
    stood: tuple[float, ...]


Rule = Callable[[float, Sequence[Source], Temper], Influence]


def open_opinion(view: OpeningView) -> Done[Opinion]:
    """Return the priors as the opinion a person opens with."""
    priors = [(topic, find_prior(view.person, topic, view.chance.seed)) for topic in view.scene.topics]
    beliefs = [
        Belief(topic.id, tell_opening(topic.title, prior), stance=prior.stance, drawn=prior.drawn)
        for topic, prior in priors
    ]
    return Done(_to_opinion(view, beliefs))


def update_from_debate(view: DebateUpdateView) -> Done[Opinion]:
    """Return the opinion after the epoch's debates: a weighted Hegselmann-Krause step, anchored to the prior."""
    temper = measure_temper(view.person)
    return _update(view, temper, sayings_in_debate(view, temper), "Heard", average_in)


def update_from_chat(view: ChatUpdateView) -> Done[Opinion]:
    """Return the opinion after a conversation: one Deffuant-Weisbuch step a topic, anchored to the prior."""
    return _update(view, measure_temper(view.person), sayings_in_chat(view), "Talked with", meet)


def update_from_feed(view: SocialUpdateView) -> Done[Opinion]:
    """Return the opinion after reading the feed: a weighted Hegselmann-Krause step, anchored to the prior."""
    temper = measure_temper(view.person)
    return _update(view, temper, sayings_in_feed(view, temper), "Read", average_in)


def average_in(own: float, sources: Sequence[Source], temper: Temper) -> Influence:
    """Apply the bounded mean to all sources at once."""
    stances = [source.stance for source in sources]
    weights = [source.weight for source in sources]
    pulls = bounded_pulls(own, stances, weights, temper.bound)
    return Influence(bounded_mean(own, stances, weights, temper.bound), pulls, (own,) * len(pulls))


def meet(own: float, sources: Sequence[Source], temper: Temper) -> Influence:
    """Apply the pair rule to the partner of a conversation, or to one partner after another if there were several."""
    stood = [own]
    for partner in sources:
        stood.append(approach(stood[-1], partner.stance, temper.bound, temper.chat_step))
    pulls = tuple(after - before for before, after in pairwise(stood))
    return Influence(stood[-1], pulls, tuple(stood[:-1]))


def _update(view: UpdateView, temper: Temper, sayings: Sequence[Saying], verb: str, rule: Rule) -> Done[Opinion]:
    unplaced = tell_unplaced(count_unplaced(sayings))
    beliefs = []
    for holding in find_holdings(view):
        sources = gather_sources(sayings, holding.topic.id)
        beliefs.append(_revise(holding, sources, temper, rule, verb, unplaced) if sources else _keep(holding, unplaced))
    return Done(_to_opinion(view, beliefs, view.max_change_share))


def _revise(
    holding: Holding, sources: Sequence[Source], temper: Temper, rule: Rule, verb: str, unplaced: str
) -> Belief:
    influence = rule(holding.stance, sources, temper)
    anchored = anchor(influence.moved, holding.prior.stance, temper.yielding)
    sentences = [
        tell_start(holding, anchored),
        *_tell_sources(verb, temper.bound, sources, influence),
        tell_anchor(holding.prior, anchored - influence.moved),
        unplaced,
    ]
    return _to_belief(holding, anchored, join_sentences(sentences))


def _keep(holding: Holding, unplaced: str) -> Belief:
    title = holding.topic.title
    unmoved = tell_unmoved(title, holding.stance) if holding.is_stated else tell_opening(title, holding.prior)
    return _to_belief(holding, holding.stance, join_sentences([unmoved, unplaced]))


def _tell_sources(verb: str, bound: float, sources: Sequence[Source], influence: Influence) -> list[str]:
    met = zip(sources, influence.pulls, influence.stood, strict=True)
    return [tell_source(verb, source, pull, own=own, bound=bound) for source, pull, own in met]


def _to_belief(holding: Holding, stance: float, sentence: str) -> Belief:
    """Make a belief; rounding may have put its stance a hair outside the axis."""
    on_axis = min(max(stance, -1.0), 1.0)
    return Belief(holding.topic.id, sentence, stance=on_axis, drawn=holding.prior.drawn)


def _to_opinion(view: PersonView, beliefs: Sequence[Belief], max_change_share: float = 1.0) -> Opinion:
    """Add to the beliefs which candidate is nearest on each topic, and which over all, where they will be held."""
    held = {belief.topic_id: belief.stance for belief in view.beliefs}
    asked_for = ((belief.topic_id, belief.stance) for belief in beliefs)
    reached = {topic: clamp_stance(held.get(topic), stance, max_change_share) for topic, stance in asked_for}
    stances = {topic_id: stance for topic_id, stance in reached.items() if stance is not None}
    votes = {topic_id: nearest_id(measure_distances(view, {topic_id: stance})) for topic_id, stance in stances.items()}
    return Opinion(
        tuple(_with_vote(belief, votes.get(belief.topic_id)) for belief in beliefs),
        nearest_id(measure_distances(view, stances)),
    )


def _with_vote(belief: Belief, vote: str | None) -> Belief:
    return Belief(belief.topic_id, belief.sentence, stance=belief.stance, vote=vote, drawn=belief.drawn)
