"""Results read from a run directory: the same whenever they are read, and strict with what is damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthetic_communities import SimulationResult, load_run
from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.errors import RecordError
from synthetic_communities.minds.views import View
from synthetic_communities.runs.directory import FINAL_VOTE, FORMAT_VERSION, LINES, METADATA, USAGE
from synthetic_communities.runs.row import Row
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.small_communities import draw_delay, run_community
from tests.written_runs import (
    BERG,
    NOOR,
    make_ballot,
    make_belief,
    make_epoch,
    make_exposure,
    make_metadata,
    make_usage,
    write_run,
    write_usage,
)

RECORDED = (
    *("votes", "ballots", "beliefs", "conversations", "debates", "posts", "reactions", "exposures"),
    *("failures", "people", "epochs"),
)
"""Lists that are the same in every run with the same answers."""

LISTS = (*RECORDED, "failed_calls", "usage", "usage_by_epoch", "usage_by_agent")


def fail_share(share: float) -> Any:
    """Return a script that fails this share of acts, as their keys say."""

    def reply(view: View) -> Reply:
        draw = random.Random(f"fate of {view.key}")
        return draw.choice([Failed("timeout"), Refused(), Unreadable("?")]) if draw.random() < share else None

    return reply


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    people=st.integers(0, 6),
    epochs=st.integers(1, 3),
    topics=st.integers(0, 2),
    candidates=st.integers(1, 2),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    at_once=st.sampled_from([1, 3, 50]),
    opening=st.booleans(),
)
def test_what_is_loaded_is_what_was_returned(
    people: int, epochs: int, topics: int, candidates: int, share: float, at_once: int, opening: bool
) -> None:
    parts: dict[str, Any] = {
        "topics": [{"id": f"t{n}", "title": f"Topic {n}", "description": "D."} for n in range(topics)],
        "candidates": [{"id": f"c{n}", "name": f"Candidate {n}", "description": "D."} for n in range(candidates)],
        "num_epochs": epochs,
        "opening_opinions": opening,
    }
    with tempfile.TemporaryDirectory() as folder:
        mind = ScriptedMind(fail_share(share), delay_seconds=draw_delay(people))
        result = run_community(Path(folder), mind, people, max_concurrent=at_once, **parts)
        again = load_run(result.path)
        other = run_community(Path(folder), ScriptedMind(fail_share(share)), people, max_concurrent=1, **parts)
        assert again == result
        assert hash(again) == hash(result)
        assert other != result
        for name in LISTS:
            assert getattr(again, name) == getattr(result, name), name
        for name in RECORDED:
            assert getattr(other, name) == getattr(result, name), name
        assert (str(again), again.summary()) == (str(result), result.summary())
        assert (again.vote_counts, again.is_complete, again.damages) == (result.vote_counts, True, ())
        assert len(again.people) == people
        assert sum(row["ballots"] for row in again.votes) == people


def test_a_result_is_of_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    result = load_run("run")
    assert result == load_run(path) == SimulationResult(str(path))
    assert result.path == Path("run")
    assert repr(result) == "SimulationResult('run')"
    assert result != load_run(write_run(tmp_path / "other"))
    assert result != "run"
    assert len({result, load_run(path)}) == 1


# The rows.


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run in which some acts fail, and one ballot."""
    fail_some = fail_share(0.2)
    mind = ScriptedMind(lambda view: Unreadable("?") if view.key == "ballot/p1" else fail_some(view))
    return run_community(tmp_path_factory.mktemp("ran"), mind, 6)


def read_lines(result: SimulationResult, name: str) -> list[dict[str, Any]]:
    """Return the lines of a file without the version of their format, which must stand first in each."""
    lines = [json.loads(line) for line in (result.path / f"{name}.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        assert next(iter(line)) == "format_version"
        assert line.pop("format_version") == FORMAT_VERSION
    return lines


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("beliefs", ("sentence", "vote", "first_choice", "source")),
        ("conversations", ("message", "source")),
        ("reactions", ("reaction",)),
        ("exposures", ()),
        ("ballots", ("candidate_id", "candidate_name", "first_choice", "raw_text", "source")),
    ],
)
def test_rows_are_the_lines_of_their_file_with_absent_texts_empty(
    ran: SimulationResult, name: str, texts: tuple[str, ...]
) -> None:
    lines = read_lines(ran, name)
    for line in lines:
        if name == "ballots":
            line["persona_id"] = line.pop("id")
        line.update({key: line[key] or "" for key in texts})
    if name in ("beliefs", "reactions", "exposures"):
        lines.sort(key=lambda line: (line["persona_id"], line.get("topic_id", "")))
    assert getattr(ran, name) == lines
    assert any(line[key] == "" for line in lines for key in texts) == bool(texts), "some texts are absent"


def test_beliefs_of_a_person_on_a_topic_are_a_trajectory(ran: SimulationResult) -> None:
    for earlier, later in zip(ran.beliefs, ran.beliefs[1:], strict=False):
        if (earlier["persona_id"], earlier["topic_id"]) == (later["persona_id"], later["topic_id"]):
            assert later["before"] == earlier["after"]
        else:
            assert (later["epoch"], later["step"], later["before"]) == (0, "opening", None)


def test_debates_have_a_row_for_each_question_and_for_all_that_was_said_to_it(ran: SimulationResult) -> None:
    told = [
        (epoch["epoch"], debate["topic_id"], debate["question"]["id"], turn, text)
        for epoch in ran.epochs
        for debate in epoch["debates"]
        for turn, text in enumerate(
            [debate["question"]["text"], *(statement["statement"] for statement in debate["statements"])]
        )
    ]
    keys = ("epoch", "topic_id", "question_id", "turn", "text")
    assert [tuple(row[key] for key in keys) for row in ran.debates] == told
    speakers = {row["type"]: row["speaker_id"] for row in ran.debates}
    assert (speakers["question"], speakers["mediator"], speakers["candidate"] in ("c0", "c1")) == ("", "mediator", True)
    assert {row["source"] for row in ran.debates} == {"template"}


def test_posts_have_the_reactions_of_the_last_epoch(ran: SimulationResult) -> None:
    last = ran.epochs[-1]["newsfeed"]["posts"]
    assert [(row["post_id"], row["likes"], row["dislikes"]) for row in ran.posts] == [
        (post["id"], post["likes"], post["dislikes"]) for post in last
    ]
    given = {(row["persona_id"], row["post_id"]): row["reaction"] for row in ran.reactions if row["reaction"]}
    assert [*given.values()].count("thumbs_up") == sum(row["likes"] for row in ran.posts) > 0
    assert {row["post_id"] for row in ran.reactions} <= {row["post_id"] for row in ran.posts}


def test_failures_have_every_act_that_gave_no_answer_ballots_last(ran: SimulationResult) -> None:
    acts = [(row["task"], epoch["epoch"]) for epoch in ran.epochs for row in epoch["failures"]]
    ballots = [
        f"ballot/{row['persona_id']}" for row in ran.ballots if row["status"] in ("refused", "unreadable", "failed")
    ]
    assert ballots, "some ballots failed"
    assert [(row["task"], row["epoch"]) for row in ran.failures] == [*acts, *((task, 1) for task in ballots)]
    assert {row["step"] for row in ran.failures if row["task"] in ballots} == {"ballot"}
    unreadable = [row for row in ran.failures if row["status"] == "unreadable"]
    assert {row["raw_text"] for row in unreadable} == {"?"}
    assert {row["raw_text"] for row in ran.failures if row not in unreadable} == {""}


def test_usage_counts_the_acts_of_every_step(ran: SimulationResult) -> None:
    usage = {row["step"]: row for row in ran.usage}
    assert list(usage)[:3] == ["opening_position", "opening_opinion", "reading"]
    for step, row in usage.items():
        statuses = ran.measured["acts"][step]["statuses"]
        assert {name: row[name] for name in statuses} == statuses
        assert row["acts"] == sum(statuses.values())
    failed = [row["status"] for row in ran.failures if row["step"] == "chat_turn"]
    for status in ("refused", "unreadable", "failed", "skipped"):
        assert usage["chat_turn"][status] == failed.count(status)


def test_votes_have_everybody_once(tmp_path: Path) -> None:
    ballots = [make_ballot("a"), make_ballot("b", None), make_ballot("c", None, status="failed", reason="timeout")]
    result = load_run(write_run(tmp_path / "run", make_metadata("abcde"), ballots=ballots))
    assert [tuple(row.values()) for row in result.votes] == [
        ("choice", "noor", NOOR, 1),
        ("choice", "berg", BERG, 0),
        ("abstained", "", "", 1),
        ("unreadable", "", "", 0),
        ("refused", "", "", 0),
        ("failed", "", "", 1),
        ("not_asked", "", "", 0),
        ("unrecorded", "", "", 2),
    ]
    assert result.vote_counts == {NOOR: 1, BERG: 0}


def test_of_a_run_without_files_everything_is_empty(tmp_path: Path) -> None:
    result = load_run(write_run(tmp_path / "run"))
    assert [getattr(result, name) for name in LISTS if name != "people"] == [[]] * (len(LISTS) - 1)
    assert (result.vote_counts, result.measured, result.is_complete, result.damages) == (None, {}, False, ())


def test_ballots_of_a_run_without_epochs_count_to_its_first(tmp_path: Path) -> None:
    metadata = make_metadata(config={"num_epochs": 0})
    failed = make_ballot("a", None, status="failed")
    (row,) = load_run(write_run(tmp_path / "run", metadata, ballots=[failed])).failures
    assert (row["epoch"], row["task"]) == (0, "ballot/a")


# What is damaged.

GOOD = [make_belief("a", "opening", None, 0.5), make_belief("b", "opening", None, -0.5)]
LATER = {**GOOD[0], "step": "chat"}
BAD_LINES: dict[str, tuple[Any, str]] = {
    "no JSON": ("{nonsense\n", "is damaged: Expecting property name enclosed in double quotes"),
    "an empty line": ("\n", "is damaged: Expecting value"),
    "no mapping": ('["a"]\n', "is damaged: it holds no mapping"),
    "not UTF-8": (b'{"sentence": "\xff\xfe"}\n', "is damaged: 'utf-8' codec can't decode byte 0xff"),
    "nested brackets": ("[" * 200_000 + "\n", "is damaged: "),
    "nested brackets in a text's place": (
        json.dumps({**LATER, "sentence": None}).replace("null", "[" * 500 + "]" * 500, 2) + "\n",
        "is damaged: |before cannot be",
    ),
    "a number of many digits": ('{"epoch": ' + "9" * 10_000 + "}\n", "is damaged: "),
    "a key missing": ({"epoch": 0}, "something lacks its persona_id"),
    "a number for a text": ({**LATER, "sentence": 5}, "sentence cannot be 5"),
    "a text for a number": ({**LATER, "after": "0.5"}, "after cannot be '0.5'"),
    "no number": (json.dumps({**LATER, "after": float("nan")}) + "\n", "after cannot be nan"),
    "an infinite number": (json.dumps(LATER).replace("0.5", "1e999", 1) + "\n", "asked_for cannot be inf"),
    "a number beyond all floats": ({**LATER, "after": 10**400}, "after cannot be 1000"),
    "a place off the axis": ({**LATER, "after": -1.5}, "after cannot be -1.5, as stances lie in [-1, 1]"),
    "a truth for a number": ({**LATER, "after": True}, "after cannot be True"),
    "a whole number of too many bits": ({**LATER, "epoch": 2**63}, "epoch cannot be 9223372036854775808"),
    "no whole number": ({**LATER, "epoch": None}, "epoch cannot be None"),
    "a number for a truth": ({**LATER, "clamped": 1}, "clamped cannot be 1"),
    "a list for a text": ({**LATER, "status": ["x" * 10_000]}, "status cannot be ['xxxxxxxxxxxx"),
    "a null for a text": ({**LATER, "mind": None}, "mind cannot be None"),
    "a stranger": ({**LATER, "persona_id": "z"}, "persona_id names nothing of this run, 'z'"),
    "an unknown topic": ({**LATER, "topic_id": "trams"}, "topic_id names nothing of this run, 'trams'"),
}


WAY_ON = "; load_run(path, skip_damaged=True) reads past it"


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_damaged_line_is_named_or_passed_over_and_all_else_is_there(kind: str, tmp_path: Path) -> None:
    line, what = BAD_LINES[kind]
    path = write_run(tmp_path / "run", beliefs=[GOOD[0], line, GOOD[1]])
    with pytest.raises(RecordError) as caught:
        _ = load_run(path).beliefs
    place = f"{path / 'beliefs.jsonl'}:2"
    assert str(caught.value).startswith(place)
    assert any(each in str(caught.value) for each in what.split("|"))
    assert len(str(caught.value)) < len(place) + 200 + len(WAY_ON)

    result = load_run(path, skip_damaged=True)
    assert result.damages == ()
    assert [row["persona_id"] for row in result.beliefs] == ["a", "b"]
    assert [damage + WAY_ON for damage in result.damages] == [str(caught.value)]
    assert [(row["persona_id"], row["rents.after"]) for row in result.people] == [("a", 0.5), ("b", -0.5), ("c", None)]
    assert result.summary()
    assert len(result.damages) == 1, "once, however often it is come upon"


def test_what_is_wrong_is_said_in_few_words_however_deep_it_is() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(RecordError, match=r"^here: x cannot be \[\[\["):
        Row("here", {"x": nested}).text("x")


def test_the_last_line_may_be_torn_or_lack_but_its_end(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", beliefs=[GOOD[0], json.dumps(GOOD[1])])
    assert len(load_run(path).beliefs) == 2
    write_run(path, beliefs=[GOOD[0], json.dumps(GOOD[1])[:40]])
    result = load_run(path, skip_damaged=True)
    assert len(result.beliefs) == 1
    assert result.damages == (f"{path / 'beliefs.jsonl'}:2 is damaged: it was cut off while it was written",)


def test_a_line_of_ten_megabytes_is_read_or_named_in_few_words(tmp_path: Path) -> None:
    long = "x" * 10_000_000
    path = write_run(tmp_path / "run", beliefs=[{**GOOD[0], "sentence": long}, long + "\n", GOOD[1]])
    result = load_run(path, skip_damaged=True)
    assert [len(row["sentence"]) for row in result.beliefs] == [10_000_000, len("opening of b")]
    (damage,) = result.damages
    assert damage == f"{path / 'beliefs.jsonl'}:2 is damaged: Expecting value: line 1 column 1 (char 0)"


BALLOTS = [make_ballot("a"), make_ballot("b", "berg"), make_ballot("c", None)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (make_ballot("a", "berg"), "'a' has two ballots, or is nobody of the run"),
        (make_ballot("z", "berg"), "'z' has two ballots, or is nobody of the run"),
        (make_ballot("b", status="abstained"), "the ballot of 'b' cannot be: abstained, 'noor'"),
        (make_ballot("b", candidate_id="nobody"), "the ballot of 'b' cannot be: choice, 'nobody'"),
        (make_ballot("b", first_choice="nobody"), "the ballot of 'b' cannot be: choice, 'noor'"),
        (make_ballot("b", status="lost"), "status cannot be 'lost'"),
        (make_ballot("b", order_shown=["noor", 1]), "order_shown holds something that is no text"),
        (make_ballot("b", order_shown="noor"), "order_shown cannot be 'noor'"),
    ],
)
def test_ballots_that_cannot_be_are_in_no_list(line: Any, what: str, tmp_path: Path) -> None:
    others = [ballot for ballot in BALLOTS if ballot["id"] != line["id"] or line["id"] == "a"]
    path = write_run(tmp_path / "run", ballots=[others[0], line, *others[1:]])
    for name in ("ballots", "votes", "failures", "people"):
        with pytest.raises(RecordError) as caught:
            getattr(load_run(path), name)
        assert str(caught.value) == f"{path / 'ballots.jsonl'}:2: {what}{WAY_ON}"
    result = load_run(path, skip_damaged=True)
    assert [row["persona_id"] for row in result.ballots] == [ballot["id"] for ballot in others]
    assert sum(row["ballots"] for row in result.votes) == 3
    assert {row["status"]: row["ballots"] for row in result.votes}["unrecorded"] == 3 - len(others)
    assert result.damages == (f"{path / 'ballots.jsonl'}:2: {what}",)


DEBATE = {
    "topic_id": "rents",
    "question": {"id": "q", "text": "Why?", "source": None},
    "statements": [{"type": "mediator", "mediator_id": "m", "statement": "Well.", "source": None}],
}
POST = {"id": "x", "persona_id": "a", "content": "Hm.", "likes": 1, "dislikes": 0, "epoch": 0, "source": None}
FAILURE = {"task": "t", "step": "post", "status": "refused", "reason": "", "raw_text": None}


@pytest.mark.parametrize(
    ("damage", "lists", "what"),
    [
        ({"debates": {}}, {"debates"}, "debates cannot be {}"),
        ({"debates": [{**DEBATE, "topic_id": 1}]}, {"debates"}, "topic_id cannot be 1"),
        ({"debates": [{**DEBATE, "statements": [{"type": "ghost"}]}]}, {"debates"}, "type cannot be 'ghost'"),
        ({"newsfeed": {"posts": [{**POST, "likes": 0.5}]}}, {"posts"}, "likes cannot be 0.5"),
        ({"newsfeed": {}}, {"posts"}, "something lacks its posts"),
        ({"failures": [{**FAILURE, "raw_text": 3}]}, {"failures"}, "raw_text cannot be 3"),
        ({"failures": [FAILURE, None]}, {"failures", "people"}, "failures holds something that is no mapping"),
    ],
)
def test_an_epoch_that_is_damaged_in_part_is_missing_from_that_part(
    damage: Any, lists: set[str], what: str, tmp_path: Path
) -> None:
    whole = make_epoch(0, debates=[DEBATE], newsfeed={"posts": [POST]}, failures=[FAILURE])
    path = write_run(tmp_path / "run", epochs=[whole, make_epoch(1, **damage)])
    for name in ("debates", "posts", "failures", "people"):
        if name in lists:
            with pytest.raises(RecordError) as caught:
                getattr(load_run(path), name)
            assert str(caught.value) == f"{path / 'epochs.jsonl'}:2: {what}{WAY_ON}"
        else:
            getattr(load_run(path), name)
    result = load_run(path, skip_damaged=True)
    assert [row["text"] for row in result.debates] == ["Why?", "Well."]
    assert [row["content"] for row in result.posts] == (["Hm."] if "posts" in lists else [])
    assert [row["task"] for row in result.failures] == ["t"]
    assert result.damages == (f"{path / 'epochs.jsonl'}:2: {what}",)


ODD = st.sampled_from([None, "x", "\ud800", 3, -0.5, 1e308, 10**30, True, [], {}, [3], ["x"], {"x": "y"}])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from([*LINES, USAGE]), data=st.data())
def test_whatever_is_changed_the_rest_is_read(ran: SimulationResult, file: str, data: st.DataObject) -> None:
    lines = (ran.path / file).read_bytes().splitlines(keepends=file != USAGE)
    if file == USAGE:
        lines = [b"".join(lines)]
    place = data.draw(st.integers(0, len(lines) - 1))
    if data.draw(st.booleans()):
        start, length = data.draw(st.integers(0, len(lines[place]))), data.draw(st.integers(1, 40))
        lines[place] = lines[place][:start] + lines[place][start + length :]
    else:
        value = json.loads(lines[place])
        replace_somewhere(value, data)
        lines[place] = json.dumps(value).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        shutil.copytree(ran.path, path)
        (path / file).write_bytes(b"".join(lines))
        result = load_run(path, skip_damaged=True)
        for name in (*RECORDED[:-1], "usage"):
            rows = getattr(result, name)
            assert len({tuple(row) for row in rows}) <= 1
            assert polars.DataFrame(rows).height == len(rows)
        assert len(result.damages) <= 2, "a line that lost its end, and the one it ran into"
        assert all(damage.startswith(f"{path / file}") for damage in result.damages)
        assert abs(len(result.beliefs) - len(ran.beliefs)) <= 2


def replace_somewhere(value: Any, data: st.DataObject) -> None:
    """Put something odd in place of something in a mapping or a list, or in what it holds."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = data.draw(st.sampled_from(keys))
    if isinstance(value[key], (dict, list)) and value[key] and data.draw(st.booleans()):
        replace_somewhere(value[key], data)
    else:
        value[key] = data.draw(ODD)


def test_usage_that_is_damaged_is_passed_over_once(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    for usage in ("{", '["x"]', json.dumps(make_usage(acts={"post": 3})), json.dumps(make_usage(model_calls="many"))):
        (path / USAGE).write_text(usage, encoding="utf-8")
        with pytest.raises(RecordError, match=USAGE):
            _ = load_run(path).usage
        result = load_run(path, skip_damaged=True)
        assert (result.usage, result.record.acts) == ([], None)
        assert len(result.damages) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path / "run", beliefs=GOOD, ballots=BALLOTS)
    open_file = Path.open

    def refuse(file: Path, *arguments: Any, **more: Any) -> Any:
        if file.name == "beliefs.jsonl":
            raise PermissionError(13, "Permission denied")
        return open_file(file, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    what = f"{path / 'beliefs.jsonl'} cannot be read: Permission denied"
    with pytest.raises(RecordError) as caught:
        _ = load_run(path).beliefs
    assert str(caught.value) == what + WAY_ON
    result = load_run(path, skip_damaged=True)
    assert (result.beliefs, len(result.ballots), result.damages) == ([], 3, (what,))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "is no run directory: it holds no metadata.json"),
        ("", "cannot be read: Expecting value"),
        ("[" * 200_000, "cannot be read: "),
        ("[]", "holds no mapping"),
        ("{}", "is of format version None; this package reads version 1"),
        ('{"format_version": 2}', "is of format version 2; this package reads version 1"),
    ],
)
@pytest.mark.parametrize("skip_damaged", [True, False])
def test_what_is_no_run_is_refused_at_once(content: str | None, what: str, skip_damaged: bool, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / METADATA).write_text(content, encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        load_run(tmp_path, skip_damaged=skip_damaged)
    assert str(tmp_path) in str(caught.value)
    assert what in str(caught.value)


# What loading costs.


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A run of 2,000 people whose files of lines are large."""
    people = [f"p{number}" for number in range(2000)]
    beliefs = [make_belief(who, "opening", None, 0.5, sentence="x" * 2000) for who in people]
    ballots = [make_ballot(who, reason="x" * 2000) for who in people]
    exposures = [make_exposure(who, "feed", [f"e0/post/p{n}" for n in range(20)]) for who in people]
    lines: dict[str, Any] = {"beliefs": beliefs, "ballots": ballots, "exposures": exposures}
    return write_run(tmp_path / "run", make_metadata(people), **lines)


def test_nothing_large_is_read_before_it_is_asked_for(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_file = Path.open

    def note(file: Path, *arguments: Any, **more: Any) -> Any:
        opened.append(file.name)
        return open_file(file, *arguments, **more)

    monkeypatch.setattr(Path, "open", note)
    result = load_run(large)
    assert set(opened) == {METADATA}
    assert not result.is_complete
    assert len(result.exposures) == 2000
    assert {*opened} - {METADATA, USAGE} == {"exposures.jsonl"}
    opened.clear()
    assert result.exposures is result.exposures
    assert opened == []


def test_what_tables_need_takes_little_room(large: Path) -> None:
    size = sum((large / f"{name}.jsonl").stat().st_size for name in ("beliefs", "ballots"))
    result = load_run(large)
    tracemalloc.start()
    try:
        assert len(result.record.ballots) == 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 2, f"{peak:,} bytes to read {size:,}"


def test_a_run_that_has_only_begun_can_be_read_again_and_again(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    before = load_run(path)
    assert (before.beliefs, before.is_complete) == ([], False)
    write_run(path, beliefs=GOOD)
    write_usage(path)
    assert before.beliefs == [], "a result keeps what it has read"
    after = load_run(path)
    assert (len(after.beliefs), after.is_complete) == (2, True)
    assert {name for name in os.listdir(path) if name in (*LINES, FINAL_VOTE)} == {"beliefs.jsonl"}
