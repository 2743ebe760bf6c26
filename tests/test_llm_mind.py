"""The LLM mind: what becomes of every kind of reply to every act, what is asked again and how, and what it warns of."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.cast.asking import find_fault
from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Opinion
from synthetic_communities.domain.debate import Topic
from synthetic_communities.domain.feed import Reactions
from synthetic_communities.domain.outcome import Done, Failed, NotAsked, Refused, Unreadable
from synthetic_communities.domain.remark import Remark
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest
from synthetic_communities.minds import views
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.llm.mind import LLMMind, read_positions
from synthetic_communities.minds.llm.reading import MAX_REPLY_BYTES, UnreadableReplyError
from synthetic_communities.minds.views import Positions, View
from synthetic_communities.testing import models
from synthetic_communities.testing.models import Reply, ScriptedModel
from tests.small_views import JUDGING, KINDS, SPEAKING, make_view

JUDGEMENT = json.dumps(
    {
        "opinions": [{"topic": "rents", "sentence": "Cap them.", "stance": 0.5, "candidate": "B"}],
        "first_choice": "A",
        "vote": "B",
        "reason": "She is calm.",
        "thumbs_up": [1],
        "thumbs_down": [2],
    }
)
POSITIONS = "rents: +0.6; Cap them.\ntrams: -0.2; Not now."
AGAIN = "Your last answer did not have the form asked for. Answer again, in that form and with nothing else."


def good_reply(kind: type[View]) -> str:
    """Return a reply that can be read."""
    if kind in JUDGING:
        return JUDGEMENT
    return POSITIONS if kind is views.PositionView else "Let us wait and see."


def bad_reply(kind: type[View]) -> str:
    """Return a reply that cannot be read."""
    return " \n" if kind in SPEAKING else "I would rather not say."


def cut(text: str) -> ModelReply:
    return ModelReply(text, stop="cut", model="m")


def refusal(text: str = "I cannot help with that.") -> ModelReply:
    return ModelReply(text, stop="refused", model="m")


def ask(kind: type[View], *replies: Reply) -> tuple[Any, ScriptedModel]:
    """Return what a mind answers whose model replies so, and the model."""
    model = ScriptedModel(list(replies))
    return asyncio.run(LLMMind(model).answer(make_view(kind))), model


every_act = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.act)


# Answers.


@every_act
def test_every_act_is_answered_with_what_it_asks_for(kind: type[View]) -> None:
    answer, model = ask(kind, good_reply(kind))
    assert isinstance(answer, Done)
    assert isinstance(answer.value, kind.expects)
    assert not find_fault(answer.value, make_view(kind))
    assert model.calls == [Call("e1/test", kind.act, 1)]


def test_what_the_answers_are() -> None:
    assert ask(views.BallotView, JUDGEMENT)[0] == Done(Choice("c0", "She is calm.", "c1"))
    assert ask(views.ReactionView, JUDGEMENT)[0] == Done(Reactions({"p2": "thumbs_up", "p3": "thumbs_down"}))
    opinion = ask(views.OpeningView, JUDGEMENT)[0].value
    assert isinstance(opinion, Opinion)
    assert [(belief.topic_id, belief.stance, belief.vote) for belief in opinion.beliefs] == [("rents", 0.5, "c0")]


def test_nobody_is_asked_for_an_opinion_on_nothing() -> None:
    view = make_view(views.OpeningView)
    model = ScriptedModel([])
    answer = asyncio.run(LLMMind(model).answer(replace(view, scene=replace(view.scene, topics=()))))
    assert isinstance(answer, NotAsked)
    assert model.calls == []


@pytest.mark.parametrize("kind", SPEAKING, ids=lambda kind: kind.act)
def test_words_are_taken_as_they_are_but_for_space_around_them(kind: type[View]) -> None:
    text = '\n "Wait," she said.\n\n{"vote": "A"} | x \n'
    answer, _ = ask(kind, text)
    assert answer == Done(text.strip())
    assert answer.value.source == "model"
    assert answer.value.speaker_id == ""


def test_it_is_a_mind_named_after_its_model_that_opens_and_closes_it() -> None:
    model = ScriptedModel([], name="acme:one")
    mind = LLMMind(model)
    assert isinstance(mind, Mind)
    assert (mind.name, mind.source) == ("acme:one", "model")

    async def use() -> None:
        async with mind as opened:
            assert opened is mind
            assert (model.opened, model.closed) == (1, 0)

    asyncio.run(use())
    assert (model.opened, model.closed) == (1, 1)
    assert not model.requests, "opening asks nothing"


@every_act
def test_a_view_makes_the_same_request_whatever_was_asked_before(kind: type[View]) -> None:
    mind = LLMMind(ScriptedModel([bad_reply(kind)] * 2))
    before = mind.build_request(make_view(kind))
    asyncio.run(mind.answer(make_view(kind)))
    assert mind.build_request(make_view(kind)) == before


# What is sent besides the prompt.


@every_act
def test_settings_are_the_same_for_all_acts(kind: type[View]) -> None:
    request = LLMMind(ScriptedModel([]), temperature=0.0, effort="low", seed=7).build_request(make_view(kind))
    assert (request.temperature, request.effort, request.seed) == (0.0, "low", 7)
    request = LLMMind(ScriptedModel([])).build_request(make_view(kind))
    assert (request.temperature, request.effort, request.seed) == (None, None, None)


def limit_of(view: View) -> int:
    return LLMMind(ScriptedModel([])).build_request(view).max_output_tokens


@every_act
def test_the_reply_limit_is_what_the_act_needs(kind: type[View]) -> None:
    view = make_view(kind)
    assert limit_of(view) == {
        views.ChatTurnView: 200,
        views.PostView: 160,
        views.ReadingView: 250,
        views.StatementView: 400,
        views.ReflectionView: 250,
        views.QuestionView: 150,
        views.IntroductionView: 200,
        views.PositionView: 300,
    }.get(kind, 500)
    assert limit_of(view) > len(good_reply(kind)) / 2, "tokens are longer than two characters"


def test_the_reply_limit_of_judgements_and_positions_grows_with_the_topics() -> None:
    topics = tuple(Topic(f"t{number}", "T", "") for number in range(10))
    scene = make_view(views.BallotView).scene.with_topics(topics)
    assert limit_of(make_view(views.OpeningView, scene=scene)) == 200 + 150 * 12
    assert limit_of(make_view(views.PositionView, wanted=topics)) == 150 * 10
    assert limit_of(make_view(views.PositionView, wanted=topics[:1])) == 150
    assert limit_of(make_view(views.PostView, scene=scene)) == 160


# Refusals, unreadable replies, cut-offs, failures.


@every_act
def test_a_refusal_is_a_refusal_and_is_never_asked_again(kind: type[View]) -> None:
    answer, model = ask(kind, refusal())
    assert answer == Refused("I cannot help with that.")
    assert len(model.calls) == 1
    answer, model = ask(kind, refusal(good_reply(kind)))
    assert answer == Refused(good_reply(kind)), "what a refusal says is no answer, whatever it says"
    assert len(model.calls) == 1


@every_act
def test_an_unreadable_reply_is_asked_for_once_more_with_one_sentence_at_the_end(kind: type[View]) -> None:
    answer, model = ask(kind, bad_reply(kind), good_reply(kind))
    assert isinstance(answer, Done)
    first, second = model.requests
    assert second.user == (*first.user, AGAIN)
    assert (second.system, second.reply_format) == (first.system, first.reply_format)
    assert second.max_output_tokens == first.max_output_tokens
    assert model.calls == [Call("e1/test", kind.act, 1), Call("e1/test", kind.act, 2)]


@every_act
def test_twice_unreadable_is_unreadable_with_the_text_as_it_came(kind: type[View]) -> None:
    last = bad_reply(kind) + " "
    answer, model = ask(kind, bad_reply(kind), last)
    assert answer == Unreadable(last)
    assert len(model.calls) == 2


@every_act
def test_after_a_cut_off_there_is_twice_the_room_and_no_word_about_it(kind: type[View]) -> None:
    answer, model = ask(kind, cut(good_reply(kind)), good_reply(kind))
    assert isinstance(answer, Done)
    first, second = model.requests
    assert second.max_output_tokens == 2 * first.max_output_tokens
    assert (second.system, second.user, second.reply_format) == (first.system, first.user, first.reply_format)
    assert [call.attempt for call in model.calls] == [1, 2]


@every_act
def test_what_was_cut_off_is_no_answer_even_if_it_could_be_read(kind: type[View]) -> None:
    answer, model = ask(kind, cut(good_reply(kind)), cut(good_reply(kind)))
    assert answer == Unreadable(good_reply(kind))
    assert len(model.calls) == 2


@every_act
def test_a_refusal_or_failure_of_the_second_asking_is_what_it_is(kind: type[View]) -> None:
    assert ask(kind, bad_reply(kind), refusal("No."))[0] == Refused("No.")
    assert ask(kind, bad_reply(kind), CallError("timeout"))[0] == Failed("timeout")
    assert ask(kind, cut(""), bad_reply(kind))[0] == Unreadable(bad_reply(kind))


@every_act
def test_a_call_without_a_reply_is_a_failure_and_is_not_asked_again(kind: type[View]) -> None:
    answer, model = ask(kind, CallError("overloaded", "529 at noon", is_transient=True, status=529))
    assert answer == Failed("overloaded", "529 at noon")
    assert len(model.calls) == 1


def test_what_makes_every_call_fail_goes_through() -> None:
    with pytest.raises(ModelUnavailableError, match="bad key"):
        ask(views.BallotView, ModelUnavailableError("bad key"))
    with pytest.raises(ModelUnavailableError, match="bad key"):
        ask(views.BallotView, "words", ModelUnavailableError("bad key"))


@every_act
def test_a_reply_above_a_hundred_kilobytes_is_unreadable(kind: type[View]) -> None:
    long = good_reply(kind) + " " * MAX_REPLY_BYTES + "."
    assert ask(kind, long, good_reply(kind))[0] == Done(ask(kind, good_reply(kind))[0].value)
    assert ask(kind, long, long)[0] == Unreadable(long)


TEXTS = st.one_of(
    st.text(), st.text(st.sampled_from('{}[]":;,+-0.1 \nAa|rents')), st.just(JUDGEMENT), st.just(POSITIONS)
)


@given(TEXTS, TEXTS, st.sampled_from(["end", "cut", "refused"]), st.sampled_from(KINDS))
@settings(deadline=None)
def test_any_reply_is_an_answer_without_fault_or_none(first: str, second: str, stop: Any, kind: type[View]) -> None:
    answer, _ = ask(kind, ModelReply(first, stop=stop, model="m"), second)
    assert isinstance(answer, (Done, Refused, Unreadable))
    if isinstance(answer, Done):
        assert isinstance(answer.value, kind.expects)
        assert not find_fault(answer.value, make_view(kind))


# Positions.

WANTED = make_view(views.PositionView)


def read_rents(line: str) -> tuple[str, float]:
    """Return the words and the stance of the line on rents."""
    position = read_positions(f"{line}\ntrams: -0.2; Not now.", WANTED).by_topic["rents"]
    return str(position), position.stances["rents"]


def test_positions_are_remarks_that_know_where_they_stand() -> None:
    positions = read_positions(POSITIONS, WANTED)
    assert positions == Positions({"rents": Remark("Cap them."), "trams": Remark("Not now.")})
    assert {topic: remark.stances for topic, remark in positions.by_topic.items()} == {
        "rents": {"rents": 0.6},
        "trams": {"trams": -0.2},
    }
    assert {remark.source for remark in positions.by_topic.values()} == {"model"}


@pytest.mark.parametrize(
    ("line", "stance"),
    [
        ("rents: +0.4; Cap them.", 0.4),
        ("rents: 0.4; Cap them.", 0.4),
        ("rents: -0.4; Cap them.", -0.4),
        ("rents: \u22120.4; Cap them.", -0.4),
        ("rents: -1; Cap them.", -1.0),
        ("rents: 1.00; Cap them.", 1.0),
        ("rents: 0; Cap them.", 0.0),
        ("RENTS: +0.4; Cap them.", 0.4),
        ("rents:+0.4;Cap them.", 0.4),
        ("  rents :  +0.4 ;  Cap them.  \r", 0.4),
        ("- rents: -0.4; Cap them.", -0.4),
        ("* rents: -0.4; Cap them.", -0.4),
        ("\u2022 rents: -0.4; Cap them.", -0.4),
        ("1. rents: -0.4; Cap them.", -0.4),
        ("2) rents: -0.4; Cap them.", -0.4),
        ("> rents: -0.4; Cap them.", -0.4),
        ("**rents**: -0.4; Cap them.", -0.4),
        ("- **rents:** -0.4; Cap them.", -0.4),
        ("**rents**: **-0.4**; Cap them.", -0.4),
        ("`rents`: `-0.4`; Cap them.", -0.4),
        ('"rents": -0.4; Cap them.', -0.4),
        ("[rents]: [-0.4]; [Cap them.]", -0.4),
        ("### rents: (-0.4); Cap them.", -0.4),
    ],
)
def test_a_line_on_a_topic_in_the_forms_models_give_it(line: str, stance: float) -> None:
    assert read_rents(line) == ("Cap them.", stance)
    assert read_rents(f"Here is where I stand:\n\n{line}") == ("Cap them.", stance)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rents: 1; Cap; then: wait; [see].", "Cap; then: wait; [see]."),
        ("rents: 1; [now] Cap them [soon]", "[now] Cap them [soon]"),
        ("rents: 1; trams: -0.2; x", "trams: -0.2; x"),
        ("rents: 1; 0.5; yes", "0.5; yes"),
    ],
)
def test_the_words_are_the_rest_of_the_line(line: str, words: str) -> None:
    assert read_rents(line) == (words, 1.0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "rents",
        "rents:",
        "rents: Cap them.",
        "rents: +0.4",
        "rents: +0.4;",
        "rents: +0.4; []",
        "rents: +0.4, Cap them.",
        "rents: +0.4 Cap them.",
        "rents: ; Cap them.",
        "rents +0.4; Cap them.",
        "rent: +0.4; Cap them.",
        "My rents: +0.4; Cap them.",
        "rents2: +0.4; Cap them.",
        "rents: 1.2; Cap them.",
        "rents: -1.01; Cap them.",
        "rents: 7; Cap them.",
        "rents: 10; Cap them.",
        "rents: 40%; Cap them.",
        "rents: 0,4; Cap them.",
        "rents: .4; Cap them.",
        "rents: 1e-1; Cap them.",
        "rents: nan; Cap them.",
        "rents: +-0.4; Cap them.",
        "rents: - 0.4; Cap them.",
        "rents: \u20130.4; Cap them.",
        "rents: \u2014 0.4; Cap them.",
        "rents: minus 0.4; Cap them.",
        "rents: ~0.4; Cap them.",
        "rents: [stance from -1 to +1]; [where you stand, in one or two sentences]",
        "rents: +0.4; Cap them.\nrents: +0.4; Cap them.",
        "rents: +0.4; Cap them.\nRents: -0.4; Do not.",
        "rents:\n+0.4; Cap them.",
        "rents: +0.4;\nCap them.",
    ],
)
def test_a_line_in_another_form_is_not_guessed(line: str) -> None:
    with pytest.raises(UnreadableReplyError):
        read_rents(line)


def test_every_topic_wanted_needs_a_line_and_no_other_does() -> None:
    with pytest.raises(UnreadableReplyError, match="not one line on trams"):
        read_positions("rents: +0.4; Cap them.", WANTED)
    more = read_positions(f"{POSITIONS}\nwages: 1; Raise them.\nrents and trams: both", WANTED)
    assert list(more.by_topic) == ["rents", "trams"]


@pytest.mark.parametrize("topic_id", ["t.0", "a-b", "housing costs", "m\u00fcll", "C++", "why?", "x:y", "(a)"])
def test_ids_of_topics_are_taken_literally(topic_id: str) -> None:
    view = make_view(views.PositionView, wanted=(Topic(topic_id, "T", ""),))
    assert read_positions(f"- {topic_id}: -0.5; So.", view) == Positions({topic_id: Remark("So.")})
    with pytest.raises(UnreadableReplyError):
        read_positions("- tx0: -0.5; So.", view)


@given(TEXTS)
@settings(deadline=None)
def test_any_text_gives_positions_or_is_unreadable(text: str) -> None:
    try:
        positions = read_positions(text, WANTED)
    except UnreadableReplyError:
        return
    assert all(-1 <= remark.stances[topic] <= 1 and remark for topic, remark in positions.by_topic.items())


@pytest.mark.timing
@pytest.mark.parametrize(
    "piece", ["\n", " ", "-", "rents", "rents:", "rents: ", ":", "rents: 0", "0", "rents: 0;", "[", "[*", "]"]
)
def test_reading_positions_takes_no_time_to_speak_of(piece: str) -> None:
    for start in ("", "rents", "rents:", "rents: 0.", "rents: 0;"):
        text = start + piece * (MAX_REPLY_BYTES // len(piece))
        began = time.perf_counter()
        with pytest.raises(UnreadableReplyError):
            read_positions(text, WANTED)
        assert time.perf_counter() - began < 2


# The warning.


def answer_all(mind: LLMMind, kind: type[View], times: int) -> None:
    async def answer() -> None:
        for _ in range(times):
            await mind.answer(make_view(kind))

    asyncio.run(answer())


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def replies_in_turn(*texts: str) -> LLMMind:
    return LLMMind(ScriptedModel(list(texts)))


def test_more_than_a_tenth_of_the_first_replies_unreadable_is_said_once_and_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mind = LLMMind(ScriptedModel(lambda request, call: f"I will not say, {call.attempt}"))
    answer_all(mind, views.BallotView, 1)
    assert not warnings_of(caplog), "two of two are two of twenty so far"
    answer_all(mind, views.BallotView, 1)
    (warning,) = warnings_of(caplog)
    assert warning == (
        "more than a tenth of the first 20 replies to 'ballot' cannot be read (each is asked once more); "
        "one of them: 'I will not say, 1'. Another model, or a higher effort, may answer in the form asked for."
    )
    answer_all(mind, views.BallotView, 30)
    assert len(warnings_of(caplog)) == 1


def test_a_tenth_is_not_more_than_a_tenth(caplog: pytest.LogCaptureFixture) -> None:
    mind = replies_in_turn("?", JUDGEMENT, "?", *[JUDGEMENT] * 17, *["?"] * 40)
    answer_all(mind, views.BallotView, 18)
    assert not warnings_of(caplog)
    answer_all(mind, views.BallotView, 20)
    assert not warnings_of(caplog), "what comes after the first twenty is not watched"


def test_the_third_of_twenty_is_more_than_a_tenth_even_if_it_is_the_last(caplog: pytest.LogCaptureFixture) -> None:
    mind = replies_in_turn("?", JUDGEMENT, "?", *[JUDGEMENT] * 16, "?", JUDGEMENT)
    answer_all(mind, views.BallotView, 18)
    assert len(warnings_of(caplog)) == 1


def test_every_act_is_watched_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    mind = LLMMind(ScriptedModel(lambda request, call: "?" if request.reply_format else "Words."))
    for kind in (views.BallotView, views.OpeningView, views.PostView):
        answer_all(mind, kind, 5)
    assert [re.findall(r"replies to '(.*?)'", warning) for warning in warnings_of(caplog)] == [
        ["ballot"],
        ["opening opinion"],
    ]


def test_refusals_and_failures_are_not_unreadable(caplog: pytest.LogCaptureFixture) -> None:
    answer_all(LLMMind(ScriptedModel(lambda request, call: refusal())), views.BallotView, 20)
    answer_all(LLMMind(ScriptedModel(lambda request, call: CallError("timeout"))), views.BallotView, 20)
    assert not warnings_of(caplog)


def test_the_warning_shows_no_more_than_the_beginning_and_no_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mind = LLMMind(ScriptedModel(lambda request, call: "\x1b[2J\n\u202e\ud800" + "x" * 10_000))
    answer_all(mind, views.BallotView, 2)
    (warning,) = warnings_of(caplog)
    assert len(warning) < 600
    assert warning.isprintable()


# The fake itself.


def reply_once(model: ScriptedModel, key: str = "e0/ballot/ann") -> ModelReply:
    return asyncio.run(model.reply(ModelRequest((), (key,), max_output_tokens=1), Call(key)))


def test_the_example_of_the_fake_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?:^ {4}.*\n|^\n)+", models.__doc__ or "", flags=re.MULTILINE)
    (example,) = [block for block in map(inspect.cleandoc, blocks) if block]
    exec(compile(example, models.__name__, "exec"), {"__name__": "example"})


def test_the_fake_reads_its_list_in_order_and_notes_what_it_was_asked() -> None:
    whole = ModelReply("cut", stop="cut", model="other")
    model = ScriptedModel(["words", whole, CallError("timeout")], name="acme:one")
    assert reply_once(model, "a") == ModelReply("words", stop="end", model="acme:one")
    assert reply_once(model, "b") is whole
    with pytest.raises(CallError, match="timeout"):
        reply_once(model, "c")
    assert [call.key for call in model.calls] == ["a", "b", "c"]
    assert [request.user for request in model.requests] == [("a",), ("b",), ("c",)]


def test_the_fake_says_when_its_list_is_at_its_end() -> None:
    model = ScriptedModel(["words"])
    reply_once(model)
    with pytest.raises(ModelUnavailableError, match=r"has 1 replies, and 'e0/ballot/ann' asks for one more"):
        reply_once(model)


def test_the_fake_may_go_by_the_request_and_the_call() -> None:
    model = ScriptedModel(lambda request, call: f"{request.user[0]} {call.attempt}")
    assert reply_once(model, "a").text == "a 1"
