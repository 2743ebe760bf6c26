"""What the server counts."""

from collections import Counter
from typing import Any

from .prompt import Reply

DROPPED = "dropped"
GONE = "gone"


class Stats:
    """Counts of requests to models: calls, the most in flight, bytes, tokens, seconds slept, endings by the second."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Count from nothing; what is in flight stays in flight."""
        self.calls = 0
        self.peak_in_flight = self.in_flight
        self.by_path: dict[str, Counter[str]] = {}
        self.by_second: dict[str, Counter[int]] = {}
        self.first_call_at: float | None = None
        self.faults: Counter[str] = Counter()
        self.bytes_in = 0
        self.bytes_out = 0
        self.slept_seconds = 0.0
        self.prompt_tokens = 0
        self.prompt_by_path: dict[str, Counter[str]] = {}
        self.output_tokens = 0
        self.thinking_tokens = 0

    def enter(self, now: float) -> None:
        """Count a call that came in at `now`, in seconds on a clock that never goes back."""
        if self.first_call_at is None:
            self.first_call_at = now
        self.calls += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def leave(self, ending: str, now: float) -> None:
        """Count a call that is over, however it ended, and in which second after the first call that was."""
        self.in_flight -= 1
        if self.first_call_at is not None:
            self.by_second.setdefault(ending, Counter())[int(now - self.first_call_at)] += 1

    def count(self, path: str, ending: str) -> None:
        """Count how a request ended: its HTTP status, `dropped`, or `gone` where the client did not wait for it."""
        self.by_path.setdefault(path, Counter())[ending] += 1

    def count_reply(self, path: str, reply: Reply) -> None:
        """Count the tokens of a reply, and those of its prompt by what a cache did for it."""
        self.prompt_tokens += reply.prompt_tokens
        self.output_tokens += reply.output_tokens
        self.thinking_tokens += reply.thinking_tokens
        cached = reply.cached
        self.prompt_by_path.setdefault(path, Counter()).update(
            plain=reply.plain_tokens,
            written_5m=cached.written_5m_tokens,
            written_1h=cached.written_1h_tokens,
            read=cached.read_tokens,
        )

    def build_report(self) -> dict[str, Any]:
        """Return everything counted, as `GET /stats` tells it."""
        return {
            "calls": self.calls,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "by_path": {path: dict(endings) for path, endings in self.by_path.items()},
            "by_second": {ending: dict(sorted(calls.items())) for ending, calls in self.by_second.items()},
            "faults": dict(self.faults),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "slept_seconds": self.slept_seconds,
            "prompt_tokens": self.prompt_tokens,
            "prompt_by_path": {path: dict(tokens) for path, tokens in self.prompt_by_path.items()},
            "output_tokens": self.output_tokens,
            "thinking_tokens": self.thinking_tokens,
        }
