"""The record of a run follows from its seed and from the replies, and not from how many calls are under way at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import MODELS, make_engine, read_usage, run_engine, set_keys, use_policy
from tests.small_communities import read_record

LIMITS = (1, 7, 100)
FAULTS = {
    "429": 0.04,
    "529": 0.03,
    "500": 0.03,
    "drop": 0.02,
    "malformed-text": 0.03,
    "refuse": 0.03,
    "cut": 0.03,
    "thinking": 0.2,
}
"""Some pass when the request is made again, some when the act is asked again, and some stay."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server whose replies take unequal times, and with which much goes wrong."""
    with LoopbackServer(seed=5, latency=0.004, sigma=1.0, latency_cap=0.05, faults=FAULTS, retry_after="0") as running:
        yield running


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    use_policy(monkeypatch)


def record_of(server: LoopbackServer, model: str, directory: Path, limit: int, **changes: Any) -> dict[str, str]:
    server.reset()
    engine = make_engine(server, model, people=6, max_concurrent=limit, **changes)
    run_engine(engine, directory / str(limit))
    assert engine.simulation_dir is not None
    assert server.stats()["peak_in_flight"] <= limit
    assert read_usage(engine)["calls"]["peak_in_flight"] <= limit
    return read_record(engine.simulation_dir)


@pytest.mark.parametrize("protocol", list(MODELS))
def test_the_same_seed_gives_the_same_record_at_every_limit(
    server: LoopbackServer, tmp_path: Path, protocol: str
) -> None:
    one, seven, hundred = (record_of(server, MODELS[protocol], tmp_path, limit) for limit in LIMITS)
    assert one == seven == hundred
    missing = [status for status in ("refused", "unreadable") if f'"status": "{status}"' in "".join(one.values())]
    # Ollama has no word for a refusal: there, it is a text like any other.
    assert missing or protocol == "ollama", (
        "nothing that went wrong is in the record: the test would see no difference in it"
    )
    faults = server.stats()["faults"]
    assert {"429", "500", "malformed-text", "thinking"} <= faults.keys()


def test_another_seed_gives_another_record(server: LoopbackServer, tmp_path: Path) -> None:
    first, second = (
        record_of(server, MODELS["openai"], tmp_path / str(seed), 100, random_seed=seed, num_epochs=1)
        for seed in (1, 2)
    )
    assert first != second


def test_another_servers_replies_give_another_record(server: LoopbackServer, tmp_path: Path) -> None:
    first = record_of(server, MODELS["openai"], tmp_path / "first", 100, num_epochs=1)
    with LoopbackServer(seed=6) as another:
        second = record_of(another, MODELS["openai"], tmp_path / "second", 100, num_epochs=1)
    assert first["ballots.jsonl"] != second["ballots.jsonl"]
