"""The record of a run: lines gathered by epoch in the order of the plan, written when the epoch has ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..runs.directory import append_lines, encode

Line = tuple[int, int, str]


class Recorder:
    """Lines of the record not written yet, and the directory they go to.

    A line is encoded at once, so that what is recorded is what was, whatever changes later, and written when its
    epoch has ended, in the order of the plan, whatever ended first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lines: defaultdict[int, defaultdict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))

    def add(self, file: str, epoch: int, place: int, row: Mapping[str, Any]) -> None:
        """Keep a row for a file; rows of one task, at one `place` in the plan, stay in the order added."""
        lines = self._lines[epoch][file]
        lines.append((place, len(lines), encode(row)))

    def write_now(self, file: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to a file at once, in the order given.

        Raises:
            OSError: they cannot be written.
        """
        append_lines(self._directory / file, map(encode, rows))

    def write(self, epoch: int) -> None:
        """Append the lines of an epoch that has ended to their files.

        Raises:
            OSError: they cannot be written.
        """
        for file, lines in self._lines.pop(epoch, {}).items():
            append_lines(self._directory / file, (text for _, _, text in sorted(lines)))
