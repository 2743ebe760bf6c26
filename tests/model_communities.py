"""Communities that talk to models on the loopback server; for tests of the whole way from a person to a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm import retrying
from synthetic_communities.llm.model import ModelRequest
from synthetic_communities.llm.retrying import RetryPolicy
from synthetic_communities.llm.stack import build_model  # noqa: F401  # it names the policy, before that is replaced
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.runs.directory import METADATA, USAGE
from synthetic_communities.simulation.gathering import build_candidates
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import make_attributes, make_config, read_json

MODELS = {"openai": "openai:gpt-5-mini", "ollama": "ollama:llama3.2:3b", "anthropic": "anthropic:claude-haiku-5-5"}
"""Protocol to a model that is spoken to in it."""

KEYS = {"OPENAI_API_KEY": "sk-openai-not-to-be-shown-1", "ANTHROPIC_API_KEY": "sk-ant-not-to-be-shown-2"}


def address_of(model: str, server: LoopbackServer) -> str:
    """Return the `base_url` under which the server answers for this model."""
    return server.url if model.partition(":")[0] in ("anthropic", "ollama") else f"{server.url}/v1"


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put keys into the environment, for the models of `MODELS`."""
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)


def use_policy(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let all models built from now on retry by another policy: unless said otherwise, without long waits."""
    policy = RetryPolicy(**{"first_wait_seconds": 0.001, "longest_wait_seconds": 0.002, **changes})
    monkeypatch.setattr(retrying, "RetryPolicy", lambda: policy)


def make_engine(server: LoopbackServer, model: str, *, people: int = 4, **changes: Any) -> GameEngine:
    """Return a community whose members all ask one model, and whose candidates declare no positions."""
    config = make_config(people, model=model, base_url=address_of(model, server), **changes)
    engine = GameEngine(config)
    for number in range(people):
        engine.population.add_persona(Persona(f"p{number}", make_attributes(number), config.world_story))
    engine.candidates = build_candidates(config, config.world_story)
    return engine


def run_engine(engine: GameEngine, directory: Path) -> SimulationResult:
    """Run it, its record below `directory`."""
    engine.initialize_simulation_output(directory)
    return engine.run()


def read_usage(engine: GameEngine) -> Any:
    """Return what was measured of its run."""
    assert engine.simulation_dir is not None
    return read_json(engine.simulation_dir / USAGE)


def read_metadata(engine: GameEngine) -> Any:
    """Return who and what its run was made of."""
    assert engine.simulation_dir is not None
    return read_json(engine.simulation_dir / METADATA)


def mark_requests(monkeypatch: pytest.MonkeyPatch, faults: Mapping[str, str]) -> None:
    """Call for faults of the server in the prompts of some acts.

    Args:
        monkeypatch: undoes it.
        faults: name of the act to the fault, as in `refuse:0`.
    """
    build: Callable[[LLMMind, View], ModelRequest] = LLMMind.build_request

    def build_marked(mind: LLMMind, view: View) -> ModelRequest:
        request = build(mind, view)
        if view.act not in faults:
            return request
        mark = f"[[loopback:{faults[view.act]}]]"
        return replace(request, user=(mark, *request.user))

    monkeypatch.setattr(LLMMind, "build_request", build_marked)
