"""A request as all protocols have it in common, and the reply to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .caching import Block, CacheTerms, CacheUse

Ending: TypeAlias = Literal["done", "cut", "refused", "filtered"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request asks for.

    Attributes:
        model: the model, as it was named.
        text: all that the model reads: the schema, the instructions, the conversation.
        schema: the schema the reply must satisfy, or None.
        wants_json: whether JSON was asked for without a schema.
        max_tokens: the most tokens the reply may have, or None.
        window_tokens: the window asked for, to which a prompt is cut silently; None where it never is.
        shows_thinking: whether thinking is returned, and not only counted.
        streamed: whether the reply is sent as a sequence of JSON lines.
        blocks: the same text in its parts, as a cache knows them.
        beginning: what else a cached beginning depends on, as one text.
        terms: how a cache works for it; None: there is none.
    """

    model: str
    text: str
    schema: Mapping[str, Any] | None = None
    wants_json: bool = False
    max_tokens: int | None = None
    window_tokens: int | None = None
    shows_thinking: bool = True
    streamed: bool = False
    blocks: tuple[Block, ...] = ()
    beginning: str = ""
    terms: CacheTerms | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says.

    Attributes:
        text: the reply; where it is refused, the words in which it is.
        ending: how it ended.
        thinking: the thinking before it, or empty.
        prompt_tokens: tokens of the prompt, as reported.
        output_tokens: tokens of thinking and reply together.
        thinking_tokens: tokens of the thinking alone.
        cached: what of the prompt was read from a cache and written to it.
    """

    text: str
    ending: Ending
    thinking: str
    prompt_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached: CacheUse = field(default_factory=CacheUse)

    @property
    def plain_tokens(self) -> int:
        """Tokens of the prompt that were neither read from a cache nor written to it."""
        return self.prompt_tokens - self.cached.read_tokens - self.cached.written_tokens
