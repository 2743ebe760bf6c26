"""Reading a reply in OpenAI's chat completions."""

from typing import Any

from ..failures import CallError
from ..json_shapes import count, dig, name_of, well_formed
from ..model import ModelReply, Stop, Usage
from ..thinking import strip_thinking


def parse_reply(body: Any, asked_for: str, *, thinks_in_text: bool) -> ModelReply:
    """Return the reply that a parsed body holds.

    Args:
        body: the body of an answer that is a success.
        asked_for: the model asked for, in case the server does not name the one that answered.
        thinks_in_text: whether thinking may come at the beginning of the text.

    Raises:
        CallError: there is none in it, `malformed reply`; or it broke off, `server error`.
    """
    choice = dig(body, "choices", 0)
    message = dig(choice, "message")
    usage = read_usage(body)
    if not isinstance(message, dict):
        raise CallError("malformed reply", "no choices[0].message", usage=usage)
    stop, text = _stop_of(choice, message, usage), _text_of(message, usage)
    if thinks_in_text:
        text = strip_thinking(text)
    return ModelReply(text, stop=stop, model=name_of(body, asked_for), usage=usage)


def read_usage(body: Any) -> Usage:
    """Return the tokens of a call, as far as the server says.

    Some hosts, Gemini's among them, count thinking into the total and not into `completion_tokens`.
    """
    told = dig(body, "usage")
    prompt, written, total = count(told, "prompt_tokens"), count(told, "completion_tokens"), count(told, "total_tokens")
    cached = count(told, "prompt_tokens_details", "cached_tokens")
    thought = count(told, "completion_tokens_details", "reasoning_tokens")
    if prompt is not None and written is not None and total is not None and total > prompt + written:
        thought = total - prompt - written if thought is None else thought
        written = total - prompt
    return Usage(
        input_tokens=None if prompt is None else max(0, prompt - (cached or 0)),
        cache_read_tokens=cached,
        output_tokens=written,
        thinking_tokens=thought,
    )


def _stop_of(choice: Any, message: dict[str, Any], usage: Usage) -> Stop:
    reason = dig(choice, "finish_reason")
    is_filtered = isinstance(reason, str) and reason.startswith("content_filter")
    if is_filtered or message.get("refusal"):
        return "refused"
    if reason == "length":
        return "cut"
    if reason == "error":
        raise CallError("server error", "the reply broke off", is_transient=True, usage=usage)
    if reason in ("tool_calls", "function_call"):
        raise CallError("malformed reply", f"finish_reason {reason}, and no tool was offered", usage=usage)
    return "end"


def _text_of(message: dict[str, Any], usage: Usage) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if isinstance(dig(part, "text"), str))
    if content is not None and not isinstance(content, str):
        raise CallError("malformed reply", "choices[0].message.content is no text", usage=usage)
    refusal = message.get("refusal")
    return well_formed(content or (refusal if isinstance(refusal, str) else ""))
