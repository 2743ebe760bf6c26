"""Reading a reply of Anthropic's Messages API."""

from typing import Any

from ..failures import CallError
from ..json_shapes import count, dig, name_of, well_formed
from ..model import ModelReply, Stop, Usage
from ..wire.server import SHOWN_CHARACTERS

_STOPS: dict[Any, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "cut",
    "model_context_window_exceeded": "cut",
    "refusal": "refused",
}


def parse_reply(body: Any, asked_for: str) -> ModelReply:
    """Return the reply that a parsed body holds.

    Blocks are chosen by their type: thinking may come first.

    Args:
        body: the body of an answer that is a success.
        asked_for: the model asked for, in case the server does not name the one that answered.

    Raises:
        CallError: there is none in it, `malformed reply`.
    """
    usage = read_usage(body)
    blocks, reason = dig(body, "content"), dig(body, "stop_reason")
    if not isinstance(blocks, list):
        raise CallError("malformed reply", "no list of content blocks", usage=usage)
    if not isinstance(reason, str) or reason not in _STOPS:
        raise CallError("malformed reply", f"stop_reason {reason!r}"[:SHOWN_CHARACTERS], usage=usage)
    texts = [dig(block, "text") for block in blocks if dig(block, "type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise CallError("malformed reply", "a text block without text", usage=usage)
    return ModelReply(
        well_formed("".join(texts)),
        stop=_STOPS[reason],
        model=name_of(body, asked_for),
        usage=usage,
    )


def read_usage(body: Any) -> Usage:
    """Return the tokens of a call, as far as the server says."""
    return Usage(
        input_tokens=count(body, "usage", "input_tokens"),
        cache_write_tokens=count(body, "usage", "cache_creation_input_tokens"),
        cache_write_1h_tokens=count(body, "usage", "cache_creation", "ephemeral_1h_input_tokens"),
        cache_read_tokens=count(body, "usage", "cache_read_input_tokens"),
        output_tokens=count(body, "usage", "output_tokens"),
        thinking_tokens=count(body, "usage", "output_tokens_details", "thinking_tokens"),
    )
