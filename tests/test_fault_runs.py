"""Whole runs of hundreds of people in which everything goes wrong that can, over every protocol."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm import stack
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.rerunning import resume_run, verify_run
from synthetic_communities.runs.directory import BALLOTS, BELIEFS, CONVERSATIONS
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import MODELS, address_of, mark_requests, run_engine, set_keys, use_policy
from tests.small_communities import SETTINGS, make_attributes, make_config, read_record

PEOPLE = 120

FAULTS = (
    *("thinking", "refuse", "content-filter", "filter-400", "cut", "429", "529", "500", "503", "drop", "drop-mid"),
    *("malformed", "wrong-shape", "wrong-type", "malformed-text", "wrong-shape-text", "prose", "fenced"),
    *("two-objects", "ignore-schema", "empty"),
)

EVERYTHING = {**dict.fromkeys(FAULTS, 0.015), "429": 0.001, "529": 0.001}
"""What goes wrong with a request, and in what share of them; being told to slow down takes time."""

TWICE = 2
"""How many of the first times a request is asked it goes wrong: so a re-ask does, and a third try does not."""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    assert stack.RetryPolicy, "loaded before it is replaced where it is looked up"
    use_policy(monkeypatch)


def build_town(server: LoopbackServer, protocol: str, people: int = PEOPLE, **changes: Any) -> GameEngine:
    """Return a community with one topic, whose candidates declare no positions."""
    model = MODELS[protocol]
    settings = {"num_epochs": 1, "topics": SETTINGS["topics"][:1], "post_probability": 0.1, "num_rounds_mean": 1}
    settings |= {"max_concurrent": 100, "model": model, "base_url": address_of(model, server)}
    config = make_config(people, **{**settings, **changes})
    return GameEngine.from_config(config.changed(population_file=str(_people_file(server, people))))


def _people_file(server: LoopbackServer, people: int) -> Path:
    assert server.settings.log is not None
    file = server.settings.log.parent / "people.jsonl"
    lines = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(people)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def rows(result: SimulationResult, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of a run."""
    yield from map(json.loads, (result.path / name).read_text(encoding="utf-8").splitlines())


def read_journal(path: Path, query: str) -> list[Any]:
    """Return what a journal answers to a query."""
    with closing(sqlite3.connect(f"file:{path / JOURNAL}?mode=ro", uri=True)) as journal:
        return [row[0] for row in journal.execute(query)]


@pytest.mark.parametrize("protocol", MODELS)
def test_whatever_goes_wrong_nothing_is_invented_and_everybody_is_counted_once(protocol: str, tmp_path: Path) -> None:
    with LoopbackServer(faults=EVERYTHING, fault_times=TWICE, retry_after="0", log=tmp_path / "log") as server:
        result = run_engine(build_town(server, protocol), tmp_path)
        calls = server.stats()["calls"]
    assert result.is_complete
    statuses = Counter(row["status"] for row in rows(result, BELIEFS))
    assert statuses["failed"] + statuses["unreadable"] + statuses["refused"] > 0, "something has gone wrong for good"
    assert statuses["done"] > sum(statuses.values()) / 2, "and most has not"

    ballots = list(rows(result, BALLOTS))
    assert sorted(row["id"] for row in ballots) == sorted(f"p{number}" for number in range(PEOPLE))
    counted = sum(result.vote_counts.values())
    assert counted == sum(row["status"] == "choice" for row in ballots)

    replies = set(read_journal(result.path, "SELECT reply FROM calls WHERE reply IS NOT NULL"))
    said = [row["message"] for row in rows(result, CONVERSATIONS) if row["status"] == "done"]
    assert said
    assert set(said) <= {reply.strip() for reply in replies if isinstance(reply, str)}, "nobody said what no reply says"
    assert all(row["before"] == row["after"] for row in rows(result, BELIEFS) if row["status"] != "done")

    made = len(read_journal(result.path, "SELECT id FROM calls WHERE failure IS NULL"))
    failed = len(read_journal(result.path, "SELECT key FROM failed_tries"))
    assert calls <= made + failed, "every call that the server answered stands in the journal, or its failure does"
    assert verify_run(result.path).word == "identical"


@pytest.mark.parametrize("protocol", MODELS)
def test_a_spending_limit_stops_a_run_that_goes_on_when_there_is_money_again(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(log=tmp_path / "log") as server:
        undisturbed = run_engine(build_town(server, protocol, 12), tmp_path / "undisturbed")
        server.reset()
        mark_requests(monkeypatch, {"chat turn": "spend-limit:1"})
        engine = build_town(server, protocol, 12, max_concurrent=1)
        with pytest.raises(ModelUnavailableError):
            run_engine(engine, tmp_path / "stopped")
        monkeypatch.undo()
        set_keys(monkeypatch)
        assert engine.simulation_dir is not None
        recorded = len(read_journal(engine.simulation_dir, "SELECT id FROM calls"))
        server.reset()
        result = resume_run(engine.simulation_dir)
        assert server.stats()["calls"] == len(read_journal(undisturbed.path, "SELECT id FROM calls")) - recorded
    assert read_record(result.path) == read_record(undisturbed.path)
