"""Reading a run directory: whole values out of its files, and clear words where they are damaged."""

import json
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .directory import FORMAT_VERSION, METADATA
from .row import Row

FIRST_VERSION = 1
"""That of lines that name none: those of the first runs."""


class TornLineError(RecordError):
    """The last line of a file is there in part."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, not looked at yet.

    Attributes:
        place: its file and number, from 1: `runs/x/beliefs.jsonl:12`.
        text: what it holds.
        is_torn: whether it lacks its end, as the last line does where writing was cut off.
    """

    place: str
    text: bytes
    is_torn: bool

    def take(self) -> Row:
        """Return the mapping it holds, without the version of its format.

        Raises:
            RecordError: it holds none, or one of a version this package does not know.
        """
        values = self._parse()
        version = values.pop("format_version", FIRST_VERSION)
        if version != FORMAT_VERSION or type(version) is not int:
            raise RecordError(f"{self.place} is of {_tell_versions(version)}")
        return Row(self.place, values)

    def take_whole(self) -> Row:
        """Return the mapping it holds.

        Raises:
            RecordError: it holds none.
        """
        return Row(self.place, self._parse())

    def _parse(self) -> dict[str, Any]:
        try:
            values = json.loads(self.text.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            if self.is_torn:
                raise TornLineError(f"{self.place} is damaged: it was cut off while it was written") from error
            raise RecordError(f"{self.place} is damaged: {error}") from error
        if not isinstance(values, dict):
            raise RecordError(f"{self.place} is damaged: it holds no mapping")
        return values


def check_run(path: Path) -> None:
    """Check that this is a run directory of a version this package knows, of a large one by its beginning alone.

    Raises:
        RecordError: it is not.
    """
    known = f'{{\n  "format_version": {FORMAT_VERSION},\n'.encode()
    try:
        with (path / METADATA).open("rb") as file:
            is_known = file.read(len(known)) == known
    except OSError:
        is_known = False
    if not is_known:
        read_metadata(path)


def read_metadata(path: Path) -> dict[str, Any]:
    """Return `metadata.json` of a run directory.

    Raises:
        RecordError: this is no run directory, or one of a version this package does not know.
    """
    file = path / METADATA
    if not file.is_file():
        raise RecordError(f"{path} is no run directory: it holds no {METADATA}")
    metadata = read_json(file)
    version = metadata.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise RecordError(f"{file} is of {_tell_versions(version)}")
    return metadata


def _tell_versions(version: Any) -> str:
    return f"format version {reprlib.repr(version):.80}; this package reads version {FORMAT_VERSION}"


def read_json(file: Path) -> dict[str, Any]:
    """Return the mapping a file of one JSON value holds.

    Raises:
        RecordError: the file cannot be read, or holds no JSON mapping.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RecordError(f"{file} holds no mapping")
    return value


def iterate_lines(file: Path) -> Iterator[Line]:
    """Yield the lines of a JSONL file, none if there is no such file.

    Raises:
        RecordError: the file cannot be read.
    """
    if not file.is_file():
        return
    try:
        with file.open("rb") as lines:
            for number, text in enumerate(lines, start=1):
                yield Line(f"{file}:{number}", text, not text.endswith(b"\n"))
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror}") from error
