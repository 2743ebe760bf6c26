"""Looking into JSON from elsewhere, whose shape is not to be relied on."""

import json
from typing import Any

MOST_TOKENS = 10**15
"""What is more than that is no count of tokens: numbers may have thousands of digits, and nothing could add them up."""

SHOWN_NAME_CHARACTERS = 200
"""How much of the name of a model is kept: it is kept for every call."""


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
    return found if type(found) is int and 0 <= found < MOST_TOKENS else None


def name_of(value: Any, otherwise: str) -> str:
    """Return the model that a parsed body names, shortened; `otherwise` where it names none."""
    name = dig(value, "model")
    return well_formed(name[:SHOWN_NAME_CHARACTERS]) if isinstance(name, str) and name else otherwise


def well_formed(text: str) -> str:
    """Return `text` with every half of a character, as JSON can spell it, replaced: no file could hold it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
