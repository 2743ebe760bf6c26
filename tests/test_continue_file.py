"""Files of a run that is made again: what stands there is compared, what is missing is added."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synthetic_communities.errors import RecordError
from synthetic_communities.runs import directory
from synthetic_communities.runs.directory import continue_file, cut_torn_line
from synthetic_communities.simulation.recorder import Recorder

PIECES = [b'{"a": 1}\n', b'{"b": 2}\n', b'{"c": 3}\n']
WHOLE = b"".join(PIECES)


@pytest.mark.parametrize("chunk_bytes", [1, 10, 1 << 20])
@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_wherever_a_file_was_cut_off_it_is_completed(
    tmp_path: Path, length: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "CHUNK_BYTES", chunk_bytes)
    file = tmp_path / "f"
    file.write_bytes(WHOLE[:length])
    end = continue_file(file, PIECES[:2], 0)
    assert end == len(b"".join(PIECES[:2]))
    assert continue_file(file, PIECES[2:], end) == len(WHOLE)
    assert file.read_bytes() == WHOLE


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_something_else_is_an_error_that_names_file_and_byte_and_leaves_the_file(tmp_path: Path, place: int) -> None:
    file = tmp_path / "f"
    edited = bytearray(WHOLE)
    edited[place] ^= 1
    file.write_bytes(edited[:-1])
    if place == len(WHOLE) - 1:  # what is edited there was cut off
        assert continue_file(file, PIECES, 0) == len(WHOLE)
        return
    with pytest.raises(RecordError, match=rf"^{file}, byte {place + 1}: b.* stands there, and the run, made again"):
        continue_file(file, PIECES, 0)
    assert file.read_bytes() == edited[:-1]


def test_nothing_is_added_where_a_later_part_is_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "CHUNK_BYTES", 1)
    file = tmp_path / "f"
    file.write_bytes(PIECES[0] + b"{other")
    with pytest.raises(RecordError, match=f"byte {len(PIECES[0]) + 2}: "):
        continue_file(file, PIECES, 0)
    assert file.read_bytes() == PIECES[0] + b"{other"


def test_where_it_cannot_be_written_nothing_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "f"
    file.write_bytes(WHOLE[:12])
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        continue_file(file, PIECES, 0)
    assert file.read_bytes() == WHOLE[:12]


@pytest.mark.parametrize("chunk_bytes", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"torn", b""),
        (b"whole\n", b"whole\n"),
        (b"a\nb\n", b"a\nb\n"),
        (b"a\nb\ntorn", b"a\nb\n"),
        (b"a\n\n", b"a\n\n"),
    ],
)
def test_a_torn_line_is_cut_off(
    tmp_path: Path, before: bytes, after: bytes, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "CHUNK_BYTES", chunk_bytes)
    file = tmp_path / "f"
    file.write_bytes(before)
    cut_torn_line(file)
    assert file.read_bytes() == after


def test_there_need_be_no_file_to_cut(tmp_path: Path) -> None:
    cut_torn_line(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_a_recorder_goes_on_where_another_was_cut_off(tmp_path: Path) -> None:
    def write(folder: Path, epochs: int) -> bytes:
        with Recorder(folder) as recorder:
            for epoch in range(epochs):
                recorder.add("beliefs.jsonl", epoch, 1, {"second": epoch})
                recorder.add("beliefs.jsonl", epoch, 0, {"first": epoch})
                recorder.write(epoch)
        return (folder / "beliefs.jsonl").read_bytes()

    whole = write(tmp_path, 3)
    (tmp_path / "beliefs.jsonl").write_bytes(whole[: len(whole) // 2])
    assert write(tmp_path, 3) == whole
    assert write(tmp_path, 1) == whole, "what was written before is compared, not written twice"
