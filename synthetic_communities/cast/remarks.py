"""Remarks out of what scripts pass: statements of any make, messages, plain strings."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.remark import Remark, as_remark


def remarks_of(statements: Iterable[Any]) -> tuple[Remark, ...]:
    """Return what these statements say, in order, each with who said it."""
    return tuple(statement_remark(statement) for statement in statements)


def statement_remark(statement: Any) -> Remark:
    """Return what one statement says: its `statement`, else its `raw_text`; a string is what it says."""
    if isinstance(statement, str):
        return as_remark(statement)
    text = getattr(statement, "statement", None)
    remark = as_remark(getattr(statement, "raw_text", "") if text is None else text)
    if remark.speaker_id:
        return remark
    speaker_id = getattr(statement, "candidate_id", None) or getattr(statement, "mediator_id", None) or ""
    return remark.said_by(speaker_id, getattr(statement, "candidate_name", None) or speaker_id)


def message_remark(message: Any) -> Remark:
    """Return one message of a conversation, `{speaker_id, message}` or a string, with who said it."""
    if not isinstance(message, Mapping):
        return as_remark(message)
    remark = as_remark(message["message"])
    speaker_id = str(message.get("speaker_id", ""))
    return remark if remark.speaker_id else remark.said_by(speaker_id, speaker_id)
