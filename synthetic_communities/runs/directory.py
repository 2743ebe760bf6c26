"""Writing a run directory: whole lines, whole files, nothing half."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .writing import PRIVATE_DIRECTORY, errors_named, open_private, sync_names

FORMAT_VERSION = 1

LINE_START = f'{{"format_version": {FORMAT_VERSION}, '
"""How every line of a file of lines begins."""

METADATA = "metadata.json"
EPOCHS = "epochs.jsonl"
BELIEFS = "beliefs.jsonl"
CONVERSATIONS = "conversations.jsonl"
REACTIONS = "reactions.jsonl"
EXPOSURES = "exposures.jsonl"
BALLOTS = "ballots.jsonl"
FINAL_VOTE = "final_vote.json"
USAGE = "usage.json"
USAGE_BY_AGENT = "usage_by_agent.jsonl"
FORECAST = "forecast.json"
FAILED_CALLS = "failed_calls.jsonl"
CONFIG = "config.yaml"
INPUTS = "inputs.json"
PEOPLE = "people.jsonl"
REPLICATES = "replicates.jsonl"
PLAN = "plan.json"
"""These are not in a run directory, but in the folder that holds those of several replicates."""

REPLICATES_FOLDER = "replicates_"
"""How the name of such a folder begins, unless somebody gave it another."""

LINES = (EPOCHS, BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES, BALLOTS)
"""Files of the record of one value a line."""

DECIMAL_PLACES = 6
"""Numbers in the record are rounded to this many places."""

MONEY_PLACES = 12
"""What calls cost is rounded to so many: a token may cost less than a millionth, and parts add up to the whole."""

_MONEY = frozenset(("cost_usd", "cost_usd_known"))
"""Keys of what calls cost."""

CHUNK_BYTES = 1 << 20
"""How much is gathered before it is written."""

_AS_IT_IS = frozenset((str, int, bool, type(None)))
"""Types of most values of a row, in which there is nothing to round."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def make_run_directory(base: Path, simulation_id: str) -> Path:
    """Make and return a new directory under `base`; where the id is taken, `_2`, `_3` and so on is added.

    It is its owner's alone; directories above it that have to be made are as the system makes any.

    Raises:
        OSError: it cannot be made.
    """
    make_directories(base)
    number = 1
    while True:
        path = base / (simulation_id if number == 1 else f"{simulation_id}_{number}")
        try:
            path.mkdir(PRIVATE_DIRECTORY)
        except FileExistsError:
            number += 1
        else:
            sync_names(base)
            return path


def make_directories(path: Path) -> None:
    """Make a directory and those above it that are missing, as the system makes any, with names that last.

    Raises:
        OSError: one cannot be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_names(each.parent)


def encode(value: Any) -> str:
    """Return a value as one line of JSON: numbers rounded, text as it is, keys in the order given."""
    return _ENCODER.encode(rounded(value))


def encode_line(row: Mapping[str, Any]) -> str:
    """Return a row, which is not empty, as a line of a file of lines: the version of the format first."""
    return f"{LINE_START}{encode(row)[1:]}"


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append encoded lines to a file; they are on the disk when this returns, and none of them if it raises.

    Raises:
        OSError: they cannot be written.
    """
    append_bytes(path, (to_bytes(f"{line}\n") for line in lines))


def append_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """Append to a file piece by piece; all is on the disk when this returns, and nothing of it if it raises.

    Raises:
        OSError: it cannot be written.
    """
    with errors_named(path), open(path, "ab", buffering=0, opener=open_private) as file, _all_or_nothing(path, file):
        for chunk in _gather(pieces):
            _write_all(file, chunk)


def continue_file(path: Path, pieces: Iterable[bytes], start: int) -> int:
    """Bring a file to hold these bytes from `start` on, and return where they end.

    What stands there already is compared, and what is missing is appended; so a file that was cut off anywhere, in the
    middle of a line too, is completed. All is on the disk when this returns, and nothing was added if it raises.

    Raises:
        OSError: it cannot be written.
        RecordError: something else stands there.
    """
    with errors_named(path), open(path, "a+b", buffering=0, opener=open_private) as file:
        position = start
        with _all_or_nothing(path, file) as size:
            for chunk in _gather(pieces):
                there = _read_all(file, position, min(len(chunk), max(0, size - position)))
                if there != chunk[: len(there)]:
                    raise RecordError(_describe_other(path, position, there, chunk))
                _write_all(file, chunk[len(there) :])
                position += len(chunk)
    return position


@contextmanager
def _all_or_nothing(path: Path, file: FileIO) -> Iterator[int]:
    """Have what is added to a file in here on the disk at the end, and nothing of it there if anything is raised.

    Gives how many bytes it had before.
    """
    before = file.seek(0, os.SEEK_END)
    try:
        yield before
        os.fsync(file.fileno())
        if not before:  # the file may be new, and its name not on the disk yet
            sync_names(path.parent)
    except BaseException:
        file.truncate(before)
        raise


def cut_torn_line(path: Path) -> None:
    """Take from the end of a file a line that was cut off while it was written, so that lines can be added again.

    Raises:
        OSError: it cannot be taken away.
    """
    if not path.is_file():
        return
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - CHUNK_BYTES)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _read_all(file: FileIO, start: int, size: int) -> bytes:
    file.seek(start)
    read = bytearray()
    while len(read) < size and (piece := file.read(size - len(read))):
        read += piece
    return bytes(read)


def _describe_other(path: Path, start: int, there: bytes, expected: bytes) -> str:
    same = next(number for number, (a, b) in enumerate(zip(there, expected, strict=False)) if a != b)
    return (
        f"{path}, byte {start + same + 1}: {there[same : same + 40]!r} stands there, and the run, made again, gives "
        f"{expected[same : same + 40]!r}"
    )


def write_json(path: Path, value: Mapping[str, Any], *, exactly: bool = False) -> None:
    """Write a file of one JSON mapping, indented, its lists an item a line.

    Numbers are rounded as everywhere in the record, unless they are to stand `exactly` as they are.

    A list may be an iterator: what it yields is encoded one by one, so that not all of it need be there at once. A
    reader sees the old file or the new one, never a part.

    Raises:
        OSError: it cannot be written.
    """
    _write_pieces(path, _indent(value) if not exactly else (json.dumps(value, ensure_ascii=False, indent=2), "\n"))


def write_text(path: Path, text: str) -> None:
    """Write a whole file; a reader sees the old one or the new one, never a part.

    Raises:
        OSError: it cannot be written.
    """
    _write_pieces(path, (text,))


def to_bytes(text: str) -> bytes:
    """Return text as it stands in files; what UTF-8 cannot hold, half of a surrogate pair, as JSON escapes it."""
    return text.encode("utf-8", "backslashreplace")


def _write_pieces(path: Path, pieces: Iterable[str]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        with errors_named(path), open(partial, "wb", buffering=CHUNK_BYTES, opener=open_private) as file:
            file.writelines(map(to_bytes, pieces))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_names(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _gather(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces joined to chunks of about `CHUNK_BYTES`."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _write_all(file: RawIOBase, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _indent(value: Mapping[str, Any]) -> Iterator[str]:
    before = "{\n"
    for key, item in value.items():
        yield f"{before}  {encode(str(key))}: "
        if isinstance(item, (list, tuple, Iterator)):
            yield from _indent_list(item)
        else:
            # No text holds a line break of its own: JSON writes those as \n.
            yield json.dumps(rounded(item), ensure_ascii=False, allow_nan=False, indent=2).replace("\n", "\n  ")
        before = ",\n"
    yield "\n}\n" if value else "{}\n"


def _indent_list(items: Iterable[Any]) -> Iterator[str]:
    before = "[\n    "
    for item in items:
        yield f"{before}{encode(item)}"
        before = ",\n    "
    yield "[]" if before.startswith("[") else "\n  ]"


def rounded(value: Any) -> Any:
    """Return a value whose numbers, at any depth, are rounded as those of the record are."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict:  # by type first: that is what nearly all values of all rows are found by
        return {key: item if type(item) in _AS_IT_IS else _rounded_at(key, item) for key, item in value.items()}
    if kind is list:
        return [item if type(item) in _AS_IT_IS else rounded(item) for item in value]
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return round(value, DECIMAL_PLACES) + 0.0  # turns -0.0 into 0.0
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _rounded_at(key, item) for key, item in value.items()}
    return value


def _rounded_at(key: Any, item: Any) -> Any:
    return round(item, MONEY_PLACES) + 0.0 if key in _MONEY and isinstance(item, float) else rounded(item)
