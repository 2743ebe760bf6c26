"""What calls cost: prices listed and stated, tiers and caches, and configurations in which a price is missing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price

from synthetic_communities.config import Config
from synthetic_communities.configuration.pricing import find_unused_prices
from synthetic_communities.llm.caching.policy import find_anthropic_terms
from synthetic_communities.llm.call_log import CallEntry
from synthetic_communities.llm.model import Usage
from synthetic_communities.llm.money.costs import Cost, measure_cost
from synthetic_communities.llm.money.price_list import SELLERS
from synthetic_communities.llm.money.prices import Prices

HAIKU = "anthropic:claude-haiku-5-5"
MINI = "openai:gpt-5-mini"
OWN = {"input": 1.0, "output": 3.0, "cache_write": 2.0, "cache_read": 0.5}


def usage_of(
    sent: int | None = 0, written: int | None = 0, *, cached: int = 0, stored: int = 0, hourly: int | None = None
) -> Usage:
    return Usage(
        input_tokens=sent,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=stored,
        cache_write_1h_tokens=hourly,
    )


def problems_of(**changes: Any) -> list[str]:
    config = dataclasses.replace(Config(0, 1, 1, 1, 1), **changes)
    return [str(problem) for problem in config.find_problems()]


class TestListed:
    @pytest.mark.parametrize(
        ("model", "usd"),
        [
            ("anthropic:claude-haiku-5-5", (0.10, 0.50, 0.125, 0.20, 0.01)),
            ("anthropic:claude-sonnet-5-5", (2, 10, 2.50, 4, 0.10)),
            ("anthropic:claude-opus-5-5", (4, 20, 5, 8, 0.20)),
            ("anthropic:claude-haiku-4-5", (1, 5, 1.25, 2, 0.10)),
        ],
    )
    def test_prices_are_those_that_the_provider_names(self, model: str, usd: tuple[float, ...]) -> None:
        price = Prices().of(model)
        assert price is not None
        first = price.tiers[0]
        cache = (first.cache_write_usd, first.cache_write_1h_usd, first.cache_read_usd)
        assert (first.input_usd, first.output_usd, *cache) == usd
        terms = find_anthropic_terms(model)
        assert cache == pytest.approx([first.input_usd * each for each in (terms.write, terms.write_long, terms.read)])

    @pytest.mark.parametrize("prompt", [0, 1, 99_999, 100_000, 100_001, 250_000])
    @pytest.mark.parametrize(
        "model",
        [HAIKU, "anthropic:claude-sonnet-4-6", MINI, "gemini:gemini-2.5-pro", "openrouter:anthropic/claude-haiku-4.5"],
    )
    def test_a_call_costs_what_the_list_reckons(self, model: str, prompt: int) -> None:
        cached, stored, hourly = prompt // 2, prompt // 5, prompt // 7
        usage = usage_of(prompt - cached - stored, 321, cached=cached, stored=stored, hourly=hourly)
        cost = Prices().cost(model, usage)
        tokens = {"cache_read_tokens": cached, "cache_write_tokens": stored, "output_tokens": 321}
        tokens["cache_write_1h_tokens"] = hourly
        provider, _, name = model.partition(":")
        listed = calc_price(
            ListedUsage(input_tokens=prompt, **tokens),
            name,
            provider_id=SELLERS[provider],
            genai_request_timestamp=datetime.now(UTC),
        )
        assert cost == pytest.approx(float(listed.total_price), rel=1e-12)

    def test_two_short_calls_cost_less_than_a_long_one_of_the_same_tokens(self) -> None:
        short, long = (Prices().cost(HAIKU, usage_of(tokens, 0)) for tokens in (60_000, 120_000))
        assert (short, long) == (pytest.approx(0.006), pytest.approx(0.06))

    def test_what_is_written_for_an_hour_is_a_part_of_what_is_written(self) -> None:
        costs = [Prices().cost(HAIKU, usage_of(0, 0, stored=10_000, hourly=each)) for each in (None, 4_000, 10**9)]
        assert costs == [pytest.approx(each) for each in (0.00125, 0.00155, 0.002)]

    @pytest.mark.parametrize(
        "model", ["openai:gpt-99", "ollama:llama3.2:3b", "vllm:gpt-5-mini", "scripted:model", "scripted", "openai"]
    )
    def test_a_model_that_is_not_listed_has_no_price(self, model: str) -> None:
        assert Prices().of(model) is None
        assert Prices().cost(model, usage_of(1, 1)) is None


class TestStated:
    def test_a_price_stated_goes_before_one_listed(self) -> None:
        usage = usage_of(10**6, 10**6, cached=10**6, stored=10**6)
        assert Prices({MINI: OWN}).cost(MINI, usage) == pytest.approx(1.0 + 3.0 + 2.0 + 0.5)

    def test_what_a_cache_costs_is_as_other_input_unless_stated(self) -> None:
        prices = Prices({"ollama:llama3.2:3b": {"input": 2, "output": 0}})
        assert prices.cost("ollama:llama3.2:3b", usage_of(0, 5, cached=10**6, stored=10**6)) == pytest.approx(4.0)

    def test_an_hour_costs_as_much_as_a_shorter_time_unless_stated(self) -> None:
        usage = usage_of(0, 0, stored=10**6, hourly=10**6)
        assert Prices({HAIKU: OWN}).cost(HAIKU, usage) == pytest.approx(2.0)
        assert Prices({HAIKU: {**OWN, "cache_write_1h": 3.2}}).cost(HAIKU, usage) == pytest.approx(3.2)

    def test_a_provider_alone_stands_for_its_default_model(self) -> None:
        assert Prices({"anthropic": OWN}).cost(HAIKU, usage_of(10**6)) == pytest.approx(1.0)

    @pytest.mark.parametrize("usage", [None, Usage(), usage_of(None, 1), usage_of(1, None)])
    def test_tokens_not_counted_have_no_cost(self, usage: Usage | None) -> None:
        assert Prices().cost(MINI, usage) is None


class TestCosts:
    def entry(self, usage: Usage | None, model: str | None = "m", asked: str = MINI) -> CallEntry:
        return CallEntry("k", "a", outcome="end", model=model, usage=usage, asked=asked)

    def test_calls_are_added_up(self) -> None:
        entries = [self.entry(usage_of(10**6)), self.entry(usage_of(0, 10**6)), self.entry(None, model=None)]
        assert measure_cost(entries, Prices()) == Cost(pytest.approx(2.25), pytest.approx(2.25))

    @pytest.mark.parametrize("unknown", [(None, "m", MINI), (usage_of(5), "m", "vllm:x"), (Usage(), None, MINI)])
    def test_one_that_is_not_known_leaves_the_sum_unknown(self, unknown: tuple[Any, Any, str]) -> None:
        entries = [self.entry(usage_of(10**6)), self.entry(*unknown)]
        assert measure_cost(entries, Prices()) == Cost(None, pytest.approx(0.25))

    def test_no_call_costs_nothing(self) -> None:
        assert measure_cost([], Prices()) == Cost(0.0, 0.0)


class TestConfiguration:
    def test_money_cannot_be_limited_where_a_price_is_not_known(self) -> None:
        remedy = "state it under prices, in US dollars per million tokens, or limit max_tokens or max_calls instead"
        assert problems_of(model="ollama:llama3.2:3b", candidate_model="openai:gpt-99", max_cost_usd=2) == [
            f"max_cost_usd: what {model} costs is not known; {remedy}"
            for model in ("ollama:llama3.2:3b", "openai:gpt-99")
        ]

    def test_a_price_that_is_stated_is_known(self) -> None:
        prices = {"ollama:llama3.2:3b": {"input": 0, "output": 0}}
        assert problems_of(model="ollama:llama3.2:3b", max_cost_usd=2, prices=prices) == []
        assert problems_of(model=MINI, candidate_model=HAIKU, max_cost_usd=2) == []

    def test_without_a_limit_no_price_is_needed(self) -> None:
        assert problems_of(model="ollama:llama3.2:3b", max_tokens=5, max_calls=5, deadline_seconds=5) == []

    def test_everything_wrong_with_prices_is_told(self) -> None:
        wrong: dict[Any, Any] = {
            "gpt-5-mini": OWN,
            MINI: {"input": -1, "cache": 1},
            HAIKU: 3,
            "openai:o": {"input": True, "output": float("inf")},
        }
        dollars = "write US dollars per million tokens, 0 or more"
        assert problems_of(model=MINI, prices=wrong, max_cost_usd=1) == [
            "prices.gpt-5-mini: 'gpt-5-mini' names no model; write it as under model, as in openai:gpt-5-mini",
            "prices.openai:gpt-5-mini.cache: 'cache' is no key of prices.openai:gpt-5-mini; did you mean cache_read?",
            "prices.openai:gpt-5-mini: has no output; add it",
            f"prices.openai:gpt-5-mini.input: -1 is no price; {dollars}",
            "prices.anthropic:claude-haiku-5-5: 3 is no price; write a mapping, as in {input: 0.25, output: 2}",
            f"prices.openai:o.input: True is no price; {dollars}",
            f"prices.openai:o.output: inf is no price; {dollars}",
        ]
        assert problems_of(model=MINI, prices=[1]) == ["prices: [1] is of the wrong kind; write a mapping"]

    def test_two_prices_of_one_model_are_an_error(self) -> None:
        prices = {"anthropic": OWN, MINI: OWN, HAIKU: OWN}
        assert problems_of(model=MINI, prices=prices, max_cost_usd=1) == [
            f"prices.{HAIKU}: '{HAIKU}' has two prices: it is the same model as 'anthropic'; state one of them"
        ]

    def test_prices_of_models_that_are_not_asked_are_found(self) -> None:
        prices = {"anthropic": OWN, "anthropic:claude-haiku-55": OWN, MINI: OWN}
        assert find_unused_prices(prices, (HAIKU, "offline")) == ("anthropic:claude-haiku-55", MINI)
        assert find_unused_prices(prices, ("offline", MINI)) == ("anthropic", "anthropic:claude-haiku-55")

    def test_the_offline_mind_spends_nothing_that_could_be_limited(self) -> None:
        given = {"max_cost_usd": 1, "max_tokens": 1, "max_calls": 1, "prices": {MINI: OWN}}
        assert problems_of(**given) == [
            f"{name}: the offline mind takes no {name}; remove it, or name a model that takes it" for name in given
        ]
        assert problems_of(deadline_seconds=5, max_failures=0.5) == []
