"""Topics and candidates as a configuration writes them: what is wrong with them, and the values they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..domain.debate import Topic
from ..domain.person import remedy_share
from ..domain.scene import CandidateCard
from ..errors import Problem
from .checks import find_label_problem, find_text_problem, find_unknown_keys, has_kind, suggest_name
from .places import Places, spell_value

TOPIC_KEYS = ("id", "title", "description", "against", "for", "priors")
CANDIDATE_KEYS = ("id", "name", "description", "positions")
REQUIRED_KEYS = {"topics": TOPIC_KEYS[:3], "candidates": CANDIDATE_KEYS[:3]}

RESERVED_TOPIC_ID = "overall_vote"
"""Stands beside the topics' ids in a persona's beliefs."""


def build_topic(entry: Mapping[str, Any]) -> Topic:
    """Return the topic that a sound mapping describes."""
    return Topic(
        entry["id"],
        entry["title"],
        entry["description"],
        against=entry.get("against", ""),
        in_favour=entry.get("for", ""),
        priors=tuple(entry.get("priors", ())),
    )


def build_candidate_card(entry: Mapping[str, Any]) -> CandidateCard:
    """Return what everybody knows of the candidate that a sound mapping describes."""
    positions = {topic_id: float(stance) for topic_id, stance in entry.get("positions", {}).items()}
    return CandidateCard(entry["id"], entry["name"], positions=positions)


def find_entry_problems(topics: object, candidates: object, places: Places) -> Iterator[Problem]:
    """Yield what is wrong with the topics and candidates of a configuration; values that are no lists hold none."""
    topic_entries = dict(find_entries(topics))
    candidate_entries = dict(find_entries(candidates))
    for name, value in (("topics", topics), ("candidates", candidates)):
        yield from _shape_problems(name, value, places)
    for place, entry in topic_entries.items():
        yield from _topic_problems(entry, place, places)
    yield from _repeated_problems("topics", "id", topic_entries, places)
    topic_ids = list(_written_ids(topic_entries, places))
    for place, entry in candidate_entries.items():
        yield from _candidate_problems(entry, place, topic_ids, places)
    yield from _repeated_problems("candidates", "id", candidate_entries, places)
    yield from _repeated_problems("candidates", "name", candidate_entries, places)
    yield from _mistakable_names(candidate_entries, places)


def _written_ids(topics: Mapping[int, Mapping[str, Any]], places: Places) -> Iterator[str]:
    # What was written, not what it was read as: an id without its quotes is told where it stands, and only there.
    for place, entry in topics.items():
        if "id" in entry:
            yield places.at("topics", place, "id").written or str(entry["id"])


def find_entries(entries: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the mappings in a list, each with its place from 0."""
    if isinstance(entries, Sequence) and not isinstance(entries, str):
        yield from ((place, entry) for place, entry in enumerate(entries) if isinstance(entry, Mapping))


def _shape_problems(name: str, entries: object, places: Places) -> Iterator[Problem]:
    if not isinstance(entries, (list, tuple)):
        return
    keys = REQUIRED_KEYS[name]
    for place, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            where = places.at(name, place).where
            yield Problem(where, f"{spell_value(entry)} is no mapping", f"give it the keys {', '.join(keys)}")
            continue
        for key in keys:
            if key not in entry:
                yield Problem(places.at(name, place, key).where, "is missing", "add it")


def _topic_problems(entry: Mapping[str, Any], place: int, places: Places) -> Iterator[Problem]:
    yield from find_unknown_keys(entry, TOPIC_KEYS, places, "topics", place)
    yield from _label_problems(entry, "id", places, "topics", place)
    yield from _text_problems(entry, ("title",), places, "topics", place, blank_allowed=False)
    yield from _text_problems(entry, ("description", "against", "for"), places, "topics", place)
    if entry.get("id") == RESERVED_TOPIC_ID:
        where = places.at("topics", place, "id").where
        yield Problem(where, f"{RESERVED_TOPIC_ID} is taken by the program", "give the topic another id")
    if "priors" in entry:
        yield from _prior_problems(entry["priors"], place, places)


def _prior_problems(priors: object, place: int, places: Places) -> Iterator[Problem]:
    if not isinstance(priors, (list, tuple)):
        where = places.at("topics", place, "priors").where
        yield Problem(where, f"{spell_value(priors)} is no list", "write [subject, -another subject]")
        return
    for index, prior in enumerate(priors):
        at = places.at("topics", place, "priors", index)
        subject = prior.removeprefix("-") if isinstance(prior, str) else prior
        problem = find_text_problem(subject, at, blank_allowed=False)
        if problem:
            yield problem
        elif subject in [str(earlier).removeprefix("-") for earlier in priors[:index]]:
            yield Problem(at.where, f"{spell_value(subject)} is given twice", "remove one of the two")


def _candidate_problems(
    entry: Mapping[str, Any], place: int, topic_ids: Sequence[str], places: Places
) -> Iterator[Problem]:
    yield from find_unknown_keys(entry, CANDIDATE_KEYS, places, "candidates", place)
    yield from _label_problems(entry, "id", places, "candidates", place)
    yield from _label_problems(entry, "name", places, "candidates", place)
    yield from _text_problems(entry, ("description",), places, "candidates", place)
    if "positions" in entry:
        yield from _position_problems(entry["positions"], place, topic_ids, places)


def _position_problems(positions: object, place: int, topic_ids: Sequence[str], places: Places) -> Iterator[Problem]:
    path = ("candidates", place, "positions")
    if not isinstance(positions, Mapping):
        what = f"{spell_value(positions)} is no mapping"
        yield Problem(places.at(*path).where, what, "write {topic id: stance from -1 to 1}")
        return
    for topic_id, stance in positions.items():
        where = places.at(*path, str(topic_id)).where
        if topic_id not in topic_ids:
            yield Problem(where, f"there is no topic {spell_value(topic_id)}", suggest_name(topic_id, topic_ids))
        if not has_kind(stance, "number") or not -1 <= stance <= 1:
            what = f"{spell_value(stance)} is no number from -1 to 1"
            yield Problem(where, what, f"{remedy_share(stance, -1)}, or leave it out")


def _label_problems(entry: Mapping[str, Any], key: str, places: Places, *path: str | int) -> Iterator[Problem]:
    problem = find_label_problem(entry[key], places.at(*path, key)) if key in entry else None
    if problem:
        yield problem


def _text_problems(
    entry: Mapping[str, Any], keys: Iterable[str], places: Places, *path: str | int, blank_allowed: bool = True
) -> Iterator[Problem]:
    for key in keys:
        problem = key in entry and find_text_problem(entry[key], places.at(*path, key), blank_allowed=blank_allowed)
        if problem:
            yield problem


def _repeated_problems(
    name: str, key: str, entries: Mapping[int, Mapping[str, Any]], places: Places
) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for place, entry in entries.items():
        label = entry.get(key)
        if not isinstance(label, str):
            continue
        if first.setdefault(label, place) != place:
            what = f"{spell_value(label)} is also the {key} of {name}[{first[label]}]"
            yield Problem(places.at(name, place, key).where, what, "give one of them another")


def _mistakable_names(entries: Mapping[int, Mapping[str, Any]], places: Places) -> Iterator[Problem]:
    """Yield names that are another candidate's id: a vote for one would be read as a vote for the other."""
    holders: dict[object, int] = {}
    for place, entry in entries.items():
        if isinstance(entry.get("id"), str):
            holders.setdefault(entry["id"], place)
    for place, entry in entries.items():
        name = entry.get("name")
        holder = holders.get(name) if isinstance(name, str) else None
        if holder is not None and holder != place:
            what = f"{spell_value(name)} is also the id of candidates[{holder}]"
            yield Problem(places.at("candidates", place, "name").where, what, "give one of them another")
