"""Who stands for election, as everybody knows them: from candidates, mappings or plain names."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.remark import as_remark
from ..domain.scene import CandidateCard
from ..errors import UsageError


def build_card(candidate: Any) -> CandidateCard:
    """Return what everybody knows of a candidate.

    Args:
        candidate: a `Candidate`, a mapping with `id` and `name`, a card, or a name.

    Raises:
        UsageError: none of these.
    """
    if isinstance(candidate, CandidateCard):
        return candidate
    if isinstance(candidate, str):
        return CandidateCard(candidate, candidate)
    if isinstance(candidate, Mapping) and {"id", "name"} <= candidate.keys():
        return CandidateCard(candidate["id"], candidate["name"], positions=dict(candidate.get("positions") or {}))
    if hasattr(candidate, "id") and hasattr(candidate, "name"):
        return CandidateCard(candidate.id, candidate.name, positions=_stated_stances(candidate))
    raise UsageError(f"{candidate!r} is no candidate: pass Candidate objects, mappings with id and name, or names")


def build_cards(candidates: Iterable[Any]) -> tuple[CandidateCard, ...]:
    """Return what everybody knows of these candidates.

    Raises:
        UsageError: one is no candidate, or two share an id or a name, which no tally could tell apart.
    """
    cards = tuple(build_card(candidate) for candidate in candidates)
    for what, values in (("id", [card.id for card in cards]), ("name", [card.name for card in cards])):
        repeated = {value for value in values if values.count(value) > 1}
        if repeated:
            raise UsageError(f"two candidates have the {what} {min(repeated)!r}; give each its own")
    return cards


def _stated_stances(candidate: Any) -> dict[str, float]:
    positions = getattr(getattr(candidate, "state", None), "policy_positions", {}) or {}
    return {
        topic_id: as_remark(text).stances[topic_id]
        for topic_id, text in positions.items()
        if isinstance(text, str) and topic_id in as_remark(text).stances
    }
