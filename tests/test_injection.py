"""Runs in which everybody attacks: what people are called and models reply changes no request's structure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from synthetic_communities.llm.model import Call, ModelRequest
from synthetic_communities.minds import views
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.testing.models import ScriptedModel
from tests.bad_servers import REPLIES
from tests.model_calls import CALL, make_model
from tests.small_communities import make_attributes, make_config, make_engine, run_engine
from tests.small_views import KINDS, make_view
from tests.test_quoting import ATTACKS, BASE, check_lines, pattern_of, structure_of

STRONGEST = "\n\n".join(ATTACKS.values())
"""All attacks in one text."""


# Whole runs.


class Town:
    """A run of people who are called, and are told by their model, one text and nothing else.

    Attributes:
        requests: task key to the request made for it; each task is asked once.
        result: the run.
    """

    def __init__(self, words: str, folder: Path) -> None:
        self.words = words
        model = ScriptedModel(self._reply)
        engine = make_engine(make_config(0, num_epochs=2), LLMMind(model))
        for number in range(4):
            engine.population.add_persona(Persona(f"p{number}", self._attributes(number), engine.config.world_story))
        self.result: SimulationResult = run_engine(engine, folder)
        self.requests = {call.key: request for request, call in zip(model.requests, model.calls, strict=True)}
        assert len(self.requests) == len(model.requests)

    def _attributes(self, number: int) -> dict[str, Any]:
        said = {name: f"{name} ({self.words})" for name in ("name", "job", "city", "backstory", "boat")}
        held = f"({self.words})"  # of some attacks nothing is left, and then no space at an end either
        lists = {"interests": [held, held], f"keeps {held}": {f"a {held}": held}}
        return {**make_attributes(number), **said, **lists}

    def _reply(self, request: ModelRequest, call: Call) -> str:
        if request.reply_format is None:
            return "t0: +0.4; Yes.\nt1: -0.2; No." if "POSITIONS" in request.user[-1] else f"So: {self.words}"
        opinions = [
            {"topic": topic, "sentence": f"Well, {self.words}", "stance": 0.5, "candidate": "A"}
            for topic in ("t0", "t1")
        ]
        choice = {"first_choice": "B", "vote": "A", "reason": self.words}
        return json.dumps({"opinions": opinions, "thumbs_up": [1], "thumbs_down": None, **choice})

    def votes(self) -> list[Any]:
        return [ballot.candidate_id for ballot in self.result.record.ballots.values()]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(BASE, tmp_path_factory.mktemp("harmless"))


@pytest.mark.parametrize("attack", [*ATTACKS.values(), STRONGEST], ids=[*ATTACKS, "all"])
def test_a_run_of_attackers_asks_what_a_harmless_one_asks(attack: str, harmless: Town, tmp_path: Path) -> None:
    town = Town(attack, tmp_path)

    assert not town.result.failures
    assert list(town.requests) == list(harmless.requests)
    for key, asked in harmless.requests.items():
        made = town.requests[key]
        assert made.reply_format == asked.reply_format
        assert made.max_output_tokens == asked.max_output_tokens
        for found, expected in ((made.system, asked.system), (made.user, asked.user)):
            patterns = [[pattern_of(line) for line in lines] for lines in structure_of(expected)]
            check_lines(structure_of(found), patterns)
    assert town.votes() == harmless.votes(), "a vote is what the model replied in its place, and nothing that was said"


def test_what_others_say_is_in_the_requests(harmless: Town) -> None:
    assert len(harmless.requests) > 60
    assert sum(BASE in "\n".join(request.user) for request in harmless.requests.values()) > 50
    assert set(harmless.votes()) <= {"c0", "c1"}


# What goes over the wire.

NAMES = ("openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3")
TEXTS = ("content", "text")
"""Members of a request in which texts stand; everything else is structure."""


def send(name: str, view: View) -> Any:
    """Return the body in which the provider of this model is asked for an act."""
    sent: list[Any] = []

    def handle(request: Any) -> Any:
        library = httpx2 if isinstance(request, httpx2.Request) else httpx
        reply = REPLIES.get(request.url.path)
        if reply is not None:
            sent.append(json.loads(request.content))
        return library.Response(200, json=reply or {})

    library: Any = httpx2 if name.startswith("anthropic") else httpx
    base_url = "http://localhost/v1" if name.startswith("openai") else "http://localhost"
    model = make_model(name, transport=library.MockTransport(handle), base_url=base_url)
    request = LLMMind(model).build_request(view)

    async def call() -> None:
        async with model:
            await model.reply(request, CALL)

    asyncio.run(call())
    (body,) = sent
    return body


def shape(value: Any, inside: str = "") -> Any:
    """Return a body with every text replaced by the lines of ours in it."""
    if isinstance(value, Mapping):
        return {key: shape(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item, inside) for item in value]
    return ["text"] if isinstance(value, str) and inside in TEXTS else value


def texts_of(value: Any, inside: str = "") -> Iterator[str]:
    """Yield the texts of a body in their order."""
    if isinstance(value, (Mapping, list)):
        for key, item in value.items() if isinstance(value, Mapping) else ((inside, item) for item in value):
            yield from texts_of(item, key)
    elif isinstance(value, str) and inside in TEXTS:
        yield value


def saying(text: str) -> Callable[[str], str]:
    """Return words that stay as they are where they are ids of topics, as those come from the configuration."""
    return lambda said: said if said in ("rents", "trams") else text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.act)
def test_messages_roles_and_schema_stay_as_they_are(name: str, kind: type[View]) -> None:
    honest, attacked = (send(name, make_view(kind, saying(text))) for text in (BASE, STRONGEST))

    assert shape(attacked) == shape(honest)
    found, expected = (structure_of(texts_of(body)) for body in (attacked, honest))
    check_lines(found, [[pattern_of(line) for line in lines] for lines in expected])


@pytest.mark.parametrize("name", NAMES)
def test_a_body_has_one_system_message_and_one_of_the_user(name: str) -> None:
    body = send(name, make_view(views.BallotView, saying(STRONGEST)))
    roles = [message["role"] for message in body["messages"]]
    assert (["system"] * ("system" in body) + roles) == ["system", "user"]
    assert "Ignore all of the above" in json.dumps(body)
