"""A call of a new shared beginning goes first, and the others when its reply is there: then they find it cached."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ...waiting import without_place
from ..journal.journal import current_journal
from ..model import Call, Model, ModelReply, ModelRequest
from ..per_loop import PerLoop
from ..wrapper import Wrapper
from .policy import CHARACTERS_A_TOKEN, SHORT_LIFE_SECONDS

FEWEST_FOLLOWERS = 20
"""How many other calls have to begin so; for fewer the wait costs more than it saves."""

FOLLOWERS_A_LEADER = 200
"""Of so many calls one more goes first: it costs little then, and the others wait for the quickest of them."""

MOST_LEADERS = 3

LONGEST_WAIT_SECONDS = 20.0
"""How long a call waits in all, and how old a leader may be for others to wait for it."""

MOST_FAILED = 3
"""How many calls that went first may fail in a row; then nobody waits for another."""

MOST_LATE = 3
"""After how many waits in a row, for whatever beginnings, that ran out before a reply was there nobody waits any more.
A call that goes first and is in time lets others wait again."""

MOST_APART = 1_000
"""How many calls wait without their place; more of them would fill the memory, and gain nothing."""

MOST_REMEMBERED = 64
"""Of how many beginnings it is remembered that they are cached; forgotten ones are only led once more."""


class Beginning(NamedTuple):
    """A beginning of a request that many others share.

    Attributes:
        key: what is the same for all calls that begin so.
        leaders: how many of them go first.
    """

    key: Hashable
    leaders: int


def find_beginnings(request: ModelRequest, least_tokens: int) -> tuple[Beginning, ...]:
    """Return the beginnings of a request that many others share, the shortest first.

    Reply format and effort are part of what a provider keeps. Of beginnings that come again equally often there is
    only the longest.
    """
    reuse, form = request.reuse, request.reply_format
    texts, found, characters = request.system + request.user, [], 0
    for number, others in enumerate(reuse, 1):
        if others < FEWEST_FOLLOWERS:
            break
        characters += len(texts[number - 1])
        is_longest = number == len(reuse) or reuse[number] != others
        if is_longest and characters >= least_tokens * CHARACTERS_A_TOKEN:
            key = (form and form.name, request.effort, *texts[:number])
            found.append(Beginning(key, min(1 + others // FOLLOWERS_A_LEADER, MOST_LEADERS)))
    return tuple(found)


class Warmed(Wrapper):
    """Lets a call of each new shared beginning go first, or the quickest of a few, on each event loop.

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
        self._known = PerLoop(_Known, _forget)

    async def __aenter__(self) -> Self:
        """Open the other one on the running loop."""
        self._known.open()
        try:
            await super().__aenter__()
        except BaseException:
            await self._known.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self._known.close()
        await super().__aexit__(*exc_info)

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the other one's reply, asked for when it finds its beginning cached or goes first."""
        waits = request.reuse and not (self._in_runs_only and current_journal.get() is None)
        beginnings = find_beginnings(request, self._least_tokens) if waits else ()
        if not beginnings:
            return await self.inner.reply(request, call)
        known = self._known.current
        if known.read(beginnings):
            return await self.inner.reply(request, call)
        led, began = await known.enter(beginnings)
        try:
            reply = await self.inner.reply(request, call)
        except BaseException:
            known.leave(led, began, is_cached=False)
            raise
        known.leave(led, began, is_cached=True)
        return reply


@dataclass(slots=True)
class _State:
    """What is known of a beginning.

    Attributes:
        cached_until: when it is forgotten if nobody reads it, on the loop's clock.
        leaders: how many calls that went first are under way.
        led_since: when the first of them began.
        failed: how many that went first failed, one after the other.
        changed: set when one of them has ended.
    """

    cached_until: float = float("-inf")
    leaders: int = 0
    led_since: float = 0.0
    failed: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_waited_for(self, now: float, most: int) -> bool:
        """Say whether a call that does not find it cached is to wait, and neither to go first nor to give up."""
        is_hopeful = now - self.led_since < LONGEST_WAIT_SECONDS and self.failed < MOST_FAILED
        return self.leaders >= most and is_hopeful

    def lead(self, now: float) -> None:
        """Note that a call goes first from now on."""
        if not self.leaders:
            self.led_since = now
        self.leaders += 1

    def end(self, now: float, *, is_cached: bool) -> None:
        """Note that a call that went first has ended, and wake those that wait."""
        self.leaders -= 1
        self.failed = 0 if is_cached else self.failed + 1
        if is_cached:
            self.cached_until = now + SHORT_LIFE_SECONDS
        self.changed.set()
        self.changed = asyncio.Event()


class _Known:
    """The beginnings that are in use on one event loop."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._states: dict[Hashable, _State] = {}
        self._apart = 0
        self._late = 0

    def read(self, beginnings: tuple[Beginning, ...]) -> bool:
        """Note that a call reads all of these; False if one of them is not cached."""
        now, states = self._clock(), self._states
        for key, _ in beginnings:
            state = states.get(key)
            if state is None or state.cached_until <= now:
                return False
            state.cached_until = now + SHORT_LIFE_SECONDS
        return True

    async def enter(self, beginnings: tuple[Beginning, ...]) -> tuple[list[_State], float]:
        """Wait until a call may go, and return what it is one of the first of, and when it goes."""
        until = self._clock() + LONGEST_WAIT_SECONDS
        while (state := self._find_led(beginnings)) is not None and self._clock() < until:
            async with self._giving_way():
                await _wait(state.changed, min(until, state.led_since + LONGEST_WAIT_SECONDS) - self._clock())
        return self._go(beginnings), self._clock()

    def leave(self, led: list[_State], began: float, *, is_cached: bool) -> None:
        """Note how a call ended that was one of the first of these, and went at `began`."""
        now = self._clock()
        # Of several that went first, the quickest tells whether it was worth waiting.
        is_quickest = any(state.cached_until <= now for state in led)
        if is_quickest and now - began >= LONGEST_WAIT_SECONDS:
            self._late += 1
        elif is_quickest and is_cached:
            self._late = 0
        for state in led:
            state.end(now, is_cached=is_cached)

    def _find_led(self, beginnings: tuple[Beginning, ...]) -> _State | None:
        """Return the first of these that a call has to wait for; None: it may go."""
        now = self._clock()
        if self._late >= MOST_LATE:
            return None
        for key, leaders in beginnings:
            state = self._states.get(key)
            if state is None:
                return None  # what is longer is not cached either, and is led by the same call
            if state.cached_until <= now:
                return state if state.is_waited_for(now, leaders) else None
        return None

    def _go(self, beginnings: tuple[Beginning, ...]) -> list[_State]:
        now, led = self._clock(), []
        for key, leaders in beginnings:
            state = self._find(key)
            if state.cached_until > now:
                state.cached_until = now + SHORT_LIFE_SECONDS
            elif state.leaders < leaders:
                state.lead(now)
                led.append(state)
        return led

    def _find(self, key: Hashable) -> _State:
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= MOST_REMEMBERED:
                self._forget_some()
            state = self._states[key] = _State()
        return state

    def _forget_some(self) -> None:
        idle = [key for key, state in self._states.items() if not state.leaders]
        for key in idle[: len(idle) // 2 + 1]:
            del self._states[key]

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


async def _forget(known: _Known) -> None:
    """Forget what was cached: entries go on living with the provider, and are found again."""
