"""The loopback server: what it checks, replies, delays, gets wrong and counts, over all three protocols."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anthropic
import httpx
import jsonschema
import pytest
from anthropic import AsyncAnthropic, DefaultAioHttpClient, transform_schema
from anthropic import types as anthropic_types
from anthropic.types.message_create_params import MessageCreateParamsBase
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.server.answers import AnswerDesk
from synthetic_communities.testing.server.arguments import build_arguments, parse_settings
from synthetic_communities.testing.server.draws import draw, draw_delay
from synthetic_communities.testing.server.faults import FAULT_HELP, FAULTS
from synthetic_communities.testing.server.problem import Problem
from synthetic_communities.testing.server.protocols import anthropic_checks
from synthetic_communities.testing.server.protocols.door import Door
from synthetic_communities.testing.server.protocols.ollama_door import OllamaDoor
from synthetic_communities.testing.server.protocols.openai_door import OpenAIDoor
from synthetic_communities.testing.server.schemas.checks import check_anthropic_schema, check_openai_schema
from synthetic_communities.testing.server.schemas.values import build_value
from synthetic_communities.testing.server.sentences import cut_prose
from synthetic_communities.testing.server.settings import LoopbackSettings
from synthetic_communities.testing.server.stats import Stats
from synthetic_communities.testing.server.tokens import build_token_rule
from synthetic_communities.testing.server.wire import SLEPT
from tests.patience import until, wait_for

MESSAGES, CHAT, OLLAMA = "/v1/messages", "/v1/chat/completions", "/api/chat"
PATHS = (MESSAGES, CHAT, OLLAMA)
KEY = {"authorization": "Bearer a-key"}
HEADERS = {**KEY, "anthropic-version": "2026-10-21"}
IMPATIENT = httpx.Timeout(60, read=0.05)
MODELS = {MESSAGES: "claude-haiku-5-5", CHAT: "gpt-5-mini", OLLAMA: "llama3.2:3b"}

JUDGEMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "beliefs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "topic": {"type": "string", "enum": ["rents", "trams", "parks"]},
                    "stance": {"type": "number"},
                    "belief": {"type": "string"},
                },
                "required": ["topic", "stance", "belief"],
                "additionalProperties": False,
            },
        },
        "likes": {"type": "array", "items": {"type": "integer"}},
        "choice": {"enum": ["A", "B", "C", "none"]},
    },
    "required": ["beliefs", "likes", "choice"],
    "additionalProperties": False,
}


def build_body(path: str, text: str, schema: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": MODELS[path], "messages": [{"role": "user", "content": text}]}
    if path == MESSAGES:
        body |= {"max_tokens": 2000}
        body |= {"output_config": {"format": {"type": "json_schema", "schema": schema}}} if schema else {}
    elif path == CHAT and schema:
        named = {"name": "judgement", "strict": True, "schema": schema}
        body |= {"response_format": {"type": "json_schema", "json_schema": named}}
    elif path == OLLAMA:
        body |= {"stream": False} | ({"format": schema} if schema else {})
    return body | more


def text_of(path: str, reply: Mapping[str, Any]) -> str:
    if path == MESSAGES:
        return "".join(block["text"] for block in reply["content"] if block["type"] == "text")
    return reply["choices"][0]["message"]["content"] if path == CHAT else reply["message"]["content"]


def ending_of(path: str, reply: Mapping[str, Any]) -> str:
    if path == MESSAGES:
        return reply["stop_reason"]
    return reply["choices"][0]["finish_reason"] if path == CHAT else reply["done_reason"]


def tokens_of(path: str, reply: Mapping[str, Any]) -> tuple[int, int]:
    if path == MESSAGES:
        return reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]
    if path == CHAT:
        return reply["usage"]["prompt_tokens"], reply["usage"]["completion_tokens"]
    return reply["prompt_eval_count"], reply["eval_count"]


def message_of(path: str, error: Mapping[str, Any]) -> str:
    return error["error"] if path == OLLAMA else error["error"]["message"]


def bare_client(server: LoopbackServer, headers: Mapping[str, str] | None = None) -> httpx.Client:
    # Certificates take longer to load than many a test takes to run.
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False, verify=False)


class Client:
    """A plain client of one server."""

    def __init__(self, server: LoopbackServer) -> None:
        self.server = server
        self.http = bare_client(server, HEADERS)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def ask(self, path: str, text: str, schema: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        response = self.post(path, build_body(path, text, schema, **more))
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LoopbackServer(byte_seconds=0.0002, huge_bytes=300_000, reply_chars=120, body_limit=500_000) as server:
        client = Client(server)
        with client.http:
            yield client


def anthropic_client(server: LoopbackServer) -> AsyncAnthropic:
    return AsyncAnthropic(
        api_key="a-key", base_url=server.url, http_client=DefaultAioHttpClient(trust_env=False), max_retries=0
    )


# What it replies


@pytest.mark.parametrize("path", PATHS)
def test_plain_text_is_of_the_length_asked_for(client: Client, path: str) -> None:
    reply = client.ask(path, "What do you think?")
    text = text_of(path, reply)
    assert 100 < len(text) <= 120
    assert text.endswith(".")
    assert ending_of(path, reply) == {MESSAGES: "end_turn", CHAT: "stop", OLLAMA: "stop"}[path]
    assert reply["model"] == MODELS[path]


@pytest.mark.parametrize("path", PATHS)
def test_json_fits_the_schema_and_covers_every_topic(client: Client, path: str) -> None:
    value = json.loads(text_of(path, client.ask(path, "Judge.", JUDGEMENT)))
    jsonschema.validate(value, JUDGEMENT)
    assert [belief["topic"] for belief in value["beliefs"]] == ["rents", "trams", "parks"]
    assert all(-1 <= belief["stance"] <= 1 for belief in value["beliefs"])
    assert value["likes"]
    assert all(number >= 1 for number in value["likes"])


def test_choices_vary_with_the_request(client: Client) -> None:
    replies = (client.ask(CHAT, f"Judge, number {number}.", JUDGEMENT) for number in range(40))
    choices = Counter(json.loads(text_of(CHAT, reply))["choice"] for reply in replies)
    assert set(choices) == {"A", "B", "C", "none"}


@pytest.mark.parametrize("path", PATHS)
def test_tokens_follow_a_rule_of_the_server(client: Client, path: str) -> None:
    reply = client.ask(path, "x" * 9000)
    prompt_tokens, output_tokens = tokens_of(path, reply)
    ratio = build_token_rule(0).characters
    assert 3.0 <= ratio <= 4.5
    assert prompt_tokens == pytest.approx(9000 / ratio, abs=1)
    assert output_tokens == pytest.approx(len(text_of(path, reply)) / ratio, abs=1)


def test_servers_count_tokens_differently() -> None:
    ratios = [build_token_rule(seed).characters for seed in range(200)]
    assert 3.0 <= min(ratios) < 3.1
    assert 4.4 < max(ratios) <= 4.5


def test_json_without_a_schema(client: Client) -> None:
    reply = client.ask(CHAT, "Answer in json.", response_format={"type": "json_object"})
    assert isinstance(json.loads(text_of(CHAT, reply)), dict)
    assert isinstance(json.loads(text_of(OLLAMA, client.ask(OLLAMA, "Answer in JSON.", format="json"))), dict)


@pytest.mark.parametrize("path", PATHS)
def test_a_schema_in_the_prompt_is_followed(client: Client, path: str) -> None:
    reply = client.ask(path, f"Use braces {{so}}. Answer with JSON for this schema:\n{json.dumps(JUDGEMENT)}\nNow.")
    jsonschema.validate(json.loads(text_of(path, reply)), JUDGEMENT)


def test_ollama_streams_unless_told_not_to(client: Client) -> None:
    body = build_body(OLLAMA, "Hello")
    del body["stream"]
    response = client.post(OLLAMA, body)
    first, last = (json.loads(line) for line in response.text.splitlines())
    assert response.headers["content-type"] == "application/x-ndjson"
    assert (first["done"], last["done"]) == (False, True)
    assert first["message"]["content"]


@pytest.mark.parametrize("path", PATHS)
def test_a_limit_of_tokens_cuts_the_reply(client: Client, path: str) -> None:
    more: dict[str, Any] = {"options": {"num_predict": 10}} if path == OLLAMA else {"max_tokens": 10}
    reply = client.ask(path, "Talk.", **more)
    assert ending_of(path, reply) == {MESSAGES: "max_tokens", CHAT: "length", OLLAMA: "length"}[path]
    assert tokens_of(path, reply)[1] == 10
    assert 0 < len(text_of(path, reply)) < 50


def test_thinking_can_use_up_the_limit(client: Client) -> None:
    reply = client.ask(MESSAGES, "Think. [[loopback:thinking:0]]", max_tokens=50)
    assert [block["type"] for block in reply["content"]] == ["thinking"]
    assert reply["stop_reason"] == "max_tokens"
    assert reply["usage"]["output_tokens"] == reply["usage"]["output_tokens_details"]["thinking_tokens"] == 50


def test_warming_a_cache_says_nothing(client: Client) -> None:
    reply = client.ask(MESSAGES, "Hello", max_tokens=0)
    assert (reply["content"], reply["usage"]["output_tokens"]) == ([], 0)


def test_ollama_cuts_prompts_to_its_window_silently(client: Client) -> None:
    assert tokens_of(OLLAMA, client.ask(OLLAMA, "x" * 100_000))[0] == 4096
    assert tokens_of(OLLAMA, client.ask(OLLAMA, "x" * 100_000, options={"num_ctx": 1000}))[0] == 1000


# The official SDK


class Verdict(BaseModel):
    stance: float = Field(ge=0, le=0.5)
    stars: int = Field(ge=3, le=4)
    words: str = Field(max_length=400)


@pytest.mark.asyncio
async def test_the_official_sdk_reads_every_reply(client: Client) -> None:
    async with anthropic_client(client.server) as claude:
        messages = [{"role": "user", "content": "Judge. [[loopback:thinking:0]]"}]
        form = {"type": "json_schema", "schema": transform_schema(Verdict)}
        thinking = {"type": "adaptive", "display": "summarized"}
        message = await claude.messages.create(
            model="claude-opus-5-5",
            max_tokens=900,
            messages=messages,
            output_config={"format": form},
            thinking=thinking,
        )
        anthropic_types.Message.model_validate(message.model_dump())
        assert message.content[0].type == "thinking"
        assert message.content[0].thinking
        # The SDK moves ranges into descriptions; they are kept all the same.
        Verdict.model_validate_json(message.content[1].text)
        parsed = await claude.messages.parse(
            model="claude-opus-5-5", max_tokens=900, messages=[{"role": "user", "content": "?"}], output_format=Verdict
        )
        assert isinstance(parsed.parsed_output, Verdict)


@pytest.mark.asyncio
async def test_the_official_sdk_reads_what_models_can_do(client: Client) -> None:
    async with anthropic_client(client.server) as claude:
        for model in ("claude-haiku-5-5", "claude-fable-5-2", "claude-haiku-4-5"):
            info = await claude.models.retrieve(model)
            anthropic_types.ModelInfo.model_validate(info.model_dump())
            assert info.capabilities is not None
            assert info.capabilities.thinking.types.disabled.supported is ("fable" not in model)
            assert info.capabilities.effort.low.supported is (model != "claude-haiku-4-5")
        assert {model.id async for model in claude.models.list()} >= {"claude-sonnet-5-5"}


def test_the_fields_known_are_those_of_the_official_sdk() -> None:
    sent_as_headers = {"user_profile_id", "workspace_id"}
    assert set(anthropic_checks.FIELDS) == set(MessageCreateParamsBase.__annotations__) - sent_as_headers | {"stream"}
    effort, form = anthropic_types.OutputConfigParam.__annotations__
    assert {effort, form} == {"effort", "format"}


# What it refuses


def _user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def _format(**schema: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


_MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}

WRONG_MESSAGES: list[tuple[dict[str, Any], int, str]] = [
    ({"temperature": 0.5}, 400, "temperature: Extra inputs are not permitted"),
    ({"top_p": 0.5}, 400, "top_p: Extra inputs are not permitted"),
    ({"top_k": 5}, 400, "top_k: Extra inputs are not permitted"),
    ({"seed": 5}, 400, "seed: Extra inputs are not permitted"),
    ({"messages": ...}, 400, "messages: Field required"),
    ({"max_tokens": ...}, 400, "max_tokens: Field required"),
    ({"model": ...}, 400, "model: Field required"),
    ({"model": 5}, 400, "model: Input should be a valid string"),
    ({"model": "unknown-model"}, 404, "model: unknown-model"),
    ({"max_tokens": -1}, 400, "max_tokens"),
    ({"max_tokens": True}, 400, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 10.5}, 400, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 1_000_000}, 400, "maximum allowed number of output tokens"),
    ({"max_tokens": 0} | _format(type="string"), 400, "max_tokens: 0 is not supported"),
    ({"messages": []}, 400, "at least one message"),
    ({"messages": "hello"}, 400, "messages: Input should be a valid list"),
    ({"messages": ["hello"]}, 400, "messages.0"),
    ({"messages": [{"role": "user"}]}, 400, "messages.0.content: Field required"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, 400, "messages.0.name: Extra inputs"),
    ({"messages": [{"role": "tool", "content": "x"}]}, 400, "Unexpected role"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "first message"),
    ({"messages": [{"role": r, "content": "x"} for r in ("user", "assistant")]}, 400, "prefill"),
    (_user(""), 400, "non-empty content"),
    (_user(5), 400, "messages.0.content"),
    (_user([{"type": "text", "text": " "}]), 400, "non-whitespace"),
    (_user([{"type": "text"}]), 400, "text: Field required"),
    (_user([{"type": "text", "text": "x", "more": 1}]), 400, "more: Extra inputs"),
    (_user([_MARKED] * 5), 400, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    (_user([_MARKED] * 4) | {"cache_control": {"type": "ephemeral"}}, 400, "Found 5."),
    (_user([_MARKED] * 3) | {"system": [_MARKED] * 2}, 400, "Found 5."),
    (_user([_MARKED | {"cache_control": {"type": "ephemeral", "ttl": "2h"}}]), 400, "ttl"),
    ({"system": 5}, 400, "system"),
    ({"system": [{"type": "text", "text": ""}]}, 400, "non-whitespace"),
    ({"stream": True}, 400, "does not stream"),
    ({"tools": [{"name": "x", "input_schema": {}}]}, 400, "calls no tools"),
    ({"thinking": {"type": "off"}}, 400, "thinking"),
    ({"thinking": {"type": "disabled", "budget_tokens": 5}}, 400, "Extra inputs"),
    ({"thinking": {"type": "disabled"}, "model": "claude-fable-5-2"}, 400, "not supported for this model"),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 400, "not supported for this model"),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}, "model": "claude-opus-4-6"}, 400, "1024"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}, "model": "claude-opus-4-6"}, 400, "must be greater"),
    ({"output_config": {"effort": "tiny"}}, 400, "effort"),
    ({"output_config": {"effort": "low"}, "model": "claude-haiku-4-5"}, 400, "effort"),
    ({"output_config": {"schema": {}}}, 400, "output_config.schema: Extra inputs"),
    ({"output_config": {"format": {"type": "json_schema"}}}, 400, "output_config.format.schema: Field required"),
    ({"output_config": {"format": {"type": "json", "schema": {}}}}, 400, "json_schema"),
    (_format(type="number", minimum=0), 400, "output_config.format.schema: For 'number' type, property 'minimum'"),
    (_user("x" * 460_000) | {"model": "claude-tiny"}, 400, "prompt is too long"),
]


def _change(body: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (body | change).items() if value is not ...}


@pytest.fixture(scope="module")
def narrow_client() -> Iterator[Client]:
    with LoopbackServer(context_tokens=100_000, no_auth=True, dialect="llamacpp") as server:
        client = Client(server)
        with client.http:
            yield client


@pytest.mark.parametrize(("change", "status", "words"), WRONG_MESSAGES)
def test_messages_refuses(narrow_client: Client, change: dict[str, Any], status: int, words: str) -> None:
    response = narrow_client.post(MESSAGES, _change(build_body(MESSAGES, "Hello"), change))
    error = response.json()
    assert (response.status_code, error["type"]) == (status, "error")
    assert words in error["error"]["message"]
    assert error["error"]["type"] == {400: "invalid_request_error", 404: "not_found_error"}[status]
    assert error["request_id"] == response.headers["request-id"]


def test_messages_takes_what_it_should(client: Client) -> None:
    talk = [{"role": role, "content": role} for role in ("user", "user", "assistant", "system", "user")]
    for more in (
        {"system": "Be brief.", "messages": talk},
        _user([_MARKED] * 2) | {"system": [_MARKED] * 2},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "low", "format": None}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "model": "claude-opus-4-6"},
        {"metadata": {"user_id": "x"}, "stop_sequences": ["END"], "service_tier": "auto", "stream": False},
    ):
        client.ask(MESSAGES, "Hello", **more)


def _tree(**more: Any) -> dict[str, Any]:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "additionalProperties": False}
    return {"type": "object", "properties": {"tree": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node | more}} | {
        "additionalProperties": False,
        "required": ["tree"],
    }


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


ANTHROPIC_REFUSES: list[tuple[dict[str, Any], str]] = [
    ({"type": "integer", "minimum": 0, "maximum": 5}, "For 'integer' type, properties 'maximum', 'minimum' are not"),
    ({"type": "number", "exclusiveMaximum": 5}, "exclusiveMaximum"),
    ({"type": "number", "multipleOf": 5}, "multipleOf"),
    ({"type": "string", "minLength": 5}, "minLength"),
    ({"type": "string", "maxLength": 5}, "maxLength"),
    ({"type": ["string", "null"], "maxLength": 5}, "maxLength"),
    ({"type": "string", "format": "text"}, "format 'text'"),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "'minItems' values other than 0 or 1"),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 2}, "maxItems"),
    ({"type": "object", "properties": {}}, "'additionalProperties' must be explicitly set to false"),
    ({"type": "object", "properties": {}, "additionalProperties": True}, "'additionalProperties' must be"),
    (_object({"deep": {"type": "array", "items": {"type": "object", "properties": {}}}}), "'additionalProperties'"),
    (_tree(), "Circular reference detected in schema definitions: Node -> Node"),
    (_object({"self": {"$ref": "#"}}), "Circular reference"),
    ({"$ref": "https://example.org/schema.json"}, "only references within the schema"),
    ({"$ref": "#/$defs/Nothing"}, "points to nothing"),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, "'oneOf' is not supported"),
    ({"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "string"}}}, "'allOf' with '$ref'"),
    (_object({f"p{n}": {"type": "string"} for n in range(25)}), "too many optional parameters (25)"),
    (
        _object({f"p{n}": {"type": ["string", "null"]} for n in range(17)}, *(f"p{n}" for n in range(17))),
        "union types (17)",
    ),
    ({"type": "strnig"}, "'strnig' is not valid"),
    ({"type": "string", "enum": []}, "'enum'"),
    ({"type": "array", "items": [5]}, "must be an object"),
]


@pytest.mark.parametrize(("schema", "words"), ANTHROPIC_REFUSES)
def test_schemas_messages_refuses(client: Client, schema: dict[str, Any], words: str) -> None:
    response = client.post(MESSAGES, build_body(MESSAGES, "Judge.", schema))
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert message.startswith("output_config.format.schema: ")
    assert words in message


def test_schemas_messages_takes() -> None:
    most = {f"p{n}": {"type": "string"} for n in range(24)}
    unions = {f"u{n}": {"anyOf": [{"type": "string"}, {"type": "null"}]} for n in range(16)}
    check_anthropic_schema(_object(most | unions, *unions))
    check_anthropic_schema(JUDGEMENT)
    twice = {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}}
    check_anthropic_schema(_object(twice, "a") | {"$defs": {"A": {"enum": ["x", "y"]}}})
    check_anthropic_schema({"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1})


def test_a_refused_schema_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(Problem, match="minimum"):
            check_anthropic_schema({"type": "number", "minimum": 0})


OPENAI_REFUSES: list[tuple[dict[str, Any], str]] = [
    (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        "In context=(), 'additionalProperties' is required to be supplied and to be false.",
    ),
    (
        _object({"a": {"type": "string"}, "b": {"type": "string"}}, "a"),
        "including every key in properties. Missing 'b'",
    ),
    (
        _object({"a": {"type": "array", "items": _object({"b": {"type": "null"}})}}, "a"),
        "In context=('properties', 'a', 'items'), 'required'",
    ),
    (_object({"a": {"oneOf": [{"type": "string"}]}}, "a"), "'oneOf' is not permitted"),
    (_object({"a": {"description": "what?"}}, "a"), "schema must have a 'type' key"),
    ({"type": "array", "items": {"type": "string"}}, "got 'type: \"array\"'"),
    ({"anyOf": [_object({}), _object({})]}, "got 'type: \"None\"'"),
]


@pytest.mark.parametrize(("schema", "words"), OPENAI_REFUSES)
def test_schemas_strict_chat_completions_refuse(client: Client, schema: dict[str, Any], words: str) -> None:
    response = client.post(CHAT, build_body(CHAT, "Judge.", schema))
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["message"].startswith("Invalid schema for response_format 'judgement': ")
    assert words in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "response_format")


def test_strict_chat_completions_take_ranges_and_recursion(client: Client) -> None:
    bounded = {"type": "number", "minimum": 3, "maximum": 4}
    value = json.loads(text_of(CHAT, client.ask(CHAT, "Judge.", _object({"a": bounded}, "a"))))
    assert 3 <= value["a"] <= 4
    node = {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}
    tree = _tree(properties={"next": node}, required=["next"])
    check_openai_schema(tree)
    jsonschema.validate(json.loads(text_of(CHAT, client.ask(CHAT, "Grow.", tree))), tree)


def test_a_value_without_end_is_refused(client: Client) -> None:
    response = client.post(CHAT, build_body(CHAT, "Grow.", _tree(required=["next"])))
    assert response.status_code == 400
    assert "without end" in response.json()["error"]["message"]


WRONG_CHATS: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"messages": ...}, 400, "Missing required parameter: 'messages'.", "missing_required_parameter"),
    ({"model": ...}, 400, "Missing required parameter: 'model'.", "missing_required_parameter"),
    ({"model": "unknown-model"}, 404, "`unknown-model` does not exist", "model_not_found"),
    ({"thinking": {}}, 400, "Unknown parameter: 'thinking'.", "unknown_parameter"),
    ({"max_tokens": "5"}, 400, "expected an integer, but got a string", "invalid_type"),
    ({"max_tokens": 0}, 400, "integer below minimum value", "integer_below_minimum_value"),
    ({"max_completion_tokens": 0}, 400, "integer below minimum value", "integer_below_minimum_value"),
    ({"max_completion_tokens": 5, "max_tokens": 5}, 400, "at the same time", None),
    ({"temperature": 3}, 400, "above maximum", "number_above_maximum_value"),
    ({"messages": []}, 400, "empty array", "empty_array"),
    ({"messages": ["x"]}, 400, "expected an object, but got a string", "invalid_type"),
    ({"messages": [{"content": "x"}]}, 400, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "human", "content": "x"}]}, 400, "Invalid value: 'human'", "invalid_value"),
    ({"messages": [{"role": "user", "content": None}]}, 400, "got null", None),
    ({"messages": [{"role": "user", "content": 5}]}, 400, "Invalid type for 'messages[0].content'", "invalid_type"),
    ({"messages": [{"role": "user", "content": "x", "y": 1}]}, 400, "messages[0].y", "unknown_parameter"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, 400, "text", "missing_required_parameter"),
    ({"response_format": {"type": "json"}}, 400, "Invalid value: 'json'", "invalid_value"),
    ({"response_format": {"type": "json_object"}}, 400, "must contain the word 'json'", None),
    ({"response_format": {"type": "json_schema"}}, 400, "json_schema", "missing_required_parameter"),
    ({"response_format": {"type": "json_schema", "schema": {}}}, 400, "json_schema", "missing_required_parameter"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
        400,
        "does not match pattern",
        "invalid_value",
    ),
    ({"stream": True}, 400, "does not stream", "unsupported_value"),
    ({"n": 2}, 400, "one choice", "unsupported_value"),
]


@pytest.mark.parametrize(("change", "status", "words", "code"), WRONG_CHATS)
def test_chat_completions_refuse(
    client: Client, change: dict[str, Any], status: int, words: str, code: str | None
) -> None:
    response = client.post(CHAT, _change(build_body(CHAT, "Hello"), change))
    error = response.json()["error"]
    assert response.status_code == status
    assert words in error["message"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)


def test_a_local_server_is_lenient(narrow_client: Client) -> None:
    reply = narrow_client.ask(CHAT, "Hello", top_k=5, chat_template_kwargs={"enable_thinking": False})
    assert text_of(CHAT, reply)
    for form in (
        {"type": "json_schema", "schema": _tree()},
        {"type": "json_object", "schema": _tree()},
        {"type": "json_schema", "json_schema": {"schema": _tree()}},
    ):
        value = json.loads(text_of(CHAT, narrow_client.ask(CHAT, "Hello", response_format=form)))
        jsonschema.validate(value, _tree())
    with bare_client(narrow_client.server) as http:
        assert http.post(CHAT, json=build_body(CHAT, "Hello")).status_code == 200


WRONG_OLLAMA: list[tuple[dict[str, Any], int, str]] = [
    ({"model": ...}, 400, "model is required"),
    ({"model": "unknown:8b"}, 404, "model 'unknown:8b' not found"),
    ({"model": 5}, 400, "cannot unmarshal integer into Go struct field ChatRequest.model"),
    ({"messages": "x"}, 400, "cannot unmarshal string into Go struct field ChatRequest.messages"),
    ({"messages": []}, 400, "messages are required"),
    ({"messages": [{"role": "user", "content": 5}]}, 400, "ChatRequest.messages.content"),
    ({"messages": [{"role": "human", "content": "x"}]}, 400, "invalid role: human"),
    ({"options": {"num_ctx": "large"}}, 400, "ChatRequest.options.num_ctx"),
    ({"format": "yaml"}, 400, "invalid format"),
    ({"format": {"type": "string", "pattern": "x"}}, 400, "makes up no values for 'pattern'"),
    ({"think": "much"}, 400, "invalid think value"),
]


@pytest.mark.parametrize(("change", "status", "words"), WRONG_OLLAMA)
def test_ollama_refuses(client: Client, change: dict[str, Any], status: int, words: str) -> None:
    response = client.post(OLLAMA, _change(build_body(OLLAMA, "Hello"), change))
    assert response.status_code == status
    assert words in response.json()["error"]


def test_ollama_ignores_what_it_does_not_know(client: Client) -> None:
    client.ask(OLLAMA, "Hello", keep_alive="5m", think=False, other=1, options={"other": 1, "seed": 3})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_a_json_object(client: Client, path: str, raw: bytes) -> None:
    response = client.http.post(path, content=raw)
    assert response.status_code == 400
    assert "JSON" in message_of(path, response.json())


@pytest.mark.parametrize("path", PATHS)
def test_a_body_beyond_the_limit(client: Client, path: str) -> None:
    response = client.post(path, build_body(path, "x" * 500_000))
    assert response.status_code == 413
    assert "maximum size" in message_of(path, response.json())


def test_a_prompt_beyond_the_window(narrow_client: Client) -> None:
    response = narrow_client.post(CHAT, build_body(CHAT, "x" * 460_000))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (MESSAGES, {"anthropic-version": "2026-10-21"}, 401),
        (MESSAGES, {"anthropic-version": "2026-10-21", "authorization": "Bearer wrong-key"}, 401),
        (MESSAGES, {"anthropic-version": "2026-10-21", "authorization": "Basic a-key"}, 401),
        (MESSAGES, {"anthropic-version": "2026-10-21", "x-api-key": "wrong-key"}, 401),
        (MESSAGES, {"anthropic-version": "2026-10-21", "x-api-key": "a-key"}, 200),
        (MESSAGES, {"authorization": "Bearer a-key"}, 400),
        (MESSAGES, {"authorization": "Bearer a-key", "anthropic-version": "2019-01-01"}, 400),
        (CHAT, {}, 401),
        (CHAT, {"authorization": "Bearer wrong-key"}, 401),
        (CHAT, {"authorization": "Bearer a-key"}, 200),
        (OLLAMA, {}, 200),
    ],
)
def test_keys_and_versions(client: Client, path: str, headers: dict[str, str], status: int) -> None:
    with bare_client(client.server) as bare:
        response = bare.post(path, json=build_body(path, "Hello"), headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["type"] in ("authentication_error", "invalid_request_error")


def test_sampling_belongs_to_an_earlier_version(client: Client) -> None:
    body = build_body(MESSAGES, "Hello", temperature=0.3)
    response = client.http.post(MESSAGES, json=body, headers={"anthropic-version": "2023-06-01"})
    assert response.status_code == 200


def test_lists_of_models(client: Client) -> None:
    get = client.http.get
    with bare_client(client.server, KEY) as bare:
        assert bare.get("/v1/models").json()["object"] == "list"
        assert bare.get("/v1/models/qwen/qwen3").json()["id"] == "qwen/qwen3"
        assert bare.get("/v1/models/unknown").status_code == 404
        assert bare.get("/v1/models", headers={"authorization": "Bearer wrong-key"}).status_code == 401
    assert get("/v1/models/unknown").json()["error"]["type"] == "not_found_error"
    assert get("/api/tags").json()["models"][0]["name"] == "llama3.2:3b"
    assert get("/api/version").json()["version"]
    shown = client.post("/api/show", {"model": "qwen3:8b"}).json()
    assert shown["model_info"][shown["model_info"]["general.architecture"] + ".context_length"] == 200_000
    assert client.post("/api/show", {"model": "unknown"}).status_code == 404
    assert client.http.post("/api/show", content=b"{").status_code == 400


# What goes wrong


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("529", 529), ("500", 500), ("503", 503)])
def test_errors_of_the_server(client: Client, path: str, fault: str, status: int) -> None:
    response = client.post(path, build_body(path, f"Hello [[loopback:{fault}:0]]"))
    assert response.status_code == status
    assert message_of(path, response.json())
    assert response.headers.get("retry-after") == ("1" if fault == "429" else None)


@pytest.mark.parametrize("path", PATHS)
def test_an_exhausted_spending_limit(client: Client, path: str) -> None:
    response = client.post(path, build_body(path, "Hello [[loopback:spend-limit:0]]"))
    assert response.status_code == 429
    assert "retry-after" not in response.headers
    error = response.json()["error"]
    if path == MESSAGES:
        assert error["details"]["error_code"] == "enforced_spend_limit_reached"
    if path == CHAT:
        assert error["code"] == error["type"] == "insufficient_quota"


@pytest.mark.parametrize("path", PATHS)
def test_thinking(client: Client, path: str) -> None:
    plain = tokens_of(path, client.ask(path, "Hello [[loopback:cut-prompt:0]]"))[1]
    reply = client.ask(path, "Hello [[loopback:thinking:0]]")
    assert text_of(path, reply)
    assert tokens_of(path, reply)[1] == pytest.approx(200 + plain, abs=12)
    if path == MESSAGES:
        assert [block["type"] for block in reply["content"]] == ["thinking", "text"]
        # Newer models keep their thinking to themselves unless asked to summarise it.
        assert reply["content"][0]["thinking"] == ""
    elif path == CHAT:
        assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == 200
        assert reply["choices"][0]["message"]["reasoning_content"]
    else:
        assert reply["message"]["thinking"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", ["refuse", "content-filter", "filter-400"])
def test_refusals(client: Client, path: str, fault: str) -> None:
    response = client.post(path, build_body(path, f"Hello [[loopback:{fault}:0]]", JUDGEMENT))
    reply = response.json()
    if path == OLLAMA:
        assert text_of(path, reply).startswith("I'm sorry")
    elif fault == "filter-400":
        assert response.status_code == 400
        assert "filter" in reply["error"]["message"]
    elif path == MESSAGES:
        assert (reply["stop_reason"], reply["content"]) == ("refusal", [])
        assert reply["stop_details"]["type"] == "refusal"
    elif fault == "refuse":
        message = reply["choices"][0]["message"]
        assert message["content"] is None
        assert message["refusal"].startswith("I'm sorry")
    else:
        assert reply["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("path", PATHS)
def test_cut_replies_and_prompts(client: Client, path: str) -> None:
    reply = client.ask(path, "Judge. [[loopback:cut:0]]", JUDGEMENT)
    assert ending_of(path, reply) == {MESSAGES: "max_tokens", CHAT: "length", OLLAMA: "length"}[path]
    with pytest.raises(ValueError, match="line 1"):
        json.loads(text_of(path, reply))
    told = tokens_of(path, client.ask(path, "x" * 9000 + "[[loopback:cut-prompt:0]]"))[0]
    assert told == pytest.approx(900 / build_token_rule(0).characters, rel=0.05)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", ["drop", "drop-mid"])
def test_dropped_connections(client: Client, path: str, fault: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(path, build_body(path, f"Hello [[loopback:{fault}:0]]"))


@pytest.mark.parametrize("path", PATHS)
def test_bodies_that_are_no_replies(client: Client, path: str) -> None:
    malformed = client.post(path, build_body(path, "Hello [[loopback:malformed:0]]"))
    with pytest.raises(ValueError, match="line 1"):
        malformed.json()
    shape = client.post(path, build_body(path, "Hello [[loopback:wrong-shape:0]]")).json()
    assert not {"content", "choices", "message"} & set(shape)
    page = client.post(path, build_body(path, "Hello [[loopback:wrong-type:0]]"))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")


@pytest.mark.parametrize("path", PATHS)
def test_slow_huge_and_empty(client: Client, path: str) -> None:
    with client.http.stream("POST", path, json=build_body(path, "Hello [[loopback:slow:0]]")) as response:
        pieces = list(response.iter_raw())
    assert len(pieces) > 20
    assert text_of(path, json.loads(b"".join(pieces)))
    huge = client.post(path, build_body(path, "Hello [[loopback:huge:0]]"))
    assert len(huge.content) > 300_000
    assert "content-length" not in huge.headers
    assert text_of(path, huge.json())
    assert text_of(path, client.ask(path, "Hello [[loopback:empty:0]]")) == ""


@pytest.mark.parametrize("path", PATHS)
def test_hanging(client: Client, path: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(path, json=build_body(path, "Hello [[loopback:hang:0]]"), timeout=IMPATIENT)


@pytest.mark.parametrize("path", PATHS)
def test_texts_that_are_not_quite_json(client: Client, path: str) -> None:
    def ask(fault: str) -> str:
        return text_of(path, client.ask(path, f"Judge. [[loopback:{fault}:0]]", JUDGEMENT))

    for fault in ("malformed-text", "ignore-schema", "prose", "fenced", "two-objects"):
        with pytest.raises(ValueError, match="line"):
            json.loads(ask(fault))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(ask("wrong-shape-text")), JUDGEMENT)
    first, second = map(json.loads, ask("two-objects").splitlines())
    assert first != second
    fenced = ask("fenced").removeprefix("```json\n").removesuffix("\n```")
    for text in (ask("prose").split("\n\n")[1], fenced):
        jsonschema.validate(json.loads(text), JUDGEMENT)
    assert "{" not in ask("ignore-schema")


@pytest.mark.parametrize(
    ("path", "param"), [(MESSAGES, "output_config.format"), (CHAT, "response_format"), (OLLAMA, "format")]
)
def test_a_schema_may_be_refused(client: Client, path: str, param: str) -> None:
    text = "Judge. [[loopback:refuse-schema:0]]"
    response = client.post(path, build_body(path, text, JUDGEMENT))
    assert response.status_code == 400
    assert param in message_of(path, response.json())
    assert text_of(path, client.ask(path, text))


def test_a_marker_without_meaning_is_refused(client: Client) -> None:
    response = client.post(CHAT, build_body(CHAT, "Hello [[loopback:4299]]"))
    assert "unknown fault '4299'" in response.json()["error"]["message"]


def test_every_fault_is_described() -> None:
    assert tuple(FAULT_HELP) == FAULTS


@pytest.mark.asyncio
async def test_the_official_sdk_sees_the_errors(client: Client) -> None:
    seen = {}
    async with anthropic_client(client.server) as claude:
        for fault in ("429", "spend-limit", "529", "503", "drop"):
            with pytest.raises(anthropic.APIError) as caught:
                await claude.messages.create(
                    model="claude-haiku-5-5",
                    max_tokens=5,
                    messages=[{"role": "user", "content": f"Hello [[loopback:{fault}:0]]"}],
                )
            seen[fault] = type(caught.value).__name__, getattr(caught.value, "error_code", None)
    assert seen == {
        "429": ("RateLimitError", None),
        "spend-limit": ("EnforcedSpendLimitReachedError", "enforced_spend_limit_reached"),
        "529": ("OverloadedError", None),
        "503": ("ServiceUnavailableError", None),
        "drop": ("APIConnectionError", None),
    }


def test_faults_befall_the_first_times_only(client: Client) -> None:
    def statuses(text: str) -> list[int]:
        return [client.post(CHAT, build_body(CHAT, text)).status_code for _ in range(4)]

    client.server.reset()
    assert statuses("Once. [[loopback:500]]") == [500, 200, 200, 200]
    assert statuses("Twice. [[loopback:429:2]]") == [429, 429, 200, 200]
    assert statuses("Always. [[loopback:529:0]]") == [529] * 4
    assert statuses("Both. [[loopback:429]] [[loopback:503:3]]") == [429, 503, 503, 200]
    client.server.reset()
    assert statuses("Once. [[loopback:500]]") == [500, 200, 200, 200]


# A server in this process: no sockets, only decisions


def decide(desk: AnswerDesk, text: str, door: Door | None = None, now: float = 0.0) -> tuple[int, str | None, bytes]:
    door = door or OllamaDoor(200_000)
    body = build_body(door.path, text)
    answer = desk.answer(door, KEY, json.dumps(body).encode(), now, 0.0)
    return answer.status, answer.fault, answer.body


def test_texts_call_for_faults() -> None:
    rules = {"Mara": "refuse:0", 'says "a=b"\n': "500,thinking:0", "Zoë": "cut:0"}
    desk = AnswerDesk(LoopbackSettings(when=rules), 0.0)
    assert [decide(desk, "Hello Mara")[1] for _ in range(2)] == ["refuse"] * 2
    assert [decide(desk, 'He says "a=b"\n.')[1] for _ in range(2)] == ["500", "thinking"]
    assert decide(desk, "Hello Zoë")[1] == "cut"
    assert decide(desk, "Hello")[1] is None


def test_shares_of_faults_are_kept() -> None:
    settings = LoopbackSettings(faults={"429": 0.1, "refuse": 0.2, "thinking": 0.5}, fault_times=0)
    desk = AnswerDesk(settings, 0.0)
    answers = [decide(desk, f"Hello {number}") for number in range(1500)]
    faults = Counter(fault for _, fault, _ in answers)
    assert faults["429"] / 1500 == pytest.approx(0.1, abs=0.03)
    assert faults["refuse"] / 1500 == pytest.approx(0.2, abs=0.04)
    thought = sum(b'"thinking"' in body for status, _, body in answers if status == 200)
    assert thought / (1500 - faults["429"]) == pytest.approx(0.5, abs=0.05)
    assert [decide(desk, f"Hello {number}") for number in range(1500)] == answers


def test_a_rate_limit_lets_through_what_it_says() -> None:
    desk = AnswerDesk(LoopbackSettings(requests_per_second=20, bucket=5, rate_headers=True), 0.0)
    door = OpenAIDoor("openai", needs_key=True)
    assert [decide(desk, "Hello", door)[0] for _ in range(7)] == [200] * 5 + [429] * 2
    assert [decide(desk, "Hello", door, now=0.1)[0] for _ in range(3)] == [200, 200, 429]
    raw = json.dumps(build_body(CHAT, "Hello")).encode()
    headers = desk.answer(door, KEY, raw, 0.1, 0.0).headers
    assert headers["retry-after"] == "1"
    assert headers["x-ratelimit-limit-requests"] == "5"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "250ms"


def test_what_the_limit_turns_away_was_not_asked() -> None:
    desk = AnswerDesk(LoopbackSettings(requests_per_second=1, bucket=1), 0.0)
    text = "Hello [[loopback:500]]"
    assert [decide(desk, text, now=now)[0] for now in (0, 0.1, 1, 1.1, 2)] == [500, 429, 200, 429, 200]


def test_rate_headers_of_anthropic() -> None:
    with LoopbackServer(rate_headers=True, retry_after="soon") as server:
        client = Client(server)
        with client.http:
            response = client.post(MESSAGES, build_body(MESSAGES, "Hello [[loopback:429]]"))
    assert response.headers["retry-after"] == "soon"
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        assert int(response.headers[f"anthropic-ratelimit-{what}-remaining"]) > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", response.headers[f"anthropic-ratelimit-{what}-reset"])


def test_delays_are_log_normal_around_their_mean() -> None:
    uniform = [draw(1, str(number).encode(), 0, "delay") for number in range(20_000)]
    delays = [draw_delay(2.0, 0.8, 60.0, u) for u in uniform]
    assert statistics.fmean(delays) == pytest.approx(2.0, rel=0.03)
    assert statistics.median(delays) == pytest.approx(2.0 * 2.718281828 ** (-0.32), rel=0.04)
    assert draw_delay(2.0, 0.0, 60.0, 0.9) == 2.0
    assert draw_delay(2.0, 3.0, 5.0, 0.9999) == 5.0
    assert draw_delay(0.0, 3.0, 5.0, 0.9) == 0.0


def test_replies_may_vary_with_every_ask() -> None:
    same, other = (AnswerDesk(LoopbackSettings(vary_replies=vary), 0.0) for vary in (False, True))
    assert decide(same, "Hello")[2] == decide(same, "Hello")[2]
    assert decide(other, "Hello")[2] != decide(other, "Hello")[2]


def test_the_order_of_keys_does_not_matter() -> None:
    desk, door = AnswerDesk(LoopbackSettings(vary_replies=True), 0.0), OllamaDoor(200_000)
    body = build_body(OLLAMA, "Hello")
    turned = dict(reversed(list(body.items())))
    first = desk.answer(door, {}, json.dumps(body).encode(), 0.0, 0.0)
    again = AnswerDesk(LoopbackSettings(vary_replies=True), 0.0).answer(
        door, {}, json.dumps(turned, indent=2).encode(), 0.0, 0.0
    )
    assert again == first


# Values made up for schemas


def _schemas() -> st.SearchStrategy[dict[str, Any]]:
    number = st.integers(-50, 50)
    bounds = st.tuples(number, st.integers(0, 9)).map(lambda pair: {"minimum": pair[0], "maximum": sum(pair)})
    lengths = st.tuples(st.integers(0, 40), st.integers(0, 90)).map(
        lambda pair: {"minLength": pair[0], "maxLength": sum(pair)}
    )
    sizes = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(
        lambda pair: {"minItems": pair[0], "maxItems": sum(pair)}
    )
    leaf = st.one_of(
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "number"}, {"type": "integer"}, {}]),
        st.builds(lambda more: {"type": "integer"} | more, bounds),
        st.builds(lambda more: {"type": "number"} | more, bounds),
        st.builds(lambda more: {"type": "string"} | more, lengths),
        st.lists(st.one_of(st.text(max_size=3), number, st.none()), min_size=1, unique=True).map(lambda v: {"enum": v}),
        st.builds(lambda value: {"const": value}, number),
        number.map(lambda low: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + 2}),
    )
    names = st.sampled_from(["a", "b", "c", "d"])

    def grow(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.one_of(
            st.builds(lambda item, size: {"type": "array", "items": item} | size, inner, sizes),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
            st.dictionaries(names, inner, max_size=4).map(lambda each: _object(each, *list(each)[::2])),
            inner.map(lambda each: {"$ref": "#/$defs/X", "$defs": {"X": each}}),
        )

    return st.recursive(leaf, grow, max_leaves=8)


@given(_schemas().filter(lambda schema: "$ref" not in json.dumps(schema)), st.integers(0, 2**32))
def test_values_fit_any_schema(schema: dict[str, Any], seed: int) -> None:
    jsonschema.validate(build_value(schema, random.Random(seed)), schema)


def test_references_and_parts_are_followed() -> None:
    schema = {
        "$ref": "#/$defs/Both",
        "$defs": {
            "Name": {"type": "string", "maxLength": 9},
            "Both": {
                "allOf": [
                    {"type": "object", "properties": {"name": {"$ref": "#/$defs/Name"}}, "required": ["name"]},
                    {"properties": {"size": {"type": ["integer", "null"], "minimum": 7}}, "required": ["size"]},
                ]
            },
        },
    }
    for seed in range(20):
        value = build_value(schema, random.Random(seed))
        jsonschema.validate(value, schema)
        assert value["size"] >= 7


def test_objects_of_a_list_are_numbered() -> None:
    item = _object({"post": {"type": "integer"}, "reaction": {"enum": ["like", "dislike", "none"]}}, "post", "reaction")
    value = build_value({"type": "array", "items": item}, random.Random(1))
    assert value == [
        {"post": 1, "reaction": "like"},
        {"post": 2, "reaction": "dislike"},
        {"post": 3, "reaction": "none"},
    ]


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        ("How sure, from 0 to 1.", 0, 1),
        ("A number between -1 (against) and +1 (for).", -1, 1),
        ("{minimum: 5, maximum: 6}", 5, 6),
        ("{minimum: 3}", 3, 5),
        ("From here to there, between us", -1, 1),
    ],
)
def test_ranges_in_words_are_kept(words: str, low: float, high: float) -> None:
    values = [build_value({"type": "number", "description": words}, random.Random(seed)) for seed in range(50)]
    assert low <= min(values) < max(values) <= high


@given(st.text(max_size=50), st.integers(0, 60))
def test_cut_prose_is_never_too_long(text: str, characters: int) -> None:
    assert len(cut_prose(text, characters)) <= max(characters, 0)


# The process


async def ask_all(
    server: LoopbackServer, asked: list[tuple[str, str]], at_once: int
) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return status and body of every reply, by path and text asked."""
    limit = asyncio.Semaphore(at_once)
    replies: dict[tuple[str, str], tuple[int, bytes]] = {}
    async with httpx.AsyncClient(base_url=server.url, headers=HEADERS, trust_env=False, verify=False) as http:

        async def ask(path: str, text: str) -> None:
            async with limit:
                response = await http.post(path, json=build_body(path, text, JUDGEMENT))
            replies[path, text] = response.status_code, response.content

        async with asyncio.TaskGroup() as group:
            for path, text in asked:
                group.create_task(ask(path, text))
    return replies


def build_requests(count: int) -> list[tuple[str, str]]:
    return [(PATHS[number % 3], f"Judge, number {number}.") for number in range(count)]


@pytest.mark.asyncio
async def test_replies_delays_and_faults_do_not_depend_on_the_order(tmp_path: Path) -> None:
    faults = {"429": 0.2, "refuse": 0.1, "thinking": 0.3, "two-objects": 0.1, "cut": 0.1}
    asked, found, logged = build_requests(60), [], []
    for turn, (seed, at_once) in enumerate([(5, 1), (5, 30), (6, 30)]):
        log = tmp_path / f"{turn}.jsonl"
        with LoopbackServer(seed=seed, latency=0.003, sigma=0.8, faults=faults, log=log) as server:
            found.append([])
            for _ in range(2):
                random.Random(turn).shuffle(asked)
                found[-1].append(await ask_all(server, asked, at_once))
        lines = (json.loads(line) for line in log.read_text().splitlines())
        logged.append(
            sorted((json.dumps(line["body"]), line["ask"], line["delay"], line["fault"] or "") for line in lines)
        )
    assert found[0] == found[1]
    assert logged[0] == logged[1]
    assert found[0] != found[2]
    first, second = found[0]
    assert {status for status, _ in first.values()} == {200, 429}
    assert {status for status, _ in second.values()} == {200}


@pytest.mark.asyncio
async def test_calls_that_were_in_flight_are_counted() -> None:
    with LoopbackServer(latency=0.05, latency_cap=0.05) as server:
        await ask_all(server, build_requests(30), 7)
        stats = server.stats()
        assert (stats["calls"], stats["in_flight"]) == (30, 0)
        assert 1 <= stats["peak_in_flight"] <= 7
        assert stats["slept_seconds"] >= 30 * 0.05
        assert sum(stats["by_second"]["200"].values()) == 30


@pytest.mark.asyncio
@pytest.mark.parametrize("at_once", [7, 30])
async def test_all_who_wait_for_a_reply_are_in_flight(at_once: int) -> None:
    with LoopbackServer(latency=600.0, latency_cap=600.0) as server:
        asking = asyncio.create_task(ask_all(server, build_requests(30), at_once))
        await until(lambda: server.stats()["in_flight"] >= at_once)
        assert server.stats()["peak_in_flight"] == at_once
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def test_a_reply_tells_how_long_it_was_held_back() -> None:
    with LoopbackServer(latency=0.02, sigma=0.5) as server, bare_client(server, HEADERS) as http:
        told = [float(http.post(CHAT, json=build_body(CHAT, f"Hello {n}")).headers[SLEPT]) for n in range(5)]
        stats = server.stats()
    assert min(told) > 0
    assert stats["slept_seconds"] == pytest.approx(sum(told), abs=1e-5)


def test_calls_are_counted_in_the_second_in_which_they_end() -> None:
    stats = Stats()
    for came, ended, ending in ((10.5, 11.2, "200"), (10.6, 11.6, "200"), (11.9, 12.1, "429")):
        stats.enter(came)
        stats.leave(ending, ended)
    assert stats.build_report()["by_second"] == {"200": {0: 1, 1: 1}, "429": {1: 1}}
    stats.reset()
    stats.leave("gone", 13.0)
    assert stats.build_report()["by_second"] == {}


def test_what_is_counted(client: Client) -> None:
    client.server.reset()
    assert client.server.stats()["calls"] == 0
    replies = [client.ask(path, f"Hello {number}") for path in PATHS for number in range(2)]
    bodies = [build_body(path, f"Hello {number}") for path in PATHS for number in range(2)]
    client.post(CHAT, build_body(CHAT, "Hello [[loopback:500]]"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(CHAT, build_body(CHAT, "Hello [[loopback:drop]]"))
    client.http.get("/api/version")
    stats = client.server.stats()
    assert stats["calls"] == 8
    assert stats["by_path"] == {
        MESSAGES: {"200": 2},
        CHAT: {"200": 2, "500": 1, "dropped": 1},
        OLLAMA: {"200": 2},
        "/api/version": {"200": 1},
    }
    assert stats["faults"] == {"500": 1, "drop": 1}
    assert stats["bytes_in"] > sum(len(json.dumps(body, separators=(",", ":"))) for body in bodies)
    assert stats["bytes_out"] > sum(len(json.dumps(reply)) for reply in replies)
    assert stats["output_tokens"] > 0


def test_a_client_that_does_not_wait_is_counted(client: Client) -> None:
    client.server.reset()
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(CHAT, json=build_body(CHAT, "Hello [[loopback:hang:0]]"), timeout=IMPATIENT)
    wait_for(lambda: bool(client.server.stats()["by_path"]))
    assert client.server.stats()["by_path"] == {CHAT: {"gone": 1}}


def test_requests_are_logged(tmp_path: Path) -> None:
    log = tmp_path / "requests = all.jsonl"
    with LoopbackServer(log=log, latency=0.01) as server, Client(server).http as http:
        body = build_body(CHAT, "Hello")
        http.post(CHAT, json=body)
        http.post(CHAT, content=b"{")
        first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert (first["path"], first["status"], first["ask"], first["delay"]) == (CHAT, 200, 0, 0.01)
    assert first["body"] == body
    assert first["reply"]["choices"][0]["message"]["content"]
    assert (second["status"], second["body"], second["ask"]) == (400, "{", None)
    assert "a-key" not in log.read_text()


def test_it_listens_on_the_loopback_interface_only(client: Client) -> None:
    port = int(client.server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=1)


def is_listening(url: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=1):
            return True
    except OSError:
        return False


def wait_until_gone(url: str) -> None:
    wait_for(lambda: not is_listening(url))


def test_it_stops_on_leaving_even_while_it_hangs() -> None:
    with LoopbackServer(when={"Hello": "hang"}) as server, bare_client(server) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post(OLLAMA, json=build_body(OLLAMA, "Hello"), timeout=IMPATIENT)
        url = server.url
    assert not is_listening(url)


def test_it_stops_when_its_parent_dies() -> None:
    code = (
        "import os\n"
        "from synthetic_communities.testing.loopback import LoopbackServer\n"
        "with LoopbackServer() as server:\n"
        "    print(server.url, flush=True)\n"
        "    os._exit(3)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert parent.returncode == 3
    wait_until_gone(parent.stdout.strip())


def test_the_command_line_announces_itself_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "synthetic_communities.testing.server", "--port", "0", "--latency", "2"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told == {"url": f"http://127.0.0.1:{told['port']}", "port": told["port"], "pid": process.pid}
        assert is_listening(told["url"])
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_server_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = LoopbackServer(port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="did not start"):
            server.__enter__()
    assert "in use" in capfd.readouterr().err


# Settings


def test_settings_say_everything_that_is_wrong() -> None:
    with pytest.raises(ValueError, match="latency") as caught:
        LoopbackServer(latency=-1, faults={"429": 0.7, "500": 0.7, "boom": 0.1}, when={"": "500", "x": "500:often"})
    text = str(caught.value)
    for words in ("latency -1", "'boom'", "add up to 1.5", "the text is empty", "'often' is no number"):
        assert words in text


def test_settings_survive_the_command_line() -> None:
    settings = LoopbackSettings(
        seed=-3,
        latency=0.1,
        sigma=0.8,
        faults={"429": 0.25, "thinking": 1.0},
        when={"a=b": "429:2,thinking", "--x": "drop"},
        retry_after="-1",
        requests_per_second=2.5,
        rate_headers=True,
        no_auth=True,
        dialect="llamacpp",
        log=Path("some file.jsonl"),
    )
    assert parse_settings(build_arguments(settings)) == settings
    assert parse_settings(build_arguments(LoopbackSettings())) == LoopbackSettings()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "429"], "an equals sign is missing"),
        (["--fault", "429=often"], "'often' is not a share"),
        (["--when", "x=boom"], "unknown fault 'boom'"),
        (["--late", "2"], "unrecognized arguments"),
        (["--bucket", "0"], "bucket 0: at least 1"),
    ],
)
def test_a_wrong_command_line_says_why(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit):
        parse_settings(arguments)
    assert words in capsys.readouterr().err


def test_help_names_every_fault_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_settings(["--help"])
    text = capsys.readouterr().out
    assert all(fault in text for fault in FAULTS)
    assert "--requests-per-second" in text
