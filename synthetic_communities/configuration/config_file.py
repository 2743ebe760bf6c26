"""Reading a configuration file: its settings, the files it names, and everything wrong with them at once."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ..errors import ConfigurationError, Problem
from .access import find_access_problems
from .checks import TAKES_NONE, find_model_problems, find_setting_problem, find_unknown_keys
from .entries import find_entry_problems
from .places import Path, Places, Spot, shorten_problems, spell_value
from .pricing import find_price_problems
from .settings import SETTINGS
from .text_files import find_file, find_file_problem, load_text
from .yaml_files import load_yaml

FILE_SETTINGS = ("population_file", "world_file")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration came from, and what it stated.

    Attributes:
        file: the file it was read from; empty if it was made in Python.
        stated: names of the settings stated there, or changed since by `Config.changed`.
        values: every setting as it was once read; empty if it was made in Python.
        spots: where the file's values stand.
    """

    file: str = ""
    stated: frozenset[str] = frozenset()
    values: Mapping[str, Any] = field(default_factory=dict)
    spots: Mapping[Path, Spot] = field(default_factory=dict)

    def find_places(self, values: Mapping[str, Any]) -> Places:
        """Return where these values stand: in the file, but for those that are no longer what it said."""
        edited = (name for name, value in values.items() if name not in self.values or self.values[name] != value)
        return Places(self.file, self.spots, frozenset(edited))


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What a configuration file says, with its files found.

    Attributes:
        values: every setting.
        origin: where they stand.
        notices: what to tell the user, one sentence each.
    """

    values: Mapping[str, Any]
    origin: Origin
    notices: tuple[str, ...]


def load_settings(path: FilePath, folders: Sequence[FilePath], defaults: Mapping[str, Any]) -> ReadSettings:
    """Return what the file says, over `defaults`; files it names are looked for in `folders`, in that order.

    Raises:
        ConfigurationError: everything wrong with the file, and with the files it names.
    """
    document = load_yaml(path)
    places = Places(str(path), document.spots)
    names = [setting.name for setting in SETTINGS]
    stated = frozenset(document.data) & frozenset(names)
    values = {**defaults, **{name: document.data[name] for name in stated}}
    problems = [*document.problems, *find_unknown_keys(document.data, names, places)]
    missing = [name for name in names if name not in values]
    problems += [Problem(places.at(name).where, "is missing", "add it") for name in missing]
    # What only models take is looked at when a run starts: who thinks may be named by an option or the environment.
    problems += [problem for problem in find_value_problems(values, places) if problem.remedy != TAKES_NONE]
    search = _FileSearch(values, stated, folders, places)
    search.find_files()
    problems += search.problems
    if problems:
        raise ConfigurationError(shorten_problems(problems, str(path)))
    origin = Origin(str(path), stated, copy.deepcopy(values), document.spots)
    return ReadSettings(values, origin, tuple(search.notices))


def find_value_problems(values: Mapping[str, Any], places: Places, taken: Collection[str] = ()) -> list[Problem]:
    """Return everything wrong with the values of settings; looks at no file.

    Args:
        values: of all settings.
        places: where they stand.
        taken: settings of language models that are taken even where none is named.
    """
    found = find_single_problems(values, places)
    found += find_model_problems(values, places, taken)
    found += find_access_problems(values, places)
    found += find_price_problems(values, places)
    return found


def find_single_problems(values: Mapping[str, Any], places: Places) -> list[Problem]:
    """Return what is wrong with settings taken one by one, and with topics and candidates."""
    given = [(setting, values[setting.name]) for setting in SETTINGS if setting.name in values]
    problems = [find_setting_problem(setting, value, places.at(setting.name)) for setting, value in given]
    found = [problem for problem in problems if problem]
    return [*found, *find_entry_problems(values.get("topics"), values.get("candidates"), places)]


def find_file_problems(values: Mapping[str, Any], places: Places) -> list[Problem]:
    """Return what is wrong with the files that settings name and a run would read."""
    problems: list[Problem] = []
    people, world = values["population_file"], values["world_file"]
    if isinstance(people, (str, os.PathLike)) and _has_people(values):
        problem = find_file_problem(FilePath(people), places.at("population_file").where)
        problems += [problem] if problem else []
    if isinstance(world, (str, os.PathLike)) and values["world_story"] is None:
        try:
            load_text(FilePath(world), places.at("world_file").where)
        except ConfigurationError as error:
            problems += error.problems
    return problems


def _has_people(values: Mapping[str, Any]) -> bool:
    size = values.get("population_size")
    return isinstance(size, int) and not isinstance(size, bool) and size > 0


class _FileSearch:
    """Finds the files that `values` name, puts their paths there, and the world's story."""

    def __init__(
        self, values: dict[str, Any], stated: frozenset[str], folders: Sequence[FilePath], places: Places
    ) -> None:
        self.values = values
        self.stated = stated
        self.folders = folders
        self.places = places
        self.problems: list[Problem] = []
        self.notices: list[str] = []

    def find_files(self) -> None:
        """Put the paths of the files that are needed into the values, and the text of the world where a file has it."""
        found = {name for name in FILE_SETTINGS if self.is_needed(name) and self._find_one(name)}
        if self.values["world_file"] is not None and self.values["world_story"] is not None:
            remedy = "remove world_file to keep the text of world_story, or world_story to read the file"
            self.problems.append(Problem(self.where("world_file"), "is given beside world_story", remedy))
        elif "world_file" in found:
            self._read_world()

    def is_needed(self, name: str) -> bool:
        """Say whether to look for the file: the default people are not needed where nobody is drawn from them."""
        return isinstance(self.values[name], str) and (name in self.stated or _has_people(self.values))

    def _find_one(self, name: str) -> bool:
        """Say whether the file of a setting is there; if so its path is put into the values, else it is a problem."""
        found = find_file(self.values[name], self.folders)
        if not found:
            what = f"there is no file {spell_value(self.values[name])} in {self._spell_folders()}"
            remedy = "correct the path" if name in self.stated else f"state {name}: this is its default"
            self.problems.append(Problem(self.where(name), what, remedy))
            return False
        self.values[name] = str(found.path)
        self.notices += [f"{self.where(name)}: {found.notice}"] if found.notice else []
        return True

    def _read_world(self) -> None:
        """Put the text of the world file into the values; a file that cannot be read is a problem."""
        try:
            self.values["world_story"] = load_text(FilePath(self.values["world_file"]), self.where("world_file"))
        except ConfigurationError as error:
            self.problems += error.problems

    def _spell_folders(self) -> str:
        """Return where is looked, in words."""
        names = [str(folder) if folder != FilePath() else "the working directory" for folder in self.folders]
        return " or ".join(dict.fromkeys(names))

    def where(self, name: str) -> str:
        """Return the place of a setting in the file, as problems name it."""
        return self.places.at(name).where
