"""Where a mark pays: the arithmetic of docs/cost.md, held against trying all ways to set marks."""

from __future__ import annotations

from itertools import accumulate, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.llm.caching.policy import (
    MOST_OWN_READS,
    Mark,
    Terms,
    choose_marks,
    expect_seconds_between,
    find_anthropic_terms,
)

HAIKU = find_anthropic_terms("claude-haiku-5-5")
SOON, LATE = 0.0, 301.0

# The example of docs/cost.md, in characters: rules and world, debates, person, question.
LENGTHS, REUSE = (8_000, 3_200, 1_600, 480), (399, 399, 3, 0)


def measure_saving(marks: tuple[Mark, ...], lengths: tuple[int, ...], reuse: tuple[int, ...], terms: Terms) -> float:
    """Return what marks save a call on average, in tokens at the price of input, text by text."""
    saved = 0.0
    for text, length in enumerate(lengths):
        kept = [mark for mark in marks if mark.text >= text]
        if kept:
            calls = reuse[kept[0].text] + 1
            write = terms.write_long if kept[0].life == "1h" else terms.write
            saved += length / 4 * (1 - (write + (calls - 1) * terms.read) / calls)
    return saved


def test_the_example_of_the_page_on_cost() -> None:
    marks = choose_marks(LENGTHS, REUSE, SOON, HAIKU)
    assert marks == (Mark(1, "5m"), Mark(2, "5m"))
    both, first = (measure_saving(each, LENGTHS, REUSE, HAIKU) for each in (marks, marks[:1]))
    assert first == pytest.approx(2_800 * (0.9 * 399 - 0.25) / 400) == pytest.approx(2_512, abs=1)
    assert both - first == pytest.approx(400 * (0.9 * 3 - 0.25) / 4) == pytest.approx(245)


def test_a_mark_pays_as_soon_as_a_beginning_comes_again_once() -> None:
    assert choose_marks((4_000,), (0,), SOON, HAIKU) == ()
    assert choose_marks((4_000,), (1,), SOON, HAIKU) == (Mark(0, "5m"),)
    dear = Terms(minimum_tokens=1, read=0.9, write=1.25)
    assert choose_marks((4_000,), (2,), SOON, dear) == ()
    assert choose_marks((4_000,), (3,), SOON, dear) == (Mark(0, "5m"),)


@pytest.mark.parametrize(
    ("model", "minimum", "read"),
    [
        ("claude-haiku-5-5", 512, 0.1),
        ("claude-haiku-5-5-20261101", 512, 0.1),
        ("claude-sonnet-5-5", 512, 0.05),
        ("claude-opus-5-5", 512, 0.05),
        ("claude-haiku-4-5", 4_096, 0.1),
        ("claude-fable-5-2", 1_024, 0.1),
        ("claude-opus-4-5-5555", 1_024, 0.1),
        ("something-new", 1_024, 0.1),
    ],
)
def test_the_terms_of_models(model: str, minimum: int, read: float) -> None:
    terms = find_anthropic_terms(model)
    assert (terms.minimum_tokens, terms.read) == (minimum, read)
    assert (terms.write, terms.write_long, terms.most_marks) == (1.25, 2.0, 4)


def test_what_is_shorter_than_what_is_kept_gets_no_mark() -> None:
    assert choose_marks((2_044,), (9,), SOON, HAIKU) == ()
    assert choose_marks((2_048,), (9,), SOON, HAIKU) == (Mark(0, "5m"),)
    assert choose_marks((1_048,), (9,), SOON, HAIKU, before=1_000) == (Mark(0, "5m"),), "a schema stands before it"
    assert choose_marks((1_000, 1_000, 48), (9, 8, 7), SOON, HAIKU) == (Mark(2, "5m"),)


def test_what_nobody_knows_of_gets_no_mark() -> None:
    assert choose_marks((9_000, 9_000), (), SOON, HAIKU) == ()
    assert choose_marks((9_000, 9_000), (5,), SOON, HAIKU) == (Mark(0, "5m"),), "a sentence was added at the end"


def test_an_hour_where_a_person_is_asked_again_late_and_often_enough() -> None:
    assert choose_marks(LENGTHS, REUSE, LATE - 1, HAIKU) == (Mark(1, "5m"), Mark(2, "5m"))
    assert choose_marks(LENGTHS, REUSE, LATE, HAIKU) == (Mark(1, "1h"), Mark(2, "1h")), "a longer life stands first"
    once = (399, 399, 1, 0)
    assert choose_marks(LENGTHS, once, SOON, HAIKU)[-1] == Mark(2, "5m")
    assert choose_marks(LENGTHS, once, LATE, HAIKU) == (Mark(1, "5m"),), "one read does not pay for an hour"


def test_how_long_it_is_until_somebody_is_asked_again() -> None:
    assert expect_seconds_between(5_000, 20) == 750.0
    assert expect_seconds_between(500, 20) == 75.0
    assert expect_seconds_between(500, 0) == 0.0, "nobody knows how many are asked at once"


TEXTS = st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 60)), min_size=1, max_size=8)


@given(TEXTS, st.sampled_from([SOON, LATE]), st.integers(0, 4_000))
def test_no_other_marks_save_more(texts: list[tuple[int, int]], between: float, before: int) -> None:
    lengths = tuple(length for length, _ in texts)
    reuse = tuple(sorted((reads for _, reads in texts), reverse=True))
    marks = choose_marks(lengths, reuse, between, HAIKU, before=before)
    counted = (before + lengths[0], *lengths[1:])
    long_enough = [text for text, end in enumerate(accumulate(counted)) if end >= 4 * HAIKU.minimum_tokens]
    assert len(marks) <= 4
    assert [mark.text for mark in marks] == sorted({mark.text for mark in marks})
    assert {mark.text for mark in marks} <= set(long_enough)
    assert len({mark.life for mark in marks}) <= 1
    best = 0.0
    for life in ("5m", "1h") if between == LATE else ("5m",):
        own = [t for t in long_enough if life == "1h" or between == SOON or reuse[t] > MOST_OWN_READS]
        for number in range(1, 5):
            tried = (tuple(Mark(text, life) for text in chosen) for chosen in combinations(own, number))
            best = max([best, *(measure_saving(each, counted, reuse, HAIKU) for each in tried)])
    assert measure_saving(marks, counted, reuse, HAIKU) == pytest.approx(best)


@given(TEXTS)
def test_no_mark_is_idle(texts: list[tuple[int, int]]) -> None:
    lengths = tuple(length for length, _ in texts)
    reuse = tuple(sorted((reads for _, reads in texts), reverse=True))
    marks = choose_marks(lengths, reuse, SOON, HAIKU)
    whole = measure_saving(marks, lengths, reuse, HAIKU)
    for idle in marks:
        less = tuple(mark for mark in marks if mark != idle)
        assert measure_saving(less, lengths, reuse, HAIKU) <= whole
        assert reuse[idle.text] > 0
