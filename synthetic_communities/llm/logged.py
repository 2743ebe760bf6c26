"""Measuring every try of every call, and telling of it where somebody listens."""

import asyncio
import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from .call_log import CallEntry
from .exchange import Exchange, Observer
from .failures import CallError, ModelUnavailableError
from .journal.entry import FailedTry
from .journal.journal import current_journal
from .listening import current_listener
from .model import Call, Model, ModelReply, ModelRequest, Usage
from .money.meter import spell_usd
from .wrapper import Wrapper

logger = logging.getLogger("synthetic_communities.calls")


@dataclass(slots=True, eq=False)
class _Try:
    """One try that is under way.

    Attributes:
        request: what is asked.
        call: what it is for.
        outer: the try it is made within, as a script's own client may ask one of this package; None: within none.
        began: when it began, in seconds of the event loop's clock.
        in_flight: how many were under way then, itself among them.
        within: which call was made within it, the last one. Then that is told of, and it is not: it was asked once.
    """

    request: ModelRequest
    call: Call
    outer: "_Try | None" = field(kw_only=True)
    began: float = field(kw_only=True)
    in_flight: int = field(default=1, kw_only=True)
    within: Call | None = field(default=None, kw_only=True)

    def ended(self, result: ModelReply | BaseException, *, asked: str, now: float) -> Exchange:
        """Return what passed, under the key of the call it was made within, if any: it is that which a run knows."""
        whose = self.call if self.outer is None else self.outer.call
        entry = CallEntry(
            whose.key,
            whose.act,
            asked=asked,
            outcome=_outcome_of(result),
            attempt=whose.attempt,
            tries=self.call.tries,
            model=result.model if isinstance(result, ModelReply) else None,
            usage=_usage_of(result),
            seconds=now - self.began,
            waited_seconds=self.call.waited_seconds,
            in_flight=self.in_flight,
        )
        return Exchange(self.request, entry, result=result)


_under_way: ContextVar[_Try | None] = ContextVar("try_under_way", default=None)

SHOWN_CHARACTERS = 200
"""How much of a prompt and of a reply stands in a log line."""


class Logged(Wrapper):
    """Measures every try of a call, with the clock of the event loop.

    Each is told to the run that is under way and to the observer, and written as a line of the log
    `synthetic_communities.calls` at level DEBUG. A key is in none of them.
    """

    def __init__(self, inner: Model, observe: Observer | None = None) -> None:
        """Take the model, and who is told besides the run."""
        super().__init__(inner)
        self._observe = observe
        self._in_flight: set[_Try] = set()  # and no number: two threads may not lose a count to each other

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed.
        """
        clock = asyncio.get_running_loop().time
        tried = self._begin(request, call, clock())
        token = _under_way.set(tried)
        try:
            reply = await self.inner.reply(request, call)
        except BaseException as error:  # told of, and passed on
            self._tell(tried, tried.ended(error, asked=self.name, now=clock()))
            raise
        finally:
            self._in_flight.discard(tried)
            _under_way.reset(token)
        self._tell(tried, tried.ended(reply, asked=self.name, now=clock()))
        return reply

    def _begin(self, request: ModelRequest, call: Call, now: float) -> _Try:
        tried = _Try(request, call, outer=_under_way.get(), began=now)
        if tried.outer is not None:
            tried.outer.within = call
        self._in_flight.add(tried)
        tried.in_flight = len(self._in_flight)
        return tried

    def _tell(self, tried: _Try, exchange: Exchange) -> None:
        is_handed_on = tried.within is not None and tried.within.key == tried.call.key  # each try is recorded there
        if isinstance(exchange.result, BaseException) and not is_handed_on:
            _record_failure(tried.call, exchange.entry, exchange.result)
        listener = current_listener.get()
        if tried.within is None:
            for tell in (listener.hear if listener is not None else None, self._observe):
                if tell is not None:
                    tell(exchange)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(*_line(exchange))


def _record_failure(call: Call, entry: CallEntry, error: BaseException) -> None:
    journal = current_journal.get()
    if journal is not None:
        journal.note(FailedTry(call, entry.outcome, detail=str(error), seconds=entry.seconds, ended=time.time()))


def _outcome_of(result: ModelReply | BaseException) -> str:
    match result:
        case ModelReply():
            return result.stop
        case CallError():
            return result.kind
        case ModelUnavailableError():
            return "model unavailable"
        case asyncio.CancelledError():
            return "cancelled"
    return type(result).__name__


def _usage_of(result: ModelReply | BaseException) -> Usage | None:
    return result.usage if isinstance(result, (ModelReply, CallError)) else None


def _line(exchange: Exchange) -> tuple[object, ...]:
    """Return the format and the arguments of a log line; texts are quoted, so that none of them begins a line."""
    listener = current_listener.get()
    cost = listener.prices.cost(exchange.entry.asked, exchange.entry.usage) if listener is not None else None
    entry = exchange.entry
    said = exchange.reply if exchange.reply is not None else exchange.error or ""
    prompt = "\n\n".join(exchange.request.user)[:SHOWN_CHARACTERS]
    return (
        "%s (%s) attempt %d try %d: %s after %.2f s, waited %.2f s, %d in flight, cost %s; prompt %r; reply %r",
        entry.key,
        entry.act,
        entry.attempt,
        entry.tries,
        entry.outcome,
        entry.seconds,
        entry.waited_seconds,
        entry.in_flight,
        "not known" if cost is None else spell_usd(cost),
        prompt,
        said[:SHOWN_CHARACTERS],
    )
