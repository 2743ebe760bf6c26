"""From a configuration file and the options typed beside it to an engine that is ready to run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import ConfigurationError, Problem
from ..game_engine import GameEngine
from ..simulation.gathering import load_config

OPTIONS = {
    "model": "--model",
    "candidate_model": "--candidate-model",
    "num_epochs": "--epochs",
    "population_size": "--population",
    "random_seed": "--seed",
    "max_concurrent": "--max-concurrent",
    "max_cost_usd": "--max-cost-usd",
    "max_tokens": "--max-tokens",
    "max_calls": "--max-calls",
    "deadline_seconds": "--deadline",
    "max_failures": "--max-failures",
    "prompt_cache": "--prompt-cache",
}
"""Setting to the option that replaces it."""


def load_engine(path: Path, changes: Mapping[str, float | str], *, needs_keys: bool = True) -> GameEngine:
    """Return an engine for a configuration file, with some settings changed.

    Args:
        path: the file.
        changes: settings that were typed, by name.
        needs_keys: whether models are going to be asked; False: keys may be missing.

    Raises:
        ConfigurationError: everything wrong with the file, the files it names, and the changes, which are named by
            their options; a key is missing; or there is nothing to run.
    """
    config = load_config(path).changed(**changes)
    try:
        engine = GameEngine.from_config(config, model=config.model if "model" in changes else None)
        if needs_keys and engine.missing_keys:
            engine.ask_for_key()
    except ConfigurationError as error:
        raise ConfigurationError(name_options(error.problems, changes)) from error
    if not (engine.population.personas or engine.candidates or config.topics):
        raise ConfigurationError([Problem(str(path), "there is nothing to run: no people, no candidates, no topics")])
    # A record keeps the configuration as it was given, unless it was not run as it was given.
    engine.config_path = None if changes else path
    return engine


def name_options(problems: Iterable[Problem], changes: Mapping[str, float | str]) -> list[Problem]:
    """Return the problems, those of changed settings under the name of the option that was typed."""
    return [
        replace(problem, where=OPTIONS[problem.where]) if problem.where in changes else problem for problem in problems
    ]
