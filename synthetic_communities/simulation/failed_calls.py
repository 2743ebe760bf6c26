"""The calls of models that were made for an act: held while it goes on, written if it ends without an answer.

They are measured and no part of the record: what a server says of an error may hold times and addresses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ..domain.outcome import Failed, Outcome, Refused, Unreadable
from ..engine.ledger import Task
from ..llm.exchange import Exchange
from ..runs.directory import FAILED_CALLS, append_lines, encode_line


class FailedCalls:
    """Holds the calls of the acts under way, and writes those of acts that were refused, unreadable or failed.

    All others are dropped when their act ends, so no more is held than what belongs to acts under way.
    """

    def __init__(self, directory: Path) -> None:
        """Take the run directory."""
        self._path = directory / FAILED_CALLS
        self._held: dict[str, list[Exchange]] = {}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold, in here, what is given to `hold`; whatever is held at the end is dropped."""
        token = _keeper.set(self)
        try:
            yield
        finally:
            _keeper.reset(token)
            self._held.clear()

    def begin(self, task: Task) -> None:
        """Take note that an act began."""
        self._held[task.key] = []

    def note(self, exchange: Exchange) -> None:
        """Hold a call, if the act it was made for is under way."""
        calls = self._held.get(exchange.entry.key)
        if calls is not None:
            calls.append(exchange)

    def end(self, task: Task, outcome: Outcome[Any]) -> None:
        """Drop the calls of an act that ended, or write them if they came to nothing; they are on the disk then.

        Raises:
            OSError: they cannot be written.
        """
        calls = self._held.pop(task.key, None)
        if calls and isinstance(outcome, (Refused, Unreadable, Failed)):
            append_lines(self._path, (encode_line(call_row(exchange)) for exchange in calls))


def hold(exchange: Exchange) -> None:
    """Hold a call for the run that this is a part of; outside of runs it is not held.

    By the run, and not by the mind alone: two runs that go on at once may ask the same mind under the same keys.
    """
    keeper = _keeper.get()
    if keeper is not None:
        keeper.note(exchange)


def call_row(exchange: Exchange) -> dict[str, Any]:
    """Return the line of one try of one call."""
    entry, request = exchange.entry, exchange.request
    return {
        "task": entry.key,
        "act": entry.act,
        "attempt": entry.attempt,
        "tries": entry.tries,
        "outcome": entry.outcome,
        "model": entry.model,
        "system": list(request.system),
        "user": list(request.user),
        "reply": exchange.reply,
        "error": exchange.error,
    }


_keeper: ContextVar[FailedCalls | None] = ContextVar("synthetic_communities_failed_calls", default=None)
