"""Writing a request of Anthropic's Messages API."""

from collections.abc import Mapping
from typing import Any

from ..model import ModelRequest
from .anthropic_abilities import Abilities


def write_request(
    model: str,
    request: ModelRequest,
    abilities: Abilities,
    *,
    schema: Mapping[str, Any] | None = None,
    instruction: str = "",
) -> dict[str, Any]:
    """Return the arguments of `messages.create`.

    Thinking that is turned off is sent without an effort, as some efforts are refused beside it.

    Args:
        model: its id.
        request: what to ask.
        abilities: what the model takes.
        schema: the schema of the reply as the API takes it; None: none is sent.
        instruction: words at the end of the user message, if any.
    """
    arguments: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "messages": [{"role": "user", "content": _blocks((*request.user, instruction))}],
    }
    if system := _blocks(request.system):
        arguments["system"] = system
    output: dict[str, Any] = {} if schema is None else {"format": {"type": "json_schema", "schema": schema}}
    if request.effort is not None:
        output["effort"] = request.effort
        arguments |= {"thinking": {"type": "adaptive"}} if abilities.thinking_can_adapt else {}
    elif abilities.thinking_can_be_off:
        arguments["thinking"] = {"type": "disabled"}
    elif abilities.lowest_effort is not None:
        output["effort"] = abilities.lowest_effort
    return arguments | ({"output_config": output} if output else {})


def _blocks(texts: tuple[str, ...]) -> list[dict[str, str]]:
    # An empty block is an error there.
    return [{"type": "text", "text": text} for text in texts if text]
