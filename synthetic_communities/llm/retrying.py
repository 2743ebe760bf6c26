"""Asking again where that may help: a bounded number of times, ever later, and not all at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from ..waiting import without_place
from .failures import CallError
from .model import Call, Model, ModelReply, ModelRequest
from .wire.http_failures import OptionRefused
from .wrapper import Wrapper

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a call is tried again.

    What counts is what is waited, not what the tries take: with the same replies the same calls fail, however busy the
    machine. So a call takes at most `max_waits_seconds` and `max_tries` times what one try may take.

    Attributes:
        max_tries: how often it is tried in all.
        max_timeouts: how many of them may end for lack of a reply in time, each of which takes as long as it may.
        first_wait_seconds: the longest first wait; the longest wait doubles with every try.
        longest_wait_seconds: the longest of those.
        longest_retry_after_seconds: the longest that is waited on request of the other side; a call asked to wait
            longer is given up.
        max_waits_seconds: all waits of a call together.
    """

    max_tries: int = field(default=6, kw_only=True)
    max_timeouts: int = field(default=2, kw_only=True)
    first_wait_seconds: float = field(default=1.0, kw_only=True)
    longest_wait_seconds: float = field(default=30.0, kw_only=True)
    longest_retry_after_seconds: float = field(default=90.0, kw_only=True)
    max_waits_seconds: float = field(default=300.0, kw_only=True)


_most_tries: ContextVar[int | None] = ContextVar("synthetic_communities_most_tries", default=None)


@contextmanager
def tried_at_most(tries: int | None) -> Iterator[None]:
    """Have calls that are made in here tried so many times at most; None: as often as their policy says."""
    token = _most_tries.set(tries)
    try:
        yield
    finally:
        _most_tries.reset(token)


class Retrying(Wrapper):
    """Tries a call again that failed in passing, giving its place to others while it waits.

    One that was refused for an option goes out again at once, without it: a try of its own, whose failure is no reason
    to give up.
    """

    def __init__(self, inner: Model, policy: RetryPolicy | None = None, *, sleep: Sleep = asyncio.sleep) -> None:
        """Take the model, and when to try again.

        Args:
            inner: the model.
            policy: how often and how long; None: as by default.
            sleep: waits so many seconds.
        """
        super().__init__(inner)
        self._policy = policy or RetryPolicy()
        self._sleep = sleep

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply of the first try that gets one.

        Raises:
            CallError: of the last try.
        """
        policy, most = self._policy, _most_tries.get()
        if most is not None:
            policy = replace(policy, max_tries=min(most, policy.max_tries))
        failures: list[CallError] = []
        waited = 0.0
        while True:
            try:
                return await self.inner.reply(request, call)
            except OptionRefused:  # ends, because every further request has one option less to refuse
                call = replace(call, tries=call.tries + 1, waited_seconds=0.0)
                continue
            except CallError as error:
                failures.append(error)
                wait = decide_wait(failures, waited, policy, call)
                if wait is None:
                    raise
            async with without_place():
                await self._sleep(wait)
            waited += wait
            call = replace(call, tries=call.tries + 1, waited_seconds=wait)


def decide_wait(failures: list[CallError], waited: float, policy: RetryPolicy, call: Call) -> float | None:
    """Return how long to wait before the next try, in seconds; None to give up.

    The wait is drawn between 0 and a limit that doubles with every try ("full jitter", from "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015), and comes on top of what the other side asks for: many calls are told the
    same, and would come back together. It is drawn from the call's key, attempt and try, and from nothing else.

    Args:
        failures: of all tries so far, the last one last; never empty.
        waited: how long was waited so far, in seconds.
        policy: how often and how long.
        call: which call it is.
    """
    last = failures[-1]
    timeouts = sum(failure.kind == "timeout" for failure in failures)
    if not last.is_transient or len(failures) >= policy.max_tries or timeouts >= policy.max_timeouts:
        return None
    asked_for = last.retry_after_seconds or 0.0
    if asked_for > policy.longest_retry_after_seconds:
        return None
    limit = min(policy.longest_wait_seconds, policy.first_wait_seconds * 2 ** (len(failures) - 1))
    wait = asked_for + limit * random.Random(f"{call.key}\x1f{call.attempt}\x1f{len(failures)}").random()
    return wait if waited + wait <= policy.max_waits_seconds else None
