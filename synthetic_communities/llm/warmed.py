"""One call of a new shared beginning goes first, and the others when its reply is there: then they find it cached."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from ..waiting import without_place
from .cache_policy import CHARACTERS_A_TOKEN, SHORT_LIFE_SECONDS, Terms, find_anthropic_terms
from .journal.journal import current_journal
from .model import Call, Model, ModelReply, ModelRequest
from .naming import ModelName
from .per_loop import PerLoop
from .wrapper import Wrapper

FEWEST_FOLLOWERS = 20
"""How many other calls have to begin so; for fewer the wait costs more than it saves."""

LONGEST_WAIT_SECONDS = 20.0
"""How long a call waits in all, and how old a leader may be for others to wait for it."""

MOST_FAILED = 3
"""How many calls that went first may fail in a row; then nobody waits for another."""

MOST_APART = 1_000
"""How many calls wait without their place; more of them would fill the memory, and gain nothing."""

MOST_REMEMBERED = 64
"""Of how many beginnings it is remembered that they are cached; forgotten ones are only led once more."""

_ANTHROPIC = "anthropic"
"""Who asks for marks, and for more than the price of input where something is written to the cache."""

CACHING = ("openai", "gemini", "openrouter", "vllm", "openai-compatible")
"""Who keeps beginnings of prompts without being told to. Servers that work on one call at a time gain nothing."""


def find_least_tokens(name: ModelName) -> int | None:
    """Return the length of the shortest beginning that a model's provider keeps; None: it keeps none."""
    if name.provider.name == _ANTHROPIC:
        return find_anthropic_terms(name.model).minimum_tokens
    return Terms().minimum_tokens if name.provider.name in CACHING else None


def waits_in_runs_only(name: ModelName) -> bool:
    """Say whether a call waits for another only where both are of a run.

    A run takes hardly longer for it. A verb that a script calls for all people takes twice as long, which pays only
    where missing the cache costs more than there being none: all would write what one of them has to.
    """
    return name.provider.name != _ANTHROPIC


def find_heads(request: ModelRequest, least_tokens: int) -> tuple[Hashable, ...]:
    """Return the beginnings of a request that many others share, as keys, the shortest first.

    Reply format and effort are part of what a provider keeps. Of beginnings that come again equally often there is
    only the longest.
    """
    reuse, form = request.reuse, request.reply_format
    texts, heads, characters = request.system + request.user, [], 0
    for number, others in enumerate(reuse, 1):
        if others < FEWEST_FOLLOWERS:
            break
        characters += len(texts[number - 1])
        is_longest = number == len(reuse) or reuse[number] != others
        if is_longest and characters >= least_tokens * CHARACTERS_A_TOKEN:
            heads.append((form and form.name, request.effort, *texts[:number]))
    return tuple(heads)


class Warmed(Wrapper):
    """Lets one call of each new shared beginning go first, on each event loop.

    Who waits gives its place back. Where the first call fails another goes first. Nobody waits long, and who goes first
    waits for nobody, so no call waits in a circle.
    """

    def __init__(self, inner: Model, least_tokens: int, *, in_runs_only: bool = False) -> None:
        """Take the model.

        Args:
            inner: the model.
            least_tokens: length of the shortest beginning that its provider keeps.
            in_runs_only: whether calls that are made outside of a run wait for nobody.
        """
        super().__init__(inner)
        self._least_tokens = least_tokens
        self._in_runs_only = in_runs_only
        self._heads = PerLoop(_Heads, _forget)

    async def __aenter__(self) -> Self:
        """Open the other one on the running loop."""
        self._heads.open()
        try:
            await super().__aenter__()
        except BaseException:
            await self._heads.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self._heads.close()
        await super().__aexit__(*exc_info)

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the other one's reply, asked for when it finds its beginning cached or goes first."""
        waits = request.reuse and not (self._in_runs_only and current_journal.get() is None)
        keys = find_heads(request, self._least_tokens) if waits else ()
        if not keys:
            return await self.inner.reply(request, call)
        heads = self._heads.current
        if heads.read(keys):
            return await self.inner.reply(request, call)
        leads = await heads.enter(keys)
        try:
            reply = await self.inner.reply(request, call)
        except BaseException:
            heads.leave(leads, is_cached=False)
            raise
        heads.leave(leads, is_cached=True)
        return reply


@dataclass(slots=True)
class _Head:
    """What is known of a beginning.

    Attributes:
        cached_until: when it is forgotten if nobody reads it, on the loop's clock.
        led_since: when the call that goes first began; None: none does.
        failed: how many that went first failed, one after the other.
        ended: set when the call that goes first has ended.
    """

    cached_until: float = float("-inf")
    led_since: float | None = None
    failed: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def is_waited_for(self, now: float) -> bool:
        """Say whether it pays to wait for the call that goes first."""
        return self.led_since is not None and now - self.led_since < LONGEST_WAIT_SECONDS and self.failed < MOST_FAILED

    def lead(self, now: float) -> None:
        """Note that a call goes first from now on."""
        self.led_since = now
        self.ended = asyncio.Event()


class _Heads:
    """The beginnings that are in use on one event loop."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._known: dict[Hashable, _Head] = {}
        self._apart = 0

    def read(self, keys: tuple[Hashable, ...]) -> bool:
        """Note that a call reads all of these; False if one of them is not cached."""
        now, known = self._clock(), self._known
        for key in keys:
            head = known.get(key)
            if head is None or head.cached_until <= now:
                return False
            head.cached_until = now + SHORT_LIFE_SECONDS
        return True

    async def enter(self, keys: tuple[Hashable, ...]) -> list[_Head]:
        """Wait until a call may go, and return what it is the first of."""
        until = self._clock() + LONGEST_WAIT_SECONDS
        while (led := self._first_led(keys)) is not None and self._clock() < until:
            async with self._giving_way():
                await _wait(led.ended, min(until, (led.led_since or 0.0) + LONGEST_WAIT_SECONDS) - self._clock())
        return list(self._go(keys))

    def leave(self, leads: list[_Head], *, is_cached: bool) -> None:
        """Note how a call ended that was the first of these."""
        for head in leads:
            head.led_since = None
            head.failed = 0 if is_cached else head.failed + 1
            if is_cached:
                head.cached_until = self._clock() + SHORT_LIFE_SECONDS
            head.ended.set()

    def _first_led(self, keys: tuple[Hashable, ...]) -> _Head | None:
        """Return the first of these that is neither cached nor to be led by who asks; None: it may go."""
        now = self._clock()
        for key in keys:
            head = self._known.get(key)
            if head is None or (head.cached_until <= now and not head.is_waited_for(now)):
                return None  # what is longer is not cached either, and is led by the same call
            if head.cached_until <= now:
                return head
        return None

    def _go(self, keys: tuple[Hashable, ...]) -> Iterator[_Head]:
        now = self._clock()
        for key in keys:
            head = self._find(key)
            if head.cached_until > now:
                head.cached_until = now + SHORT_LIFE_SECONDS
            elif head.led_since is None:
                head.lead(now)
                yield head

    def _find(self, key: Hashable) -> _Head:
        head = self._known.get(key)
        if head is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._forget_some()
            head = self._known[key] = _Head()
        return head

    def _forget_some(self) -> None:
        idle = [key for key, head in self._known.items() if head.led_since is None]
        for key in idle[: len(idle) // 2 + 1]:
            del self._known[key]

    @asynccontextmanager
    async def _giving_way(self) -> AsyncIterator[None]:
        if self._apart >= MOST_APART:
            yield
            return
        self._apart += 1
        try:
            async with without_place():
                yield
        finally:
            self._apart -= 1


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()


async def _forget(heads: _Heads) -> None:
    """Forget what was cached: entries go on living with the provider, and are found again."""
