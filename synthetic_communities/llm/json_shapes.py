"""Looking into JSON from elsewhere, whose shape is not to be relied on."""

import json
from typing import Any


def parse_json(content: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none, or nested too deeply to be read.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def dig(value: Any, *path: str | int) -> Any:
    """Return what stands at `path`, a string for a member and a number for an element; None if nothing stands there."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def count(value: Any, *path: str | int) -> int | None:
    """Return the number of tokens at `path`; None where there is none."""
    found = dig(value, *path)
    return found if type(found) is int and found >= 0 else None


def well_formed(text: str) -> str:
    """Return `text` with every half of a character, as JSON can spell it, replaced: no file could hold it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
