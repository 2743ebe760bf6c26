"""Writing a request of Anthropic's Messages API."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..caching.policy import Mark
from ..model import ModelRequest
from ..thinking import room_for_thinking
from .anthropic_abilities import Abilities

_USUAL_EFFORT = "high"
"""What models that think do if they are not told otherwise."""


def write_request(
    model: str,
    request: ModelRequest,
    abilities: Abilities,
    *,
    schema: Mapping[str, Any] | None = None,
    instruction: str = "",
    marks: Sequence[Mark] = (),
) -> dict[str, Any]:
    """Return the arguments of `messages.create`.

    Args:
        model: its id.
        request: what to ask.
        abilities: what the model takes.
        schema: the schema of the reply as the API takes it; None: none is sent.
        instruction: words at the end of the user message, if any.
        marks: up to where the cache is to keep the prompt.
    """
    texts = (*request.system, *request.user, instruction)
    blocks = [_block(text, mark) for text, mark in zip(texts, _spread(marks, len(texts)), strict=True)]
    places = len(request.system)
    thinking, effort = choose_thinking(request.effort, abilities)
    is_off = thinking == {"type": "disabled"}
    arguments: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens + (0 if is_off else room_for_thinking(effort or _USUAL_EFFORT)),
        "messages": [{"role": "user", "content": _filled(blocks[places:])}],
    }
    if system := _filled(blocks[:places]):
        arguments["system"] = system
    if thinking:
        arguments["thinking"] = thinking
    output: dict[str, Any] = {"effort": effort} if effort else {}
    if schema is not None:
        output["format"] = {"type": "json_schema", "schema": schema}
    return arguments | ({"output_config": output} if output else {})


def choose_thinking(asked_for: str | None, abilities: Abilities) -> tuple[dict[str, str] | None, str | None]:
    """Return what to send as `thinking` and as `effort`, None for what is left out.

    Thinking that is turned off is sent without an effort, as some efforts are refused beside it.

    Args:
        asked_for: the effort asked for; None: no thinking, or as little as there is.
        abilities: what the model takes.
    """
    if asked_for is not None:
        return ({"type": "adaptive"} if abilities.thinking_can_adapt else None), asked_for
    if abilities.thinking_can_be_off:
        return {"type": "disabled"}, None
    return None, abilities.lowest_effort


def _spread(marks: Sequence[Mark], texts: int) -> list[Mark | None]:
    """Return for each text its mark, or None."""
    by_text: list[Mark | None] = [None] * texts
    for mark in marks:
        by_text[mark.text] = mark
    return by_text


def _block(text: str, mark: Mark | None) -> dict[str, Any]:
    if mark is None:
        return {"type": "text", "text": text}
    life = {} if mark.life == "5m" else {"ttl": mark.life}
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", **life}}


def _filled(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    # An empty block is an error there.
    return [block for block in blocks if block["text"]]
