"""The list of prices, and of windows, that `genai-prices` brings along; nothing is fetched."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import ConfigurationError
from ..naming import parse_model_name
from .rates import Price, Rates

SELLERS = {"anthropic": "anthropic", "openai": "openai", "gemini": "google", "openrouter": "openrouter"}
"""Provider to what the list calls it. Whoever else serves a model has no price in it."""

MOST_SIMILAR, LEAST_ALIKE = 3, 0.85
"""How many names similar to one are told, and how alike they have to be, from 0 to 1 for the same."""

KINDS = ("input", "output", "cache_write", "cache_write_1h", "cache_read")


def find_listed_price(model: str) -> Price | None:
    """Return the usual price of a model by today's date, None if the list has none.

    Args:
        model: as `provider:model`.
    """
    found = _find(model)
    return None if found is None else read_price(found.get_prices(datetime.now(UTC)))


def find_similar(model: str) -> list[str]:
    """Return the listed names that look most like that of a model, as `provider:model`: those that have a price.

    Args:
        model: as `provider:model`; of a provider that the list has not, nothing is similar.
    """
    provider, _, name = model.partition(":")
    models = _models_of(SELLERS[provider]) if provider in SELLERS else ()
    alike = difflib.get_close_matches(name, [each.id for each in models], n=MOST_SIMILAR, cutoff=LEAST_ALIKE)
    similar = [f"{provider}:{each}" for each in alike]
    return [each for each in similar if find_listed_price(each) is not None]


def describe_similar(models: Iterable[str]) -> str:
    """Return a sentence, after a space, with the names that look like those of these models; empty: there are none."""
    similar = [each for model in models for each in find_similar(model)]
    return f" Similar names with a price: {', '.join(similar)}." if similar else ""


def find_listed_window(model: str) -> int | None:
    """Return how many tokens a model takes at once, prompt and reply together; None if the list does not say.

    Args:
        model: as `provider:model`.
    """
    found = _find(model)
    window: int | None = getattr(found, "context_window", None)
    return window


def _find(model: str) -> Any:
    """Return the entry of a model, None if there is none."""
    try:
        name = parse_model_name(model)
    except ConfigurationError:
        return None
    seller = SELLERS.get(name.provider.name)
    return None if seller is None else _look_up(seller, name.model)


def _models_of(seller: str) -> Sequence[Any]:
    from genai_prices.data_snapshot import get_snapshot  # late: as below

    return next((each.models for each in get_snapshot().providers if each.id == seller), ())


def _look_up(seller: str, model: str) -> Any:
    from genai_prices.data_snapshot import get_snapshot  # late: it takes a third of a second and more

    try:
        _, found = get_snapshot().find_provider_model(model, None, seller, None)
    except LookupError:
        return None
    return found


def read_price(listed: Any) -> Price | None:
    """Return what an entry of the list says of texts, None if it has no price for them.

    Where it has none for a cache, tokens that went through one cost as much as others; where it has none for an hour,
    those kept for an hour cost as much as those kept for the usual time.
    """
    kinds = {name: getattr(listed, f"{name}_mtok", None) for name in KINDS}
    if kinds["input"] is None or kinds["output"] is None:
        return None
    starts = {tier.start for price in kinds.values() for tier in getattr(price, "tiers", ())}
    return Price(tuple(_rates(kinds, start) for start in (-1, *sorted(starts))))


def _rates(kinds: dict[str, Any], above_tokens: int) -> Rates:
    usd = {kind: _rate(price, above_tokens) for kind, price in kinds.items() if price is not None}
    written = usd.get("cache_write", usd["input"])
    return Rates(
        usd["input"],
        usd["output"],
        cache_write_usd=written,
        cache_write_1h_usd=usd.get("cache_write_1h", written),
        cache_read_usd=usd.get("cache_read", usd["input"]),
        above_tokens=above_tokens,
    )


def _rate(price: Any, above_tokens: int) -> float:
    """Return the rate of prompts just longer than that."""
    if not hasattr(price, "tiers"):
        return float(price)
    reached = [tier.price for tier in price.tiers if tier.start <= above_tokens]
    return float(reached[-1] if reached else price.base)
