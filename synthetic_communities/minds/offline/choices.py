"""Where the candidates stand in everybody's eyes, and which of them is nearest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...domain.scene import CandidateCard, Scene
from ..views import CandidateView, PersonView


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a candidate is from a person.

    Attributes:
        candidate: who.
        squared: mean squared distance over the topics compared, in [0, 4].
    """

    candidate: CandidateCard
    squared: float


def perceived_stance(scene: Scene, candidate_id: str, topic_id: str) -> float:
    """Return where everybody thinks a candidate of the scene stands on a topic.

    That is the position its card declares. Where it declares none, the candidate has the middle of its part of the
    axis, which is cut into as many equal parts as there are candidates, from -1 to +1 in the order listed.
    """
    return perceived_stances(scene, candidate_id, (topic_id,))[0]


def perceived_stances(scene: Scene, candidate_id: str, topic_ids: Iterable[str]) -> list[float]:
    """Return where everybody thinks a candidate of the scene stands on these topics, as `perceived_stance` has it."""
    for place, card in enumerate(scene.candidates):
        if card.id == candidate_id:
            spread = (2 * place + 1) / len(scene.candidates) - 1
            return [card.positions.get(topic_id, spread) for topic_id in topic_ids]
    raise ValueError(f"{candidate_id!r} is no candidate of this scene")


def own_stance(view: CandidateView, topic_id: str) -> float:
    """Return where the candidate of this view itself says it stands: its stated position, else the perceived one."""
    stated = view.positions.get(topic_id)
    if stated is not None and topic_id in stated.stances:
        return stated.stances[topic_id]
    scene = view.scene.with_candidates([view.candidate])
    return perceived_stance(scene, view.candidate.id, topic_id)


def measure_distances(view: PersonView, stances: Mapping[str, float]) -> tuple[Distance, ...]:
    """Return the distance of every candidate standing to a person of these stances, nearest first.

    Ties stand in the order in which this person is shown the candidates, which is drawn. Without stances there is
    nothing to tell candidates apart by: the result is empty.
    """
    if not stances:
        return ()
    standing = view.candidates or view.scene.candidates
    distances = (Distance(card, _mean_square(view.scene, card.id, stances)) for card in standing)
    return tuple(sorted(distances, key=lambda distance: distance.squared))


def nearest_id(distances: Sequence[Distance]) -> str | None:
    """Return the id of the candidate nearest, None if there is none."""
    return distances[0].candidate.id if distances else None


def _mean_square(scene: Scene, candidate_id: str, stances: Mapping[str, float]) -> float:
    perceived = perceived_stances(scene, candidate_id, stances)
    squares = [(other - own) ** 2 for other, own in zip(perceived, stances.values(), strict=True)]
    return sum(squares) / len(squares)
