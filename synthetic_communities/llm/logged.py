"""Measuring every try of every call, and telling of it where somebody listens."""

import asyncio
import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace

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
class _Enclosing:
    """A call that is under way, which others may be made within: a script's own client may ask one of this package.

    Attributes:
        call: what it is for.
        within: which was made within it, the last one. Then that is told of, and it is not: it was asked once.
    """

    call: Call
    within: Call | None = None


_enclosing: ContextVar[_Enclosing | None] = ContextVar("enclosing_call", default=None)

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
        self._under_way: set[object] = set()  # and no number: two threads may not lose a count to each other

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed.
        """
        ticket, outer = _Enclosing(call), _enclosing.get()
        if outer is not None:
            outer.within = call
        token = _enclosing.set(ticket)
        self._under_way.add(ticket)
        in_flight = len(self._under_way)
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            reply = await self.inner.reply(request, call)
        except BaseException as error:  # told of, and passed on
            self._tell(request, call, error, clock() - began, in_flight, ticket, outer)
            raise
        finally:
            self._under_way.discard(ticket)
            _enclosing.reset(token)
        self._tell(request, call, reply, clock() - began, in_flight, ticket, outer)
        return reply

    def _tell(
        self,
        request: ModelRequest,
        call: Call,
        result: ModelReply | BaseException,
        seconds: float,
        in_flight: int,
        ticket: "_Enclosing",
        outer: "_Enclosing | None",
    ) -> None:
        entry = build_entry(call, result, asked=self.name, seconds=seconds, in_flight=in_flight)
        if not isinstance(result, ModelReply) and (ticket.within is None or ticket.within.key != call.key):
            _record_failure(call, entry, result)  # of a call that was handed on, each try is recorded already
        if outer is not None:
            entry = replace(entry, key=outer.call.key, act=outer.call.act, attempt=outer.call.attempt)
        exchange = Exchange(request, entry, result=result)
        listener = current_listener.get()
        if ticket.within is None:
            for tell in (listener.hear if listener is not None else None, self._observe):
                if tell is not None:
                    tell(exchange)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(*_line(exchange))


def _record_failure(call: Call, entry: CallEntry, error: BaseException) -> None:
    journal = current_journal.get()
    if journal is not None:
        journal.note(FailedTry(call, entry.outcome, detail=str(error), seconds=entry.seconds, ended=time.time()))


def build_entry(
    call: Call, result: ModelReply | BaseException, *, asked: str = "", seconds: float, in_flight: int
) -> CallEntry:
    """Return the entry of a try that ended with a reply or an exception."""
    return CallEntry(
        call.key,
        call.act,
        asked=asked,
        outcome=_outcome_of(result),
        attempt=call.attempt,
        tries=call.tries,
        model=result.model if isinstance(result, ModelReply) else None,
        usage=_usage_of(result),
        seconds=seconds,
        waited_seconds=call.waited_seconds,
        in_flight=in_flight,
    )


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
