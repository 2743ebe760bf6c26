"""How servers that speak OpenAI's chat completions differ, and what one of them turned out not to know."""

import re
from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server is sent, as far as servers differ.

    Attributes:
        limit_field: the name of the reply's token limit.
        takes_seed: whether it is sent a seed; some servers refuse fields they do not know.
        efforts: values of `reasoning_effort` that stand for as little thinking as there is, the least first; the first
            that the model takes is sent. Empty: none is sent.
        stops_thinking_in_template: whether `chat_template_kwargs` is sent to turn thinking off.
        schema_at_top: whether the schema stands at the top level of `response_format`.
        thinks_in_text: whether thinking may come at the beginning of the text.
    """

    limit_field: str = "max_tokens"
    takes_seed: bool = field(default=True, kw_only=True)
    efforts: tuple[str, ...] = field(default=(), kw_only=True)
    stops_thinking_in_template: bool = field(default=False, kw_only=True)
    schema_at_top: bool = field(default=False, kw_only=True)
    thinks_in_text: bool = field(default=True, kw_only=True)


DIALECTS = {
    "openai": Dialect("max_completion_tokens", efforts=("none", "minimal", "low"), thinks_in_text=False),
    "gemini": Dialect(takes_seed=False, efforts=("none", "low"), thinks_in_text=False),
    "openrouter": Dialect(efforts=("none", "low"), thinks_in_text=False),
    "vllm": Dialect(stops_thinking_in_template=True),
    "lmstudio": Dialect(),
    "llamacpp": Dialect(stops_thinking_in_template=True, schema_at_top=True),
    "openai-compatible": Dialect(takes_seed=False),
}
"""Dialects by provider, as of 2026-11-22; seed and effort of Gemini and OpenRouter as documented, not as tried."""


@dataclass(frozen=True, slots=True)
class Features:
    """What of a dialect a server turned out to know; it only ever shrinks.

    Attributes:
        limit_field: the name of the reply's token limit.
        schema: whether a schema is sent as such; else it is asked for in the prompt.
        seed: whether a seed is sent.
        efforts: what is left of the dialect's efforts, the first of which is sent.
        template: whether thinking is turned off in the template.
    """

    limit_field: str
    schema: bool
    seed: bool
    efforts: tuple[str, ...]
    template: bool

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        """Return all that a dialect promises."""
        return cls(dialect.limit_field, True, dialect.takes_seed, dialect.efforts, dialect.stops_thinking_in_template)

    def without(self, option: str, said: str) -> Self:
        """Return what is left after the server refused `option`, in words that may name what it takes instead."""
        if option == "response_format":
            return replace(self, schema=False)
        if option == "seed":
            return replace(self, seed=False)
        if option == "chat_template_kwargs":
            return replace(self, template=False)
        if option == "max_tokens":
            return replace(self, limit_field="max_completion_tokens")
        named = tuple(effort for effort in self.efforts[1:] if re.search(rf"\b{effort}\b", said))
        return replace(self, efforts=named)
