"""The record of a run: lines gathered by epoch in the order of the plan, written when the epoch has ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..runs.directory import append_bytes, append_lines, encode, to_bytes
from ..runs.spool import Spool


class Recorder:
    """Lines of the record not written yet, and the directory they go to.

    A line is encoded at once, so that what is recorded is what was, whatever changes later, and written when its
    epoch has ended, in the order of the plan, whatever ended first. Until then it waits in a spool: what a run holds
    in memory hardly grows with what it has to tell.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spools: defaultdict[int, dict[str, Spool]] = defaultdict(dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop what was not written: it belongs to epochs that did not end."""
        for epoch in list(self._spools):
            self._drop(epoch)

    def add(self, file: str, epoch: int, place: int, row: Mapping[str, Any]) -> None:
        """Keep a row for a file; rows of one task, at one `place` in the plan, stay in the order added.

        Raises:
            OSError: it cannot be put away.
        """
        spools = self._spools[epoch]
        if file not in spools:
            spools[file] = Spool(self._directory)
        spools[file].add(place, to_bytes(f"{encode(row)}\n"))

    def write_now(self, file: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to a file at once, in the order given.

        Raises:
            OSError: they cannot be written.
        """
        append_lines(self._directory / file, map(encode, rows))

    def write_text(self, file: str, line: Iterable[str]) -> None:
        """Append one line to a file at once; it is encoded already, and given in pieces.

        Raises:
            OSError: it cannot be written.
        """
        append_bytes(self._directory / file, map(to_bytes, chain(line, "\n")))

    def write(self, epoch: int) -> None:
        """Append the lines of an epoch that has ended to their files, in the order in which these got their first.

        Raises:
            OSError: they cannot be written.
        """
        for file, spool in self._spools[epoch].items():
            append_bytes(self._directory / file, spool.in_order())
        self._drop(epoch)

    def _drop(self, epoch: int) -> None:
        for spool in self._spools.pop(epoch, {}).values():
            spool.close()
