"""Telling a request that is wrong from a way of asking that is: by whether any request has succeeded."""

import asyncio
import contextlib
import threading

from .failures import CallError, ModelUnavailableError
from .model import Call, Model, ModelReply, ModelRequest
from .wrapper import Wrapper


class FirstReplies(Wrapper):
    """Makes a refused request stop the run, if no request of this model has succeeded and none that is under way does.

    A model, a temperature or an address that the server does not take fails every request; a single prompt that it does
    not take fails one. So a refusal that comes before the first reply waits until a reply comes, and then is that
    call's failure alone; or until nothing is under way any more, and then no call can succeed.
    """

    def __init__(self, inner: Model) -> None:
        """Take the model."""
        super().__init__(inner)
        self._lock = threading.Lock()
        self._has_replied = False
        self._under_way = 0
        self._held: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed; or this one was refused, as were all others so far.
        """
        if self._has_replied:
            return await self.inner.reply(request, call)
        with self._lock:
            self._under_way += 1
        try:
            reply = await self.inner.reply(request, call)
        except CallError as error:
            if error.kind == "bad request" and await self._none_succeeds():
                raise ModelUnavailableError(self._explain(error)) from error
            if error.kind != "bad request":
                self._end(has_replied=False)
            raise
        except BaseException:
            self._end(has_replied=False)
            raise
        self._end(has_replied=True)
        return reply

    async def _none_succeeds(self) -> bool:
        """End a call that was refused, and return, once that is known, whether no call succeeds."""
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[bool] = loop.create_future()
        held = loop, verdict
        with self._lock:
            self._held.append(held)
        self._end(has_replied=False)
        try:
            return await verdict
        finally:
            with self._lock:
                if held in self._held:
                    self._held.remove(held)

    def _end(self, *, has_replied: bool) -> None:
        with self._lock:
            self._under_way -= 1
            self._has_replied = self._has_replied or has_replied
            if not self._has_replied and self._under_way > 0:
                return
            none_succeeds = not self._has_replied
            known, self._held = self._held, []
        for loop, verdict in known:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_tell, verdict, none_succeeds)

    def _explain(self, error: CallError) -> str:
        said = f"HTTP {error.status}: {error.detail}" if error.detail else f"HTTP {error.status}"
        return (
            f"{self.name}: the server takes no request as it is sent ({said}), and none has succeeded so far; change "
            "what it names, or else check model, base_url, temperature and effort"
        )


def _tell(verdict: "asyncio.Future[bool]", none_succeeds: bool) -> None:
    if not verdict.done():
        verdict.set_result(none_succeeds)
