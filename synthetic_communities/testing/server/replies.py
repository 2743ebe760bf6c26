"""What the model says to a prompt, and how it goes wrong."""

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from .draws import Draws
from .faults import Fault, Plan
from .forms import fill_form, find_form
from .problem import Problem
from .prompt import Ending, Prompt, Reply
from .schemas.checks import check_schema
from .schemas.values import build_value
from .schemas.walk import Schema
from .sentences import REFUSAL, build_prose, build_sentence
from .settings import LoopbackSettings
from .tokens import TokenRule

_ENDINGS: Mapping[str, Ending] = {
    "refuse": "refused",
    "content-filter": "filtered",
    "filter-400": "refused",
    "cut": "cut",
}
_SEARCHED = 40
_ANY_OBJECT: Schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def compose_reply(prompt: Prompt, plan: Plan, draws: Draws, settings: LoopbackSettings, rule: TokenRule) -> Reply:
    """Return what the model says to `prompt`.

    Raises:
        Problem: no value can be made up for the schema.
    """
    stream = draws.stream("text", varies=settings.vary_replies)
    thinking_tokens = settings.thinking_tokens if plan.thinks else 0
    thinking = build_prose(stream, math.ceil(thinking_tokens * rule.characters)) if plan.thinks else ""
    ending = _ENDINGS.get(plan.fault or "", "done")
    text = REFUSAL if ending in ("refused", "filtered") else _build_text(prompt, plan.fault, stream, settings)
    if ending == "cut":
        text = text[: len(text) // 2]
    text, ending, tokens = _fit(text, ending, thinking_tokens, prompt.max_tokens, rule)
    return Reply(text, ending, thinking, _prompt_tokens(prompt, plan.fault, rule), tokens, min(thinking_tokens, tokens))


def _fit(
    text: str, ending: Ending, thinking_tokens: int, limit: int | None, rule: TokenRule
) -> tuple[str, Ending, int]:
    """Cut what exceeds the limit; return text, ending, and the tokens of thinking and text."""
    tokens = thinking_tokens + max(1, rule.count(text))
    if limit is None:
        return text, ending, tokens
    if tokens > limit and ending in ("done", "cut"):
        return rule.keep(text, max(0, limit - thinking_tokens)), "cut", limit
    return text, ending, limit if ending == "cut" else min(tokens, limit)


def _prompt_tokens(prompt: Prompt, fault: Fault | None, rule: TokenRule) -> int:
    tokens = rule.count(prompt.text)
    if prompt.window_tokens is not None:
        tokens = min(tokens, prompt.window_tokens)
    return max(1, tokens // 10) if fault == "cut-prompt" else tokens


def _build_text(prompt: Prompt, fault: Fault | None, stream: random.Random, settings: LoopbackSettings) -> str:
    schema = prompt.schema or find_schema(prompt.text) or (_ANY_OBJECT if prompt.wants_json else None)
    if fault == "empty":
        return ""
    if schema is None or fault == "ignore-schema":
        form = find_form(prompt.text) if schema is None else []
        return fill_form(form, stream) if form else build_prose(stream, settings.reply_length(prompt.text))
    text = json.dumps(build_value(schema, stream, settings.string_chars), ensure_ascii=False)
    garble = _GARBLES.get(fault or "")
    return garble(text, schema, stream) if garble else text


def find_schema(text: str) -> Schema | None:
    """Return the first JSON schema of an object in `text`, for prompts that ask for JSON in so many words."""
    if '"properties"' not in text:
        return None
    decoder, start = json.JSONDecoder(), text.find("{")
    for _ in range(_SEARCHED):
        if start < 0:
            break
        found = _decode(decoder, text, start)
        if found is not None:
            return found
        start = text.find("{", start + 1)
    return None


def _decode(decoder: json.JSONDecoder, text: str, start: int) -> Schema | None:
    try:
        found, _ = decoder.raw_decode(text, start)
        if not isinstance(found, dict) or not isinstance(found.get("properties"), dict):
            return None
        check_schema(found)
    except (ValueError, RecursionError, Problem):
        return None
    return found


def _malform(text: str, schema: Schema, stream: random.Random) -> str:
    return text.replace('":', '"', 1) if '":' in text else text + "]"


def _misshape(text: str, schema: Schema, stream: random.Random) -> str:
    return json.dumps({"comment": build_sentence(stream), "rating": [1, None]})


def _surround(text: str, schema: Schema, stream: random.Random) -> str:
    return f"{build_sentence(stream)} Here is my answer:\n\n{text}\n\n{build_sentence(stream)}"


def _fence(text: str, schema: Schema, stream: random.Random) -> str:
    return f"```json\n{text}\n```"


def _double(text: str, schema: Schema, stream: random.Random) -> str:
    others = (json.dumps(build_value(schema, stream), ensure_ascii=False) for _ in range(20))
    other: Any = next((each for each in others if each != text), _misshape(text, schema, stream))
    return f"{text}\n{other}"


_GARBLES: Mapping[str, Callable[[str, Schema, random.Random], str]] = {
    "malformed-text": _malform,
    "wrong-shape-text": _misshape,
    "prose": _surround,
    "fenced": _fence,
    "two-objects": _double,
}
