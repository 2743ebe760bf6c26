"""Bodies that OpenAI's chat completions refuse."""

import re
from collections.abc import Mapping
from typing import Any

from ..fields import Kind, is_kind, kind_of
from ..problem import Problem
from ..schemas.checks import check_openai_schema, check_schema

FIELDS: Mapping[str, Kind] = {
    "messages": "array",
    "model": "string",
    "audio": "object",
    "frequency_penalty": "number",
    "logit_bias": "object",
    "logprobs": "boolean",
    "max_completion_tokens": "integer",
    "max_tokens": "integer",
    "metadata": "object",
    "modalities": "array",
    "n": "integer",
    "parallel_tool_calls": "boolean",
    "prediction": "object",
    "presence_penalty": "number",
    "prompt_cache_key": "string",
    "prompt_cache_retention": "string",
    "reasoning_effort": "string",
    "response_format": "object",
    "safety_identifier": "string",
    "seed": "integer",
    "service_tier": "string",
    "stop": "any",
    "store": "boolean",
    "stream": "boolean",
    "stream_options": "object",
    "temperature": "number",
    "tool_choice": "any",
    "tools": "array",
    "top_logprobs": "integer",
    "top_p": "number",
    "user": "string",
    "verbosity": "string",
    "web_search_options": "object",
}
ROLES = ("system", "developer", "user", "assistant", "tool", "function")

_MESSAGE_FIELDS: Mapping[str, Kind] = {
    "role": "string",
    "content": "any",
    "name": "string",
    "refusal": "string",
    "audio": "object",
    "tool_calls": "array",
    "tool_call_id": "string",
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "max_tokens": (1, float("inf")),
    "max_completion_tokens": (1, float("inf")),
}
_FORMAT_FIELDS: Mapping[str, Mapping[str, Kind]] = {
    "text": {"type": "string"},
    "json_object": {"type": "string"},
    "json_schema": {"type": "string", "json_schema": "object"},
}
_SCHEMA_FIELDS: Mapping[str, Kind] = {
    "name": "string",
    "description": "string",
    "schema": "object",
    "strict": "boolean",
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ARTICLES = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}


def check_body(body: Mapping[str, Any], *, strict: bool) -> None:
    """Check the body of a request for a chat completion.

    Args:
        strict: whether fields the API does not know, and schemas it does not take, are refused.

    Raises:
        Problem: it is refused.
    """
    _check_fields(body, FIELDS, "", required=("messages", "model"), strict=strict)
    _check_model(body["model"])
    _check_simulated(body)
    _check_ranges(body)
    _check_messages(body["messages"], strict)
    _check_format(body, strict)


def _check_fields(
    value: Mapping[str, Any], fields: Mapping[str, Kind], prefix: str, *, required: tuple[str, ...], strict: bool
) -> None:
    for name in required:
        if value.get(name) is None:
            param = prefix + name
            raise Problem(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    for name, given in value.items():
        if name not in fields:
            _refuse_unknown(prefix + name, strict)
        elif given is not None and not is_kind(given, fields[name]):
            raise _wrong_kind(prefix + name, fields[name], given)


def _refuse_unknown(param: str, strict: bool) -> None:
    if strict:
        raise Problem(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


def _wrong_kind(param: str, kind: str, given: Any) -> Problem:
    expected, got = (_ARTICLES.get(each, f"a {each}") for each in (kind, kind_of(given)))
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return Problem(message, code="invalid_type", param=param)


def _check_model(model: str) -> None:
    if model.startswith("unknown"):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Problem(message, status=404, code="model_not_found")


def _check_simulated(body: Mapping[str, Any]) -> None:
    if body.get("stream"):
        raise Problem("The loopback server does not stream.", code="unsupported_value", param="stream")
    if body.get("tools"):
        raise Problem("The loopback server calls no tools.", code="unsupported_value", param="tools")
    if body.get("n") not in (None, 1):
        raise Problem("The loopback server makes one choice.", code="unsupported_value", param="n")


def _check_ranges(body: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is not None and not low <= value <= high:
            which, bound = ("below minimum", f">= {low}") if value < low else ("above maximum", f"<= {high}")
            code = f"{FIELDS[name]}_{which.replace(' ', '_')}_value"
            message = (
                f"Invalid '{name}': {FIELDS[name]} {which} value. Expected a value {bound}, but got {value} instead."
            )
            raise Problem(message, code=code, param=name)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise Problem("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")


def _check_messages(messages: list[Any], strict: bool) -> None:
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array."
        raise Problem(message, code="empty_array", param="messages")
    for place, message in enumerate(messages):
        _check_message(message, f"messages[{place}]", strict)


def _check_message(message: Any, prefix: str, strict: bool) -> None:
    if not isinstance(message, dict):
        raise _wrong_kind(prefix, "object", message)
    _check_fields(message, _MESSAGE_FIELDS, f"{prefix}.", required=("role",), strict=strict)
    role, content = message["role"], message.get("content")
    if role not in ROLES:
        supported = ", ".join(f"'{each}'" for each in ROLES)
        text = f"Invalid value: '{role}'. Supported values are: {supported}."
        raise Problem(text, code="invalid_value", param=f"{prefix}.role")
    if content is None and not (role == "assistant" and message.get("tool_calls")):
        raise Problem(f"Invalid value for 'content': expected a string, got null. [{prefix}.content]")
    if not isinstance(content, (str, list, type(None))):
        raise _wrong_kind(f"{prefix}.content", "string", content)
    for place, part in enumerate(content if isinstance(content, list) else ()):
        _check_part(part, f"{prefix}.content[{place}]", strict)


def _check_part(part: Any, prefix: str, strict: bool) -> None:
    if not isinstance(part, dict):
        raise _wrong_kind(prefix, "object", part)
    if part.get("type") != "text":
        raise Problem("The loopback server takes parts of type 'text'.", code="invalid_value", param=f"{prefix}.type")
    _check_fields(part, {"type": "string", "text": "string"}, f"{prefix}.", required=("text",), strict=strict)


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message that was checked."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content or ""


def _check_format(body: Mapping[str, Any], strict: bool) -> None:
    value = body.get("response_format")
    if value is None:
        return
    kind = value.get("type")
    if kind not in _FORMAT_FIELDS:
        text = f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'."
        raise Problem(text, code="invalid_value", param="response_format.type")
    required = ("json_schema",) if kind == "json_schema" and strict else ()
    _check_fields(value, _FORMAT_FIELDS[kind], "response_format.", required=required, strict=strict)
    if kind == "json_object" and strict:
        _check_says_json(body["messages"])
    if kind == "json_schema" and strict:
        _check_named_schema(value["json_schema"])
    schema = schema_of(value)
    if schema is not None:
        check_schema(schema)


def _check_says_json(messages: list[Any]) -> None:
    if not any("json" in text_of(message).lower() for message in messages):
        raise Problem(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )


def _check_named_schema(value: Mapping[str, Any]) -> None:
    prefix = "response_format.json_schema."
    _check_fields(value, _SCHEMA_FIELDS, prefix, required=("name", "schema"), strict=True)
    if not _NAME.fullmatch(value["name"]):
        text = f"Invalid '{prefix}name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        raise Problem(text, code="invalid_value", param=f"{prefix}name")
    if not value.get("strict"):
        return
    try:
        check_openai_schema(value["schema"])
    except Problem as problem:
        text = f"Invalid schema for response_format '{value['name']}': {problem.message}"
        raise Problem(text, param="response_format") from problem


def schema_of(response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the schema of a `response_format` that was checked, also where llama.cpp takes it; None without one."""
    value = response_format or {}
    schema = value.get("schema") or (value.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, dict) else None
