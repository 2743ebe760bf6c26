"""Entries as rows of the journal's tables: how they are written, and read back."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from ..failures import CallError
from ..model import Call, ModelReply, Usage
from .digests import Fingerprint
from .entry import FailedTry, JournalEntry
from .transaction import transaction

TOKENS = (
    *("input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "cache_read_tokens"),
    *("output_tokens", "thinking_tokens"),
)

_read_tokens = attrgetter(*TOKENS)
_NO_TOKENS = (None,) * len(TOKENS)

COLUMNS = (
    *("key", "act", "attempt", "replicate", "request", "settings", "system", "user", "reply", "stop", "model"),
    *TOKENS,
    *("failure", "detail", "status", "seconds", "ended", "source"),
)

_ADD_CALLS = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES "
_ADD_TEXTS = "INSERT INTO texts VALUES "
_ADD_TRIES = "INSERT INTO failed_tries VALUES "

ROWS_AT_ONCE = 32
"""Rows written by one statement: around each statement the thread gives up the interpreter and has to get it back."""


def add_rows(connection: sqlite3.Connection, rows: "Rows") -> None:
    """Write rows in one transaction: all of them are on the disk when this returns, or none.

    Raises:
        sqlite3.Error: they cannot be written.
    """
    with transaction(connection):
        _add(connection, _ADD_TEXTS, rows.texts)
        _add(connection, _ADD_CALLS, rows.calls)
        _add(connection, _ADD_TRIES, rows.failed_tries)


def _add(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    start = 0
    while start < len(rows):
        size = min(ROWS_AT_ONCE, 1 << ((len(rows) - start).bit_length() - 1))
        place = f"({', '.join('?' * len(rows[start]))})"
        values = [value for row in rows[start : start + size] for value in row]
        connection.execute(statement + ", ".join([place] * size), values)
        start += size


class Rows:
    """Rows on their way to a journal.

    Attributes:
        texts: digest and text.
        calls: a row an entry.
        failed_tries: a row a try.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.texts: list[tuple[bytes, str | bytes]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.failed_tries: list[tuple[Any, ...]] = []

    def __bool__(self) -> bool:
        return bool(self.calls or self.failed_tries)

    def add_call(self, entry: JournalEntry, asked: Fingerprint, settings: bytes, replicate: int) -> None:
        """Add what came of a call."""
        call, result = entry.call, entry.result
        reply = result if isinstance(result, ModelReply) else None
        error = result if isinstance(result, CallError) else None
        usage = result.usage
        self.calls.append(
            (
                *(as_stored(call.key), as_stored(call.act), call.attempt, replicate),
                *(entry.request, settings, asked.system, asked.user),
                *((as_stored(reply.text), reply.stop, as_stored(reply.model)) if reply else (None, None, None)),
                *(_read_tokens(usage) if usage else _NO_TOKENS),
                *((error.kind, as_stored(error.detail), error.status) if error else (None, None, None)),
                *(entry.seconds, entry.ended, entry.source),
            )
        )

    def add_failed_try(self, tried: FailedTry) -> None:
        """Add a try that got no reply."""
        call = tried.call
        self.failed_tries.append(
            (
                *(as_stored(call.key), as_stored(call.act), call.attempt, call.tries),
                *(tried.kind, as_stored(tried.detail), tried.seconds, tried.ended),
            )
        )


def as_stored(text: str) -> str | bytes:
    """Return a text as SQLite takes it: half of a surrogate pair is no text to it, so then it is stored as bytes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def as_text(stored: str | bytes) -> str:
    """Return a text that was stored."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def read_entry(connection: sqlite3.Connection, row_id: int) -> JournalEntry:
    """Return one entry.

    Raises:
        JournalError: it is not one.
    """
    row = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM calls WHERE id = ?", (row_id,)).fetchone()
    values = dict(zip(COLUMNS, row, strict=True))
    usage = Usage(**{name: values[name] for name in TOKENS})
    return JournalEntry(
        Call(as_text(values["key"]), as_text(values["act"]), values["attempt"]),
        values["request"],
        result=_read_result(values, usage),
        seconds=values["seconds"],
        ended=values["ended"],
        source=values["source"],
    )


def _read_result(values: dict[str, Any], usage: Usage) -> ModelReply | CallError:
    if values["failure"] is not None:
        known = usage if usage != Usage() else None
        return CallError(values["failure"], as_text(values["detail"] or ""), status=values["status"], usage=known)
    return ModelReply(as_text(values["reply"]), stop=values["stop"], model=as_text(values["model"]), usage=usage)


def read_texts(connection: sqlite3.Connection, digests: Iterable[bytes]) -> Iterator[str]:
    """Yield the texts of these digests; of one that is missing, what says so."""
    for digest in digests:
        row = connection.execute("SELECT text FROM texts WHERE digest = ?", (digest,)).fetchone()
        yield as_text(row[0]) if row else f"(no text {digest.hex()})"
