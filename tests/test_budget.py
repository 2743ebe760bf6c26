"""What a run may spend: money, tokens, calls and time, over all of its models, and what then becomes of it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.errors import ConfigurationError, RunStoppedError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm import stack
from synthetic_communities.llm.failures import BudgetReachedError, CallError
from synthetic_communities.llm.limits.limiter import Limiter
from synthetic_communities.llm.limits.shared import SharedLimiter
from synthetic_communities.llm.model import Call, Model, ModelReply, ModelRequest, Usage
from synthetic_communities.llm.money.budget import Budget, Limits, Spent, current_budget, find_reached
from synthetic_communities.llm.money.budgeted import complete_usage
from synthetic_communities.llm.naming import ModelName, parse_model_name
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.runs.directory import USAGE
from synthetic_communities.simulation.stopping import carry_out
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from tests.model_calls import make_request
from tests.model_communities import MODELS, make_engine, read_usage, run_engine, set_keys
from tests.small_communities import make_config, read_json
from tests.small_communities import make_engine as make_small_engine

MINI = "openai:gpt-5-mini"
LLAMA = "ollama:llama3.2:3b"
USAGE_OF_A_CALL = Usage(input_tokens=700, cache_write_tokens=100, cache_read_tokens=150, output_tokens=50)
COST_OF_A_CALL = 0.00030375
"""In US dollars: 800 tokens at 0.25 a million, 150 from a cache at 0.025, 50 written at 2."""

WORDS = "t0: +0.2; Let us wait.\nt1: -0.2; Let us see."
JUDGEMENT = json.dumps(
    {
        "opinions": [{"topic": topic, "sentence": "So it is.", "stance": 0.4} for topic in ("t0", "t1")],
        "vote": "A",
        "thumbs_up": [],
    }
)
"""What fits wherever words are asked for, and wherever a judgement is."""

LIMITS = {"max_calls": 12, "max_tokens": 12_000, "max_cost_usd": 0.0034}
"""Each allows a dozen calls of `Slow`, more or less."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server on which nothing goes wrong."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


@dataclass
class Slow:
    """A provider that takes a second for a reply, or as long as it is told; and what was seen of it."""

    seconds: Callable[[int], float] = lambda number: 1.0
    fails: Callable[[int], CallError | None] = lambda number: None
    at_once: int = 0
    peak: int = 0
    begun: list[str] = field(default_factory=list)
    ended: int = 0
    last: float = 0.0

    def build(self, name: ModelName, *_: Any, **__: Any) -> Model:
        """Return it under the name of a model, as what stands innermost in a stack."""
        return _Served(str(name), self)


class _Served(ScriptedModel):
    def __init__(self, name: str, slow: Slow) -> None:
        super().__init__([], name=name)
        self._slow = slow

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        slow, number = self._slow, len(self._slow.begun)
        slow.begun.append(self.name)
        slow.at_once += 1
        slow.peak = max(slow.peak, slow.at_once)
        try:
            await asyncio.sleep(slow.seconds(number))
            slow.ended += 1
            slow.last = virtual_seconds()
            if (error := slow.fails(number)) is not None:
                raise error
            text = JUDGEMENT if request.reply_format else WORDS
            return ModelReply(text, stop="end", model=self.name, usage=USAGE_OF_A_CALL)
        finally:
            slow.at_once -= 1


def _now() -> float:
    try:
        return virtual_seconds()
    except RuntimeError:  # a model is made before a loop runs
        return 0.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A provider in the place of every other one, with limiters that go by virtual time."""
    provider = Slow()
    limiters: dict[str, SharedLimiter] = {}

    def find_limiter(server: Any, *_: Any) -> SharedLimiter:
        made = SharedLimiter(server.name, Limiter(100), clock=_now)
        return limiters.setdefault(server.name, made)

    monkeypatch.setattr(stack, "_build_provider", provider.build)
    monkeypatch.setattr(stack, "_limiter_of", find_limiter)
    return provider


def make_slow_engine(people: int = 6, **changes: Any) -> GameEngine:
    settings = {"model": MINI, "max_concurrent": 5, "num_epochs": 1, "opening_opinions": True, **changes}
    return make_small_engine(make_config(people, **settings))


def stop(engine: GameEngine, directory: Path) -> RunStoppedError:
    """Run a community in virtual time until it is stopped, and return what that says."""
    engine.initialize_simulation_output(directory)
    with pytest.raises(RunStoppedError) as caught:
        run_in_virtual_time(engine.run_async())
    assert caught.value.__cause__ is None
    return caught.value


class TestReached:
    @pytest.mark.parametrize(
        ("limits", "spent", "words"),
        [
            (Limits(max_cost_usd=2), Spent(1234, 9, 2.0), "the budget of 2.00 USD was reached after 1,234 calls"),
            (Limits(max_cost_usd=0.0025), Spent(1, 9, 3.0), "the budget of 0.0025 USD was reached after 1 call"),
            (Limits(max_tokens=1000), Spent(5, 1000), "the budget of 1,000 tokens was reached after 5 calls"),
            (Limits(max_calls=1), Spent(1), "the budget of 1 call was reached"),
            (Limits(max_calls=0), Spent(), "the budget of 0 calls was reached"),
        ],
    )
    def test_words_say_what_was_reached(self, limits: Limits, spent: Spent, words: str) -> None:
        assert str(find_reached(limits, spent)) == words

    @pytest.mark.parametrize(
        "limits",
        [Limits(), Limits(max_cost_usd=2), Limits(max_tokens=1000), Limits(max_calls=10), Limits(max_calls=10**9)],
    )
    def test_just_below_a_limit_there_is_room(self, limits: Limits) -> None:
        assert find_reached(limits, Spent(9, 999, 1.99)) is None

    def test_what_a_server_does_not_count_is_guessed_from_the_texts(self) -> None:
        request, reply = make_request("x" * 23), ModelReply("y" * 9, stop="end", model="m")
        length = request.length
        assert complete_usage(Usage(), request, reply) == Usage(input_tokens=-(-length // 4), output_tokens=3)
        half = Usage(input_tokens=8, cache_read_tokens=2)
        assert complete_usage(half, request, reply) == Usage(input_tokens=8, cache_read_tokens=2, output_tokens=3)
        half = Usage(output_tokens=5, cache_write_tokens=4, cache_write_1h_tokens=4)
        assert complete_usage(half, request, reply) == replace(half, input_tokens=-(-length // 4))
        assert complete_usage(USAGE_OF_A_CALL, request, reply) is USAGE_OF_A_CALL


class TestLimits:
    @pytest.mark.parametrize("name", LIMITS)
    def test_no_limit_is_passed_by_more_than_the_calls_in_flight(self, slow: Slow, tmp_path: Path, name: str) -> None:
        engine = make_slow_engine(**{name: LIMITS[name]})
        slow.seconds = lambda number: 1.0 + number % 3
        error = stop(engine, tmp_path)
        usage = read_usage(engine)

        assert isinstance(error, BudgetReachedError)
        assert error.setting == name
        assert 2 <= slow.peak <= 5
        most = 12 if name == "max_calls" else 12 + slow.peak
        assert 12 <= len(slow.begun) <= most
        assert usage["model_calls"] == len(slow.begun)
        assert usage["limits"][name] == LIMITS[name]
        assert usage["calls"]["cost_usd"] == pytest.approx(COST_OF_A_CALL * len(slow.begun), abs=1e-6)

    @pytest.mark.parametrize("name", LIMITS)
    def test_replies_in_flight_arrive_and_are_kept(self, slow: Slow, tmp_path: Path, name: str) -> None:
        engine = make_slow_engine(**{name: LIMITS[name]})
        slow.seconds = lambda number: 100.0 if number == 3 else 1.0
        stop(engine, tmp_path)
        usage = read_usage(engine)

        assert slow.last >= 100.0
        assert slow.ended == len(slow.begun)
        assert usage["calls"]["outcomes"] == {"end": len(slow.begun)}
        ended = sum(sum(act["statuses"].values()) for act in usage["acts"].values())
        assert ended == usage["model_calls"]

    def test_a_run_that_needs_just_what_it_may_spend_comes_to_its_end(self, slow: Slow, tmp_path: Path) -> None:
        free = make_slow_engine()
        free.initialize_simulation_output(tmp_path)
        run_in_virtual_time(free.run_async())
        needed = len(slow.begun)

        exact = make_slow_engine(max_calls=needed)
        exact.initialize_simulation_output(tmp_path)
        assert run_in_virtual_time(exact.run_async()).is_complete
        assert str(stop(make_slow_engine(max_calls=needed - 1), tmp_path)).startswith("stopped: the budget of ")

    @pytest.mark.parametrize(
        "nothing", [{"max_calls": 0}, {"max_tokens": 0}, {"max_cost_usd": 0}, {"deadline_seconds": 0}]
    )
    def test_where_nothing_may_be_spent_nobody_is_asked(
        self, slow: Slow, tmp_path: Path, nothing: dict[str, Any]
    ) -> None:
        error = stop(make_slow_engine(**nothing), tmp_path)
        assert slow.begun == []
        assert str(error).endswith("72 of 72 acts are left undone")

    def test_every_try_counts(self, slow: Slow, tmp_path: Path) -> None:
        slow.fails = lambda number: CallError("server error", is_transient=True)
        engine = make_slow_engine(max_calls=7)
        stop(engine, tmp_path)
        assert len(slow.begun) == 7
        assert read_usage(engine)["calls"]["outcomes"] == {"server error": 7}

    def test_tokens_of_replies_that_are_none_count_too(self, slow: Slow, tmp_path: Path) -> None:
        slow.fails = lambda number: CallError("prompt cut by the server", usage=USAGE_OF_A_CALL)
        stop(make_slow_engine(max_tokens=3000, max_concurrent=1), tmp_path)
        assert len(slow.begun) == 3

    def test_several_models_share_one_budget(self, slow: Slow, tmp_path: Path) -> None:
        engine = make_slow_engine(candidate_model=LLAMA, max_calls=20)
        stop(engine, tmp_path)
        assert set(slow.begun) == {MINI, LLAMA}
        assert len(slow.begun) == 20
        usage = read_usage(engine)
        assert usage["calls"]["cost_usd"] is None
        assert usage["calls"]["cost_usd_known"] == pytest.approx(COST_OF_A_CALL * slow.begun.count(MINI), abs=1e-6)

    def test_a_member_whose_model_has_no_price_is_told_before_the_first_call(self, slow: Slow, tmp_path: Path) -> None:
        engine = make_slow_engine(max_cost_usd=1)
        engine.population.personas[0].llm_client = LLMMind(ScriptedModel([], name="vllm:mine"))
        with pytest.raises(ConfigurationError, match="what vllm:mine costs is not known"):
            run_engine(engine, tmp_path)
        assert slow.begun == []


class TestWaiting:
    def test_a_deadline_ends_a_run_in_which_every_call_waits_for_a_pause(self, slow: Slow, tmp_path: Path) -> None:
        slow.fails = lambda number: CallError("rate limit", status=429, is_transient=True, retry_after_seconds=60.0)
        engine = make_slow_engine(deadline_seconds=10.0)
        error = stop(engine, tmp_path)
        assert str(error).startswith("stopped: the deadline of 10 s was reached after ")
        assert error.setting == "deadline_seconds"
        assert slow.last < 10.0
        assert read_usage(engine)["status"] == "stopped"

    def test_it_ends_then_and_not_when_the_pause_is_over(self, slow: Slow, tmp_path: Path) -> None:
        slow.fails = lambda number: CallError("rate limit", status=429, is_transient=True, retry_after_seconds=60.0)

        async def run() -> float:
            engine = make_slow_engine(deadline_seconds=10.0)
            engine.initialize_simulation_output(tmp_path)
            with pytest.raises(BudgetReachedError):
                await engine.run_async()
            return virtual_seconds()

        assert run_in_virtual_time(run()) == pytest.approx(10.0)

    def test_what_is_in_flight_at_the_deadline_is_awaited(self, slow: Slow, tmp_path: Path) -> None:
        slow.seconds = lambda number: 40.0 if number == 1 else 3.0
        stop(make_slow_engine(deadline_seconds=10.0), tmp_path)
        assert slow.last == pytest.approx(40.0, abs=0.1)
        assert slow.ended == len(slow.begun)

    def test_a_try_that_waits_for_its_turn_does_not_go_out_after_the_budget_is_reached(
        self, slow: Slow, tmp_path: Path
    ) -> None:
        engine = make_slow_engine(max_tokens=5_000, requests_per_minute=60, max_concurrent=20, people=20)
        slow.seconds = lambda number: 30.0
        stop(engine, tmp_path)
        allowed = 10 + 30  # those saved up for a start, and one each second until the first reply
        assert 5 <= slow.ended == len(slow.begun) <= allowed

    def test_a_deadline_that_is_not_reached_changes_nothing(self, slow: Slow, tmp_path: Path) -> None:
        engine = make_slow_engine(deadline_seconds=1e6)
        engine.initialize_simulation_output(tmp_path)
        assert run_in_virtual_time(engine.run_async()).is_complete
        assert read_usage(engine)["stopped"] is None

    def test_a_run_that_is_cancelled_while_calls_are_awaited_is_interrupted(self, slow: Slow, tmp_path: Path) -> None:
        slow.seconds = lambda number: 50.0
        engine = make_slow_engine(max_calls=3)
        engine.initialize_simulation_output(tmp_path)

        async def run() -> None:
            async with asyncio.timeout(20):
                await engine.run_async()

        with pytest.raises(TimeoutError):
            run_in_virtual_time(run())
        assert read_usage(engine)["status"] == "interrupted"


class TestRunsSideBySide:
    def test_each_has_its_own_budget_and_one_that_is_stopped_stops_no_other(self, slow: Slow, tmp_path: Path) -> None:
        configs = [make_slow_engine(max_calls=calls).config for calls in (10, 1000, 15)]
        for config in configs:
            config.population_size = 0  # without a file of people there is nobody but the candidates
            config.candidates, config.questions_per_topic = [*(config.candidates or [])], 4
        with pytest.raises(BudgetReachedError, match=r"^stopped: the budget of 10 calls was reached; "):
            run_in_virtual_time(GameEngine.run_many_async(configs, base_dir=tmp_path))
        usages = [read_json(path / USAGE) for path in sorted(tmp_path.iterdir())]
        assert [usage["status"] for usage in usages] == ["stopped", "complete", "stopped"]
        calls = [usage["model_calls"] for usage in usages]
        assert (calls[0], calls[2]) == (10, 15)
        assert sum(calls) == len(slow.begun)


class TestTelling:
    def test_the_observer_the_log_and_the_usage_say_what_was_reached(
        self, slow: Slow, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        moments: list[Moment] = []
        engine = make_slow_engine(max_calls=9)
        engine.observer = moments.append
        with caplog.at_level(logging.INFO, "synthetic_communities.budget"):
            error = stop(engine, tmp_path)
        why = "the budget of 9 calls was reached"
        assert [record.getMessage() for record in caplog.records if record.name.endswith("budget")] == [
            f"{why}; no more calls are made, and those in flight are awaited"
        ]
        assert moments[-1].stopped == why
        assert moments[0].stopped == ""
        left = moments[-1].total - moments[-1].done
        assert read_usage(engine)["stopped"] == f"{why}; {left} of {moments[-1].total} acts are left undone"
        assert str(error) == f"stopped: {read_usage(engine)['stopped']}"


class TestBudget:
    """The parts, without a run."""

    def test_outside_of_a_run_nothing_is_counted(self, slow: Slow) -> None:
        model = stack.build_model(parse_model_name(MINI), api_key="sk-1")

        async def ask() -> str:
            async with model:
                return (await model.reply(make_request(), Call("k"))).text

        assert current_budget.get() is None
        assert run_in_virtual_time(ask()) == WORDS

    def test_a_model_without_a_price_is_not_asked_where_money_is_limited(self) -> None:
        model = stack.Budgeted(stack.Counted(ScriptedModel(["Yes."], name="vllm:mine")))

        async def ask() -> None:
            with Budget(Limits(max_cost_usd=1.0)).in_force():
                await model.reply(make_request(), Call("k"))

        with pytest.raises(ConfigurationError, match="max_cost_usd: what vllm:mine costs is not known"):
            run_in_virtual_time(ask())

    def test_a_try_on_another_loop_is_told_too(self) -> None:
        refused = threading.Event()
        budget = Budget(Limits(max_calls=1), tell=lambda why: refused.set())
        scripted = ScriptedModel(lambda request, call: "Yes.")
        model = stack.Budgeted(stack.Counted(scripted))

        async def ask() -> None:
            with budget.in_force():
                await model.reply(make_request(), Call("k"))

        async def ask_elsewhere() -> None:
            assert budget.begin()
            asking = asyncio.create_task(asyncio.to_thread(asyncio.run, ask()))
            await asyncio.to_thread(refused.wait)
            budget.end()
            with pytest.raises(BudgetReachedError, match=r"^the budget of 1 call was reached$"):
                await asking

        asyncio.run(ask_elsewhere())
        assert scripted.requests == []

    def test_what_a_try_takes_is_counted_however_it_ends(self) -> None:
        class Stuck(Wrapper):
            async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
                raise ValueError("a bug")

        async def ask(budget: Budget) -> None:
            with budget.in_force(), pytest.raises(ValueError, match="a bug"):
                await stack.Budgeted(stack.Counted(Stuck(ScriptedModel([])))).reply(make_request(), Call("k"))
            budget.stop(BudgetReachedError("enough"))
            assert str(await budget.wait_until_over()) == "enough"

        run_in_virtual_time(ask(Budget()))

    def test_the_first_reason_holds(self) -> None:
        told: list[RunStoppedError] = []
        budget = Budget(tell=told.append)
        budget.stop(BudgetReachedError("first"))
        budget.stop(BudgetReachedError("second"))
        assert str(budget.stopped) == "first"
        assert len(told) == 1

    def test_work_that_ends_by_itself_leaves_no_timer_behind(self) -> None:
        async def work() -> RunStoppedError | None:
            budget = Budget(Limits(deadline_seconds=5.0))
            await carry_out(asyncio.sleep(3.0), budget)
            await asyncio.sleep(10.0)
            return budget.stopped

        assert run_in_virtual_time(work()) is None

    def test_a_try_that_may_not_go_out_does_not_even_queue(self) -> None:
        scripted = ScriptedModel(["Yes."])

        async def ask() -> None:
            budget = Budget()
            budget.stop(BudgetReachedError("enough"))
            with budget.in_force():
                await stack.Budgeted(scripted).reply(make_request(), Call("k"))

        with pytest.raises(BudgetReachedError, match=r"^enough$"):
            run_in_virtual_time(ask())
        assert scripted.requests == []

    def test_an_error_of_the_work_is_raised_as_it_is(self) -> None:
        async def fail() -> None:
            raise OSError("disk full")

        async def work() -> None:
            await carry_out(fail(), Budget())

        with pytest.raises(OSError, match="disk full"):
            run_in_virtual_time(work())

    def test_work_that_cancels_itself_is_no_work_done(self) -> None:
        async def give_up() -> None:
            raise asyncio.CancelledError

        async def work() -> None:
            await carry_out(give_up(), Budget())

        with pytest.raises(asyncio.CancelledError):
            run_in_virtual_time(work())


class TestServer:
    """Whole runs over each protocol."""

    @pytest.mark.parametrize("protocol", MODELS)
    def test_the_server_gets_as_many_calls_as_are_allowed(
        self, server: LoopbackServer, tmp_path: Path, protocol: str
    ) -> None:
        engine = make_engine(server, MODELS[protocol], max_calls=17)
        server.reset()
        with pytest.raises(BudgetReachedError, match=r"^stopped: the budget of 17 calls was reached; "):
            run_engine(engine, tmp_path)
        assert server.stats()["calls"] == 17 == read_usage(engine)["model_calls"]
        assert read_usage(engine)["calls"]["outcomes"] == {"end": 17}

    def test_money_is_counted_by_what_the_server_counts(self, server: LoopbackServer, tmp_path: Path) -> None:
        engine = make_engine(server, MODELS["anthropic"], max_cost_usd=0.002)
        with pytest.raises(BudgetReachedError, match=r"^stopped: the budget of 0\.002 USD was reached after "):
            run_engine(engine, tmp_path)
        usage = read_usage(engine)
        dearest = 0.0005
        assert 0.002 <= usage["calls"]["cost_usd"] < 0.002 + usage["calls"]["peak_in_flight"] * dearest
        of_acts = sum(act["cost_usd"] for act in usage["calls_by_act"].values())
        assert of_acts == pytest.approx(usage["calls"]["cost_usd"], abs=1e-5)


class TestRefusedOptions:
    """A request that is refused for a field, and sent again without it, went out twice."""

    @pytest.mark.parametrize("model", [MODELS["openai"], MODELS["anthropic"]])
    def test_both_requests_are_counted(self, model: str, tmp_path: Path) -> None:
        with LoopbackServer(when={"A small town": "refuse-schema:0"}) as server:
            changes: dict[str, Any] = {"model": model, "people": 2, "world_story": "A small town."}
            engine = make_engine(server, **changes)
            run_engine(engine, tmp_path / "whole")
            usage = read_usage(engine)["calls"]
            assert usage["calls"] == server.stats()["calls"] > usage["outcomes"]["end"]
            limited = make_engine(server, **changes, max_calls=1)
            with pytest.raises(BudgetReachedError):
                run_engine(limited, tmp_path / "limited")
            assert server.stats()["calls"] == usage["calls"] + 1
