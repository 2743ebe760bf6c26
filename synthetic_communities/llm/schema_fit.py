"""Whether a reply keeps to its schema to the letter, and not only near enough to be read."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from .model import ReplyFormat

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def keeps_schema(text: str, reply_format: ReplyFormat) -> bool:
    """Say whether a reply is one JSON value that fits the schema, with nothing before or after it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return fits(value, reply_format.schema)


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Say whether a value fits a schema of the subset that `ReplyFormat` has."""
    if "anyOf" in schema:
        return any(fits(value, each) for each in schema["anyOf"])
    if "type" in schema and not _TYPES[schema["type"]](value):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, dict):
        return _fits_object(value, schema)
    return not isinstance(value, list) or all(fits(item, schema.get("items", {})) for item in value)


def _fits_object(value: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    properties: Mapping[str, Any] = schema.get("properties", {})
    is_closed = schema.get("additionalProperties") is False
    if set(schema.get("required", ())) - set(value) or (is_closed and set(value) - set(properties)):
        return False
    return all(fits(item, properties.get(name, {})) for name, item in value.items())
