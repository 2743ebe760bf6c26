"""Keeping to what an account may ask of a model, and learning what that is."""

import re
from dataclasses import replace
from typing import Self

from ...waiting import urgency
from ..failures import CallError, ModelUnavailableError
from ..listening import current_listener
from ..model import Call, Model, ModelReply, ModelRequest
from ..wrapper import Wrapper
from .refused import LONGEST_REFUSED_SECONDS
from .shared import SharedLimiter
from .ticket import Ending, Ticket

MOST_TOO_LONG = 3
"""How many times in a row, with nothing served between, a server may ask for a pause that nobody waits for."""

_AT_ONCE = re.compile(r"concurren|simultaneous|in parallel|at once", re.IGNORECASE)
"""How servers say of HTTP 429 that it is about calls at once, and not about calls in a time."""


class Limited(Wrapper):
    """Takes a place from the limiter for every try of a call, and gives it back when the try has ended.

    While a call waits here, its act keeps its place under the run's own limit: so no more calls wait than may be under
    way, however many acts there are.
    """

    def __init__(self, inner: Model, limiter: SharedLimiter) -> None:
        """Take the model, and what decides."""
        super().__init__(inner)
        self.limiter = limiter

    async def __aenter__(self) -> Self:
        """Open the other one on the running loop; a run that does is told of changes from here on."""
        await super().__aenter__()
        listener = current_listener.get()
        if listener is not None:
            self.limiter.watch(listener.hear_limit)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        listener = current_listener.get()
        if listener is not None:
            self.limiter.unwatch(listener.hear_limit)
        await super().__aexit__(*exc_info)

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed, or the server keeps asking for pauses that nobody waits for, or
                has refused everything for long.
        """
        ticket = Ticket(request.length, request.max_output_tokens)
        waited = await self.limiter.take(ticket, (-urgency.get(), call.key))
        if waited:
            call = replace(call, waited_seconds=call.waited_seconds + waited)
        try:
            reply = await self.inner.reply(request, call)
        except CallError as error:
            ending = read_ending(error)
            self.limiter.end(ticket, ending)
            if ending.is_refusal:
                self._check_hope(error)
            raise
        except BaseException:
            self.limiter.end(ticket)
            raise
        self.limiter.end(ticket, Ending("served", rates=reply.rates, usage=reply.usage))
        return reply

    def _check_hope(self, error: CallError) -> None:
        limiter = self.limiter.limiter
        if limiter.too_long >= MOST_TOO_LONG:
            last = "" if error.retry_after_seconds is None else f", last {error.retry_after_seconds:,.0f} s"
            raise self._used_up(f"asked {MOST_TOO_LONG} times in a row for a wait that is too long{last}", error)
        if limiter.refused.seconds >= LONGEST_REFUSED_SECONDS:
            raise self._used_up(f"refused every call for {limiter.refused.seconds / 60:.0f} minutes", error)

    def _used_up(self, what: str, error: CallError) -> ModelUnavailableError:
        seems = "it is overloaded" if error.kind == "overloaded" else "its limit seems to be used up"
        unavailable = ModelUnavailableError(
            f"{self.name}: the server {what} ({error}); {seems}: run again later, or have the limit raised"
        )
        unavailable.__cause__ = error
        return unavailable


def read_ending(error: CallError) -> Ending:
    """Return what a failure says of limits."""
    if error.kind not in ("rate limit", "overloaded"):
        # An answer all the same, if tokens were counted or limits told.
        return Ending("other", rates=error.rates, usage=error.usage)
    is_rate = error.kind == "rate limit" and not _AT_ONCE.search(error.detail)
    return Ending(
        "refused" if is_rate else "crowded",
        f"{error.kind}, HTTP {error.status}" if error.status else error.kind,
        retry_after_seconds=error.retry_after_seconds,
        rates=error.rates,
    )
