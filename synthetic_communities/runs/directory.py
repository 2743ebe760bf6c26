"""Writing a run directory: whole lines, whole files, nothing half."""

import json
import os
from collections.abc import Iterable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1

METADATA = "metadata.json"
EPOCHS = "epochs.jsonl"
BELIEFS = "beliefs.jsonl"
CONVERSATIONS = "conversations.jsonl"
REACTIONS = "reactions.jsonl"
EXPOSURES = "exposures.jsonl"
BALLOTS = "ballots.jsonl"
FINAL_VOTE = "final_vote.json"
USAGE = "usage.json"
FAILED_CALLS = "failed_calls.jsonl"
CONFIG = "config.yaml"
REPLICATES = "replicates.jsonl"
"""Not in a run directory, but in the folder that holds those of several replicates."""

LINES = (EPOCHS, BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES, BALLOTS)
"""Files of the record of one value a line."""

DECIMAL_PLACES = 6
"""Numbers in the record are rounded to this many places."""


def make_run_directory(base: Path, simulation_id: str) -> Path:
    """Make and return a new directory under `base`; where the id is taken, `_2`, `_3` and so on is added.

    Raises:
        OSError: it cannot be made.
    """
    base.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = base / (simulation_id if number == 1 else f"{simulation_id}_{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def encode(value: Any) -> str:
    """Return a value as one line of JSON: numbers rounded, text as it is, keys in the order given."""
    return json.dumps(rounded(value), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append encoded lines to a file; they are on the disk when this returns, and none of them if it raises.

    Raises:
        OSError: they cannot be written.
    """
    text = "".join(f"{line}\n" for line in lines)
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            _write_all(file, text.encode("utf-8", "backslashreplace"))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file of one JSON value, indented; a reader sees the old file or the new one, never a part.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(rounded(value), ensure_ascii=False, allow_nan=False, indent=2)
    write_text(path, f"{text}\n")


def write_text(path: Path, text: str) -> None:
    """Write a whole file; a reader sees the old one or the new one, never a part.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _write_all(file: RawIOBase, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def rounded(value: Any) -> Any:
    """Return a value whose numbers, at any depth, are rounded as those of the record are."""
    if isinstance(value, float):
        return round(value, DECIMAL_PLACES) + 0.0  # turns -0.0 into 0.0
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value
