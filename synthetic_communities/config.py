"""The settings of a run, as scripts and YAML files write them."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

from .configuration.assumptions import list_assumptions
from .configuration.checks import find_setting_problem, suggest_name
from .configuration.config_file import Origin, find_file_problems, find_value_problems, load_settings
from .configuration.entries import build_candidate_card, build_topic, find_entry_problems
from .configuration.places import shorten_problems
from .configuration.settings import SETTINGS_BY_NAME
from .configuration.showing import show_configuration
from .configuration.text_files import load_text
from .domain.debate import Topic
from .domain.scene import CandidateCard
from .errors import ConfigurationError, Problem
from .warned import warn_caller

BUNDLED_FILE = Path(__file__).parent / "scenario" / "config.yaml"


class _Remembering:
    # A slot outside the dataclass: what `vars`, `fields` and `asdict` give of a configuration is its settings alone.
    __slots__ = ("_origin",)

    _origin: Origin


@dataclass
class Config(_Remembering):
    """The settings of a run; `docs/configuration.md` has the meaning, unit and range of each.

    Making one reads no file and checks nothing: a run does, when it starts, and so does `find_problems`. Settings may
    be assigned to until then.
    """

    population_size: int
    questions_per_topic: int
    turns_per_question: int
    num_epochs: int
    random_seed: int
    post_probability: float = 0.07
    reaction_probability: float = 0.4
    num_rounds_mean: int = 3
    num_rounds_variance: int = 1
    max_change_percentage: float = 0.5
    max_concurrent: int = 20
    population_file: str = "data/personas/swiss_population_50.jsonl"
    world_file: str | None = None
    topics: list[dict[str, Any]] | None = None
    candidates: list[dict[str, Any]] | None = None
    world_story: str | None = None
    model: str | None = None
    candidate_model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: float | None = None
    effort: str | None = None
    feed_size: int = 10
    memory_epochs: int = 1
    opening_opinions: bool = True
    call_timeout_seconds: float | None = None
    name: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    replicate: int = 0
    resample_people: bool = False
    schedule: str = "dependencies"
    feed_candidates: int = 200
    max_reply_bytes: int | None = None
    api_key_command: str | None = None
    max_cost_usd: float | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    deadline_seconds: float | None = None
    max_failures: float = 0.2
    prices: dict[str, dict[str, float]] | None = None
    prompt_cache: str = "auto"

    def __post_init__(self) -> None:
        self._origin = Origin()

    @classmethod
    def from_yaml(cls, yaml_path: str | PathLike[str]) -> Self:
        """Return the configuration a YAML file describes.

        A relative `population_file` or `world_file` is looked for beside the file, then in the working directory;
        afterwards the field holds the path found. If both places have one and they differ, a warning says which was
        taken. `world_file` is read into `world_story`.

        Raises:
            ConfigurationError: everything wrong with the file, and with the files it names.
        """
        path = Path(yaml_path)
        read = load_settings(path, (path.parent, Path()), _defaults())
        for notice in read.notices:
            warn_caller(notice)
        return cls._from_values(read.values, read.origin)

    @classmethod
    def bundled(cls, **changes: Any) -> Self:
        """Return the bundled scenario with some settings changed.

        Raises:
            ConfigurationError: a name that is no setting, or a `world_file` that cannot be read.
        """
        read = load_settings(BUNDLED_FILE, (BUNDLED_FILE.parent,), _defaults())
        return cls._from_values(read.values, read.origin).changed(**changes)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], *, stated: Iterable[str]) -> Self:
        """Return the configuration with these values, of which these count as stated. Nothing is checked."""
        return cls._from_values(values, Origin(stated=frozenset(stated)))

    @classmethod
    def _from_values(cls, values: Mapping[str, Any], origin: Origin) -> Self:
        config = cls(**values)
        config._origin = origin
        return config

    def changed(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, and from now on stated; this one stays as it is.

        A new `world_story` replaces the `world_file`, and a new `world_file` is read into `world_story`. Values are
        checked when a run starts.

        Raises:
            ConfigurationError: names that are no settings; a `world_file` that cannot be read, or given beside a
                `world_story`.
        """
        unknown = [name for name in changes if name not in NAMES]
        if unknown:
            raise ConfigurationError(
                Problem(name, "there is no such setting", suggest_name(name, NAMES)) for name in unknown
            )
        config = copy.deepcopy(self)
        for name, value in {**_find_world_changes(self, changes), **changes}.items():
            setattr(config, name, value)
        config._origin = replace(self._origin, stated=self._origin.stated | changes.keys())
        return config

    def find_problems(
        self, *, check_files: bool = True, unnamed_model: str | None = None, taken: Collection[str] = ()
    ) -> list[Problem]:
        """Return everything wrong with the settings as they are now; an empty list if nothing is.

        Args:
            check_files: also look whether the files that a run would read are there and can be read.
            unnamed_model: who thinks where the configuration names no model; None: the offline mind.
            taken: settings of language models that a mind somebody gave takes, though no model is named.
        """
        values = _values_of(self)
        values["model"] = values["model"] if values["model"] is not None else unnamed_model
        places = self._origin.find_places(values)
        problems = find_value_problems(values, places, taken)
        problems += find_file_problems(values, places) if check_files else []
        return shorten_problems(problems, self._origin.file)

    def assumptions(self) -> list[str]:
        """Return what is not stated and will be assumed, a sentence each, of a configuration without problems.

        Of a configuration made in Python, what differs from its default counts as stated.
        """
        values, defaults = _values_of(self), _defaults()
        told = {name for name, value in values.items() if name not in defaults or value != defaults[name]}
        return list_assumptions(values, self._origin.stated | told)

    def is_stated(self, name: str) -> bool:
        """Say whether a setting was stated: in the file, by a change, or by a value other than its default."""
        values, defaults = _values_of(self), _defaults()
        return name in self._origin.stated or name not in defaults or values[name] != defaults[name]

    def _repr_html_(self) -> str:
        return show_configuration(_values_of(self), self.is_stated)

    def load_world_story(self) -> str:
        """Return the world in words: `world_story`, else what `world_file` holds, else nothing.

        Raises:
            ConfigurationError: `world_file` cannot be read.
        """
        if self.world_story is not None or self.world_file is None:
            return self.world_story or ""
        return load_text(Path(self.world_file), "world_file")


NAMES = tuple(setting.name for setting in fields(Config))
"""The settings, in their order."""


def build_topics(config: Config) -> tuple[Topic, ...]:
    """Return what is debated, in order.

    Raises:
        ConfigurationError: everything wrong with the configuration's topics.
    """
    _refuse_entries(config, "topics")
    return tuple(build_topic(entry) for entry in config.topics or ())


def build_candidate_cards(config: Config) -> tuple[CandidateCard, ...]:
    """Return who stands for election, in the order listed.

    Raises:
        ConfigurationError: everything wrong with the configuration's topics and candidates.
    """
    _refuse_entries(config, "topics", "candidates")
    return tuple(build_candidate_card(entry) for entry in config.candidates or ())


def _refuse_entries(config: Config, *names: str) -> None:
    places = config._origin.find_places(_values_of(config))
    found = [find_setting_problem(SETTINGS_BY_NAME[name], getattr(config, name), places.at(name)) for name in names]
    problems = [problem for problem in found if problem]
    problems += find_entry_problems(config.topics, config.candidates if "candidates" in names else None, places)
    if problems:
        raise ConfigurationError(problems)


def _find_world_changes(config: Config, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else changes with the world's file or its story."""
    file, story = changes.get("world_file"), changes.get("world_story")
    if file is not None and story is not None:
        raise ConfigurationError([Problem("world_file", "is given beside world_story", "leave one of the two out")])
    if file is not None:
        return {"world_story": load_text(Path(file), "world_file")}
    if story is not None or (config.world_file is not None and "world_file" in changes):
        return {"world_file": None, "world_story": None}
    return {}


def _defaults() -> dict[str, Any]:
    return {setting.name: setting.default for setting in fields(Config) if setting.default is not MISSING}


def _values_of(config: Config) -> dict[str, Any]:
    return {name: getattr(config, name) for name in NAMES}
