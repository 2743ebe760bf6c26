"""Reading a run directory: whole values out of its files, and clear words where they are damaged."""

import json
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .directory import FORMAT_VERSION, METADATA


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
    if version != FORMAT_VERSION:
        raise RecordError(f"{file} is of format version {version!r}; this package reads version {FORMAT_VERSION}")
    return metadata


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


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file, none if there is no such file.

    Raises:
        RecordError: a line holds no JSON mapping; the message names file and line.
    """
    if not file.is_file():
        return []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RecordError(f"{file}:{number} is damaged: {error}") from error
        if not isinstance(row, dict):
            raise RecordError(f"{file}:{number} is damaged: it holds no mapping")
        rows.append(row)
    return rows
