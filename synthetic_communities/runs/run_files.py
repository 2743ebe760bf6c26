"""The files of a run directory, read line by line when asked for."""

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecordError
from .directory import BELIEFS, CONVERSATIONS, EPOCHS, EXPOSURES, FORECAST, METADATA, REACTIONS, USAGE
from .reading import Line, OtherVersionError, TornLineError, check_run, iterate_lines, read_json, read_metadata
from .row import Row

T = TypeVar("T")

READ_PAST = "load_run(path, skip_damaged=True) reads past it"
"""What to do from Python about damage that is an error."""

PER_EPOCH = (BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES)
"""Files whose lines are written when an epoch ends, before its own."""


class RunFiles:
    """The files of a run directory; nothing of them is kept but `metadata`.

    Attributes:
        path: the run directory.
    """

    def __init__(self, path: str | Path, *, skip_damaged: bool = False, way_on: str = "") -> None:
        """Take a run directory.

        Args:
            path: of the directory.
            skip_damaged: pass over damaged lines, noting them in `damages`; False: they are errors.
            way_on: what to do about damage that is an error, in words that end its message; empty: nothing.

        Raises:
            RecordError: this is no run directory, or one of a version this package does not know.
        """
        self.path = Path(path)
        check_run(self.path)
        self._damages: dict[str, RecordError] = {}
        self._skip_damaged = skip_damaged
        self._way_on = way_on
        self._parent: RunFiles | None = None

    @cached_property
    def metadata(self) -> Row:
        """Who and what the run was made of; of a large community this is much, and read when first asked for."""
        return Row(str(self.path / METADATA), read_metadata(self.path))

    @property
    def damages(self) -> tuple[str, ...]:
        """Every damaged place passed over so far, once each, in words that begin with file and line."""
        return tuple(map(str, self._damages.values()))

    @property
    def damages_in_short(self) -> tuple[str, ...]:
        """As `damages`, with all lines of a file that are of one unknown version together: as a rule they are many."""
        told: dict[object, list[RecordError]] = {}
        for place, error in self._damages.items():
            told.setdefault(_group_of(error) or place, []).append(error)
        return tuple(map(_tell_together, told.values()))

    def counting_anew(self) -> "RunFiles":
        """Return the same files with no damage noted yet; what is come upon there is noted here as well."""
        files = copy.copy(self)
        files._damages, files._parent = {}, self
        return files

    def damage_of_line(self, file: str, number: int) -> str | None:
        """Return what is wrong with a line, as far as it has been come upon; None: nothing.

        Args:
            file: its name.
            number: of the line, from 1.
        """
        damage = self._damages.get(f"{self.path / file}:{number}")
        return None if damage is None else str(damage)

    def each(self, file: str, read: Callable[[Row], T]) -> Iterator[T]:
        """Yield what `read` makes of every line of a file, nothing if there is no such file.

        Args:
            file: its name.
            read: turns a line into a value, and raises `RecordError` for one that cannot be.

        Raises:
            RecordError: a line is damaged, or the file cannot be read, and damage is not passed over. That the last
                line of a run which goes on or was killed is there in part is always passed over, and noted.
        """
        for line in self._lines(self.path / file):
            try:
                row = line.take()
                if file in PER_EPOCH and self._is_cut_off(row):
                    continue
                value = read(row)
            except RecordError as error:
                self.note_damage(line.place, error, is_expected=self._is_left_by_a_kill(error))
            else:
                yield value

    def _is_left_by_a_kill(self, error: RecordError) -> bool:
        """Say whether an error is a last line half written, by a run that goes on or was killed in the middle of it."""
        return isinstance(error, TornLineError) and not self._has_ended

    def _is_cut_off(self, row: Row) -> bool:
        """Say whether a line is of an epoch that a killed run was writing: the epoch's own line comes last."""
        epoch = row.values.get("epoch")
        return self._last_epoch is not None and isinstance(epoch, int) and epoch > self._last_epoch

    @cached_property
    def _has_ended(self) -> bool:
        """Whether the run came to an end of its own; else it goes on, or was killed."""
        return (self.path / USAGE).is_file()

    @cached_property
    def _last_epoch(self) -> int | None:
        """The last epoch that has ended in a run that is going on or was killed; None: the run came to an end."""
        if self._has_ended:
            return None
        last = -1
        for line in self._lines(self.path / EPOCHS):
            with suppress(RecordError):  # noted where the epochs themselves are read
                last = max(last, line.take().whole_number("epoch"))
        return last

    def rows(self, file: str) -> list[dict[str, Any]]:
        """Return the rows of a file as they are written, without the version of their format."""
        return list(self.each(file, lambda row: dict(row.values)))

    def usage(self) -> Row | None:
        """Return what was measured; None while the run goes on, or after it was killed."""
        return self._mapping(USAGE)

    def forecast(self) -> Row | None:
        """Return what was foretold of the run's calls of models; None: nothing was."""
        return self._mapping(FORECAST)

    def _mapping(self, name: str) -> Row | None:
        file = self.path / name
        if not file.is_file():
            return None
        try:
            return Row(str(file), read_json(file))
        except RecordError as error:
            self.note_damage(str(file), error)
            return None

    def note_damage(self, place: str, error: RecordError, *, is_expected: bool = False) -> None:
        """Take note of a damaged place, unless it is known already.

        Args:
            place: a file, or file and line.
            error: what is wrong there.
            is_expected: whether it is what a run leaves that goes on or was killed, which is passed over in any case.

        Raises:
            RecordError: damage is not passed over.
        """
        if not (self._skip_damaged or is_expected):
            raise RecordError("; ".join(filter(None, (str(error), self._way_on)))) from error
        self._damages.setdefault(place, error)
        if self._parent is not None:
            self._parent.note_damage(place, error, is_expected=is_expected)

    def _lines(self, file: Path) -> Iterator[Line]:
        try:
            yield from iterate_lines(file)
        except RecordError as error:
            self.note_damage(str(file), error)


def _group_of(error: RecordError) -> tuple[str, str] | None:
    """Return what errors have in common that are told together; None: this one is told alone."""
    return (error.place.rpartition(":")[0], error.versions) if isinstance(error, OtherVersionError) else None


def _tell_together(errors: list[RecordError]) -> str:
    first = errors[0]
    if len(errors) == 1 or not isinstance(first, OtherVersionError):
        return str(first)
    file, _, number = first.place.rpartition(":")
    return f"{file}: {len(errors):,} lines, the first of them line {number}, are of {first.versions}"
