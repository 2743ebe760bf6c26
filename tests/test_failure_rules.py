"""Every kind of act fails in turn: what goes on, what is skipped, what is recorded, and that nothing is invented."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Belief, Opinion
from synthetic_communities.domain.feed import Reactions
from synthetic_communities.domain.outcome import Answer, Done, Failed, NotAsked, Refused, Unreadable
from synthetic_communities.domain.remark import Remark
from synthetic_communities.errors import UsageError
from synthetic_communities.minds import views
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.views import View
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.small_communities import (
    failures_by_task,
    lines_of,
    make_config,
    make_engine,
    read_json,
    run_community,
    run_engine,
)

STEPS: dict[str, type[View]] = {
    "opening_position": views.PositionView,
    "opening_opinion": views.OpeningView,
    "reading": views.ReadingView,
    "question": views.QuestionView,
    "introduction": views.IntroductionView,
    "statement": views.StatementView,
    "reflection": views.ReflectionView,
    "debate_update": views.DebateUpdateView,
    "chat_turn": views.ChatTurnView,
    "chat_update": views.ChatUpdateView,
    "post": views.PostView,
    "reaction": views.ReactionView,
    "social_update": views.SocialUpdateView,
    "ballot": views.BallotView,
}

UPDATES = {"opening_opinion": "opening", "debate_update": "debate", "chat_update": "chat", "social_update": "social"}

SECRET = "request 0xC0FFEE at 12:34:56"
"""What belongs in a log: no file of the record may hold it."""


@dataclass(frozen=True)
class Mode:
    """A way for an act to fail, and what the record says of it."""

    reply: Reply
    status: str
    reason: str = ""
    raw_text: str | None = None
    delay_seconds: float = 1.0


MODES = {
    "failed": Mode(Failed("connection", SECRET), "failed", "connection"),
    "refused": Mode(Refused(SECRET), "refused"),
    "unreadable": Mode(Unreadable("???"), "unreadable", raw_text="???"),
    "exception": Mode(ValueError(SECRET), "failed", "ValueError"),
    "timeout": Mode(None, "failed", "timeout", delay_seconds=9.0),
}
TIMEOUT_SECONDS = 5.0

QUESTION = r"(e\d)/debate/(t\d)/(q\d)"

SKIPPED: dict[str, dict[str, str]] = {
    "question": {
        rf"{QUESTION}/(introduction|t\d/.*|reflection/.*)": r"\1/debate/\2/\3/question",
        r"(e\d)/belief/debate/.*": r"\1/debate/t0/q0/question",
    },
    "chat_turn": {r"(e\d/chat/.*)/[1-9]": r"\1/0", r"(e\d)/belief/chat/(.*)": r"\1/chat/<pair of \2>/0"},
}
"""Step all of which fails, to what is skipped then, and the key that caused it."""

NOTHING_TO_ASK: dict[str, str] = {"post": r"e1/read/.*|e\d/react/.*|e\d/belief/social/.*"}
"""Step all of which fails, to the acts for which nothing is left to ask."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> ScriptedMind:
    """A mind that was asked everything that is asked when nothing fails."""
    mind = ScriptedMind()
    result = run_community(tmp_path_factory.mktemp("undisturbed"), mind)
    assert not result.failures
    return mind


def fail_step(step: str, mode: Mode) -> ScriptedMind:
    """Return a mind that fails at every act of a step."""
    failing = STEPS[step]
    return ScriptedMind(
        {failing: mode.reply}, delay_seconds=lambda view: mode.delay_seconds if isinstance(view, failing) else 1.0
    )


def conversations_of(keys: list[str]) -> dict[tuple[str, str], str]:
    """Return epoch and persona to what the keys of its conversation begin with, from the keys of chat turns."""
    turns = (re.fullmatch(r"((e\d)/chat/(\w+)\+(\w+))/0", key) for key in keys)
    return {(turn[2], who): turn[1] for turn in turns if turn for who in (turn[3], turn[4])}


def expected_skips(step: str, keys: list[str]) -> dict[str, str]:
    """Return key to cause of everything that is skipped when all acts of a step fail."""
    conversation_of = conversations_of(keys)
    skips = {}
    for key in keys:
        for pattern, template in SKIPPED.get(step, {}).items():
            if match := re.fullmatch(pattern, key):
                cause = match.expand(template)
                epoch = cause.split("/")[0]
                skips[key] = re.sub(r"e\d/chat/<pair of (\w+)>", lambda m, e=epoch: conversation_of[e, m[1]], cause)
    return skips


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("step", STEPS)
def test_when_a_step_fails_what_waits_for_it_goes_on_or_is_skipped(
    step: str, mode: Mode, tmp_path: Path, undisturbed: ScriptedMind
) -> None:
    mind = fail_step(step, mode)
    result = run_community(tmp_path, mind, call_timeout_seconds=TIMEOUT_SECONDS)

    every_key = undisturbed.asked_keys
    skips = expected_skips(step, every_key)
    left = [key for key in every_key if key not in skips and not re.fullmatch(NOTHING_TO_ASK.get(step, "-"), key)]
    assert sorted(mind.asked_keys) == sorted(left)

    asked = [view for view in undisturbed.asked if view.key in left]
    failed = {view.key: (mode.status, mode.reason) for view in asked if isinstance(view, STEPS[step])}
    skipped = {key: ("skipped", cause) for key, cause in skips.items()}
    rows = failures_by_task(result)
    recorded = {key: (row["status"], row["reason"]) for key, row in rows.items()}
    assert failed
    assert recorded == ({} if step == "ballot" else failed | skipped)
    assert {row["raw_text"] for row in rows.values() if row["status"] != "skipped"} <= {mode.raw_text}
    assert all(row["epoch"] == int(key[1]) for key, row in rows.items() if key.startswith("e"))
    assert_secret_is_kept(result)


def assert_secret_is_kept(result: SimulationResult) -> None:
    """Assert that no file of a run, measured or not, holds what only a log may hold."""
    for file in result.path.iterdir():
        assert SECRET not in file.read_text(encoding="utf-8"), file.name


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("step", UPDATES)
def test_a_failed_update_leaves_the_belief_as_it_was_and_says_so(step: str, mode: Mode, tmp_path: Path) -> None:
    result = run_community(tmp_path, fail_step(step, mode), call_timeout_seconds=TIMEOUT_SECONDS)

    failed = [row for row in lines_of(result, "beliefs") if row["step"] == UPDATES[step]]
    epochs = 1 if step == "opening_opinion" else 2
    people = 4 if step == "chat_update" else 5
    assert len(failed) == epochs * people * 2
    for row in failed:
        assert (row["status"], row["reason"], row["source"]) == (mode.status, mode.reason, None)
        assert row["after"] == row["before"]
        assert row["asked_for"] is None
        assert row["clamped"] is False
    assert_beliefs_follow_from_each_other(result)


def assert_beliefs_follow_from_each_other(result: SimulationResult) -> None:
    """Assert that every update starts where the one before ended, and that epochs end where the last one ended."""
    now: dict[tuple[str, str], tuple[float | None, str | None]] = {}
    at_end: dict[int, dict[tuple[str, str], float | None]] = {}
    for row in lines_of(result, "beliefs"):
        before, sentence = now.get((row["persona_id"], row["topic_id"]), (None, None))
        assert row["before"] == before, row
        assert row["status"] == "done" or (row["after"], row["sentence"]) == (before, sentence), row
        now[row["persona_id"], row["topic_id"]] = (row["after"], row["sentence"])
        at_end[row["epoch"]] = {who: stance for who, (stance, _) in now.items()}
    for epoch in result.epochs:
        held = {
            (who, topic): stance for who, by_topic in epoch["stances"].items() for topic, stance in by_topic.items()
        }
        assert held == {who: stance for who, stance in at_end[epoch["epoch"]].items() if stance is not None}


def test_a_skipped_update_is_recorded_as_skipped_with_its_cause(tmp_path: Path) -> None:
    result = run_community(tmp_path, ScriptedMind({"e0/chat/*/0": Failed("connection"), "e1/*/question": Refused()}))

    by_step = {
        (row["epoch"], row["step"], row["persona_id"]): (row["status"], row["reason"])
        for row in lines_of(result, "beliefs")
    }
    pairs = {
        who: row["conversation_id"]
        for row in lines_of(result, "conversations")
        if row["epoch"] == 0
        for who in both(row)
    }
    assert len(pairs) == 4
    for who, conversation in pairs.items():
        assert by_step[0, "chat", who] == ("skipped", f"{conversation}/0")
    for number in range(5):
        assert by_step[1, "debate", f"p{number}"] == ("skipped", "e1/debate/t0/q0/question")
    assert_beliefs_follow_from_each_other(result)


def both(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two people of a row of `conversations.jsonl`."""
    return row["speaker_id"], row["listener_id"]


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("turn", range(4))
def test_a_failed_chat_turn_ends_the_conversation_and_both_update_from_what_was_said(
    turn: int, mode: Mode, tmp_path: Path, undisturbed: ScriptedMind
) -> None:
    conversation = conversations_of(undisturbed.asked_keys)["e0", "p0"]
    failing = f"{conversation}/{turn}"
    mind = ScriptedMind(
        {failing: mode.reply}, delay_seconds=lambda view: mode.delay_seconds if view.key == failing else 1.0
    )
    result = run_community(tmp_path, mind, call_timeout_seconds=TIMEOUT_SECONDS)

    rows = [row for row in lines_of(result, "conversations") if row["conversation_id"] == conversation]
    said = [row["message"] for row in rows[:turn]]
    assert [row["status"] for row in rows] == ["done"] * turn + [mode.status]
    assert all(said)
    assert rows[turn]["message"] is None
    assert rows[turn]["source"] is None

    members = both(rows[0])
    updates = {view.person.id: view for view in mind.asked if view.key.startswith("e0/belief/chat/")}
    heard = {who: list(updates[who].conversation) for who in members if who in updates}
    assert heard == (dict.fromkeys(members, said) if turn else {})
    later = [f"{conversation}/{number}" for number in range(turn + 1, 4)]
    skipped = later if turn else [*later, *(f"e0/belief/chat/{who}" for who in members)]
    causes = {key: row["reason"] for key, row in failures_by_task(result).items() if key != failing}
    assert causes == dict.fromkeys(skipped, failing)
    assert {f"e0/post/{who}" for who in members} <= set(mind.asked_keys)


def test_a_conversation_without_a_word_is_no_memory_and_no_partner(tmp_path: Path) -> None:
    engine = make_engine(make_config(2), ScriptedMind({"e0/chat/*/0": Refused()}))
    result = run_engine(engine, tmp_path)

    assert [row["status"] for row in lines_of(result, "conversations") if row["epoch"] == 0] == ["refused"]
    for persona in engine.population.personas:
        assert [len(chat.conversation) for chat in persona.chats] == [4]
        assert persona.memory[0].conversation == ()


def test_a_failed_statement_is_missing_from_all_that_hear_the_question(tmp_path: Path) -> None:
    failing = "e0/debate/t0/q0/t0/c1"
    mind = TellingMind(ScriptedMind({failing: Failed("connection")}))
    result = run_community(tmp_path, mind)

    question = "e0/debate/t0/q0/"
    said = [f"{question}{end}" for end in ("introduction", "t0/c0", "t1/c0", "t1/c1")]
    assert [told_in(text) for text in statements_of(result, 0, "t0")] == said
    seen = {view.key: view for view in mind.seen}
    assert [told_in(text) for text in seen[f"{question}t1/c0"].said] == said[:2]
    assert [told_in(text) for text in seen[f"{question}reflection/c1"].said] == said
    assert [told_in(text) for text in seen["e0/belief/debate/p0"].heard][:4] == said
    assert list(failures_by_task(result)) == [failing]


def statements_of(result: SimulationResult, epoch: int, topic_id: str) -> list[str]:
    """Return what the record holds of one debate with one question."""
    (debate,) = [debate for debate in result.epochs[epoch]["debates"] if debate["topic_id"] == topic_id]
    return [row["statement"] for row in debate["statements"]]


def test_a_question_that_was_not_asked_leaves_the_others_alone(tmp_path: Path) -> None:
    mind = TellingMind(ScriptedMind({"e0/debate/t0/q0/question": Unreadable("???")}))
    result = run_community(tmp_path, mind)

    assert [debate["topic_id"] for debate in result.epochs[0]["debates"]] == ["t1"]
    assert [debate["topic_id"] for debate in result.epochs[1]["debates"]] == ["t0", "t1"]
    seen = {view.key: view for view in mind.seen}
    assert {told_in(text).split("/")[2] for text in seen["e0/belief/debate/p0"].heard} == {"t1"}
    assert seen["e1/debate/t0/q0/question"].number == 0
    assert seen["e1/debate/t1/q0/question"].number == 1
    assert {row["status"] for row in lines_of(result, "beliefs") if row["step"] == "debate"} == {"done"}


def test_where_nothing_was_said_to_any_question_nobody_updates(tmp_path: Path) -> None:
    silent = {views.IntroductionView: Failed("connection"), views.StatementView: Refused()}
    result = run_community(tmp_path, ScriptedMind(silent))

    rows = [row for row in lines_of(result, "beliefs") if row["step"] == "debate"]
    assert {(row["epoch"], row["status"], row["reason"]) for row in rows} == {
        (0, "skipped", "e0/debate/t0/q0/introduction"),
        (1, "skipped", "e1/debate/t0/q0/introduction"),
    }
    assert [debate["statements"] for epoch in result.epochs for debate in epoch["debates"]] == [[], [], [], []]


def test_one_word_to_one_question_is_enough_to_update_from(tmp_path: Path) -> None:
    mind = TellingMind(ScriptedMind(lambda view: None if "t1/q0/t1/c0" in view.key else fail_all_words(view)))
    result = run_community(tmp_path, mind)

    heard = {view.key: list(map(told_in, view.heard)) for view in mind.seen if isinstance(view, views.DebateUpdateView)}
    assert len(heard) == 10
    for key, words in heard.items():
        assert words == [f"{key[:2]}/debate/t1/q0/t1/c0"]
    assert {row["status"] for row in lines_of(result, "beliefs") if row["step"] == "debate"} == {"done"}


def fail_all_words(view: View) -> Reply:
    """Let neither mediator nor candidates say a word."""
    return Failed("connection") if isinstance(view, (views.IntroductionView, views.StatementView)) else None


def test_without_any_transcript_nobody_updates_from_that_epoch_but_from_the_next(tmp_path: Path) -> None:
    result = run_community(tmp_path, ScriptedMind({"e0/*/question": Refused()}))

    statuses = {row["epoch"]: row["status"] for row in lines_of(result, "beliefs") if row["step"] == "debate"}
    assert statuses == {0: "skipped", 1: "done"}
    assert result.epochs[0]["debates"] == []
    assert len([row for row in lines_of(result, "conversations") if row["epoch"] == 0]) == 8


def test_a_candidate_without_a_position_still_speaks(tmp_path: Path) -> None:
    mind = ScriptedMind({"opening/position/c0": Refused()})
    result = run_community(tmp_path, mind)

    positions = {row["id"]: row["initial_policy_positions"] for row in result.metadata["candidates"]}
    assert positions["c0"] == {}
    assert set(positions["c1"]) == {"t0", "t1"}
    spoke = [view for view in mind.asked if isinstance(view, views.StatementView) and view.candidate.id == "c0"]
    assert len(spoke) == 8
    assert all(view.positions == {} for view in spoke)


def test_a_failed_post_is_in_nobodys_feed_and_the_others_are(tmp_path: Path) -> None:
    mind = ScriptedMind({"e0/post/p1": Failed("connection")})
    result = run_community(tmp_path, mind)

    posted = {post["id"] for post in result.epochs[0]["newsfeed"]["posts"]}
    assert posted == {f"e0/post/p{number}" for number in (0, 2, 3, 4)}
    feeds = {view.person.id: {post.id for post in view.feed} for view in mind.asked if view.key.startswith("e0/react/")}
    assert feeds == {who: {post for post in posted if not post.endswith(who)} for who in feeds}
    assert len(feeds) == 5


def test_failed_reactions_count_nothing_and_the_feed_is_still_learned_from(tmp_path: Path) -> None:
    mind = ScriptedMind({views.ReactionView: Unreadable("yes!")})
    result = run_community(tmp_path, mind)

    posts = [post for epoch in result.epochs for post in epoch["newsfeed"]["posts"]]
    assert {(post["likes"], post["dislikes"]) for post in posts} == {(0, 0)}
    assert {(row["reaction"], row["status"]) for row in lines_of(result, "reactions")} == {(None, "unreadable")}
    learned = [view for view in mind.asked if isinstance(view, views.SocialUpdateView)]
    assert {tuple(view.reactions.by_post) for view in learned} == {()}
    assert {row["status"] for row in lines_of(result, "beliefs") if row["step"] == "social"} == {"done"}


ODD_ANSWERS: dict[str, tuple[str, Answer[Any] | object]] = {
    "text that is no remark": ("chat_turn", Done("Good morning.")),
    "empty text": ("post", Done(Remark("  "))),
    "wrong value": ("ballot", Done(Remark("Aisha Noor"))),
    "no outcome": ("statement", "I am in favour."),
    "nothing at all": ("reflection", None),
    "unknown topic": ("debate_update", Done(Opinion((Belief("t9", "Who knows?"),)))),
    "stance off the axis": ("chat_update", Done(Opinion((Belief("t0", "Very much so.", stance=1.2),)))),
    "stance that is no number": ("social_update", Done(Opinion((Belief("t0", "Hm.", stance=float("nan")),)))),
    "unknown first choice": ("opening_opinion", Done(Opinion((), "c9"))),
    "unknown candidate": ("ballot", Done(Choice("c9"))),
    "unknown post": ("reaction", Done(Reactions({"e9/post/p9": "thumbs_up"}))),
    "unknown topic of a position": ("opening_position", Done(views.Positions({"t9": Remark("Yes.")}))),
}


class OddMind:
    """A mind that breaks its contract in one kind of act: its answer is something else than was asked for."""

    name = "odd"
    source = "odd"

    def __init__(self, failing: type[View], answer: Any) -> None:
        self._failing = failing
        self._answer = answer
        self._otherwise = ScriptedMind()

    async def answer(self, view: View) -> Answer[Any]:
        """Return the odd answer to the kind of view that gets one."""
        return self._answer if isinstance(view, self._failing) else await self._otherwise.answer(view)


@pytest.mark.parametrize(("step", "answer"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_an_answer_of_another_kind_is_unreadable_and_not_taken(step: str, answer: Any, tmp_path: Path) -> None:
    result = run_community(tmp_path, OddMind(STEPS[step], answer), num_epochs=1)

    rows = (
        lines_of(result, "ballots")
        if step == "ballot"
        else [row for row in failures_by_task(result).values() if row["step"] == step]
    )
    tried = [row for row in rows if row["status"] != "skipped"]
    assert tried
    assert {row["status"] for row in tried} == {"unreadable"}
    assert all(row["raw_text"] for row in tried)
    assert_beliefs_follow_from_each_other(result)


def test_an_error_of_this_package_in_a_mind_stops_the_run_and_surfaces_as_itself(tmp_path: Path) -> None:
    error = UsageError("this mind was given no key; give it one")
    mind = ScriptedMind({"e0/belief/debate/p2": error}, delay_seconds=1.0)
    engine = make_engine(make_config(), mind)
    with pytest.raises(UsageError) as caught:
        run_engine(engine, tmp_path)

    assert caught.value is error
    assert mind.in_flight == 0
    assert engine.simulation_dir is not None
    assert read_json(engine.simulation_dir / "usage.json")["status"] == "failed"


def test_a_mind_whose_own_work_was_cancelled_fails_in_this_act_alone(tmp_path: Path) -> None:
    """As where a client shared by several acts is closed: nobody has cancelled the run."""
    failing = ["e0/belief/debate/p2", "e0/chat/*", "ballot/p0"]
    mind = ScriptedMind(dict.fromkeys(failing, asyncio.CancelledError()), delay_seconds=1.0)
    result = run_community(tmp_path, mind)

    assert failures_by_task(result)["e0/belief/debate/p2"]["status"] == "failed"
    assert [row["status"] for row in lines_of(result, "ballots")].count("failed") == 1
    assert result.is_complete


# Everybody is counted once.

BALLOTS: dict[str, tuple[Reply, str]] = {
    "p0": (Done(Choice("c0", "Near.", first_choice="c0")), "choice"),
    "p1": (Done(Choice(None, "Rain.", first_choice="c1")), "abstained"),
    "p2": (Unreadable("Neither nor"), "unreadable"),
    "p3": (Refused(SECRET), "refused"),
    "p4": (Failed("connection", SECRET), "failed"),
    "p5": (NotAsked("no topic"), "not_asked"),
    "p6": (ConnectionError(SECRET), "failed"),
    "p7": (Done(Choice("c1", "Nearer.")), "choice"),
    "p8": (Done(Choice("c1", "Nearest.")), "choice"),
}


def test_every_person_is_counted_exactly_once(tmp_path: Path) -> None:
    script = {f"ballot/{who}": reply for who, (reply, _) in BALLOTS.items()}
    engine = make_engine(make_config(len(BALLOTS)), ScriptedMind(script))
    result = run_engine(engine, tmp_path)

    assert [(row["id"], row["status"]) for row in lines_of(result, "ballots")] == [
        (who, status) for who, (_, status) in BALLOTS.items()
    ]
    assert read_json(result.path / "final_vote.json") == {"Aisha Noor": 1, "Johan Berg": 2}
    votes = engine.conduct_final_vote()
    missing = (votes.abstained, votes.unreadable, votes.refused, votes.failed, votes.not_asked)
    assert missing == (1, 1, 1, 2, 1)
    assert sum(votes.values()) + sum(missing) == votes.population == len(BALLOTS)
    assert result.vote_counts == votes
    rows = {row["id"]: row for row in lines_of(result, "ballots")}
    assert rows["p2"]["raw_text"] == "Neither nor"
    assert rows["p1"]["first_choice"] == "c1"
    assert (rows["p4"]["reason"], rows["p6"]["reason"]) == ("connection", "ConnectionError")
    assert_secret_is_kept(result)


# Nothing is invented.


class TellingMind:
    """A mind whose every text begins with the key it was said under, so that where a text comes from can be read.

    Attributes:
        seen: the views it was asked with.
        given: key to the value of every answer.
    """

    name = "telling"
    source = "told"

    def __init__(self, inner: Mind) -> None:
        self._inner = inner
        self.seen: list[Any] = []
        self.given: dict[str, Any] = {}

    async def answer(self, view: View) -> Answer[Any]:
        """Return what the inner mind answers, in words that name the key."""
        self.seen.append(view)
        answer = await self._inner.answer(view)
        if not isinstance(answer, Done):
            return answer
        self.given[view.key] = name_key(answer.value, view.key)
        return Done(self.given[view.key])


def name_key(value: Any, key: str) -> Any:
    """Return an answer with the key before every text in it."""
    match value:
        case Remark():
            return Remark(f"<{key}> {value}", stances=value.stances, source="told")
        case Opinion(beliefs, first_choice):
            return Opinion(tuple(replace(b, sentence=f"<{key}> {b.sentence}") for b in beliefs), first_choice)
        case Choice():
            return replace(value, reason=f"<{key}> {value.reason}")
        case views.Positions(by_topic):
            return views.Positions({topic: name_key(text, key) for topic, text in by_topic.items()})
        case _:
            return value


def told_in(text: str) -> str:
    """Return the key in which a text was said."""
    match = re.match(r"<(\S+)> ", text)
    assert match, f"nobody said {text!r}"
    return match[1]


def fail_some(view: View) -> Reply:
    """Fail about every sixth act, as the run's seed and the task's key say."""
    draw = random.Random(f"fate of {view.chance.seed} {view.key}")
    if draw.random() > 0.15:
        return None
    return draw.choice([Failed("connection", SECRET), Refused(SECRET), Unreadable("???"), OSError(SECRET)])


@pytest.fixture(scope="module", params=[1, 2, 3])
def troubled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TellingMind, SimulationResult]:
    """A mind that failed every now and then, and the run in which it did."""
    mind = TellingMind(ScriptedMind(fail_some, delay_seconds=1.0))
    config = make_config(7, random_seed=request.param, num_epochs=3)
    return mind, run_engine(make_engine(config, mind), tmp_path_factory.mktemp("troubled"))


Troubled = tuple[TellingMind, SimulationResult]


def test_no_text_in_the_record_is_anybodys_but_who_gave_it(troubled: Troubled) -> None:
    mind, result = troubled
    kinds: dict[str, set[type]] = {}
    for view in mind.seen:
        if view.key in mind.given:
            kinds.setdefault(view.key, set()).add(type(view))
    keys_of = {step: {key for key, kind in kinds.items() if kind == {STEPS[step]}} for step in STEPS}

    stated = [row for epoch in result.epochs for debate in epoch["debates"] for row in debate["statements"]]
    assert_told(stated, "statement", mind, keys_of["statement"] | keys_of["introduction"])
    questions = [debate["question"] for epoch in result.epochs for debate in epoch["debates"]]
    assert_told(questions, "text", mind, keys_of["question"])
    assert_told(result.epochs[-1]["newsfeed"]["posts"], "content", mind, keys_of["post"])
    assert all(post["id"] == told_in(post["content"]) for post in result.epochs[-1]["newsfeed"]["posts"])
    turns = [row for row in lines_of(result, "conversations") if row["message"] is not None]
    assert_told(turns, "message", mind, keys_of["chat_turn"])
    assert all(told_in(row["message"]) == f"{row['conversation_id']}/{row['turn']}" for row in turns)
    chosen = [row for row in lines_of(result, "ballots") if row["status"] in ("choice", "abstained")]
    assert_told(chosen, "reason", mind, keys_of["ballot"])


def assert_told(rows: list[dict[str, Any]], column: str, mind: TellingMind, keys: set[str]) -> None:
    """Assert that these rows hold what was said under these keys, all of it, once each, and nothing else."""
    assert keys
    assert sorted(told_in(row[column]) for row in rows) == sorted(keys)
    for row in rows:
        given = mind.given[told_in(row[column])]
        assert row[column] == (given.reason if isinstance(given, Choice) else given)


def test_no_belief_in_the_record_is_anybodys_but_its_holders(troubled: Troubled) -> None:
    mind, result = troubled
    assert_beliefs_follow_from_each_other(result)
    held = [row for row in lines_of(result, "beliefs") if row["sentence"] is not None]
    assert held
    for row in held:
        stated = {belief.topic_id: belief for belief in mind.given[told_in(row["sentence"])].beliefs}
        assert stated[row["topic_id"]].sentence == row["sentence"]
        assert told_in(row["sentence"]).split("/")[-1] == row["persona_id"]
        assert row["status"] != "done" or row["asked_for"] == pytest.approx(stated[row["topic_id"]].stance, abs=1e-6)


def test_no_view_holds_a_text_that_nobody_gave(troubled: Troubled) -> None:
    mind, _ = troubled
    texts = {text for view in mind.seen for text in remarks_in(view)}
    assert len(texts) > 50
    for text in texts:
        given = mind.given[told_in(text)]
        assert text in (given.by_topic.values() if isinstance(given, views.Positions) else (given,))


def remarks_in(value: Any) -> Iterator[Remark]:
    """Yield every remark in a view."""
    if isinstance(value, Remark):
        yield value
    elif is_dataclass(value):
        for entry in fields(value):
            yield from remarks_in(getattr(value, entry.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from remarks_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from remarks_in(item)


def test_tallies_count_what_was_given_and_nothing_else(troubled: Troubled) -> None:
    mind, result = troubled
    choices = [value for key, value in mind.given.items() if key.startswith("ballot/")]
    counted = Counter(choice.candidate_id for choice in choices)
    assert read_json(result.path / "final_vote.json") == {"Aisha Noor": counted["c0"], "Johan Berg": counted["c1"]}
    statuses = Counter(row["status"] for row in lines_of(result, "ballots"))
    assert statuses["choice"] == counted["c0"] + counted["c1"]
    assert statuses["abstained"] == counted[None]
    assert statuses.total() == len(lines_of(result, "ballots")) == 7

    reacted = {key: value.by_post for key, value in mind.given.items() if isinstance(value, Reactions)}
    rows = Counter(
        (row["post_id"], row["reaction"]) for row in lines_of(result, "reactions") if row["reaction"] is not None
    )
    assert rows == Counter(item for by_post in reacted.values() for item in by_post.items())
    last_by_person = {
        (key.split("/")[-1], post): kind for key in sorted(reacted) for post, kind in reacted[key].items()
    }
    given = Counter((post, kind) for (_, post), kind in last_by_person.items())
    posts = result.epochs[-1]["newsfeed"]["posts"]
    shown = {(post["id"], "thumbs_up"): post["likes"] for post in posts}
    shown |= {(post["id"], "thumbs_down"): post["dislikes"] for post in posts}
    assert +Counter(shown) == given


def test_every_act_that_gave_nothing_stands_in_the_record_with_its_reason(troubled: Troubled) -> None:
    mind, result = troubled
    silent = {view.key for view in mind.seen} - mind.given.keys()
    recorded = {key for key, row in failures_by_task(result).items() if row["status"] != "skipped"}
    recorded |= {
        f"ballot/{row['id']}"
        for row in lines_of(result, "ballots")
        if row["status"] in ("unreadable", "refused", "failed")
    }
    assert recorded == silent
    for row in result.failures:
        assert row["status"] != "skipped" or row["reason"] in silent
    assert SECRET not in json.dumps(
        [result.epochs, lines_of(result, "ballots"), lines_of(result, "beliefs"), lines_of(result, "conversations")]
    )


def test_exposures_hold_what_was_shown_and_no_feed_is_longer_than_its_size(tmp_path: Path) -> None:
    mind = ScriptedMind({"e0/belief/social/*": Failed("connection")})
    result = run_community(tmp_path, mind, feed_size=2)

    recorded = {(row["epoch"], row["step"], row["persona_id"]): row["shown"] for row in lines_of(result, "exposures")}
    steps = {views.ReactionView: "feed", views.SocialUpdateView: "social"}
    seen = {
        (view.chance.epoch, steps[type(view)], view.person.id): [post.id for post in view.feed]
        for view in mind.asked
        if isinstance(view, (views.ReactionView, views.SocialUpdateView))
    }
    assert len(seen) == 20
    assert {key: recorded[key] for key in seen} == seen
    assert {len(feed) for feed in seen.values()} == {2}
