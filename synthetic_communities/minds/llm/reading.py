"""Reading a reply: the one complete JSON object in it, or nothing. Nothing that is missing is made up."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

MAX_REPLY_BYTES = 100_000
"""A longer reply is not read."""

MAX_DEPTH = 12
"""Objects nested deeper are not read; the judgement schema needs three levels."""

MAX_BEGINNINGS = 64
"""At how many opening braces reading is tried, which keeps it linear in the length of a reply; more are not read."""

# A string without an end is taken up to the end of the text, and nothing is tried twice: both for linear time.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_MARKS = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING}|[{{\[]\s*+,)|,(?=\s*+[}}\]])", re.DOTALL)


class UnreadableReplyError(Exception):
    """A reply that cannot be read as what was asked for; the message says why, for logs."""


def read_object(text: str, fit: Callable[[dict[str, Any]], T]) -> T:
    """Return what `fit` makes of the one JSON object in `text` that it accepts.

    Prose, reasoning and code fences around the object are passed over, and so are commas before a closing bracket.

    Args:
        text: a reply.
        fit: returns the value of an object, or raises `UnreadableReplyError` saying why it does not fit.

    Raises:
        UnreadableReplyError: no object fits, two different ones do, or the reply is too long or has too many braces.
    """
    check_length(text)
    found: list[tuple[dict[str, Any], T]] = []
    reason = "there is no complete JSON object in the reply"
    for data in _objects(text):
        try:
            value = fit(data)
        except UnreadableReplyError as error:
            reason = str(error)
            continue
        if all(data != other for other, _ in found):
            found.append((data, value))
    if len(found) > 1:
        raise UnreadableReplyError("there are two different JSON objects in the reply")
    if not found:
        raise UnreadableReplyError(reason)
    return found[0][1]


def check_length(text: str) -> None:
    """Refuse a reply that is too long to be read.

    Raises:
        UnreadableReplyError: it is.
    """
    if len(text) > MAX_REPLY_BYTES or len(text.encode("utf-8", "replace")) > MAX_REPLY_BYTES:
        raise UnreadableReplyError(f"the reply is longer than {MAX_REPLY_BYTES} bytes")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the complete JSON objects in `text` that lie in no other one."""
    if (whole := _load_whole(text.strip())) is not None:
        yield whole
        return
    start = text.find("{")
    for _ in range(MAX_BEGINNINGS):
        if start < 0:
            return
        end = _matching_end(text, start)
        data = _parse(text[start:end]) if end is not None else None
        if data is not None:
            yield data
        start = text.find("{", start + 1 if data is None or end is None else end)
    if start >= 0:
        raise UnreadableReplyError(f"there are more than {MAX_BEGINNINGS} opening braces in the reply")


def _load_whole(text: str) -> dict[str, Any] | None:
    """Return the object that a text is from its beginning to its end, as most replies are; None if it is none."""
    is_flat = text.startswith("{") and text.count("{") + text.count("[") <= MAX_DEPTH
    return _load(text) if is_flat else None


def _matching_end(text: str, start: int) -> int | None:
    depth = 0
    for mark in _MARKS.finditer(text, start):
        if mark.group() in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return None
        elif mark.group() in "}]":
            depth -= 1
            if not depth:
                return mark.end()
    return None


def _parse(text: str) -> dict[str, Any] | None:
    return _load(_TRAILING_COMMA.sub(lambda match: match.group(1) or "", text))


def _load(text: str) -> dict[str, Any] | None:
    try:
        data = _DECODER.decode(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = {key.casefold(): value for key, value in pairs}
    if len(data) < len(pairs):
        raise ValueError("a name is given twice")
    return data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_refuse)
"""Made once: `json.loads` with any setting of its own makes a decoder for every reply."""
