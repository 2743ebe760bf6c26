"""What everybody always knows: the world, the topics, who stands for election."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .debate import Topic


@dataclass(frozen=True, slots=True)
class CandidateCard:
    """What everybody knows of a candidate.

    Attributes:
        id: unique among candidates.
        name: as it stands on the ballot.
        positions: topic id to the stance in [-1, 1] the configuration declares; a mind that speaks does not read it.
    """

    id: str
    name: str
    positions: Mapping[str, float] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """The stage everybody stands on, the same for all.

    Attributes:
        world_story: the world in words; empty if there is none.
        topics: what is debated, in order.
        candidates: who stands for election, in the order listed.
    """

    world_story: str = ""
    topics: tuple[Topic, ...] = ()
    candidates: tuple[CandidateCard, ...] = ()

    def with_topics(self, topics: Iterable[Topic]) -> "Scene":
        """Return this scene with those of `topics` that it does not know yet added at the end."""
        known = {topic.id for topic in self.topics}
        new = {topic.id: topic for topic in topics if topic.id not in known}
        return replace(self, topics=(*self.topics, *new.values())) if new else self

    def with_candidates(self, cards: Iterable[CandidateCard]) -> "Scene":
        """Return this scene with those of `cards` that it does not know yet added at the end."""
        known = {card.id for card in self.candidates}
        new = {card.id: card for card in cards if card.id not in known}
        return replace(self, candidates=(*self.candidates, *new.values())) if new else self

    def candidate_name(self, candidate_id: str | None) -> str | None:
        """Return the name of the candidate with this id, or None."""
        for card in self.candidates:
            if card.id == candidate_id:
                return card.name
        return None

    def candidate_id(self, name: object) -> str | None:
        """Return the id of the candidate with this name (or this id), or None."""
        for card in self.candidates:
            if name in (card.name, card.id):
                return card.id
        return None
