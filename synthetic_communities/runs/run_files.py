"""The files of a run directory, read line by line when asked for."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecordError
from .directory import METADATA, USAGE
from .reading import Line, check_run, iterate_lines, read_json, read_metadata
from .row import Row

T = TypeVar("T")


class RunFiles:
    """The files of a run directory; nothing of them is kept but `metadata`.

    Attributes:
        path: the run directory.
    """

    def __init__(self, path: str | Path, *, skip_damaged: bool = False) -> None:
        """Take a run directory.

        Args:
            path: of the directory.
            skip_damaged: pass over damaged lines, noting them in `damages`; False: they are errors.

        Raises:
            RecordError: this is no run directory, or one of a version this package does not know.
        """
        self.path = Path(path)
        check_run(self.path)
        self._damages: dict[str, str] = {}
        self._skip_damaged = skip_damaged

    @cached_property
    def metadata(self) -> Row:
        """Who and what the run was made of; of a large community this is much, and read when first asked for."""
        return Row(str(self.path / METADATA), read_metadata(self.path))

    @property
    def damages(self) -> tuple[str, ...]:
        """Every damaged place passed over so far, once each, in words that begin with file and line."""
        return tuple(self._damages.values())

    def each(self, file: str, read: Callable[[Row], T]) -> Iterator[T]:
        """Yield what `read` makes of every line of a file, nothing if there is no such file.

        Args:
            file: its name.
            read: turns a line into a value, and raises `RecordError` for one that cannot be.

        Raises:
            RecordError: a line is damaged, or the file cannot be read, and damage is not passed over.
        """
        for line in self._lines(self.path / file):
            try:
                value = read(line.take())
            except RecordError as error:
                self.note_damage(line.place, error)
            else:
                yield value

    def rows(self, file: str) -> list[dict[str, Any]]:
        """Return the rows of a file as they are written."""
        return list(self.each(file, lambda row: dict(row.values)))

    def usage(self) -> Row | None:
        """Return what was measured; None while the run goes on, or after it was killed."""
        file = self.path / USAGE
        if not file.is_file():
            return None
        try:
            return Row(str(file), read_json(file))
        except RecordError as error:
            self.note_damage(str(file), error)
            return None

    def note_damage(self, place: str, error: RecordError) -> None:
        """Take note of a damaged place, unless it is known already.

        Args:
            place: a file, or file and line.
            error: what is wrong there.

        Raises:
            RecordError: damage is not passed over.
        """
        if not self._skip_damaged:
            raise error
        self._damages.setdefault(place, str(error))

    def _lines(self, file: Path) -> Iterator[Line]:
        try:
            yield from iterate_lines(file)
        except RecordError as error:
            self.note_damage(str(file), error)
