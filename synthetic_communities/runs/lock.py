"""One process at a time in a run directory: the second is refused, and told who is there."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import RecordError, RunInUseError
from .lock_note import Holder, is_gone, read_note, this_process, write_note

LOCK = "run.lock"
"""Name of the file that is there while somebody works in a run directory."""

NOT_SUPPORTED = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))
"""What is said where files cannot be locked."""

NO_FILE = frozenset((errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO))
"""What is said of something that is opened as a file and is none."""

MOST_TRIES = 100
"""How often a lock may vanish while it is being taken; more is no accident."""

_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

if sys.platform == "win32":

    def lock_file(descriptor: int) -> None:
        """Say that there are no locks here that end with their process."""
        raise OSError(errno.ENOTSUP, "this system has no such locks")

else:
    import fcntl

    def lock_file(descriptor: int) -> None:
        """Lock an open file until it is closed, or until the process ends, however it ends.

        Raises:
            BlockingIOError: somebody else has locked it.
            OSError: it cannot be locked.
        """
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class RunLock:
    """Holds a run directory for one process while this lasts.

    What is held is the system's lock on a file (`flock`), which ends with its process, even one that is killed: what a
    dead process left behind is no lock, and is taken over. The file says who holds it, for those who are refused.

    Where files cannot be locked, as on some network file systems and on Windows, the file itself is the lock. Who left
    it is then looked for by host, process id and the time that process began: it is taken over from a process of this
    host that is gone. Of one on another host, or on a system that does not tell, nothing is known; there the file of a
    process that was killed has to be removed by hand.
    """

    def __init__(self, directory: Path, *, lock: Callable[[int], None] = lock_file) -> None:
        """Take the run directory.

        Args:
            directory: the run directory.
            lock: locks an open file, as `lock_file` does.
        """
        self._path = directory / LOCK
        self._lock = lock
        self._descriptor = -1
        self._is_named = False

    def __enter__(self) -> Self:
        """Hold it.

        Raises:
            RunInUseError: somebody else does, in this process or in another one.
            RecordError: what stands there under the lock's name is none.
            OSError: the lock cannot be written.
        """
        for _ in range(MOST_TRIES):
            descriptor, is_new = self._open()
            try:
                if self._take(descriptor, is_new):
                    write_note(descriptor, this_process())
                    self._descriptor = descriptor
                    return self
            except OSError as error:
                error.filename = error.filename or str(self._path)
                raise
            finally:
                if self._descriptor != descriptor:
                    os.close(descriptor)
        raise RunInUseError(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it go. That its file cannot be removed is nobody's trouble: nobody will hold it."""
        descriptor, self._descriptor = self._descriptor, -1
        is_own = self._is_in_place(descriptor)
        if self._is_named:
            os.close(descriptor)  # first: Windows removes no file that is open
        with suppress(OSError):
            if is_own:
                self._path.unlink()
        if not self._is_named:
            os.close(descriptor)  # last: who locks the file meanwhile sees that it has no name any more

    def _open(self) -> tuple[int, bool]:
        """Open the lock's file, and say whether it was made for that."""
        for _ in range(MOST_TRIES):
            with suppress(FileExistsError):
                return os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), True
            try:
                return os.open(self._path, _FLAGS), False
            except FileNotFoundError:
                continue  # who held it has let it go
            except OSError as error:
                if error.errno in NO_FILE:
                    raise self._no_lock() from error
                raise
        raise RunInUseError(self._path)

    def _take(self, descriptor: int, is_new: bool) -> bool:
        """Lock the open file; False: its name was taken from it before that, so it is a lock for nobody else."""
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:  # what is written there would stand elsewhere, too
            raise self._no_lock()
        try:
            self._lock(descriptor)
        except BlockingIOError:
            raise self._refusal(read_note(descriptor)) from None
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            self._is_named = True
            return is_new or self._clear(descriptor)
        return self._is_in_place(descriptor)

    def _clear(self, descriptor: int) -> bool:
        """Put away the file of a process that is gone, so that its name is free; where it is not gone, refuse."""
        holder = read_note(descriptor)
        if holder is None or not is_gone(holder):
            raise self._refusal(holder)
        aside = self._path.with_name(f"{LOCK}.{os.getpid()}")
        with suppress(FileNotFoundError):  # another process was faster
            self._path.rename(aside)
            if not os.path.samestat(os.fstat(descriptor), aside.lstat()):
                os.link(aside, self._path)  # it was, and this is its lock
            aside.unlink()
        return False

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.lstat())
        except OSError:
            return False

    def _refusal(self, holder: Holder | None) -> RunInUseError:
        is_certain = not self._is_named
        if holder is None:
            return RunInUseError(self._path, is_certain=is_certain)
        return RunInUseError(
            self._path, host=holder.host, pid=holder.pid, started=holder.started, is_certain=is_certain
        )

    def _no_lock(self) -> RecordError:
        return RecordError(
            f"{self._path} cannot be a lock: it is a link, a directory or the like, and no file of its own; "
            "see what it is, and remove it"
        )
