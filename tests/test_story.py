"""One person's story: told from the run directory alone, exactly, whole, and as text whatever the texts are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities import GameEngine, SimulationResult, load_run
from synthetic_communities.domain.belief import Opinion
from synthetic_communities.domain.outcome import Done, Failed
from synthetic_communities.domain.remark import Remark
from synthetic_communities.errors import RecordError, UsageError
from synthetic_communities.minds.views import View
from synthetic_communities.report.stories.life import BeliefStep, Update
from synthetic_communities.report.stories.outline import NAME_WIDTH, UNNAMED, Item, Section, set_text, spell_name
from synthetic_communities.report.stories.paragraphs import LONGEST_PIECE, wrap_text
from synthetic_communities.report.stories.telling import ToldSoFar, spell_change, update_section
from synthetic_communities.report.text import clean_text, measure_width
from synthetic_communities.runs.directory import (
    BALLOTS,
    BELIEFS,
    CONVERSATIONS,
    EPOCHS,
    EXPOSURES,
    METADATA,
    REACTIONS,
    USAGE,
)
from synthetic_communities.social_media import Post
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.markup import Reader
from tests.small_communities import make_config, make_engine, run_community, run_engine
from tests.spoken_communities import SMALL, TROUBLE, run_spoken, speak


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of three people in which acts fail in every way."""
    return run_spoken(tmp_path_factory.mktemp("spoken"), TROUBLE)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of nine people on two topics, offline, with a bound that is often met and conversations that fail."""
    script = {"e1/chat/*/1": Failed("timeout"), "e*/belief/debate/p3": Failed("timeout"), "e0/post/p4": Failed("x")}
    config = make_config(9, num_epochs=3, max_change_percentage=0.01, feed_size=4)
    return run_engine(make_engine(config, ScriptedMind(script)), tmp_path_factory.mktemp("busy"))


def sections_of(text: str) -> dict[str, list[str]]:
    """Return title to the lines below it."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert len({block[0] for block in blocks}) == len(blocks), "two sections have the same title"
    return {block[0]: block[1:] for block in blocks}


# The text.


def test_the_whole_story_as_text(run: SimulationResult) -> None:
    assert str(run.story("p0")).splitlines() == [
        "Person 0 (p0)",
        f"  Run {run.path.name}. Complete: 2 of 2 epochs ended, the ballots are in.",
        "  People thought with scripted.",
        "",
        "Attributes",
        "  susceptibility: 0.844422",
        "  turnout_propensity: 0.757954",
        "  personality_traits.openness: 0.420572",
        "  prior_beliefs.t0: -0.482166",
        "",
        "All in all",
        "  Rents: +0.50 to -0.10; debates +0.30, conversations -1.00, feed +0.10",
        "",
        "Opening opinion",
        "  Rents: +0.50; prefers Aisha Noor on it",
        '    "I stand at 0.5."',
        "  First choice: Aisha Noor",
        "",
        "Epoch 0, debates: heard 1 question, 2 statements",
        "  On Rents, e0/debate/t0/q0",
        "    Question: What of e0/debate/t0/q0/question?",
        "    Mediator: Good evening.",
        "    Aisha Noor: I say so.",
        "      And this: e0/debate/t0/q0/t0/c0.",
        "    Johan Berg: I say so.",
        "      And this: e0/debate/t0/q0/t0/c1.",
        "",
        "Epoch 0, after the debates",
        "  Rents: +0.50 -> +0.40 (-0.10); prefers Aisha Noor on it",
        '    "I stand at 0.4."',
        "  First choice: Aisha Noor",
        "",
        "Epoch 0, conversation of Person 2 (p2) and Person 0 (p0), e0/chat/p2+p0: 1",
        "    round, 2 turns",
        "  Person 2: Person 2 says e0/chat/p2+p0/0.",
        "  Person 0: Person 0 says e0/chat/p2+p0/1.",
        "",
        "Epoch 0, after the conversation",
        "  Rents: +0.40 -> -0.10 (-0.50); asked for -0.30, held back by the bound on one",
        "    update; prefers Aisha Noor on it",
        '    "I stand at -0.3."',
        "  First choice: Johan Berg; before: Aisha Noor",
        "",
        "Epoch 0, own post e0/post/p0: 2 likes, 0 dislikes in the end",
        '  "Person 0 says e0/post/p0."',
        "",
        "Epoch 0, feed: read 2 posts",
        "  Person 2: e0/post/p2, 0 likes, 0 dislikes; considered it, no reaction",
        "    Person 2 says e0/post/p2.",
        "  Person 1: e0/post/p1, 0 likes, 0 dislikes; considered it, no reaction",
        "    Person 1 says e0/post/p1.",
        "",
        "Epoch 0, after the feed",
        "  Rents: -0.10 -> +0.00 (+0.10); prefers Aisha Noor on it",
        '    "I stand at 0.0."',
        "  First choice: Johan Berg",
        "",
        "Epoch 1, debates: heard 1 question, 1 statement",
        "  On Rents, e1/debate/t0/q0",
        "    Question: What of e1/debate/t0/q0/question?",
        "    Mediator: Good evening.",
        "    Aisha Noor: I say so.",
        "      And this: e1/debate/t0/q0/t0/c0.",
        "",
        "Epoch 1, after the debates",
        "  Rents: +0.00 -> +0.40 (+0.40); prefers Aisha Noor on it",
        '    "I stand at 0.4."',
        "  First choice: Aisha Noor; before: Johan Berg",
        "",
        "Epoch 1, conversation of Person 2 (p2) and Person 0 (p0), e1/chat/p2+p0: 1",
        "    round, 2 turns",
        "  Person 2: Person 2 says e1/chat/p2+p0/0.",
        "  Person 0: Person 0 says e1/chat/p2+p0/1.",
        "",
        "Epoch 1, after the conversation",
        "  Rents: +0.40 -> -0.10 (-0.50); asked for -0.30, held back by the bound on one",
        "    update; prefers Aisha Noor on it",
        '    "I stand at -0.3."',
        "  First choice: Johan Berg; before: Aisha Noor",
        "",
        "Epoch 1, feed read before posting: read 2 posts",
        "  Person 1: e0/post/p1, 0 likes, 0 dislikes; read before, see above",
        "  Person 2: e0/post/p2, 0 likes, 0 dislikes; read before, see above",
        "",
        "Epoch 1, own post e1/post/p0: 1 like, 0 dislikes in the end",
        '  "Person 0 says e1/post/p0."',
        "",
        "Epoch 1, feed: read 3 posts",
        "  Person 2: e1/post/p2, 0 likes, 0 dislikes; considered it, no reaction",
        "    Person 2 says e1/post/p2.",
        "  Person 1: e0/post/p1, 0 likes, 0 dislikes; considered it, no reaction; read",
        "    before, see above",
        "  Person 2: e0/post/p2, 0 likes, 0 dislikes; considered it, no reaction; read",
        "    before, see above",
        "",
        "Epoch 1, after the feed",
        "  Rents: unchanged at -0.10; failed (timeout)",
        "  First choice: Johan Berg",
        "",
        "Ballot",
        "  Vote: Johan Berg",
        "  Order shown: Aisha Noor, Johan Berg",
        "  First choice: Johan Berg",
        '  Reason: "Because."',
    ]


def test_what_went_wrong_is_told_where_it_did(run: SimulationResult) -> None:
    second, third = (sections_of(str(run.story(who))) for who in ("p1", "p2"))

    assert second["Epoch 0, after the debates"] == [
        "  Rents: unchanged at +0.50; unreadable",
        "  First choice: Aisha Noor",
        "  Answer as it came: Well,",
        "    I think",
    ]
    assert second["Epoch 1, no post of its own: failed (timeout)"] == []
    assert second["Ballot"] == [
        "  Vote: none: unreadable",
        "  Order shown: Aisha Noor, Johan Berg",
        "  First choice: Johan Berg",
        "  Answer as it came: Both!",
    ]
    assert third["Epoch 1, after the conversation"] == [
        "  Rents: unchanged at +0.40; refused",
        "  First choice: Aisha Noor",
    ]
    assert "  Person 0: e1/post/p0, 0 likes, 0 dislikes; considered it: refused" in third["Epoch 1, feed: read 3 posts"]
    assert "Epoch 0, conversation" not in " ".join(second), "one of three people is alone"


def test_posts_had_at_the_time_what_they_have_in_the_story(run: SimulationResult) -> None:
    (first, second) = run.story("p1").life.epochs

    assert [(post.id, post.likes) for post in first.read] == [("e0/post/p0", 0), ("e0/post/p2", 0)]
    assert [(post.id, post.likes) for post in second.read_before_posting] == [("e0/post/p0", 2), ("e0/post/p2", 0)]
    own = run.story("p0").life.epochs
    assert [post.likes for epoch in own if (post := epoch.post)] == [2, 1], "at the end of the run"


def test_a_turn_without_words_and_those_skipped_after_it(tmp_path: Path) -> None:
    run = run_spoken(tmp_path, {"e0/chat/p2+p0/1": Failed("timeout")}, num_rounds_mean=2)

    told = sections_of(run.story("p0").text(100))
    assert told["Epoch 0, conversation of Person 2 (p2) and Person 0 (p0), e0/chat/p2+p0: 2 rounds, 1 turn"] == [
        "  Person 2: Person 2 says e0/chat/p2+p0/0.",
        "  Person 0: (no words: failed (timeout))",
        "  Person 2: (no words: skipped because of e0/chat/p2+p0/1)",
        "  Person 0: (no words: skipped because of e0/chat/p2+p0/1)",
    ]


def test_a_drawn_prior_is_told_of_once_and_an_absent_opinion_as_absent(tmp_path: Path) -> None:
    offline = run_engine(make_engine(make_config(2)), tmp_path / "a")
    text = str(offline.story("p0"))

    assert text.count("rests on a prior drawn from the seed") == 1
    assert "  People thought with the offline mind: no model was asked, its words are" in text.splitlines()
    lost = {"opening/opinion/p0": Failed("timeout"), "e0/belief/debate/p0": Failed("timeout")}
    told = sections_of(str(run_spoken(tmp_path / "b", lost).story("p0")))
    assert told["Opening opinion"] == ["  Rents: no stance; failed (timeout)", "  First choice: none"]
    assert told["All in all"] == ["  Rents: -0.30 to +0.00; debates +0.40, conversations -0.50, feed +0.40"]
    assert told["Epoch 0, after the conversation"][0] == "  Rents: -0.30; prefers Aisha Noor on it"


def test_an_abstention_and_a_ballot_nobody_asked_for(run: SimulationResult, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    path = copy_run(run, tmp_path / "run")
    change_lines(path / BALLOTS, lambda row: {**row, "status": "abstained", "candidate_id": None})
    assert sections_of(str(load_run(path).story("p0")))["Ballot"][0] == "  Vote: abstained"
    change_lines(path / BALLOTS, lambda row: {**row, "status": "not_asked", "reason": "the run was broken off"})
    told = sections_of(str(load_run(path).story("p0")))["Ballot"]
    assert told[0] == "  Vote: none: not asked (the run was broken off)"
    assert not [line for line in told if "Reason" in line]


def test_a_change_that_is_small_is_not_told_as_none() -> None:
    assert [spell_change(change) for change in (0.0, 0.5, -0.005, 0.0049, -0.0003)] == [
        *("+0.00", "+0.50", "-0.01", "+0.005", "-0.0003"),
    ]


def test_lines_take_the_room_there_is(run: SimulationResult) -> None:
    story = run.story("p0")

    for width, room in ((10, 40), (40, 40), (61, 61), (100, 100), (1000, 100)):
        lines = story.text(width).splitlines()
        assert max(map(len, lines)) <= room
        assert " ".join(" ".join(lines).split()) == " ".join(str(story).split()), "nothing is left out"


# The values.


@pytest.mark.parametrize("who", [f"p{number}" for number in range(9)])
def test_stances_are_carried_from_step_to_step(busy: SimulationResult, who: str) -> None:
    story = busy.story(who)
    for topic_id in ("t0", "t1"):
        steps = [belief for update in story.updates() for belief in update.beliefs if belief.topic_id == topic_id]
        rows = [row for row in busy.beliefs if (row["persona_id"], row["topic_id"]) == (who, topic_id)]
        assert [step.after for step in steps] == [row["after"] for row in rows]
        assert all(one.after == other.before for one, other in pairwise(steps))
        for step in steps:
            assert step.change == (None if step.before is None else pytest.approx(step.after - step.before, abs=1e-6))


@pytest.mark.parametrize("who", [f"p{number}" for number in range(9)])
def test_what_moved_a_belief_adds_up_to_the_whole_change(busy: SimulationResult, who: str) -> None:
    ways = busy.story(who).ways()

    assert [way.topic_id for way in ways] == ["t0", "t1"]
    for way in ways:
        assert way.first is not None
        assert way.last is not None
        assert sum(way.moved.values()) == pytest.approx(way.last - way.first, abs=1e-5)
    ends = {row["persona_id"]: row for row in busy.people}[who]
    assert [(way.first, way.last) for way in ways] == [(ends[f"{t}.before"], ends[f"{t}.after"]) for t in ("t0", "t1")]


@pytest.mark.parametrize("who", [f"p{number}" for number in range(9)])
def test_everything_somebody_said_heard_and_did_is_in_its_story(busy: SimulationResult, who: str) -> None:
    story = busy.story(who)
    epochs = story.life.epochs
    own = [post for epoch in epochs if (post := epoch.post)]

    assert [epoch.epoch for epoch in epochs] == [0, 1, 2]
    assert [(post.id, post.text) for post in own] == [
        (row["post_id"], row["content"]) for row in busy.posts if row["persona_id"] == who
    ]
    said = [row["message"] for row in busy.conversations if row["speaker_id"] == who and row["status"] == "done"]
    turns = [turn for epoch in epochs if epoch.conversation for turn in epoch.conversation.turns]
    assert [turn.text for turn in turns if turn.speaker_id == who and turn.status == "done"] == said
    reactions = [(each.post_id, each.reaction) for epoch in epochs for each in epoch.considered]
    assert Counter(reactions) == Counter(
        (row["post_id"], row["reaction"]) for row in busy.reactions if row["persona_id"] == who
    )
    shown = {(row["epoch"], row["step"]): row["shown"] for row in busy.exposures if row["persona_id"] == who}
    for epoch in epochs:
        assert [post.id for post in epoch.read] == shown.get((epoch.epoch, "feed"), [])
        assert [post.id for post in epoch.read_before_posting] == shown.get((epoch.epoch, "post"), [])
        assert [debate.id for debate in epoch.debates] == shown.get((epoch.epoch, "debate"), [])
        assert epoch.debates_unrecorded == ()
    (ballot,) = [row for row in busy.ballots if row["persona_id"] == who]
    assert story.life.ballot is not None
    assert (story.life.ballot.status, story.life.ballot.reason) == (ballot["status"], ballot["reason"])


@pytest.mark.parametrize("who", [f"p{number}" for number in range(9)])
def test_every_post_stands_there_as_it_was_shown(busy: SimulationResult, who: str) -> None:
    words = {row["post_id"]: (row["persona_id"], row["content"]) for row in busy.posts}
    counts = [{post["id"]: post for post in epoch["newsfeed"]["posts"]} for epoch in busy.epochs]
    for epoch in busy.story(who).life.epochs:
        before = counts[epoch.epoch - 1] if epoch.epoch else {}
        for post in (*epoch.read_before_posting, *epoch.read):
            then = before.get(post.id, {"likes": 0, "dislikes": 0})
            assert (post.author_id, post.text) == words[post.id]
            assert (post.likes, post.dislikes) == (then["likes"], then["dislikes"])


def test_the_story_is_read_from_the_run_directory_alone(run: SimulationResult, tmp_path: Path) -> None:
    assert load_run(copy_run(run, tmp_path)).story("p2") == run.story("p2")


def test_posts_that_were_there_before_the_run(tmp_path: Path) -> None:
    engine: GameEngine = make_engine(make_config(2, num_epochs=1), ScriptedMind(speak))
    engine.social_media.add_post(Post("old-1", "p0", "Mine, from before.", likes=3, dislikes=1))
    engine.social_media.add_post(Post("old-2", "somebody", "From elsewhere.", likes=5))
    run = run_engine(engine, tmp_path)

    mine, other = sections_of(str(run.story("p0"))), sections_of(str(run.story("p1")))

    assert mine["Own posts from before the run, with their reactions in the end"] == [
        "  Person 0: old-1, 4 likes, 1 dislike",
        "    Mine, from before.",
    ]
    assert mine["Epoch 0, own post e0/post/p0: 1 like, 0 dislikes in the end"] == ['  "Person 0 says e0/post/p0."']
    assert "  somebody: old-2, reactions not recorded" in other["Epoch 0, feed read before posting: read 2 posts"]


def test_rows_go_into_data_frames_as_they_are(busy: SimulationResult) -> None:
    story = busy.story("p3")
    rows, words = story.rows(), story.words()

    frame = pandas.DataFrame(rows)
    assert list(frame.columns) == list(rows[0])
    assert frame[frame.topic_id == "t0"].change.sum() == pytest.approx(
        frame.after.iloc[len(frame) // 2 - 1] - frame.after.iloc[0]
    )
    assert polars.DataFrame(rows).schema["after"] == polars.Float64
    assert set(polars.DataFrame(words)["kind"]) == {
        *("question", "introduction", "statement", "chat turn", "post read", "own post", "ballot")
    }
    assert {tuple(row) for row in (*rows, *words)} == {tuple(rows[0]), tuple(words[0])}
    assert [row["epoch"] for row in words] == sorted(row["epoch"] for row in words)
    kept = ("epoch", "step", "topic_id", "before", "asked_for", "after", "clamped", "sentence", "status", "reason")
    own = [row for row in busy.beliefs if row["persona_id"] == "p3"]
    assert [[row[key] for key in kept] for row in rows] == [[row[key] for key in kept] for row in own]


def test_types_are_settled_where_a_hundred_rows_leave_them_open(tmp_path: Path) -> None:
    def answer(view: View) -> Reply:
        reply = speak(view)
        if isinstance(reply, Done) and isinstance(reply.value, Opinion):
            return Done(Opinion((replace(reply.value.beliefs[0], topic_id="t1"),)))
        return reply

    run = run_community(tmp_path, ScriptedMind(answer), people=2, num_epochs=51, questions_per_topic=0)
    rows = run.story("p0").rows()

    assert [row["topic_id"] for row in rows] == ["t1"] * 103 + ["t0"] * 103
    assert {row["after"] for row in rows[103:]} == {None}
    assert polars.DataFrame(rows).schema["after"] == polars.Float64


def test_a_ballot_without_an_answer_has_no_words(tmp_path: Path) -> None:
    run = run_spoken(tmp_path, {"ballot/p0": Failed("timeout")})

    row = run.story("p0").words()[-1]
    assert (row["kind"], row["text"], row["status"], row["reason"]) == ("ballot", "", "failed", "timeout")
    assert run.story("p1").words()[-1]["text"] == "Because."


def test_words_tell_who_said_what_and_how_it_was_taken(run: SimulationResult) -> None:
    words = run.story("p1").words()

    read = [row for row in words if row["kind"] == "post read" and row["epoch"] == 0]
    assert [(row["speaker"], row["text"], row["reaction"], row["status"]) for row in read] == [
        ("Person 0", "Person 0 says e0/post/p0.", "thumbs_up", "done"),
        ("Person 2", "Person 2 says e0/post/p2.", "", "done"),
    ]
    assert words[-1] | {"kind": "ballot", "text": "", "status": "unreadable", "speaker_id": "p1"} == words[-1]


# Who is meant.


def test_a_name_that_one_person_has_will_do(run: SimulationResult) -> None:
    assert run.story("Person 1") == run.story("p1")


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ("p9", "nobody in this run has the id or the name 'p9'; nearest ids: p0, p1, p2"),
        ("person 7", "nobody in this run has the id or the name 'person 7'; nearest names: "),
        ("zzz", "nobody in this run has the id or the name 'zzz'; there are p0, p1, p2"),
        ("", "nobody in this run has the id or the name ''; there are p0, p1, p2"),
    ],
)
def test_an_unknown_person(run: SimulationResult, who: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        run.story(who)
    assert str(error.value).startswith(message)


def test_nearest_are_ids_and_names(run: SimulationResult) -> None:
    with pytest.raises(UsageError, match=r"nearest names: Person 1 \(p1\), Person 0 \(p0\), Person 2 \(p2\)$"):
        run.story("PERSON 11")


def test_a_name_that_several_have_names_none(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    change_metadata(path, lambda value: [person.update(name="Ada") for person in value["population"]])

    with pytest.raises(UsageError, match=r"^3 people are called Ada: p0, p1, p2; give the id of one of them$"):
        load_run(path).story("Ada")
    assert load_run(path).story("p1").name == "Ada"


def test_of_many_people_ten_are_named(tmp_path: Path) -> None:
    people = run_engine(make_engine(make_config(14, num_epochs=1), ScriptedMind(speak)), tmp_path)

    with pytest.raises(UsageError, match=r"there are p0, p1, .*, p9 and 4 more$"):
        people.story("zzz")


# Partial and damaged runs.


def test_a_partial_run_has_a_story_and_says_partial(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    (path / USAGE).unlink()
    (path / BALLOTS).unlink()
    for file in path.glob("*.jsonl"):
        lines = [line for line in file.read_text("utf-8").splitlines() if json.loads(line).get("epoch", 0) == 0]
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    story = load_run(path).story("p0")

    text = " ".join(str(story).split())
    assert "Partial (still running, or killed): 1 of 2 epochs ended, no ballot was held." in text
    assert "Epoch 0, after the feed" in text
    assert "Epoch 1" not in text
    assert "Ballot" not in text
    assert not story.extent.is_complete


def test_a_run_that_has_only_begun(run: SimulationResult, tmp_path: Path) -> None:
    (tmp_path / METADATA).write_text((run.path / METADATA).read_text("utf-8"), "utf-8")

    story = load_run(tmp_path).story("p0")

    assert list(sections_of(str(story))) == ["Person 0 (p0)", "Attributes"]
    assert (story.rows(), story.words(), story.ways()) == ([], [], [])


@pytest.mark.parametrize(
    ("file", "number"),
    [(BELIEFS, 3), (EPOCHS, 2), (EXPOSURES, 1), (REACTIONS, 1), (BALLOTS, 2), (CONVERSATIONS, 1)],
)
def test_a_damaged_line_is_an_error_or_is_named(run: SimulationResult, tmp_path: Path, file: str, number: int) -> None:
    path = copy_run(run, tmp_path)
    lines = (path / file).read_text("utf-8").splitlines(keepends=True)
    lines[number - 1] = "{]\n"
    (path / file).write_text("".join(lines), "utf-8")

    with pytest.raises(RecordError, match=rf"{file}:{number} is damaged"):
        load_run(path).story("p0")
    lenient = load_run(path, skip_damaged=True)
    assert str(lenient.story("p0")).startswith("Person 0 (p0)\n")
    assert [damage.split(" is damaged")[0] for damage in lenient.damages] == [f"{path / file}:{number}"]


def test_words_that_are_lost_are_said_to_be_lost(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    first, second = (path / EPOCHS).read_text("utf-8").splitlines()
    (path / EPOCHS).write_text(f"{first}\nnonsense\n", "utf-8")

    told = sections_of(str(load_run(path, skip_damaged=True).story("p0")))

    assert told["Epoch 1, debates: heard 0 questions, 0 statements"] == [
        "  e1/debate/t0/q0: its words are not recorded"
    ]
    posts = told["Epoch 1, feed: read 3 posts"]
    lost = "e1/post/p2, reactions not recorded; considered it, no reaction; its words are not recorded"
    assert lost in " ".join(" ".join(posts).split())
    assert "  Person 2: e0/post/p2, 0 likes, 0 dislikes; considered it, no reaction; read" in posts
    (path / EPOCHS).write_text(f"nonsense\n{second}\n", "utf-8")
    later = load_run(path, skip_damaged=True).story("p0").life.epochs[1].read
    likes = {post.id: post.likes for post in later}
    assert likes == {"e1/post/p2": 0, "e0/post/p2": None, "e0/post/p1": None}, "what epoch 0 would tell is lost"


# Texts are text.

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table></div><b>",
    "\x1b[31mred\x1b]0;title\x07",
    "two\nlines\r\nand\u2028three\x85four\ttabbed",
    "\u202egnp.exe\u2066\u200f",
    "שלום <b>עולם</b>",
    "[bold]markup[/bold] {0} %s",
    "x" * 10_000,
    "\u0301" * 2_000,
    "東京都知事" * 400,
    "\x00\x9b half \ud800 a pair",
)


def is_harmless(character: str) -> bool:
    return clean_text(f"a{character}b") == f"a{character}b" or character == " "


def assert_harmless(text: str) -> None:
    """Hold what is printed against what a terminal may be sent: lines of what prints, and not too wide."""
    assert all(character == "\n" or is_harmless(character) for character in set(text))
    assert max(map(measure_width, text.splitlines())) <= 80
    assert max(map(len, text.splitlines())) <= LONGEST_PIECE * 80 + 80
    text.encode()


def assert_plain_markup(markup: str) -> None:
    page = Reader(markup)
    assert page.is_whole
    assert set(page.tags) <= {
        *("div", "style", "p", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td"),
        *("details", "summary", "code", "br", "bdi"),
    }
    assert {name for name, _ in page.attributes} <= {"class"}
    assert {value for _, value in page.attributes} <= {"synthetic-communities", "number", "quiet"}
    assert all(is_harmless(character) for character in set(page.text))


@pytest.fixture(scope="module", params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, SimulationResult]:
    """A text, and a run in which it is every name, every attribute and everything anybody says."""
    text: str = request.param

    def answer(view: View) -> Reply:
        reply = speak(view)
        match reply:
            case Done(Remark()):
                return Done(Remark(text))
            case _:
                return TROUBLE.get(view.key, reply)

    engine = make_engine(make_config(**{**SMALL, "num_epochs": 1, "people": 3}), ScriptedMind(answer))
    run = run_engine(engine, tmp_path_factory.mktemp("hostile"))
    change_metadata(run.path, lambda value: poison(value, text))
    for file, keys in (
        (BELIEFS, ("sentence", "vote", "first_choice")),
        (BALLOTS, ("candidate_name", "reason", "raw_text")),
    ):
        change_lines(run.path / file, lambda row, keys=keys: {**row, **dict.fromkeys(keys, text)})  # type: ignore[misc]
    return text, load_run(run.path)


def poison(metadata: dict[str, Any], text: str) -> None:
    for person in metadata["population"]:
        person["name"] = text
        person["demographics"] = {text[:50]: text, "nested": {text[:50]: [text, 1]}, "name": "another"}
    for named in (*metadata["candidates"], *metadata["topics"]):
        named["name"] = named["title"] = text
    metadata["provenance"]["mind"] = metadata["provenance"]["mind_because"] = text


def test_hostile_texts_are_shown_as_text(hostile: tuple[str, SimulationResult]) -> None:
    text, run = hostile
    story = run.story("p1")

    assert_harmless(str(story))
    assert_plain_markup(story._repr_html_())
    said = "".join(clean_text(text).split())
    told = "".join(str(story).split())
    assert said in told or measure_width(said) == 0, "words are shown whole"


def test_hostile_texts_do_not_change_who_says_what(hostile: tuple[str, SimulationResult]) -> None:
    _, run = hostile
    lines = str(run.story("p0")).splitlines()

    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads[1:] == [
        *("Attributes", "All in all", "Opening opinion", "Epoch 0, debates: heard 1 question, 2 statements"),
        "Epoch 0, after the debates",
        *(head for head in heads if head.startswith("Epoch 0, conversation of ")),
        "Epoch 0, after the conversation",
        "Epoch 0, own post e0/post/p0: 2 likes, 0 dislikes in the end",
        *("Epoch 0, feed: read 2 posts", "Epoch 0, after the feed", "Ballot"),
    ]


def test_hostile_texts_leave_a_result_plain(hostile: tuple[str, SimulationResult]) -> None:
    _, run = hostile
    change_lines(run.path / BELIEFS, lambda row: {**row, "first_choice": None})
    change_lines(run.path / BALLOTS, lambda row: {**row, "candidate_id": "c1", "status": "choice"})

    assert_plain_markup(load_run(run.path)._repr_html_())


@given(st.text(), st.integers(10, 60))
def test_any_text_is_wrapped_whole_and_fits(text: str, width: int) -> None:
    lines = list(wrap_text(text, width, first="  ", rest="    "))

    assert "".join("".join(lines).split()) == "".join("".join(map(clean_text, text.splitlines())).split())
    assert all(measure_width(line) <= width for line in lines)
    assert all(line.startswith("    ") for line in lines[1:])
    assert [line[:3] for line in lines[:1]] == [f"  {line[2]}" for line in lines[:1]]
    assert all(is_harmless(character) for line in lines for character in line)


def test_lines_are_filled_and_words_broken_only_where_they_must_be() -> None:
    assert list(wrap_text("one two three\n\n  four", 11, rest="  ")) == ["one two", "  three", "  four"]
    assert list(wrap_text("a" * 10 + " b", 6)) == ["aaaaaa", "aaaa b"]
    assert list(wrap_text("東京都知事", 6, rest="- ")) == ["東京", "- 都知", "- 事"]
    assert list(wrap_text("\u0301" * 30, 5)) == ["\u0301" * 20, "\u0301" * 10]
    assert list(wrap_text(" \n\x00", 10)) == []


def test_names_are_cut_and_ids_are_not() -> None:
    assert measure_width(spell_name("x" * 1000)) == NAME_WIDTH
    assert spell_name("\x00\u202e") == UNNAMED
    text = set_text([Section("id " + "y" * 1000, (Item("z" * 1000, "n" * 1000),))], 80)
    counts = Counter(text)
    assert (counts["y"], counts["z"]) == (1000, 1000)
    assert counts["n"] < NAME_WIDTH


def test_sections_stand_apart_unless_they_are_but_titles() -> None:
    sections = [Section("a", (Item("1"),)), Section("b", ()), Section("c", ()), Section("", (Item("2"),))]

    assert set_text(sections, 80).splitlines() == ["a", "  1", "", "b", "c", "", "2"]
    assert set_text([Section("one\nline", ())], 80) == "one line\n"


def test_words_that_look_like_facts_stand_further_in_and_after_all_of_them() -> None:
    belief = BeliefStep(
        "t0",
        "Rents",
        epoch=0,
        step="opening",
        before=None,
        after=0.5,
        change=None,
        asked_for=0.5,
        clamped=False,
        sentence='x"\nFirst choice: Johan Berg\n\nEpoch 9, debates',
        vote="Aisha",
        first_choice="Aisha",
        drawn=False,
        status="done",
        reason="",
        source="",
    )

    section = update_section("Opening opinion", Update("opening", (belief,), raw_text=""), ToldSoFar())

    assert set_text([section], 80).splitlines() == [
        "Opening opinion",
        "  Rents: +0.50; prefers Aisha on it",
        '    "x"',
        "    First choice: Johan Berg",
        '    Epoch 9, debates"',
        "  First choice: Aisha",
    ]


# Helpers.


def copy_run(run: SimulationResult, folder: Path) -> Path:
    for file in run.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def change_lines(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rows = [change(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def change_metadata(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    metadata = json.loads((path / METADATA).read_text("utf-8"))
    change(metadata)
    (path / METADATA).write_text(json.dumps(metadata), "utf-8")
