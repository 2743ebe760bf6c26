"""How long the other side asks to wait."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

LONGEST_TOLD_SECONDS = 1e9
"""The longest that is told of, some thirty years: whoever asks for more asks for no more than that."""


def parse_retry_after(headers: Mapping[str, str], body: Any, *, now: float) -> float | None:
    """Return how long the other side asks to wait, in seconds, at least 0; None if it does not say, or not readably.

    Args:
        headers: of the response, names in small letters (or looked up without regard to case).
        body: the parsed body; Google's hosts say it there, as `retryDelay`.
        now: the time, in seconds since 1970, for a date in `retry-after`.
    """
    readings = (
        _number(headers.get("retry-after-ms"), 0.001),
        _number(headers.get("retry-after"), 1.0),
        _until(headers.get("retry-after"), now),
        *(_number(delay.removesuffix("s"), 1.0) for delay in _delays_in(body)),
    )
    return next((min(max(0.0, seconds), LONGEST_TOLD_SECONDS) for seconds in readings if seconds is not None), None)


def _number(text: str | None, unit: float) -> float | None:
    try:
        seconds = float(text or "") * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _until(text: str | None, now: float) -> float | None:
    from email.utils import parsedate_to_datetime  # late: it brings all of `email` along, and few servers send dates

    try:
        when = parsedate_to_datetime(text or "")
        # A date without a zone is in Greenwich time, as all dates in HTTP are.
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _delays_in(body: Any, depth: int = 5) -> Iterator[str]:
    if depth == 0 or not isinstance(body, (dict, list)):
        return
    if isinstance(body, dict) and isinstance(body.get("retryDelay"), str):
        yield body["retryDelay"]
    for value in body.values() if isinstance(body, dict) else body:
        yield from _delays_in(value, depth - 1)
