"""A journal that is there, and which of its entries answers a call."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any, Self

from ...errors import RecordError
from ..model import Call, ModelRequest, Usage
from .digests import Fingerprint, split_digests
from .entry import FailedTry, JournalEntry, Source
from .file import describe, has_tables, open_to_read
from .rows import TOKENS, as_stored, as_text, read_entry, read_texts

SHOWN_CHARACTERS = 60
"""How much of two texts is shown from where they first differ."""

_PLACES = """
CREATE TEMP TABLE places (id INTEGER PRIMARY KEY, key TEXT, attempt INTEGER, request BLOB, used INTEGER DEFAULT 0)
"""

_INDEXES = (
    "CREATE INDEX temp.by_call ON places (key, attempt, request, used)",
    "CREATE INDEX temp.by_request ON places (request, attempt, used, key)",
)

_TRIES = """
CREATE TEMP TABLE tries AS SELECT key, attempt, rowid AS place, ended FROM failed_tries
WHERE failure NOT IN ('cancelled', 'model unavailable')
"""
"""Those two end a run: what is asked when it is gone on with begins with the first try."""

_TRIES_OF_ENTRY = """
SELECT try, failure, detail, seconds, failed_tries.ended FROM tries JOIN failed_tries ON failed_tries.rowid = place
WHERE tries.key = ? AND tries.attempt = ? AND tries.ended BETWEEN ? AND ? ORDER BY place
"""

_SLACK_SECONDS = 0.001
"""How far two clocks may be apart that tell when a try ended, and when its call began."""

_SAME = "SELECT id FROM places WHERE key = ? AND attempt = ? AND request = ? AND used = 0 ORDER BY id LIMIT 1"
_SAME_NEWEST = _SAME.replace("ORDER BY id", "ORDER BY id DESC")
_REPLIED = "SELECT 1 FROM calls WHERE settings = ? AND source = 'call' AND failure IS NULL LIMIT 1"
_ALIKE = "SELECT id FROM places WHERE request = ? AND attempt = ? AND used = 0 ORDER BY key, id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Answered:
    """What an entry says of what it took.

    Attributes:
        question: key and attempt of the call, and digest of its request.
        source: where the answer came from.
        model: who was asked.
        usage: the tokens.
    """

    question: tuple[str, int, bytes]
    source: Source
    model: str = field(kw_only=True)
    usage: Usage = field(kw_only=True)

    @property
    def key(self) -> str:
        """Key of the task of the call."""
        return self.question[0]


class Recorded:
    """Entries of a journal, each of which answers one call.

    Which entry is where, and has answered, is kept in a table of SQLite's own for the time being: it stays on the disk
    where it is large, and the journal as it is.

    Attributes:
        path: the file.
    """

    def __init__(
        self, path: Path, *, replicate: int | None = None, beginning: str = "", is_shared: bool = False
    ) -> None:
        """Open a journal; what is added to it later is not looked at.

        Args:
            path: the file.
            replicate: number of the repetition whose entries are taken; None: of all.
            beginning: how the keys begin whose entries are taken.
            is_shared: whether it is written meanwhile, by this process or another.

        Raises:
            JournalError: it cannot be read, is of another version, or is damaged.
        """
        self.path = path
        self._taking = threading.Lock()
        self._has_tries = False
        self._connection = open_to_read(path, is_shared=is_shared)
        try:
            self._note_places(replicate, beginning)
        except sqlite3.Error as error:
            self.close()
            raise RecordError(describe(path, error)) from error

    def _note_places(self, replicate: int | None, beginning: str) -> None:
        run = self._connection.execute
        run(_PLACES)
        if has_tables(self._connection):
            chosen = (
                "(:replicate IS NULL OR replicate = :replicate) AND substr(CAST(key AS TEXT), 1, :length) = :beginning"
            )
            values = {"replicate": replicate, "length": len(beginning), "beginning": beginning}
            run(f"INSERT INTO places SELECT id, key, attempt, request, 0 FROM calls WHERE {chosen}", values)
        for index in _INDEXES:
            run(index)

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM places")[0])

    @property
    def used(self) -> int:
        """How many entries have answered a call so far."""
        return int(self._one("SELECT count(*) FROM places WHERE used = 1")[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def take_same(self, call: Call, request: bytes, *, newest: bool = False) -> JournalEntry | None:
        """Return the entry of this call with this request; it answers no other. None: there is none.

        Args:
            call: which call it is.
            request: digest of what it asks.
            newest: which is taken where there are several: the last, or the first that has answered nobody yet.
        """
        return self._take(_SAME_NEWEST if newest else _SAME, as_stored(call.key), call.attempt, request)

    def take_alike(self, call: Call, request: bytes) -> JournalEntry | None:
        """Return an entry with this request that has answered nobody yet, the first by key; None: there is none."""
        return self._take(_ALIKE, request, call.attempt)

    def has(self, call: Call) -> bool:
        """Say whether there is an entry of this call, whatever it asked and whether or not it has answered."""
        return self._row_of(call) is not None

    def list_failed_tries(self, entry: JournalEntry) -> list[FailedTry]:
        """Return the tries without a reply that a recorded call took, in order.

        Those of an earlier asking that came to no end, as the run was killed meanwhile, are none of them.

        Raises:
            RecordError: they cannot be read.
        """
        call, began = entry.call, entry.ended - entry.seconds
        times = (began - _SLACK_SECONDS, entry.ended + _SLACK_SECONDS)
        try:
            with self._taking:
                self._note_tries()
                rows = self._connection.execute(_TRIES_OF_ENTRY, (as_stored(call.key), call.attempt, *times)).fetchall()
        except sqlite3.Error as error:
            raise RecordError(describe(self.path, error)) from error
        return [
            FailedTry(replace(call, tries=number), kind, detail=as_text(detail), seconds=seconds, ended=ended)
            for number, kind, detail, seconds, ended in rows
        ]

    def _note_tries(self) -> None:
        if not self._has_tries:
            self._connection.execute(_TRIES)
            self._connection.execute("CREATE INDEX temp.tries_by_call ON tries (key, attempt)")
            self._has_tries = True

    def list_paid(self) -> Iterator[tuple[str, Usage]]:
        """Yield model and tokens of every entry that was a call, and of every try that failed."""
        if not has_tables(self._connection):
            return
        models, columns = self._read_models(), ", ".join(TOKENS)
        for settings, *tokens in self._connection.execute(
            f"SELECT settings, {columns} FROM calls WHERE source = 'call'"
        ):
            yield models[settings], _read_usage(tokens)
        (failed,) = self._connection.execute("SELECT count(*) FROM failed_tries").fetchone()
        yield from repeat(("", Usage()), failed)

    def has_reply_of(self, model: str) -> bool:
        """Say whether a call of this model, made for this run, got a reply.

        Raises:
            RecordError: that cannot be read.
        """
        if not len(self):
            return False
        try:
            settings = [digest for digest, name in self._read_models().items() if name == model]
        except sqlite3.Error as error:
            raise RecordError(describe(self.path, error)) from error
        return any(self._one(_REPLIED, digest) for digest in settings)

    def list_answers(self) -> Iterator[Answered]:
        """Yield what each entry says of what it took, in the order in which they were written.

        Raises:
            RecordError: that cannot be read.
        """
        asked = f"SELECT key, attempt, request, source, settings, {', '.join(TOKENS)} FROM calls"
        if not len(self):
            return  # where nothing was written yet there are no tables either
        try:
            models = self._read_models()
            for key, attempt, request, source, settings, *tokens in self._connection.execute(
                f"{asked} WHERE id IN (SELECT id FROM places) ORDER BY id"
            ):
                question = (as_text(key), attempt, request)
                yield Answered(question, source, model=models[settings], usage=_read_usage(tokens))
        except (sqlite3.Error, LookupError, TypeError, ValueError) as error:
            raise RecordError(f"{self.path} cannot be read: {error}") from error

    def _read_models(self) -> dict[bytes, str]:
        asked = "SELECT digest, text FROM texts WHERE digest IN (SELECT DISTINCT settings FROM calls)"
        return {digest: str(json.loads(as_text(text))["model"]) for digest, text in self._connection.execute(asked)}

    def describe_difference(self, call: Call, request: ModelRequest, asked: Fingerprint) -> str:
        """Return where the request of a call first differs from the recorded one."""
        row_id = self._row_of(call)
        if row_id is None:
            return f"{call.key} was not asked then"
        system, user, settings = self._one("SELECT system, user, settings FROM calls WHERE id = ?", row_id)
        for name, before, now in (("system", system, request.system), ("user", user, request.user)):
            texts = self._texts(before)
            for number, (old, new) in enumerate(zip(texts, now, strict=False), start=1):
                if old != new:
                    return f"{call.key}, text {number} of its {name} message: {spell_difference(old, new)}"
            if len(texts) != len(now):
                return f"{call.key}: its {name} message has {len(now)} texts, and had {len(texts)}"
        difference = spell_difference(self._texts(settings)[0], asked.settings)
        return f"{call.key}, what is asked besides texts: {difference}"

    def _row_of(self, call: Call) -> int | None:
        row = self._one(
            "SELECT id FROM places WHERE key = ? AND attempt = ? ORDER BY id LIMIT 1", as_stored(call.key), call.attempt
        )
        return int(row[0]) if row else None

    def _texts(self, digests: bytes) -> list[str]:
        try:
            return list(read_texts(self._connection, split_digests(digests)))
        except sqlite3.Error as error:
            raise RecordError(describe(self.path, error)) from error

    def _one(self, question: str, *values: Any) -> Any:
        try:
            return self._connection.execute(question, values).fetchone()
        except sqlite3.Error as error:
            raise RecordError(describe(self.path, error)) from error

    def _take(self, question: str, *values: Any) -> JournalEntry | None:
        with self._taking:  # a mind may ask from threads, and an entry answers once
            row = self._one(question, *values)
            if row is None:
                return None
            self._one("UPDATE places SET used = 1 WHERE id = ?", row[0])
        try:
            return read_entry(self._connection, row[0])
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise RecordError(f"{self.path}, entry {row[0]} cannot be read: {error}") from error


def _read_usage(tokens: Sequence[int | None]) -> Usage:
    return Usage(**dict(zip(TOKENS, tokens, strict=True)))


def spell_difference(before: str, now: str) -> str:
    """Return from where on two texts differ, and how they go on there."""
    same = next((n for n, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    start = max(0, same - 10)
    old, new = (text[start : start + SHOWN_CHARACTERS] for text in (before, now))
    return f"it said {old!r} and now says {new!r} (from character {same + 1})"


def read_about(path: Path) -> dict[str, str]:
    """Return what a journal says of itself.

    Raises:
        JournalError: it cannot be read.
    """
    with closing(open_to_read(path)) as connection:
        return dict(connection.execute("SELECT name, value FROM about")) if has_tables(connection) else {}
