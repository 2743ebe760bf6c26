"""A probe: one call of each act, what came of each, what a forecast learns of it, and that nothing else happens."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.cast.attention import KNOWLEDGE
from synthetic_communities.cli.main import program
from synthetic_communities.cli.probing import probe_config
from synthetic_communities.config import BUNDLED_FILE, Config
from synthetic_communities.domain.outcome import Refused
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.forecast.asked_once import MOST_FAILURES
from synthetic_communities.forecast.assumed import ZERO, Assumed, Span
from synthetic_communities.forecast.probe import AS_FAST, LIKE_ONE, LIKE_PROMPTS, Probe, describe_act
from synthetic_communities.forecast.probed_act import Ending, ProbedAct
from synthetic_communities.forecast.remedies import GIVE_EFFORT, REMEDIES, WIDEN
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.journal.journaled import Journaled
from synthetic_communities.llm.logged import Logged
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest, ReplyFormat, Usage
from synthetic_communities.llm.money.budgeted import Budgeted, Counted
from synthetic_communities.llm.money.price_list import find_listed_window
from synthetic_communities.llm.money.windows import find_window
from synthetic_communities.llm.providers.anthropic_abilities import parse_abilities
from synthetic_communities.llm.retrying import Retrying, RetryPolicy
from synthetic_communities.llm.schema_fit import keeps_schema
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.persona import Persona
from synthetic_communities.report.steps import STEP_OF_ACT
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import Reply, ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from tests.model_communities import address_of

WORDS = "Let us wait and see."

Decide = Callable[[ModelRequest, Call], Reply]

ALL_STEPS = [
    *("opening_opinion", "question", "introduction", "statement", "reflection", "debate_update", "chat_turn"),
    *("chat_update", "post", "reaction", "social_update", "reading", "ballot"),
]
"""What is asked where candidates declare their positions."""


def judge(request: ModelRequest, call: Call) -> Reply:
    """Return a reply of the form asked for, with everything in it."""
    if request.reply_format is None:
        return ModelReply(WORDS, stop="end", model="m", usage=Usage(input_tokens=request.length // 4, output_tokens=5))
    topics = request.reply_format.schema["properties"]["opinions"]["anyOf"][0]["items"]["properties"]["topic"]["enum"]
    opinions = [{"topic": each, "sentence": "So it is.", "stance": 0.5, "candidate": "none"} for each in topics]
    said = {"opinions": opinions, "first_choice": "A", "vote": "A", "reason": "Why not.", "thumbs_up": [1]}
    return ModelReply(json.dumps({**said, "thumbs_down": []}), stop="end", model="m", usage=Usage(output_tokens=40))


def other_where(faults: Mapping[str, Reply]) -> Decide:
    """Return what replies as it should, but for some acts, by the names of their steps."""
    return lambda request, call: faults.get(STEP_OF_ACT[call.act]) or judge(request, call)


def make_engine(decide: Decide = judge, **changes: Any) -> tuple[GameEngine, ScriptedModel]:
    model = ScriptedModel(decide)
    settings = {"population_size": 6, "post_probability": 1.0, **changes}
    return GameEngine.from_config(Config.bundled(**settings), LLMMind(model)), model


def probe_with(decide: Decide = judge, **changes: Any) -> Probe:
    return make_engine(decide, **changes)[0].probe()


class TestAsking:
    def test_each_act_is_asked_once_in_order_for_one_person(self) -> None:
        engine, model = make_engine()
        probe = engine.probe()
        assert [act.step for act in probe.acts] == ALL_STEPS
        assert [STEP_OF_ACT[call.act] for call in model.calls] == ALL_STEPS
        assert {act.who for act in probe.acts if act.step in ("ballot", "post", "chat_turn")} == {
            engine.population.personas[0].id
        }
        assert probe.is_sound
        assert (model.opened, model.closed) == (1, 1)

    @pytest.mark.parametrize(
        ("changes", "left_out"),
        [
            ({"num_epochs": 1}, {"reading"}),
            ({"opening_opinions": False}, {"opening_opinion"}),
            ({"post_probability": 0.0}, {"post", "reading", "reaction", "social_update"}),
        ],
    )
    def test_acts_that_no_run_makes_are_not_asked(self, changes: dict[str, Any], left_out: set[str]) -> None:
        assert {act.step for act in probe_with(**changes).acts} == set(ALL_STEPS) - left_out

    def test_positions_that_are_not_declared_are_asked_for(self) -> None:
        engine, _ = make_engine()
        bare = [{name: each[name] for name in ("id", "name", "description")} for each in engine.config.candidates or ()]
        probe = probe_with(other_where({"opening_position": "rents: 0.5; yes\nharbour: 0.5; yes"}), candidates=bare)
        assert probe.acts[0].step == "opening_position"
        assert probe.acts[0].who == bare[0]["id"]

    def test_each_act_builds_on_those_before(self) -> None:
        engine, model = make_engine()
        engine.probe()
        asked = zip(model.calls, model.requests, strict=True)
        prompts = {STEP_OF_ACT[call.act]: "\n".join(request.user) for call, request in asked}
        for step in ("introduction", "statement", "reflection", "debate_update", "chat_update"):
            assert WORDS in prompts[step], step
        for step in ("reaction", "social_update", "reading", "ballot"):
            assert WORDS in prompts[step], step
        assert "So it is." in prompts["debate_update"]

    @pytest.mark.parametrize("failing", ALL_STEPS)
    def test_an_act_that_fails_keeps_no_other_from_being_asked(self, failing: str) -> None:
        probe = probe_with(other_where({failing: CallError("timeout", detail="too long")}))
        assert [act.step for act in probe.acts] == ALL_STEPS
        assert [act.step for act in probe.acts if act.ending != "done"] == [failing]

    def test_where_every_act_fails_every_act_is_asked(self) -> None:
        assert [act.step for act in probe_with(lambda *_: CallError("timeout")).acts] == ALL_STEPS

    def test_a_person_alone_talks_to_nobody(self) -> None:
        engine, _ = make_engine()
        engine.population.personas = engine.population.personas[:1]
        assert "chat_turn" not in {act.step for act in engine.probe().acts}

    def test_nobody_changes_and_nothing_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        engine, _ = make_engine()
        person = engine.population.personas[0]
        person.beliefs = {"rents": "Too high."}
        before = copy.deepcopy([vars(each) for each in engine.population.personas], {id(engine): engine})
        engine.probe()
        for now, then in zip(engine.population.personas, before, strict=True):
            for name in ("beliefs", "chats", "posts", "memory", "outcomes", *KNOWLEDGE):
                assert vars(now)[name] == then[name]
        assert engine.social_media.posts == []
        assert list(tmp_path.iterdir()) == []
        assert engine.run().is_complete

    def test_what_the_settings_let_a_run_spend_holds(self) -> None:
        with LoopbackServer(no_auth=True, dialect="llamacpp") as server:
            model: dict[str, Any] = {"model": "vllm:small", "base_url": f"{server.url}/v1"}
            engine = GameEngine.from_config(Config.bundled(population_size=2, max_calls=3, **model))
            probe = engine.probe()
            engine.config.max_calls = 0
            none = engine.probe()
            assert server.stats()["calls"] == 3
        assert (none.asked, none.cost_usd, none.is_limited) == ((), 0, True)
        assert "\nNo call was made.\n" in str(none)
        assert [act.ending for act in probe.acts] == ["done"] * 3 + ["not_asked"] * (len(probe.acts) - 3)
        assert (len(probe.asked), probe.is_sound, probe.is_limited) == (3, False, True)
        assert {act.limit for act in probe.acts[3:]} == {"max_calls"}
        assert str(probe).splitlines()[-1].startswith("not asked (the budget of 3 calls was reached): statements, ")
        assert str(probe).endswith(", ballots. To have them asked, raise max_calls, or leave it out.")
        assert "\n3 calls; " in str(probe)

    def test_what_cannot_be_asked_at_all_is_an_error(self) -> None:
        with pytest.raises(ModelUnavailableError):
            probe_with(lambda *_: ModelUnavailableError("no such model"))

    def test_what_was_asked_before_no_call_can_succeed_is_kept(self) -> None:
        engine, model = make_engine(other_where({"statement": ModelUnavailableError("the credit is used up")}))
        probe = engine.probe()
        assert [act.ending for act in probe.acts] == ["done"] * 3 + ["failed"] + ["not_asked"] * 9
        assert (len(model.calls), probe.is_sound, probe.is_limited) == (4, False, False)
        assert "failed (the credit is used up): statements. " in str(probe)

    def test_what_went_before_is_priced_where_no_call_can_succeed(self) -> None:
        decide = other_where({"statement": ModelUnavailableError("the credit is used up")})

        def count(request: ModelRequest, call: Call) -> Reply:
            reply = decide(request, call)
            usage = Usage(input_tokens=1_000_000, output_tokens=500_000)
            return dataclasses.replace(reply, usage=usage) if isinstance(reply, ModelReply) else reply

        prices = {"openai:mine": {"input": 1, "output": 4}}
        config = Config.bundled(population_size=6).changed(prices=prices)
        probe = GameEngine.from_config(config, LLMMind(ScriptedModel(count, name="openai:mine"))).probe()
        assert (probe.acts[3].tries, probe.acts[3].cost_usd) == (1, 0)
        assert probe.cost_usd == 9

    def test_a_server_at_fault_is_not_asked_for_ever(self) -> None:
        engine, model = make_engine(lambda *_: CallError("overloaded", is_transient=True, status=529))
        told: list[ProbedAct] = []
        probe = engine.probe(told.append)
        assert len(model.calls) == MOST_FAILURES
        assert told == list(probe.acts)
        assert [act.ending for act in probe.acts] == ["failed"] * MOST_FAILURES + ["not_asked"] * 10
        assert (probe.is_sound, probe.is_limited) == (False, False)
        assert "not asked (3 acts in a row failed at the server): statements, " in str(probe)

    def test_a_server_at_fault_now_and_then_is_asked_everything(self) -> None:
        fault = CallError("server error", is_transient=True, status=500)
        faults = dict.fromkeys(("question", "introduction", "reflection", "post", "reaction"), fault)
        probe = probe_with(other_where(faults))
        assert [act.ending for act in probe.acts].count("failed") == len(faults)
        assert len(probe.asked) == len(ALL_STEPS)

    def test_after_an_act_that_failed_at_the_server_the_next_is_tried_once(self) -> None:
        tries: list[str] = []

        def decide(request: ModelRequest, call: Call) -> Reply:
            tries.append(STEP_OF_ACT[call.act])
            is_faulty = call.act in ("question", "introduction", "ballot") or (call.act == "post" and call.tries == 1)
            return CallError("rate limit", is_transient=True, status=429) if is_faulty else judge(request, call)

        async def no_wait(seconds: float) -> None:
            """Wait for nothing."""

        counted = Budgeted(Counted(Logged(ScriptedModel(decide))))
        mind = LLMMind(Journaled(Retrying(counted, RetryPolicy(max_tries=3), sleep=no_wait)))
        config = Config.bundled(population_size=6, post_probability=1.0)
        probe = GameEngine.from_config(config, mind).probe()
        assert Counter(tries) == {**dict.fromkeys(ALL_STEPS, 1), "question": 3, "post": 2, "ballot": 3}
        assert {act.step: act.tries for act in probe.acts} == dict(Counter(tries))
        assert "13 calls in 18 tries; " in str(probe)
        assert describe_act(probe.acts[1]).startswith("questions: failed after 0.0")
        assert describe_act(probe.acts[1]).endswith(" s, 3 tries")
        assert describe_act(probed("post")) == "posts: done after 2.00 s"
        limited = GameEngine.from_config(config.changed(max_calls=2), mind).probe()
        cut_short = limited.acts[1]
        assert (cut_short.ending, cut_short.limit, cut_short.tries) == ("failed", "max_calls", 1)
        assert (cut_short.reason, limited.is_limited) == ("the budget of 2 calls was reached", True)
        assert cut_short.seconds > 0
        assert {act.ending for act in limited.acts[2:]} == {"not_asked"}

    def test_settings_that_are_wrong_are_refused_before_anything_is_asked(self) -> None:
        engine, model = make_engine()
        engine.config.num_epochs = -1
        with pytest.raises(ConfigurationError, match="num_epochs"):
            engine.probe()
        assert model.calls == []

    def test_members_with_a_mind_of_their_own_are_asked_through_it(self) -> None:
        engine, model = make_engine()
        own = ScriptedModel(judge, name="scripted:own")
        engine.population.personas[0].llm_client = LLMMind(own)
        asked = {act.step: act.model for act in engine.probe().acts}
        assert {asked["ballot"], asked["question"]} == {"scripted:own", "scripted:model"}
        assert len(own.calls) + len(model.calls) == len(ALL_STEPS)


class TestFindings:
    @pytest.mark.parametrize(
        ("reply", "ending", "kept"),
        [
            (ModelReply("No.", stop="refused", model="m"), "refused", None),
            (ModelReply('{"opinions": [', stop="cut", model="m"), "cut", False),
            ("I would rather not use JSON.", "unreadable", False),
            (CallError("timeout", detail="after 60 s"), "failed", None),
        ],
    )
    def test_a_reply_of_no_use_is_told_with_what_to_do(self, reply: Reply, ending: Ending, kept: object) -> None:
        probe = probe_with(other_where({"ballot": reply}))
        (useless,) = [act for act in probe.acts if act.ending != "done"]
        assert (useless.step, useless.ending, useless.keeps_schema) == ("ballot", ending, kept)
        assert not probe.is_sound
        assert f"ballots. {GIVE_EFFORT if ending == 'cut' else REMEDIES[ending]}" in str(probe)
        assert ("after 60 s" in str(probe)) == (ending == "failed")

    def test_a_reply_that_can_be_read_though_its_form_is_broken(self) -> None:
        fenced = other_where({})

        def decide(request: ModelRequest, call: Call) -> Reply:
            reply = fenced(request, call)
            assert isinstance(reply, ModelReply)
            return dataclasses.replace(reply, text=f"Sure! {reply.text}") if call.act == "ballot" else reply

        act = probe_with(decide).acts[-1]
        assert (act.step, act.ending, act.keeps_schema) == ("ballot", "done", False)

    def test_what_is_measured_is_what_was_sent_and_came(self) -> None:
        engine, model = make_engine()
        probe = engine.probe()
        for act, request in zip(probe.acts, model.requests, strict=True):
            schema = len(json.dumps(request.reply_format.schema)) if request.reply_format else 0
            assert act.prompt_characters == request.length + schema
            assert act.keeps_schema == (True if request.reply_format else None)
            assert act.used_tokens == (None if request.reply_format else request.length // 4 + 5)
            assert act.cost_usd is None
        assert {act.words for act in probe.acts if act.keeps_schema is None} == {WORDS}
        assert probe.cost_usd is None

    def test_what_a_failure_cost_is_counted_and_what_nobody_answered_cost_nothing(self) -> None:
        taken = Usage(input_tokens=1_000_000, output_tokens=500_000)
        cut = CallError("prompt cut by the server", usage=taken)
        faults = {**dict.fromkeys(ALL_STEPS, CallError("timeout")), "post": cut}
        model = ScriptedModel(other_where(faults), name="openai:mine")
        prices = {"openai:mine": {"input": 1, "output": 4}}
        config = Config.bundled(population_size=6, post_probability=1.0).changed(prices=prices)
        probe = GameEngine.from_config(config, LLMMind(model)).probe()
        assert probe.cost_usd == 3
        assert "13 calls; they cost 3.00 USD." in str(probe)
        assert "\n1 call; it cost " in str(Probe((probed("post", cost_usd=1.0),)))

    def test_offline_there_is_nothing_to_probe(self) -> None:
        probe = GameEngine.from_config(Config.bundled(population_size=4)).probe()
        assert (probe.acts, probe.is_sound, probe.cost_usd) == ((), True, 0)
        assert str(probe) == "No language model is asked: there is nothing to probe."
        assert "<table" not in probe._repr_html_()

    def test_a_mind_of_a_script_is_told_of_by_how_it_ends(self) -> None:
        mind = ScriptedMind({"ballot/*": Refused()})
        probe = GameEngine.from_config(Config.bundled(population_size=4), mind).probe()
        assert [act.step for act in probe.acts if act.ending == "refused"] == ["ballot"]
        assert {act.used_tokens for act in probe.acts} == {None}

    def test_it_is_shown_as_text_html_and_data(self) -> None:
        probe = probe_with(other_where({"post": ModelReply("<b>No</b>", stop="refused", model="m")}))
        lines = str(probe).splitlines()
        assert max(map(len, lines[: 2 * len(ALL_STEPS)])) <= 90
        assert "&lt;b&gt;No&lt;/b&gt;" in probe._repr_html_()
        data = json.loads(json.dumps(probe.as_data()))
        assert (data["is_sound"], len(data["acts"])) == (False, len(ALL_STEPS))
        assert data["acts"] == probe.rows()


@pytest.mark.parametrize("protocol", ["anthropic", "openai", "ollama"])
def test_against_a_server(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-not-a-key")
    names = {"anthropic": "anthropic:claude-haiku-5-5", "openai": "openai:gpt-5-mini", "ollama": "ollama:llama3.2:3b"}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    with LoopbackServer(when={"CHAT with": "cut:0"}) as server:
        model: dict[str, Any] = {"model": names[protocol], "base_url": address_of(names[protocol], server)}
        probe = GameEngine.from_config(Config.bundled(population_size=4, post_probability=1.0, **model)).probe()
        assert server.stats()["calls"] == len(ALL_STEPS)
    assert [act.step for act in probe.acts if act.ending == "cut"] == ["chat_turn"]
    assert [act.step for act in probe.acts if act.ending not in ("done", "cut")] == []
    for act in probe.acts:
        assert act.used_tokens
        assert act.window_tokens
        assert act.used_tokens < act.window_tokens
        assert act.seconds > 0
        assert act.answered_by == names[protocol].partition(":")[2]
    assert f"Answered by {names[protocol].partition(':')[2]}." in str(probe)
    if protocol != "ollama":
        assert probe.cost_usd == pytest.approx(sum(act.cost_usd or 0 for act in probe.acts))
        assert probe.cost_usd


def probed(step: str, **measured: Any) -> ProbedAct:
    return ProbedAct(step, "p", **{"model": "m:m", "ending": "done", "seconds": 2.0, **measured})


def test_what_is_used_of_a_window_stands_beside_what_there_is() -> None:
    usage = Usage(input_tokens=2_500, output_tokens=141)
    acts = (
        probed("update_from_nowhere", usage=usage, window_tokens=200_000, ending="unreadable", keeps_schema=False),
        probed("ballot", usage=usage, window_tokens=1_048_576),
        probed("post", usage=usage),
    )
    head, *lines = str(Probe(acts)).splitlines()[:4]
    end = head.index("window") + len("window")
    told = [line[:end].rpartition("  ")[2].strip() for line in lines]
    assert told == ["1.3% of 200 k", "0.3% of 1.05 M", "-"]
    assert lines[0].split()[-2:] == ["broken", "unreadable"]


@pytest.mark.parametrize("ending", REMEDIES)
def test_what_may_be_done_is_said_in_words(ending: Ending) -> None:
    assert ":" not in str(Probe((probed("ballot", ending=ending),))).splitlines()[-1].partition(": ")[2]


class TestRemedies:
    def test_a_lower_effort_is_advised_where_there_is_one(self) -> None:
        cut = [probed("post", ending="cut", effort="high"), probed("ballot", ending="cut")]
        assert str(Probe(tuple(cut))).splitlines()[-2:] == [
            f"cut: posts. {REMEDIES['cut']}.",
            f"cut: ballots. {GIVE_EFFORT}.",
        ]

    def test_a_window_too_small_is_no_matter_of_addresses(self) -> None:
        reasons = [f"prompt cut by the server: {read} tokens read of 20123 characters" for read in (2_048, 2_049)]
        acts = [
            probed(step, ending="failed", reason=each) for step, each in zip(("post", "ballot"), reasons, strict=True)
        ]
        assert str(Probe(tuple(acts))).splitlines()[-1] == f"failed ({reasons[0]}): posts, ballots. {WIDEN}."

    def test_reasons_that_differ_are_all_told(self) -> None:
        reasons = ("timeout: no reply within 5 s", "bad request: req_01", "bad request: req_02", "timeout: none")
        acts = [probed("post", ending="failed", reason=each) for each in reasons]
        said = "timeout: no reply within 5 s; bad request: req_01; timeout: none"
        assert f"failed ({said}): posts, posts, posts, posts. " in str(Probe(tuple(acts)))

    def test_a_prompt_that_a_filter_refused_was_answered_by_nobody(self) -> None:
        counted = ModelReply("No.", stop="refused", model="m-2", usage=Usage(input_tokens=5, output_tokens=2))
        refusals = {"ballot": ModelReply("content_filter", stop="refused", model="asked"), "post": counted}
        answered = {act.step: act.answered_by for act in probe_with(other_where(refusals)).acts}
        assert (answered["ballot"], answered["post"], answered["question"]) == (None, "m-2", "m")


class TestAssumed:
    def test_a_forecast_learns_from_what_was_seen(self) -> None:
        usages = [Usage(input_tokens=tokens, output_tokens=9, thinking_tokens=80) for tokens in (100, 125)]
        lengths: dict[str, Any] = {"prompt_characters": 500, "reply_characters": 300}
        acts = [probed("post", usage=usages[0], **lengths), probed("ballot", usage=usages[1], **lengths)]
        assumed = Probe(tuple(acts)).assumed()
        assert assumed.characters_per_token == Span(4 / LIKE_PROMPTS, 5 * LIKE_PROMPTS)
        assert assumed.reply_characters["ballot"] == Span(300 / LIKE_ONE, 300 * LIKE_ONE)
        assert assumed.seconds_per_reply["post"] == Span(2 / AS_FAST, 2 * AS_FAST)
        assert assumed.thinking_tokens["post"] == Span(80 / LIKE_ONE, 80 * LIKE_ONE)

    @pytest.mark.parametrize(
        ("written", "thinking"),
        [(100, 0.0), (101, 0.0), (103, 103 - 100), (180, 80.0), (0, 0.0), (None, None)],
    )
    def test_what_is_written_beside_the_words_is_thinking(self, written: int | None, thinking: float | None) -> None:
        """At four characters a token, within a hundredth or two, 400 characters are 98 to 102 tokens."""
        usage = Usage(input_tokens=125, output_tokens=written)
        act = probed("post", usage=usage, prompt_characters=500, reply_characters=400)
        assumed = Probe((act,)).assumed()
        assert assumed.characters_per_token == Span(4 / LIKE_PROMPTS, 4 * LIKE_PROMPTS)
        expected = None if thinking is None else Span(thinking / LIKE_ONE, thinking * LIKE_ONE)
        assert assumed.thinking_tokens.get("post") == expected
        counted = dataclasses.replace(act, usage=dataclasses.replace(usage, thinking_tokens=7))
        assert Probe((counted,)).assumed().thinking_tokens == {"post": Span(7 / LIKE_ONE, 7 * LIKE_ONE)}

    def test_where_prompts_are_not_counted_words_are_as_by_default(self) -> None:
        few, many = (probed("post", usage=Usage(output_tokens=n), reply_characters=300) for n in (100, 500))
        assert Probe((few,)).assumed().thinking("post", effort="low") == ZERO
        assert Probe((many,)).assumed().thinking_tokens["post"].low > 400 / LIKE_ONE

    @pytest.mark.parametrize("tokens", [600, 5])
    def test_what_was_written_is_foretold_whatever_it_was(self, tokens: int) -> None:
        def decide(request: ModelRequest, call: Call) -> Reply:
            reply = judge(request, call)
            assert isinstance(reply, ModelReply)
            written = tokens if request.reply_format is None else max(tokens, len(reply.text) // 4)
            return dataclasses.replace(reply, usage=Usage(input_tokens=request.length // 4, output_tokens=written))

        engine, _ = make_engine(decide, population_size=3, num_epochs=1)
        asked = engine.forecast(engine.probe().assumed()).asked
        assert asked is not None
        output = asked.tokens.output_tokens
        assert output.high <= 1.6 * output.low
        assert tokens == 5 or 600 * asked.calls.low in output
        assert asked.tokens.thinking_tokens == ZERO or tokens == 600

    def test_what_was_not_seen_is_assumed_as_before(self) -> None:
        cut = probed("post", ending="cut", reply_characters=900, usage=Usage(input_tokens=10, output_tokens=500))
        seconds = {"ballot": Span(2 / AS_FAST, 2 * AS_FAST)}
        assert Probe((cut, probed("ballot"))).assumed() == Assumed(seconds_per_reply=seconds)
        assert Probe(()).assumed() == Assumed()


FORMAT = ReplyFormat(
    "f",
    {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "string", "enum": ["x", "y"]}, {"type": "null"}]},
            "b": {"type": "array", "items": {"type": "integer"}},
            "c": {"type": "number"},
        },
        "required": ["a", "b", "c"],
        "additionalProperties": False,
    },
)


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ('{"a": "x", "b": [1, 2], "c": 0.5}', True),
        (' {"a": null, "b": [], "c": 1}\n', True),
        ('{"a": "z", "b": [], "c": 1}', False),
        ('{"a": null, "b": [1.5], "c": 1}', False),
        ('{"a": null, "b": [true], "c": 1}', False),
        ('{"a": null, "b": [], "c": "1"}', False),
        ('{"a": null, "b": []}', False),
        ('{"a": null, "b": [], "c": 1, "d": 2}', False),
        ('```json\n{"a": null, "b": [], "c": 1}\n```', False),
        ('{"a": null, "b": [], "c": 1', False),
        ("[]", False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_whether_a_schema_is_kept_to_the_letter(text: str, is_kept: bool) -> None:
    assert keeps_schema(text, FORMAT) is is_kept


class TestWindows:
    def test_of_what_is_listed(self) -> None:
        assert find_listed_window("anthropic:claude-haiku-5-5") == 1_000_000
        assert find_listed_window("vllm:small") is None
        assert find_listed_window("anthropic:no-such-model") is None
        assert find_listed_window("no name") is None

    def test_what_a_provider_knows_goes_first_however_deep_it_stands(self) -> None:
        model: Any = ScriptedModel(judge, name="anthropic:claude-haiku-5-5")
        assert find_window(Wrapper(Wrapper(model))) == 1_000_000
        model.window_tokens = 4_096
        assert find_window(Wrapper(Wrapper(model))) == 4_096

    def test_what_anthropic_says_of_a_model(self) -> None:
        assert parse_abilities({"max_input_tokens": 200_000}).window_tokens == 200_000
        assert parse_abilities({"max_input_tokens": "many"}).window_tokens is None


def test_a_probe_may_be_awaited() -> None:
    engine, _ = make_engine()
    assert asyncio.run(engine.probe_async()).is_sound
    assert isinstance(engine.population.personas[0], Persona)


class TestCommand:
    """`check --probe`, as a nightly job types it."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[LoopbackServer]:
        with LoopbackServer(no_auth=True, dialect="llamacpp", when={"TOWN OF REFUSALS": "refuse:0"}) as server:
            yield server

    def check(self, folder: Path, server: Any, *options: str, **changes: Any) -> Result:
        settings = yaml.safe_load(BUNDLED_FILE.read_text("utf-8"))
        settings |= {name: str(BUNDLED_FILE.parent / settings[name]) for name in ("population_file", "world_file")}
        settings |= {"population_size": 4, "post_probability": 1.0, "num_epochs": 1}
        settings |= {"model": "vllm:small", "base_url": f"{server.url}/v1", **changes}
        (folder / "town.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        arguments = ["check", str(folder / "town.yaml"), "--probe", *options]
        return CliRunner(env={"COLUMNS": "80"}).invoke(program, arguments, catch_exceptions=False)

    def test_what_came_of_it_and_what_a_run_will_take(self, tmp_path: Path, server: LoopbackServer) -> None:
        result = self.check(tmp_path, server)
        assert result.exit_code == 0
        assert "nothing is wrong with it" in result.stdout
        assert "12 calls; what they cost is not known." in result.stdout
        assert "A run will ask models:" in result.stdout
        words = " ".join(result.stdout.split())
        assert re.search(r"Assumed: [\d.]{1,4} to [\d.]{1,4} characters a token; replies, where stated", words)
        assert "\nAsking vllm:small each act once" in f"\n{result.stderr}"
        assert [path.name for path in tmp_path.iterdir()] == ["town.yaml"]

    def test_a_default_model_is_named_whole(
        self, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
        result = self.check(tmp_path, server, model="anthropic", base_url=server.url)
        assert "Asking anthropic:claude-haiku-5-5 each act once" in result.stderr
        assert re.search(r" window +form +ended$", result.stdout, re.M)

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_at_a_terminal_every_act_is_told_as_it_ends(
        self, is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
        assert probe_config(make_engine()[0], Path("town.yaml"), as_data=True) == 0
        told = [line for line in capsys.readouterr().err.splitlines() if ": done after 0.0" in line]
        assert len(told) == (len(ALL_STEPS) if is_terminal else 0)

    def test_only_who_is_asked_is_named(self, tmp_path: Path, server: LoopbackServer) -> None:
        candidates = self.check(tmp_path, server, "--model", "offline", candidate_model="vllm:small")
        assert "Asking vllm:small each act once" in candidates.stderr
        assert "Asking" not in self.check(tmp_path, server, "--model", "offline").stderr

    def test_the_forecast_is_narrower_with_it(self, tmp_path: Path, server: LoopbackServer) -> None:
        told = json.loads(self.check(tmp_path, server, "--json").stdout)
        ends = [told["asked"]["tokens"][f"{kind}_tokens"] for kind in ("input", "cache_write", "cache_read")]
        assert 1 < sum(each["high"] for each in ends) / sum(each["low"] for each in ends) < 1.25
        assert (told["error"], told["probe"]["is_sound"], len(told["probe"]["acts"])) == (None, True, 12)

    def test_a_reply_that_is_of_no_use_fails_the_job(self, tmp_path: Path, server: LoopbackServer) -> None:
        result = self.check(tmp_path, server, "--json", world_file=None, world_story="The TOWN OF REFUSALS.")
        assert result.exit_code == 1
        told = json.loads(result.stdout)
        assert {act["ending"] for act in told["probe"]["acts"]} == {"refused"}
        assert self.check(tmp_path, server, world_file=None, world_story="TOWN OF REFUSALS").exit_code == 1

    def test_a_limit_is_told_from_a_model_that_changed(self, tmp_path: Path, server: LoopbackServer) -> None:
        result = self.check(tmp_path, server, "--json", "--max-calls", "2")
        told = json.loads(result.stdout)["probe"]
        assert (result.exit_code, len(told["acts"]), told["is_limited"]) == (4, 12, True)
        refused = self.check(tmp_path, server, max_calls=2, world_file=None, world_story="TOWN OF REFUSALS")
        assert refused.exit_code == 1
        assert "To have them asked, raise max_calls, or leave it out." in refused.stdout

    def test_without_a_key_a_machine_is_told_so_too(
        self, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
        result = self.check(tmp_path, server, "--json", model="anthropic:claude-haiku-5-5", base_url=server.url)
        assert "Asking" not in result.stderr
        told = json.loads(result.stdout)
        assert (result.exit_code, told["probe"]) == (2, None)
        assert "ANTHROPIC_API_KEY" in told["error"]

    @pytest.mark.parametrize("option", [(), ("--json",)])
    def test_a_model_that_cannot_be_asked_fails_the_job(self, tmp_path: Path, option: tuple[str, ...]) -> None:
        gone = SimpleNamespace(url="http://127.0.0.1:9")
        result = self.check(tmp_path, gone, *option)
        assert result.exit_code == 1
        assert "Error: the probe failed: " in result.stderr
        assert bool(result.stdout) == bool(option)
        assert not option or json.loads(result.stdout)["error"]
