"""The rows of the record: values of a run in, mappings for its files out."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..candidate import Candidate
from ..domain.ballot import Ballot
from ..domain.belief import BeliefChange
from ..domain.debate import DebateTranscript, MediatorStatement
from ..domain.feed import FeedPost
from ..domain.outcome import Outcome, Unreadable, reason_of, value_of
from ..domain.pairing import Conversation
from ..domain.remark import Remark, as_remark
from ..domain.scene import Scene
from ..engine.ledger import Task
from ..engine.plan import conversation_key, epoch_key
from ..persona import Persona
from ..social_media import post_row

STEPS = {"opening_opinion": "opening", "debate_update": "debate", "chat_update": "chat", "social_update": "social"}
"""Step of the plan to `step` of the belief rows."""


def belief_row(task: Task, change: BeliefChange, scene: Scene, first_choice: str | None, source: str) -> dict[str, Any]:
    """Return the row of what one step did to one belief of one person; `first_choice` is overall, after the step."""
    belief = change.belief
    return {
        "epoch": task.epoch,
        "step": STEPS[task.step],
        "persona_id": task.about,
        "topic_id": change.topic_id,
        "before": change.before,
        "asked_for": change.asked_for,
        "after": change.after,
        "clamped": change.clamped,
        "sentence": belief.sentence if belief else None,
        "vote": scene.candidate_name(belief.vote) if belief else None,
        "first_choice": first_choice,
        "drawn": belief.drawn if belief else False,
        "status": change.status,
        "reason": change.reason,
        "source": source if change.status == "done" else None,
    }


def exposure_row(task: Task, step: str, shown: Iterable[str], candidates: Iterable[str]) -> dict[str, Any]:
    """Return the row of what one person was shown for one act: ids of items and of candidates, in order."""
    return {
        "epoch": task.epoch,
        "step": step,
        "persona_id": task.about,
        "shown": list(shown),
        "candidates": list(candidates),
    }


def turn_row(task: Task, conversation: Conversation, number: int, outcome: Outcome[Remark]) -> dict[str, Any]:
    """Return the row of one turn of a conversation."""
    speaker, listener = conversation.turns[number]
    remark = value_of(outcome)
    return {
        "epoch": task.epoch,
        "conversation_id": conversation_key(epoch_key(task.epoch), conversation),
        "num_rounds": conversation.rounds,
        "turn": number,
        "speaker_id": speaker,
        "listener_id": listener,
        "message": remark,
        "status": outcome.status,
        "reason": reason_of(outcome),
        "source": remark.source or None if remark is not None else None,
    }


def reaction_row(task: Task, post_id: str, reaction: str | None, outcome: Outcome[Any]) -> dict[str, Any]:
    """Return the row of what one person did with one post it considered."""
    return {
        "epoch": task.epoch,
        "persona_id": task.about,
        "post_id": post_id,
        "reaction": reaction,
        "status": outcome.status,
        "reason": reason_of(outcome),
    }


def ballot_row(ballot: Ballot, source: str) -> dict[str, Any]:
    """Return the row of one ballot."""
    return {
        "id": ballot.persona_id,
        "status": ballot.status,
        "candidate_id": ballot.candidate_id,
        "candidate_name": ballot.candidate_name,
        "order_shown": list(ballot.order_shown),
        "first_choice": ballot.first_choice,
        "reason": ballot.reason,
        "raw_text": ballot.raw_text,
        "source": source if ballot.status in ("choice", "abstained") else None,
    }


def failure_row(task: Task, outcome: Outcome[Any]) -> dict[str, Any]:
    """Return the row of an act that was refused, could not be read, failed or was skipped."""
    return {
        "task": task.key,
        "step": task.step,
        "status": outcome.status,
        "reason": reason_of(outcome),
        "raw_text": outcome.text if isinstance(outcome, Unreadable) else None,
    }


def debate_row(transcript: DebateTranscript) -> dict[str, Any]:
    """Return what was said to one question."""
    return {
        "topic_id": transcript.topic.id,
        "question": {
            "id": transcript.question.id,
            "text": transcript.question.text,
            "source": _source(transcript.question.text),
        },
        "statements": [_statement_row(statement) for statement in transcript.statements],
    }


def feed_row(post: FeedPost) -> dict[str, Any]:
    """Return one post of the newsfeed."""
    return {**post_row(post), "source": post.text.source or None}


def candidate_row(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as it stands at the end of an epoch."""
    return {
        "id": candidate.id,
        "policy_positions": dict(candidate.state.policy_positions),
        "stances": stances_of(candidate.state.policy_positions),
        "state_memory": list(candidate.state.memory),
        "sources": {
            "policy_positions": {key: _source(text) for key, text in candidate.state.policy_positions.items()},
            "state_memory": [_source(note) for note in candidate.state.memory],
        },
    }


def stances_of(positions: Mapping[str, str]) -> dict[str, float]:
    """Return topic id to stance, for the positions that know theirs."""
    remarks = {topic_id: as_remark(text) for topic_id, text in positions.items()}
    return {topic_id: text.stances[topic_id] for topic_id, text in remarks.items() if topic_id in text.stances}


def person_row(persona: Persona) -> dict[str, Any]:
    """Return who somebody is."""
    demographics = {key: value for key, value in persona.person().attributes.items() if key != "id"}
    return {"id": persona.id, "name": persona.name, "demographics": demographics}


def _source(text: str) -> str | None:
    return as_remark(text).source or None


def _statement_row(statement: Any) -> dict[str, Any]:
    remark = as_remark(statement.statement)
    if isinstance(statement, MediatorStatement):
        who = {"type": "mediator", "mediator_id": statement.mediator_id}
    else:
        who = {"type": "candidate", "candidate_id": statement.candidate_id}
    return {**who, "statement": remark, "source": remark.source or None}
