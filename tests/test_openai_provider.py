"""OpenAI's chat completions: what is sent to whom, what is read, and what is made of servers that know less."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock, IteratorStream

from synthetic_communities.errors import ConfigurationError
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import ReplyFormat, Usage
from synthetic_communities.llm.naming import PROVIDERS
from synthetic_communities.llm.providers.openai_dialects import DIALECTS
from synthetic_communities.llm.providers.openai_replies import parse_reply
from synthetic_communities.llm.retrying import Retrying
from tests.model_calls import CALL, JUDGEMENT, KEY, SCHEMA, ask, make_model, make_request, provider_of

OPENAI = "https://api.openai.com/v1/chat/completions"


def build_body(content: Any = "Hello.", finish_reason: Any = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {
        "id": "chatcmpl-1",
        "model": "gpt-x-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def sent(mock: HTTPXMock) -> list[dict[str, Any]]:
    return [json.loads(request.content) for request in mock.get_requests() if request.method == "POST"]


def refuse(mock: HTTPXMock, message: str, status: int = 400, **more: Any) -> None:
    mock.add_response(status_code=status, json={"error": {"message": message, "type": "invalid_request_error", **more}})


def test_a_request_says_what_was_asked_and_nothing_else(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=OPENAI, json=build_body())
    ask(make_model("openai:gpt-x"), make_request("One.", "Two.", reply_format=JUDGEMENT, seed=7, temperature=0.5))
    assert sent(httpx_mock) == [
        {
            "model": "gpt-x",
            "messages": [
                {"role": "system", "content": "The rules.\n\nThe town."},
                {"role": "user", "content": "One.\n\nTwo."},
            ],
            "max_completion_tokens": 300,
            "temperature": 0.5,
            "reasoning_effort": "none",
            "seed": 7,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "judgement", "strict": True, "schema": SCHEMA},
            },
        }
    ]
    headers = httpx_mock.get_requests()[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("system", [(), ("The rules.",), ("The rules, \u201cquoted\u201d.", "The\ntown.")])
@pytest.mark.parametrize("reply_format", [None, JUDGEMENT])
def test_a_body_is_json_to_the_byte(
    httpx_mock: HTTPXMock, system: tuple[str, ...], reply_format: ReplyFormat | None
) -> None:
    httpx_mock.add_response(json=build_body())
    ask(make_model("openai:gpt-x"), replace(make_request("Grüße.", reply_format=reply_format), system=system))
    (request,) = httpx_mock.get_requests()
    assert request.content == json.dumps(json.loads(request.content), separators=(",", ":")).encode("ascii")
    first = {"role": "system", "content": "\n\n".join(system)}
    last = {"role": "user", "content": "Grüße."}
    assert json.loads(request.content)["messages"] == ([first, last] if system else [last])


def test_text_of_any_kind_arrives_as_it_was(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=build_body("Grüße, \U0001f98a"))
    text = 'Ångström "quoted"\n\u2028 \U0001f98a \x00'
    reply = ask(make_model("openai:gpt-x"), make_request(text))
    assert sent(httpx_mock)[0]["messages"][1]["content"] == text
    assert reply.text == "Grüße, \U0001f98a"


def test_half_a_character_is_replaced_as_no_file_could_hold_it(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=json.dumps(build_body("Half \ud83d and whole \U0001f98a")).encode("ascii"))
    assert ask(make_model("openai:gpt-x")).text == "Half \ufffd and whole \U0001f98a"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("gemini", {"max_tokens": 300, "reasoning_effort": "none"}),
        ("openrouter", {"max_tokens": 300, "reasoning_effort": "none", "seed": 7}),
        ("vllm", {"max_tokens": 300, "seed": 7, "chat_template_kwargs": {"enable_thinking": False}}),
        ("lmstudio", {"max_tokens": 300, "seed": 7}),
        ("llamacpp", {"max_tokens": 300, "seed": 7, "chat_template_kwargs": {"enable_thinking": False}}),
        ("openai-compatible", {"max_tokens": 300}),
    ],
)
def test_servers_are_sent_what_they_know(httpx_mock: HTTPXMock, provider: str, expected: dict[str, Any]) -> None:
    base_url = PROVIDERS[provider].base_url or "http://localhost:9/v1"
    httpx_mock.add_response(url=f"{base_url}/models", json={}, is_optional=True)
    httpx_mock.add_response(url=f"{base_url}/chat/completions", json=build_body())
    ask(make_model(f"{provider}:m", base_url=base_url), make_request(seed=7, reply_format=JUDGEMENT))
    (body,) = sent(httpx_mock)
    schema = body.pop("response_format")
    assert {name: body[name] for name in body if name not in ("model", "messages")} == expected
    assert schema.get("schema" if provider == "llamacpp" else "json_schema")
    assert ("schema" in schema) == (provider == "llamacpp")


def test_every_provider_of_the_protocol_has_a_dialect() -> None:
    assert set(DIALECTS) == {name for name, provider in PROVIDERS.items() if provider.protocol == "openai"}


def test_an_effort_asked_for_is_sent_in_the_callers_words(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=build_body(), is_reusable=True)
    ask(make_model("vllm:m"), make_request(effort="high"))
    (body,) = sent(httpx_mock)
    assert (body["reasoning_effort"], body["max_tokens"]) == ("high", 16_300)
    assert "chat_template_kwargs" not in body


def test_without_a_key_none_is_sent(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=build_body(), is_reusable=True)
    ask(make_model("vllm:m", api_key=None))
    assert all("authorization" not in request.headers for request in httpx_mock.get_requests())


def test_a_reply_is_read() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    body = build_body("Yes.", reasoning_content="Let me think.") | {"usage": usage}
    reply = parse_reply(body, "gpt-x", thinks_in_text=False)
    assert (reply.text, reply.stop, reply.model) == ("Yes.", "end", "gpt-x-2026")
    assert reply.usage == Usage(input_tokens=36, cache_read_tokens=64, output_tokens=50, thinking_tokens=30)
    assert reply.usage.prompt_tokens == 100


@pytest.mark.parametrize(
    ("body", "stop", "text"),
    [
        (build_body("Half a", "length"), "cut", "Half a"),
        (build_body(None, "length"), "cut", ""),
        (build_body("", "content_filter"), "refused", ""),
        (build_body(None, "content_filter: PROHIBITED_CONTENT"), "refused", ""),
        (build_body(None, "stop", refusal="I cannot."), "refused", "I cannot."),
        (build_body([{"type": "text", "text": "In "}, {"type": "text", "text": "parts."}]), "end", "In parts."),
        (build_body("Done.", None), "end", "Done."),
    ],
)
def test_how_a_reply_ended(body: dict[str, Any], stop: str, text: str) -> None:
    reply = parse_reply(body, "gpt-x", thinks_in_text=False)
    assert (reply.stop, reply.text) == (stop, text)


def test_thinking_counted_into_the_total_only_is_output() -> None:
    body = build_body() | {"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 620}}
    usage = parse_reply(body, "m", thinks_in_text=False).usage
    assert (usage.output_tokens, usage.thinking_tokens) == (520, 500)


def test_what_is_not_said_is_unknown_and_not_zero() -> None:
    body = build_body() | {"usage": {"prompt_tokens": "many", "completion_tokens": -1}}
    assert parse_reply(body, "m", thinks_in_text=False).usage == Usage()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<think>Hm.\n</think>\n\nYes.", "Yes."),
        ("\n<think></think>Yes.", "Yes."),
        ("Hm, hm.</think>\nYes.", "Yes."),
        ("<think>Hm, and then it was cut", ""),
        ("I wrote <think> and </think>.", "I wrote <think> and </think>."),
    ],
)
def test_thinking_left_in_the_text_is_taken_out_of_local_servers_replies(content: str, text: str) -> None:
    assert parse_reply(build_body(content), "m", thinks_in_text=True).text == text
    assert parse_reply(build_body(content), "m", thinks_in_text=False).text == content


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"choices": []},
        {"choices": [{"message": None}]},
        build_body(7),
        build_body(None, "tool_calls"),
    ],
)
def test_a_body_of_another_shape_is_malformed(httpx_mock: HTTPXMock, body: Any) -> None:
    httpx_mock.add_response(json=body)
    with pytest.raises(CallError) as failed:
        ask(make_model("openai:gpt-x"))
    assert (failed.value.kind, failed.value.is_transient) == ("malformed reply", False)


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe", b'{"choices": [{"mess'])
def test_a_body_that_is_no_json_is_malformed(httpx_mock: HTTPXMock, content: bytes) -> None:
    httpx_mock.add_response(content=content, headers={"content-type": "text/html"})
    with pytest.raises(CallError, match="text/html") as failed:
        ask(make_model("openai:gpt-x"))
    assert failed.value.kind == "malformed reply"


def test_a_reply_of_any_size_is_read_no_further_than_the_limit(httpx_mock: HTTPXMock) -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1000
                yield b" " * 1000

    httpx_mock.add_response(stream=Endless())
    with pytest.raises(CallError) as failed:
        ask(make_model("openai:gpt-x", max_reply_bytes=10_000))
    assert failed.value.kind == "reply too large"
    assert read == 11_000


def test_a_compressed_reply_counts_with_its_full_size(httpx_mock: HTTPXMock) -> None:
    import gzip

    packed = gzip.compress(json.dumps(build_body("a" * 50_000)).encode())
    assert len(packed) < 1000
    for _ in range(2):
        httpx_mock.add_response(stream=IteratorStream([packed]), headers={"content-encoding": "gzip"})
    with pytest.raises(CallError, match="reply too large"):
        ask(make_model("openai:gpt-x", max_reply_bytes=10_000))
    assert ask(make_model("openai:gpt-x")).text == "a" * 50_000
    assert httpx_mock.get_requests()[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectTimeout("refused, dropped or reset"), "connection"),
        (httpx.ReadError("closed"), "connection"),
        (httpx.RemoteProtocolError("closed"), "connection"),
        (RuntimeError("Session is closed"), "connection"),
        (httpx.ReadTimeout("nothing came"), "timeout"),
    ],
)
def test_connections_that_break_are_named(httpx_mock: HTTPXMock, error: Exception, kind: str) -> None:
    httpx_mock.add_exception(error)
    with pytest.raises(CallError) as failed:
        ask(make_model("openai:gpt-x"))
    assert (failed.value.kind, failed.value.is_transient) == (kind, True)
    assert failed.value.__cause__ is error


def test_a_mistake_in_a_transport_is_not_taken_for_a_broken_connection(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(KeyError("a bug"))
    with pytest.raises(KeyError, match="a bug"):
        ask(make_model("openai:gpt-x"))


@pytest.mark.parametrize("status", [400, 422])
def test_where_a_schema_is_refused_json_is_asked_for_in_the_prompt_from_then_on(
    httpx_mock: HTTPXMock, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(httpx_mock, "This response_format is unavailable now", status)
    httpx_mock.add_response(json=build_body('{"stance": 0.5, "vote": "A"}'), is_reusable=True)
    request = make_request(reply_format=JUDGEMENT)
    reply = ask(make_model("openrouter:m"), request, request, make_request())
    assert reply.text == '{"stance": 0.5, "vote": "A"}'
    first, again, next_one, plain = sent(httpx_mock)
    assert "response_format" in first
    for body in (again, next_one):
        assert "response_format" not in body
        assert json.dumps(SCHEMA, separators=(",", ":")) in body["messages"][1]["content"]
    assert plain["messages"][1]["content"] == "Who are you?"
    notes = [record for record in caplog.records if "response_format" in record.getMessage()]
    assert [note.levelno for note in notes] == [logging.WARNING]


def test_calls_under_way_at_once_learn_of_a_refusal_together(
    httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        await asyncio.sleep(0)
        if "seed" in body:
            return httpx.Response(400, json={"error": {"message": "seed?"}})
        if "response_format" in body:
            return httpx.Response(400, json={"error": {"message": "response_format?"}})
        return httpx.Response(200, json=build_body())

    httpx_mock.add_callback(answer, is_reusable=True)
    model = Retrying(provider_of(make_model("openrouter:m")))

    async def use() -> None:
        async with model, asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(model.reply(make_request(f"{number}", reply_format=JUDGEMENT, seed=1), CALL))

    asyncio.run(use())
    assert len(sent(httpx_mock)) == 20 * 3
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "openrouter:m: left out from now on: seed",
        "openrouter:m: left out from now on: response_format",
    ]


def test_an_effort_the_model_does_not_know_gives_way_to_one_it_names(httpx_mock: HTTPXMock) -> None:
    words = "Unsupported value: 'none' is not supported with this model. Supported values are: 'minimal' and 'low'."
    refuse(httpx_mock, words, param="reasoning_effort")
    httpx_mock.add_response(json=build_body(), is_reusable=True)
    ask(make_model("openai:gpt-x"), make_request(), make_request())
    assert [body.get("reasoning_effort") for body in sent(httpx_mock)] == ["none", "minimal", "minimal"]
    assert [body["max_completion_tokens"] for body in sent(httpx_mock)] == [300, 1300, 1300]


def test_an_effort_is_left_out_where_the_model_knows_none(httpx_mock: HTTPXMock) -> None:
    refuse(httpx_mock, "Unrecognized request argument supplied: reasoning_effort")
    httpx_mock.add_response(json=build_body())
    ask(make_model("openai:gpt-x"))
    assert [body.get("reasoning_effort") for body in sent(httpx_mock)] == ["none", None]


def test_an_effort_asked_for_is_never_left_out(httpx_mock: HTTPXMock) -> None:
    refuse(httpx_mock, "Unrecognized request argument supplied: reasoning_effort")
    with pytest.raises(CallError, match="reasoning_effort") as failed:
        ask(provider_of(make_model("openai:gpt-x")), make_request(effort="high"))
    assert failed.value.kind == "bad request"


def test_a_temperature_the_model_does_not_take_is_an_error(httpx_mock: HTTPXMock) -> None:
    refuse(httpx_mock, "Unsupported value: 'temperature' does not support 0.2", param="temperature")
    with pytest.raises(CallError, match="temperature"):
        ask(provider_of(make_model("openai:gpt-x")), make_request(temperature=0.2))


def test_several_options_are_left_out_one_by_one(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="http://localhost:8000/v1/models", status_code=404)
    refuse(httpx_mock, "chat_template_kwargs is not known")
    refuse(httpx_mock, "seed is not known")
    refuse(httpx_mock, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    refuse(httpx_mock, "response_format is not known")
    httpx_mock.add_response(json=build_body())
    ask(make_model("vllm:m"), make_request(reply_format=JUDGEMENT, seed=1))
    last = sent(httpx_mock)[-1]
    assert set(last) == {"model", "messages", "max_completion_tokens"}


def test_a_server_that_refuses_on_and_on_fails_the_call(httpx_mock: HTTPXMock) -> None:
    body = {"error": {"message": "response_format, seed, reasoning_effort: all bad"}}
    httpx_mock.add_response(status_code=400, json=body, is_reusable=True)
    with pytest.raises(CallError, match="bad request"):
        ask(Retrying(provider_of(make_model("openrouter:m"))), make_request(reply_format=JUDGEMENT, seed=1))
    assert len(sent(httpx_mock)) == 4


def test_a_filtered_prompt_is_a_refusal(httpx_mock: HTTPXMock) -> None:
    refuse(httpx_mock, "The prompt was filtered.", code="content_filter")
    reply = ask(make_model("openai:gpt-x"))
    assert (reply.stop, reply.text) == ("refused", "The prompt was filtered.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "slow down"}, "rate limit"),
        ({"code": 502, "message": "host is down"}, "server error"),
        ({"message": "no code"}, "server error"),
        ("just words", "server error"),
    ],
)
def test_an_error_with_status_200_is_what_it_says(httpx_mock: HTTPXMock, error: Any, kind: str) -> None:
    httpx_mock.add_response(json={"error": error})
    with pytest.raises(CallError) as failed:
        ask(make_model("openrouter:m"))
    assert (failed.value.kind, failed.value.is_transient) == (kind, True)


def test_a_reply_that_broke_off_may_be_asked_for_again(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=build_body("Half", "error"))
    with pytest.raises(CallError) as failed:
        ask(make_model("openrouter:m"))
    assert (failed.value.kind, failed.value.is_transient) == ("server error", True)
    assert failed.value.usage == Usage(input_tokens=100, output_tokens=20)


def test_a_redirect_is_not_followed_and_no_key_goes_there(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=307, headers={"location": "https://elsewhere.example/v1/chat/completions"})
    with pytest.raises(ModelUnavailableError, match=r"redirects to https://elsewhere\.example") as failed:
        ask(make_model("openai:gpt-x"))
    assert len(httpx_mock.get_requests()) == 1
    assert KEY not in str(failed.value)


def test_no_cookie_comes_back(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=build_body(), headers={"set-cookie": "a=b"}, is_reusable=True)
    ask(make_model("openai:gpt-x"), make_request(), make_request())
    assert all("cookie" not in request.headers for request in httpx_mock.get_requests())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("vllm:some/model", "start it with: vllm serve some/model"),
        ("lmstudio:m", "start it with: lms server start"),
        ("llamacpp:m", "start it with: llama-server"),
        ("openai-compatible:m", "check base_url"),
    ],
)
def test_nobody_listening_is_said_at_opening_with_what_to_type(httpx_mock: HTTPXMock, name: str, remedy: str) -> None:
    httpx_mock.add_exception(httpx.ConnectTimeout("Cannot connect"))
    with pytest.raises(ModelUnavailableError, match=remedy) as failed:
        ask(make_model(name, base_url="http://localhost:9/v1"))
    assert "nobody listens at http://localhost:9/v1" in str(failed.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "localhost:8000",
        "ftp://h/v1",
        "http://",
        "http://u:p@h/v1",
        "http://h/v1?x=1",
        "http://h:0/v1",
        "http://h:99999",
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        make_model("openai-compatible:m", base_url=base_url)


def test_an_address_is_needed_where_none_is_known() -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        make_model("openai-compatible:m")


def test_a_key_that_is_needed_is_asked_for_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        make_model("openai:gpt-x", api_key=None)
