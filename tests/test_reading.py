"""Reading replies: the one complete JSON object that fits, nothing made up, and no text that does harm."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.minds.llm.reading import (
    MAX_BEGINNINGS,
    MAX_DEPTH,
    MAX_REPLY_BYTES,
    UnreadableReplyError,
    check_length,
    read_object,
)

VOTE = {"vote": "A", "why": "She listens."}
TEXT = json.dumps(VOTE)


def fit(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object that votes."""
    if not isinstance(data.get("vote"), str):
        raise UnreadableReplyError("no vote")
    return dict(data)


def read(text: str) -> dict[str, Any] | str:
    """Return what a reply reads as, or why it cannot be read."""
    try:
        return read_object(text, fit)
    except UnreadableReplyError as error:
        return str(error)


# What is read.


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  \n{TEXT}\n\n",
        f"\ufeff{TEXT}",
        f"```json\n{TEXT}\n```",
        f"~~~\n{TEXT}\n~~~",
        f"Here you are: {TEXT} Anything else?",
        f"<think>Would she vote {{A}} or {{B}}? Not {{'vote': 'B'}}.</think>\n{TEXT}",
        f'He said "yes {TEXT}',
        f'It\'s {{"not" closed, "at all": {TEXT}',
        f"Between [brackets, {TEXT}] and more ] }} }}",
        f"[{TEXT}]",
        f'"quoted {TEXT}"',
        f"{TEXT} {{",
        f"{{{{ {TEXT} }}}}",
        f"{TEXT}\n{TEXT}",
        f"I think of {TEXT}.\n\n```json\n{json.dumps(VOTE, indent=4)}\n```",
        '{"why": "She listens.", "vote": "A"}',
        '{"VOTE": "A", "Why": "She listens."}',
        '{"vote": "A", "why": "She listens.",}',
        '{"vote": "A", "why": "She listens." ,\n }',
        '{"vote"\n:\t"A"\r\n,"why":"She listens."}',
        '{"vote": "\\u0041", "why": "She listens."}',
    ],
)
def test_the_one_object_is_read_whatever_stands_around_it(text: str) -> None:
    assert read(text) == VOTE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"vote": "}{][", "why": "{\\"vote\\": \\"B\\"}"}', {"vote": "}{][", "why": '{"vote": "B"}'}),
        ('{"vote": "A, ]", "why": ",}"}', {"vote": "A, ]", "why": ",}"}),
        ('{"vote": "A", "why": "a \\\\"}', {"vote": "A", "why": "a \\"}),
        ('{"vote": "A", "why": ["x", ["y",],],}', {"vote": "A", "why": ["x", ["y"]]}),
        ('{"vote": "A", "why": {"Deep": {"DEEPER": 1,},},}', {"vote": "A", "why": {"deep": {"deeper": 1}}}),
        ('{"vote": "", "why": null}', {"vote": "", "why": None}),
        ('{"vote": "A", "why": -1.5e3}', {"vote": "A", "why": -1500.0}),
        ('{"vote": "A", "why": []}', {"vote": "A", "why": []}),
        ('{"vote": "A", "why": "zwölf 中 \U0001f600"}', {"vote": "A", "why": "zwölf 中 \U0001f600"}),
    ],
)
def test_what_stands_in_texts_is_text(text: str, value: dict[str, Any]) -> None:
    assert read(text) == value
    assert read(f"Well, {text}!") == value


@pytest.mark.parametrize(
    "other",
    ["{}", '{"choice": "B"}', '{"vote": 1}', '{"vote": null}', '{"vote": []}', "{vote: B}", '{"vote": "B"', "{", "[1]"],
)
def test_an_object_that_does_not_fit_does_not_disturb_one_that_does(other: str) -> None:
    assert read(f"{other} {TEXT}") == VOTE
    assert read(f"{TEXT} {other}") == VOTE


def test_an_object_within_another_one_is_no_answer_of_its_own() -> None:
    assert read(f'{{"answer": {TEXT}}}') == "no vote"
    assert read(f'{{"vote": "B", "before": {TEXT}}}') == {"vote": "B", "before": VOTE}


# What is not read.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "null",
        '"A"',
        "[]",
        "{",
        "}{",
        "{}",
        "I cannot answer that.",
        '{"vote": "A"',
        '{"vote": "A", "why": "She lis',
        '{"vote": "A", "why": ["x"}',
        '{"vote": "A", "why": "x"]',
        '"vote": "A"}',
        "{'vote': 'A'}",
        "{'vote': \"A\"}",
        '{vote: "A"}',
        '{"vote": A}',
        '{"vote": "A" "why": "x"}',
        '{"vote" "A"}',
        '{"vote": "A";}',
        '{"vote": "A", // so\n "why": "x"}',
        '{"vote": "A", /* so */ "why": "x"}',
        '{"vote": "A", # so\n "why": "x"}',
        '{"vote": "A",,}',
        '{"vote": "A", "why": [,]}',
        '{"vote": "A", "why": {,}}',
        '{,"vote": "A"}',
        '{"vote": "A", "why": [1,,2]}',
        '{"vote": "A", "why":,}',
        '{"vote": "A", "why": "two\nlines"}',
        '{"vote": "A\\x41"}',
        '{"vote": "A", "why": NaN}',
        '{"vote": "A", "why": Infinity}',
        '{"vote": "A", "why": -Infinity}',
        '{"vote": "A", "why": True}',
        '{"vote": "A", "why": None}',
        '{"vote": "A", "why": 01}',
        '{"vote": "A", "why": .5}',
        '{"vote": "A", "why": +1}',
        '{"vote": "A", "vote": "A"}',
        '{"vote": "A", "Vote": "B"}',
        '{"vote": "A", "why": {"x": 1, "X": 2}}',
        "\u201cvote\u201d: \u201cA\u201d",
        "{\u201cvote\u201d: \u201cA\u201d}",
        '{"vote": "A"\u00a0,\u00a0}',
        f'{{"vote": "A", "why": {"9" * 5000}}}',
    ],
)
def test_nothing_is_repaired(text: str) -> None:
    assert isinstance(read(text), str)


def test_two_different_answers_are_none() -> None:
    assert "two different" in str(read(f'{TEXT} {{"vote": "B"}}'))
    assert "two different" in str(read(f'No: {{"vote": "B"}}. {TEXT}\n{TEXT}'))
    assert "two different" in str(read(f'[{TEXT}, {{"vote": "B"}}]'))


def test_why_a_reply_is_not_read_is_said() -> None:
    assert read("words") == "there is no complete JSON object in the reply"
    assert read('words {"choice": "A"}') == "no vote"


def test_a_value_that_is_the_same_is_found_once_even_if_it_cannot_be_hashed() -> None:
    assert read_object("{} {}", lambda data: {"list": [data]}) == {"list": [{}]}


def test_what_fit_raises_besides_is_not_hidden() -> None:
    def broken(data: dict[str, Any]) -> Any:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        read_object("{}", broken)


# Bounds.


def test_a_reply_of_a_hundred_kilobytes_is_read_and_a_longer_one_is_not() -> None:
    room = MAX_REPLY_BYTES - len(TEXT)
    assert read(TEXT + " " * room) == VOTE
    assert "longer" in str(read(TEXT + " " * (room + 1)))
    assert "longer" in str(read(TEXT + "\u00e4" * (room // 2 + 1))), "bytes count, not characters"
    assert "longer" in str(read(TEXT + "x" * 10_000_000))


def test_half_a_surrogate_pair_is_as_long_as_a_mark() -> None:
    check_length("\ud800" * MAX_REPLY_BYTES)
    assert read(f"\udfff {TEXT} \ud800") == VOTE


def nest(levels: int) -> str:
    """Return a vote nested so many levels deep, lists and objects in turn."""
    inner = "1"
    for level in range(levels - 1):
        inner = f"[{inner}]" if level % 2 else f'{{"x": {inner}}}'
    return f'{{"vote": "A", "why": {inner}}}'


def test_nesting_is_bounded() -> None:
    assert read(nest(MAX_DEPTH)) == json.loads(nest(MAX_DEPTH))
    assert isinstance(read(nest(MAX_DEPTH + 1)), str)


@pytest.mark.parametrize("bracket", ["[", "{", '{"a":', '[{"a":', '{"vote":"A","a":[', "[]", "{}", "]", "}"])
def test_ten_thousand_brackets_do_no_harm(bracket: str) -> None:
    many = bracket * min(10_000, 90_000 // len(bracket))
    assert isinstance(read(many), str)
    assert isinstance(read(f"{many}{TEXT}"), (str, dict))
    assert isinstance(read(f'{{"vote": "A", "why": {many}'), str)


def test_more_beginnings_than_are_tried_are_not_read_in_part() -> None:
    braces = "{ " * (MAX_BEGINNINGS - 1)
    assert read(f"{braces}{TEXT}") == VOTE
    assert read(f"{TEXT}{braces}") == VOTE
    assert "opening braces" in str(read(f"{{ {braces}{TEXT}"))
    assert "opening braces" in str(read(f"{TEXT}{{ {braces}")), "a second, different answer could follow"


PIECES = st.sampled_from(
    [*'{}[]",:\\ \n', "vote", '"vote"', '"A"', '{"vote":"A"}', '{"vote":"B",}', "1", "1e999", "NaN", "null", "\ud800"]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join)))
@settings(max_examples=500, deadline=None)
def test_any_text_gives_a_value_or_is_unreadable(text: str) -> None:
    value = read(text)
    if isinstance(value, dict):
        assert isinstance(value["vote"], str)
        assert "{" in text


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=500, deadline=None)
def test_a_reply_that_is_one_object_is_read_like_one_with_words_around_it(text: str) -> None:
    assert read(text) == read(f"So: {text}") == read(f"{text} Done.")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)
PROSE = st.text().map(lambda text: text.replace("{", "("))


@given(JSON, PROSE, PROSE, st.sampled_from([None, 2]), st.booleans())
@settings(deadline=None)
def test_whatever_an_object_holds_is_read_as_json_reads_it(
    held: Any, before: str, after: str, indent: int | None, plain: bool
) -> None:
    data = {"vote": "A", "why": held}
    assert read(before + json.dumps(data, indent=indent, ensure_ascii=plain) + after) == data


@given(st.integers(0, len(TEXT) - 1))
def test_a_reply_that_breaks_off_is_not_read(length: int) -> None:
    assert isinstance(read(TEXT[:length]), str)


# Time.

HARD = {
    "braces": "{",
    "braces with quotes": '{"',
    "escaped quotes": '\\"',
    "backslashes": "\\",
    "keys": '{"a":',
    "lists": "[",
    "pairs": "{}",
    "commas": ",",
    "commas and brackets": ",]",
    "spaces": " ",
    "colons": '":',
    "words": "vote ",
}


def seconds_to_read(text: str) -> float:
    """Return how long reading takes, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        read(text)
        best = min(best, time.perf_counter() - start)
    return best


@pytest.mark.timing
@pytest.mark.parametrize("start", ["", "{", '{"', '{"a": "', "{[", "{,"])
@pytest.mark.parametrize("piece", HARD.values(), ids=HARD)
def test_time_grows_with_length_and_no_faster(piece: str, start: str) -> None:
    short, long = (start + piece * ((size - 20) // len(piece)) + end for size, end in ((10_000, "}"), (100_000, "}")))
    assert seconds_to_read(long) < 0.02 + 40 * seconds_to_read(short)


@pytest.mark.timing
@pytest.mark.parametrize("piece", HARD.values(), ids=HARD)
def test_the_hardest_reply_takes_no_time_to_speak_of(piece: str) -> None:
    beginnings = "{[" * MAX_BEGINNINGS
    text = beginnings + piece * ((MAX_REPLY_BYTES - len(beginnings)) // len(piece))
    assert seconds_to_read(text) < 2


def test_no_pattern_of_reading_can_go_back_far() -> None:
    long = 90_000
    for text in ('{"' + '\\"' * (long // 2), '{"' + "\\" * long, "{" + '"a' * (long // 2), "{[" + " " * long):
        assert isinstance(read(text), str)
        assert isinstance(read("{" * (MAX_BEGINNINGS - 1) + text), str)
