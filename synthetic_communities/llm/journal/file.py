"""The journal's file: a SQLite database that anybody can open, and what may be done with it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ...errors import RecordError
from ..failures import CallError
from ..model import Call, ModelReply, Usage
from .digests import Fingerprint
from .entry import FailedTry, JournalEntry

JOURNAL_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS texts (digest BLOB PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL, act TEXT NOT NULL, attempt INTEGER NOT NULL, replicate INTEGER NOT NULL,
    request BLOB NOT NULL, settings BLOB NOT NULL, system BLOB NOT NULL, user BLOB NOT NULL,
    reply TEXT, stop TEXT, model TEXT,
    input_tokens INTEGER, cache_write_tokens INTEGER, cache_read_tokens INTEGER,
    output_tokens INTEGER, thinking_tokens INTEGER,
    failure TEXT, detail TEXT, status INTEGER,
    seconds REAL NOT NULL, ended REAL NOT NULL, source TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failed_tries (
    key TEXT NOT NULL, act TEXT NOT NULL, attempt INTEGER NOT NULL, try INTEGER NOT NULL,
    failure TEXT NOT NULL, detail TEXT NOT NULL, seconds REAL NOT NULL, ended REAL NOT NULL
);
"""

TOKENS = ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens", "thinking_tokens")

COLUMNS = (
    *("key", "act", "attempt", "replicate", "request", "settings", "system", "user", "reply", "stop", "model"),
    *TOKENS,
    *("failure", "detail", "status", "seconds", "ended", "source"),
)

_ADD_CALL = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_ADD_TEXT = "INSERT OR IGNORE INTO texts VALUES (?, ?)"
_ADD_TRY = "INSERT INTO failed_tries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

NETWORK_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "fuse.sshfs",
    "lustre",
    "ceph",
    "glusterfs",
)
"""File systems on which several processes cannot share the memory that a write-ahead log needs."""


class JournalError(RecordError):
    """The journal cannot be read or written; the message says why, and what to do."""


def open_to_write(path: Path, *, is_on_network: bool = False) -> tuple[sqlite3.Connection, str]:
    """Open a journal, made where there is none, and return it with the journal mode SQLite uses for it.

    Whatever was committed is on the disk (`synchronous=FULL`). Where a write-ahead log does not work, the slower
    rollback journal is used.

    Raises:
        JournalError: it cannot be opened, or is of another version.
    """
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path} cannot be opened: {error}") from error
    try:
        mode = _choose_mode(connection, is_on_network)
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(SCHEMA)
        connection.execute("INSERT OR IGNORE INTO about VALUES ('format_version', ?)", (str(JOURNAL_VERSION),))
        _check_version(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(describe(path, error)) from error
    except JournalError:
        connection.close()
        raise
    return connection, mode


def _choose_mode(connection: sqlite3.Connection, is_on_network: bool) -> str:
    wanted = "DELETE" if is_on_network else "WAL"
    try:
        (mode,) = connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()
    except sqlite3.OperationalError:  # a file system that cannot share memory may say so like this
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    return str(mode)


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a journal that is there; nothing is changed in it.

    Raises:
        JournalError: it cannot be read, is of another version, or is damaged; the message names the place.
    """
    if not path.is_file() or path.is_symlink():
        raise JournalError(f"{path} is no file")
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only=ON")
        problems = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        raise JournalError(describe(path, error)) from error
    if problems != ["ok"]:
        connection.close()
        raise JournalError(f"{path} is damaged: {'; '.join(map(str, problems))}")
    try:
        _check_version(connection, path)
    except JournalError:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    try:
        row = connection.execute("SELECT value FROM about WHERE name = 'format_version'").fetchone()
    except sqlite3.Error as error:
        raise JournalError(f"{path} is no journal: {error}") from error
    found = row[0] if row else "none"
    if found != str(JOURNAL_VERSION):
        raise JournalError(f"{path} is of format version {found}; this package reads version {JOURNAL_VERSION}")


def describe(path: Path, error: sqlite3.Error) -> str:
    """Return what went wrong with a journal, and what to do where that is known."""
    said = str(error)
    if "full" in said:
        return f"{path} cannot be written: {said}; make room, then go on from there"
    if "malformed" in said or "not a database" in said:
        return f"{path} is damaged: {said}; take it from a copy, or move it away: then its calls are made again"
    return f"{path}: {said}"


def add_rows(connection: sqlite3.Connection, rows: "Rows") -> None:
    """Write rows in one transaction: all of them are on the disk when this returns, or none.

    Raises:
        sqlite3.Error: they cannot be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_ADD_TEXT, rows.texts)
        connection.executemany(_ADD_CALL, rows.calls)
        connection.executemany(_ADD_TRY, rows.failed_tries)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise


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
                *(call.key, call.act, call.attempt, replicate, entry.request, settings, asked.system, asked.user),
                *((as_stored(reply.text), reply.stop, as_stored(reply.model)) if reply else (None, None, None)),
                *((getattr(usage, name) for name in TOKENS) if usage else (None,) * len(TOKENS)),
                *((error.kind, as_stored(error.detail), error.status) if error else (None, None, None)),
                *(entry.seconds, entry.ended, entry.source),
            )
        )

    def add_failed_try(self, tried: FailedTry) -> None:
        """Add a try that got no reply."""
        call = tried.call
        self.failed_tries.append(
            (
                *(call.key, call.act, call.attempt, call.tries),
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
        Call(values["key"], values["act"], values["attempt"]),
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


def is_on_network(path: Path, mounts: str) -> bool:
    """Say whether a path lies on a network file system.

    Args:
        path: an absolute path without symbolic links.
        mounts: what Linux tells in `/proc/self/mounts`; empty where it does not.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, name, *_ = [*line.split(" "), "", "", ""]
        is_above = path.is_relative_to(point.replace("\\040", " ")) if point else False
        if is_above and len(point) >= len(best):
            best, kind = point, name
    return kind in NETWORK_FILE_SYSTEMS


def read_mounts() -> str:
    """Return what Linux tells of what is mounted where; nothing elsewhere."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def count_calls(path: Path) -> int:
    """Return how many calls a journal holds.

    Raises:
        JournalError: it cannot be read.
    """
    with closing(open_to_read(path)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM calls").fetchone()
        return int(number)
