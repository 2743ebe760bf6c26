"""Debates, conversations, feeds and acts without an answer: found in a run directory, and told as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities import SimulationResult, load_run
from synthetic_communities.domain.outcome import Failed, Refused
from synthetic_communities.errors import UsageError
from synthetic_communities.report.nearest import MOST, find_nearest
from synthetic_communities.report.stories.acts import name_act, spell_status
from synthetic_communities.runs.directory import CONVERSATIONS, EPOCHS, FAILED_CALLS
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine, run_community, run_engine
from tests.spoken_communities import TROUBLE, run_spoken


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of three people in which acts fail in every way."""
    return run_spoken(tmp_path_factory.mktemp("spoken"), TROUBLE)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of people whose ids and whose topics' ids are awkward, two questions a topic."""
    names = ("0", "a.b", "1")
    topics = [{"id": topic, "title": f"Topic {topic}", "description": "?"} for topic in names]
    config = make_config(4, topics=topics, questions_per_topic=2, num_epochs=2)
    ids = ("a/b", "a+b", "50%", "d")
    return run_engine(make_engine(config, ScriptedMind(), ids=ids), tmp_path_factory.mktemp("pairs"))


def why_not(find: Any, *arguments: Any) -> str:
    """Return why there is nothing of the kind."""
    with pytest.raises(UsageError) as error:
        find(*arguments)
    return str(error.value)


class TestDebates:
    def test_as_text(self, run: SimulationResult) -> None:
        assert str(run.debate("1.t0.0")).splitlines() == [
            "Epoch 1, debate on Rents (e1/debate/t0/q0): 1 question, 1 statement",
            "  Candidates and mediator thought with scripted.",
            "  Question: What of e1/debate/t0/q0/question?",
            "  Mediator: Good evening.",
            "  Aisha Noor: I say so.",
            "    And this: e1/debate/t0/q0/t0/c0.",
            "  Not said: statement failed (timeout), e1/debate/t0/q0/t0/c1",
        ]

    def test_everything_that_was_said_stands_in_one(self, pairs: SimulationResult) -> None:
        told = [
            (said.speaker_id, said.text)
            for epoch in (0, 1)
            for topic in (0, 1, 2)
            for number in (0, 1)
            for debate in [pairs.debate(f"{epoch}.{list(pairs.record.topics)[topic]}.{number}")]
            for said in debate.statements
        ]
        rows = [(row["speaker_id"], row["text"]) for row in pairs.debates if row["type"] != "question"]
        assert told == rows
        assert len(told) > 12

    @pytest.mark.parametrize(
        ("wanted", "question_id"),
        [
            ("0.a.b.1", "e0/debate/a.b/q1"),
            ("1.0.0", "e1/debate/0/q0"),
            ("1.1.0", "e1/debate/1/q0"),
            ("1.2.1", "e1/debate/1/q1"),
            ("e1/debate/a.b/q0", "e1/debate/a.b/q0"),
            ("01.02.00", "e1/debate/1/q0"),
        ],
    )
    def test_by_topic_by_its_number_and_by_id(self, pairs: SimulationResult, wanted: str, question_id: str) -> None:
        assert pairs.debate(wanted).id == question_id

    def test_an_id_in_which_characters_are_escaped(self, tmp_path: Path) -> None:
        topics = [{"id": "a/b+c", "title": "Both", "description": "?"}]
        run = run_community(tmp_path, people=2, topics=topics, num_epochs=1)

        assert run.debate("0.a/b+c.0") == run.debate("0.0.0") == run.debate("e0/debate/a%2Fb%2Bc/q0")

    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            ("0.a.c.1", "there is no topic 'a.c'; there are 0 (0), a.b (1), 1 (2)"),
            ("0.3.1", "there is no topic '3'; there are 0 (0), a.b (1), 1 (2)"),
            ("7.0.1", "no debate of epoch 7 is recorded; recorded are those of 0, 1"),
            ("0.0.2", "there is no question 2 on 0 in epoch 0; there are e0/debate/0/q0, e0/debate/0/q1"),
            (
                "e0/debate/0",
                "'e0/debate/0' is no debate of this run; nearest: e0/debate/0/q0, e0/debate/0/q1, e0/debate/1/q0; "
                "name it by epoch, topic and question, counted from 0, as in 0.0.0, or by its id, as in e0/debate/0/q0",
            ),
        ],
    )
    def test_an_unknown_one_says_what_there_is(self, pairs: SimulationResult, wanted: str, message: str) -> None:
        assert why_not(pairs.debate, wanted) == message

    @pytest.mark.parametrize("wanted", ["", ".", "..", "x.0.0", "0.0", "-1.0.0", "1e3.0.0", "²..0", "\x1b[31m"])
    def test_what_names_none_is_refused(self, pairs: SimulationResult, wanted: str) -> None:
        assert why_not(pairs.debate, wanted).startswith(f"{wanted!r} is no debate of this run; ")

    def test_a_question_that_was_never_asked(self, tmp_path: Path) -> None:
        run = run_community(tmp_path, ScriptedMind({"e0/debate/t0/q0/question": Refused()}), people=2)

        assert why_not(run.debate, "0.t0.0") == "'0.t0.0' was not asked: question refused, e0/debate/t0/q0/question"
        assert why_not(run.debate, "e0/debate/t0/q0").startswith("'e0/debate/t0/q0' was not asked: question refused")
        assert run.debate("0.t1.0").topic == "Trams"

    def test_notes_that_nobody_hears_are_not_missed(self, tmp_path: Path) -> None:
        run = run_spoken(
            tmp_path, {"e0/debate/t0/q0/reflection/c0": Refused(), "e0/debate/t0/q0/introduction": Refused()}
        )

        assert [act.step for act in run.debate("0.0.0").missing] == ["introduction"]
        assert str(run.debate("0.0.0")).endswith("  Not said: introduction refused, e0/debate/t0/q0/introduction\n")

    def test_a_run_without_debates(self, tmp_path: Path) -> None:
        run = run_community(tmp_path, people=2, topics=None)

        assert why_not(run.debate, "0.0.0") == "no debate is recorded in this run, so there is no '0.0.0'"

    def test_an_epoch_that_cannot_be_read_is_not_recorded(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, EPOCHS, 2), skip_damaged=True)

        assert why_not(lenient.debate, "1.0.0") == (
            "no debate of epoch 1 is recorded; recorded are those of 0; "
            "1 place could not be read, where it may have been"
        )
        assert lenient.debate("0.0.0") == run.debate("0.0.0")
        assert len(lenient.damages) == 1


class TestConversations:
    def test_as_text(self, tmp_path: Path) -> None:
        trouble = {"e0/chat/p2+p0/1": Failed("timeout")}
        run = run_spoken(tmp_path, trouble, num_rounds_mean=2)

        assert run.conversation("e0/chat/p2+p0").text(100).splitlines() == [
            "Epoch 0, conversation of Person 2 (p2) and Person 0 (p0), e0/chat/p2+p0: 2 rounds, 1 turn",
            "  People thought with scripted.",
            "  Person 2: Person 2 says e0/chat/p2+p0/0.",
            "  Person 0: (no words: failed (timeout))",
            "  Person 2: (no words: skipped because of e0/chat/p2+p0/1)",
            "  Person 0: (no words: skipped because of e0/chat/p2+p0/1)",
        ]

    def test_every_turn_stands_in_one(self, pairs: SimulationResult) -> None:
        rows = pairs.conversations
        ids = list(dict.fromkeys(row["conversation_id"] for row in rows))
        told = [turn for each in ids for turn in pairs.conversation(each).turns]

        assert len(ids) == 4
        assert [(turn.speaker_id, turn.text) for turn in told] == [(row["speaker_id"], row["message"]) for row in rows]
        for each in ids:
            assert [turn.number for turn in pairs.conversation(each).turns] == [0, 1, 2, 3]

    def test_namesakes_are_told_apart(self, run: SimulationResult, tmp_path: Path) -> None:
        path = copy_run(run, tmp_path)
        text = (path / "metadata.json").read_text("utf-8")
        (path / "metadata.json").write_text(text.replace('"Person 2"', '"Person 0"'), "utf-8")

        assert load_run(path).conversation("e0/chat/p2+p0").text(100).splitlines()[2:] == [
            "  Person 0 (p2): Person 2 says e0/chat/p2+p0/0.",
            "  Person 0 (p0): Person 0 says e0/chat/p2+p0/1.",
        ]

    def test_who_began_is_known_even_if_the_first_turn_is_lost(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, CONVERSATIONS, 1), skip_damaged=True)

        conversation = lenient.conversation("e0/chat/p2+p0")
        assert list(conversation.people) == ["p2", "p0"]
        assert [turn.number for turn in conversation.turns] == [1]

    def test_an_unknown_one_says_which_are_nearest(self, run: SimulationResult) -> None:
        assert why_not(run.conversation, "e0/chat/p0+p2") == (
            "there is no conversation 'e0/chat/p0+p2' in this run; nearest: e0/chat/p2+p0, e1/chat/p2+p0"
        )
        for wanted, near in {
            "e1/chat/p0": "e1/chat/p2+p0, e0/chat/p2+p0",
            "p2": "e0/chat/p2+p0, e1/chat/p2+p0",
            "e1/chat/p1+p2": "e1/chat/p2+p0, e0/chat/p2+p0",
        }.items():
            assert why_not(run.conversation, wanted).endswith(f" in this run; nearest: {near}")
        assert why_not(run.conversation, "zzzzzzzzz") == (
            "there is no conversation 'zzzzzzzzz' in this run; an id looks like this: e0/chat/p2+p0"
        )

    def test_who_talked_with_whom_goes_before_when(self, pairs: SimulationResult) -> None:
        talked = dict.fromkeys(row["conversation_id"] for row in pairs.conversations)
        first, second = ({each.partition("/chat/")[2] for each in talked if each[:2] == when} for when in ("e0", "e1"))
        couple = min(each for each in second if "+".join(reversed(each.split("+"))) not in first and each not in first)
        assert f"; nearest: e1/chat/{couple}, e0/chat/" in why_not(pairs.conversation, f"e0/chat/{couple}")

    def test_a_run_in_which_nobody_talks(self, tmp_path: Path) -> None:
        run = run_community(tmp_path, people=1)

        assert why_not(run.conversation, "x") == "no conversation is recorded in this run, so there is no 'x'"


class TestFeeds:
    def test_as_text(self, run: SimulationResult) -> None:
        assert str(run.feed(0)).splitlines() == [
            "Feed at the end of epoch 0: 3 posts",
            "  People thought with scripted.",
            "  Person 0: e0/post/p0, 2 likes, 0 dislikes",
            "    Person 0 says e0/post/p0.",
            "  Person 1: e0/post/p1, 0 likes, 0 dislikes",
            "    Person 1 says e0/post/p1.",
            "  Person 2: e0/post/p2, 0 likes, 0 dislikes",
            "    Person 2 says e0/post/p2.",
        ]

    def test_the_last_one_has_what_the_result_has(self, run: SimulationResult) -> None:
        posts = [(post.id, post.text, post.likes, post.dislikes) for post in run.feed(1).posts]
        assert posts == [(row["post_id"], row["content"], row["likes"], row["dislikes"]) for row in run.posts]

    @pytest.mark.parametrize("epoch", [2, -1, 10**20])
    def test_an_unknown_one_says_which_there_are(self, run: SimulationResult, epoch: int) -> None:
        assert why_not(run.feed, epoch) == f"epoch {epoch} is not recorded; recorded are 0, 1"

    def test_before_an_epoch_has_ended(self, run: SimulationResult, tmp_path: Path) -> None:
        (tmp_path / "metadata.json").write_bytes((run.path / "metadata.json").read_bytes())

        assert why_not(load_run(tmp_path).feed, 0) == "epoch 0 is not recorded; none has ended"


def call(task: str, **changes: Any) -> dict[str, Any]:
    return {
        "task": task,
        "act": "chat turn",
        "attempt": 1,
        "tries": 1,
        "outcome": "end",
        "model": "m-1",
        "system": ["Be brief.", "Be kind."],
        "user": ["Who are you?"],
        "reply": "Well,\nI think",
        "error": None,
        **changes,
    }


CALLS = [
    call("e0/belief/debate/p1", attempt=2, user=["Who are you, in JSON?"]),
    call("e0/belief/debate/p1", tries=2, reply="{half"),
    call("e0/belief/debate/p1", outcome="timeout", model=None, reply=None, error="read timed out"),
    call("e1/belief/chat/p2", outcome="refused", system=["Be long."], reply="No."),
]


class TestFailures:
    def test_as_text_without_calls(self, run: SimulationResult) -> None:
        assert str(run.failed_acts()).splitlines() == [
            "Without an answer: 7 acts",
            "  3 failed (timeout)",
            "  2 unreadable",
            "  2 refused",
            "  People thought with scripted.",
            "  Candidates and mediator thought with scripted.",
            "  Requests and replies: none are recorded, as this run has no",
            "    failed_calls.jsonl.",
            "",
            "e0/belief/debate/p1: update from debate unreadable",
            "  Answer as it came: Well,",
            "    I think",
            "",
            "e1/debate/t0/q0/t0/c1: statement failed (timeout)",
            "e1/belief/chat/p2: update from chat refused",
            "e1/post/p1: post failed (timeout)",
            "e1/react/p2: reaction refused",
            "e1/belief/social/p0: update from social media failed (timeout)",
            "",
            "ballot/p1: ballot unreadable",
            "  Answer as it came: Both!",
        ]

    def test_tries_that_went_the_same_way_are_told_together_and_their_error_above_all(
        self, run: SimulationResult, tmp_path: Path
    ) -> None:
        path, refused = copy_run(run, tmp_path), "timeout: Cannot connect to host here:1"
        gone = {"outcome": "connection", "model": None, "reply": None, "error": refused}
        tries = [call("e1/post/p1", tries=number, **gone) for number in range(1, 7)]
        lost = call("e1/belief/social/p0", **{**gone, "error": "reset"})
        also = call("e1/debate/t0/q0/t0/c1", **gone)
        write_lines(path / FAILED_CALLS, [*tries, lost, also])

        lines = str(load_run(path).failed_acts()).splitlines()

        assert lines[1] == "  3 failed (timeout): Cannot connect to host here:1 (2 of them)"
        start = lines.index("e1/post/p1: post failed (timeout)")
        assert lines[start + 1 : lines.index("", start)] == [
            "  Asked, tries 1 to 6: connection",
            "    Request: (the same as for the call before)",
            "    Reply: (there was none)",
            f"    Error: {refused}",
        ]

    def test_as_text_with_calls(self, run: SimulationResult, tmp_path: Path) -> None:
        path = copy_run(run, tmp_path)
        write_lines(path / FAILED_CALLS, CALLS)

        lines = str(load_run(path).failed_acts()).splitlines()

        start = lines.index("e0/belief/debate/p1: update from debate unreadable")
        assert lines[start + 1 : lines.index("", start)] == [
            "  Asked, try 1: timeout",
            "    System: Be brief.",
            "    System: Be kind.",
            "    Request: Who are you?",
            "    Reply: (there was none)",
            "    Error: read timed out",
            "  Asked, try 2, answered by m-1: end",
            "    Request: (the same as for the call before)",
            "    Reply: {half",
            "  Asked again, try 1, answered by m-1: end",
            "    System: (the same as for the call before)",
            "    Request: Who are you, in JSON?",
            "    Reply: Well,",
            "      I think",
        ]
        assert lines[1:4] == ["  3 failed (timeout)", "  2 unreadable", "  2 refused"]
        start = lines.index("e1/belief/chat/p2: update from chat refused")
        assert lines[start + 1 : start + 3] == ["  Asked, try 1, answered by m-1: refused", "    System: Be long."]
        start = lines.index("e1/react/p2: reaction refused")
        assert lines[start + 1] == "  No call of a model is recorded for it."
        assert not [line for line in lines if "none are recorded" in line]

    def test_what_was_skipped_was_never_asked(self, tmp_path: Path) -> None:
        run = run_spoken(tmp_path, {"e0/debate/t0/q0/question": Failed("timeout")})
        write_lines(run.path / FAILED_CALLS, [])

        text = load_run(run.path).failed_acts().text(100)

        assert "introduction skipped because of e0/debate/t0/q0/question\ne0/debate/t0/q0/t0/c0: statement" in text
        assert text.count("No call of a model is recorded for it.") == 1

    def test_they_are_those_the_result_lists(self, run: SimulationResult) -> None:
        acts = [(act.task, act.step, act.epoch, act.status, act.reason, act.raw_text) for act in run.failed_acts().acts]
        keys = ("task", "step", "epoch", "status", "reason", "raw_text")
        assert acts == [tuple(row[key] for key in keys) for row in run.failures]

    def test_nothing_failed(self, pairs: SimulationResult) -> None:
        assert str(pairs.failed_acts()).splitlines()[0] == "Without an answer: no acts"
        assert len(pairs.failed_acts().sections()) == 1
        assert "none are recorded" not in str(pairs.failed_acts())

    def test_words_for_acts_and_how_they_ended(self) -> None:
        assert name_act("chat_turn") == "chat turn"
        assert name_act("a_later_step") == "a_later_step"
        assert spell_status("not_asked", "nothing to say") == "not asked (nothing to say)"
        assert spell_status("skipped", "e0/x") == "skipped because of e0/x"
        assert spell_status("refused", "") == "refused"


class TestNearest:
    def test_the_most_alike_come_first_then_those_around(self) -> None:
        known = ["p012", "p021", "p112", "Ada Lind", "Adam Linde", "zzz"]

        assert find_nearest("p02", known) == ["p012", "p021", "p112"]
        assert find_nearest("ada lint", known) == ["Ada Lind", "Adam Linde"]
        assert find_nearest("linde", known) == ["Adam Linde", "Ada Lind"]
        assert find_nearest("ind", ["Ada Lind of the harbour"]) == ["Ada Lind of the harbour"]
        assert find_nearest("", known) == []
        assert find_nearest("q", known) == []

    def test_no_more_than_a_few_and_no_long_search(self) -> None:
        assert len(find_nearest("p1", [f"p1{number}" for number in range(1000)])) == MOST
        assert find_nearest("x" * 10_000, ["x" * 9_000 + "y"]) == ["x" * 9_000 + "y"]


class TestInANotebook:
    def test_words_stand_beside_who_said_them_and_long_parts_are_folded(self, run: SimulationResult) -> None:
        markup = run.debate("0.0.0")._repr_html_()
        assert "<tr><td>Aisha Noor</td><td>I say so.<br><br>And this: e0/debate/t0/q0/t0/c0.</td></tr>" in markup
        assert "<details>" not in markup
        story = run.story("p0")._repr_html_()
        assert "<details><summary><strong>Epoch 0, debates: heard 1 question, 2 statements</strong></summary>" in story
        assert "<p><strong>Epoch 0, after the debates</strong></p><table>" in story

    def test_all_that_is_told_as_text_is_in_the_markup(self, run: SimulationResult) -> None:
        for told in (run.conversation("e0/chat/p2+p0"), run.feed(1), run.failed_acts()):
            markup = told._repr_html_()
            for section in told.sections():
                assert section.title.replace("'", "&#x27;") in markup


# Helpers.


def copy_run(run: SimulationResult, folder: Path) -> Path:
    for file in run.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def damage(run: SimulationResult, folder: Path, file: str, number: int) -> Path:
    """Return a copy of a run in which a line of a file holds nonsense."""
    path = copy_run(run, folder)
    lines = (path / file).read_text("utf-8").splitlines(keepends=True)
    lines[number - 1] = "nonsense\n"
    (path / file).write_text("".join(lines), "utf-8")
    return path


def write_lines(file: Path, rows: list[Mapping[str, Any]]) -> None:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
