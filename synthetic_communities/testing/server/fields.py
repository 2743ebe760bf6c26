"""What kinds of JSON values there are, and of which kind a field is."""

from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "object", "any"]

_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "any": (object,),
}


def is_kind(value: Any, kind: Kind) -> bool:
    """Return whether `value` is of `kind`; true and false are no numbers."""
    if isinstance(value, bool):
        return kind in ("boolean", "any")
    return isinstance(value, _CLASSES[kind])


def kind_of(value: Any) -> str:
    """Return the kind of `value`, or `null`."""
    if value is None:
        return "null"
    return next(kind for kind in _CLASSES if is_kind(value, kind))  # type: ignore[arg-type]
