"""What a provider's cache makes of prompts that begin alike: which characters are read, written or plain. Pure.

A beginning is one or more whole texts of a prompt, in the same reply format; nothing in between is looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Manner = Literal["none", "automatic", "marked"]

CHARACTERS_A_TOKEN = 4
"""By which the shortest prefix that is cached, which providers state in tokens, is compared with a text."""

MINIMUM_TOKENS = 1024
"""Shortest prefix that is cached, where nothing else is known."""

LIFETIME_SECONDS = 300.0
"""How long an entry lives unread."""

AUTOMATIC: tuple[str, ...] = ()
"""Providers that cache whatever is long enough, without being told to."""

MOST_MARKS = 4
"""How many beginnings of one prompt are kept at most, where that has to be said."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How the characters of one prompt are charged.

    Attributes:
        plain: at the full price.
        written: written to a cache.
        read: read from a cache.
    """

    plain: int
    written: int = 0
    read: int = 0


def manner_of(model: str) -> Manner:
    """Return how a model's provider caches: what it is told to, whatever is long enough, or nothing foreseeable.

    Args:
        model: as `provider:model`.
    """
    provider = model.partition(":")[0]
    if provider == "anthropic":
        return "marked"
    return "automatic" if provider in AUTOMATIC else "none"


def choose_marks(reuse: Sequence[int]) -> tuple[int, ...]:
    """Return the places of texts after which a beginning is kept: the last ones that come again, most of all."""
    wanted = [place for place, often in enumerate(reuse) if often > 0]
    return tuple(wanted[-MOST_MARKS:])


@dataclass(slots=True)
class PrefixCache:
    """A provider's cache, followed prompt by prompt.

    Attributes:
        manner: how it caches.
        minimum_tokens: the shortest prefix that is cached.
        lifetime_seconds: how long an entry lives unread.
    """

    manner: Manner
    minimum_tokens: int = MINIMUM_TOKENS
    lifetime_seconds: float = LIFETIME_SECONDS
    _read_last: dict[int, float] = field(default_factory=dict, init=False, repr=False)

    def charge(self, texts: Sequence[str], form: str = "", *, now: float = 0.0, marks: Sequence[int] = ()) -> Shares:
        """Return how a prompt is charged, and remember its beginnings.

        Args:
            texts: of the prompt, in order.
            form: the text of the reply format, which stands before all others; prompts of another share nothing.
            now: when it is asked, in seconds.
            marks: places of texts after which its beginning is kept, where that has to be said.
        """
        total = len(form) + sum(map(len, texts))
        if self.manner == "none":
            return Shares(total)
        beginnings = self._beginnings(texts, form)
        kept = [beginnings[place] for place in marks] if self.manner == "marked" else beginnings
        kept = [(key, length) for key, length in kept if length >= self.minimum_tokens * CHARACTERS_A_TOKEN]
        read = max((length for key, length in kept if self._is_there(key, now)), default=0)
        for key, _ in kept:
            self._read_last[key] = now
        if self.manner == "automatic":
            return Shares(total - read, read=read)
        written = max((length for _, length in kept), default=0) - read
        return Shares(total - read - written, written, read)

    def _beginnings(self, texts: Sequence[str], form: str) -> list[tuple[int, int]]:
        key, length, found = hash(form), len(form), []
        for text in texts:
            key, length = hash((key, text)), length + len(text)
            found.append((key, length))
        return found

    def _is_there(self, key: int, now: float) -> bool:
        return now - self._read_last.get(key, -2 * self.lifetime_seconds) <= self.lifetime_seconds
