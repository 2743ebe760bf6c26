"""Hold forecasts against runs: the bundled scenario and two larger ones, on the loopback server.

    .venv/bin/python scripts/measure_forecast.py --seeds 0 5 11

Prints for each run every figure foretold, and what the run took. Exit status 1 if one lies outside its range, or a
range is wider than 1.6. The server counts tokens by a rule of its seed; seconds of replies are given, as by a probe.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthetic_communities.benchmark.towns import Town, build_config
from synthetic_communities.config import Config
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.report.steps import STEP_OF_ACT
from synthetic_communities.simulation.assumed import Assumed, Span
from synthetic_communities.simulation.calls_forecast import CallsForecast
from synthetic_communities.testing.loopback import LoopbackServer

MODELS = ("anthropic:claude-haiku-5-5", "openai:gpt-5-mini")
WIDEST = 1.6


def list_towns(folder: Path) -> Iterator[tuple[str, Config]]:
    """Yield the communities that are run."""
    yield "bundled", Config.bundled()
    yield "200 people, 3 epochs", build_config(Town(200, 20), folder, seed=3)
    texts = {"topics": 2, "candidates": 3}
    longer = build_config(Town(500, 20, epochs=2, **texts), folder, seed=4)
    yield "500 people, 2 epochs", longer.changed(world_file=None, world_story=longer.load_world_story() * 2)


def hold(name: str, config: Config, model: str, seed: int, latency: float, folder: Path) -> bool:
    """Say whether what a run took lies in what was foretold of it, and print both."""
    with LoopbackServer(seed=seed, latency=latency, cache=True) as server:
        address = server.url if model.startswith("anthropic") else f"{server.url}/v1"
        engine = GameEngine.from_config(config.changed(model=model, base_url=address))
        seconds = dict.fromkeys(STEP_OF_ACT, Span(latency, latency * 1.25))
        asked = engine.forecast(Assumed(seconds_per_reply=seconds)).asked
        assert asked is not None
        engine.initialize_simulation_output(folder)
        engine.run()
    assert engine.simulation_dir is not None
    usage = json.loads((engine.simulation_dir / "usage.json").read_text("utf-8"))
    figures = list(compare(asked, usage))
    print(f"{name}, {model}, seed {seed}")
    for figure, span, took in figures:
        mark = "" if is_right(span, took) else "  <- OUTSIDE OR TOO WIDE"
        print(
            f"  {figure:15}{span.low:15,.2f}{span.high:15,.2f}{took:15,.2f}{span.high / max(span.low, 1e-9):7.2f}{mark}"
        )
    return all(is_right(span, took) for _, span, took in figures)


def is_right(span: Span, took: float) -> bool:
    """Say whether a figure lies in its range, and the range is no wider than it may be."""
    return took in span and span.high <= WIDEST * span.low


def compare(asked: CallsForecast, usage: dict[str, Any]) -> Iterator[tuple[str, Span, float]]:
    """Yield every figure with what was foretold and what it was."""
    calls, tokens = usage["calls"], usage["calls"]["tokens"]
    prompt = sum(tokens[f"{kind}_tokens"] or 0 for kind in ("input", "cache_write", "cache_read"))
    yield "calls", asked.calls, calls["calls"]
    yield "prompt tokens", asked.tokens.prompt_tokens, prompt
    yield "output tokens", asked.tokens.output_tokens, tokens["output_tokens"]
    yield "cache reads", asked.tokens.cache_read_tokens, tokens["cache_read_tokens"] or 0
    if asked.cost_usd is not None:
        yield "US dollars", asked.cost_usd, calls["cost_usd"]
    yield "minutes", asked.minutes, usage["seconds"] / 60


def main() -> int:
    """Run all that was asked for; 1 if anything was foretold wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 5, 11], help="of the server")
    parser.add_argument("--models", nargs="+", default=MODELS, help="who is asked for")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds a reply takes")
    parser.add_argument("--only", type=int, default=3, help="so many of the communities")
    options = parser.parse_args()
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        os.environ.setdefault(variable, "sk-for-the-loopback")
    with tempfile.TemporaryDirectory() as folder:
        towns = list(list_towns(Path(folder)))[: options.only]
        held = [
            hold(name, config, model, seed, options.latency, Path(folder))
            for seed in options.seeds
            for model in options.models
            for name, config in towns
        ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
