"""What is noted while a probe goes on."""

from collections.abc import Callable

from ..llm.call_log import CallEntry
from ..llm.exchange import Exchange
from ..llm.limits.changes import LimitChange
from ..llm.money.prices import Prices
from .probed_act import ProbedAct


class ProbeNotes:
    """Holds what came of acts, and hears of the tries of their calls.

    Attributes:
        acts: act by act.
        entries: every try, as measured, in the order in which they ended.
        prices: what calls cost.
    """

    def __init__(self, prices: Prices, tell: Callable[[ProbedAct], None] | None = None) -> None:
        """Take what calls cost, and who is told of every act as it ends."""
        self.acts: list[ProbedAct] = []
        self.entries: list[CallEntry] = []
        self.prices = prices
        self._tell = tell

    def note(self, act: ProbedAct) -> None:
        """Take down what came of an act."""
        self.acts.append(act)
        if self._tell is not None:
            self._tell(act)

    def hear(self, exchange: Exchange) -> None:
        """Take down a try of a call."""
        self.entries.append(exchange.entry)

    def hear_limit(self, model: str, change: LimitChange) -> None:
        """Pass over a change of what an account may ask: a probe asks one call at a time."""
