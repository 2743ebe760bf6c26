#!/usr/bin/env python3
"""Holds forecasts against runs on the loopback server, before and after a probe; `--help` tells more."""

import argparse
import json
import os
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetic_communities.forecast.calls import CallsForecast
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.runs.directory import USAGE
from synthetic_communities.testing.loopback import LoopbackServer
from tests.foretold_runs import Taken, build_towns, compare, is_right
from tests.model_communities import KEYS, address_of

MODELS = ("anthropic:claude-haiku-5-5", "openai:gpt-5-mini")


def main() -> int:
    """Run all that was asked for; 1 if anything was foretold wrongly."""
    arguments = parse_arguments()
    os.environ.update(KEYS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        towns = list(build_towns(folder).items())[: arguments.only]
        held = []
        for seed, model, (town, config) in product(arguments.seeds, arguments.models, towns):
            print(f"{town}, {model}, seed {seed}", flush=True)
            options: dict[str, Any] = {"seed": seed, "latency": arguments.latency, "sigma": arguments.sigma}
            with LoopbackServer(cache=True, **options) as server:
                reached = config.changed(model=model, base_url=address_of(model, server))
                held.append(hold(GameEngine.from_config(reached), folder))
    return 0 if all(held) else 1


def parse_arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(
        description="Runs the bundled scenario and two larger ones, and prints every figure as it was foretold before "
        "and after a probe, and what the run took. Exit status 1 if one lies outside its range, or a range is wider "
        "than 1.6. The server counts tokens by a rule of its seed."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 5, 11], help="of the server (default: 0 5 11)")
    parser.add_argument("--models", nargs="+", default=MODELS, help="who is asked for")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds a reply takes on average (default: 0.3)")
    parser.add_argument("--sigma", type=float, default=0.0, help="spread of their logarithm (default: 0)")
    parser.add_argument("--only", type=int, default=3, help="so many of the communities (default: 3)")
    return parser.parse_args()


def hold(engine: GameEngine, folder: Path) -> bool:
    """Say whether what a run took lies in what was foretold of it, and print both."""
    before = engine.forecast().asked
    after = engine.forecast(assumed=engine.probe().assumed()).asked
    engine.initialize_simulation_output(folder)
    engine.run()
    assert engine.simulation_dir is not None
    assert before is not None
    assert after is not None
    took = read_taken(json.loads((engine.simulation_dir / USAGE).read_text("utf-8")))
    return all([tell(before, took, is_probed=False), tell(after, took, is_probed=True)])


def tell(asked: CallsForecast, took: Taken, *, is_probed: bool) -> bool:
    """Print every figure, and say whether all were foretold rightly."""
    print("  after a probe" if is_probed else "  before")
    figures = list(compare(asked, took, is_probed=is_probed))
    for figure, span, was in figures:
        mark = "" if is_right(span, was) else "  <- OUTSIDE OR TOO WIDE"
        width = span.high / max(span.low, 1e-9)
        print(f"    {figure:15}{span.low:15,.2f}{span.high:15,.2f}{was:15,.2f}{width:7.2f}{mark}", flush=True)
    return all(is_right(span, was) for _, span, was in figures)


def read_taken(usage: dict[str, Any]) -> Taken:
    """Return what a run took, of its `usage.json`."""
    calls, tokens = usage["calls"], usage["calls"]["tokens"]
    return Taken(
        calls["calls"],
        sum(tokens[f"{kind}_tokens"] or 0 for kind in ("input", "cache_write", "cache_read")),
        output_tokens=tokens["output_tokens"],
        cost_usd=calls["cost_usd"],
        minutes=usage["seconds"] / 60,
    )


if __name__ == "__main__":
    sys.exit(main())
