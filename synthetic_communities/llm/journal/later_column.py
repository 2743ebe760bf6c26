"""A column that journals of earlier versions lack: null where such a journal is read, added before one is written."""

import sqlite3

from .transaction import transaction

LATER = "cache_write_1h_tokens"
"""It stands in the table of calls."""


def show_column(connection: sqlite3.Connection) -> None:
    """Let a journal that is only read look as if it had it; nothing is changed in it.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if _lacks_it(connection):  # a name without its schema means what is temporary first
        connection.execute(f"CREATE TEMP VIEW calls AS SELECT *, NULL AS {LATER} FROM main.calls")


def add_column(connection: sqlite3.Connection) -> None:
    """Add it to a journal that is written.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    if not _lacks_it(connection):
        return
    with transaction(connection):
        if _lacks_it(connection):  # another process may have been quicker
            connection.execute(f"ALTER TABLE calls ADD COLUMN {LATER} INTEGER")


def _lacks_it(connection: sqlite3.Connection) -> bool:
    names = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('calls', 'main')")}
    return LATER not in names
