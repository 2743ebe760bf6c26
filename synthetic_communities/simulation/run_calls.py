"""The calls of models that are made for one run: measured, written where that is asked for, held if they may fail."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..llm.call_log import CallLog
from ..llm.exchange import Exchange
from ..llm.limits.changes import LimitChange
from ..llm.listening import listening
from ..llm.money.prices import Prices
from .failed_calls import FailedCalls

TellBodies = Callable[[Exchange, Prices], None]


class RunCalls:
    """Hears of every call of a run, whoever made the model; each try once, and of this run alone.

    Attributes:
        log: every call, as measured, and those that were answered from records.
        failed: who keeps the calls of acts that come to nothing.
        prices: what calls cost.
        watch: is told of every try, for who shows how far the run is.
    """

    def __init__(
        self, failed: FailedCalls, prices: Prices, tell_bodies: TellBodies = lambda exchange, prices: None
    ) -> None:
        """Take who else is told.

        Args:
            failed: who keeps the calls of acts that come to nothing.
            prices: what calls cost.
            tell_bodies: is told of every try, with the prices, to write its whole texts.
        """
        self.log = CallLog()
        self.failed = failed
        self.prices = prices
        self.watch: Callable[[Exchange], None] = lambda exchange: None
        self._tell_bodies = tell_bodies

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear of the calls that are made in here; those still held at the end, of acts cut short, are dropped."""
        try:
            with listening(self):
                yield
        finally:
            self.failed.drop()

    def hear(self, exchange: Exchange) -> None:
        """Take note of a try of a call.

        Raises:
            OSError: its texts cannot be written.
        """
        self.log.note(exchange.entry)
        self.failed.note(exchange)
        self.watch(exchange)
        self._tell_bodies(exchange, self.prices)

    def hear_limit(self, model: str, change: LimitChange) -> None:
        """Take note of a change of what an account may ask of a model."""
        self.log.note_limit(model, change)
