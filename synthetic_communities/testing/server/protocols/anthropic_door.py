"""The Messages API of Anthropic."""

import json
from collections.abc import Mapping
from typing import Any

from ..caching import Block, CacheTerms, Ttl
from ..problem import Problem
from ..prompt import Prompt, Reply
from ..rate import RateState, build_anthropic_headers
from .anthropic_checks import VERSIONS, blocks_of, check_body
from .anthropic_models import shortest_cached

_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}
_STOP_REASONS: Mapping[str, str] = {
    "done": "end_turn",
    "cut": "max_tokens",
    "refused": "refusal",
    "filtered": "refusal",
}


class AnthropicDoor:
    """`POST /v1/messages`."""

    path = "/v1/messages"
    schema_param = "output_config.format"

    def admit(self, headers: Mapping[str, str]) -> None:
        """Check version and key, which comes as `Authorization: Bearer` or as `x-api-key`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not key:
            raise Problem("Authentication required: send your API key as a bearer token", status=401)
        if key == "wrong-key":
            raise Problem("invalid API key", status=401)
        version = headers.get("anthropic-version")
        if version is None:
            raise Problem("anthropic-version: header is required")
        if version not in VERSIONS:
            raise Problem(f'anthropic-version: "{version}" is not a valid version')

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Prompt:
        """Check the body and return what it asks for."""
        check_body(body, headers["anthropic-version"])
        schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        blocks = _read_blocks(body, schema)
        thinking = body.get("thinking") or {}
        return Prompt(
            body["model"],
            "\n".join(block.text for block in blocks),
            schema=schema,
            max_tokens=body["max_tokens"],
            shows_thinking=thinking.get("display") == "summarized" or thinking.get("type") == "enabled",
            blocks=blocks,
            beginning=json.dumps([body["model"], body.get("output_config"), body.get("thinking")], sort_keys=True),
            terms=CacheTerms(shortest_cached(body["model"])),
        )

    def too_long(self, tokens: int, limit: int) -> Problem:
        """Return what is said about a prompt that does not fit the window."""
        return Problem(f"prompt is too long: {tokens} tokens > {limit} maximum")

    def fault(self, name: str) -> Problem | None:
        """Return the error that stands for a fault."""
        if name == "spend-limit":
            message = "Your organization has reached its API usage limit."
            return Problem(message, status=429, code="enforced_spend_limit_reached")
        if name == "filter-400":
            return Problem("Output blocked by content filtering policy")
        statuses = {"429": "Number of requests exceeds your rate limit", "529": "Overloaded"}
        statuses |= {"500": "Internal server error", "503": "Service unavailable"}
        return Problem(statuses[name], status=int(name)) if name in statuses else None

    def render(self, prompt: Prompt, reply: Reply, ident: str) -> bytes:
        """Return a message."""
        refused = reply.ending in ("refused", "filtered")
        body = {
            "id": f"msg_{ident}",
            "type": "message",
            "role": "assistant",
            "model": prompt.model,
            "content": _content(prompt, reply),
            "stop_reason": _STOP_REASONS[reply.ending],
            "stop_sequence": None,
            "stop_details": _stop_details(reply) if refused else None,
            "usage": _usage(reply),
        }
        return json.dumps(body).encode()

    def error(self, problem: Problem, ident: str) -> dict[str, Any]:
        """Return an error."""
        error: dict[str, Any] = {"type": _TYPES.get(problem.status, "api_error"), "message": problem.message}
        if problem.code:
            error["details"] = {"error_code": problem.code}
        return {"type": "error", "error": error, "request_id": f"req_{ident}"}

    def headers(self, ident: str) -> Mapping[str, str]:
        """Return the request's id."""
        return {"request-id": f"req_{ident}"}

    def rate_headers(self, state: RateState, wall: float) -> Mapping[str, str]:
        """Return the headers that begin with `anthropic-ratelimit`."""
        return build_anthropic_headers(state, wall)


def _read_blocks(body: Mapping[str, Any], schema: Mapping[str, Any] | None) -> tuple[Block, ...]:
    """Return the parts of the prompt, the schema first; a mark on the whole body is one on its last block."""
    blocks = [Block(json.dumps(schema))] if schema is not None else []
    blocks += [Block(block.get("text", block.get("thinking", "")), _mark(block)) for block in blocks_of(body)]
    last = blocks[-1]
    return (*blocks[:-1], Block(last.text, last.mark or _mark(body)))


def _mark(marked: Mapping[str, Any]) -> Ttl | None:
    control = marked.get("cache_control")
    return None if control is None else "1h" if control.get("ttl") == "1h" else "5m"


def _content(prompt: Prompt, reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        shown = reply.thinking if prompt.shows_thinking else ""
        blocks.append({"type": "thinking", "thinking": shown, "signature": "bG9vcGJhY2s="})
    # A limit used up by thinking leaves no block of text at all.
    if reply.ending in ("done", "cut") and (reply.text or reply.ending == "done"):
        blocks.append({"type": "text", "text": reply.text, "citations": None})
    return blocks


def _stop_details(reply: Reply) -> dict[str, Any]:
    return {"type": "refusal", "category": "general_harms", "explanation": reply.text}


def _usage(reply: Reply) -> dict[str, Any]:
    cached = reply.cached
    by_ttl = {
        "ephemeral_5m_input_tokens": cached.written_5m_tokens,
        "ephemeral_1h_input_tokens": cached.written_1h_tokens,
    }
    return {
        "input_tokens": reply.plain_tokens,
        "cache_creation_input_tokens": cached.written_tokens,
        "cache_read_input_tokens": cached.read_tokens,
        "cache_creation": by_ttl,
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"thinking_tokens": reply.thinking_tokens},
        "service_tier": "standard",
    }
