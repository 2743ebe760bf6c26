"""Ollama's own protocol: the window, thinking, the schema, and what is looked up before the first call."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from synthetic_communities.errors import ConfigurationError
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import Usage
from synthetic_communities.llm.providers.ollama_model import OllamaModel, parse_model
from tests.model_calls import CALL, JUDGEMENT, SCHEMA, ask, make_model, make_request, provider_of

URL = "http://localhost:11434"
SHOW = {
    "model_info": {"general.architecture": "llama", "llama.context_length": 8192, "clip.vision.context_length": 77},
    "details": {"family": "llama"},
    "capabilities": ["completion"],
}


def build_body(content: Any = "Hello.", done_reason: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    counts = {"prompt_eval_count": 100, "eval_count": 20}
    return {"model": "llama3:8b", "message": message, "done": True, "done_reason": done_reason, **counts}


def show(mock: HTTPXMock, body: Any = None, **more: Any) -> None:
    mock.add_response(url=f"{URL}/api/show", **({"json": body or SHOW} | more))


def chat(mock: HTTPXMock, body: Any = None, **more: Any) -> None:
    mock.add_response(url=f"{URL}/api/chat", **({"json": body or build_body()} | more))


def sent(mock: HTTPXMock) -> list[dict[str, Any]]:
    return [json.loads(request.content) for request in mock.get_requests() if request.url.path == "/api/chat"]


def test_a_request_says_what_was_asked_and_sets_the_window(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    chat(httpx_mock)
    ask(
        make_model("ollama:llama3", window_tokens=8192, api_key=None),
        make_request("One.", "Two.", reply_format=JUDGEMENT, seed=7, temperature=0.5),
    )
    assert sent(httpx_mock) == [
        {
            "model": "llama3",
            "messages": [
                {"role": "system", "content": "The rules.\n\nThe town."},
                {"role": "user", "content": "One.\n\nTwo."},
            ],
            "stream": False,
            "options": {"num_ctx": 8192, "num_predict": 300, "seed": 7, "temperature": 0.5},
            "think": False,
            "format": SCHEMA,
        }
    ]
    assert json.loads(httpx_mock.get_requests()[0].content) == {"model": "llama3"}
    assert all("authorization" not in request.headers for request in httpx_mock.get_requests())


def test_what_was_not_asked_for_is_not_sent(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    chat(httpx_mock)
    ask(make_model("ollama:llama3"))
    (body,) = sent(httpx_mock)
    assert body["options"] == {"num_predict": 300}
    assert "format" not in body


def test_a_reply_is_read_without_its_thinking(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    chat(httpx_mock, build_body("<think>Hm.</think>\nYes.", thinking="And more."))
    reply = ask(make_model("ollama:llama3"))
    assert (reply.text, reply.stop, reply.model) == ("Yes.", "end", "llama3:8b")
    assert reply.usage == Usage(input_tokens=100, output_tokens=20)


def test_a_reply_that_reached_its_limit_is_cut(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    chat(httpx_mock, build_body("Half a", "length"))
    assert ask(make_model("ollama:llama3")).stop == "cut"


@pytest.mark.parametrize("body", [{"done": True}, [], {"message": {"content": None}}, {"message": "Hello."}])
def test_a_body_of_another_shape_is_malformed(httpx_mock: HTTPXMock, body: Any) -> None:
    show(httpx_mock)
    httpx_mock.add_response(url=f"{URL}/api/chat", json=body)
    with pytest.raises(CallError, match="malformed reply"):
        ask(make_model("ollama:llama3"))


def test_a_model_that_refuses_think_is_not_told_again(httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture) -> None:
    show(httpx_mock)
    chat(httpx_mock, {"error": '"llama3" does not support thinking'}, status_code=400)
    chat(httpx_mock, is_reusable=True)
    ask(make_model("ollama:llama3"), make_request(), make_request())
    assert ["think" in body for body in sent(httpx_mock)] == [True, False, False]
    assert len([record for record in caplog.records if "think" in record.getMessage()]) == 1


def test_a_level_of_thinking_asked_for_is_never_left_out(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    chat(httpx_mock, {"error": 'think value "high" is not supported for this model'}, status_code=400)
    with pytest.raises(CallError, match="bad request"):
        ask(provider_of(make_model("ollama:llama3")), make_request(effort="high"))
    assert sent(httpx_mock)[0]["think"] == "high"


def test_a_model_that_cannot_stop_thinking_thinks_as_little_as_it_can(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock, {**SHOW, "details": {"family": "gptoss"}})
    chat(httpx_mock)
    ask(make_model("ollama:gpt-oss"))
    (body,) = sent(httpx_mock)
    assert (body["think"], body["options"]["num_predict"]) == ("low", 2_300)


def test_where_a_schema_is_refused_json_is_asked_for_in_the_prompt(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    words = "json: cannot unmarshal object into Go struct field ChatRequest.format of type string"
    chat(httpx_mock, {"error": words}, status_code=400)
    chat(httpx_mock, is_reusable=True)
    request = make_request(reply_format=JUDGEMENT)
    ask(make_model("ollama:llama3"), request, request)
    assert ["format" in body for body in sent(httpx_mock)] == [True, False, False]
    assert all('"additionalProperties":false' in body["messages"][1]["content"] for body in sent(httpx_mock)[1:])


def test_nobody_listening_is_said_with_what_to_type(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ConnectTimeout("Cannot connect"))
    with pytest.raises(ModelUnavailableError, match=f"nobody listens at {URL}; start it with: ollama serve"):
        ask(make_model("ollama:llama3"))


def test_a_model_that_is_not_there_is_said_with_what_to_type(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock, {"error": "model 'llama9' not found"}, status_code=404)
    with pytest.raises(ModelUnavailableError, match="type: ollama pull llama9"):
        ask(make_model("ollama:llama9"))


def test_a_server_that_cannot_tell_of_the_model_is_not_asked_further(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock, {"error": "disk full"}, status_code=500)
    with pytest.raises(ModelUnavailableError, match="disk full"):
        ask(make_model("ollama:llama3"))


def test_a_window_longer_than_the_models_is_refused_with_what_shortens_prompts(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock)
    with pytest.raises(ConfigurationError, match="reads 8192 tokens, and this run needs a window of 8193") as failed:
        ask(make_model("ollama:llama3", window_tokens=8193))
    for setting in ("memory_epochs", "feed_size", "turns_per_question", "world"):
        assert setting in str(failed.value)


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (SHOW, OllamaModel(8192)),
        ({"model_info": {"general.architecture": "odd", "other.context_length": 4096}}, OllamaModel(4096)),
        ({"model_info": {"general.architecture": "odd"}}, OllamaModel(None)),
        ({}, OllamaModel(None)),
        ("text", OllamaModel(None)),
        ({"details": {"family": "gptoss"}}, OllamaModel(None, thinks_by_level=True)),
    ],
)
def test_what_is_known_of_a_model(body: Any, known: OllamaModel) -> None:
    assert parse_model(body) == known


def test_a_failed_opening_leaves_nothing_open(httpx_mock: HTTPXMock) -> None:
    class Transport(httpx.AsyncHTTPTransport):
        closed = 0

        async def aclose(self) -> None:
            Transport.closed += 1

    show(httpx_mock, {"error": "not found"}, status_code=404)
    show(httpx_mock)
    chat(httpx_mock)
    model = make_model("ollama:llama3", transport=Transport())
    with pytest.raises(ModelUnavailableError):
        ask(model)
    assert Transport.closed == 1
    assert ask(model).text == "Hello."
    assert Transport.closed == 2


def test_opened_twice_on_a_loop_it_closes_with_the_second(httpx_mock: HTTPXMock) -> None:
    show(httpx_mock, is_reusable=True)
    chat(httpx_mock, is_reusable=True)
    model = make_model("ollama:llama3")

    async def use() -> list[str]:
        async with model:
            async with model:
                inner = await model.reply(make_request(), CALL)
            outer = await model.reply(make_request(), CALL)
        return [inner.text, outer.text]

    assert asyncio.run(use()) == ["Hello.", "Hello."]
