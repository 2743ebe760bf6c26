"""Writing a request and reading a reply of Ollama's `/api/chat`."""

from dataclasses import dataclass, replace
from typing import Any, Self

from ..failures import CallError
from ..json_shapes import count, dig, name_of, well_formed
from ..model import ModelReply, ModelRequest, ReplyFormat, Usage
from ..thinking import room_for_thinking, strip_thinking
from .chat_messages import encode, write_messages


@dataclass(frozen=True, slots=True)
class Features:
    """What a model and its server turned out to take; it only ever shrinks.

    Attributes:
        format: whether a schema is sent as such; else it is asked for in the prompt.
        think: whether thinking is turned off by `think`; else nothing is said of it.
    """

    format: bool = True
    think: bool = True

    def without(self, option: str, said: str) -> Self:
        """Return what is left after the server refused `option`."""
        return replace(self, format=False) if option == "format" else replace(self, think=False)


def write_schema(reply_format: ReplyFormat) -> str:
    """Return the value of `format` as JSON."""
    return encode(reply_format.schema)


def write_request(
    model: str,
    request: ModelRequest,
    *,
    schema: str | None,
    instruction: str | None,
    think: str | bool | None,
    window_tokens: int | None,
) -> bytes:
    """Return the body of a request.

    Args:
        model: what the server calls it.
        request: what to ask.
        schema: the JSON of `format`; None: it is left out.
        instruction: words at the end of the user message; None: no such words.
        think: a level, or whether to think at all; None: it is left out.
        window_tokens: room for prompt and reply together; None: it is left out.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": write_messages(request, instruction=instruction),
        "stream": False,
        "options": _options_of(request, window_tokens, think if isinstance(think, str) else None),
    }
    if think is not None:
        body["think"] = think
    text = encode(body)
    return (text if schema is None else f'{text[:-1]},"format":{schema}}}').encode("ascii")


def parse_reply(body: Any, asked_for: str) -> ModelReply:
    """Return the reply that a parsed body holds.

    Args:
        body: the body of an answer that is a success.
        asked_for: the model asked for, in case the server does not name the one that answered.

    Raises:
        CallError: there is none in it, `malformed reply`.
    """
    usage = Usage(input_tokens=count(body, "prompt_eval_count"), output_tokens=count(body, "eval_count"))
    text = dig(body, "message", "content")
    if not isinstance(text, str):
        raise CallError("malformed reply", "no message.content", usage=usage)
    return ModelReply(
        strip_thinking(well_formed(text)),
        stop="cut" if dig(body, "done_reason") == "length" else "end",
        model=name_of(body, asked_for),
        usage=usage,
    )


def _options_of(request: ModelRequest, window_tokens: int | None, effort: str | None) -> dict[str, Any]:
    known = {
        "num_ctx": window_tokens,
        "num_predict": request.max_output_tokens + room_for_thinking(effort),
        "seed": request.seed,
        "temperature": request.temperature,
    }
    return {name: value for name, value in known.items() if value is not None}
