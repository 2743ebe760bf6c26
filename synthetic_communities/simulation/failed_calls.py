"""The calls of models that were made for an act: held while it goes on, written if it ends without an answer.

They are measured and no part of the record: what a server says of an error may hold times and addresses.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ..domain.outcome import Failed, Outcome, Refused, Unreadable
from ..engine.ledger import Task
from ..errors import RecordError
from ..llm.call_log import CallEntry
from ..llm.exchange import Exchange
from ..runs.directory import FAILED_CALLS, append_lines, encode_line
from ..runs.reading import iterate_lines

Try = tuple[str, int, int]
"""Task, attempt and try of a line."""


class FailedCalls:
    """Holds the calls of the acts under way, and writes those of acts that were refused, unreadable or failed.

    All others are dropped when their act ends, so no more is held than what belongs to acts under way.
    """

    def __init__(self, directory: Path, *, written: Container[Try] = ()) -> None:
        """Take the run directory.

        Args:
            directory: the run directory.
            written: which tries of recorded calls have their line there already.
        """
        self._path = directory / FAILED_CALLS
        self._written = written
        self._held: dict[str, list[tuple[Exchange, bool]]] = {}

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

    def note(self, exchange: Exchange, *, is_recorded: bool = False) -> None:
        """Hold a call, if the act it was made for is under way.

        Args:
            exchange: a try of it.
            is_recorded: whether it was made before the run was broken off, and may have been written then.
        """
        calls = self._held.get(exchange.entry.key)
        if calls is not None:
            calls.append((exchange, is_recorded))

    def end(self, task: Task, outcome: Outcome[Any]) -> None:
        """Drop the calls of an act that ended, or write them if they came to nothing; they are on the disk then.

        Raises:
            OSError: they cannot be written.
        """
        calls = self._held.pop(task.key, None)
        if calls and isinstance(outcome, (Refused, Unreadable, Failed)):
            new = [exchange for exchange, is_recorded in calls if not (is_recorded and self._has(exchange.entry))]
            if new:
                append_lines(self._path, (encode_line(call_row(exchange)) for exchange in new))

    def _has(self, entry: CallEntry) -> bool:
        return (entry.key, entry.attempt, entry.tries) in self._written


def read_written(directory: Path) -> frozenset[Try]:
    """Return the tries that have their line in a run directory; a line that cannot be read has none.

    Raises:
        RecordError: the file cannot be read.
    """
    found: set[Try] = set()
    for line in iterate_lines(directory / FAILED_CALLS):
        with suppress(RecordError):
            row = line.take()
            found.add((row.text("task"), row.whole_number("attempt"), row.whole_number("tries")))
    return frozenset(found)


def hold_recorded(exchange: Exchange) -> None:
    """As `hold`, with a call that was answered from the journal of the run itself."""
    keeper = _keeper.get()
    if keeper is not None:
        keeper.note(exchange, is_recorded=True)


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
