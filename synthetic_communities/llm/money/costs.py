"""What calls cost together, as far as it is known."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..call_log import CallEntry
from .prices import Prices


@dataclass(frozen=True, slots=True)
class Cost:
    """What several calls cost, in US dollars.

    Attributes:
        cost_usd: all of them; None if the price or the tokens of a reply are not known.
        cost_usd_known: those of them whose price and tokens are known.
    """

    cost_usd: float | None
    cost_usd_known: float


def measure_cost(entries: Iterable[CallEntry], prices: Prices) -> Cost:
    """Return what these calls cost. Each is priced alone: a long prompt may cost more a token.

    What got no reply and no count of tokens is taken to have cost nothing.
    """
    costs = [prices.cost(entry.asked, entry.usage) for entry in entries if entry.model is not None or entry.usage]
    known = math.fsum(cost for cost in costs if cost is not None)
    return Cost(None if None in costs else known, known)
