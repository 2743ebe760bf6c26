"""The record of a run: lines gathered by epoch in the order of the plan, written when the epoch has ended."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..runs.directory import EPOCHS, LINES, continue_file, encode, encode_line, to_bytes
from ..runs.spool import Spool
from ..runs.writing import all_or_nothing
from .epoch_line import join_epoch

VOTES, STANCES = "population_votes", "stances"
"""Names under which is kept what the line of an epoch holds of everybody."""


class Recorder:
    """Lines of the record not written yet, and the directory they go to.

    A line is encoded at once, so that what is recorded is what was, whatever changes later, and written when its
    epoch has ended, in the order of the plan, whatever ended first. Until then it waits in a spool: what a run holds
    in memory hardly grows with what it has to tell.

    Where a run is made again, what its files hold already is compared and not written twice.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spools: dict[tuple[int, str], Spool] = {}
        self._ends: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop what was not written: it belongs to epochs that did not end."""
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()

    def add(self, file: str, epoch: int, place: int, row: Mapping[str, Any]) -> None:
        """Keep a row for a file; rows of one task, at one `place` in the plan, stay in the order added.

        Raises:
            OSError: it cannot be kept.
        """
        self._keep(epoch, file, place, f"{encode_line(row)}\n")

    def add_person(self, epoch: int, place: int, persona_id: str, *, votes: Any, stances: Any) -> None:
        """Keep what the line of an epoch holds of one person: its items of `population_votes` and of `stances`.

        Raises:
            OSError: it cannot be kept.
        """
        self._keep(epoch, VOTES, place, f", {encode(votes)}")
        self._keep(epoch, STANCES, place, f", {encode(persona_id)}: {encode(stances)}")

    def write_now(self, file: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to a file at once, in the order given.

        Raises:
            OSError: they cannot be written.
        """
        self._append(file, (to_bytes(f"{encode_line(row)}\n") for row in rows))

    def write(self, epoch: int) -> None:
        """Append the rows kept to their files.

        Raises:
            OSError: they cannot be written.
        """
        for file in LINES:
            if (epoch, file) in self._spools:
                self._append(file, self._taken_out(epoch, file))

    def write_epoch(self, epoch: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Append the rows of an epoch that has ended, and last its line: an epoch that has one is whole in all files.

        Where one of them cannot be written, none of them stands there.

        Args:
            epoch: the epoch.
            before: what stands in its line before what it holds of everybody; not empty.
            after: what stands after that; not empty.

        Raises:
            OSError: they cannot be written.
        """
        with all_or_nothing(self._directory / file for file in LINES):
            self.write(epoch)
            votes, stances = self._taken_out(epoch, VOTES), self._taken_out(epoch, STANCES)
            self._append(EPOCHS, join_epoch(before, votes, stances, after))

    def _append(self, file: str, pieces: Iterable[bytes]) -> None:
        self._ends[file] = continue_file(self._directory / file, pieces, self._ends.get(file, 0))

    def _keep(self, epoch: int, name: str, place: int, text: str) -> None:
        spool = self._spools.get((epoch, name))
        if spool is None:
            spool = self._spools[epoch, name] = Spool(self._directory)
        spool.add(place, to_bytes(text))

    def _taken_out(self, epoch: int, name: str) -> Iterator[bytes]:
        """Yield what is kept under a name, in order; at the end it is kept no more."""
        if (epoch, name) in self._spools:
            yield from self._spools[epoch, name].in_order()
            self._spools.pop((epoch, name)).close()
