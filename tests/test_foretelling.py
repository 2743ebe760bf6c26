"""The price before the run: what calls of models are foretold to take, held against what they took."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.benchmark.cost.town import CostTown, build_behaviour, build_cost_config
from synthetic_communities.benchmark.towns import Town, build_config
from synthetic_communities.cli.main import program
from synthetic_communities.config import BUNDLED_FILE, Config
from synthetic_communities.domain.money import spell_usd, spell_usd_range
from synthetic_communities.errors import ConfigurationError, RecordError, UsageError
from synthetic_communities.forecast import foretelling
from synthetic_communities.forecast.assumed import ZERO, Assumed, Span, add_spans, find_span
from synthetic_communities.forecast.calls import CallsForecast
from synthetic_communities.forecast.forecast import Forecast
from synthetic_communities.forecast.table import describe_calls, spell_price
from synthetic_communities.forecast.totals import CACHE_DOUBT
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.caching import policy as cache_policy
from synthetic_communities.llm.caching.prefixes import Shares, build_prefix_cache
from synthetic_communities.llm.model import Call, ModelRequest
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.llm.stand_in import StandIn, write_words
from synthetic_communities.report.result import load_run
from synthetic_communities.report.steps import STEP_OF_ACT
from synthetic_communities.runs.directory import CONFIG, FORECAST
from synthetic_communities.simulation.files import write_config
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.scripted import ScriptedMind
from tests.model_communities import read_usage, set_keys
from tests.small_communities import make_config, make_engine, read_record, run_engine

MODEL, HAIKU = "openai:gpt-5-mini", "anthropic:claude-haiku-5-5"
WIDEST = 1.6


def asked_of(forecast: Forecast) -> CallsForecast:
    assert forecast.asked is not None
    return forecast.asked


def foretell(engine: GameEngine, assumed: Assumed | None = None) -> CallsForecast:
    return asked_of(engine.forecast(assumed))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


class TestSpan:
    def test_ends_may_not_be_the_wrong_way_round(self) -> None:
        for low, high in ((2, 1), (float("nan"), 1), (0, float("nan"))):
            with pytest.raises(ValueError, match="low end may not be above"):
                Span(low, high)

    def test_sums_and_what_lies_in_it(self) -> None:
        assert add_spans([Span(1, 2), Span(3, 5)]) == Span(4, 7)
        assert add_spans([]) == ZERO
        assert 1 in Span(1, 2)
        assert 2 in Span(1, 2)
        assert 2.01 not in Span(1, 2)
        assert Span(1, 2).scaled(3) == Span(3, 6)

    def test_acts_go_by_their_name_or_that_of_their_step(self) -> None:
        spans = {"chat turn": Span(1, 2), "debate_update": Span(3, 4)}
        assert find_span(spans, "chat turn") == Span(1, 2)
        assert find_span(spans, "chat_turn") == Span(1, 2)
        assert find_span(spans, "update from debate") == Span(3, 4)
        assert find_span(spans, "post") is None


class TestWhatNoModelIsLike:
    @pytest.mark.parametrize(
        ("stated", "told"),
        [
            ({"characters_per_token": Span(0, 0)}, "characters_per_token: 0 to 0 must be above 0"),
            ({"characters_per_token": Span(3, float("inf"))}, "characters_per_token: 3 to inf must be finite"),
            ({"seconds_per_reply": {"post": Span(-2, 1)}}, r"seconds_per_reply\['post'\]: -2 to 1 must be at least 0"),
            ({"reply_characters": {"post": Span(-1, -1)}}, r"reply_characters\['post'\]: -1 to -1 must"),
            ({"thinking_tokens": {"statment": Span(1, 2)}}, r"thinking_tokens\['statment'\]: no act .* statement, "),
        ],
    )
    def test_it_is_refused_by_name_and_value(self, stated: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            Assumed(**stated)

    def test_everything_wrong_is_named(self) -> None:
        with pytest.raises(
            ValueError, match=r"(?s)reply_characters\['x'\].*seconds_per_reply\['y'\]: -1 to 0.*'y'\]: no"
        ):
            Assumed(reply_characters={"x": Span(1, 2)}, seconds_per_reply={"y": Span(-1, 0)})

    def test_acts_go_by_either_name_and_nothing_takes_no_time(self) -> None:
        none = Assumed(seconds_per_reply={name: Span(0, 0) for pair in STEP_OF_ACT.items() for name in pair})
        assert {none.seconds(step) for step in STEP_OF_ACT.values()} == {Span(0, 0)}


class Overheard:
    """What stand-ins were asked in a run, by step."""

    def __init__(self) -> None:
        self.prompts: dict[str, list[int]] = {}

    def note(self, name: str, request: ModelRequest, call: Call, reply: str) -> None:
        self.prompts.setdefault(STEP_OF_ACT[call.act], []).append(request.length)

    def stand_in(self, name: str, **lengths: float) -> StandIn:
        return StandIn(name, lambda act: None, **{"sentence": 60.0, "words": 200.0, **lengths}, note=self.note)


POINT = Assumed(characters_per_token=Span(1, 1))


class TestRehearsal:
    def test_prompts_are_those_of_the_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("synthetic_communities.forecast.measuring.WORDS_CHARACTERS", Span(200, 200))
        monkeypatch.setattr("synthetic_communities.forecast.measuring.SENTENCE_CHARACTERS", Span(60, 60))
        overheard = Overheard()
        engine = make_engine(make_config(6), LLMMind(overheard.stand_in("ollama:m")))
        asked = foretell(engine, POINT)
        run_engine(engine, tmp_path)
        took = {step: sum(lengths) for step, lengths in overheard.prompts.items()}
        for step in asked.steps:
            prompt = step.tokens.prompt_tokens
            assert prompt.low == prompt.high
            schema = round((prompt.low - took[step.step]) / step.calls.low)
            assert schema * step.calls.low == prompt.low - took[step.step], "the reply format, once for each call"
            assert (schema > 500) == (step.step in JUDGED)
            assert step.calls == Span(len(overheard.prompts[step.step]), len(overheard.prompts[step.step]))
        assert {step.step for step in asked.steps} == set(took)

    def test_it_changes_nothing(self, tmp_path: Path) -> None:
        plain, foretold = (make_engine(make_config(4), LLMMind(Overheard().stand_in("openai:m"))) for _ in range(2))
        held = [vars(persona).copy() for persona in foretold.population.personas]
        assert foretold.forecast() == foretold.forecast()
        now = [vars(persona) for persona in foretold.population.personas]
        pairs = zip(held, now, strict=True)
        changed = {name for before, after in pairs for name in before if before[name] != after[name]}
        assert changed <= {"_reading"}, "what was read of the attributes is kept, as they were checked"
        assert list(tmp_path.iterdir()) == []
        for name, engine in (("plain", plain), ("foretold", foretold)):
            run_engine(engine, tmp_path / name)
        records = [read_record(engine.simulation_dir) for engine in (plain, foretold) if engine.simulation_dir]
        assert records[0] == records[1]

    def test_what_people_hold_beforehand_is_in_their_prompts(self) -> None:
        lengths = []
        for belief in ("Short.", "Long. " * 100):
            engine = make_engine(make_config(3, model=MODEL))
            for persona in engine.population.personas:
                persona.features["occupation"] = belief
            lengths.append(foretell(engine, POINT).tokens.prompt_tokens.low)
        assert lengths[1] > lengths[0] + 3 * 500

    def test_minds_of_others_are_not_asked(self) -> None:
        mind = ScriptedMind()
        assert make_engine(make_config(3), mind).forecast().asked is None
        engine = make_engine(make_config(3, model=MODEL))
        engine.population.personas[0].llm_client = mind
        assert foretell(engine).calls == Span(*[engine.forecast().calls or 0] * 2)
        assert not mind.asked

    def test_where_no_model_is_asked_nothing_is_paid(self) -> None:
        engine = make_engine(make_config(3))
        forecast = engine.forecast()
        assert (forecast.asked, forecast.cost_usd, forecast.minutes) == (None, ZERO, None)
        assert engine.foretold() == forecast
        assert make_engine(make_config(3)).foretold() is None

    def test_only_some_ask_a_model(self) -> None:
        people = foretell(make_engine(make_config(3, model=MODEL, candidate_model="offline")))
        assert {step.step for step in people.steps}.isdisjoint({"question", "statement", "opening_position"})
        cast = foretell(make_engine(make_config(3, model="offline", candidate_model=MODEL)))
        assert {step.step for step in cast.steps} == {
            *("opening_position", "reading", "question", "introduction", "statement", "reflection")
        }

    async def _foretell_twice(self, engine: GameEngine) -> list[Forecast]:
        return [engine.forecast(), await engine.forecast_async()]

    def test_in_a_notebook_and_in_a_coroutine(self) -> None:
        engine = make_engine(make_config(3, model=MODEL))
        first, second = asyncio.run(self._foretell_twice(engine))
        assert engine.foretold() is second
        assert first == second == engine.forecast()

    def test_in_a_running_community_it_is_refused_where_models_are_asked(self, tmp_path: Path) -> None:
        other, refused = make_engine(make_config(3, model=MODEL)), []

        def foretell_once(moment: object) -> None:
            if not refused:
                with pytest.raises(UsageError, match="forecast_async"):
                    other.forecast()
                refused.append(make_engine(make_config(3)).forecast().acts == 78)

        engine = make_engine(make_config(3), LLMMind(Overheard().stand_in("openai:m")))
        engine.observer = foretell_once
        run_engine(engine, tmp_path)
        assert refused == [True]


JUDGED = ("opening_opinion", "debate_update", "chat_update", "reaction", "social_update", "ballot")


class TestAssumed:
    def test_longer_replies_are_read_by_others(self) -> None:
        engine = make_engine(make_config(4, model=MODEL))
        short, long = (
            foretell(engine, Assumed(Span(4, 4), reply_characters={"statement": Span(length, length)}))
            for length in (100, 900)
        )
        by_step = [{step.step: step for step in each.steps} for each in (short, long)]
        said = [each["statement"].tokens.output_tokens.low for each in by_step]
        assert said == [16 * 25, 16 * 225]
        assert (
            by_step[1]["debate_update"].tokens.prompt_tokens.low > by_step[0]["debate_update"].tokens.prompt_tokens.low
        )
        assert by_step[1]["opening_opinion"] == by_step[0]["opening_opinion"]

    @pytest.mark.parametrize("act", ["update from debate", "opening_position", "chat turn"])
    @pytest.mark.parametrize("length", [400, 700])
    def test_replies_are_as_long_as_stated(self, act: str, length: int) -> None:
        engine = make_engine(make_config(3, model=MODEL))
        asked = foretell(engine, Assumed(Span(1, 1), reply_characters={act: Span(length, length)}))
        step = next(step for step in asked.steps if step.step == STEP_OF_ACT.get(act, act))
        assert step.tokens.output_tokens.low / step.calls.low == pytest.approx(length, abs=3)

    def test_thinking_counts_as_output(self) -> None:
        engine = make_engine(make_config(3, model=MODEL, effort="low"))
        none = foretell(make_engine(make_config(3, model=MODEL)))
        default = foretell(engine)
        stated = foretell(engine, Assumed(thinking_tokens=dict.fromkeys(STEP_OF_ACT, Span(10, 20))))
        assert none.tokens.thinking_tokens == ZERO
        assert default.tokens.output_tokens.low == none.tokens.output_tokens.low, "it need not think"
        assert default.tokens.thinking_tokens == Span(0, 1000 * default.calls.low)
        assert stated.tokens.thinking_tokens == Span(10 * default.calls.low, 20 * default.calls.low)
        assert stated.tokens.output_tokens.low == none.tokens.output_tokens.low + 10 * default.calls.low

    def test_prices_are_applied_call_by_call_and_unknown_is_none(self) -> None:
        price = {"input": 1.0, "output": 10.0, "cache_read": 0.5, "cache_write": 2.0}
        changes = {"model": "vllm:m", "base_url": "http://127.0.0.1:9/v1"}
        point = Assumed(Span(1, 1), reply_characters=dict.fromkeys(STEP_OF_ACT, Span(300, 300)))
        asked = foretell(make_engine(make_config(3, prices={"vllm:m": price}, **changes)), point)
        assert asked.cost_usd is not None
        tokens = asked.tokens
        assert tokens.output_tokens.low == tokens.output_tokens.high
        weighed = tokens.input_tokens.high + 0.5 * tokens.cache_read_tokens.high + 10 * tokens.output_tokens.high
        weighed += 2 * tokens.cache_write_tokens.high
        assert asked.cost_usd.high == pytest.approx(weighed / 1e6, rel=1e-9)
        assert asked.cost_usd.low == pytest.approx(weighed / 1e6, rel=CACHE_DOUBT)
        unknown = make_engine(make_config(3, **changes)).forecast()
        assert unknown.cost_usd is None
        assert asked_of(unknown).unpriced == ("vllm:m",)
        assert "The price of vllm:m is not known" in str(unknown)
        assert "Cost: not known. " in str(unknown)

    def test_what_has_a_price_is_known_where_another_has_none(self) -> None:
        changes = {"model": "vllm:m", "candidate_model": HAIKU}
        forecast = make_engine(make_config(3, **changes)).forecast()
        asked = asked_of(forecast)
        cast = {step.step: step.cost_usd for step in asked.steps if step.cost_usd is not None}
        assert set(cast) == {"opening_position", "reading", "question", "introduction", "statement", "reflection"}
        assert asked.cost_usd is None
        assert asked.known_usd == add_spans(cast.values())
        assert asked.known_usd.low > 0
        assert asked.as_data()["known_usd"]["high"] == pytest.approx(asked.known_usd.high, abs=1e-6)
        known = spell_usd_range(asked.known_usd.low, asked.known_usd.high)
        assert f"not known; what has a price, {known}. Time" in str(forecast)

    def test_a_step_in_which_one_of_two_models_has_no_price(self) -> None:
        engine = make_engine(make_config(3, model=HAIKU))
        whole = foretell(engine)
        own = make_engine(make_config(3, model="vllm:m"))
        engine.population.personas[0].llm_client = LLMMind(Overheard().stand_in("vllm:m"))
        asked = foretell(engine)
        assert next(step.cost_usd for step in asked.steps if step.step == "chat_turn") is None
        assert whole.cost_usd == whole.known_usd
        assert 0.6 * whole.known_usd.low < asked.known_usd.low < 0.95 * whole.known_usd.low
        assert foretell(own).known_usd == ZERO

    def test_where_nothing_is_known_of_thinking_it_is_said_that_there_is_none(self) -> None:
        told = {
            effort: " ".join(describe_calls(foretell(make_engine(make_config(3, model=MODEL, effort=effort)))))
            for effort in (None, "low")
        }
        assert "no thinking; 1 to 4 seconds a reply. check --probe measures them." in told[None]
        assert "; thinking of 0 to 1,000 tokens a reply; 1 to 4 seconds a reply, which do not count" in told["low"]
        probed = Assumed(reply_characters={"post": Span(9, 9)}, thinking_tokens={"post": Span(1, 2)})
        known = " ".join(describe_calls(foretell(make_engine(make_config(3, model=MODEL)), probed)))
        assert "; thinking of 0 to 2 tokens a reply; 1 to 4 seconds a reply, which" in known
        assert "--probe" not in known


class TestMinutes:
    def test_the_longest_chain_bounds_it_where_there_is_room(self) -> None:
        engine = make_engine(make_config(3, model=MODEL, max_concurrent=100))
        seconds = Assumed(seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(1, 2)))
        forecast = engine.forecast(seconds)
        # Candidates are asked for their positions while people state their opinions: no chain is longer.
        assert asked_of(forecast).minutes.low * 60 == pytest.approx(forecast.levels)
        assert asked_of(forecast).minutes.high == pytest.approx(2 * foretelling.SLOWEST * forecast.levels / 60)

    def test_the_work_bounds_it_where_there_is_not(self) -> None:
        engine = make_engine(make_config(3, model=MODEL, max_concurrent=1))
        seconds = Assumed(seconds_per_reply={**dict.fromkeys(STEP_OF_ACT, Span(1, 1)), "post": Span(31, 31)})
        forecast = engine.forecast(seconds)
        posts = next(step.calls.low for step in asked_of(forecast).steps if step.step == "post")
        assert asked_of(forecast).minutes.low * 60 == pytest.approx(asked_of(forecast).calls.low + 30 * posts)

    def test_an_account_may_be_slower(self) -> None:
        slow = make_engine(make_config(3, model=MODEL, requests_per_minute=0.5, tokens_per_minute=None))
        asked = foretell(slow)
        doubt = 1 - foretelling.PACE_DOUBT
        one_reply = 1 / 60
        assert asked.minutes.low == pytest.approx(doubt * (2 * (asked.calls.low - 1) + one_reply)), "the first at once"
        assert asked.minutes.high == pytest.approx(2 * asked.calls.low * foretelling.SLOWEST)
        slow = make_engine(make_config(3, model=MODEL, tokens_per_minute=10.0))
        asked = foretell(slow)
        assert asked.minutes.high == pytest.approx(foretelling.SLOWEST * asked.tokens.total_tokens.high / 10, rel=1e-6)
        but_one = 1 - 1 / asked.calls.low
        assert asked.minutes.low == pytest.approx(doubt * but_one * asked.tokens.total_tokens.low / 10, rel=0.02)

    @pytest.mark.parametrize("limits", [{"requests_per_minute": 200.0}, {"tokens_per_minute": 330_000.0}], ids=str)
    def test_debates_and_what_an_account_may_ask_hold_a_run_up_in_turn(self, limits: dict[str, float]) -> None:
        seconds = Assumed(Span(4, 4), seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(2, 2)))
        config = make_config(20, model=MODEL, max_concurrent=50)
        free = foretell(make_engine(config), seconds)
        held = foretell(make_engine(config.changed(**limits)), seconds)
        alone = held.calls.low / 200 if "requests_per_minute" in limits else held.tokens.total_tokens.low / 330_000
        assert 0.5 < alone / free.minutes.low < 2
        assert 1.2 * max(alone, free.minutes.low) < held.minutes.low < alone + free.minutes.low
        assert held.minutes.high <= WIDEST * held.minutes.low

    def test_every_model_has_a_limit_of_its_own(self) -> None:
        limits = {"requests_per_minute": 0.5, "tokens_per_minute": None}
        asked = foretell(make_engine(make_config(3, model=MODEL, candidate_model=HAIKU, **limits)))
        cast = ("opening_position", "reading", "question", "introduction", "statement", "reflection")
        calls = {step.step: step.calls.low for step in asked.steps}
        of_cast = sum(calls[step] for step in cast)
        assert 0 < of_cast < asked.calls.low - of_cast
        alone = (1 - foretelling.PACE_DOUBT) * 2 * (asked.calls.low - of_cast - 1)
        assert alone < asked.minutes.low < alone + 2 * of_cast, "people wait for debates"
        asked = foretell(make_engine(make_config(3, model=MODEL, candidate_model=HAIKU, tokens_per_minute=10.0)), POINT)
        tokens = {step.step: step.tokens.total_tokens.high for step in asked.steps}
        of_cast = sum(tokens[step] for step in cast)
        more = sum(tokens.values()) - of_cast
        assert more > of_cast
        assert foretelling.SLOWEST * more / 10 < asked.minutes.high < foretelling.SLOWEST * (more + of_cast) / 10


class TestSample:
    @pytest.mark.parametrize("limit", [1, 20])
    def test_its_places_are_as_scarce_as_in_the_run(
        self, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With 20 calls at once neither the longest chain nor the work alone says how long it takes."""
        seconds = Assumed(seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(2, 2)))
        config = build_config(Town(60, limit, epochs=1), tmp_path, seed=3, model=MODEL)
        whole = foretell(GameEngine.from_config(config), seconds)
        monkeypatch.setattr(foretelling, "MOST_ACTS", 230)
        sampled = foretell(GameEngine.from_config(config), seconds)
        assert sampled.sampled is not None
        by_work = 2 * whole.calls.low / 60 / limit
        assert (by_work < 0.85 * whole.minutes.low) == (limit == 20)
        assert sampled.minutes.low == pytest.approx(whole.minutes.low, rel=0.07)
        assert whole.minutes.low == pytest.approx(whole.minutes.high / foretelling.SLOWEST, rel=0.03)

    def test_a_sample_tells_of_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = build_config(Town(120, 20, epochs=1), tmp_path, seed=3, model=MODEL, feed_size=4)
        whole = foretell(GameEngine.from_config(config))
        monkeypatch.setattr(foretelling, "MOST_ACTS", 230)
        sampled = foretell(GameEngine.from_config(config))
        assert (whole.sampled, sampled.sampled) == (None, 30)
        assert whole.calls.low in sampled.calls
        assert sampled.tokens.prompt_tokens.low == pytest.approx(whole.tokens.prompt_tokens.low, rel=0.02)
        assert sampled.tokens.output_tokens.high == pytest.approx(whole.tokens.output_tokens.high, rel=0.02)
        assert sampled.minutes.low <= whole.minutes.low <= sampled.minutes.high
        assert sampled.minutes.high == pytest.approx(whole.minutes.high, rel=0.2)
        for usd in ("cost_usd", "known_usd", "uncached_usd"):
            assert getattr(sampled, usd).high == pytest.approx(getattr(whole, usd).high, rel=0.03)
        slow = foretell(GameEngine.from_config(config.changed(requests_per_minute=1.0, tokens_per_minute=2_000.0)))
        assert slow.minutes.high == pytest.approx(foretelling.SLOWEST * slow.tokens.total_tokens.high / 2_000, rel=0.05)
        slow = foretell(GameEngine.from_config(config.changed(requests_per_minute=1.0)))
        assert slow.minutes.low == pytest.approx(whole.calls.low, rel=0.03)
        assert "Rehearsed with 30 of the people" in str(GameEngine.from_config(config).forecast())


class TestCaches:
    def foretell(self, **changes: Any) -> CallsForecast:
        changes = {"model": "anthropic:claude-haiku-5-5", "world_story": "A town by the water. " * 200, **changes}
        return foretell(make_engine(make_config(12, **changes)))

    def test_marks_are_those_of_the_run(self) -> None:
        asked = self.foretell()
        tokens = asked.tokens
        assert tokens.cache_read_tokens.low > 0.6 * tokens.prompt_tokens.low
        assert 0 < tokens.cache_write_tokens.low < 0.3 * tokens.prompt_tokens.low
        share = tokens.cache_read_tokens.high / tokens.prompt_tokens.high
        assert f"{share:.0%} are read from a cache" in " ".join(describe_calls(asked))
        assert "No cache" not in " ".join(describe_calls(asked))

    def test_debates_are_marked_whether_or_not_anybody_listens(self) -> None:
        alone, heard = (
            foretell(make_engine(make_config(people, model=HAIKU, world_story="A town by the water. " * 200)))
            for people in (0, 1)
        )
        cast = {"question", "introduction", "statement", "reflection"}
        assert cast <= {step.step for step in alone.steps}
        usd = [sum(step.known_usd.low for step in asked.steps if step.step in cast) for asked in (alone, heard)]
        assert usd[0] == pytest.approx(usd[1], rel=0.02)
        assert alone.tokens.cache_read_tokens.low > 0.6 * alone.tokens.prompt_tokens.low

    def test_without_marks_everything_is_plain(self) -> None:
        tokens = self.foretell(prompt_cache="none").tokens
        assert tokens.cache_read_tokens == tokens.cache_write_tokens == ZERO
        assert "No cache is reckoned with." in list(describe_calls(self.foretell(prompt_cache="none")))
        assert tokens.prompt_tokens.low == pytest.approx(self.foretell().tokens.prompt_tokens.low, rel=1e-4)

    @pytest.mark.parametrize("prompt_cache", ["auto", "none"])
    def test_money_may_be_less_only_in_steps_that_read_a_cache(self, prompt_cache: str) -> None:
        kept_by_nobody = "openrouter:meta/m"
        config = make_config(
            3,
            model=HAIKU,
            candidate_model=kept_by_nobody,
            prices={kept_by_nobody: {"input": 0.1, "output": 0.7}},
            prompt_cache=prompt_cache,
        )
        point = Assumed(Span(4, 4), reply_characters=dict.fromkeys(STEP_OF_ACT, Span(300, 300)))
        steps = foretell(make_engine(config), point).steps
        assert {step.tokens.cache_read_tokens.low > 0 for step in steps} == {False, prompt_cache == "auto"}
        for step in steps:
            assert step.cost_usd is not None
            doubt = CACHE_DOUBT if step.tokens.cache_read_tokens.low else 0
            assert step.cost_usd.low == pytest.approx(step.cost_usd.high * (1 - doubt), rel=1e-9)

    def test_what_a_cache_that_promises_nothing_may_cost(self) -> None:
        price = {"input": 1.0, "output": 10.0, "cache_read": 0.1, "cache_write": 2.0}
        asked = self.foretell(model="vllm:m", prices={"vllm:m": price})
        tokens = asked.tokens
        assert asked.uncached_usd is not None
        for end in ("low", "high"):
            by_hand = (getattr(tokens.prompt_tokens, end) + 10 * getattr(tokens.output_tokens, end)) / 1e6
            assert getattr(asked.uncached_usd, end) == pytest.approx(by_hand, rel=1e-6)
        assert asked.cost_usd is not None
        assert asked.uncached_usd.low > 1.5 * asked.cost_usd.low
        assert asked.as_data()["uncached_usd"] == {
            "low": pytest.approx(asked.uncached_usd.low, abs=1e-6),
            "high": pytest.approx(asked.uncached_usd.high, abs=1e-6),
        }
        most = spell_usd(asked.uncached_usd.high, is_most=True)
        cost = spell_usd_range(asked.cost_usd.low, asked.cost_usd.high)
        assert spell_price(asked).startswith(f"Cost: {cost}, up to {most} if nothing is read from a cache.\nTime: ")
        assert "are read from a cache, which nobody promises." in " ".join(describe_calls(asked))

    @pytest.mark.parametrize(
        "changes",
        [
            {"model": HAIKU},
            {"model": "vllm:m", "prices": {"vllm:m": {"input": 0.1, "output": 0.7}}},
            {"model": "vllm:m"},
        ],
        ids=["told what to keep", "reading costs the same", "no price"],
    )
    def test_where_it_costs_no_more_nothing_is_said(self, changes: dict[str, Any]) -> None:
        asked = self.foretell(**changes)
        assert asked.tokens.cache_read_tokens.low > 0
        assert asked.uncached_usd is asked.as_data()["uncached_usd"] is None
        assert "nobody promises" not in " ".join(describe_calls(asked))
        assert "up to" not in spell_price(asked)

    def test_of_two_models_the_one_that_is_told_costs_the_same(self) -> None:
        asked = self.foretell(model=MODEL, candidate_model=HAIKU)
        dearer = {step.step for step in asked.steps if step.uncached_usd.low > 1.01 * step.known_usd.low}
        alike = {step.step for step in asked.steps if step.uncached_usd.high == step.known_usd.high}
        assert {"question", "statement", "reflection"} <= alike
        assert {"chat_turn", "post", "debate_update"} <= dearer

    def test_those_for_an_hour_are_priced_as_in_the_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache_policy, "TYPICAL_REPLY_SECONDS", 100.0)
        town = CostTown(3, 2, epochs=1, world_characters=600, person_characters=3_000)
        with LoopbackServer(build_behaviour()) as server:
            config = build_cost_config(town, tmp_path).changed(model=HAIKU, base_url=server.url)
            engine = GameEngine.from_config(config)
            engine.initialize_simulation_output(tmp_path)
            engine.run()
        calls = read_usage(engine)["calls"]
        tokens = calls["tokens"]
        rates = {"input": 0.1, "cache_write": 0.125, "cache_write_1h": 0.2 - 0.125, "cache_read": 0.01, "output": 0.5}
        by_hand = sum(usd * tokens[f"{kind}_tokens"] for kind, usd in rates.items()) / 1e6
        assert tokens["cache_write_1h_tokens"] * 0.075e-6 > 0.03 * by_hand
        assert calls["cost_usd"] == pytest.approx(by_hand, abs=1e-6)
        asked = foretell(engine_like(config), assume_as_measured(engine))
        assert asked.tokens.cache_write_1h_tokens.low == pytest.approx(tokens["cache_write_1h_tokens"], rel=0.01)
        assert asked.cost_usd is not None
        assert asked.cost_usd.low == pytest.approx(by_hand, rel=0.01)
        slow = foretell(engine_like(config.changed(tokens_per_minute=10.0)), assume_as_measured(engine))
        assert slow.minutes.high == pytest.approx(1.2 * slow.tokens.total_tokens.high / 10), "no token is counted twice"

    def test_slow_replies_lose_entries_at_both_ends_or_at_none(self) -> None:
        engine = make_engine(make_config(8, model=MODEL, world_story="A town by the water. " * 200, max_concurrent=1))
        reads = [
            foretell(engine, Assumed(seconds_per_reply=dict.fromkeys(STEP_OF_ACT, span))).tokens.cache_read_tokens
            for span in (Span(0.01, 0.01), Span(1, 1600), Span(1600, 1600))
        ]
        assert reads[2] == ZERO
        assert 0 < reads[1].low < reads[0].low
        assert reads[1].high <= WIDEST * reads[1].low


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def assume_as_measured(engine: GameEngine) -> Assumed:
    """Return what is known after a run on a server of four characters a token."""
    acts = read_usage(engine)["calls_by_act"]
    lengths = {act: 4 * calls["tokens"]["output_tokens"] / calls["calls"] for act, calls in acts.items()}
    return Assumed(
        characters_per_token=Span(4, 4),
        reply_characters={act: Span(length, length) for act, length in lengths.items()},
        seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(0.01, 0.01)),
    )


def engine_like(config: Config) -> GameEngine:
    return GameEngine.from_config(config)


def call(*arguments: str) -> Any:
    done = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path, build_config(Town(6, 20, candidates=2, epochs=1), tmp_path, seed=1), None)
    return tmp_path / CONFIG


class TestCommand:
    def test_check_tells_what_calls_will_take(self, town: Path) -> None:
        told = call("check", str(town), "--model", MODEL)
        lines = told.splitlines()
        head = lines.index("A run will ask models:") + 1
        assert lines[head].split() == ["calls", "prompt", "tokens", "output", "tokens", "US", "dollars"]
        total = next(line for line in lines[head:] if line.startswith("  in all"))
        asked = foretell(GameEngine.from_config(Config.from_yaml(town).changed(model=MODEL)))
        assert total.split()[2] == f"{asked.calls.low:.0f}"
        assert all(len(line) <= 80 for line in lines[1:])
        assert [line[:6] for line in lines[1:4]] == ["Cost: ", "Time: ", ""]
        assert told.count("Cost: ") == 1
        assert "Model calls" not in told
        assert "\nCalls that have to be tried again come on top.\n" in told
        assert lines.index("Not stated, and therefore assumed:") > head

    def test_check_names_prices_of_models_that_are_not_asked(self, town: Path) -> None:
        settings = yaml.safe_load(town.read_text("utf-8"))
        prices = {name: {"input": 9, "output": 9} for name in ("anthropic", "anthropic:claude-haiku-55")}
        town.write_text(yaml.safe_dump({**settings, "prices": prices}), encoding="utf-8")
        told = call("check", str(town), "--model", HAIKU)
        assert told.splitlines()[2] == "The price of anthropic:claude-haiku-55 is not used: no such model is asked."
        assert told.count("is not used") == 1
        data = json.loads(call("check", str(town), "--model", HAIKU, "--candidate-model", MODEL, "--json"))
        assert data["unused_prices"] == ["anthropic:claude-haiku-55"]

    def test_check_takes_what_run_takes_that_changes_the_price(self) -> None:
        changes = {"model": "offline", "num_epochs": 2, "population_size": 5, "random_seed": 3}
        options = ("--model", "offline", "--epochs", "2", "--population", "5", "--seed", "3")
        told = json.loads(call("check", *options, "--candidate-model", MODEL, "--json"))
        config = Config.bundled().changed(**changes, candidate_model=MODEL)
        assert told["config"] == str(BUNDLED_FILE)
        assert told["asked"] == foretell(GameEngine.from_config(config)).as_data()
        assert told["asked"] != foretell(GameEngine.from_config(config.changed(random_seed=4))).as_data()

    @pytest.mark.parametrize(
        ("options", "changes"),
        [
            (("--prompt-cache", "none"), {"prompt_cache": "none"}),
            (("--max-concurrent", "1"), {"max_concurrent": 1}),
        ],
    )
    def test_so_it_does_of_what_says_how_models_are_asked(
        self, town: Path, options: tuple[str, str], changes: dict[str, Any]
    ) -> None:
        plain, told = (
            json.loads(call("check", str(town), "--model", HAIKU, "--json", *more)) for more in ((), options)
        )
        config = Config.from_yaml(town).changed(model=HAIKU, **changes)
        assert told["asked"] == json.loads(json.dumps(foretell(GameEngine.from_config(config)).as_data()))
        assert told["asked"] != plain["asked"]

    def test_acts_are_listed_once(self, town: Path) -> None:
        """Where every act asks a model, the table of calls is enough; candidates that think offline are not in it."""
        heads = ("A run will make these acts:", "A run will ask models:")
        everybody = call("check", str(town), "--model", MODEL)
        assert [head in everybody for head in heads] == [False, True]
        town.write_text(f"{town.read_text('utf-8')}\ncandidate_model: offline\n", encoding="utf-8")
        people = call("check", str(town), "--model", MODEL)
        assert [head in people for head in heads] == [True, True]
        forecast = GameEngine.from_config(Config.from_yaml(town).changed(model=MODEL)).forecast()
        assert "statements" in str(forecast).partition("prompt tokens")[0]
        assert "Forecast</caption>" in forecast._repr_html_()

    def test_check_without_a_model_says_nothing_of_money(self, town: Path) -> None:
        assert "ask models" not in call("check", str(town))

    def test_check_as_json(self, town: Path) -> None:
        offline, told = (json.loads(call("check", str(town), "--json", *more)) for more in ((), ("--model", MODEL)))
        assert (offline["asked"], offline["calls"]) == (None, 0)
        asked = foretell(GameEngine.from_config(Config.from_yaml(town).changed(model=MODEL)))
        assert told["asked"] == json.loads(json.dumps(asked.as_data()))
        assert sum(row["acts"] for row in told["acts"]) > told["calls"], "some find nothing to react to"
        assert sum(row["calls"] for row in told["acts"]) == told["calls"] == told["asked"]["calls"]["high"]
        assert {row["step"] for row in asked.rows()} == set(told["asked"]["steps"])

    def test_a_run_stands_beside_its_forecast(self, server: LoopbackServer, town: Path) -> None:
        town.write_text(f"{town.read_text('utf-8')}\nbase_url: {server.url}/v1\n", encoding="utf-8")
        told = call("run", str(town), "--model", MODEL)
        path = next((town.parent / "data" / "simulation").iterdir())
        assert "Foretold and measured" in told
        assert "Foretold and measured" in call("show", str(path))
        kept = json.loads((path / FORECAST).read_text("utf-8"))
        rows = {row["figure"]: row for row in load_run(path).foretold}
        told = json.loads(call("show", str(path), "--json"))
        assert [row["figure"] for row in told["foretold"]] == list(rows)
        assert told["cost"]["calls"] == rows["calls"]["took"]
        assert told["cost"]["prompt_tokens"] == rows["prompt_tokens"]["took"]
        assert list(rows) == ["calls", "prompt_tokens", "cache_read_tokens", "output_tokens", "cost_usd", "minutes"]
        assert rows["calls"]["low"] == rows["calls"]["took"] == kept["calls"]["low"]
        for figure in ("prompt_tokens", "output_tokens"):
            assert rows[figure]["low"] <= rows[figure]["took"] <= rows[figure]["high"]
        (path / FORECAST).write_text("{}", encoding="utf-8")
        with pytest.raises(RecordError, match=r"forecast\.json"):
            _ = load_run(path).foretold
        (path / FORECAST).unlink()
        assert load_run(path).foretold == []

    def test_nothing_is_foretold_of_a_run_that_asks_no_model(self, town: Path) -> None:
        assert "Foretold" not in call("run", str(town))
        path = next((town.parent / "data" / "simulation").iterdir())
        assert not (path / FORECAST).exists()


class TestWithoutKeys:
    @pytest.fixture(autouse=True)
    def no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            monkeypatch.delenv(name)

    def type(self, *arguments: str, status: int = 0) -> Result:
        done = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done

    def test_the_price_is_told(self, town: Path) -> None:
        for options in ((), ("--json",)):
            done = self.type("check", str(town), "--model", HAIKU, *options)
            assert "Cost: 0.0" in done.stdout or json.loads(done.stdout)["asked"]["cost_usd"]["high"] > 0
            assert done.stderr.endswith("No key for anthropic was found: set ANTHROPIC_API_KEY before a run.\n")

    def test_every_key_that_is_missing_is_named(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(**changes: str) -> list[str]:
            engine = GameEngine.from_config(Config.from_yaml(town).changed(**changes))
            assert engine.forecast().asked is not None
            return [sentence.split(" was found")[0] for sentence in engine.missing_keys]

        assert missing(model=MODEL, candidate_model=HAIKU) == ["No key for openai", "No key for anthropic"]
        assert missing(model=MODEL, candidate_model="openai:gpt-5") == ["No key for openai"]
        assert missing(model="vllm:m", candidate_model=HAIKU) == ["No key for anthropic"]
        assert missing(model="vllm:m") == []
        monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key")
        assert missing(model=MODEL, candidate_model=HAIKU) == ["No key for anthropic"]

    @pytest.mark.parametrize("typed", [("run",), ("run", "--replicates", "2"), ("check", "--probe")], ids=" ".join)
    def test_what_asks_refuses_before_anything_is_made_or_agreed_to(self, town: Path, typed: tuple[str, ...]) -> None:
        before = sorted(town.parent.iterdir())
        above = ("--confirm-above", "0") if typed[0] == "run" else ()
        done = self.type(*typed, str(town), "--model", MODEL, *above, status=2)
        assert "\nError: --model: openai needs a key, and OPENAI_API_KEY is not set; set it in" in f"\n{done.stderr}"
        assert "will cost" not in done.stderr
        assert sorted(town.parent.iterdir()) == before

    def test_so_does_python_until_the_key_is_there(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = sorted(town.parent.iterdir())
        config = Config.from_yaml(town).changed(model=MODEL)
        engine = GameEngine.from_config(config)
        for refuse in (engine.run, engine.initialize_simulation_output, engine.probe, engine.population.conduct_vote):
            with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
                refuse(*([engine.candidates] if refuse == engine.population.conduct_vote else []))
        with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
            GameEngine.run_many([config])
        assert sorted(town.parent.iterdir()) == before
        monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key")
        engine.initialize_simulation_output()
        assert engine.simulation_dir is not None


class TestStandIn:
    @pytest.mark.parametrize("length", [1, 2, 3, 7, 60, 61, 200, 203.4])
    def test_words_are_as_many_characters(self, length: float) -> None:
        assert len(write_words(length)) == max(2, round(length))
        assert write_words(length).split() == write_words(length).split(" ")


class TestPrefixCache:
    def request(self, *texts: str, reuse: tuple[int, ...] = ()) -> ModelRequest:
        return ModelRequest((texts[0],), texts[1:], max_output_tokens=10, reuse=reuse)

    @pytest.mark.parametrize("model", ["ollama:m", "openrouter:anthropic/claude-haiku-4.5", "a mind of its own"])
    def test_nothing_is_cached_where_nobody_caches(self, model: str) -> None:
        cache = build_prefix_cache(model, is_told=True, at_once=4)
        for _ in range(2):
            assert cache.charge(self.request("x" * 8000, "y")) == Shares(8001)

    def test_what_is_long_enough_is_read_again_in_whole_steps(self) -> None:
        cache = build_prefix_cache("openai:m", is_told=False, at_once=4)
        assert cache.charge(self.request("x" * 6000, "y")) == Shares(6001)
        assert cache.charge(self.request("x" * 6000, "z")) == Shares(6001 - 11 * 512, read=11 * 512)
        assert cache.charge(self.request("x" * 6000, "z"), "{}") == Shares(6003), "another form"
        assert cache.charge(self.request("w" * 4000, "y")).read == cache.charge(self.request("w" * 4000, "y")).read == 0

    def test_what_was_not_read_for_five_minutes_is_gone(self) -> None:
        cache = build_prefix_cache("openai:m", is_told=False, at_once=4)
        reads = [cache.charge(self.request("x" * 6000, "y"), now=now).read for now in (0, 299, 590, 891)]
        assert [read > 0 for read in reads] == [False, True, True, False]

    def test_where_it_is_long_until_somebody_is_asked_again_it_is_written_for_an_hour(self) -> None:
        reuse = (50, 50, 3, 0)
        asked = self.request("x" * 4000, "y" * 2000, "z" * 9000, "w", reuse=reuse)
        slow = replace(asked, calls_between=1_000)
        charged = [build_prefix_cache(HAIKU, is_told=True, at_once=4).charge(each) for each in (asked, slow)]
        assert charged == [Shares(1, written=15_000), Shares(1, written=15_000, written_1h=15_000)]
        cache = build_prefix_cache(HAIKU, is_told=True, at_once=4)
        cache.charge(slow)
        assert cache.charge(replace(slow, user=(*slow.user[:-2], "v" * 9_000))) == Shares(
            0, 9_000, 6_000, written_1h=9_000
        )

    def test_where_it_has_to_be_told_only_what_is_marked_is_written(self) -> None:
        told, untold = (
            build_prefix_cache("anthropic:claude-haiku-5-5", is_told=is_told, at_once=4) for is_told in (True, False)
        )
        first, second = (self.request("x" * 4000, "y" * 2000, end, reuse=(50, 50, 0)) for end in ("a", "b" * 7))
        assert told.charge(first) == Shares(1, written=6000)
        assert told.charge(second) == Shares(7, read=6000)
        assert told.charge(self.request("x" * 4000, "other")) == Shares(4005), "nobody said that it comes again"
        assert untold.charge(first) == untold.charge(first) == Shares(6001)
