"""Where a provider's cache is told to keep the beginning of a prompt: a decision by lengths, reads, time and price.

A call that begins as an earlier one did reads that beginning from the cache, at a fraction of the price of input. To be
read it must have been written, for a little more than the price of input, up to a mark. So a mark pays where what
stands before it comes again often enough: see `docs/cost.md`, "Where a mark pays".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Life = Literal["5m", "1h"]

CHARACTERS_A_TOKEN = 4
"""Tokens of a text are taken to be its characters over this: which mark pays does not depend on much more."""

TYPICAL_REPLY_SECONDS = 3.0
"""How long a reply is taken to be under way, to tell how long it is until somebody is asked again."""

SHORT_LIFE_SECONDS = 300.0
"""How long an entry lives after it was last read, at the usual price of writing it."""

MOST_OWN_READS = 8
"""What comes again more often is shared by many people: somebody reads it all the time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a provider's cache takes and costs, in multiples of the price of input.

    Attributes:
        minimum_tokens: the shortest beginning that is kept.
        read: of reading a token from the cache.
        write: of writing one that lives for five minutes.
        write_long: of writing one that lives for an hour.
        most_marks: how many marks a request may have.
    """

    minimum_tokens: int = field(default=1_024, kw_only=True)
    read: float = field(default=0.1, kw_only=True)
    write: float = field(default=1.25, kw_only=True)
    write_long: float = field(default=2.0, kw_only=True)
    most_marks: int = field(default=4, kw_only=True)


class Mark(NamedTuple):
    """A mark: everything up to the end of a text is to be kept.

    Attributes:
        text: which text, from 0, those of the system message first.
        life: for how long.
    """

    text: int
    life: Life


def choose_marks(
    lengths: Sequence[int], reuse: Sequence[int], between_seconds: float, terms: Terms, *, before: int = 0
) -> tuple[Mark, ...]:
    """Return the marks that save most, first to last; none where none pays.

    Of the `n + 1` calls that have a text in common one writes it and the others read it. So a token between two marks
    costs `(write + n * read) / (n + 1)` on average, where `n` is how often the text at the later mark comes again, and
    1 behind the last. A mark without which as much is saved is not set.

    Args:
        lengths: characters of every text, those of the system message first.
        reuse: how many other calls begin with everything up to each text; what is missing is 0.
        between_seconds: time until the same person is asked again in the same reply format.
        terms: of the provider.
        before: characters that stand before the first text: the schema of the reply.
    """
    ends = _list_ends(lengths, reuse, terms, before)
    if between_seconds <= SHORT_LIFE_SECONDS:
        return _best(ends, terms, "5m").marks
    shared = [end for end in ends if end.reads > MOST_OWN_READS]
    return max(_best(shared, terms, "5m"), _best(ends, terms, "1h"), key=lambda saved: saved.tokens).marks


def expect_seconds_between(calls_between: int, at_once: int) -> float:
    """Return how long so many calls of others take; 0 where nobody knows how many are under way at once."""
    return calls_between * TYPICAL_REPLY_SECONDS / at_once if at_once else 0.0


def find_anthropic_terms(model: str) -> Terms:
    """Return the terms of a model of Anthropic's, by its id.

    Of a model not known here the shortest beginning kept is taken to be 1,024 tokens, as of most of them.
    """
    if "haiku-4-5" in model:
        return Terms(minimum_tokens=4_096)
    if not re.search(r"-5-5\b", model):
        return Terms()
    return Terms(minimum_tokens=512, read=0.05 if re.search("sonnet|opus", model) else 0.1)


class _End(NamedTuple):
    """Where a mark may stand: at the end of this text, behind so many tokens, which come again so often."""

    text: int
    tokens: float
    reads: int


class _Saved(NamedTuple):
    """What some marks save a call on average, in tokens at the price of input."""

    tokens: float
    marks: tuple[Mark, ...]


_NOTHING = _Saved(0.0, ())


def _list_ends(lengths: Sequence[int], reuse: Sequence[int], terms: Terms, before: int) -> list[_End]:
    """Return where a mark may stand: of texts that come again equally often only the last is worth one."""
    ends: list[_End] = []
    characters = before
    for text, (length, reads) in enumerate(zip(lengths, reuse, strict=False)):
        characters += length
        if reads < 1 or characters < terms.minimum_tokens * CHARACTERS_A_TOKEN:
            continue
        if ends and ends[-1].reads == reads:
            ends.pop()
        ends.append(_End(text, characters / CHARACTERS_A_TOKEN, reads))
    return ends


def _best(ends: Sequence[_End], terms: Terms, life: Life) -> _Saved:
    """Return what at most `most_marks` of these save at best: the best of one more mark, from the best of one less."""
    write = terms.write if life == "5m" else terms.write_long
    gains = [1 - (write + end.reads * terms.read) / (end.reads + 1) for end in ends]
    best, rows = _NOTHING, [_NOTHING] * len(ends)
    for number in range(min(terms.most_marks, len(ends))):
        rows = [_add(ends, gains, rows, place, life, is_first=number == 0) for place in range(len(ends))]
        best = max(best, *rows, key=lambda saved: saved.tokens)
    return best


def _add(
    ends: Sequence[_End], gains: Sequence[float], rows: Sequence[_Saved], place: int, life: Life, *, is_first: bool
) -> _Saved:
    """Return the best of marks the last of which stands here, if `rows` are those with one mark less."""
    mark = (Mark(ends[place].text, life),)
    if is_first:
        return _Saved(ends[place].tokens * gains[place], mark)
    fewer = (
        _Saved(rows[last].tokens + (ends[place].tokens - ends[last].tokens) * gains[place], rows[last].marks + mark)
        for last in range(place)
    )
    return max(fewer, default=_NOTHING, key=lambda saved: saved.tokens)
