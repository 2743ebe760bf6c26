"""What calls of models cost: by prices of the user's, else by those listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import Problem
from ..model import Usage
from ..naming import parse_model_name
from .price_list import find_listed_price
from .rates import Price, Rates

PRICE_KEYS = ("input", "output", "cache_write", "cache_write_1h", "cache_read")
"""What a price of the user's may state, in US dollars per million tokens; the first two it has to."""


@dataclass(slots=True)
class Prices:
    """Finds prices, each once.

    Attributes:
        own: model, as `provider:model`, to what the user says it costs: `PRICE_KEYS` to US dollars per million tokens.
    """

    own: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    _found: dict[str, Price | None] = field(default_factory=dict, init=False, repr=False)

    def of(self, model: str) -> Price | None:
        """Return the price of a model, None if it is not known.

        Args:
            model: as `provider:model`; any other name has no price.
        """
        if model not in self._found:
            own = {_full_name(name): price for name, price in self.own.items()}
            self._found[model] = build_own_price(own[model]) if model in own else find_listed_price(model)
        return self._found[model]

    def cost(self, model: str, usage: Usage | None) -> float | None:
        """Return what one call cost in US dollars; None if its price is not known, or its tokens are not."""
        price = self.of(model)
        return None if price is None or usage is None else price.cost(usage)


def build_own_price(stated: Mapping[str, float]) -> Price:
    """Return the price that a sound mapping states.

    What it says nothing of costs as much as other input, and what is kept for an hour as much as what is kept for less.
    """
    usual = stated["input"]
    written, read = stated.get("cache_write", usual), stated.get("cache_read", usual)
    hourly = stated.get("cache_write_1h", written)
    rates = Rates(usual, stated["output"], cache_write_usd=written, cache_write_1h_usd=hourly, cache_read_usd=read)
    return Price((rates,))


def price_problem(where: str, model: str) -> Problem:
    """Return what is wrong where money is limited and a model has no known price."""
    remedy = "state it under prices, in US dollars per million tokens, or limit max_tokens or max_calls instead"
    return Problem(where, f"what {model} costs is not known", remedy)


def _full_name(name: str) -> str:
    return str(parse_model_name(name))
