"""Keeping the key out of whatever a server says: some repeat the request, its headers included, in their answers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

from ..model import Call, Model, ModelReply, ModelRequest
from ..wrapper import Wrapper

MASK = "[key]"
"""What stands where a key stood."""

SECRET_CHARACTERS = 16
"""Keys from this length on are masked in replies.

Shorter ones are none that keep a secret: for servers of one's own people write `none` or `EMPTY`, and such words may
stand in an honest reply.
"""


class Masked(Wrapper):
    """Masks the key in replies and in errors, those that led to an error included."""

    def __init__(self, inner: Model, key: str | None) -> None:
        """Take the model, and the key it is asked with."""
        super().__init__(inner)
        self._key = key

    async def __aenter__(self) -> Self:
        """Open the other one on the running loop."""
        try:
            await self.inner.__aenter__()
        except Exception as error:
            mask_error(error, self._key)
            raise
        return self

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed.
        """
        try:
            return mask_reply(await self.inner.reply(request, call), self._key)
        except Exception as error:
            mask_error(error, self._key)
            raise


def mask_reply(reply: ModelReply, key: str | None) -> ModelReply:
    """Return the reply without the key, if that is a secret."""
    if key is None or len(key) < SECRET_CHARACTERS or not (key in reply.text or key in reply.model):
        return reply
    return replace(reply, text=reply.text.replace(key, MASK), model=reply.model.replace(key, MASK))


def mask_error(error: BaseException, key: str | None) -> None:
    """Take the key out of an exception; if those that led to it show it, they are no longer told of."""
    if key is None:
        return
    if any(_shows(earlier, key) for earlier in _led_to(error)):
        error.__cause__ = error.__context__ = None
    if _shows(error, key):
        error.args = tuple(_mask(argument, key) for argument in error.args)
    for name, value in vars(error).items():
        if isinstance(value, str) and key in value:
            setattr(error, name, value.replace(key, MASK))


def _mask(argument: Any, key: str) -> Any:
    if isinstance(argument, str):
        return argument.replace(key, MASK)
    return MASK if key in repr(argument) else argument


def _shows(error: BaseException, key: str) -> bool:
    # Both: exceptions of HTTP clients hold the whole request, and show its headers when they are shown as values.
    return key in str(error) or key in repr(error)


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions that a traceback would tell of before this one."""
    seen = {id(error)}
    waiting = [error.__cause__, error.__context__]
    while waiting:
        earlier = waiting.pop()
        if earlier is not None and id(earlier) not in seen:
            seen.add(id(earlier))
            waiting += [earlier.__cause__, earlier.__context__]
            yield earlier
