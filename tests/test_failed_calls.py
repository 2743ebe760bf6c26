"""The calls of acts that came to nothing: kept in the run directory, whole, and no others."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import weakref
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Answer, Done, Failed, NotAsked, Refused, Skipped, Unreadable
from synthetic_communities.engine.ledger import Task
from synthetic_communities.engine.plan import plan_run
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.call_log import CallEntry
from synthetic_communities.llm.exchange import Exchange
from synthetic_communities.llm.listening import current_listener
from synthetic_communities.llm.model import ModelReply, ModelRequest, Usage
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.llm_client import create_client
from synthetic_communities.report.result import SimulationResult, load_run
from synthetic_communities.report.steps import ACTS
from synthetic_communities.runs.directory import FAILED_CALLS
from synthetic_communities.simulation.failed_calls import FailedCalls
from synthetic_communities.simulation.run_calls import RunCalls
from synthetic_communities.simulation.stage import build_course
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.scripted import ScriptedMind
from tests.model_communities import KEYS, make_engine, mark_requests, run_engine, set_keys, use_policy
from tests.small_communities import make_config, read_record
from tests.small_communities import make_engine as make_offline_engine

MODEL = "openai:gpt-5-mini"
TOPICS = ("t0", "t1")
KEYS_OF_A_LINE = ["task", "act", "attempt", "tries", "outcome", "model", "cost_usd"]
KEYS_OF_A_LINE += ["system", "user", "reply", "error"]


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, and three tries of a call without long waits."""
    set_keys(monkeypatch)
    use_policy(monkeypatch, max_tries=3)


def make_small(server: LoopbackServer, **changes: Any) -> GameEngine:
    """Return a community of two people, who hear one debate and talk once."""
    return make_engine(server, MODEL, people=2, **{"num_epochs": 1, "turns_per_question": 1, **changes})


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / FAILED_CALLS).read_text(encoding="utf-8").splitlines()]


def by_task(path: Path) -> Mapping[str, list[tuple[Any, ...]]]:
    """Return task to the attempt, the try and the outcome of each of its calls."""
    calls: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for line in read_lines(path):
        calls[line["task"]].append((line["attempt"], line["tries"], line["outcome"]))
    return dict(calls)


def find_statuses(result: SimulationResult) -> set[str]:
    """Return how acts ended that came to nothing, but for ballots."""
    return {row["status"] for epoch in result.epochs for row in epoch["failures"]}


# A run in which acts fail in every way.

TROUBLE = {
    "introduction": "500:0",
    "reflection": "500:1,malformed:0",
    "update from debate": "500:1",
    "chat turn": "refuse:0",
    "ballot": "malformed-text:0",
}
"""Act to what goes wrong with it: for good, or the first time only."""


@pytest.fixture
def troubled(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SimulationResult, Any]:
    """A run in which acts fail in every way, and the whole texts of all its calls, by key, attempt and try."""
    mark_requests(monkeypatch, TROUBLE)
    server.reset()
    engine, file = make_small(server), io.StringIO()
    engine.log_bodies(file)
    result = run_engine(engine, tmp_path)
    bodies = [json.loads(line) for line in file.getvalue().splitlines()]
    return result, {(body["key"], body["attempt"], body["tries"]): body for body in bodies}


def test_every_try_of_every_act_without_an_answer_has_a_line_and_nothing_else_has(troubled: Any) -> None:
    result, bodies = troubled
    questions = [f"e0/debate/{topic}/q0" for topic in TOPICS]
    assert by_task(result.path) == {
        **{f"{key}/introduction": [(1, tries, "server error") for tries in (1, 2, 3)] for key in questions},
        **{
            f"{key}/reflection/{who}": [(1, 1, "server error"), (1, 2, "malformed reply")]
            for key in questions
            for who in ("c0", "c1")
        },
        "e0/chat/p0+p1/0": [(1, 1, "refused")],
        **{f"ballot/p{number}": [(1, 1, "end"), (2, 1, "end")] for number in (0, 1)},
    }
    assert ("e0/belief/debate/p0", 1, 2) in bodies, "it failed once, and was done"
    assert find_statuses(result) == {"failed", "refused", "skipped"}


def test_lines_are_the_calls_as_they_were_made(troubled: Any) -> None:
    result, bodies = troubled
    for line in read_lines(result.path):
        assert list(line) == ["format_version", *KEYS_OF_A_LINE]
        body = bodies[line["task"], line["attempt"], line["tries"]]
        if body["cost_usd"] is not None:
            body = {**body, "cost_usd": round(body["cost_usd"], 12)}
        assert line == {"format_version": 1, "task": body["key"], **{key: body[key] for key in KEYS_OF_A_LINE[1:]}}


def test_requests_replies_and_errors_are_whole(troubled: Any) -> None:
    result, _ = troubled
    ballots = [line for line in read_lines(result.path) if line["act"] == "ballot"]
    assert all(
        "BALLOT" in "".join(line["user"]) and "A town by the water." in "".join(line["system"]) for line in ballots
    )
    again = [len(line["user"]) for line in ballots if line["attempt"] == 2]
    assert again == [1 + len(line["user"]) for line in ballots if line["attempt"] == 1], "with a word about the form"
    assert all(line["reply"] and line["error"] is None and line["model"] == "gpt-5-mini" for line in ballots)
    failed = [line for line in read_lines(result.path) if line["outcome"] == "server error"]
    assert all(line["error"].startswith("server error: ") for line in failed)
    assert {(line["reply"], line["model"], line["cost_usd"]) for line in failed} == {(None, None, None)}
    assert all(line["cost_usd"] > 0 for line in ballots)


def test_a_result_lists_them_with_what_they_cost_those_of_earlier_versions_too(troubled: Any) -> None:
    result, _ = troubled
    first, *others = read_lines(result.path)
    assert [row["cost_usd"] for row in result.failed_calls] == [line["cost_usd"] for line in (first, *others)]
    assert any(line["cost_usd"] for line in others)
    del first["cost_usd"]
    (result.path / FAILED_CALLS).write_text(f"{json.dumps(first)}\n", encoding="utf-8")
    again = load_run(result.path)
    assert [row["cost_usd"] for row in again.failed_calls] == [None]
    assert not again.damages


def test_no_key_is_in_it(troubled: Any) -> None:
    result, _ = troubled
    text = (result.path / FAILED_CALLS).read_text(encoding="utf-8")
    assert [key for key in KEYS.values() if key in text] == []


def find_exchanges() -> list[Exchange]:
    """Return all there are in this process: other tests may have left some."""
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, Exchange)]


@pytest.fixture
def exchanges_before() -> list[Exchange]:
    return find_exchanges()


def test_nothing_is_held_after_a_run(exchanges_before: list[Exchange], troubled: Any) -> None:
    result, bodies = troubled
    assert len(bodies) > 20 > len({line["task"] for line in read_lines(result.path)})
    assert {*map(id, find_exchanges())} <= {*map(id, exchanges_before)}


def test_the_record_is_the_same_with_it_and_without(
    troubled: Any, server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailedCalls, "note", lambda keeper, exchange, **how: None)
    server.reset()
    without = run_engine(make_small(server), tmp_path / "without")
    assert not (without.path / FAILED_CALLS).exists()
    assert read_record(without.path) == read_record(troubled[0].path)


# Runs that leave none.


def test_a_run_in_which_all_goes_well_leaves_no_file(server: LoopbackServer, tmp_path: Path) -> None:
    result = run_engine(make_small(server), tmp_path)
    assert result.measured["model_calls"] > 20
    assert not (result.path / FAILED_CALLS).exists()


def test_acts_that_fail_without_a_call_leave_no_file(tmp_path: Path) -> None:
    mind = ScriptedMind({"ballot/*": Failed("timeout"), "e0/post/*": Refused(), "e0/chat/*": Unreadable("?")})
    engine = make_offline_engine(make_config(2, num_epochs=1), mind)
    engine.initialize_simulation_output(tmp_path)
    result = engine.run()
    assert find_statuses(result) == {"refused", "unreadable", "skipped"}
    assert not (result.path / FAILED_CALLS).exists()


def test_the_calls_of_a_client_of_ones_own_are_kept(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_requests(monkeypatch, {"ballot": "refuse:0"})
    engine = make_small(server)
    own = create_client(KEYS["OPENAI_API_KEY"], model=MODEL, base_url=f"{server.url}/v1")
    engine.population.personas[0].llm_client = own
    assert sorted(by_task(run_engine(engine, tmp_path).path)) == ["ballot/p0", "ballot/p1"]


def test_every_call_of_a_run_goes_by_the_key_of_its_task(server: LoopbackServer, tmp_path: Path) -> None:
    engine, file = make_small(server, num_epochs=2), io.StringIO()
    engine.log_bodies(file)
    run_engine(engine, tmp_path)
    calls = {json.loads(line)["key"] for line in file.getvalue().splitlines()}
    steps = {task.key: task.step for task in plan_run(build_course(engine.config, ("p0", "p1"), ("c0", "c1"), TOPICS))}
    assert {steps[key] for key in calls} == set(ACTS)


# When it is written.


def test_what_failed_is_on_the_disk_before_anything_else_ends_and_what_was_cut_short_never(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_requests(monkeypatch, {"introduction": "refuse:0", "ballot": "500:1,hang:0"})
    engine = make_small(server)
    engine.initialize_simulation_output(tmp_path)
    assert engine.simulation_dir is not None
    path = engine.simulation_dir / FAILED_CALLS
    written: list[int] = []

    def watch(moment: Moment) -> None:
        written.append(len(path.read_text("utf-8").splitlines()) if path.exists() else 0)
        assert moment.missing == written[-1], "a line each, as each is asked once"
        if moment.step == "ballot" and moment.in_flight == 2:
            running.cancel()

    async def run() -> None:
        nonlocal running
        running = asyncio.ensure_future(engine.run_async())
        await running

    running: asyncio.Future[SimulationResult]
    engine.observer = watch
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert sorted(set(written)) == [0, 1, 2]
    assert list(by_task(engine.simulation_dir)) == ["e0/debate/t0/q0/introduction", "e0/debate/t1/q0/introduction"]


def test_runs_that_share_a_mind_keep_their_own(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_requests(monkeypatch, {"ballot": "refuse:0"})
    first, second = make_small(server), make_small(server)
    second.llm_client = first.population.community.find_mind()

    async def run_both() -> None:
        first.initialize_simulation_output(tmp_path / "first")
        second.initialize_simulation_output(tmp_path / "second")
        await asyncio.gather(first.run_async(), second.run_async())

    asyncio.run(run_both())
    refused = {f"ballot/p{number}": [(1, 1, "refused")] for number in (0, 1)}
    for engine in (first, second):
        assert engine.simulation_dir is not None
        assert by_task(engine.simulation_dir) == refused


# The keeper by itself.

PRICES = Prices({"openai:m": {"input": 2.0, "output": 0.0}})
TASK, OTHER = Task("e0/post/p0", "post"), Task("e0/post/p1", "post")


class Traced(Exchange):
    """An exchange of which one can tell whether anybody still holds it."""


def hold(exchange: Exchange) -> None:
    """Have a call heard of as it is where a model is asked."""
    listener = current_listener.get()
    if listener is not None:
        listener.hear(exchange)


def make_exchange(task: Task = TASK, reply: str = "Yes.") -> Traced:
    said = ModelReply(reply, stop="end", model="m")
    request = ModelRequest(("The rules.", "The town."), ("Who are you?",), max_output_tokens=9)
    usage = Usage(input_tokens=1_000_000, output_tokens=1)
    return Traced(
        request, CallEntry(task.key, "post", asked="openai:m", outcome="end", model="m", usage=usage), result=said
    )


@pytest.mark.parametrize("outcome", [Refused(), Unreadable("?"), Failed("timeout")])
def test_a_line_is_written_for_every_call_of_an_act_that_came_to_nothing(tmp_path: Path, outcome: Answer[Any]) -> None:
    keeper = FailedCalls(tmp_path, PRICES)
    with RunCalls(keeper, PRICES).heard():
        keeper.begin(TASK)
        keeper.begin(OTHER)
        for exchange in (make_exchange(reply="One\n\u2028\ud800."), make_exchange(OTHER), make_exchange(reply="Two.")):
            hold(exchange)
        keeper.end(TASK, outcome)
    lines = (tmp_path / FAILED_CALLS).read_bytes().split(b"\n")
    assert [json.loads(line)["reply"] for line in lines[:-1]] == ["One\n\u2028\ud800.", "Two."]
    assert lines[-1] == b""
    assert json.loads(lines[0]) == {
        "format_version": 1,
        "task": "e0/post/p0",
        "act": "post",
        "attempt": 1,
        "tries": 1,
        "outcome": "end",
        "model": "m",
        "cost_usd": 2.0,
        "system": ["The rules.", "The town."],
        "user": ["Who are you?"],
        "reply": "One\n\u2028\ud800.",
        "error": None,
    }


@pytest.mark.parametrize("outcome", [Done("Yes."), NotAsked("nothing to say"), Skipped("e0/x")])
def test_calls_of_any_other_act_are_dropped_when_it_ends(tmp_path: Path, outcome: Any) -> None:
    keeper, exchange = FailedCalls(tmp_path, PRICES), make_exchange()
    held = weakref.ref(exchange)
    with RunCalls(keeper, PRICES).heard():
        keeper.begin(TASK)
        hold(exchange)
        del exchange
        assert held() is not None
        keeper.end(TASK, outcome)
        assert held() is None
    assert list(tmp_path.iterdir()) == []


def test_calls_of_an_act_cut_short_are_dropped_with_the_run(tmp_path: Path) -> None:
    keeper, exchange = FailedCalls(tmp_path, PRICES), make_exchange()
    held = weakref.ref(exchange)
    with RunCalls(keeper, PRICES).heard():
        keeper.begin(TASK)
        hold(exchange)
        del exchange
    assert held() is None


def test_calls_of_no_act_of_this_run_are_not_held(tmp_path: Path) -> None:
    keeper, early, late = FailedCalls(tmp_path, PRICES), make_exchange(), make_exchange(OTHER)
    keeper.begin(TASK)
    hold(early)
    with RunCalls(keeper, PRICES).heard():
        hold(late)
        keeper.end(TASK, Failed("timeout"))
        keeper.end(OTHER, Failed("timeout"))
    hold(make_exchange())
    assert list(tmp_path.iterdir()) == []


def test_after_a_run_inside_an_act_the_act_is_that_of_the_run_around_it(tmp_path: Path) -> None:
    outer, inner = FailedCalls(tmp_path, PRICES), FailedCalls(tmp_path / "inner", PRICES)
    with RunCalls(outer, PRICES).heard():
        outer.begin(TASK)
        with RunCalls(inner, PRICES).heard():
            hold(make_exchange())
        hold(make_exchange(reply="Mine."))
        outer.end(TASK, Refused())
    assert [line["reply"] for line in read_lines(tmp_path)] == ["Mine."]


def test_where_it_cannot_be_written_the_run_is_told(tmp_path: Path) -> None:
    keeper = FailedCalls(tmp_path / "gone", PRICES)
    with RunCalls(keeper, PRICES).heard():
        keeper.begin(TASK)
        hold(make_exchange())
        with pytest.raises(FileNotFoundError):
            keeper.end(TASK, Refused())
