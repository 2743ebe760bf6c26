"""A limit to how long one try of a call may take in all."""

import asyncio

from .failures import CallError
from .model import Call, Model, ModelReply, ModelRequest
from .wrapper import Wrapper


class Timed(Wrapper):
    """Ends a call that takes too long: connecting, waiting and reading together, however slowly the bytes come."""

    def __init__(self, inner: Model, timeout_seconds: float) -> None:
        """Take the model, and how long a call of it may take."""
        super().__init__(inner)
        self._timeout_seconds = timeout_seconds

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: it did not come in time, `timeout`.
        """
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                return await self.inner.reply(request, call)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise CallError("timeout", f"no reply within {self._timeout_seconds:g} s", is_transient=True) from error
