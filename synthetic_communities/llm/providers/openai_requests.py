"""Writing a request in OpenAI's chat completions."""

from collections.abc import Mapping
from typing import Any

from ..model import ModelRequest, ReplyFormat
from ..thinking import room_for_thinking
from .chat_messages import encode, encode_messages
from .openai_dialects import Features


def write_response_format(reply_format: ReplyFormat, *, schema_at_top: bool) -> str:
    """Return the value of `response_format` as JSON."""
    if schema_at_top:
        return encode({"type": "json_schema", "schema": reply_format.schema})
    named = {"name": reply_format.name, "strict": True, "schema": reply_format.schema}
    return encode({"type": "json_schema", "json_schema": named})


def write_request(
    model: str, request: ModelRequest, features: Features, *, response_format: str | None, instruction: str | None
) -> bytes:
    """Return the body of a request.

    Args:
        model: what the server calls it.
        request: what to ask.
        features: what the server knows.
        response_format: the JSON of that field; None: it is left out.
        instruction: words at the end of the user message; None: no such words.
    """
    options = options_of(request, features)
    limit = request.max_output_tokens + room_for_thinking(options.get("reasoning_effort"))
    parts = [
        f'"model":{encode(model)}',
        f'"messages":{encode_messages(request, instruction=instruction)}',
        encode({features.limit_field: limit, **options})[1:-1],
        f'"response_format":{response_format}' if response_format is not None else "",
    ]
    return f"{{{','.join(part for part in parts if part)}}}".encode("ascii")


def options_of(request: ModelRequest, features: Features) -> Mapping[str, Any]:
    """Return the optional fields, those that can be left out when refused among them."""
    options: dict[str, Any] = {}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.effort is not None:
        options["reasoning_effort"] = request.effort
    elif features.efforts:
        options["reasoning_effort"] = features.efforts[0]
    elif features.template:
        options["chat_template_kwargs"] = {"enable_thinking": False}
    if features.seed and request.seed is not None:
        options["seed"] = request.seed
    return options
