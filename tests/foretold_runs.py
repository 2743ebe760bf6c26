"""Forecasts held against runs: the bundled scenario and two larger ones; for the suite, and for the script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from synthetic_communities.benchmark.towns import Town, build_config, without_model
from synthetic_communities.config import Config
from synthetic_communities.forecast.assumed import Assumed, Span
from synthetic_communities.forecast.calls import CallsForecast
from synthetic_communities.forecast.probe import Probe
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.testing.server.settings import LoopbackSettings
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.served_here import Count, ServedHere, connect

WIDEST = 1.6
"""How far apart the ends of a figure may lie, as a factor."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run took.

    Attributes:
        calls: how many.
        prompt_tokens: all that was sent.
        output_tokens: all that was replied.
        cost_usd: US dollars.
        minutes: how long it was under way.
    """

    calls: int
    prompt_tokens: int
    output_tokens: int = field(kw_only=True)
    cost_usd: float = field(kw_only=True)
    minutes: float = field(kw_only=True)


def build_towns(folder: Path) -> dict[str, Config]:
    """Return the communities that are run, by name."""
    texts = {"topics": 2, "candidates": 3}
    longer = build_config(Town(500, 20, epochs=2, **texts), folder, seed=4)
    return {
        "bundled": Config.bundled(),
        "200 people, 3 epochs": build_config(Town(200, 20), folder, seed=3),
        "500 people, 2 epochs": longer.changed(world_file=None, world_story=longer.load_world_story() * 2),
    }


def compare(asked: CallsForecast, took: Taken, *, is_probed: bool) -> Iterator[tuple[str, Span, float]]:
    """Yield every figure with what was foretold and what it was.

    Args:
        asked: what was foretold.
        took: what it was.
        is_probed: whether it was foretold by a probe: else nobody knows how long replies take.
    """
    tokens, cost = asked.tokens, asked.cost_usd
    assert cost is not None
    yield "calls", asked.calls, took.calls
    yield "prompt tokens", tokens.prompt_tokens, took.prompt_tokens
    yield "output tokens", tokens.output_tokens, took.output_tokens
    yield "all tokens", tokens.total_tokens, took.prompt_tokens + took.output_tokens
    yield "US dollars", cost, took.cost_usd
    if is_probed:
        yield "minutes", asked.minutes, took.minutes


def is_right(span: Span, took: float) -> bool:
    """Say whether a figure lies in its range, and the range is no wider than it may be."""
    return took in span and span.high <= WIDEST * span.low


@dataclass(slots=True)
class Trial:
    """A community whose model is served in this process, in virtual time.

    Attributes:
        config: its configuration.
        model: who is asked.
        settings: how the server behaves.
    """

    config: Config
    model: str
    settings: LoopbackSettings = field(kw_only=True)

    def foretell(self, assumed: Assumed | None = None) -> CallsForecast:
        """Return what its calls are foretold to take."""
        asked = self._engine(ServedHere(self.model, [4.0], self.settings)).forecast(assumed).asked
        assert asked is not None
        return asked

    def probe(self, rule: float) -> Probe:
        """Return what a probe finds where a token has so many characters."""
        return run_in_virtual_time(self._engine(ServedHere(self.model, [rule], self.settings)).probe_async())

    def run(self, rules: list[float], folder: Path) -> dict[float, Taken]:
        """Run it once, and return what it took, counted by each of the rules."""
        served = ServedHere(self.model, rules, self.settings)
        engine = self._engine(served)
        engine.initialize_simulation_output(folder)

        async def run() -> float:
            await engine.run_async()
            return asyncio.get_running_loop().time() / 60

        minutes = run_in_virtual_time(run())
        return {count.rule.characters: _taken(served.calls, count, minutes) for count in served.counts}

    def _engine(self, served: ServedHere) -> GameEngine:
        return GameEngine.from_config(without_model(self.config), model=LLMMind(connect(served, self.model)))


def _taken(calls: int, count: Count, minutes: float) -> Taken:
    tokens = count.tokens
    return Taken(
        calls,
        tokens.total() - tokens["output"],
        output_tokens=tokens["output"],
        cost_usd=count.cost_usd,
        minutes=minutes,
    )
