"""What a client asks beside its own model, and runs of people whose functions a script replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities import llm_client
from synthetic_communities.cast.thinking import MindSettings, build_llm_mind
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.llm import choice
from synthetic_communities.llm_client import create_client, generate_response
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import make_config, make_engine, read_json

KEY = "sk-not-to-be-shown-0123456789"
JUDGEMENT = '{"vote": "A", "reason": "She listens.", "first_choice": "A"}'


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def old_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a script that has a Gemini key and names no model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(choice.MODEL_VARIABLE)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    return monkeypatch


def test_a_key_is_not_sent_to_another_provider(server: LoopbackServer) -> None:
    client = create_client(KEY, model="openai:gpt-5-mini", base_url=f"{server.url}/v1")
    server.reset()
    with pytest.raises(ConfigurationError, match="the client's key is for openai") as caught:
        generate_response(client, "Hello?", None, model="anthropic:claude-haiku-5-5")
    assert KEY not in str(caught.value)
    assert server.stats()["calls"] == 0


def test_names_of_models_may_hold_a_colon(server: LoopbackServer) -> None:
    client = create_client("k", model="ollama:llama3.2:3b", base_url=server.url)
    assert client.asking("qwen3:8b").model == "ollama:qwen3:8b"
    assert client.asking("ollama:gemma3:4b").model == "ollama:gemma3:4b"
    assert client.asking(None) is client
    assert generate_response(client, "Hello?", None, model="qwen3:8b")


def test_a_population_asks_a_replaced_function_all_at_once(old_door: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4, timeout=60)

    def reply(*arguments: Any) -> str:
        together.wait()  # passes only when all four are asked at once
        return "Rents are too high."

    old_door.setattr(llm_client, "generate_response", reply)
    population = Population("A town.")
    for number in range(4):
        population.add_persona(Persona(f"p{number}", {"name": f"P {number}"}))
    assert len(population.create_social_media_posts(1.0)) == 4


def test_what_a_replaced_function_raises_is_a_failure_of_the_act(old_door: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> str:
        raise ValueError("no more quota")

    old_door.setattr(llm_client, "generate_response", fail)
    persona = Persona("ann", {"name": "Ann"})
    assert persona.chat_with_peers([], "bo") is None
    assert persona.outcomes["chat_with_peers"] == Failed("ValueError", "no more quota")


def test_calls_of_a_replaced_function_are_counted(old_door: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def reply(client: Any, prompt: str, *rest: Any) -> str:
        return JUDGEMENT if "BALLOT: " in prompt else "Rents are too high."

    old_door.setattr(llm_client, "generate_response", reply)
    engine = make_engine(make_config(2, num_epochs=1))
    engine.initialize_simulation_output(tmp_path)
    engine.run()
    assert engine.simulation_dir is not None
    usage = read_json(engine.simulation_dir / "usage.json")
    assert usage["model_calls"] > 20
    assert usage["calls_by_act"]["ballot"]["calls"] == 2
    assert usage["calls"]["tokens"]["input_tokens"] is None, "nobody counted them"
    assert usage["calls"]["uncounted"] == usage["model_calls"]
    assert usage["mind"] == "gemini:gemini-2.5-flash-lite"


def test_a_model_that_was_named_is_asked_through_no_replaced_function(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm_client, "generate_response", lambda *_: "Replaced.")
    persona = Persona("ann", {"name": "Ann"})
    persona.llm_client = build_llm_mind("openai:gpt-5-mini", KEY, MindSettings(base_url=f"{server.url}/v1"))
    assert persona.chat_with_peers([], "bo") not in (None, "Replaced.")
