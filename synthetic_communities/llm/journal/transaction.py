"""Changes to a journal that are all made, or none of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make what is changed in here one step: committed at the end, taken back if anything is raised.

    It is the only one that writes from the beginning on: another process that wants to waits as long as its connection
    has patience.

    Raises:
        sqlite3.Error: it cannot begin, or not be committed.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
