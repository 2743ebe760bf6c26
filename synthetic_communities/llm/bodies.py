"""Whole texts of calls, a line of JSON each."""

import json
from dataclasses import asdict
from typing import Protocol

from .exchange import Exchange
from .money.prices import Prices


class Bodies(Protocol):
    """Where whole texts go: anything open for writing text."""

    def write(self, text: str, /) -> object:
        """Write one line."""
        ...


def encode_bodies(exchange: Exchange, prices: Prices) -> str:
    """Return what was measured of a try, what it cost and its whole texts as a line of JSON, its end included."""
    request, entry = exchange.request, exchange.entry
    measured = {**asdict(entry), "cost_usd": prices.cost(entry.asked, entry.usage)}
    texts = {"system": request.system, "user": request.user, "reply": exchange.reply, "error": exchange.error}
    return json.dumps({**measured, **texts}) + "\n"
