"""The moments of a run at which pictures show where people stand, and where they stood then. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ..numbers.standpoints import Choices
from ..record import Move, Record

T = TypeVar("T")

OPENING = "opening"
"""Name of the step, and of the moment after it."""

BALLOT = "ballot"
"""Name of the last moment."""

Stances: TypeAlias = Mapping[str, float]
"""Persona id to stance."""


@dataclass(frozen=True, slots=True)
class StancesThen:
    """Where people stood on a topic at one moment.

    Attributes:
        moment: `opening`, or the end of which epoch, in words.
        stances: of everybody who had one, in [-1, 1].
    """

    moment: str
    stances: Stances


@dataclass(frozen=True, slots=True)
class ChoicesThen:
    """Whom people preferred at one moment.

    Attributes:
        moment: `opening`, or the end of which epoch, in words.
        choices: first choice of everybody of whom it is recorded, or None.
    """

    moment: str
    choices: Choices


def name_epoch(epoch: int) -> str:
    """Return what the end of an epoch is called; epochs count from 0."""
    return f"end of epoch {epoch}"


def find_epochs(record: Record) -> list[int]:
    """Return the numbers of the epochs in the record."""
    moved = (move.epoch for move in record.moves if move.step != OPENING)
    return sorted({*range(record.epochs_ended), *moved})


def follow_stances(record: Record, topic_id: str) -> list[StancesThen]:
    """Return where people stood on a topic at the opening, if one is recorded, and at the end of every epoch.

    A stance holds until another one takes its place.
    """
    now: dict[str, float] = {}
    moments = []
    for name, moves in _moments(record):
        stances = ((move.persona_id, move.after) for move in moves if move.topic_id == topic_id)
        now.update({who: stance for who, stance in stances if stance is not None})
        moments.append(StancesThen(name, dict(now)))
    return moments


def follow_choices(record: Record) -> list[ChoicesThen]:
    """Return whom people preferred at the opening, if one is recorded, and at the end of every epoch."""
    now: dict[str, str | None] = {}
    moments = []
    for name, moves in _moments(record):
        now.update({move.persona_id: move.first_choice for move in moves})
        moments.append(ChoicesThen(name, dict(now)))
    return moments


def choose_evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, 2 at least: the first, the last, and others at even distances between them."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _moments(record: Record) -> list[tuple[str, list[Move]]]:
    """Return every moment, with what has moved since the one before."""
    opening = [move for move in record.moves if move.step == OPENING]
    epochs: dict[int, list[Move]] = {epoch: [] for epoch in find_epochs(record)}
    for move in record.moves:
        if move.step != OPENING:
            epochs[move.epoch].append(move)
    later = [(name_epoch(epoch), moves) for epoch, moves in epochs.items()]
    return [(OPENING, opening), *later] if opening else later
