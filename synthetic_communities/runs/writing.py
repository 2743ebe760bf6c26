"""How the files of a run are opened, and what becomes of errors while they are written."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import RecordError

PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
"""Modes of what is made: for its owner alone, as a run may tell much about people."""


NOT_SYNCED = frozenset((errno.EINVAL, errno.EBADF, errno.EROFS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))
"""What is said where directories are not synced."""


def open_private(path: str, flags: int) -> int:
    """Open a file as `open` does, and where it has to be made, make it its owner's alone."""
    return os.open(path, flags, PRIVATE_FILE)


def sync_names(directory: Path) -> None:
    """Return when the names of files in a directory are on the disk; a file whose name is lost is lost.

    Where directories cannot be opened or synced, as on Windows and some network file systems, nothing is done.

    Raises:
        OSError: the disk says that it failed.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SYNCED:
            error.filename = error.filename or str(directory)
            raise
    finally:
        os.close(descriptor)


def refuse_read_only(directory: Path, names: Iterable[str]) -> None:
    """Check that a run directory can be written to, and so can those of these files that are in it.

    Raises:
        RecordError: one cannot; the message names the first, and says what to do.
    """
    for path in (directory, *(directory / name for name in names)):
        if path.exists() and not os.access(path, os.W_OK):
            why = f"{path} may not be written to, and a run is gone on with where it lies"
            raise RecordError(f"{why}; allow it (chmod -R u+w {directory}), or copy the directory and go on there")


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Name the file in what the system says in here: of one that is open already it says only what went wrong."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def noted_on(error: BaseException | None) -> Iterator[None]:
    """Let what cannot be written in here be a note on the error that ended a run; without such it is raised."""
    try:
        yield
    except OSError as another:
        if error is None:
            raise
        error.add_note(f"{another.filename} could not be written either: {another.strerror}")


@contextmanager
def all_or_nothing(paths: Iterable[Path]) -> Iterator[None]:
    """Take back what was added to these files in here if this ends by an exception; files that were not there go."""
    before = {path: path.stat().st_size if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, size in before.items():
            with suppress(OSError):  # what went wrong first is what is told
                path.unlink() if size is None else os.truncate(path, size)
        raise
