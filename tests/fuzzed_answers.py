"""Answers of servers gone wrong: any status, headers and bytes, but mostly such as could nearly be read."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from synthetic_communities.llm.wire.answers import HttpAnswer
from tests.fuzzed_texts import JUDGEMENTS, NASTY, change_text, change_value, fuzz_text

USAGE = {
    "prompt_tokens": 90,
    "completion_tokens": 9,
    "total_tokens": 99,
    "prompt_tokens_details": {"cached_tokens": 64},
    "input_tokens": 90,
    "output_tokens": 9,
    "cache_creation_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15},
    "cache_read_input_tokens": 64,
    "output_tokens_details": {"thinking_tokens": 3},
}
ERRORS: tuple[Any, ...] = (
    {"error": {"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit", "param": "seed"}},
    {"type": "error", "error": {"type": "overloaded_error", "message": "Busy", "details": {"error_code": "x"}}},
    [{"error": {"code": 429, "message": "m", "details": [{"@type": "t", "retryDelay": "36s"}]}}],
    {"detail": [{"loc": ["body", "seed"], "msg": "extra", "input": {"messages": []}}]},
    {"error": '"llama3" does not support thinking'},
    {"error": {"message": "response_format is not supported", "code": "content_filter"}},
    {"message": "insufficient_quota", "error": {"code": "insufficient_quota"}},
)
STATUSES = (*(200,) * 30, 201, 204, 206, 100, 101, 199, 300, 301, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409)
MORE_STATUSES = (
    410,
    413,
    422,
    425,
    429,
    429,
    429,
    451,
    499,
    500,
    501,
    502,
    503,
    504,
    505,
    520,
    524,
    529,
    529,
    599,
    999,
)
HEADERS = (
    *("retry-after", "retry-after-ms", "date", "location", "content-type", "request-id"),
    *(f"x-ratelimit-{part}-{what}" for part in ("limit", "remaining", "reset") for what in ("requests", "tokens", "")),
    *(f"anthropic-ratelimit-{what}-{part}" for part in ("limit", "remaining", "reset") for what in ("requests", "x")),
)
TOLD = (
    *("1", "0", "-1", "30", "1.5", "1e400", "nan", "inf", "9" * 5_000, "1_0", "6m0s", "20ms", "1h2m3.25s", "9d" * 50),
    *("Mon, 23 Nov 2026 13:00:00 GMT", "Mon, 23 Nov 2026 13:00:00 -0000", "Mon, 99 Foo 2026 25:61:00 GMT", "Mon,"),
    *(
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "1 Jan 99999999999 00:00 +9999999999999",
        ", , : +",
    ),
    *("2026-11-18T06:26:45Z", "2026-11-18T06:26:45+02:00", "0001-01-01T00:00:00+23:59", "2026-W53-7", "99999-01-01"),
    *(
        "https://elsewhere.example/v1",
        "application/json",
        "text/html; charset=hex",
        "text/plain; charset=\x00",
        "x" * 9_000,
    ),
)


def _openai(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text, "refusal": None}, "finish_reason": "stop"}], "usage": USAGE}


def _anthropic(text: str) -> dict[str, Any]:
    blocks = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": text}]
    return {"content": blocks, "stop_reason": "end_turn", "model": "m", "usage": USAGE}


def _ollama(text: str) -> dict[str, Any]:
    return {"message": {"content": text}, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 9, "model": "m"}


BODIES = {"openai": _openai, "anthropic": _anthropic, "ollama": _ollama}
"""Protocol to a sound body that holds a text."""


def fuzz_answer(random: Random, protocol: str) -> HttpAnswer:
    """Return an answer in this protocol gone wrong in one way or several."""
    status = random.choice(STATUSES if random.random() < 0.7 else MORE_STATUSES)
    headers = {random.choice(HEADERS): _fuzz_header(random) for _ in range(random.choice((0, 0, 1, 3)))}
    is_error = random.random() < 0.3
    value = random.choice(ERRORS) if is_error else BODIES[protocol](fuzz_text(random, JUDGEMENTS))
    for _ in range(random.choice((0, 0, 1, 1, 3))):
        value = change_value(random, value)
    return HttpAnswer(status, headers, _fuzz_bytes(random, value))


def _fuzz_header(random: Random) -> str:
    told = random.choice(TOLD)
    return change_text(random, told) if random.random() < 0.5 else told


def _fuzz_bytes(random: Random, value: Any) -> bytes:
    luck = random.random()
    if luck < 0.002:
        value = {"error": {"message": value}}
        text = '{"choices":' * (depth := int(100_000 ** random.random())) + json.dumps(value) + "}" * depth
    else:
        text = json.dumps(value, ensure_ascii=luck < 0.5)
    if luck > 0.8:
        text = change_text(random, text)
    content = text.encode(random.choice(("utf-8",) * 9 + ("utf-16", "utf-32", "latin-1")), "replace")
    if luck > 0.95:
        place = random.randrange(len(content) + 1)
        content = (
            content[:place] + random.choice((b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\x00", b"")) + content[place + 1 :]
        )
    return (
        content
        if luck < 0.99
        else random.choice((b"", b"\xff\xfe", b"null", b"<html>", NASTY[0].encode(), b"9" * 9_000))
    )
