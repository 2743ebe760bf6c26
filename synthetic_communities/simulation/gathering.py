"""What a configuration asks for, gathered: its settings, its people, its candidates."""

from pathlib import Path
from typing import Any

from ..candidate import Candidate
from ..config import Config, build_topics
from ..configuration.people_file import find_people_problems, load_people
from ..errors import ConfigurationError, Problem
from ..minds.base import Mind
from .expectation import find_taken


def load_config(path: str | Path) -> Config:
    """Return the configuration in a file.

    Raises:
        ConfigurationError: everything wrong with the file, and with the people file it names.
    """
    try:
        return Config.from_yaml(path)
    except ConfigurationError as error:
        others = [problem for problem in find_people_problems(Path(path)) if problem not in error.problems]
        raise ConfigurationError([*error.problems, *others]) from error


def gather_people(config: Config, unnamed_model: str, given: Mind | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return the people a configuration asks for, a sample in the order of their file.

    Args:
        config: the settings.
        unnamed_model: who thinks where the configuration names no model.
        given: a mind that somebody put in the place of what the configuration names; None: nobody did.

    Raises:
        ConfigurationError: everything wrong with the configuration and the files it names, fewer people than asked
            for among them.
    """
    problems = config.find_problems(unnamed_model=unnamed_model, taken=find_taken([given]))
    people: list[tuple[str, dict[str, Any]]] = []
    size = config.population_size
    if _asks_for_people(size):
        try:
            replicate = config.replicate if config.resample_people else 0
            people = load_people(config.population_file, size, seed=config.random_seed, replicate=replicate)
        except ConfigurationError as error:
            problems += [problem for problem in error.problems if problem not in problems]
        else:
            problems += _missing_people(config, len(people))
    if problems:
        raise ConfigurationError(problems)
    return people


def _missing_people(config: Config, found: int) -> list[Problem]:
    if found >= config.population_size:
        return []
    if config.population_file == Config.bundled().population_file:
        what = f"{config.population_size:,} people are asked for, and the bundled scenario has {found:,}"
        return [Problem("population_size", what, "ask for fewer, or make a scenario of your own: init my-town")]
    what = f"holds {found} people, fewer than the population_size of {config.population_size}"
    return [Problem(str(config.population_file), what, "ask for fewer, or add people to the file")]


def _asks_for_people(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size > 0


def build_candidates(config: Config, world_story: str | None) -> list[Candidate]:
    """Return the candidates a configuration describes, in the order listed; nothing is asked of them yet."""
    topics = build_topics(config)
    return [
        Candidate(entry["id"], entry["name"], entry.get("description", ""), topics, None, world_story)
        for entry in config.candidates or ()
    ]
