"""The calls of models that were made for an act: held while it goes on, written if it ends without an answer.

They are measured and no part of the record: what a server says of an error may hold times and addresses.
"""

from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..domain.outcome import Failed, Outcome, Refused, Unreadable
from ..engine.ledger import Task
from ..errors import RecordError
from ..llm.call_log import CallEntry
from ..llm.exchange import Exchange
from ..llm.money.prices import Prices
from ..runs.directory import FAILED_CALLS, append_lines, encode_line
from ..runs.reading import iterate_lines

Try = tuple[str, int, int]
"""Task, attempt and try of a line."""


class FailedCalls:
    """Holds the calls of the acts under way, and writes those of acts that were refused, unreadable or failed.

    All others are dropped when their act ends, so no more is held than what belongs to acts under way.
    """

    def __init__(self, directory: Path, prices: Prices, *, written: Container[Try] = ()) -> None:
        """Take the run directory.

        Args:
            directory: the run directory.
            prices: what calls cost.
            written: which tries of recorded calls have their line there already.
        """
        self._path = directory / FAILED_CALLS
        self._prices = prices
        self._written = written
        self._held: dict[str, list[tuple[Exchange, bool]]] = {}

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

    def note_recorded(self, exchange: Exchange) -> None:
        """As `note`, with a call that was answered from the journal of the run itself."""
        self.note(exchange, is_recorded=True)

    def end(self, task: Task, outcome: Outcome[Any]) -> None:
        """Drop the calls of an act that ended, or write them if they came to nothing; they are on the disk then.

        Raises:
            OSError: they cannot be written.
        """
        calls = self._held.pop(task.key, None)
        if calls and isinstance(outcome, (Refused, Unreadable, Failed)):
            new = [exchange for exchange, is_recorded in calls if not (is_recorded and self._has(exchange.entry))]
            if new:
                append_lines(self._path, (encode_line(call_row(exchange, self._prices)) for exchange in new))

    def drop(self) -> None:
        """Drop whatever is held: the run is over, and the acts under way were cut short."""
        self._held.clear()

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


def call_row(exchange: Exchange, prices: Prices) -> dict[str, Any]:
    """Return the line of one try of one call."""
    entry, request = exchange.entry, exchange.request
    return {
        "task": entry.key,
        "act": entry.act,
        "attempt": entry.attempt,
        "tries": entry.tries,
        "outcome": entry.outcome,
        "model": entry.model,
        "cost_usd": prices.cost(entry.asked, entry.usage),
        "system": list(request.system),
        "user": list(request.user),
        "reply": exchange.reply,
        "error": exchange.error,
    }
