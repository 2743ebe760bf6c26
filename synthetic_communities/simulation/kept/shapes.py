"""What plain values have to look like that were kept with a run, which may be somebody else's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Each:
    """The shape of a mapping of any keys.

    Attributes:
        inner: shape of every value.
    """

    inner: Any


TOPIC = {"id": str, "title": str, "description": str, "against": str, "in_favour": str, "priors": [str]}

POST = {"id": str, "persona_id": str, "content": str, "likes": int, "dislikes": int, "epoch": int}

CANDIDATE = {
    "id": str,
    "name": str,
    "character": (str, type(None)),
    "topics": [TOPIC],
    "positions": Each(str),
    "notes": [str],
}

PARTS: Mapping[str, Any] = {
    "world_story": str,
    "topics": [TOPIC],
    "mediator": {"id": str, "notes": [str]},
    "candidates": [CANDIDATE],
    "posts": [POST],
    "reactions": Each(Each(str)),
}
"""Parts of a community; a type, or several, stands for a value of it, a list for a list, a mapping for its keys."""

HELD: Mapping[str, Any] = {
    "beliefs": Each(object),
    "debate_knowledge": [str],
    "chats": [{"peer_id": str, "peer_name": str, "conversation": [object]}],
    "social_media_knowledge": [POST],
}
"""What a person may hold, likewise."""

KNOWN_OF_REMARK: Mapping[str, Any] = {
    "stances": Each((int, float)),
    "source": str,
    "speaker_id": str,
    "speaker_name": str,
}
"""What a text may know beside its words."""


def fits(value: object, shape: Any) -> bool:
    """Say whether a value is of a shape."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, Each):
        return isinstance(value, dict) and all(fits(item, shape.inner) for item in value.values())
    if isinstance(shape, Mapping):
        return isinstance(value, dict) and value.keys() == shape.keys() and _fit(value, shape)
    return isinstance(value, shape) and (shape is object or not isinstance(value, bool))


def _fit(values: Mapping[str, object], shapes: Mapping[str, Any]) -> bool:
    return all(fits(value, shapes[name]) for name, value in values.items())


def find_misfit(values: Mapping[str, object], shapes: Mapping[str, Any]) -> str | None:
    """Return the name of the first value that is not of the shape its name stands for; None: all are."""
    return next((name for name, value in values.items() if name not in shapes or not fits(value, shapes[name])), None)
