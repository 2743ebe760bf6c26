"""What a provider's cache makes of prompts that begin alike: which characters are read, written or plain. Pure.

A beginning is one or more whole texts of a prompt, in the same reply format; nothing in between is looked for. That
calls which go together miss what one of them is about to write is left out: one goes first where that matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..model import ModelRequest
from .manner import Manner, find_manner
from .policy import (
    CHARACTERS_A_TOKEN,
    SHORT_LIFE_SECONDS,
    Terms,
    choose_marks,
    expect_seconds_between,
    find_anthropic_terms,
)

SECONDS = {"5m": SHORT_LIFE_SECONDS, "1h": 3600.0}
"""How long an entry lives unread."""

STEP_TOKENS = 128
"""In steps of so many tokens beginnings are kept where nobody says which."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How the characters of one prompt are charged.

    Attributes:
        plain: at the full price.
        written: written to a cache.
        written_1h: those of them that are kept for an hour.
        read: read from a cache.
    """

    plain: int
    written: int = 0
    read: int = 0
    written_1h: int = field(default=0, kw_only=True)


@dataclass(slots=True)
class PrefixCache:
    """A provider's cache, followed prompt by prompt.

    Attributes:
        manner: whether it keeps what it is told to, whatever is long enough, or nothing.
        terms: what it takes.
        at_once: how many calls go on at once.
    """

    manner: Manner
    terms: Terms = field(default_factory=Terms)
    at_once: int = field(default=0, kw_only=True)
    _until: dict[int, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)

    def charge(self, request: ModelRequest, form: str = "", *, now: float = 0.0) -> Shares:
        """Return how a prompt is charged, and remember its beginnings.

        Args:
            request: the prompt.
            form: the text of the reply format, which stands before all others; prompts of another share nothing.
            now: when it is asked, in seconds.
        """
        texts = (*request.system, *request.user)
        lengths = list(map(len, texts))
        total = len(form) + sum(lengths)
        kept = self._choose(request, lengths, len(form))
        if not kept:
            return Shares(total)
        beginnings = _list_beginnings(texts, form)[: max(kept) + 1]
        read = max((length for key, length in beginnings if self._renew(key, now)), default=0)
        for place, seconds in kept.items():
            self._keep(beginnings[place], seconds, now)
        if self.manner == "automatic":
            read -= read % (STEP_TOKENS * CHARACTERS_A_TOKEN)
            return Shares(total - read, read=read)
        written = max(0, beginnings[-1][1] - read)
        hourly = written if max(kept.values()) == SECONDS["1h"] else 0  # all marks of a prompt live equally long
        return Shares(total - read - written, written, read, written_1h=hourly)

    def _choose(self, request: ModelRequest, lengths: Sequence[int], before: int) -> dict[int, float]:
        """Return the places of texts after which a beginning is kept, and for how many seconds."""
        if self.manner == "none":
            return {}
        if self.manner == "automatic":
            return dict.fromkeys(range(len(lengths)), SECONDS["5m"])
        seconds = expect_seconds_between(request.calls_between, self.at_once)
        marks = choose_marks(lengths, request.reuse, seconds, self.terms, before=before) if request.reuse else ()
        return {mark.text: SECONDS[mark.life] for mark in marks}

    def _renew(self, key: int, now: float) -> bool:
        """Say whether a beginning is kept; it is for longer now, as it is read."""
        until, seconds = self._until.get(key, (now, 0.0))
        is_there = now < until
        if is_there:
            self._until[key] = now + seconds, seconds
        return is_there

    def _keep(self, beginning: tuple[int, int], seconds: float, now: float) -> None:
        key, length = beginning
        if length >= self.terms.minimum_tokens * CHARACTERS_A_TOKEN:
            longest = max(seconds, self._until.get(key, (0.0, 0.0))[1])
            self._until[key] = now + longest, longest


def build_prefix_cache(model: str, *, is_told: bool, at_once: int) -> PrefixCache:
    """Return the cache of a model's provider, empty.

    Args:
        model: as `provider:model`.
        is_told: whether the cache is told what to keep, where it has to be.
        at_once: how many calls go on at once.
    """
    manner = find_manner(model)
    if manner == "marked":
        return PrefixCache("marked" if is_told else "none", find_anthropic_terms(model), at_once=at_once)
    return PrefixCache(manner, at_once=at_once)


def _list_beginnings(texts: Sequence[str], form: str) -> list[tuple[int, int]]:
    """Return a key and the characters of every beginning, the shortest first."""
    key, length, found = hash(form), len(form), []
    for text in texts:
        key, length = hash((key, text)), length + len(text)
        found.append((key, length))
    return found
