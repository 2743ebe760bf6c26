"""A journal that is there, and which of its entries answers a call."""

import json
import sqlite3
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import closing
from itertools import repeat
from pathlib import Path
from typing import Self

from ...errors import RecordError
from ..model import Call, ModelRequest, Usage
from .digests import Fingerprint, split_digests
from .entry import JournalEntry
from .file import TOKENS, open_to_read, read_entry, read_texts

SHOWN_CHARACTERS = 60
"""How much of two texts is shown from where they first differ."""


class Recorded:
    """Entries of a journal, each of which answers one call.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, *, replicate: int | None = None) -> None:
        """Open a journal.

        Args:
            path: the file.
            replicate: number of the repetition whose entries are taken; None: of all.

        Raises:
            JournalError: it cannot be read, is of another version, or is damaged.
        """
        self.path = path
        self._connection = open_to_read(path)
        self._by_call: defaultdict[tuple[str, int], deque[tuple[int, bytes]]] = defaultdict(deque)
        self._by_request: defaultdict[tuple[bytes, int], deque[int]] = defaultdict(deque)
        self._used: set[int] = set()
        chosen = "" if replicate is None else f" WHERE replicate = {int(replicate)}"
        for row_id, key, attempt, request in self._connection.execute(
            f"SELECT id, key, attempt, request FROM calls{chosen} ORDER BY key, attempt, id"
        ):
            self._by_call[key, attempt].append((row_id, request))
            self._by_request[request, attempt].append(row_id)

    def __len__(self) -> int:
        return sum(map(len, self._by_call.values()))

    @property
    def used(self) -> int:
        """How many entries have answered a call so far."""
        return len(self._used)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def take_same(self, call: Call, request: bytes) -> JournalEntry | None:
        """Return the entry of this call with this request; it answers no other. None: there is none."""
        for row_id, recorded in self._by_call.get((call.key, call.attempt), ()):
            if recorded == request and row_id not in self._used:
                return self._take(row_id)
        return None

    def take_alike(self, call: Call, request: bytes) -> JournalEntry | None:
        """Return an entry with this request that has answered nobody yet, the first by key; None: there is none.

        That of a call which may still be made under its own key is not touched while there is another.
        """
        waiting = self._by_request.get((request, call.attempt))
        while waiting:
            row_id = waiting.popleft()
            if row_id not in self._used:
                return self._take(row_id)
        return None

    def has(self, call: Call) -> bool:
        """Say whether there is an entry of this call, whatever it asked."""
        return (call.key, call.attempt) in self._by_call

    def list_paid(self) -> Iterator[tuple[str, Usage]]:
        """Yield model and tokens of every entry that was a call, and of every try that failed."""
        models: dict[bytes, str] = {}
        columns = ", ".join(TOKENS)
        for settings, *tokens in self._connection.execute(
            f"SELECT settings, {columns} FROM calls WHERE source = 'call'"
        ):
            if settings not in models:
                (text,) = read_texts(self._connection, [settings])
                models[settings] = str(json.loads(text)["model"])
            yield models[settings], Usage(**dict(zip(TOKENS, tokens, strict=True)))
        (failed,) = self._connection.execute("SELECT count(*) FROM failed_tries").fetchone()
        yield from repeat(("", Usage()), failed)

    def describe_difference(self, call: Call, request: ModelRequest, asked: Fingerprint) -> str:
        """Return where the request of a call first differs from the recorded one."""
        recorded = self._by_call.get((call.key, call.attempt))
        if not recorded:
            return f"{call.key} was not asked then"
        row = self._connection.execute(
            "SELECT system, user, settings FROM calls WHERE id = ?", (recorded[0][0],)
        ).fetchone()
        for name, before, now in (("system", row[0], request.system), ("user", row[1], request.user)):
            texts = list(read_texts(self._connection, split_digests(before)))
            for number, (old, new) in enumerate(zip(texts, now, strict=False), start=1):
                if old != new:
                    return f"{call.key}, text {number} of its {name} message: {spell_difference(old, new)}"
            if len(texts) != len(now):
                return f"{call.key}: its {name} message has {len(now)} texts, and had {len(texts)}"
        (settings,) = read_texts(self._connection, [row[2]])
        return f"{call.key}, what is asked besides texts: {spell_difference(settings, asked.settings)}"

    def _take(self, row_id: int) -> JournalEntry:
        self._used.add(row_id)
        try:
            return read_entry(self._connection, row_id)
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise RecordError(f"{self.path}, entry {row_id} cannot be read: {error}") from error


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
        return dict(connection.execute("SELECT name, value FROM about"))
