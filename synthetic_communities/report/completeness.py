"""What is missing of a run that says it is complete: whole files or lines may be gone, and nothing else tells."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..runs.directory import BALLOTS, BELIEFS, EPOCHS
from .record import Move, Record

KNOWN = ("opening_opinions", "questions_per_topic")
"""Settings without which it is not known how many lines there should be."""


def find_gaps(record: Record, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the file and what is wrong with it: lines that stand there twice, or that a complete run has and it lacks.

    Args:
        record: what could be read.
        settings: those of the run, as recorded.
    """
    if record.status == "complete" and all(name in settings for name in KNOWN):
        yield from _find_missing(record, settings)
    yield from _find_repeated(record)


def place_of(move: Move) -> tuple[int, str, str, str]:
    """Return what a line of beliefs is on: epoch, step, person and topic."""
    return move.epoch, move.step, move.persona_id, move.topic_id


def _find_missing(record: Record, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if record.epochs_ended != record.epochs:
        yield EPOCHS, _tell(record.epochs_ended, record.epochs, "epochs")
    if record.candidates and len(record.ballots) != len(record.people):
        yield BALLOTS, _tell(len(record.ballots), len(record.people), "ballots")
    expected = count_updates(record, settings)
    found = Counter((move.epoch, move.step) for move in {place_of(move): move for move in record.moves}.values())
    if sum(found.values()) < sum(expected.values()):
        yield BELIEFS, _tell(sum(found.values()), sum(expected.values()), "lines")


def count_updates(record: Record, settings: Mapping[str, Any]) -> Counter[tuple[int, str]]:
    """Return how many lines of beliefs a complete run has, by epoch and step."""
    people, topics = len(record.people), len(record.topics)
    counts: Counter[tuple[int, str]] = Counter()
    if settings["opening_opinions"]:
        counts[0, "opening"] = people * topics
    for epoch in range(record.epochs):
        counts[epoch, "debate"] = people * topics if settings["questions_per_topic"] else 0
        counts[epoch, "chat"] = people // 2 * 2 * topics
        counts[epoch, "social"] = people * topics
    return counts


def _find_repeated(record: Record) -> Iterator[tuple[str, str]]:
    repeated = sum(number - 1 for number in Counter(map(place_of, record.moves)).values())
    if repeated:
        yield BELIEFS, f"it has {repeated:,} lines on a step that another line is on already"


def _tell(found: int, expected: int, what: str) -> str:
    return f"it has {found:,} of the {expected:,} {what} of a run that says it is complete"
