"""Texts of replies gone wrong, as many as are wanted: sound ones, changed at random; a seed gives the same ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

STATED = {"topic": "rents", "sentence": "Cap them.", "stance": 0.5, "candidate": "B"}
WAIT = {"topic": "trams", "sentence": "I would wait.", "stance": -0.25, "candidate": "none"}
NOTHING: dict[str, Any] = dict.fromkeys(
    ("opinions", "first_choice", "vote", "reason", "thumbs_up", "thumbs_down"),
)
JUDGEMENTS: tuple[dict[str, Any], ...] = (
    {**NOTHING, "opinions": [STATED, WAIT], "first_choice": "A"},
    {**NOTHING, "vote": "B", "reason": "She listens.", "first_choice": "none"},
    {**NOTHING, "vote": "abstain"},
    {**NOTHING, "thumbs_up": [1], "thumbs_down": [2]},
    {
        "opinions": [STATED],
        "first_choice": "b",
        "vote": "A",
        "reason": "So.",
        "thumbs_up": [1, 2],
        "thumbs_down": [],
    },
)
"""Judgements that fit the views of `small_views`, each for one act, the last one for all."""

POSITIONS = (
    "rents: +0.4; Cap them.\ntrams: -1; Wait.",
    "1. **rents**: 0; [As it is.]\n2. **trams**: 1.00; Build it.",
    "_: 0.1; So.\nrents: -0.3; No cap.\n- `trams`: \u22120.5; No.",
)
WORDS = ("A cap is fair.\nTenants need it.", "Zwölf Jahre, und 中!", "[rents] {trams}: \U0001f600")

NASTY = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 400, "9" * 5_000, "-0", "0." + "0" * 60 + "1"),
    *("00.5", "+1", ".5", "1.0000000000000001", "-1.0000001", "1_0", "\u0663", "\u2212", "0x1", "true", "None", "null"),
    *("\ud800", "\udfff", "\\ud800", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff", "\u200b"),
    *('"', "'", "\\", '\\"', "\\u", "\\x41", "{", "}", "[", "]", ",", ":", ";", "{}", "[]", '""', "|", "/*", "//", "#"),
    *("```", "```json\n", "~~~", "<think>", "</think>", "\n", "\r\n", "\t", "\u00a0", "ſ", "İ", "K", "rents:", "vote"),
)
"""Pieces that are put in anywhere."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -0.0, 1, -1, 2, 10**400, 1e308, 1e-320, float("nan"), float("inf"), 0.1 + 0.2),
    *("", " ", "A", "b", "C", "none", "ABSTAIN", "rents", "TRAMS", "wages", "\ud800", "\u202e", "\x00", "0.5", "[]"),
    *("refusal", "max_tokens", "length", "content_filter", "error", "tool_calls", "stop", "m" * 5_000),
    *([], {}, [[]], [1, 2, 3], [None], {"vote": "A"}, STATED, [STATED], {"": ""}, {"\udfff": 1}),
)
"""Values that stand in the place of others."""

PIECES = (
    *'{}[]",:\\ \n;-_*',
    '{"',
    '{"a":',
    '\\"',
    "[{",
    "{[",
    "{}",
    ",]",
    '":',
    "```",
    "rents: 0;",
    "<think>",
    "\ud800",
)
"""What long runs consist of."""

PROSE = (
    "Here is my answer:\n",
    "I think {A} or [B].",
    'He said "no',
    "<think>Is it A? {'vote': 'B'}",
    "So, ",
    "```json\n",
)
AFTER = ("\n```", "\nAnything else?", " }", "]", "</think>", " {", '"')
LONGEST = 130_000
"""Characters of the longest run, which is longer than what is read."""


def change_value(random: Random, value: Any) -> Any:
    """Return a value with one of its parts put away, doubled, renamed or made into something else."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        return _change_dict(random, value)
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        middle = random.choice(([], [value[place]] * 2, [change_value(random, value[place])]))
        return [*value[:place], *middle, *value[place + 1 :]]
    return random.choice(VALUES)


def _change_dict(random: Random, value: dict[str, Any]) -> dict[str, Any]:
    name = random.choice(list(value))
    kind = random.randrange(8)
    if kind == 0:
        return {key: held for key, held in value.items() if key != name}
    if kind == 1:
        return {**value, random.choice((name.upper(), f" {name}", "mood", "\ud800", "")): value[name]}
    return {**value, name: change_value(random, value[name])}


def change_text(random: Random, text: str) -> str:
    """Return a text with a stretch of it put away, doubled, moved or replaced by something nasty."""
    begin = random.randrange(len(text) + 1)
    end = min(len(text), begin + int(random.expovariate(0.2)))
    kind = random.randrange(6)
    if kind == 0:
        return text[:begin] + text[end:]
    if kind == 1:
        return text[:end] + text[begin:]
    if kind == 2:
        return text[end:] + text[:begin]
    if kind == 3:
        return text[:begin]
    return text[:begin] + random.choice(NASTY) + text[end if kind == 4 else begin :]


def dump(random: Random, value: Any) -> str:
    """Return a value as JSON, in one of the ways of writing it."""
    return json.dumps(value, indent=random.choice((None, None, 2)), ensure_ascii=random.random() < 0.5)


def surround(random: Random, text: str) -> str:
    """Return a text with words, fences or thinking around it."""
    before = random.choice(PROSE) if random.random() < 0.8 else ""
    return before + text + (random.choice(AFTER) if random.random() < 0.6 else "")


def make_run(random: Random) -> str:
    """Return a long run of something, of any length up to more than is read."""
    piece = random.choice(PIECES) if random.random() < 0.7 else random.choice(PIECES) + random.choice(PIECES)
    return piece * (int(LONGEST ** random.random()) // len(piece) + 1)


def nest(random: Random, text: str) -> str:
    """Return a text within brackets, as deep as 10,000 of them, closed or not."""
    opening, closing = random.choice((("[", "]"), ("{", "}"), ('{"a":', "}"), ("[{", "}]"), ("(", ")")))
    depth = int(10_000 ** random.random())
    return opening * depth + text + closing * (depth if random.random() < 0.7 else 0)


def fuzz_text(random: Random, sound: Sequence[Any]) -> str:
    """Return one of these texts, or one of these values as JSON, gone wrong in several ways, one, or none."""
    chosen = random.choice(sound)
    for _ in range(0 if isinstance(chosen, str) else random.choice((0, 0, 1, 1, 2))):
        chosen = change_value(random, chosen)
    text = chosen if isinstance(chosen, str) else dump(random, chosen)
    luck = random.random()
    if luck < 0.25:
        text = surround(random, text)
    elif luck < 0.28:
        text = f"{text}\n{fuzz_text(random, sound)}"
    elif luck < 0.283:
        text = nest(random, text)
    elif luck < 0.287:
        text = (
            random.choice((text, "", '{"', '{"vote": "', "rents: 0; ")) + make_run(random) + random.choice((text, "}"))
        )
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 5))):
        text = change_text(random, text)
    return text
