"""Reading one line of JSON strictly: nothing is taken that cannot be written down again as it was meant."""

from __future__ import annotations

import json
import math
import sys
from functools import lru_cache
from typing import Any, NoReturn

from .places import spell_value
from .text_files import is_sound_text

MAX_DEPTH = 50
"""How deep lists and mappings may be nested in a line."""

SHARED_VALUES = 4096
"""How many values are remembered, so that equal ones in other lines are the same objects and take no room."""

_EXAMPLE = 'write one mapping, as in {"id": "p001", "age": 41}'


class LineError(ValueError):
    """A line that is no mapping in JSON.

    Attributes:
        what: what is wrong with it.
        remedy: what to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the mapping that the line holds, None if it is blank.

    Raises:
        LineError: not UTF-8, no JSON, no mapping, a key given twice, NaN or infinity, nested too deeply.
    """
    text = _decode(line).rstrip()
    if not text:
        return None
    data = _parse_json(text)
    if not isinstance(data, dict):
        raise LineError(f"holds {spell_value(data)}, no mapping", _EXAMPLE)
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(data, MAX_DEPTH):
        raise _too_deep()
    if "\\u" in text and not is_sound_text(json.dumps(data, ensure_ascii=False)):  # only so can half a pair be written
        raise LineError("holds half a surrogate pair, which no file can keep", "write the character itself")
    return data


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        what = f"is not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}"
        raise LineError(what, "save the file as UTF-8") from error


def _parse_json(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except LineError:
        raise
    except json.JSONDecodeError as error:
        raise LineError(f"is no JSON: {error.msg} at column {error.colno}", _EXAMPLE) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise LineError("holds a number of too many digits", "write it shorter, or in quotes") from error


def _build_mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise LineError(f"has the key {spell_value(key)} twice", "remove one of the two")
        data[sys.intern(key)] = _share(value)
    return data


def _share(value: Any) -> Any:
    if isinstance(value, str):
        return _shared_text(value)
    return list(map(_share, value)) if isinstance(value, list) else value


@lru_cache(SHARED_VALUES)
def _shared_text(text: str) -> str:
    """Return this text, as the same object each time for one that comes again and again: of these a file has many."""
    return text


@lru_cache(SHARED_VALUES)
def _parse_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text)


def _refuse_constant(text: str) -> NoReturn:
    raise LineError(f"holds {text}, which is no number in JSON", "write a number, or leave the key out")


def _is_deeper(data: object, depth: int) -> bool:
    items = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return depth < 0 or any(_is_deeper(item, depth - 1) for item in items)


def _too_deep() -> LineError:
    return LineError(f"is nested deeper than {MAX_DEPTH} lists and mappings", "nest fewer")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_mapping, parse_float=_parse_number, parse_constant=_refuse_constant
)
