"""Which models' providers keep the beginnings of prompts, and whether they have to be told to. Pure."""

import re
from typing import Literal

from ..naming import ModelName
from .policy import Terms, find_anthropic_terms

Manner = Literal["none", "automatic", "marked"]

AUTOMATIC = ("openai", "gemini", "vllm", "openai-compatible")
"""Who keeps beginnings without being told to. Servers that work on one call at a time gain nothing."""

_KEPT_BY_OPENROUTER = re.compile(r"openai/(?!gpt-oss)|deepseek/|x-ai/|google/gemini-(2\.5|[3-9]|\d\d)")
"""Whose models OpenRouter has kept without being told to; open ones of OpenAI are served by anybody."""


def find_manner(model: str) -> Manner:
    """Return whether a model's provider keeps what it is told to, whatever is long enough, or nothing.

    The hosts behind OpenRouter differ: Anthropic's there want marks in a form of OpenRouter's, which are not sent.

    Args:
        model: as `provider:model`; of any other name nothing is kept.
    """
    provider, _, name = model.partition(":")
    if provider == "anthropic":
        return "marked"
    is_kept = _KEPT_BY_OPENROUTER.match(name) is not None if provider == "openrouter" else provider in AUTOMATIC
    return "automatic" if is_kept else "none"


def find_least_tokens(name: ModelName) -> int | None:
    """Return the length of the shortest beginning that a model's provider keeps; None: it keeps none."""
    manner = find_manner(str(name))
    if manner == "none":
        return None
    return (find_anthropic_terms(name.model) if manner == "marked" else Terms()).minimum_tokens


def waits_in_runs_only(name: ModelName) -> bool:
    """Say whether a call waits for another only where both are of a run.

    A run takes hardly longer for it. A verb that a script calls for all people takes twice as long, which pays only
    where missing the cache costs more than there being none: all would write what one of them has to.
    """
    return find_manner(str(name)) != "marked"
