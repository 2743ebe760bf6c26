"""Bodies the Messages API refuses."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..fields import Kind, is_kind
from ..problem import Problem
from ..schemas.checks import check_anthropic_schema, check_schema
from .anthropic_models import MOST_TOKENS, can_disable_thinking, check_model, takes_budget, takes_effort

NO_SAMPLING_VERSION = "2026-10-21"
VERSIONS = ("2023-01-01", "2023-06-01", NO_SAMPLING_VERSION)
FIELDS: Mapping[str, Kind] = {
    "max_tokens": "integer",
    "messages": "array",
    "model": "string",
    "cache_control": "object",
    "container": "any",
    "diagnostics": "object",
    "inference_geo": "string",
    "metadata": "object",
    "output_config": "object",
    "service_tier": "string",
    "speed": "string",
    "stop_sequences": "array",
    "stream": "boolean",
    "system": "any",
    "thinking": "object",
    "tool_choice": "object",
    "tools": "array",
}
SAMPLING: Mapping[str, Kind] = {"temperature": "number", "top_p": "number", "top_k": "integer"}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MOST_BREAKPOINTS = 4

_REQUIRED = ("model", "max_tokens", "messages")
_NULLABLE = ("cache_control", "container", "diagnostics", "inference_geo", "speed")
_THINKING: Mapping[str, Mapping[str, Kind]] = {
    "adaptive": {"type": "string", "display": "string"},
    "between_tools": {"type": "string"},
    "disabled": {"type": "string"},
    "enabled": {"type": "string", "budget_tokens": "integer", "display": "string"},
}
_WORDS: Mapping[Kind, str] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "dictionary",
}
_BLOCKS: Mapping[str, Mapping[str, Kind]] = {
    "text": {"type": "string", "text": "string", "cache_control": "object", "citations": "array"},
    "thinking": {"type": "string", "thinking": "string", "signature": "string"},
}


def check_body(body: Mapping[str, Any], version: str) -> None:
    """Check the body of a request to the Messages API under `version`.

    Raises:
        Problem: the API refuses it.
    """
    fields = FIELDS if version == NO_SAMPLING_VERSION else {**FIELDS, **SAMPLING}
    _check_fields(body, fields, "", required=_REQUIRED, nullable=_NULLABLE)
    check_model(body["model"])
    _check_simulated(body)
    _check_max_tokens(body)
    _check_system(body.get("system", "-"))
    _check_messages(body["messages"])
    _check_breakpoints(body)
    _check_thinking(body)
    _check_output(body)


def _check_fields(
    value: Mapping[str, Any],
    fields: Mapping[str, Kind],
    prefix: str,
    *,
    required: tuple[str, ...] = (),
    nullable: tuple[str, ...] = (),
) -> None:
    for name in required:
        if name not in value:
            raise Problem(f"{prefix}{name}: Field required")
    for name, given in value.items():
        if name not in fields:
            raise Problem(f"{prefix}{name}: Extra inputs are not permitted")
        if not is_kind(given, fields[name]) and not (given is None and name in nullable):
            raise Problem(f"{prefix}{name}: Input should be a valid {_WORDS[fields[name]]}")


def _check_simulated(body: Mapping[str, Any]) -> None:
    if body.get("stream"):
        raise Problem("stream: the loopback server does not stream")
    if body.get("tools") or body.get("tool_choice"):
        raise Problem("tools: the loopback server calls no tools")


def _check_max_tokens(body: Mapping[str, Any]) -> None:
    limit = body["max_tokens"]
    if limit < 0:
        raise Problem("max_tokens: Input should be greater than or equal to 0")
    if limit > MOST_TOKENS:
        raise Problem(
            f"max_tokens: {limit} > {MOST_TOKENS}, which is the maximum allowed number of output tokens "
            f"for {body['model']}"
        )
    if limit == 0 and (body.get("output_config") or {}).get("format"):
        raise Problem("max_tokens: 0 is not supported together with output_config.format")


def _check_system(system: Any) -> None:
    if not isinstance(system, (str, list)):
        raise Problem("system: Input should be a valid string or list")
    for place, block in enumerate(system if isinstance(system, list) else ()):
        _check_block(block, f"system.{place}", only="text")


def _check_messages(messages: list[Any]) -> None:
    if not messages:
        raise Problem("messages: at least one message is required")
    for place, message in enumerate(messages):
        _check_message(message, place)
    if messages[0]["role"] != "user":
        raise Problem(f'messages.0: the first message must have role "user", not "{messages[0]["role"]}"')
    if messages[-1]["role"] == "assistant":
        raise Problem(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_message(message: Any, place: int) -> None:
    prefix = f"messages.{place}"
    if not isinstance(message, dict):
        raise Problem(f"{prefix}: Input should be a valid dictionary")
    _check_fields(message, {"role": "string", "content": "any"}, f"{prefix}.", required=("role", "content"))
    if message["role"] not in ("user", "assistant", "system"):
        raise Problem(f'messages: Unexpected role "{message["role"]}". Use "user", "assistant" or "system".')
    content = message["content"]
    if not isinstance(content, (str, list)):
        raise Problem(f"{prefix}.content: Input should be a valid string or list")
    if not content:
        raise Problem(f"{prefix}: {message['role']} messages must have non-empty content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        _check_block(block, f"{prefix}.content.{index}", only="text" if message["role"] != "assistant" else "")


def _check_block(block: Any, prefix: str, *, only: str) -> None:
    if not isinstance(block, dict) or "type" not in block:
        raise Problem(f"{prefix}.type: Field required")
    kind = block["type"]
    if kind not in _BLOCKS or (only and kind != only):
        raise Problem(f"{prefix}: the loopback server takes no blocks of type {kind!r} here")
    _check_fields(block, _BLOCKS[kind], f"{prefix}.{kind}.", required=(kind,), nullable=("cache_control", "citations"))
    if kind == "text" and not block["text"].strip():
        raise Problem("messages: text content blocks must contain non-whitespace text")
    _check_cache_control(block.get("cache_control"), f"{prefix}.cache_control")


def _check_cache_control(value: Any, prefix: str) -> None:
    if value is None:
        return
    _check_fields(value, {"type": "string", "ttl": "string"}, f"{prefix}.", required=("type",))
    if value["type"] != "ephemeral":
        raise Problem(f"{prefix}.type: Input should be 'ephemeral'")
    if value.get("ttl", "5m") not in ("5m", "1h"):
        raise Problem(f"{prefix}.ttl: Input should be '5m' or '1h'")


def _check_breakpoints(body: Mapping[str, Any]) -> None:
    _check_cache_control(body.get("cache_control"), "cache_control")
    count = sum(block.get("cache_control") is not None for block in (body, *blocks_of(body)))
    if count > MOST_BREAKPOINTS:
        raise Problem(f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided. Found {count}.")
    _check_ttls(body)


def _check_ttls(body: Mapping[str, Any]) -> None:
    """Check that what is kept for an hour comes before what is kept for five minutes."""
    controls = [each["cache_control"] for each in (*blocks_of(body), body) if each.get("cache_control") is not None]
    ttls = [control.get("ttl", "5m") for control in controls]
    if ttls != sorted(ttls):  # "1h" comes before "5m"
        raise Problem(
            "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
        )


def blocks_of(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the blocks of the system prompt and of every message, in order."""
    for content in (body.get("system", []), *(message["content"] for message in body["messages"])):
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def _check_thinking(body: Mapping[str, Any]) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    if kind not in _THINKING:
        raise Problem(f"thinking: Input tag {kind!r} does not match any of the expected tags: {', '.join(_THINKING)}")
    _check_fields(thinking, _THINKING[kind], f"thinking.{kind}.", nullable=("display",))
    if kind in ("disabled", "between_tools") and not can_disable_thinking(body["model"]):
        raise Problem(f'"thinking.type.{kind}" is not supported for this model.')
    if kind == "enabled":
        _check_budget(thinking, body)


def _check_budget(thinking: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    if not takes_budget(body["model"]):
        raise Problem(
            '"thinking.type.enabled" is not supported for this model. '
            'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    budget = thinking.get("budget_tokens")
    if budget is None or budget < 1024:
        raise Problem("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise Problem("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_output(body: Mapping[str, Any]) -> None:
    config = body.get("output_config", {})
    _check_fields(config, {"effort": "string", "format": "object"}, "output_config.", nullable=("effort", "format"))
    _check_effort(config.get("effort"), body["model"])
    if config.get("format") is not None:
        _check_format(config["format"])


def _check_effort(effort: str | None, model: str) -> None:
    if effort is None:
        return
    if effort not in EFFORTS:
        raise Problem("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if not takes_effort(model):
        raise Problem("This model does not support the effort parameter.")


def _check_format(value: Mapping[str, Any]) -> None:
    prefix = "output_config.format."
    _check_fields(value, {"type": "string", "schema": "object"}, prefix, required=("type", "schema"))
    if value["type"] != "json_schema":
        raise Problem(f"{prefix}type: Input should be 'json_schema'")
    try:
        check_anthropic_schema(value["schema"])
        check_schema(value["schema"])
    except Problem as problem:
        raise Problem(f"{prefix}schema: {problem.message}") from problem
