"""Telling a call that fails from a way of asking, or a server, that does: by what becomes of other requests."""

import asyncio
import contextlib
import threading

from ..waiting import without_place
from .failures import CallError, ModelUnavailableError, NotReachedError, WrongSettingsError
from .journal.journal import current_journal
from .model import Call, Model, ModelReply, ModelRequest
from .wrapper import Wrapper

LONGEST_HELD_SECONDS = 10.0
"""How long a call that failed waits to know: it keeps its place under the run's limit, which others may wait for."""

LEAST_UNREACHED = 3
"""How many calls in a row a server that was there has to miss before it counts as gone: one or two may fall into a
moment in which it is started anew."""


class FirstReplies(Wrapper):
    """Makes a failure stop the run that every call would meet, if no request of this model has succeeded.

    A model, a temperature or an address that the server does not take fails every request; a single prompt that it does
    not take fails one. So a refusal that comes before the first reply waits until a reply comes, and then is that
    call's failure alone; or until nothing is under way any more, and then no call can succeed. If it is not known
    within some seconds, it is that call's failure too. A reply that a run got before it was broken off is one, too.

    A server to which no connection came about, in all tries of a call, is waited for likewise. If it is not known
    within those seconds, nobody is there: a call has gone through all its tries, and none has had any answer. One
    that was there before is gone when some calls in a row have gone so.
    """

    def __init__(self, inner: Model) -> None:
        """Take the model."""
        super().__init__(inner)
        self._lock = threading.Lock()
        self._has_replied = False
        self._is_reached = False
        self._unreached = 0
        self._under_way = 0
        self._held: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed; or this one was refused, as were all others so far; or the
                server was not reached, by this one or any other, or is gone.
        """
        with self._lock:
            self._under_way += 1
        try:
            reply = await self.inner.reply(request, call)
        except CallError as error:
            if await self._is_for_all(error):
                raise self._explain(error) from error
            raise
        except WrongSettingsError as error:
            self._end(has_replied=False)
            if self._has_served():  # so they were not wrong, and may help again
                raise ModelUnavailableError(str(error)) from error
            raise
        except BaseException:
            self._end(has_replied=False)
            raise
        self._end(has_replied=True)
        return reply

    async def _is_for_all(self, error: CallError) -> bool:
        """End a call that failed, and return, once that is known, whether all others fail like it."""
        if isinstance(error, NotReachedError):
            return await self._nobody_is_there()
        if error.kind != "timeout":  # which may have been spent on connecting
            self._note_reached()
        if error.kind == "bad request" and not self._has_served():
            return await self._none_succeeds(unless_known=False)
        self._end(has_replied=False)
        return False

    def _has_served(self) -> bool:
        """Say whether a request has succeeded, here or in the run that is gone on with."""
        if not self._has_replied:
            journal = current_journal.get()
            self._has_replied = journal is not None and journal.has_reply_of(self.name)
        return self._has_replied

    @property
    def _is_gone(self) -> bool:
        """Whether those calls that reached nobody say that nobody is there."""
        return self._unreached >= (LEAST_UNREACHED if self._is_reached else 1)

    async def _nobody_is_there(self) -> bool:
        """End a call that reached nobody, and return, once that is known, whether nobody is there."""
        with self._lock:
            self._unreached += 1
        if not self._is_reached:
            return await self._none_succeeds(unless_known=True) and self._is_gone
        if self._is_gone:
            self._end(has_replied=False)
            self._release(none_succeeds=True)
            return True
        async with without_place():  # else those that wait to be tried again may wait for the place of this one
            return await self._none_succeeds(unless_known=True) and self._is_gone

    def _note_reached(self) -> None:
        with self._lock:
            self._is_reached, self._unreached = True, 0

    async def _none_succeeds(self, *, unless_known: bool) -> bool:
        """End a call that failed, and return, once that is known or enough was waited, whether no call succeeds."""
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[bool] = loop.create_future()
        held = loop, verdict
        with self._lock:
            self._held.append(held)
        self._end(has_replied=False)
        try:
            async with asyncio.timeout(LONGEST_HELD_SECONDS):
                return await verdict
        except TimeoutError:
            return unless_known
        finally:
            with self._lock:
                if held in self._held:
                    self._held.remove(held)

    def _end(self, *, has_replied: bool) -> None:
        with self._lock:
            self._under_way -= 1
            if has_replied:
                self._has_replied, self._is_reached, self._unreached = True, True, 0
            is_known = has_replied or self._under_way == 0
        if is_known:
            self._release(none_succeeds=not has_replied)

    def _release(self, *, none_succeeds: bool) -> None:
        """Let those know who wait to know whether any call succeeds."""
        with self._lock:
            known, self._held = self._held, []
        for loop, verdict in known:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_tell, verdict, none_succeeds)

    def _explain(self, error: CallError) -> ModelUnavailableError:
        if isinstance(error, NotReachedError):
            since = f"in {self._unreached:,} calls in a row" if self._is_reached else "and no call has succeeded so far"
            return ModelUnavailableError(
                f"{self.name}: no connection to {error.where} came about, however often it was tried, {since} "
                f"({error.detail}); {error.remedy}"
            )
        said = f"HTTP {error.status}: {error.detail}" if error.detail else f"HTTP {error.status}"
        return WrongSettingsError(
            f"{self.name}: the server takes no request as it is sent ({said}), and none has succeeded so far; change "
            "what it names, or else check model, base_url, temperature and effort"
        )


def _tell(verdict: "asyncio.Future[bool]", none_succeeds: bool) -> None:
    if not verdict.done():
        verdict.set_result(none_succeeds)
