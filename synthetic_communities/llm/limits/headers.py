"""What a server tells of its limits in the headers of an answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

Counted: TypeAlias = Literal["requests", "tokens", "input tokens", "output tokens"]
COUNTED: tuple[Counted, ...] = get_args(Counted)

CLOCK_TOLERANCE_SECONDS = 2.0
"""How far this machine's clock and the server's may lie apart before the server's own date is gone by."""

_ANTHROPIC, _OPENAI = "anthropic-ratelimit-", "x-ratelimit-"
_ANTHROPIC_COUNTS: Mapping[str, Counted] = {
    "requests": "requests",
    "input-tokens": "input tokens",
    "output-tokens": "output tokens",
}
"""Its `tokens` are left out: they repeat whichever of the others is the narrowest."""
_OPENAI_COUNTS: Mapping[str, Counted] = {"requests": "requests", "tokens": "tokens"}

_UNIT_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,9})?(?:d|h|ms|us|µs|ns|m|s))+")
_PART = re.compile(r"([0-9.]+)(d|h|ms|us|µs|ns|m|s)")
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RateFact:
    """What a server tells of one of its limits.

    Attributes:
        counted: what it counts.
        remaining: how much of it is left.
        limit: how much there is when nothing was used; None: it did not say.
        reset_seconds: how long until all of it is there again, from when the answer came; None: it did not say.
        is_moment: whether the server told that as a moment, which passes while the answer is on its way; else as a
            duration, from when it looked.
    """

    counted: Counted
    remaining: int
    limit: int | None = field(default=None, kw_only=True)
    reset_seconds: float | None = field(default=None, kw_only=True)
    is_moment: bool = field(default=False, kw_only=True)


def read_rates(headers: Mapping[str, str], *, now: float) -> tuple[RateFact, ...]:
    """Return what the headers tell of limits; what is unreadable is left out.

    Args:
        headers: of the answer; names in small letters.
        now: the time, in seconds since 1970, for resets that are told as moments.
    """
    told: dict[tuple[Counted, str], str] = {}
    is_moment = False
    for name, value in headers.items():
        if "ratelimit" not in name:
            continue
        if name.startswith(_ANTHROPIC):
            what, _, part = name.removeprefix(_ANTHROPIC).rpartition("-")
            counted, is_moment = _ANTHROPIC_COUNTS.get(what), True
        elif name.startswith(_OPENAI):
            part, _, what = name.removeprefix(_OPENAI).partition("-")
            counted = _OPENAI_COUNTS.get(what)
        else:
            continue
        if counted is not None:
            told[counted, part] = value
    if not told:
        return ()
    if is_moment:
        now = _agreed_time(headers.get("date"), now)
    facts = (_read_fact(counted, told, now, is_moment) for counted in COUNTED)
    return tuple(fact for fact in facts if fact is not None)


def parse_duration(text: str) -> float | None:
    """Return the seconds that a duration such as `6m0s`, `1.5s`, `20ms` or `30` stands for; None if it is none."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))


def _read_fact(
    counted: Counted, told: Mapping[tuple[Counted, str], str], now: float, is_moment: bool
) -> RateFact | None:
    remaining = _whole_number(told.get((counted, "remaining")))
    if remaining is None:
        return None
    reset = told.get((counted, "reset"), "")
    return RateFact(
        counted,
        remaining,
        limit=_whole_number(told.get((counted, "limit"))) or None,
        reset_seconds=_seconds_until(reset, now) if is_moment else parse_duration(reset),
        is_moment=is_moment,
    )


def _whole_number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    return int(text)


def _seconds_until(text: str, now: float) -> float | None:
    try:
        return _in_greenwich(datetime.fromisoformat(text)).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _agreed_time(date: str | None, now: float) -> float:
    """Return the time to hold the server's moments against: ours, unless the server's own date is another."""
    from email.utils import parsedate_to_datetime  # late: it brings all of `email` along

    try:
        theirs = _in_greenwich(parsedate_to_datetime(date or "")).timestamp()
    except (ValueError, OverflowError):
        return now
    return theirs if abs(theirs - now) > CLOCK_TOLERANCE_SECONDS else now


def _in_greenwich(when: datetime) -> datetime:
    """Return a moment with its zone: without one it is in Greenwich time, as all dates in HTTP are."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)
