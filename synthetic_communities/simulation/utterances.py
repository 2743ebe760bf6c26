"""What is said aloud in a run, and by whom: what one would overhear."""

from dataclasses import dataclass
from typing import Any

from ..domain.debate import CandidateStatement, MediatorStatement, Question
from ..domain.remark import as_remark
from ..social_media import Post

MEDIATOR = "the mediator"

SPOKEN = frozenset(("question", "introduction", "statement", "chat_turn", "post"))
"""Steps in which something is said; all others are notes, updates and ballots."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said or written for others.

    Attributes:
        speaker: name of who said it, else the id.
        words: what was said, whole and as it came.
    """

    speaker: str
    words: str


def find_utterance(step: str, value: Any) -> Utterance | None:
    """Return what was said in an act that was done, given what came of it; None where nothing is said in such acts."""
    if step not in SPOKEN:
        return None
    match value:
        case Question(text=words) | MediatorStatement(statement=words):
            return Utterance(MEDIATOR, words)
        case CandidateStatement(candidate_name=speaker, statement=words):
            return Utterance(speaker, words)
        case Post(persona_id=author, content=words):
            return Utterance(as_remark(words).speaker_name or author, words)
        case _:
            remark = as_remark(value)
            return Utterance(remark.speaker_name or remark.speaker_id, remark)
