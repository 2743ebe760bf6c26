"""What calls took, by act, by epoch and by who acted: that every call is counted once in each, and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.engine.ledger import Task
from synthetic_communities.llm.call_log import CallEntry
from synthetic_communities.llm.model import Usage
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.report.result import SimulationResult, load_run
from synthetic_communities.report.terminal.cost_table import MOST_ROWS, build_cost_table
from synthetic_communities.runs.directory import USAGE, USAGE_BY_AGENT
from synthetic_communities.simulation.usage_parts import part_of, split_by_agent, split_by_part, write_usage_by_agent
from synthetic_communities.testing.loopback import LoopbackServer
from tests import model_communities
from tests.small_communities import run_community

TOKENS = (
    *("input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "cache_read_tokens"),
    *("output_tokens", "thinking_tokens"),
)


def entry(key: str, *, sent: int = 10, asked: str = "openai:a") -> CallEntry:
    usage = Usage(input_tokens=sent, output_tokens=1)
    return CallEntry(key, "post", asked=asked, outcome="end", model="a", usage=usage, seconds=0.5)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        *(("opening/opinion/p1", "opening"), ("e0/post/p1", "e0"), ("e12/end", "e12"), ("ballot/p1", "ballot")),
        *(("own0/chat/p1", "other"), ("early/x", "other"), ("", "other"), ("e/x", "other")),
    ],
)
def test_parts(key: str, part: str) -> None:
    assert part_of(key) == part


def test_parts_stand_in_the_order_of_the_run() -> None:
    keys = ["own0/x", "ballot/p", "e10/post/p", "e2/post/p", "opening/opinion/p", "e2/react/p"]
    parts = split_by_part(map(entry, keys))
    assert list(parts) == ["opening", "e2", "e10", "ballot", "other"]
    assert [each.key for each in parts["e2"]] == ["e2/post/p", "e2/react/p"]


def test_calls_are_their_agents_by_the_plan_and_not_by_the_look_of_a_key() -> None:
    tasks = [Task("ballot/a%2Fb", "ballot", about="a/b"), Task("e1/read/c", "reading", about="c", epoch=1)]
    agents = split_by_agent([entry("own/x"), entry("e1/read/c"), entry("ballot/a%2Fb"), entry("ballot/a%2Fb")], tasks)
    assert {agent: len(entries) for agent, entries in agents.items()} == {
        ("person", "a/b"): 2,
        ("candidate", "c"): 1,
        ("other", ""): 1,
    }
    assert list(agents)[-1] == ("other", "")


def test_a_price_that_is_not_known_is_null_and_what_is_known_is_told(tmp_path: Path) -> None:
    tasks = [Task("ballot/p", "ballot", about="p")]
    entries = [entry("ballot/p", sent=1_000_000), entry("ballot/p", asked="vllm:x")]
    write_usage_by_agent(tmp_path, entries, tasks, Prices({"openai:a": {"input": 1.0, "output": 0.0}}))
    (row,) = map(json.loads, (tmp_path / USAGE_BY_AGENT).read_text("utf-8").splitlines())
    assert (row["cost_usd"], row["cost_usd_known"], row["input_tokens"], row["seconds"]) == (None, 1.0, 1_000_010, 1.0)


class TestRuns:
    @pytest.fixture(scope="class")
    @classmethod
    def result(cls, tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
        prices = {"vllm:small": {"input": 0.137, "output": 0.593}}
        with LoopbackServer(no_auth=True) as server:
            engine = model_communities.make_engine(server, "vllm:small", people=3, num_epochs=2, prices=prices)
            return model_communities.run_engine(engine, tmp_path_factory.mktemp("run"))

    @pytest.mark.parametrize("name", ["usage", "usage_by_epoch", "usage_by_agent"])
    def test_every_call_is_counted_once(self, result: SimulationResult, name: str) -> None:
        rows, calls = getattr(result, name), result.measured["calls"]
        assert sum(row["calls"] for row in rows) == calls["calls"]
        assert sum(row["cost_usd"] for row in rows) == pytest.approx(calls["cost_usd"], abs=1e-10)
        for token in TOKENS:
            known = [row[token] for row in rows if row[token] is not None]
            assert (sum(known) if known else None) == calls["tokens"][token]

    def test_epochs_and_agents(self, result: SimulationResult) -> None:
        parts = [(row["part"], row["epoch"]) for row in result.usage_by_epoch]
        assert parts == [("opening", None), ("epoch", 0), ("epoch", 1), ("ballot", None)]
        agents = [(row["kind"], row["id"]) for row in result.usage_by_agent]
        assert agents[:3] == [("person", "p0"), ("person", "p1"), ("person", "p2")]
        assert agents[-1] == ("mediator", "")
        assert {kind for kind, _ in agents[3:-1]} == {"candidate"}

    def test_the_size_of_usage_json_does_not_depend_on_the_number_of_people(self, result: SimulationResult) -> None:
        assert "p1" not in (result.path / USAGE).read_text("utf-8").replace(str(result.path), "")

    def test_a_run_from_before_hours_were_told_is_read(self, result: SimulationResult, tmp_path: Path) -> None:
        for file in result.path.iterdir():
            text = file.read_bytes()
            (tmp_path / file.name).write_bytes(text.replace(b'"cache_write_1h_tokens": null, ', b""))
        assert "1h" not in (tmp_path / USAGE_BY_AGENT).read_text("utf-8")
        usage = json.loads((tmp_path / USAGE).read_text("utf-8"))
        parts = (usage["calls"], *usage["calls_by_act"].values(), *usage["calls_by_epoch"].values())
        assert all(part["tokens"].pop("cache_write_1h_tokens", None) is None for part in parts)
        (tmp_path / USAGE).write_text(json.dumps(usage), encoding="utf-8")
        again = load_run(tmp_path)
        for name in ("usage", "usage_by_epoch", "usage_by_agent"):
            assert getattr(again, name) == getattr(result, name)

    def test_what_is_damaged_is_told_and_passed_over(self, result: SimulationResult, tmp_path: Path) -> None:
        for file in result.path.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        lines = (tmp_path / USAGE_BY_AGENT).read_text("utf-8").splitlines()
        (tmp_path / USAGE_BY_AGENT).write_text("\n".join([*lines[:-1], '{"format_version": 1, "kind": 3}']) + "\n")
        usage = json.loads((tmp_path / USAGE).read_text("utf-8"))
        (tmp_path / USAGE).write_text(json.dumps({**usage, "calls_by_epoch": {"e0": 3}}), encoding="utf-8")
        again = load_run(tmp_path, skip_damaged=True)
        assert (len(again.usage_by_agent), again.usage_by_epoch) == (len(lines) - 1, [])
        assert len(again.damages) == 2


def test_where_no_model_was_asked_there_is_no_such_file(tmp_path: Path) -> None:
    result = run_community(tmp_path, None)
    assert not (result.path / USAGE_BY_AGENT).exists()
    assert (result.usage_by_agent, result.usage_by_epoch, build_cost_table(result.usage)) == ([], [], [])


def row(step: str, calls: int, usd: float | None, **tokens: int | None) -> dict[str, Any]:
    return {"step": step, "calls": calls, "cost_usd": usd, **dict.fromkeys(TOKENS), **tokens}


class TestTable:
    def test_most_first_with_shares_of_the_money(self) -> None:
        rows = [
            row("post", 10, 0.25, input_tokens=100, cache_read_tokens=300, output_tokens=50),
            row("ballot", 20, 0.75, input_tokens=1_000_000, output_tokens=7),
            row("reaction", 0, 0.0),
        ]
        head, *lines = build_cost_table(rows)
        assert head.split() == ["Tokens", "and", "cost", "calls", "prompt", "cached", "replies", "USD", "share"]
        assert [line.split() for line in lines] == [
            ["ballots", "20", "1,000,000", "-", "7", "0.7500", "75%"],
            ["posts", "10", "400", "75%", "50", "0.2500", "25%"],
            ["in", "all", "30", "1,000,400", "0%", "57", "1.0000", "100%"],
        ]

    def test_without_all_prices_shares_are_of_the_tokens(self) -> None:
        rows = [row("post", 1, 5.0, input_tokens=10, output_tokens=15), row("ballot", 1, None, input_tokens=75)]
        told = [line.split()[-2:] for line in build_cost_table(rows)[1:]]
        assert told == [["-", "75%"], ["5.0000", "25%"], ["-", "100%"]]

    def test_what_nobody_counted_is_not_zero(self) -> None:
        (_, line, _) = build_cost_table([row("post", 3, None)])
        assert line.split() == ["posts", "3", "-", "-", "-", "-", "-"]

    def test_it_is_short_and_fits_80_columns_and_nothing_is_lost(self) -> None:
        rows = [row(f"a_step_of_a_very_long_name_{n}", 10**4, 1e4 + n, input_tokens=10**7) for n in range(12)]
        lines = build_cost_table(rows)
        assert len(lines) == 1 + MOST_ROWS + 1
        assert lines[-2].split()[:3] == ["7", "other", "kinds"]
        assert max(map(len, lines)) <= 80
        shown = sum(int(line[24:32].replace(",", "")) for line in lines[1:-1])
        assert shown == int(lines[-1][24:32].replace(",", ""))
