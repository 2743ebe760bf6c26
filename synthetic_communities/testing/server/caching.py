"""What a cache of prompts holds, and what of a prompt is read from it, written to it, or neither.

A prompt is a sequence of blocks, and a cache holds beginnings of prompts: what was read once, from the first block to
the end of some other. The first thing of every beginning is what else a reply depends on (model, form of the reply,
effort, thinking), so that a beginning in another form is another one. An entry can be read only once it is kept, which
is when the reply to the request that wrote it is sent: requests that come before that write the same once more.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .tokens import TokenRule

Ttl: TypeAlias = Literal["5m", "1h"]
SECONDS: dict[Ttl, float] = {"5m": 300.0, "1h": 3600.0}
MOST_ENTRIES = 300_000

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a prompt.

    Attributes:
        text: what the model reads.
        mark: how long what ends here is to be kept, once written; None: it is not marked.
    """

    text: str
    mark: Ttl | None = None


@dataclass(frozen=True, slots=True)
class CacheTerms:
    """How a provider's cache works for a model.

    Attributes:
        minimum_tokens: the shortest beginning that is kept; a shorter one is passed over in silence.
        step_tokens: beginnings are kept at every multiple of so many tokens, whether marked or not; None: only where
            a block is marked.
        lookback: how many ends of blocks are looked at for a beginning to read, from each mark backwards, itself
            among them.
        seconds: how long an unmarked beginning is kept after it was last used.
    """

    minimum_tokens: int
    step_tokens: int | None = field(default=None, kw_only=True)
    lookback: int = field(default=20, kw_only=True)
    seconds: float = field(default=SECONDS["5m"], kw_only=True)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a beginning.

    Attributes:
        key: digest of everything up to there.
        tokens: of everything up to there.
        mark: how long it is to be kept; None: it is not marked.
    """

    key: bytes
    tokens: int
    mark: Ttl | None = None


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What the cache did for one prompt.

    Attributes:
        read_tokens: read from it.
        written_5m_tokens: written to it for five minutes.
        written_1h_tokens: written to it for an hour.
        entries: what can be read once the reply is sent, each with the seconds it is kept.
    """

    read_tokens: int = 0
    written_5m_tokens: int = 0
    written_1h_tokens: int = 0
    entries: tuple[tuple[bytes, float], ...] = ()

    @property
    def written_tokens(self) -> int:
        """Written to it in all."""
        return self.written_5m_tokens + self.written_1h_tokens


class PromptCache:
    """Beginnings that were kept, each until it was not used for its time; of too many the ones used last.

    Attributes:
        most: how many there may be.
    """

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self.most = most
        self._entries: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def use(self, beginning: str, blocks: Sequence[Block], terms: CacheTerms, rule: TokenRule, now: float) -> CacheUse:
        """Return what is read and written of a prompt that comes at `now`, and renew what is read.

        Args:
            beginning: what else a reply depends on; it has no tokens.
            blocks: the prompt, in the order in which it is read.
            terms: how this cache works.
            rule: how tokens are counted.
            now: seconds on a clock that never goes back.
        """
        if terms.step_tokens is not None:
            return self._use_steps(list_steps(beginning, blocks, terms.step_tokens, rule), terms, now)
        ends = list_ends(beginning, blocks, rule)
        read = find_read(ends, terms, lambda key: self._is_readable(key, now))
        for end in ends[: read + 1]:
            if end.mark is not None or end is ends[read]:
                self._renew(end.key, now)
        return measure_use(ends, read, terms)

    def keep(self, use: CacheUse, now: float) -> None:
        """Make readable what a prompt has written, as its reply is sent at `now`."""
        for key, seconds in use.entries:
            _, kept = self._entries.get(key, (0.0, 0.0))
            self._entries[key] = (now + max(seconds, kept), max(seconds, kept))
            self._entries.move_to_end(key)
        while len(self._entries) > self.most:
            self._entries.popitem(last=False)

    def _use_steps(self, ends: Sequence[End], terms: CacheTerms, now: float) -> CacheUse:
        read = next((place for place, end in enumerate(ends) if not self._is_readable(end.key, now)), len(ends)) - 1
        for end in reversed(
            ends[: read + 1]
        ):  # the longest are the first to go, as none is of use without those before
            self._renew(end.key, now)
        tokens = ends[read].tokens if read >= 0 else 0
        entries = tuple((end.key, terms.seconds) for end in reversed(ends[read + 1 :]))
        return CacheUse(tokens if tokens >= terms.minimum_tokens else 0, entries=entries)

    def _is_readable(self, key: bytes, now: float) -> bool:
        until, _ = self._entries.get(key, (-math.inf, 0.0))
        return now < until

    def _renew(self, key: bytes, now: float) -> None:
        if self._is_readable(key, now):
            _, seconds = self._entries[key]
            self._entries[key] = (now + seconds, seconds)
            self._entries.move_to_end(key)


def list_ends(beginning: str, blocks: Sequence[Block], rule: TokenRule) -> list[End]:
    """Return the ends of a prompt's blocks, in order."""
    return list(_list_ends(beginning, blocks, rule))


def _list_ends(beginning: str, blocks: Sequence[Block], rule: TokenRule) -> Iterator[End]:
    digest, characters = _begin(beginning), -1
    for block in blocks:
        digest.update(f"\x1e{len(block.text)}\x1f".encode())
        digest.update(_encode(block.text))
        characters += 1 + len(block.text)  # a line lies between two blocks
        yield End(digest.digest(), rule.count_characters(characters), block.mark)


def list_steps(beginning: str, blocks: Sequence[Block], step_tokens: int, rule: TokenRule) -> list[End]:
    """Return the ends of a prompt's whole steps of so many tokens, in order."""
    digest, text = _begin(beginning), "\n".join(block.text for block in blocks)
    ends: list[End] = []
    for tokens in range(step_tokens, rule.count(text) + 1, step_tokens):
        start, end = (int(place * rule.characters) for place in (tokens - step_tokens, tokens))
        digest.update(_encode(text[start:end]))
        ends.append(End(digest.digest(), tokens))
    return ends


def find_read(ends: Sequence[End], terms: CacheTerms, is_readable: Callable[[bytes], bool]) -> int:
    """Return the place of the longest beginning that is read, looking back from every mark; -1: none is."""
    looked_at = {
        place
        for mark, end in enumerate(ends)
        if end.mark is not None
        for place in range(max(0, mark - terms.lookback + 1), mark + 1)
    }
    return next((place for place in sorted(looked_at, reverse=True) if is_readable(ends[place].key)), -1)


def measure_use(ends: Sequence[End], read: int, terms: CacheTerms) -> CacheUse:
    """Return what is read and written where the beginning at place `read` is read, or none at -1.

    What lies between what is read and the last mark is written: up to the last mark for an hour for an hour, from
    there on for five minutes.
    """
    at = ends[read].tokens if read >= 0 else 0
    written = [end for end in ends[read + 1 :] if end.mark is not None and end.tokens >= terms.minimum_tokens]
    hours = max((end.tokens for end in written if end.mark == "1h"), default=at)
    last = max((end.tokens for end in written), default=at)
    entries = tuple((end.key, SECONDS[end.mark]) for end in written if end.mark is not None)
    return CacheUse(at, max(0, last - hours), hours - at, entries)


def _begin(beginning: str) -> "hashlib.blake2b":
    return hashlib.blake2b(_encode(beginning), digest_size=_DIGEST_BYTES)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
