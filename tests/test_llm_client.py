"""The names existing scripts know a model by: signatures, what they return and raise, and that they are found late."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities import llm_client
from synthetic_communities.domain.outcome import Done, Failed, Refused, Unreadable
from synthetic_communities.errors import ConfigurationError, NoAnswerError
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.llm_client import LLMClient, create_client, generate_response, generate_response_async
from synthetic_communities.persona import Persona
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import use_policy

FAULTS = {"REFUSE ME": "refuse:0", "CUT ME": "cut:0", "BREAK ME": "500:0"}
NAMES = ["Aisha Noor", "Johan Berg"]
VOTE_FOR_A = '{"vote": "A"}'


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(when=FAULTS) as running:
        yield running


@pytest.fixture
def client(server: LoopbackServer) -> LLMClient:
    return create_client("k", model="openai:gpt-x", base_url=f"{server.url}/v1")


@pytest.fixture
def old_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a script in the old style runs: no model is named, and there is a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHETIC_COMMUNITIES_MODEL")
    monkeypatch.setenv("GEMINI_API_KEY", "g-key")


# Signatures.


def test_how_a_client_is_created() -> None:
    parameters = inspect.signature(create_client).parameters
    assert list(parameters) == ["api_key", "model", "base_url"]
    assert parameters["api_key"].default is inspect.Parameter.empty
    assert parameters["api_key"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    for name in ("model", "base_url"):
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default is None


@pytest.mark.parametrize("function", [generate_response, generate_response_async])
def test_how_a_response_is_asked_for(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [
        "client",
        "prompt",
        "system_instruction",
        "temperature",
        "max_output_tokens",
        "model",
    ]
    assert {each.kind for each in parameters.values()} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    defaults = [parameters[name].default for name in ("temperature", "max_output_tokens", "model")]
    assert defaults == [None, 8000, None]


def test_one_waits_and_the_other_is_awaited() -> None:
    assert not inspect.iscoroutinefunction(generate_response)
    assert inspect.iscoroutinefunction(generate_response_async)


# Over a server.


def test_a_response_is_a_text(client: LLMClient) -> None:
    text = generate_response(client, "Say something.", "Be brief.")
    assert isinstance(text, str)
    assert text.strip()
    assert generate_response(client, "Say something.", "Be brief.") == text


def test_it_may_be_called_where_a_loop_runs_and_its_twin_agrees(client: LLMClient) -> None:
    async def both() -> tuple[str, str]:
        return generate_response(client, "Hello.", "Be brief."), await generate_response_async(
            client, "Hello.", "Be brief."
        )

    sync, twin = asyncio.run(both())
    assert sync == twin == generate_response(client, "Hello.", "Be brief.")


def test_what_is_sent_is_what_was_passed(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with LoopbackServer(log=log) as server:
        client = create_client("k", model="openai-compatible:small", base_url=f"{server.url}/v1")
        generate_response(client, "The prompt.", "The system.", 0.25, 77)
        generate_response(client, "The prompt.", "The system.", model="other")
    first, second = (json.loads(line)["body"] for line in log.read_text(encoding="utf-8").splitlines())

    roles = {message["role"]: message["content"] for message in first["messages"]}
    assert "The system." in json.dumps(first["messages"][0])
    assert "The prompt." in json.dumps(roles["user"])
    assert (first["model"], second["model"]) == ("small", "other")
    assert first["temperature"] == 0.25
    assert "temperature" not in second
    assert 77 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert 8000 in (second.get("max_tokens"), second.get("max_completion_tokens"))


@pytest.mark.parametrize(("prompt", "outcome"), [("REFUSE ME", Refused), ("CUT ME", Unreadable), ("BREAK ME", Failed)])
def test_no_response_is_an_error_that_says_why(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, prompt: str, outcome: type
) -> None:
    use_policy(monkeypatch, max_tries=2)
    client = create_client("k", model="openai:gpt-x", base_url=f"{server.url}/v1")
    with pytest.raises(NoAnswerError) as failed:
        generate_response(client, prompt, "Be brief.")
    assert isinstance(failed.value.outcome, outcome)
    with pytest.raises(NoAnswerError) as failed:
        asyncio.run(generate_response_async(client, prompt, "Be brief."))
    assert isinstance(failed.value.outcome, outcome)


def test_a_wrong_key_is_an_error_that_does_not_show_it(server: LoopbackServer) -> None:
    client = create_client("wrong-key", model="openai:gpt-x", base_url=f"{server.url}/v1")
    with pytest.raises(ModelUnavailableError, match="was refused") as failed:
        generate_response(client, "Hello.", "Be brief.")
    assert "wrong-key" not in str(failed.value)
    assert "wrong-key" not in repr(client)


def test_a_temperature_where_none_is_taken_is_a_clear_error(server: LoopbackServer) -> None:
    client = create_client("k", model="anthropic:claude-haiku-5-5", base_url=server.url)
    before = server.stats()["calls"]
    with pytest.raises(ConfigurationError, match="temperature"):
        generate_response(client, "Hello.", "Be brief.", temperature=0.5)
    assert server.stats()["calls"] == before
    assert generate_response(client, "Hello.", "Be brief.")


# Whose a key is.


@pytest.mark.parametrize(
    "key", ["k", "sk-ant-looks-like-anthropic", "sk-proj-looks-like-openai", "sk-or-v1-openrouter"]
)
def test_a_key_without_a_model_is_geminis_whatever_it_looks_like(key: str) -> None:
    assert create_client(key).model == "gemini:gemini-2.5-flash-lite"


@pytest.mark.parametrize("model", ["gpt-x", "claude-haiku-5-5", "gpt-x:latest", "openai", ":gpt-x"])
def test_a_model_that_names_no_provider_is_an_error_and_no_guess(model: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names no (provider|model)"):
        create_client("k", model=model)


def test_an_empty_key_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="api_key"):
        create_client("", model="openai:gpt-x")


def test_another_model_of_the_provider_may_have_a_colon_in_its_name() -> None:
    client = create_client("k", model="openrouter:meta-llama/llama-3-70b")
    assert client.asking("meta-llama/llama-3:free").model == "openrouter:meta-llama/llama-3:free"


def test_a_key_does_not_go_to_another_provider_than_its_own() -> None:
    with pytest.raises(ConfigurationError, match="another provider's") as failed:
        generate_response(create_client("g-key-to-keep"), "Hello.", "Be brief.", model="openai:gpt-x")
    assert "g-key-to-keep" not in str(failed.value)


# Functions that a script replaced.


class Recorder:
    """Stands in for a function of the module, and keeps what it was called with."""

    def __init__(self, reply: str = VOTE_FOR_A) -> None:
        self.reply = reply
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any, **_: Any) -> str:
        self.calls.append(arguments)
        return self.reply

    async def as_twin(self, *arguments: Any, **named: Any) -> str:
        return self(*arguments, **named)

    def check(self) -> Any:
        """Return the client it was called with, once what else there was is seen to be right."""
        ((client, prompt, system, *_),) = self.calls
        assert "BALLOT" in prompt
        assert all(name in prompt for name in NAMES)
        assert isinstance(system, str)
        assert system.strip()
        return client


@pytest.mark.usefixtures("old_door")
@pytest.mark.parametrize("name", ["generate_response", "generate_response_async"])
def test_a_persona_asks_through_what_a_script_put_in_place(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fake = Recorder()
    monkeypatch.setattr(llm_client, name, fake if name == "generate_response" else fake.as_twin)
    persona = Persona("p", {"name": "Ann", "turnout_propensity": 1.0})
    assert persona.vote(NAMES) in NAMES
    client = fake.check()
    assert isinstance(client, LLMClient)
    assert client.model == "gemini:gemini-2.5-flash-lite"


@pytest.mark.usefixtures("old_door")
def test_what_is_put_in_place_after_the_client_was_found_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Recorder(), Recorder()
    monkeypatch.setattr(llm_client, "generate_response", first)
    persona = Persona("p", {"name": "Ann", "turnout_propensity": 1.0})
    persona.vote(NAMES)
    monkeypatch.setattr(llm_client, "generate_response", second)
    persona.vote(NAMES)
    assert (len(first.calls), len(second.calls)) == (1, 1)


@pytest.mark.usefixtures("old_door")
def test_a_client_of_ones_own_making_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    own, keys, fake = object(), [], Recorder()

    def create_own(api_key: str, **_: Any) -> object:
        keys.append(api_key)
        return own

    monkeypatch.setattr(llm_client, "create_client", create_own)
    monkeypatch.setattr(llm_client, "generate_response", fake)
    persona = Persona("p", {"name": "Ann", "turnout_propensity": 1.0})
    assert persona.vote(NAMES) in NAMES
    assert fake.check() is own
    assert keys == ["g-key"]


@pytest.mark.usefixtures("old_door")
def test_what_it_says_is_read_as_a_models_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_client, "generate_response", Recorder("I would rather not say."))
    persona = Persona("p", {"name": "Ann", "turnout_propensity": 1.0})
    assert persona.vote(NAMES) is None
    assert isinstance(persona.outcomes["vote"], Unreadable)
    monkeypatch.setattr(llm_client, "generate_response", Recorder("Trams, please."))
    assert persona.chat_with_peers([], "q") == "Trams, please."
    assert isinstance(persona.outcomes["chat_with_peers"], Done)
