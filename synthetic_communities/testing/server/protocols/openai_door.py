"""The chat completions of OpenAI, and of servers that follow them."""

import json
import math
from collections.abc import Mapping
from typing import Any

from ....llm.caching.manner import find_manner
from ..caching import Block, CacheTerms
from ..problem import Problem
from ..prompt import Prompt, Reply
from ..rate import RateState, build_openai_headers
from ..settings import Dialect
from .openai_checks import check_body, schema_of, text_of

MODELS = ("gpt-5-mini", "gpt-4.1-mini", "gemini-2.5-flash-lite", "llama-3.2-3b-instruct", "qwen3-8b")
CREATED = 1_767_225_600

_FINISH_REASONS: Mapping[str, str] = {
    "done": "stop",
    "cut": "length",
    "refused": "stop",
    "filtered": "content_filter",
}
_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "429": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    "spend-limit": (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "529": (529, "overloaded", "The server is overloaded."),
    "500": (500, "server_error", "The server had an error while processing your request."),
    "503": (503, "service_unavailable", "The engine is currently overloaded, please try again later."),
    "filter-400": (400, "content_filter", "The prompt was filtered due to the content management policy."),
}
_TERMS: Mapping[Dialect, CacheTerms] = {
    "openai": CacheTerms(1024, step_tokens=128),
    # A server of one's own, as vLLM is: pages of 16 tokens, kept until there is no room for them.
    "llamacpp": CacheTerms(16, step_tokens=16, seconds=math.inf),
}


def _find_terms(dialect: Dialect, model: str) -> CacheTerms | None:
    """Return how beginnings are kept; None where they are not, as of some models that OpenRouter passes on."""
    is_passed_on = dialect == "openai" and "/" in model  # names of OpenRouter's begin with who made the model
    return None if is_passed_on and find_manner(f"openrouter:{model}") == "none" else _TERMS[dialect]


class OpenAIDoor:
    """`POST /v1/chat/completions`.

    Attributes:
        dialect: whose.
        needs_key: whether a key is asked for.
    """

    path = "/v1/chat/completions"
    schema_param = "response_format"

    def __init__(self, dialect: Dialect, *, needs_key: bool) -> None:
        self.dialect = dialect
        self.needs_key = needs_key

    def admit(self, headers: Mapping[str, str]) -> None:
        """Check the key, which comes as `Authorization: Bearer`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else ""
        if self.needs_key and not key:
            raise Problem("You didn't provide an API key.", status=401)
        if self.needs_key and key == "wrong-key":
            raise Problem("Incorrect API key provided: wrong-key.", status=401, code="invalid_api_key")

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Prompt:
        """Check the body and return what it asks for."""
        check_body(body, strict=self.dialect == "openai")
        schema = schema_of(body.get("response_format"))
        blocks = [Block(json.dumps(schema))] if schema is not None else []
        blocks += [Block(text_of(message)) for message in body["messages"]]
        limit = body.get("max_completion_tokens")
        return Prompt(
            body["model"],
            "\n".join(block.text for block in blocks),
            schema=schema,
            wants_json=(body.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
            max_tokens=body.get("max_tokens") if limit is None else limit,
            blocks=tuple(blocks),
            beginning=json.dumps(
                [body["model"], body.get("reasoning_effort"), body.get("response_format")], sort_keys=True
            ),
            terms=_find_terms(self.dialect, body["model"]),
        )

    def too_long(self, tokens: int, limit: int) -> Problem:
        """Return what is said about a prompt that does not fit the window."""
        return Problem(
            f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} "
            "tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )

    def fault(self, name: str) -> Problem | None:
        """Return the error that stands for a fault."""
        if name not in _ERRORS:
            return None
        status, code, message = _ERRORS[name]
        return Problem(message, status=status, code=code)

    def render(self, prompt: Prompt, reply: Reply, ident: str) -> bytes:
        """Return a chat completion."""
        choice = {
            "index": 0,
            "message": _message(reply),
            "logprobs": None,
            "finish_reason": _FINISH_REASONS[reply.ending],
        }
        body = {
            "id": f"chatcmpl-{ident}",
            "object": "chat.completion",
            "created": CREATED,
            "model": prompt.model,
            "choices": [choice],
            "usage": _usage(reply),
            "system_fingerprint": "fp_loopback",
        }
        return json.dumps(body).encode()

    def error(self, problem: Problem, ident: str) -> dict[str, Any]:
        """Return an error."""
        error = {
            "message": problem.message,
            "type": _error_type(problem),
            "param": problem.param or None,
            "code": problem.code or None,
        }
        return {"error": error}

    def headers(self, ident: str) -> Mapping[str, str]:
        """Return the request's id."""
        return {"x-request-id": f"req_{ident}"}

    def rate_headers(self, state: RateState, wall: float) -> Mapping[str, str]:
        """Return the headers that begin with `x-ratelimit`."""
        return build_openai_headers(state)


def _message(reply: Reply) -> dict[str, Any]:
    refused = reply.ending == "refused"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused else "" if reply.ending == "filtered" else reply.text,
        "refusal": reply.text if refused else None,
    }
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    return message


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.prompt_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached.read_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.thinking_tokens},
    }


def _error_type(problem: Problem) -> str:
    if problem.code == "insufficient_quota":
        return "insufficient_quota"
    if problem.status == 429:
        return "requests"
    return "server_error" if problem.status >= 500 else "invalid_request_error"


def build_model_list(names: tuple[str, ...] = MODELS) -> dict[str, Any]:
    """Return what `GET /v1/models` tells."""
    return {"object": "list", "data": [build_model(name) for name in names]}


def build_model(name: str) -> dict[str, Any]:
    """Return what `GET /v1/models/{name}` tells."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "loopback"}
