"""The chat of Ollama."""

import json
from collections.abc import Mapping
from typing import Any

from ..fields import Kind, is_kind, kind_of
from ..problem import Problem
from ..prompt import Prompt, Reply
from ..rate import RateState
from ..schemas.checks import check_schema

VERSION = "0.32.5"
DEFAULT_WINDOW_TOKENS = 4096
MODELS = ("llama3.2:3b", "qwen3:8b", "gemma3:4b")
ROLES = ("system", "user", "assistant", "tool")

_MODIFIED = "2026-01-01T00:00:00Z"
_FIELDS: Mapping[str, Kind] = {
    "model": "string",
    "messages": "array",
    "stream": "boolean",
    "options": "object",
    "tools": "array",
}
_OPTIONS: Mapping[str, Kind] = {
    "num_ctx": "integer",
    "num_predict": "integer",
    "seed": "integer",
    "temperature": "number",
    "top_p": "number",
    "top_k": "integer",
    "stop": "array",
}
_DONE_REASONS: Mapping[str, str] = {"done": "stop", "cut": "length", "refused": "stop", "filtered": "stop"}
_ERRORS: Mapping[str, tuple[int, str]] = {
    "429": (429, "too many requests"),
    "spend-limit": (429, "you have reached your usage limit"),
    "529": (529, "server overloaded"),
    "500": (500, "llama runner process has terminated"),
    "503": (503, "server busy, please try again. maximum pending requests exceeded"),
}


class OllamaDoor:
    """`POST /api/chat`.

    Attributes:
        context_tokens: the largest window of any model.
    """

    path = "/api/chat"
    schema_param = "format"

    def __init__(self, context_tokens: int) -> None:
        self.context_tokens = context_tokens

    def admit(self, headers: Mapping[str, str]) -> None:
        """Let everybody in."""

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Prompt:
        """Check the body and return what it asks for; fields Ollama does not know are ignored, as it does."""
        _check_body(body)
        options = body.get("options") or {}
        asked = body.get("format")
        schema = asked if isinstance(asked, dict) else None
        texts = [message.get("content") or "" for message in body["messages"]]
        limit = options.get("num_predict")
        return Prompt(
            body["model"],
            "\n".join(texts),
            schema=schema,
            wants_json=asked == "json",
            max_tokens=limit if limit is not None and limit >= 0 else None,
            window_tokens=min(options.get("num_ctx") or DEFAULT_WINDOW_TOKENS, self.context_tokens),
            streamed=body.get("stream") is not False,
        )

    def too_long(self, tokens: int, limit: int) -> Problem:
        """Return nothing of use: Ollama cuts such a prompt instead."""
        return Problem(f"input length {tokens} exceeds maximum context length {limit}")

    def fault(self, name: str) -> Problem | None:
        """Return the error that stands for a fault."""
        if name not in _ERRORS:
            return None
        status, message = _ERRORS[name]
        return Problem(message, status=status)

    def render(self, prompt: Prompt, reply: Reply, ident: str) -> bytes:
        """Return the message; in two lines where the reply is streamed, which is Ollama's default."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.thinking:
            message["thinking"] = reply.thinking
        head = {"model": prompt.model, "created_at": _MODIFIED}
        if not prompt.streamed:
            return json.dumps({**head, "message": message, **_ending(reply)}).encode()
        last = {**head, "message": {"role": "assistant", "content": ""}, **_ending(reply)}
        lines = ({**head, "message": message, "done": False}, last)
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    def error(self, problem: Problem, ident: str) -> dict[str, Any]:
        """Return an error."""
        return {"error": problem.message}

    def headers(self, ident: str) -> Mapping[str, str]:
        """Return none."""
        return {}

    def rate_headers(self, state: RateState, wall: float) -> Mapping[str, str]:
        """Return none: Ollama sends none."""
        return {}


def _ending(reply: Reply) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": _DONE_REASONS[reply.ending],
        "total_duration": 1_000_000 * (reply.prompt_tokens + 10 * reply.output_tokens),
        "load_duration": 1_000_000,
        "prompt_eval_count": reply.prompt_tokens,
        "prompt_eval_duration": 1_000_000 * reply.prompt_tokens,
        "eval_count": reply.output_tokens,
        "eval_duration": 10_000_000 * reply.output_tokens,
    }


def _check_body(body: Mapping[str, Any]) -> None:
    _check_kinds(body, _FIELDS, "ChatRequest")
    _check_kinds(body.get("options") or {}, _OPTIONS, "ChatRequest.options")
    check_model(body.get("model"))
    if body.get("tools"):
        raise Problem("the loopback server calls no tools")
    if not body.get("messages"):
        raise Problem("the loopback server loads no model: messages are required")
    for message in body["messages"]:
        _check_message(message)
    _check_think(body.get("think"))
    _check_format(body.get("format"))


def _check_kinds(value: Mapping[str, Any], fields: Mapping[str, Kind], where: str) -> None:
    for name, kind in fields.items():
        given = value.get(name)
        if given is not None and not is_kind(given, kind):
            raise Problem(f"json: cannot unmarshal {kind_of(given)} into Go struct field {where}.{name} of type {kind}")


def check_model(model: str | None) -> None:
    """Check that `model` is pulled: it is, unless its name begins with `unknown`.

    Raises:
        Problem: it is not, or none is named.
    """
    if not model:
        raise Problem("model is required")
    if model.startswith("unknown"):
        raise Problem(f"model '{model}' not found", status=404)


def _check_message(message: Any) -> None:
    if not isinstance(message, dict):
        raise Problem(f"json: cannot unmarshal {kind_of(message)} into Go struct field ChatRequest.messages")
    _check_kinds(message, {"role": "string", "content": "string"}, "ChatRequest.messages")
    role = message.get("role")
    if role not in ROLES:
        raise Problem(f'invalid role: {role}, must be one of ["system", "user", "assistant", "tool"]')


def _check_think(think: Any) -> None:
    if think is not None and not isinstance(think, bool) and think not in ("low", "medium", "high", "max"):
        raise Problem(f'invalid think value: {think!r} (must be "high", "medium", "low", "max", true, or false)')


def _check_format(value: Any) -> None:
    if value in (None, "", "json"):
        return
    if not isinstance(value, dict):
        raise Problem(f'invalid format: {json.dumps(value)}; expected "json" or a valid JSON Schema object')
    check_schema(value)


def build_model_list() -> dict[str, Any]:
    """Return what `GET /api/tags` tells."""
    return {"models": [_model(name) for name in MODELS]}


def _model(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": _MODIFIED,
        "size": 2_000_000_000,
        "digest": "0" * 64,
        "details": _details(name),
    }


def _details(name: str) -> dict[str, Any]:
    family = name.split(":")[0].rstrip("0123456789.")
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "3B",
        "quantization_level": "Q4_K_M",
    }


def show_model(body: Mapping[str, Any], context_tokens: int) -> dict[str, Any]:
    """Return what `POST /api/show` tells.

    Raises:
        Problem: no model is named, or one that is not pulled.
    """
    name = body.get("model") or body.get("name")
    check_model(name if isinstance(name, str) else None)
    details = _details(str(name))
    family = details["family"]
    return {
        "license": "",
        "modelfile": f"FROM {name}",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": details,
        "model_info": {"general.architecture": family, f"{family}.context_length": context_tokens},
        "capabilities": ["completion", "thinking"],
        "modified_at": _MODIFIED,
    }
