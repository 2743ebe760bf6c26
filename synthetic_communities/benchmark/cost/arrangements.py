"""What the prompts of a run would have cost in another arrangement: the same calls, put through the same accounting."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import add

from ...testing.server.caching import Block, CacheTerms, CacheUse, PromptCache
from ...testing.server.prompt import Prompt
from ...testing.server.tokens import TokenRule
from .calls import NotedCall

WRITE_5M, WRITE_1H, READ = 1.25, 2.0, 0.1
"""What a token costs that is written to a cache, for five minutes or an hour, or read from one, beside a plain one."""

Arrangement = Callable[[NotedCall], Iterator[Prompt]]
"""Returns the prompts that stand in the place of a call's."""

_PERSON, _FEED = "THE PERSON\n", "THE FEED\n"
_POST = re.compile(r"^(?=(?:Post \d+, by|By) .+ \(\d+ up, \d+ down\):$)", re.MULTILINE)
_NUMBERED = re.compile(r"^Post \d+, by ")
_ANY_BEGINNING = CacheTerms(512, step_tokens=16)


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Tokens of prompts, by what a cache did for them.

    Attributes:
        plain: neither written nor read.
        written_5m: written for five minutes.
        written_1h: written for an hour.
        read: read from the cache.
        calls: how many prompts.
    """

    plain: int = 0
    written_5m: int = 0
    written_1h: int = 0
    read: int = 0
    calls: int = field(default=0, kw_only=True)

    def __add__(self, other: "PromptTokens") -> "PromptTokens":
        return PromptTokens(
            self.plain + other.plain,
            self.written_5m + other.written_5m,
            self.written_1h + other.written_1h,
            self.read + other.read,
            calls=self.calls + other.calls,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.plain + self.written_5m + self.written_1h + self.read

    @property
    def as_plain(self) -> float:
        """How many plain ones cost as much."""
        return self.plain + WRITE_5M * self.written_5m + WRITE_1H * self.written_1h + READ * self.read

    @property
    def share_read(self) -> float:
        """What share of all of them was read from the cache."""
        return self.read / self.total if self.total else 0.0


def add_up(parts: Iterable[PromptTokens]) -> PromptTokens:
    """Return tokens added up."""
    return reduce(add, parts, PromptTokens())


def as_it_is(call: NotedCall) -> Iterator[Prompt]:
    """Yield the prompt as it was."""
    yield call.prompt


def without_cache(call: NotedCall) -> Iterator[Prompt]:
    """Yield the prompt as it would be without marks."""
    yield replace(call.prompt, blocks=tuple(Block(block.text) for block in call.prompt.blocks))


def person_first(call: NotedCall) -> Iterator[Prompt]:
    """Yield prompts that begin with the person, one for each post that may be reacted to.

    A cache reads of them whatever it has seen, without a mark and without a surcharge: no arrangement of marks can
    do better.
    """
    blocks = call.prompt.blocks
    ordered = sorted(blocks, key=lambda block: not block.text.startswith(_PERSON))
    for feed in _split_feed(call):
        parts = tuple(Block(feed if block.text.startswith(_FEED) and feed else block.text) for block in ordered)
        yield replace(call.prompt, blocks=parts, terms=_ANY_BEGINNING)


def _split_feed(call: NotedCall) -> list[str]:
    """Return a feed of one post for each that may be reacted to; one empty text if the act is no reaction."""
    feed = next((block.text for block in call.prompt.blocks if block.text.startswith(_FEED)), "")
    if call.act != "reaction" or not feed:
        return [""]
    posts = [post.rstrip() for post in _POST.split(feed.removeprefix(_FEED)) if post]
    return [f"{_FEED}{post}" for post in posts if _NUMBERED.match(post)] or [""]


def account_for(
    calls: Sequence[NotedCall], arrange: Arrangement, rule: TokenRule, *, slower: float = 1.0
) -> Mapping[str, PromptTokens]:
    """Return, by act, what a server's cache does for the prompts of a run in some arrangement.

    Args:
        calls: the calls of a run.
        arrange: what stands in the place of their prompts.
        rule: how tokens are counted.
        slower: how many times as long everything takes.
    """
    cache, found, under_way = PromptCache(), dict[str, PromptTokens](), dict[int, list[CacheUse]]()
    for seconds, begins, number in _list_events(calls, slower):
        if begins:
            call = calls[number]
            prompts = list(arrange(call))
            under_way[number] = [_use(cache, prompt, rule, seconds) for prompt in prompts]
            tokens = map(partial(_count, rule), prompts, under_way[number])
            found[call.act] = add_up([found.get(call.act, PromptTokens()), *tokens])
        else:
            for use in under_way.pop(number):
                cache.keep(use, seconds)
    return dict(sorted(found.items()))


def _list_events(calls: Sequence[NotedCall], slower: float) -> list[tuple[float, bool, int]]:
    """Return when calls began and ended, in order; of the same moment, what ended comes first."""
    begun = [(slower * call.began, True, number) for number, call in enumerate(calls)]
    return sorted([*begun, *((slower * call.ended, False, number) for number, call in enumerate(calls))])


def _use(cache: PromptCache, prompt: Prompt, rule: TokenRule, seconds: float) -> CacheUse:
    assert prompt.terms is not None
    return cache.use(prompt.beginning, prompt.blocks, prompt.terms, rule, seconds)


def _count(rule: TokenRule, prompt: Prompt, use: CacheUse) -> PromptTokens:
    # A line lies between two blocks.
    whole = rule.count_characters(sum(len(block.text) + 1 for block in prompt.blocks) - 1)
    plain = whole - use.read_tokens - use.written_tokens
    return PromptTokens(plain, use.written_5m_tokens, use.written_1h_tokens, use.read_tokens, calls=1)
