"""What models cost, as a configuration states it, and whether every price is known where money is limited."""

from collections.abc import Collection, Iterator, Mapping

from ..errors import ConfigurationError, Problem
from ..llm.choice import OFFLINE
from ..llm.money.prices import PRICE_KEYS, Prices, price_problem
from ..llm.naming import parse_model_name
from .checks import find_unknown_keys, has_kind
from .places import Places, spell_value

NEEDED_KEYS = PRICE_KEYS[:2]


def find_price_problems(values: Mapping[str, object], places: Places) -> list[Problem]:
    """Return what is wrong with the prices stated, or, if nothing is, which are missing though money is limited."""
    stated = values.get("prices")
    prices = stated if isinstance(stated, Mapping) else {}
    problems = [problem for name, price in prices.items() for problem in _problems_of(name, price, places)]
    problems += _twins(prices, places)
    if problems or values.get("max_cost_usd") is None:
        return problems
    return list(_missing_prices(values, Prices(prices), places))


def find_unused_prices(prices: Mapping[str, object], models: Collection[str]) -> tuple[str, ...]:
    """Return the models that have a price stated and are not asked, as they are written there.

    Args:
        prices: a sound mapping, from models to what they cost.
        models: who is asked, as `provider:model` or as `provider`.
    """
    asked = {str(parse_model_name(name)) for name in models if _is_model(name)}
    return tuple(name for name in prices if str(parse_model_name(name)) not in asked)


def _twins(prices: Mapping[str, object], places: Places) -> Iterator[Problem]:
    """Yield a problem for every name that means the same model as one before it."""
    first: dict[str, str] = {}
    for name in filter(_is_model, prices):
        model = str(parse_model_name(name))
        if model in first:
            what = f"{spell_value(name)} has two prices: it is the same model as {spell_value(first[model])}"
            yield Problem(places.at("prices", name).where, what, "state one of them")
        first.setdefault(model, name)


def _missing_prices(values: Mapping[str, object], prices: Prices, places: Places) -> Iterator[Problem]:
    named = {str(values[name]) for name in ("model", "candidate_model") if values[name] not in (None, OFFLINE)}
    for name in sorted(named):
        if _is_model(name) and prices.of(str(parse_model_name(name))) is None:
            yield price_problem(places.at("max_cost_usd").where, str(parse_model_name(name)))


def _problems_of(name: object, price: object, places: Places) -> Iterator[Problem]:
    path = ("prices", str(name))
    where = places.at(*path).where
    if not _is_model(name):
        yield Problem(where, f"{spell_value(name)} names no model", "write it as under model, as in openai:gpt-5-mini")
    if not isinstance(price, Mapping):
        yield Problem(where, f"{spell_value(price)} is no price", "write a mapping, as in {input: 0.25, output: 2}")
        return
    yield from find_unknown_keys(price, PRICE_KEYS, places, *path)
    yield from (Problem(where, f"has no {key}", "add it") for key in NEEDED_KEYS if key not in price)
    for key in PRICE_KEYS:
        if key in price and not (has_kind(price[key], "number") and 0 <= price[key] < float("inf")):
            what = f"{spell_value(price[key])} is no price"
            yield Problem(places.at(*path, key).where, what, "write US dollars per million tokens, 0 or more")


def _is_model(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(parse_model_name(name))
    except ConfigurationError:
        return False
