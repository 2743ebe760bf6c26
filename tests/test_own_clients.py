"""Calls through clients that a script made itself: all in the usage of their run, each once, with what they cost."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities import llm_client
from synthetic_communities.cli.main import program
from synthetic_communities.config import Config
from synthetic_communities.domain.outcome import Answer
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import BudgetReachedError
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest, Usage
from synthetic_communities.llm_client import LLMClient, create_client, generate_response_async
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.minds.views import BallotView, View
from synthetic_communities.population import Population
from synthetic_communities.report.result import SimulationResult, load_run
from synthetic_communities.report.terminal.side_by_side import read_foretold_together
from synthetic_communities.report.terminal.spent import describe_spent
from synthetic_communities.runs.directory import FORECAST
from synthetic_communities.runs.row import Row
from synthetic_communities.simulation.files import write_forecast
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from tests import small_communities as offline
from tests.model_communities import KEYS, make_engine, run_engine, set_keys
from tests.small_communities import read_json

MODEL = "openai:gpt-5-mini"
PRICES = {MODEL: {"input": 2.0, "output": 8.0}}


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


def connect(server: LoopbackServer) -> LLMClient:
    return create_client(KEYS["OPENAI_API_KEY"], model=MODEL, base_url=f"{server.url}/v1")


def make_small(server: LoopbackServer, people: int = 2, **changes: Any) -> GameEngine:
    settings = {"num_epochs": 1, "turns_per_question": 1, "prices": PRICES, **changes}
    return make_engine(server, MODEL, people=people, **settings)


def add_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what these rows come to."""
    return {
        "calls": sum(row["calls"] or 0 for row in rows),
        "output_tokens": sum(row["output_tokens"] or 0 for row in rows),
        "cost_usd": round(math.fsum(row["cost_usd"] or 0 for row in rows), 4),
    }


def check_sums(result: SimulationResult, server: LoopbackServer) -> None:
    """Check that all calls the server got are in the usage, and in each of its parts once."""
    totals = result.measured["calls"]
    assert result.measured["model_calls"] == totals["calls"] == server.stats()["calls"] > 20
    whole = {"calls": totals["calls"], "output_tokens": totals["tokens"]["output_tokens"]}
    whole["cost_usd"] = round(totals["cost_usd"], 4)
    for rows in (result.usage, result.usage_by_epoch, result.usage_by_agent):
        assert add_up(rows) == pytest.approx(whole, abs=2e-4)


def test_members_with_a_client_of_their_own_are_counted_with_all_others(server: LoopbackServer, tmp_path: Path) -> None:
    server.reset()
    engine, bodies, moments = make_small(server, people=6), io.StringIO(), []
    for persona in engine.population.personas[1:3]:
        persona.llm_client = connect(server)
    engine.log_bodies(bodies)
    engine.observer = moments.append
    result = run_engine(engine, tmp_path)

    check_sums(result, server)
    calls = {row["id"]: row["calls"] for row in result.usage_by_agent if row["kind"] == "person"}
    assert set(calls) == {f"p{number}" for number in range(6)}
    assert calls["p1"] == calls["p0"]
    told = [json.loads(line) for line in bodies.getvalue().splitlines()]
    assert len(told) == result.measured["model_calls"]
    assert math.fsum(line["cost_usd"] for line in told) == pytest.approx(result.measured["calls"]["cost_usd"], abs=1e-6)
    last: Moment = moments[-1]
    assert last.spend is not None
    assert last.spend.cost_usd == pytest.approx(result.measured["calls"]["cost_usd"], abs=1e-6)


def test_a_client_for_everybody_is_counted(server: LoopbackServer, tmp_path: Path) -> None:
    server.reset()
    engine = make_small(server)
    engine.llm_client = connect(server)
    check_sums(run_engine(engine, tmp_path), server)


@pytest.mark.parametrize("door", ["generate_response", "generate_response_async"])
def test_a_call_within_a_call_is_told_of_once(
    door: str, server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that traces calls puts a function in the place of the package's, and calls that in it."""
    server.reset()
    own = getattr(llm_client, door)

    def traced(*arguments: Any, **options: Any) -> Any:
        return own(*arguments, **options)

    monkeypatch.setattr(llm_client, door, traced)
    engine = make_small(server)
    engine.llm_client = connect(server)
    result = run_engine(engine, tmp_path)
    check_sums(result, server)
    assert "other" not in {row["kind"] for row in result.usage_by_agent}


def test_a_mind_that_asks_what_it_likes_besides_is_not_known_in_full(server: LoopbackServer, tmp_path: Path) -> None:
    class Sub(LLMMind):
        async def answer(self, view: View) -> Answer[Any]:
            return await super().answer(view)

    engine = make_small(server)
    engine.llm_client = Sub(connect(server).model_asked)
    assert run_engine(engine, tmp_path).measured["model_calls"] is None


def test_runs_at_once_that_share_a_client_count_each_their_own(server: LoopbackServer, tmp_path: Path) -> None:
    server.reset()
    client, engines, logs = connect(server), [make_small(server, people) for people in (2, 4)], []
    for engine in engines:
        engine.llm_client = client
        logs.append(io.StringIO())
        engine.log_bodies(logs[-1])

    async def run_both() -> list[SimulationResult]:
        for number, engine in enumerate(engines):
            engine.initialize_simulation_output(tmp_path / str(number))
        return await asyncio.gather(*(engine.run_async() for engine in engines))

    small, large = asyncio.run(run_both())
    counts = [result.measured["model_calls"] for result in (small, large)]
    assert sum(counts) == server.stats()["calls"]
    assert 20 < counts[0] < counts[1]
    assert counts == [len(log.getvalue().splitlines()) for log in logs]
    for result, people in ((small, 2), (large, 4)):
        assert sum(row["kind"] == "person" for row in result.usage_by_agent) == people
        assert add_up(result.usage)["calls"] == add_up(result.usage_by_agent)["calls"] == result.measured["model_calls"]


class Doors:
    """Ways in which a script gives a client to an engine whose configuration names no model."""

    @staticmethod
    def engine(client: Mind, **settings: Any) -> GameEngine:
        return offline.make_engine(offline.make_config(2, num_epochs=1, **settings), client)

    @staticmethod
    def config(client: Mind, **settings: Any) -> GameEngine:
        return GameEngine.from_config(Config.bundled(population_size=2, num_epochs=1).changed(**settings), model=client)

    @staticmethod
    def population(client: Mind, **settings: Any) -> GameEngine:
        engine = Doors.engine(OfflineMind(), **settings)
        people = engine.population.personas
        engine.llm_client, engine.population = None, Population("A town.", model=client)
        for persona in people:
            engine.population.add_persona(persona)
        return engine

    @staticmethod
    def member(client: Mind, **settings: Any) -> GameEngine:
        engine = Doors.engine(OfflineMind(), **settings)
        engine.population.personas[0].llm_client = client
        return engine


@pytest.mark.parametrize("door", ["engine", "config", "population", "member"])
def test_a_client_has_its_price_where_the_configuration_names_no_model(
    door: str, server: LoopbackServer, tmp_path: Path
) -> None:
    result = run_engine(getattr(Doors, door)(connect(server), prices=PRICES), tmp_path)
    took = result.measured["calls"]
    tokens = took["tokens"]
    assert took["calls"] > 3
    prompts = sum(tokens[kind] or 0 for kind in ("input_tokens", "cache_read_tokens", "cache_write_tokens"))
    assert took["cost_usd"] == pytest.approx((2 * prompts + 8 * tokens["output_tokens"]) / 1e6)


def test_a_client_that_names_no_model_has_no_price(tmp_path: Path) -> None:
    def say(request: ModelRequest, call: Call) -> ModelReply:
        return ModelReply("Rents.", stop="end", model=MODEL, usage=Usage(input_tokens=9, output_tokens=9))

    for name, cost in ((MODEL, 18 * 5e-6), ("mine", None)):
        engine = offline.make_engine(
            offline.make_config(1, num_epochs=1, prices=PRICES), LLMMind(ScriptedModel(say, name=name))
        )
        took = offline.run_engine(engine, tmp_path).measured["calls"]
        assert took["cost_usd"] == (cost if cost is None else pytest.approx(cost * took["calls"])), name


def test_a_client_keeps_to_the_budget_of_a_run_whose_configuration_names_no_model(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.reset()
    with pytest.raises(BudgetReachedError, match="the budget of 5 calls was reached"):
        run_engine(Doors.engine(connect(server), max_calls=5), tmp_path)
    assert server.stats()["calls"] == 5
    unpriced = create_client("k", model="vllm:test", base_url=f"{server.url}/v1")
    with pytest.raises(ConfigurationError, match="what vllm:test costs is not known"):
        Doors.engine(unpriced, max_cost_usd=1.0).forecast()
    several = Doors.config(connect(server), prices=PRICES).forecast(replicates=2, resample=True)
    assert several.cost_usd is not None


@pytest.mark.parametrize(
    ("mind", "refused"),
    [
        (OfflineMind(), ["max_calls", "prices", "temperature"]),
        (LLMMind(ScriptedModel([])), ["temperature"]),
        (ScriptedMind({}), ["max_calls", "temperature"]),
        (create_client("k", model=MODEL), ["temperature"]),
    ],
    ids=["offline", "a model of one's own", "a mind of one's own", "a client"],
)
def test_what_would_be_read_and_ignored_is_refused(mind: Mind, refused: list[str]) -> None:
    settings = {"prices": PRICES, "max_calls": 5, "temperature": 0.5}
    for build in (Doors.engine, Doors.config):
        with pytest.raises(ConfigurationError) as caught:
            build(mind, **settings).run()
        told = {str(problem).partition(":")[0] for problem in caught.value.problems}
        assert told == set(refused)
        assert ("the offline mind takes no" in str(caught.value)) == isinstance(mind, OfflineMind)


def say_little(request: ModelRequest, call: Call) -> ModelReply:
    return ModelReply("Rents.", stop="end", model=MODEL, usage=Usage(input_tokens=9, output_tokens=9))


def test_a_model_of_a_scripts_own_keeps_to_the_budget(tmp_path: Path) -> None:
    model = ScriptedModel(say_little, name=MODEL)
    with pytest.raises(BudgetReachedError, match=r"the budget of 0.0004 USD was reached after 5 calls"):
        run_engine(Doors.config(LLMMind(model), prices=PRICES, max_cost_usd=4e-4, max_concurrent=1), tmp_path)
    assert len(model.calls) == 5, "of 9 tokens at 2 USD a million, and 9 at 8"


class HandingOn(ScriptedModel):
    """A script's own model that hands every call on, each after so many turns of the loop."""

    def __init__(self, client: LLMMind, times: int = 1) -> None:
        super().__init__([], name=MODEL)
        self._client, self._times = client, times

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        self.calls.append(call)
        for _ in range(len(self.calls) % 3):
            await asyncio.sleep(0)
        return [await self._client.model_asked.reply(request, call) for _ in range(self._times)][-1]


@pytest.mark.parametrize(("times", "made"), [(1, 5), (2, 6)])
def test_what_is_handed_on_counts_once(times: int, made: int, tmp_path: Path) -> None:
    inner = ScriptedModel(say_little, name=MODEL)
    model = HandingOn(LLMMind(inner), times)
    limits: dict[str, Any] = {"max_calls": made, "prices": PRICES, "max_cost_usd": 1.0, "max_concurrent": 4}
    with pytest.raises(BudgetReachedError, match=f"the budget of {made} calls was reached"):
        run_engine(Doors.config(LLMMind(model), **limits), tmp_path)
    assert len(inner.calls) == made


class Adviser:
    """A mind of a script's own: it asks a client before it votes, and somebody else's model for all one knows."""

    name, source = "adviser", "script"

    def __init__(self, client: LLMClient) -> None:
        self._client, self._inner = client, OfflineMind()

    async def answer(self, view: View) -> Answer[Any]:
        if isinstance(view, BallotView):
            await generate_response_async(self._client, "Whom?", None)
        return await self._inner.answer(view)


@pytest.fixture(scope="module")
def advised(server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run with somebody of whose calls only those are known that go through this package."""
    with pytest.MonkeyPatch.context() as patch:
        set_keys(patch)
        server.reset()
        engine = make_small(server)
        engine.population.personas[0].llm_client = Adviser(connect(server))
        asked = make_small(server).forecast().asked  # of the same without that mind, of which none is made
        assert asked is not None
        engine.initialize_simulation_output(tmp_path_factory.mktemp("advised"))
        assert engine.simulation_dir is not None
        write_forecast(engine.simulation_dir, asked.as_data())
        return engine.run()


def test_where_a_mind_of_a_scripts_own_takes_part_what_is_known_is_told(
    advised: SimulationResult, server: LoopbackServer
) -> None:
    assert advised.measured["model_calls"] is None
    assert advised.measured["calls"]["calls"] == server.stats()["calls"] > 15
    assert advised.measured["calls_by_epoch"]["other"]["calls"] == 1, "what it asked by hand"
    assert {(row["kind"], row["id"]) for row in advised.usage_by_agent} >= {("person", "p1"), ("other", "")}
    rows = {row["step"]: row["calls"] for row in advised.usage}
    assert rows["ballot"] == 1, "of the other one"


def test_what_is_known_in_part_is_neither_held_against_a_forecast_nor_taken_for_all(
    advised: SimulationResult,
) -> None:
    assert advised.foretold == []
    usage = Row("usage.json", advised.measured)
    assert list(describe_spent([usage])) == []
    assert read_foretold_together(Row("forecast.json", read_json(advised.path / FORECAST)), [usage]) == []
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(program, ["show", str(advised.path)], catch_exceptions=False)
    assert "model calls not known" in shown.output
    assert "Tokens, cost, as known" in shown.output
    whole = Row("usage.json", {**advised.measured, "model_calls": 1})
    assert len(list(describe_spent([whole]))) == 1, "else it would be told"


def test_steps_of_which_no_call_is_known_are_not_taken_to_have_made_none(
    advised: SimulationResult, tmp_path: Path
) -> None:
    usage = json.loads((advised.path / "usage.json").read_text("utf-8"))
    del usage["calls_by_act"]["ballot"]
    for file in advised.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "usage.json").write_text(json.dumps(usage), "utf-8")
    rows = {row["step"]: row for row in load_run(tmp_path).usage}
    assert (rows["ballot"]["calls"], rows["ballot"]["cost_usd"]) == (None, None)
    assert rows["question"]["calls"] > 0


def test_what_is_asked_by_hand_is_no_runs(server: LoopbackServer, tmp_path: Path) -> None:
    server.reset()
    engine, bodies = make_small(server), io.StringIO()
    engine.log_bodies(bodies)
    engine.population.conduct_vote(engine.candidates)
    by_hand = [json.loads(line) for line in bodies.getvalue().splitlines()]
    assert len(by_hand) == server.stats()["calls"] >= 2
    assert all(line["cost_usd"] > 0 for line in by_hand)
    server.reset()
    result = run_engine(engine, tmp_path)
    check_sums(result, server)
    assert len(bodies.getvalue().splitlines()) == len(by_hand) + result.measured["model_calls"]


def test_limits_of_a_client_of_ones_own_are_told_too(tmp_path: Path) -> None:
    with LoopbackServer(requests_per_second=200, bucket=50, rate_headers=True) as limiting:
        client = connect(limiting)
        engine = make_small(limiting)
        engine.llm_client = client
        changes = run_engine(engine, tmp_path).measured["limit_changes"]
    assert changes[0]["reason"] == "the server tells of a limit of 50 requests"
    assert changes[0]["model"] == MODEL


def test_the_line_of_a_call_says_what_it_cost(
    server: LoopbackServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, bodies = make_small(server), io.StringIO()
    engine.llm_client = connect(server)
    engine.log_bodies(bodies)
    with caplog.at_level(logging.DEBUG, logger="synthetic_communities.calls"):
        run_engine(engine, tmp_path)
    said = re.findall(r"in flight, cost ([0-9.]+) USD; ", "\n".join(caplog.messages))
    costs = [json.loads(line)["cost_usd"] for line in bodies.getvalue().splitlines()]
    assert [float(each) for each in said] == pytest.approx(costs, rel=0.1)
