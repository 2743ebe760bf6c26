"""What calls have taken so far, for who looks on while a run goes on."""

import math
from dataclasses import dataclass

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


def spell_usd(usd: float, *, is_most: bool = False) -> str:
    """Return an amount of money with cents, and where it is less than that shows with two digits that tell something.

    Args:
        usd: US dollars.
        is_most: whether it is the most that something may be, and is not to be rounded down.
    """
    return f"{_spell_amount(usd, _count_places(usd), is_most=is_most)} USD"


def spell_usd_range(low: float, high: float) -> str:
    """Return a range of money, both ends with as many places as the upper one needs, and that one not rounded down."""
    places = _count_places(high)
    first, last = _spell_amount(low, places), _spell_amount(high, places, is_most=True)
    return f"about {last} USD" if low == high or first == last else f"{first} to {last} USD"


def _count_places(usd: float) -> int:
    rounded = float(f"{usd:.2g}")
    return 2 if not rounded else max(2, 1 - math.floor(math.log10(rounded)))


def _spell_amount(usd: float, places: int, *, is_most: bool = False) -> str:
    # What lies a millionth above a figure is a figure that was added up, not one above it.
    amount = math.ceil(round(usd * 10**places, 6)) / 10**places if is_most else usd
    return f"{amount:,.{places}f}"
