"""Reading a run directory: whole values out of its files, and clear words where they are damaged."""

import json
import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import RecordError
from .bounds import MAX_BYTES, MAX_DEPTH, is_too_deep
from .directory import FORMAT_VERSION, METADATA
from .inside import refuse_links
from .row import Row

TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} lists and mappings"

FIRST_VERSION = 1
"""That of lines that name none: those of the first runs."""


class TornLineError(RecordError):
    """The last line of a file is there in part."""


class OtherVersionError(RecordError):
    """A line is of a version of the format that this package does not know.

    Attributes:
        place: its file and number, as in `Line`.
        versions: which it is, and which is read, in words.
    """

    def __init__(self, place: str, version: Any) -> None:
        """Take where it stands, and what it says of itself."""
        self.place, self.versions = place, _tell_versions(version)
        super().__init__(f"{place} is of {self.versions}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, not looked at yet.

    Attributes:
        place: its file and number, from 1: `runs/x/beliefs.jsonl:12`.
        text: what it holds; nothing of a line that is too long.
        is_torn: whether it lacks its end, as the last line does where writing was cut off.
        is_too_long: whether it has more than `MAX_BYTES`.
    """

    place: str
    text: bytes
    is_torn: bool
    is_too_long: bool = False

    def take(self) -> Row:
        """Return the mapping it holds, without the version of its format.

        Raises:
            RecordError: it holds none, or one of a version this package does not know.
        """
        values = self._parse()
        version = values.pop("format_version", FIRST_VERSION)
        if version != FORMAT_VERSION or type(version) is not int:
            raise OtherVersionError(self.place, version)
        return Row(self.place, values)

    def take_whole(self) -> Row:
        """Return the mapping it holds.

        Raises:
            RecordError: it holds none, is longer than `MAX_BYTES`, or nested deeper than `MAX_DEPTH`.
        """
        return Row(self.place, self._parse())

    def _parse(self) -> dict[str, Any]:
        if self.is_too_long:
            raise RecordError(f"{self.place} is longer than {MAX_BYTES:,} bytes, and is not read")
        try:
            values = _parse(self.text)
        except ValueError as error:
            if self.is_torn:
                raise TornLineError(f"{self.place} is damaged: it was cut off while it was written") from error
            raise RecordError(f"{self.place} is damaged: {error}") from error
        if not isinstance(values, dict):
            raise RecordError(f"{self.place} is damaged: it holds no mapping")
        return values


def check_run(path: Path) -> None:
    """Check that this is a run directory of a version this package knows, of a large one by its beginning alone.

    Raises:
        RecordError: it is not, or a file in it is a link that leads elsewhere.
    """
    refuse_links(path)
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
    if not path.exists():
        raise RecordError(f"there is no directory {path}")
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
        RecordError: the file cannot be read, is larger than `MAX_BYTES`, nested too deeply, or holds no JSON mapping.
    """
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_size > MAX_BYTES:
                raise RecordError(f"{file} cannot be read: it is larger than {MAX_BYTES:,} bytes")
            value = _parse(opened.read())
    except (OSError, ValueError) as error:
        raise RecordError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RecordError(f"{file} holds no mapping")
    return value


def iterate_lines(file: Path) -> Iterator[Line]:
    """Yield the lines of a JSONL file, none if there is no such file; never more than `MAX_BYTES` of one is held.

    Raises:
        RecordError: the file cannot be read.
    """
    if not file.is_file():
        return
    try:
        with file.open("rb") as lines:
            for number, text in enumerate(iter(partial(lines.readline, MAX_BYTES + 1), b""), start=1):
                place = f"{file}:{number}"
                if len(text) > MAX_BYTES:
                    _pass_over_line(lines, text)
                    yield Line(place, b"", False, is_too_long=True)
                else:
                    yield Line(place, text, not text.endswith(b"\n"))
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror}") from error


def _pass_over_line(file: BinaryIO, begun: bytes) -> None:
    """Read on to the end of a line that has begun."""
    while begun and not begun.endswith(b"\n"):
        begun = file.readline(MAX_BYTES)


def _parse(content: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none, or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    # Most lines have too few brackets for that, and need no closer look.
    if content.count(b"[") + content.count(b"{") > MAX_DEPTH and is_too_deep(value):
        raise ValueError(TOO_DEEP)
    return value
