"""How many requests a second are let through, and what is told about it in headers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .problem import Problem

_UNLIMITED_REQUESTS = 10_000
_TOKENS_A_MINUTE = 10_000_000


@dataclass(frozen=True, slots=True)
class RateState:
    """What is left of the limit.

    Attributes:
        limit: requests a full bucket lets through at once.
        remaining: requests it would let through now.
        full_in_seconds: when it will be full.
    """

    limit: int
    remaining: int
    full_in_seconds: float


class RateBucket:
    """A token bucket of requests: it fills at a steady rate, and each request takes one out.

    Attributes:
        rate: requests a second, or None for no limit.
        size: requests it holds.
    """

    def __init__(self, rate: float | None, size: int, now: float) -> None:
        self.rate = rate
        self.size = size
        self._level = float(size)
        self._filled_at = now

    def take(self, now: float) -> None:
        """Take one out.

        Args:
            now: seconds on a clock that never goes back.

        Raises:
            Problem: it is empty; nothing was taken.
        """
        if self.rate is None:
            return
        self._fill(self.rate, now)
        if self._level < 1:
            wait = math.ceil((1 - self._level) / self.rate)
            raise Problem("Rate limit reached for requests.", status=429, retry_after=str(max(1, wait)))
        self._level -= 1

    def state(self, now: float) -> RateState:
        """Return what is left at `now`."""
        if self.rate is None:
            return RateState(_UNLIMITED_REQUESTS, _UNLIMITED_REQUESTS - 1, 0.0)
        self._fill(self.rate, now)
        return RateState(self.size, int(self._level), (self.size - self._level) / self.rate)

    def _fill(self, rate: float, now: float) -> None:
        self._level = min(self.size, self._level + (now - self._filled_at) * rate)
        self._filled_at = now


def build_openai_headers(state: RateState) -> Mapping[str, str]:
    """Return the headers of OpenAI: a reset is a duration, as in `1.5s`."""
    return {
        "x-ratelimit-limit-requests": str(state.limit),
        "x-ratelimit-remaining-requests": str(state.remaining),
        "x-ratelimit-reset-requests": _duration(state.full_in_seconds),
        "x-ratelimit-limit-tokens": str(_TOKENS_A_MINUTE),
        "x-ratelimit-remaining-tokens": str(_TOKENS_A_MINUTE),
        "x-ratelimit-reset-tokens": "0s",
    }


def build_anthropic_headers(state: RateState, wall: float) -> Mapping[str, str]:
    """Return the headers of Anthropic: a reset is a time in RFC 3339.

    Args:
        wall: seconds since 1970.
    """
    headers = _anthropic_rate("requests", state.limit, state.remaining, wall + state.full_in_seconds)
    for what in ("tokens", "input-tokens", "output-tokens"):
        headers |= _anthropic_rate(what, _TOKENS_A_MINUTE, _TOKENS_A_MINUTE, wall)
    return headers


def _anthropic_rate(what: str, limit: int, remaining: int, reset: float) -> dict[str, str]:
    prefix = f"anthropic-ratelimit-{what}"
    # Rounded up to the second: until then the limit is not wholly there.
    when = datetime.fromtimestamp(math.ceil(reset), UTC)
    return {
        f"{prefix}-limit": str(limit),
        f"{prefix}-remaining": str(remaining),
        f"{prefix}-reset": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _duration(seconds: float) -> str:
    return f"{math.ceil(seconds * 1000)}ms" if seconds < 1 else f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
