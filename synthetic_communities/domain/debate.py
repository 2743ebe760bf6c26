"""What is debated, and what was said: topics, questions, statements, transcripts."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Topic:
    """A question of policy, as an axis from -1 to +1.

    Attributes:
        id: unique among topics.
        title: short name, for reading.
        description: what is proposed.
        against: what stance -1 means, in a few words; empty: the proposal rejected.
        in_favour: what stance +1 means, in a few words; empty: the proposal supported.
        priors: subjects of a person's `prior_beliefs` that speak to this topic, a leading minus turns the sign;
            empty: the topic's id.
    """

    id: str
    title: str
    description: str
    against: str = field(default="", kw_only=True)
    in_favour: str = field(default="", kw_only=True)
    priors: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Question:
    """A question the mediator put to the candidates.

    Attributes:
        id: unique in a run.
        text: the question.
        topic: the topic it is about.
    """

    id: str
    text: str
    topic: Topic


@dataclass(frozen=True)
class CandidateStatement:
    """What a candidate said to a question; `statement` is a `Remark` where a mind said it."""

    candidate_id: str
    candidate_name: str
    statement: str
    question: Question


@dataclass(frozen=True)
class MediatorStatement:
    """What the mediator said to introduce a question."""

    mediator_id: str
    statement: str
    question: Question


@dataclass(frozen=True)
class DebateTranscript:
    """All that was said to one question.

    Attributes:
        statements: in the order said; scripts may pass any objects with a `statement` or a `raw_text`.
        mediator_id: who led the debate.
        epoch: from 0.
        topic_index: place of the topic in the epoch's order, from 0.
        question_index: place of the question within its topic, from 0.
        topic: what it is about.
        question: what was asked.
    """

    statements: list[Any]
    mediator_id: str
    epoch: int
    topic_index: int
    question_index: int
    topic: Topic
    question: Question
