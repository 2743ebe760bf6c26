"""What a terminal can show: names, numbers and distributions, in the characters and the room it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.report.record import Missing
from synthetic_communities.report.terminal.glyphs import BLOCKS, EMPTY, choose_glyphs
from synthetic_communities.report.terminal.tables import build_tables
from synthetic_communities.report.text import (
    align_row,
    choose_fitting,
    clean_text,
    fit_text,
    join_fitting,
    measure_width,
    spell_place,
    spell_stance,
)
from tests.small_records import move
from tests.test_report import is_harmless, write_record


@pytest.mark.parametrize(
    ("encoding", "steps"),
    [
        ("utf-8", BLOCKS.steps),
        ("UTF-16", BLOCKS.steps),
        ("ascii", ".:-=+*#@"),
        ("latin-1", ".:-=+*#@"),
        ("cp437", ".:-=+*#@"),
        ("no such encoding", ".:-=+*#@"),
        (None, ".:-=+*#@"),
    ],
)
def test_blocks_are_drawn_where_the_encoding_has_them(encoding: str | None, steps: str) -> None:
    glyphs = choose_glyphs(encoding)

    assert glyphs.steps == steps
    assert glyphs.show("Åse\x1b") == ("\\xc5se" if encoding in ("ascii", "no such encoding", None) else "Åse")


def test_names_in_a_small_encoding_stand_there_by_their_numbers() -> None:
    record = write_record(
        name="Tromsø",
        candidates={"noor": "東京", "berg": "Bjørn"},
        topics={"rents": "Où?"},
        in_favour={"rents": "für"},
        people={"é": "É"},
        moves=[move("é", "opening", 0.5), move("é", "0 chat", 0.0, before=0.5)],
        ballots={},
        missing=(Missing("post", "failed", "größer"),),
    )
    text = build_tables(record, glyphs=choose_glyphs("ascii"))

    assert text.isascii()
    assert "\n\\xc9 (\\xe9) moved most: O\\xf9? +0.50 to +0.00;" in text
    assert "\n  f\\xfcr " in text
    for name in ("Troms\\xf8: 1 person", "\\u6771\\u4eac ", "Bj\\xf8rn ", "\nO\\xf9? ", "(gr\\xf6\\xdfer)"):
        assert name in text
    assert "Bjørn " in build_tables(record, glyphs=choose_glyphs("latin-1"))


def test_shares_are_drawn_in_steps_and_nobody_as_a_gap() -> None:
    assert BLOCKS.draw([0, 1e-9, 0.125, 0.126, 0.5, 1], 1) == f"{EMPTY}▁▁▂▄█"
    assert choose_glyphs("ascii").draw([0, 0.25, 0.5], 0.5) == f"{EMPTY}=@"
    assert BLOCKS.draw([0.3, 0.1, 0.2], 0.3) == "█▃▆"
    assert BLOCKS.draw([0, 0], 0) == EMPTY * 2


@given(st.text(), st.integers(4, 40))
def test_any_text_is_made_to_fit(text: str, width: int) -> None:
    fitted = fit_text(text, width)

    assert measure_width(fitted) <= width
    assert all(map(is_harmless, fitted))
    assert clean_text(fitted) == fitted


def test_columns_are_aligned_by_the_room_characters_take() -> None:
    rows = [["東京", "1"], ["e\u0301", "22"], ["abcd", "333"]]

    assert [align_row(row, (4, 5)) for row in rows] == ["東京    1", "e\u0301      22", "abcd  333"]


def test_the_first_that_fits_is_chosen_and_the_last_is_cut() -> None:
    assert choose_fitting(["abcdef", "abcd", "ab"], 4) == "abcd"
    assert choose_fitting(["abcdefgh", "abcdef"], 5) == "ab..."


def test_pieces_stand_on_as_few_lines_as_they_fit_on() -> None:
    assert join_fitting(["ab", "", "cd", "efg"], 5) == ["ab cd", "efg"]
    assert join_fitting(["abcdefgh"], 5) == ["ab..."]
    assert join_fitting(["", ""], 5) == []


@pytest.mark.parametrize(
    ("place", "spelled"),
    [
        (0, "1st"),
        (1, "2nd"),
        (2, "3rd"),
        (3, "4th"),
        (10, "11th"),
        (11, "12th"),
        (12, "13th"),
        (20, "21st"),
        (110, "111th"),
    ],
)
def test_places_are_spelled(place: int, spelled: str) -> None:
    assert spell_place(place) == spelled


def test_a_stance_near_zero_has_one_sign() -> None:
    assert spell_stance(-0.001) == spell_stance(0.0) == "+0.00"
