"""Who was heard or read on a topic, at which stance, and with which weight."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...domain.remark import Remark
from ..views import ChatUpdateView, DebateUpdateView, SocialUpdateView
from .rules import weighted_mean
from .temper import Temper

SOMEBODY = "somebody unnamed"

LIKED_WEIGHT = 2.0
"""Multiplies the weight of a post given a thumbs up."""

DISLIKED_WEIGHT = 0.5
"""Multiplies the weight of a post given a thumbs down."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One text that may speak to topics.

    Attributes:
        who: id of who said it; the name where no id is known.
        name: for reading.
        stances: topic id to stance.
        weight: where the own opinion has 1; not negative.
    """

    who: str
    name: str
    stances: Mapping[str, float]
    weight: float = field(default=1.0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Source:
    """One speaker on one topic, all it said there taken together.

    Attributes:
        name: for reading.
        stance: mean of what it said.
        weight: mean of the weights of what it said.
    """

    name: str
    stance: float
    weight: float


def sayings_in_debate(view: DebateUpdateView, temper: Temper) -> tuple[Saying, ...]:
    """Return what was said in the debates, the words of the first choice weighing more; no word of the mediator's."""
    return tuple(_debate_sayings(view, temper))


def sayings_in_chat(view: ChatUpdateView) -> tuple[Saying, ...]:
    """Return what the partner said in the conversation; outside a run there may have been several."""
    partner = view.peer_name or view.peer_id
    return tuple(
        Saying(remark.speaker_id or view.peer_id, remark.speaker_name or partner or SOMEBODY, remark.stances)
        for remark in view.conversation
        if remark.speaker_id != view.person.id
    )


def sayings_in_feed(view: SocialUpdateView, temper: Temper) -> tuple[Saying, ...]:
    """Return the posts not shown before, those liked weighing more and those disliked less."""
    factors = {"thumbs_up": LIKED_WEIGHT, "thumbs_down": DISLIKED_WEIGHT}
    unseen = set(view.unseen)
    return tuple(
        Saying(
            post.author_id,
            post.text.speaker_name or post.author_id,
            post.text.stances,
            weight=temper.feed_weight * factors.get(view.reactions.by_post.get(post.id, ""), 1.0),
        )
        for post in view.feed
        if post.id in unseen
    )


def gather_sources(sayings: Iterable[Saying], topic_id: str) -> tuple[Source, ...]:
    """Return one source a speaker on this topic, in the order first heard: who repeats itself weighs no more."""
    by_speaker: dict[str, list[Saying]] = {}
    for saying in sayings:
        if topic_id in saying.stances:
            by_speaker.setdefault(saying.who, []).append(saying)
    return tuple(_join(own, topic_id) for own in by_speaker.values())


def count_unplaced(sayings: Iterable[Saying]) -> int:
    """Return how many of the texts say nothing of where they stand."""
    return sum(not saying.stances for saying in sayings)


def _join(sayings: list[Saying], topic_id: str) -> Source:
    even = [1.0] * len(sayings)
    stance = weighted_mean([saying.stances[topic_id] for saying in sayings], even)
    weight = weighted_mean([saying.weight for saying in sayings], even)
    return Source(sayings[0].name, stance, weight)


def _debate_sayings(view: DebateUpdateView, temper: Temper) -> Iterator[Saying]:
    candidates = {card.id for card in view.scene.candidates}
    for remark in view.heard:
        if remark.stances or not remark.speaker_id or remark.speaker_id in candidates:
            factor = temper.favour if _is_favourite(remark, view.first_choice) else 1.0
            who = remark.speaker_id or remark.speaker_name
            name = remark.speaker_name or remark.speaker_id or SOMEBODY
            yield Saying(who, name, remark.stances, weight=temper.debate_weight * factor)


def _is_favourite(remark: Remark, first_choice: str | None) -> bool:
    return first_choice is not None and remark.speaker_id == first_choice
