"""What calls have taken so far, for who looks on while a run goes on."""

from dataclasses import dataclass

from ...domain.money import spell_usd
from ..call_log import CallEntry, CallLog
from .prices import Prices


@dataclass(frozen=True, slots=True)
class Spend:
    """What calls have taken so far.

    Attributes:
        tokens: of prompts and replies, those of caches included.
        cost_usd: what those cost whose price is known, in US dollars.
        unpriced: how many replies there were whose price or tokens are not known.
    """

    tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        """Return both together."""
        return Spend(self.tokens + other.tokens, self.cost_usd + other.cost_usd, self.unpriced + other.unpriced)


class Meter:
    """Adds up a log of calls as it grows: each call is looked at once, and each price looked up once."""

    def __init__(self, calls: CallLog, prices: Prices) -> None:
        """Take the calls, and what they cost.

        Args:
            calls: the log; what stands in it already is counted too.
            prices: of the models.
        """
        self._calls = calls
        self._prices = prices
        self._read = 0
        self._spend: Spend | None = None

    def read(self) -> Spend | None:
        """Return what all calls so far have taken; None: there were none but those that were answered from records."""
        entries = self._calls.entries
        while self._read < len(entries):
            entry = entries[self._read]
            self._read += 1
            if not entry.is_recorded:
                self._spend = (self._spend or Spend()) + self._price(entry)
        return self._spend

    def _price(self, entry: CallEntry) -> Spend:
        usage = entry.usage
        if usage is None and entry.model is None:
            return Spend()  # no reply and no count: taken to have cost nothing
        cost = self._prices.cost(entry.asked, usage)
        tokens = (usage.prompt_tokens or 0) + (usage.output_tokens or 0) if usage is not None else 0
        return Spend(tokens, cost or 0.0, int(cost is None))


def spell_spend(spend: Spend) -> str:
    """Return what calls have taken in words: money as far as prices are known, else tokens."""
    if not spend.unpriced:
        return spell_usd(spend.cost_usd)
    if not spend.cost_usd:
        return f"{spend.tokens:,} tokens"
    return f"more than {spell_usd(spend.cost_usd)}, {spend.tokens:,} tokens"
