"""Writing the journal: a thread of its own gathers what has come and commits it together."""

import asyncio
import contextlib
import logging
import sqlite3
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from ..model import ModelRequest
from .digests import Fingerprint, digest_text, split_digests
from .entry import FailedTry, JournalEntry
from .file import JournalError, describe, open_to_write
from .mounts import is_on_network, read_mounts
from .rows import Rows, add_rows, as_stored

GATHER_SECONDS = 0.002
"""How long the thread waits for more before it commits: a commit for each call would cost more than the call."""

LONGEST_GATHER_SECONDS = 0.01
"""The longest it waits, where much is to be written."""

REMEMBERED_TEXTS = 100_000
"""How many texts are not offered to the thread again; it knows which of those that were forgotten it has written."""

logger = logging.getLogger("synthetic_communities.journal")

Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class JournalWriter:
    """Writes entries to one journal, from any thread and any event loop.

    Attributes:
        path: the file, which is made with the first entry.
        mode: the journal mode of SQLite, `wal` where it works; empty before the file is open.
    """

    def __init__(self, path: Path, *, replicate: int = 0) -> None:
        """Take the file, and the number of the repetition that its calls are made for."""
        self.path = path
        self.mode = ""
        self._replicate = replicate
        self._wake = threading.Condition()
        self._rows = Rows()
        self._waiting: list[Waiting] = []
        self._known: set[bytes] = set()
        self._taken = 0
        self._written = 0
        self._thread: threading.Thread | None = None
        self._gathered = 0
        self._is_idle = False
        self._is_blocking = False
        self._is_closing = False
        self._error: JournalError | None = None

    async def write(
        self, entry: JournalEntry, request: ModelRequest, asked: Fingerprint, *, replicate: int | None = None
    ) -> None:
        """Return when an entry is on the disk.

        Args:
            entry: what came of a call.
            request: what was asked.
            asked: that in short.
            replicate: number of the repetition it was made for; None: that of all others.

        Raises:
            JournalError: it cannot be written, or something before it could not.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        settings = digest_text(asked.settings)
        with self._wake:
            self._begin()
            self._rows.add_call(entry, asked, settings, self._replicate if replicate is None else replicate)
            self._add_text(settings, asked.settings)
            for digest, text in zip(
                split_digests(asked.system + asked.user), request.system + request.user, strict=True
            ):
                self._add_text(digest, text)
            self._waiting.append((loop, done))
            self._wake_thread()
            if getattr(loop, "outruns_threads", False):
                self._wait_for(self._taken)
        await done

    def note(self, tried: FailedTry) -> None:
        """Add a try that got no reply; nobody waits for it to be written."""
        with self._wake:
            if self._error is None and not self._is_closing:
                self._begin()
                self._rows.add_failed_try(tried)
                self._wake_thread()

    def close(self) -> None:
        """Write what is left, and close the file; tries that got no reply may be lost, and then it is said."""
        with self._wake:
            self._is_closing = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            logger.warning("the journal is not whole: %s", self._error)

    def _wait_for(self, number: int) -> None:
        """Block until so many groups are written: time that is not real does not wait for a thread."""
        while self._written <= number:
            self._is_blocking = True
            self._wake.notify_all()
            self._wake.wait()

    def _begin(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closing:
            raise JournalError(f"{self.path} is closed; a run's calls end before it does")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def _wake_thread(self) -> None:
        if self._is_idle:  # else it is about to look anyway, and waking it would cost every call a switch of threads
            self._is_idle = False
            self._wake.notify_all()

    def _add_text(self, digest: bytes, text: str) -> None:
        if digest not in self._known:
            if len(self._known) >= REMEMBERED_TEXTS:
                self._known.clear()
            self._known.add(digest)
            self._rows.texts.append((digest, as_stored(text)))

    def _run(self) -> None:
        try:
            connection, self.mode = open_to_write(self.path, is_on_network=_lies_on_network(self.path))
            with contextlib.closing(connection):
                self._write_all(connection)
        except JournalError as error:
            self._fail(error)
        except sqlite3.Error as error:
            self._fail(JournalError(describe(self.path, error)))
        except Exception as error:  # handed to all who wait: they would wait for ever
            self._fail(JournalError(f"{self.path} cannot be written: {type(error).__name__}: {error}"))

    def _write_all(self, connection: sqlite3.Connection) -> None:
        written = {digest for (digest,) in connection.execute("SELECT digest FROM texts")}
        while self._gather():
            with self._wake:
                rows, self._rows = self._rows, Rows()
                self._taken += 1
            rows.texts = [(digest, text) for digest, text in rows.texts if digest not in written]
            add_rows(connection, rows)
            written.update(digest for digest, _ in rows.texts)
            with self._wake:
                waiting, self._waiting = self._waiting[: len(rows.calls)], self._waiting[len(rows.calls) :]
            _tell(waiting, None)
            self._let_go(self._written + 1)

    def _gather(self) -> bool:
        """Wait for rows, and a moment for more; return whether there are any: none when it is closing."""
        with self._wake:
            while not (self._rows or self._is_closing):
                self._is_idle = True
                self._wake.wait()
            self._is_idle = False
            self._wake.wait_for(lambda: self._is_closing or self._is_blocking, decide_gathering(self._gathered))
            self._gathered = len(self._rows.calls)
            return bool(self._rows)

    def _fail(self, error: JournalError) -> None:
        with self._wake:
            self._error = error
            waiting, self._waiting = self._waiting, []
            self._rows = Rows()
        _tell(waiting, error)
        self._let_go(sys.maxsize)

    def _let_go(self, written: int) -> None:
        with self._wake:
            self._written = written
            if self._is_blocking:
                self._is_blocking = False
                self._wake.notify_all()


def decide_gathering(calls: int) -> float:
    """Return how long to wait for more, in seconds, when so many calls were written together last."""
    return min(GATHER_SECONDS * max(1, calls), LONGEST_GATHER_SECONDS)


def _lies_on_network(path: Path) -> bool:
    return is_on_network(path.resolve(), read_mounts())


def _tell(waiting: Iterable[Waiting], error: JournalError | None) -> None:
    """Tell all who wait what came of it, with one call a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for loop, done in waiting:
        loops.setdefault(loop, []).append(done)
    for loop, all_done in loops.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, all_done, error)


def _settle(all_done: Iterable["asyncio.Future[None]"], error: JournalError | None) -> None:
    for done in all_done:
        if done.done():  # cancelled meanwhile; what was written stays written
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
