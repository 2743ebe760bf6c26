"""Whom people preferred and where they stood, at the opening and at the end of what is recorded. Pure."""

from collections.abc import Mapping
from typing import TypeAlias

from ..record import Record

Choices: TypeAlias = Mapping[str, str | None]
"""Persona id to id of a candidate, or None."""


def opening_choices(record: Record) -> Choices | None:
    """Return whom everybody preferred at the opening; None if no opening opinions are recorded."""
    choices = {move.persona_id: move.first_choice for move in record.moves if move.step == "opening"}
    return choices or None


def closing_choices(record: Record) -> Choices | None:
    """Return whom everybody preferred at the end of what is recorded; None if no epoch has ended."""
    voted = {who: ballot.first_choice for who, ballot in record.ballots.items()}
    return voted or record.first_choices or None


def opening_stances(record: Record, topic_id: str) -> dict[str, float]:
    """Return where those with an opinion stood on a topic at the opening."""
    moves = (move for move in record.moves if move.topic_id == topic_id and move.step == "opening")
    return {move.persona_id: move.after for move in moves if move.after is not None}


def closing_stances(record: Record, topic_id: str) -> dict[str, float]:
    """Return where those with an opinion stood on a topic at the end of what is recorded."""
    moves = (move for move in record.moves if move.topic_id == topic_id)
    return {move.persona_id: move.after for move in moves if move.after is not None}
