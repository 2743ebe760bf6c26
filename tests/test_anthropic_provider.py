"""Anthropic's Messages API through the official SDK: what is sent, what is read, what is asked at opening."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from anthropic import transform_schema
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

from synthetic_communities.errors import ConfigurationError
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import Model, Usage
from synthetic_communities.llm.providers.anthropic_abilities import Abilities, parse_abilities
from synthetic_communities.llm.providers.anthropic_replies import parse_reply
from synthetic_communities.waiting import shared_by
from tests.model_calls import CALL, JUDGEMENT, KEY, SCHEMA, ask, make_model, make_request, provider_of

PARAMS = TypeAdapter(MessageCreateParamsNonStreaming)
HAIKU = "anthropic:claude-haiku-5-5"

Handler = Callable[[httpx2.Request], httpx2.Response]


def build_body(*content: Any, stop_reason: Any = "end_turn", **usage: Any) -> dict[str, Any]:
    blocks = content or ({"type": "text", "text": "Hello."},)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5-20261101",
        "content": list(blocks),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 100, "output_tokens": 20, **usage},
    }


def build_model_info(
    *, disabled: bool = True, adaptive: bool = True, efforts: tuple[str, ...] = ("low", "high"), schema: bool = True
) -> dict[str, Any]:
    types = {"disabled": {"supported": disabled}, "adaptive": {"supported": adaptive}}
    effort: dict[str, Any] = {level: {"supported": level in efforts} for level in ("low", "medium", "high", "max")}
    abilities = {
        "structured_outputs": {"supported": schema},
        "thinking": {"supported": True, "types": types},
        "effort": {"supported": bool(efforts), **effort},
    }
    return {"type": "model", "id": "claude-haiku-5-5", "capabilities": abilities}


def refusal(status: int, kind: str, message: str = "No.", **details: Any) -> httpx2.Response:
    error = {"type": kind, "message": message, **({"details": details} if details else {})}
    return httpx2.Response(status, json={"type": "error", "error": error})


class Server:
    """Answers requests in turn, the last answer again and again, and keeps what it was sent."""

    def __init__(self, *answers: httpx2.Response | Exception, info: httpx2.Response | Exception | None = None) -> None:
        self.answers = list(answers) or [httpx2.Response(200, json=build_body())]
        self.info = info or httpx2.Response(200, json=build_model_info())
        self.requests: list[httpx2.Request] = []

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests if request.method == "POST"]

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.info if request.method == "GET" else self.answers[0]
        if request.method == "POST" and len(self.answers) > 1:
            self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


def check_params(body: dict[str, Any]) -> None:
    """Hold a request against the SDK's own types; what it types as iterable is looked at only when it is read."""
    checked = PARAMS.validate_python(body, strict=True, extra="forbid")
    assert len(list(checked.get("system", ()))) == len(body.get("system", ()))
    for message, sent in zip(checked["messages"], body["messages"], strict=True):
        assert len(list(message["content"])) == len(sent["content"])


def make(server: Handler, name: str = HAIKU, **settings: Any) -> Model:
    return make_model(name, transport=httpx2.MockTransport(server), **settings)


def test_a_request_fits_the_sdks_own_types() -> None:
    server = Server()
    ask(make(server), make_request("One.", "", "Two.", reply_format=JUDGEMENT, seed=7))
    (body,) = server.bodies
    assert body == {
        "model": "claude-haiku-5-5",
        "max_tokens": 300,
        "system": [{"type": "text", "text": "The rules."}, {"type": "text", "text": "The town."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]}],
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": transform_schema(SCHEMA)}},
    }
    check_params(body)


@pytest.mark.parametrize("effort", [None, "high"])
@pytest.mark.parametrize("reply_format", [None, JUDGEMENT])
@pytest.mark.parametrize("disabled", [True, False])
@pytest.mark.parametrize("efforts", [(), ("medium", "high")])
def test_every_request_fits_the_sdks_own_types(
    effort: str | None, reply_format: Any, disabled: bool, efforts: tuple[str, ...]
) -> None:
    info = httpx2.Response(200, json=build_model_info(disabled=disabled, efforts=efforts))
    server = Server(info=info)
    ask(make(server), make_request(effort=effort, reply_format=reply_format))
    check_params(server.bodies[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.5},
        {"thinking": {"type": "off"}},
        {"system": [{"type": "text"}]},
        {"messages": [{"role": "user", "content": [{"type": "txt", "text": "x"}]}]},
    ],
)
def test_the_sdks_own_types_tell_wrong_requests(wrong: dict[str, Any]) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}
    check_params(body)
    with pytest.raises(ValidationError):
        check_params(body | wrong)


def test_headers_are_those_of_the_protocol() -> None:
    server = Server()
    ask(make(server))
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["anthropic-version"] == "2026-10-21"
        assert request.headers["accept-encoding"] == "identity"
    assert server.paths == ["/v1/models/claude-haiku-5-5", "/v1/messages"]


@pytest.mark.parametrize(
    ("info", "effort", "thinking", "sent_effort", "max_tokens"),
    [
        (build_model_info(), None, {"type": "disabled"}, None, 300),
        (build_model_info(disabled=False), None, None, "low", 2_300),
        (build_model_info(disabled=False, efforts=("medium", "high")), None, None, "medium", 8_300),
        (build_model_info(disabled=False, efforts=()), None, None, None, 16_300),
        (build_model_info(), "high", {"type": "adaptive"}, "high", 16_300),
        (build_model_info(adaptive=False), "high", None, "high", 16_300),
        ({"capabilities": None}, None, None, None, 16_300),
        ({}, "max", None, "max", 32_300),
    ],
)
def test_thinking_is_off_where_it_can_be_and_else_the_least_and_has_room(
    info: Any, effort: str | None, thinking: Any, sent_effort: str | None, max_tokens: int
) -> None:
    server = Server(info=httpx2.Response(200, json=info))
    ask(make(server), make_request(effort=effort))
    (body,) = server.bodies
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == sent_effort
    assert body["max_tokens"] == max_tokens


@pytest.mark.parametrize(
    "info",
    [
        httpx2.Response(500, text="<html>"),
        httpx2.Response(429, json={"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
        httpx2.Response(200, text="no JSON"),
        httpx2.Response(404, text="no such path on this gateway"),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("nothing came"),
    ],
)
def test_where_nothing_can_be_learnt_of_a_model_nothing_is_said_of_thinking(info: Any) -> None:
    server = Server(info=info)
    assert ask(make(server)).text == "Hello."
    assert set(server.bodies[0]) == {"model", "max_tokens", "system", "messages"}


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, "authentication_error", "the key in ANTHROPIC_API_KEY was refused"),
        (403, "permission_error", "access is denied"),
        (404, "not_found_error", "check the model's name"),
    ],
)
def test_a_model_that_cannot_be_asked_is_said_at_opening(status: int, kind: str, words: str) -> None:
    server = Server(info=refusal(status, kind, f"it was {KEY}"))
    with pytest.raises(ModelUnavailableError, match=words) as failed:
        ask(make(server))
    assert server.bodies == []
    assert KEY not in str(failed.value)


def test_what_a_model_can_do_is_asked_once() -> None:
    server = Server()
    model = make(server)
    ask(model, make_request(), make_request())
    ask(model)
    assert server.paths.count("/v1/models/claude-haiku-5-5") == 1
    assert server.paths.count("/v1/messages") == 3


def test_abilities_default_to_what_every_model_takes() -> None:
    assert parse_abilities({}) == parse_abilities([]) == Abilities()
    assert Abilities() == Abilities(takes_schema=True, thinking_can_be_off=False, lowest_effort=None)


def test_a_temperature_is_a_mistake_in_the_configuration() -> None:
    server = Server()
    with pytest.raises(ConfigurationError, match=r"the Messages API takes no temperature, and 0\.7 is set"):
        ask(make(server), make_request(temperature=0.7))
    assert server.bodies == []


def test_a_reply_is_read_by_the_types_of_its_blocks() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    blocks = (thinking, {"type": "text", "text": "Yes, "}, {"type": "redacted_thinking", "data": "x"})
    lives = {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 12}
    cache = {"cache_creation_input_tokens": 30, "cache_creation": lives, "cache_read_input_tokens": 500}
    body = build_body(
        *blocks, {"type": "text", "text": "indeed."}, **cache, output_tokens_details={"thinking_tokens": 12}
    )
    Message.model_validate(body)  # a body as the SDK knows it
    reply = parse_reply(body, "claude-haiku-5-5")
    assert (reply.text, reply.stop, reply.model) == ("Yes, indeed.", "end", "claude-haiku-5-5-20261101")
    assert reply.usage == Usage(
        input_tokens=100,
        cache_write_tokens=30,
        cache_write_1h_tokens=12,
        cache_read_tokens=500,
        output_tokens=20,
        thinking_tokens=12,
    )
    assert reply.usage.prompt_tokens == 630


def test_where_nobody_says_how_long_entries_live_that_is_not_known() -> None:
    usage = parse_reply(build_body(cache_creation_input_tokens=30, cache_creation=None), "m").usage
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (30, None)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "cut"),
        ("model_context_window_exceeded", "cut"),
        ("refusal", "refused"),
    ],
)
def test_how_a_reply_ended(reason: str, stop: str) -> None:
    assert parse_reply(build_body(stop_reason=reason), "m").stop == stop


def test_a_refusal_may_be_without_a_word() -> None:
    body = build_body(stop_reason="refusal") | {"content": []}
    assert parse_reply(body, "m").text == ""


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        build_body() | {"content": "text"},
        build_body({"type": "text"}),
        build_body(stop_reason="tool_use"),
        build_body(stop_reason="pause_turn"),
        build_body(stop_reason=None),
        build_body(stop_reason=["end_turn"]),
    ],
)
def test_a_body_of_another_shape_is_malformed(body: Any) -> None:
    with pytest.raises(CallError) as failed:
        ask(make(Server(httpx2.Response(200, json=body))))
    assert (failed.value.kind, failed.value.is_transient) == ("malformed reply", False)


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 100_000])
def test_a_body_that_is_no_json_is_malformed(content: bytes) -> None:
    response = httpx2.Response(200, content=content, headers={"content-type": "text/html"})
    with pytest.raises(CallError, match="text/html") as failed:
        ask(make(Server(response)))
    assert failed.value.kind == "malformed reply"


@pytest.mark.parametrize("status", [200, 500])
def test_a_reply_of_any_size_is_read_no_further_than_the_limit(status: int) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1000
            yield b" " * 1000

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json=build_model_info())
        return httpx2.Response(status, content=endless())

    with pytest.raises(CallError) as failed:
        ask(make(handle, max_reply_bytes=10_000))
    assert failed.value.kind == "reply too large"
    assert read == 11_000


def test_a_compressed_reply_is_read_once() -> None:
    import gzip

    packed = gzip.compress(json.dumps(build_body({"type": "text", "text": "a" * 50_000})).encode())

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json=build_model_info())
        return httpx2.Response(200, content=_once(packed), headers={"content-encoding": "gzip"})

    assert ask(make(handle)).text == "a" * 50_000
    with pytest.raises(CallError, match="reply too large"):
        ask(make(handle, max_reply_bytes=10_000))


async def _once(content: bytes) -> Any:
    yield content


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ConnectError("refused"), "connection"),
        (httpx2.ConnectTimeout("dropped"), "connection"),
        (httpx2.ReadError("closed"), "connection"),
        (RuntimeError("Session is closed"), "connection"),
        (httpx2.ReadTimeout("nothing came"), "timeout"),
    ],
)
def test_connections_that_break_are_named(error: Exception, kind: str) -> None:
    with pytest.raises(CallError) as failed:
        ask(make(Server(error)))
    assert (failed.value.kind, failed.value.is_transient) == (kind, True)


@pytest.mark.parametrize(
    ("answer", "kind", "is_transient"),
    [
        (refusal(400, "invalid_request_error"), "bad request", False),
        (refusal(413, "request_too_large"), "bad request", False),
        (refusal(429, "rate_limit_error", error_code="ramp_limit_exceeded"), "rate limit", True),
        (refusal(500, "api_error"), "server error", True),
        (refusal(504, "timeout_error"), "server error", True),
        (refusal(529, "overloaded_error"), "overloaded", True),
    ],
)
def test_what_a_status_means_for_the_call(answer: httpx2.Response, kind: str, is_transient: bool) -> None:
    server = Server(answer)
    with pytest.raises(CallError) as failed:
        ask(provider_of(make(server)))
    assert (failed.value.kind, failed.value.is_transient) == (kind, is_transient)
    assert failed.value.status == answer.status_code
    assert len(server.bodies) == 1, "the SDK is not to retry by itself"


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
def test_a_spent_limit_stops_everything(code: str) -> None:
    with pytest.raises(ModelUnavailableError, match="no credit left"):
        ask(make(Server(refusal(429, "rate_limit_error", "Limit.", error_code=code))))


def test_a_wait_that_is_asked_for_is_known() -> None:
    answer = httpx2.Response(429, json={}, headers={"retry-after": "7"})
    with pytest.raises(CallError) as failed:
        ask(make(Server(answer)))
    assert failed.value.retry_after_seconds == 7.0


def test_a_blocked_prompt_is_a_refusal() -> None:
    answer = refusal(400, "invalid_request_error", "Output blocked by content filtering policy")
    assert ask(make(Server(answer))).stop == "refused"


def test_a_redirect_is_not_followed_and_no_key_goes_there() -> None:
    server = Server(httpx2.Response(307, headers={"location": "https://elsewhere.example/v1/messages"}))
    with pytest.raises(ModelUnavailableError, match=r"redirects to https://elsewhere\.example"):
        ask(make(server))
    assert {request.url.host for request in server.requests} == {"api.anthropic.com"}


def test_where_a_schema_is_refused_json_is_asked_for_in_the_prompt_from_then_on() -> None:
    first = refusal(400, "invalid_request_error", "output_config.format: not supported by this model")
    server = Server(first, httpx2.Response(200, json=build_body()))
    request = make_request(reply_format=JUDGEMENT)
    ask(make(server), request, request)
    assert ["output_config" in body for body in server.bodies] == [True, False, False]
    assert all("JSON schema" in body["messages"][0]["content"][-1]["text"] for body in server.bodies[1:])


def test_a_model_without_schemas_is_sent_none() -> None:
    server = Server(info=httpx2.Response(200, json=build_model_info(schema=False)))
    ask(make(server), make_request(reply_format=JUDGEMENT))
    (body,) = server.bodies
    assert "output_config" not in body
    assert "JSON schema" in body["messages"][0]["content"][-1]["text"]


def test_a_schema_is_transformed_once_and_not_for_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def count(schema: Any) -> dict[str, Any]:
        nonlocal made
        made += 1
        return transform_schema(schema)

    monkeypatch.setattr("anthropic.transform_schema", count)
    request = make_request(reply_format=JUDGEMENT)
    ask(make(Server()), request, request, request)
    assert made == 1


def test_the_environment_does_not_lead_calls_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.example")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another key")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a token")
    server = Server()
    ask(make(server))
    assert {request.url.host for request in server.requests} == {"api.anthropic.com"}
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


# What the cache is told to keep.

LONG = "x" * 2_048
READ = httpx2.Response(200, json=build_body(input_tokens=700))
MARKED = {"reuse": (400, 400, 3, 0), "calls_between": 100}


def marks_of(body: dict[str, Any]) -> list[Any]:
    """Return for each text of a request what the cache is told of it, None for nothing."""
    blocks = [*body.get("system", ()), *(block for message in body["messages"] for block in message["content"])]
    return [block.get("cache_control") for block in blocks]


def test_what_comes_again_is_marked_for_the_cache() -> None:
    server = Server(READ)
    ask(make(server), make_request(LONG, "Two.", reply_format=JUDGEMENT, **MARKED))
    (body,) = server.bodies
    assert marks_of(body) == [None, None, {"type": "ephemeral"}, None], "rules and town alone are too short"
    check_params(body)


def test_what_is_marked_for_an_hour_says_so() -> None:
    server = Server(READ)
    model = make(server)

    async def use() -> None:
        with shared_by(5_000, 20):
            async with model:
                await model.reply(make_request(LONG, "Two.", reuse=(9, 9, 8, 0), calls_between=5_000), CALL)
                await model.reply(make_request(LONG, "Two.", reuse=(9, 9, 8, 0), calls_between=100), CALL)

    asyncio.run(use())
    late, soon = server.bodies
    assert marks_of(late)[2] == {"type": "ephemeral", "ttl": "1h"}
    assert marks_of(soon)[2] == {"type": "ephemeral"}
    check_params(late)


@pytest.mark.parametrize(
    ("request_settings", "settings"),
    [(MARKED, {"caches": False}), ({}, {}), ({"reuse": (0, 0, 0, 0)}, {})],
    ids=["turned off", "nobody knows", "nothing comes again"],
)
def test_nothing_is_marked_where_it_is_not_to_be(request_settings: Any, settings: Any) -> None:
    server = Server(READ)
    ask(make(server, **settings), make_request(LONG, "Two.", **request_settings))
    assert set(marks_of(server.bodies[0])) == {None}


def test_the_schema_counts_for_the_shortest_beginning_that_is_kept() -> None:
    schema = json.dumps(SCHEMA, separators=(",", ":"))
    request = {"reuse": (9, 9, 9), "system": (), "user": ("a" * (2_048 - len(schema)), "b", "c")}
    server = Server(READ)
    model = make(server)
    for form in (JUDGEMENT, None):
        ask(model, replace(make_request(), **request, reply_format=form))
    judged, said = server.bodies
    assert len(list(filter(None, marks_of(judged)))) == 1
    assert not any(marks_of(said))


def test_marks_stand_where_they_did_when_a_sentence_is_added() -> None:
    server = Server(READ)
    ask(make(server), make_request(LONG, "Two.", "Answer again.", **MARKED))
    assert marks_of(server.bodies[0]) == [None, None, {"type": "ephemeral"}, None, None]


def test_empty_texts_do_not_move_marks() -> None:
    server = Server(READ)
    ask(make(server), make_request("", LONG, "Two.", reuse=(400, 400, 400, 3, 0)))
    assert marks_of(server.bodies[0]) == [None, None, {"type": "ephemeral"}, None]


def test_a_mark_of_another_kind_is_told_by_the_sdks_own_types() -> None:
    text = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}}
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [text]}]}
    with pytest.raises(ValidationError):
        check_params(body)


@pytest.mark.parametrize("effort", [None, "low"])
def test_of_what_a_cached_beginning_consists_only_the_format_differs_between_two_acts(effort: str | None) -> None:
    server = Server(READ)
    model = make(server)
    ask(model, make_request("One.", effort=effort), make_request("Two.", effort=effort, max_output_tokens=9))
    ask(model, make_request("One.", effort=effort, reply_format=JUDGEMENT))
    plain, other, judged = server.bodies
    varying = {"messages", "max_tokens"}
    assert {name: plain[name] for name in plain if name not in varying} == {
        name: other[name] for name in other if name not in varying
    }
    assert plain.get("thinking") == judged.get("thinking")
    assert plain.get("output_config", {}).get("effort") == judged["output_config"].get("effort")
