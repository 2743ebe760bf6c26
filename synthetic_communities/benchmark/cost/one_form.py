"""One form of reply for everything: what its prompts would have come to, and how much longer its replies would be."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...testing.server.caching import Block
from .arrangements import Arrangement
from .calls import NotedCall
from .marks import marked_anew

OUTPUT = 5
"""What a token of a reply costs beside a plain one of a prompt, with the models of `docs/cost.md`."""

WORDS = "words"
"""What the field of plain text would be called."""


def one_form(calls: Sequence[NotedCall]) -> Arrangement:
    """Return the arrangement in which all calls of a run share one form of reply.

    The schema stands before every prompt, and beginnings are shared by whoever has the same texts.

    Args:
        calls: of the whole run.
    """
    schema = find_schema(calls)
    return marked_anew(
        calls, lambda call: replace(call.prompt, beginning="one form", blocks=_put_first(schema, call.prompt.blocks))
    )


def find_schema(calls: Iterable[NotedCall]) -> str:
    """Return the schema of judgements as it stands before their prompts; nothing if nobody judges."""
    return next((call.prompt.blocks[0].text for call in calls if _has_schema(call.prompt.blocks)), "")


def count_more_characters(calls: Iterable[NotedCall]) -> int:
    """Return by how many characters the replies of a run would be longer.

    Words would be the value of a field, beside all fields of a judgement set to null; in a judgement the field of words
    would be null. What has to be escaped in words is left out.
    """
    calls = list(calls)
    schema = find_schema(calls)
    if not schema:
        return 0
    around = len(json.dumps({WORDS: "", **dict.fromkeys(json.loads(schema)["properties"])}))
    beside = len(json.dumps({WORDS: None})) - len("{}") + len(", ")
    return sum(beside if _has_schema(call.prompt.blocks) else around for call in calls)


def _has_schema(blocks: Sequence[Block]) -> bool:
    return blocks[0].text.startswith("{")


def _put_first(schema: str, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    return blocks if _has_schema(blocks) or not schema else (Block(schema), *blocks)
