"""Remarks out of what scripts pass: statements of any make, messages, plain strings."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.remark import Remark, as_remark
from ..errors import UsageError


def remarks_of(statements: Iterable[Any]) -> tuple[Remark, ...]:
    """Return what these statements say, in order, each with who said it."""
    return tuple(statement_remark(statement) for statement in statements)


def statement_remark(statement: Any) -> Remark:
    """Return what one statement says: its `statement`, else its `raw_text`; a string is what it says.

    Raises:
        UsageError: it says nothing.
    """
    if isinstance(statement, str):
        return as_remark(statement)
    said = _field(statement, "statement")
    text = said if said is not None else _field(statement, "raw_text")
    if not isinstance(text, str):
        raise UsageError(f"{statement!r} is no statement: it needs a text as its `statement` or its `raw_text`")
    remark = as_remark(text)
    if remark.speaker_id:
        return remark
    speaker_id = _field(statement, "candidate_id") or _field(statement, "mediator_id") or ""
    return remark.said_by(speaker_id, _field(statement, "candidate_name") or speaker_id)


def _field(statement: Any, name: str) -> Any:
    return statement.get(name) if isinstance(statement, Mapping) else getattr(statement, name, None)


def message_remark(message: Any) -> Remark:
    """Return one message of a conversation, `{speaker_id, message}` or a string, with who said it."""
    if not isinstance(message, (dict, Mapping)):
        return as_remark(message)
    if not isinstance(message.get("message"), str):
        raise UsageError(f"{dict(message)!r} is no message: it needs a text as its `message`")
    remark = as_remark(message["message"])
    speaker_id = str(message.get("speaker_id", ""))
    return remark if remark.speaker_id else remark.said_by(speaker_id, speaker_id)
