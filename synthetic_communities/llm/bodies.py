"""Whole texts of calls, a line of JSON each."""

import json
from dataclasses import asdict
from typing import Protocol

from .exchange import Exchange


class Bodies(Protocol):
    """Where whole texts go: anything open for writing text."""

    def write(self, text: str, /) -> object:
        """Write one line."""
        ...


def encode_bodies(exchange: Exchange) -> str:
    """Return what was measured of a try and its whole texts as a line of JSON, its end included."""
    request = exchange.request
    texts = {"system": request.system, "user": request.user, "reply": exchange.reply, "error": exchange.error}
    return json.dumps({**asdict(exchange.entry), **texts}) + "\n"
