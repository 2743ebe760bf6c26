"""Rows on their way to the record: put away while an epoch goes on, written in order when it has ended."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import synthetic_communities.runs.spool as spooling
from synthetic_communities.runs.directory import (
    BELIEFS,
    CHUNK_BYTES,
    CONVERSATIONS,
    EPOCHS,
    append_bytes,
    encode,
    encode_line,
    write_json,
)
from synthetic_communities.runs.spool import Spool, find_stretches
from synthetic_communities.simulation.epoch_line import join_epoch
from synthetic_communities.simulation.recorder import Recorder

PLACES = st.lists(st.integers(0, 12), max_size=40)


@pytest.fixture(params=[1 << 22, 64, 0], ids=["in memory", "nearly all on disk", "each line on disk"])
def memory_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How much a spool holds in memory."""
    monkeypatch.setattr(spooling, "MEMORY_BYTES", request.param)
    return int(request.param)


class TestSpool:
    def test_lines_come_out_in_the_order_of_their_places_whatever_came_first(
        self, memory_bytes: int, tmp_path: Path
    ) -> None:
        spool = Spool(tmp_path)
        places = [7, 3, 3, 9, 0, 7, 1, 2, 8, 8, 3]
        for number, place in enumerate(places):
            spool.add(place, b"%d-%d " % (place, number))
        expected = sorted(range(len(places)), key=places.__getitem__)
        assert b"".join(spool.in_order()) == b"".join(b"%d-%d " % (places[number], number) for number in expected)
        spool.close()

    @settings(max_examples=40)
    @given(places=PLACES, lines=st.lists(st.binary(max_size=30), min_size=40, max_size=40))
    def test_nothing_is_lost_and_equal_places_keep_their_order(
        self, tmp_path_factory: pytest.TempPathFactory, places: list[int], lines: list[bytes]
    ) -> None:
        spool = Spool(tmp_path_factory.getbasetemp())
        kept = list(zip(places, lines, strict=False))
        for place, line in kept:
            spool.add(place, line)
        assert b"".join(spool.in_order()) == b"".join(line for _, line in sorted(kept, key=lambda item: item[0]))
        spool.close()

    def test_nothing_of_it_is_to_be_seen_in_the_directory(self, memory_bytes: int, tmp_path: Path) -> None:
        spool = Spool(tmp_path)
        spool.add(0, b"x" * 100_000)
        spool.add(1, b"x" * 400_000)
        assert list(tmp_path.iterdir()) == []
        assert sum(map(len, spool.in_order())) == 500_000
        spool.close()

    def test_pieces_are_bounded_whatever_a_line_holds(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path)
        spool.add(1, b"b" * (2 * CHUNK_BYTES + 5))
        spool.add(0, b"a" * 5)
        pieces = list(spool.in_order())
        assert [len(piece) for piece in pieces] == [5, CHUNK_BYTES, CHUNK_BYTES, 5]
        spool.close()

    @given(PLACES)
    def test_stretches_are_as_few_as_can_be(self, places: list[int]) -> None:
        order = sorted(range(len(places)), key=places.__getitem__)
        stretches = list(find_stretches(places))
        assert [index for first, last in stretches for index in range(first, last + 1)] == order
        assert len(stretches) == sum(after != before + 1 for before, after in zip([-9, *order], order, strict=False))


class TestAppending:
    def test_a_piece_that_cannot_be_had_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"x" * (3 * CHUNK_BYTES)
            raise OSError(errno.EIO, "gone")

        file = tmp_path / "rows"
        append_bytes(file, [b"before\n"])
        with pytest.raises(OSError, match="gone"):
            append_bytes(file, pieces())
        assert file.read_bytes() == b"before\n"

    def test_pieces_stand_one_after_the_other(self, tmp_path: Path) -> None:
        file = tmp_path / "rows"
        append_bytes(file, [b"a" * CHUNK_BYTES, b"", b"b" * 3, b"c" * (CHUNK_BYTES + 1)])
        append_bytes(file, [])
        assert file.read_bytes() == b"a" * CHUNK_BYTES + b"b" * 3 + b"c" * (CHUNK_BYTES + 1)


class TestWritingJson:
    def test_lists_stand_an_item_a_line_and_the_rest_indented(self, tmp_path: Path) -> None:
        value = {
            "version": 1,
            "empty": [],
            "people": iter([{"id": "a", "x": -0.00000001}, 2]),
            "how": {"a": {"b": [1]}},
        }
        write_json(tmp_path / "m.json", value)
        assert (tmp_path / "m.json").read_text() == (
            '{\n  "version": 1,\n  "empty": [],\n  "people": [\n    {"id": "a", "x": 0.0},\n    2\n  ],\n'
            '  "how": {\n    "a": {\n      "b": [\n        1\n      ]\n    }\n  }\n}\n'
        )

    def test_an_empty_mapping(self, tmp_path: Path) -> None:
        write_json(tmp_path / "m.json", {})
        assert (tmp_path / "m.json").read_text() == "{}\n"

    @settings(max_examples=40)
    @given(
        value=st.dictionaries(
            st.text(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            ),
            max_size=5,
        )
    )
    def test_what_was_written_is_read(self, tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]) -> None:
        file = tmp_path_factory.getbasetemp() / "any.json"
        write_json(file, value)
        text = file.read_text(encoding="utf-8")
        assert json.loads(text) == value
        top = [line for line in text.split("\n") if line.startswith('  "')]
        assert len(top) == len(value), "keys on lines of their own"

    def test_what_cannot_be_encoded_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        file = tmp_path / "m.json"
        write_json(file, {"old": 1})
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(file, {"people": iter([1, float("nan")])})
        assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
        assert json.loads(file.read_text()) == {"old": 1}


VOTES = [{"id": "ä", "overall_vote": None}, {"id": "b", "overall_vote": "Aisha Noor"}]


class TestRecorder:
    def test_an_epoch_is_written_in_the_order_of_the_plan_and_its_line_last(
        self, memory_bytes: int, tmp_path: Path
    ) -> None:
        with Recorder(tmp_path) as recorder:
            recorder.add_person(0, 31, "b", votes=VOTES[1], stances={"t": 0.25})
            recorder.add(BELIEFS, 0, 12, {"row": 12})
            recorder.add(BELIEFS, 0, 3, {"row": 3})
            recorder.add(BELIEFS, 1, 40, {"row": 40})
            recorder.add(BELIEFS, 0, 3, {"row": "3 too"})
            recorder.add_person(0, 30, "ä", votes=VOTES[0], stances={})
            assert list(tmp_path.iterdir()) == []
            recorder.write_epoch(0, {"epoch": 0, "debates": []}, {"failures": [1]})
        rows = (tmp_path / BELIEFS).read_text().splitlines()
        assert rows == [f'{{"format_version": 1, "row": {row}}}' for row in ("3", '"3 too"', "12")]
        whole = {
            "epoch": 0,
            "debates": [],
            "population_votes": VOTES,
            "stances": {"ä": {}, "b": {"t": 0.25}},
            "failures": [1],
        }
        assert (tmp_path / EPOCHS).read_text(encoding="utf-8") == f"{encode_line(whole)}\n"

    def test_rows_of_epochs_that_did_not_end_are_dropped(self, memory_bytes: int, tmp_path: Path) -> None:
        with Recorder(tmp_path) as recorder:
            recorder.add(BELIEFS, 0, 1, {"row": "x" * 100_000})
        recorder.write(0)
        assert list(tmp_path.iterdir()) == []

    def test_an_epoch_whose_rows_cannot_be_written_has_no_line(self, tmp_path: Path) -> None:
        (tmp_path / CONVERSATIONS).mkdir()
        with Recorder(tmp_path) as recorder:
            recorder.add(CONVERSATIONS, 0, 1, {"row": 1})
            with pytest.raises(IsADirectoryError):
                recorder.write_epoch(0, {"epoch": 0}, {"failures": []})
        assert not (tmp_path / EPOCHS).exists()

    def test_an_epoch_is_written_once(self, tmp_path: Path) -> None:
        with Recorder(tmp_path) as recorder:
            recorder.add(BELIEFS, 0, 1, {"row": 1})
            recorder.write(0)
            recorder.write(0)
        assert (tmp_path / BELIEFS).read_text() == '{"format_version": 1, "row": 1}\n'

    @settings(max_examples=40)
    @given(
        people=st.lists(st.tuples(st.text(max_size=3), st.dictionaries(st.text(max_size=2), st.floats(-1, 1)))),
        cut=st.integers(1, 9),
    )
    def test_the_pieces_of_an_epoch_are_its_line(self, people: list[tuple[str, Mapping[str, float]]], cut: int) -> None:
        """Wherever the pieces are cut, joined they are what encoding all of it at once gives."""

        def cut_up(items: list[str]) -> Iterator[bytes]:
            text = "".join(f", {item}" for item in items).encode()
            yield from (text[:2], *(text[place : place + cut] for place in range(2, len(text), cut)))

        people = list(dict(people).items())
        before, after = {"epoch": 3, "x": {"y": "ü"}}, {"mind": "m", "failures": [{"task": "t"}]}
        votes = [{"id": who} for who, _ in people]
        line = join_epoch(
            before,
            cut_up([encode(vote) for vote in votes]),
            cut_up([f"{encode(who)}: {encode(stances)}" for who, stances in people]),
            after,
        )
        whole = {**before, "population_votes": votes, "stances": dict(people), **after}
        assert b"".join(line).decode() == f"{encode_line(whole)}\n"
