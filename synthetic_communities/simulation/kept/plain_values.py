"""What members hold, as values that JSON has, and back."""

from collections.abc import Mapping
from typing import Any

from ...domain.feed import FeedPost
from ...domain.remark import Remark
from ...persona import ChatEntry
from ...runs.row import LARGEST
from ...social_media import Post, post_row
from .shapes import KNOWN_OF_REMARK, find_misfit

REMARK = "remark"
"""The one key of a mapping that stands for a remark, a text that knows more than its words."""


def as_plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises:
        TypeError: JSON has nothing that it could be made again from.
    """
    if isinstance(value, Remark):
        return _plain_remark(value)
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [as_plain(item) for item in value]
    if isinstance(value, ChatEntry):
        return as_plain(vars(value))
    if isinstance(value, (Post, FeedPost)):
        return as_plain(post_row(value))
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): as_plain(item) for key, item in value.items()}
    raise TypeError(f"a value of the type {type(value).__name__}")


def _plain_remark(remark: Remark) -> Any:
    known = {
        "stances": dict(remark.stances),
        "source": remark.source,
        "speaker_id": remark.speaker_id,
        "speaker_name": remark.speaker_name,
    }
    stated = {name: as_plain(item) for name, item in known.items() if item}
    return {REMARK: str(remark), **stated} if stated else str(remark)


def from_plain(value: Any) -> Any:
    """Return a value that `as_plain` made plain.

    Raises:
        ValueError: a remark knows something that remarks do not; a whole number is larger than any in a record.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("a whole number in them is too large")
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: from_plain(item) for key, item in value.items()}
    if REMARK not in made:
        return made
    words, misfit = made.pop(REMARK), find_misfit(made, KNOWN_OF_REMARK)
    if not isinstance(words, str) or misfit is not None:
        raise ValueError(f"the {misfit or 'words'} of a text are none")
    return Remark(words, **made)
