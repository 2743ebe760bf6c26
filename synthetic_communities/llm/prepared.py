"""What a provider makes of a reply format, made once and not for every call."""

from collections.abc import Callable
from typing import Generic, TypeVar

from .model import ReplyFormat

T = TypeVar("T")


class Prepared(Generic[T]):
    """What is made of the reply format in use; made anew only when another format comes along.

    A run has one format for all its judgements, so that one is remembered and no more.
    """

    def __init__(self, make: Callable[[ReplyFormat], T]) -> None:
        """Take what makes it."""
        self._make = make
        self._last: tuple[ReplyFormat, T] | None = None

    def of(self, reply_format: ReplyFormat) -> T:
        """Return what is made of `reply_format`."""
        last = self._last
        if last is None or (last[0] is not reply_format and last[0] != reply_format):
            last = self._last = (reply_format, self._make(reply_format))
        return last[1]
