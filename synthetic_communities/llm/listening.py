"""Who hears of the calls of the run that is under way, whoever made the model that is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from .exchange import Exchange
from .limits.changes import LimitChange
from .money.prices import Prices


class Listener(Protocol):
    """Hears of every call that is made for a run."""

    @property
    def prices(self) -> Prices:
        """What the run's calls cost."""
        ...

    def hear(self, exchange: Exchange) -> None:
        """Take note of a try of a call, as it ends."""
        ...

    def hear_limit(self, model: str, change: LimitChange) -> None:
        """Take note of a change of what an account may ask of a model."""
        ...


current_listener: ContextVar[Listener | None] = ContextVar("current_listener", default=None)
"""Who hears of the calls made here; None: no run is under way.

By the run, and not by the model alone: runs that go on at once may ask the same one, under the same keys.
"""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have the calls that are made in here, and in tasks started here, heard of."""
    token = current_listener.set(listener)
    try:
        yield
    finally:
        current_listener.reset(token)
