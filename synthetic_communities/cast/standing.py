"""Who stands for election, as everybody knows them: from candidates, mappings or plain names."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..domain.remark import as_remark
from ..domain.scene import CandidateCard
from ..errors import Problem, UsageError


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
    ids, names = [card.id for card in cards], [card.name for card in cards]
    for problem in find_confusions(ids, names):
        raise UsageError(str(problem))
    return cards


def find_confusions(ids: Sequence[object], names: Sequence[object]) -> Iterator[Problem]:
    """Yield what keeps candidates from being told apart: an id or a name of two, a name that is another's id."""
    yield from find_repeated("candidates", "id", ids)
    yield from find_repeated("candidates", "name", names)
    for candidate_id, name in zip(ids, names, strict=True):
        if name in ids and name != candidate_id:
            yield Problem(f"candidate {candidate_id!r}", f"its name {name!r} is another's id", "give it another name")


def find_id_problems(kind: str, ids: Sequence[object]) -> Iterator[Problem]:
    """Yield what is wrong with the ids of all of a kind: no text, empty, or given twice."""
    yield from find_no_ids(kind, ids)
    yield from find_repeated("people" if kind == "person" else f"{kind}s", "id", ids)


def find_no_ids(kind: str, ids: Sequence[object]) -> Iterator[Problem]:
    """Yield the ids that are none: no text, or empty."""
    for value in ids:
        if not isinstance(value, str) or not value.strip():
            yield Problem(f"{kind} {value!r}", "an id is a text that is not empty", "give it one")


def find_repeated(kinds: str, what: str, values: Sequence[object]) -> Iterator[Problem]:
    """Yield every value that two of a kind share."""
    for value, count in Counter(values).items():
        if count > 1:
            yield Problem("", f"{count} {kinds} have the {what} {value!r}", "give each its own")


def _stated_stances(candidate: Any) -> dict[str, float]:
    positions = getattr(getattr(candidate, "state", None), "policy_positions", {}) or {}
    return {
        topic_id: as_remark(text).stances[topic_id]
        for topic_id, text in positions.items()
        if isinstance(text, str) and topic_id in as_remark(text).stances
    }
