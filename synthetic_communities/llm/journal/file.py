"""The journal's file: a SQLite database that anybody can open, and what may be done with it."""

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ...errors import RecordError
from .later_column import add_column, show_column
from .transaction import transaction

JOURNAL_VERSION = 1

TABLES = ("calls", "texts", "failed_tries", "about")

SCHEMA = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE texts (digest BLOB NOT NULL, text TEXT NOT NULL)",  # an index by digest would cost more than the rows
    """
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL, act TEXT NOT NULL, attempt INTEGER NOT NULL, replicate INTEGER NOT NULL,
        request BLOB NOT NULL, settings BLOB NOT NULL, system BLOB NOT NULL, user BLOB NOT NULL,
        reply TEXT, stop TEXT, model TEXT,
        input_tokens INTEGER, cache_write_tokens INTEGER, cache_write_1h_tokens INTEGER, cache_read_tokens INTEGER,
        output_tokens INTEGER, thinking_tokens INTEGER,
        failure TEXT, detail TEXT, status INTEGER,
        seconds REAL NOT NULL, ended REAL NOT NULL, source TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE failed_tries (
        key TEXT NOT NULL, act TEXT NOT NULL, attempt INTEGER NOT NULL, try INTEGER NOT NULL,
        failure TEXT NOT NULL, detail TEXT NOT NULL, seconds REAL NOT NULL, ended REAL NOT NULL
    )
    """,
    f"INSERT INTO about VALUES ('format_version', '{JOURNAL_VERSION}')",
)
"""What makes a journal of an empty database; all of it in one transaction, so that none is ever half made."""

BESIDE = ("-wal", "-journal")
"""What SQLite keeps beside a file that was not closed, and without which the file is not whole."""

PATIENCE_SECONDS = 30.0
"""How long is waited for another process that is writing the same journal."""

_BUSY_PAUSE_SECONDS = 0.02
_COPY_TRIES = 3


class JournalError(RecordError):
    """The journal cannot be read or written; the message says why, and what to do."""


class _Connection(sqlite3.Connection):
    """A connection that may have been opened to a copy, which goes when it is closed."""

    folder: TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Close it, and take away the copy it was opened to, if any."""
        super().close()
        if self.folder is not None:
            self.folder.cleanup()


def open_to_write(path: Path, *, is_on_network: bool = False) -> tuple[sqlite3.Connection, str]:
    """Open a journal, made where there is none, and return it with the journal mode SQLite uses for it.

    Whatever was committed is on the disk (`synchronous=FULL`). Where a write-ahead log does not work, the slower
    rollback journal is used.

    Raises:
        JournalError: it cannot be opened, is a symbolic link, or is of another version.
    """
    _make_file(path)
    connection = _connect(path, "mode=rw")
    with _closed_if_refused(connection, path):
        mode = _choose_mode(connection, is_on_network)
        connection.execute("PRAGMA synchronous=FULL")
        _make_tables(connection)
        _check_version(connection, path)
        add_column(connection)
    return connection, mode


@contextmanager
def _closed_if_refused(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Close a connection where SQLite or this package refuses what it leads to, and say why as a `JournalError`."""
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(describe(path, error)) from error
    except JournalError:
        connection.close()
        raise


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads, unless it is there."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise JournalError(f"{path} is a symbolic link; a journal has to be a file of its own") from error
        raise JournalError(f"{path} cannot be opened: {error.strerror}") from error


def _connect(path: Path, how: str) -> _Connection:
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=PATIENCE_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
    except sqlite3.Error as error:
        raise JournalError(describe(path, error)) from error


def _choose_mode(connection: sqlite3.Connection, is_on_network: bool) -> str:
    wanted = "DELETE" if is_on_network else "WAL"
    try:
        return _set_mode(connection, wanted)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise
        return _set_mode(connection, "DELETE")  # a file system that cannot share memory may say so like this


def _set_mode(connection: sqlite3.Connection, wanted: str) -> str:
    """Set the journal mode; SQLite does not wait for another process that is setting it."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            (mode,) = connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)
        else:
            return str(mode)


def _make_tables(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for statement in () if has_tables(connection) else SCHEMA:
            connection.execute(statement)


def has_tables(connection: sqlite3.Connection) -> bool:
    """Say whether there is anything in a database; a run killed as it made its journal leaves one that is empty."""
    (number,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(number)


def open_to_read(path: Path, *, is_shared: bool = False) -> sqlite3.Connection:
    """Open a journal that is there; nothing is changed in it, and no file is made beside it.

    One that was not closed, as that of a killed run, is read from a copy: SQLite would mend it where it lies.

    Args:
        path: the file.
        is_shared: whether it is written meanwhile, by this process or another; then it is opened where it lies.

    Raises:
        JournalError: it cannot be read, is of another version, or is damaged; the message names the place.
    """
    if not path.is_file() or path.is_symlink():
        raise JournalError(f"{path} is no file")
    beside = [other for other in (path.with_name(path.name + end) for end in BESIDE) if _holds_something(other)]
    connection = _connect(path, "mode=rw") if is_shared else _open_untouched(path, beside)
    with _closed_if_refused(connection, path):
        _refuse_damage(connection, path, is_closed=not beside)
        if has_tables(connection):
            _check_version(connection, path)
            show_column(connection)
    return connection


def _refuse_damage(connection: sqlite3.Connection, path: Path, *, is_closed: bool) -> None:
    try:
        problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:  # a page whose rows cannot be read is not told by its number
        if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
            raise
        where = _find_damage(connection)
        raise JournalError(f"{path} is damaged: {error}{where}; {_TAKE_COPY}") from error
    if problems != ["ok"]:
        said = ", ".join(" ".join(problems).splitlines())
        raise JournalError(f"{path} is damaged: {said}; {_TAKE_COPY}")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    if is_closed and path.stat().st_size % page_bytes:  # SQLite reads zeros in place of what is missing
        raise JournalError(f"{path} is damaged: its last page was cut off; {_TAKE_COPY}")


def _find_damage(connection: sqlite3.Connection) -> str:
    """Return where rows cannot be read any more, in words that follow what SQLite says; nothing if all can be."""
    for table in TABLES:
        rows = 0
        try:
            for _ in connection.execute(f"SELECT * FROM {table}"):
                rows += 1
        except sqlite3.Error:
            return f" in the table {table}, after row {rows}"
    return ""


def _open_untouched(path: Path, beside: list[Path]) -> sqlite3.Connection:
    if not beside:
        return _connect(path, "mode=ro&immutable=1")
    folder = TemporaryDirectory()
    try:
        copy = _copy_whole([path, *beside], Path(folder.name))
        connection = _connect(copy, "mode=rw")
    except OSError as error:
        folder.cleanup()
        raise JournalError(f"{path} cannot be copied to be read: {error}") from error
    connection.folder = folder
    return connection


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _copy_whole(files: list[Path], folder: Path) -> Path:
    """Copy files that belong together, again if one was written meanwhile, and return the copy of the first."""

    def look() -> list[tuple[int, int]]:
        """Return when each of the files was last changed, and how long it is."""
        return [(each.stat().st_mtime_ns, each.stat().st_size) for each in files]

    for _ in range(_COPY_TRIES):
        before = look()
        copies = [Path(shutil.copyfile(each, folder / each.name, follow_symlinks=True)) for each in files]
        if look() == before:
            break
    return copies[0]


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    try:
        row = connection.execute("SELECT value FROM about WHERE name = 'format_version'").fetchone()
    except sqlite3.OperationalError as error:
        raise JournalError(f"{path} is no journal: {error}") from error
    found = row[0] if row else "none"
    if found != str(JOURNAL_VERSION):
        raise JournalError(f"{path} is of format version {found}; this package reads version {JOURNAL_VERSION}")


_TAKE_COPY = "take it from a copy, or run again: what it held is paid for again then"


def describe(path: Path, error: sqlite3.Error) -> str:
    """Return what went wrong with a journal, and what to do where that is known."""
    said = str(error)
    if "full" in said:
        return f"{path} cannot be written: {said}; make room, then go on from there"
    if "locked" in said:
        return f"{path}: {said}; another process is using it, wait until that has ended"
    if "malformed" in said or "not a database" in said:
        return f"{path} is damaged: {said}; {_TAKE_COPY}"
    return f"{path}: {said}"


def count_calls(path: Path) -> int:
    """Return how many calls a journal holds.

    Raises:
        JournalError: it cannot be read.
    """
    with closing(open_to_read(path)) as connection:
        number = connection.execute("SELECT count(*) FROM calls").fetchone()[0] if has_tables(connection) else 0
        return int(number)


def note_about(path: Path, name: str, value: str) -> None:
    """Write down something about a journal that is there.

    Raises:
        JournalError: it cannot be written.
    """
    connection, _ = open_to_write(path)
    with closing(connection):
        try:
            connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))
        except sqlite3.Error as error:
            raise JournalError(describe(path, error)) from error


def is_begun(path: Path) -> bool:
    """Say whether a file holds a journal, were it one without a call.

    Raises:
        JournalError: it cannot be read.
    """
    if not path.is_file():
        return False
    with closing(open_to_read(path)) as connection:
        return has_tables(connection)
