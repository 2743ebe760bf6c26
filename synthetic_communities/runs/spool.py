"""Lines that wait to be written: put away as they come, taken out in the order they belong."""

import errno
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import islice
from operator import le
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from .directory import CHUNK_BYTES
from .writing import errors_named

MEMORY_BYTES = 1 << 22
"""What a spool holds in memory; beyond that it opens a file."""


class Spool:
    """Lines on their way to one file, each with its place there.

    What does not fit in memory goes to a file that has no name, so that nobody takes it for a part of the record, and
    nothing is left of it when the process ends, however it ends. Of each line two numbers stay in memory.
    """

    def __init__(self, directory: Path) -> None:
        """Take the directory on whose disk lines may be put away."""
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._fresh: list[bytes] = []
        self._fresh_bytes = 0
        self._places = array("i")
        self._ends = array("q", [0])

    def add(self, place: int, line: bytes) -> None:
        """Put away a line, its end included; lines of one place stay in the order added.

        Raises:
            OSError: it cannot be put away.
        """
        self._fresh.append(line)
        self._fresh_bytes += len(line)
        self._places.append(place)
        self._ends.append(self._ends[-1] + len(line))
        if self._fresh_bytes >= MEMORY_BYTES:
            self._put_away(self._file or self._open_file())

    def in_order(self) -> Iterator[bytes]:
        """Yield all lines in the order of their places, joined to pieces of at most `CHUNK_BYTES`; then none is added.

        Raises:
            OSError: they cannot be read back.
        """
        self._file = self._file or BytesIO()
        self._put_away(self._file)
        for first, last in find_stretches(self._places):
            with errors_named(self._directory):
                yield from _read(self._file, self._ends[first], self._ends[last + 1])

    def close(self) -> None:
        """Drop everything; what the system could not take of it is of no use to anybody."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _open_file(self) -> IO[bytes]:
        self._file = TemporaryFile(dir=self._directory)  # noqa: SIM115
        return self._file

    def _put_away(self, file: IO[bytes]) -> None:
        with errors_named(self._directory):
            file.writelines(self._fresh)
        self._fresh, self._fresh_bytes = [], 0


def _read(file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end:
        piece = file.read(min(CHUNK_BYTES, end - start))
        if not piece:
            raise OSError(errno.EIO, "what was put away on the disk is not there any more")
        start += len(piece)
        yield piece


def find_stretches(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last index of what stands in the right order already, in the order it belongs.

    Args:
        places: item by item, where it belongs; equal ones stay as they stand.
    """
    if all(map(le, places, islice(places, 1, None))):  # as where acts end in the order of the plan; nothing to sort
        yield from [(0, len(places) - 1)] if places else []
        return
    order = sorted(range(len(places)), key=places.__getitem__)
    first = 0
    for number, index in enumerate(order, start=1):
        if number == len(order) or order[number] != index + 1:
            yield order[first], index
            first = number
