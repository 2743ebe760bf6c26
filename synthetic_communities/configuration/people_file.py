"""Reading the people of a community from a file with one JSON mapping a line."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from ..domain.chance import Chance
from ..domain.pairing import draw_sample
from ..domain.person import find_person_problems
from ..errors import ConfigurationError, Problem, UsageError
from .checks import find_label_problem
from .json_lines import LineError, parse_line
from .places import Place, shorten_problems, spell_value
from .text_files import find_file, find_file_problem
from .yaml_files import load_yaml

MAX_LINE_BYTES = 1_000_000
"""The longest line that is read."""

_KEY = "id"

_TABLES = (".csv", ".tsv")

_FORM = "write one JSON mapping a line: see People in docs/configuration.md"


def load_people(
    path: str | PathLike[str], limit: int | None = None, *, seed: int = 0, replicate: int = 0
) -> list[tuple[str, dict[str, Any]]]:
    """Return the id and the attributes of everybody in the file, in its order, attributes as they stand, id included.

    Args:
        path: UTF-8 text; blank lines and a byte order mark are allowed.
        limit: how many people at most; a sample of that size is drawn from `seed` and keeps the file's order. A file
            with fewer people gives those it has: the caller says whether that will do.
        seed: what the sample is drawn from.
        replicate: number of the repetition of a run; each has a sample of its own.

    Raises:
        ConfigurationError: everything wrong with the file, up to 50 problems and how many more there are.
        UsageError: `limit` is below 0.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit is {limit}; give 0 or more, or None for everybody")
    people = _load_everybody(Path(path))
    if limit is None or limit >= len(people):
        return people
    return [people[place] for place in draw_sample(len(people), limit, Chance(seed, replicate=replicate))]


def find_people_problems(config_file: Path) -> list[Problem]:
    """Return what is wrong with the people file that a configuration names, where the configuration itself is refused.

    Of a configuration that cannot be read at all, or names no such file, nothing is known, and nothing is returned.
    """
    try:
        name = load_yaml(config_file).data.get("population_file")
    except ConfigurationError:
        return []
    found = find_file(name, (config_file.parent, Path())) if isinstance(name, str) else None
    try:
        load_people(found.path) if found else None
    except ConfigurationError as error:
        return list(error.problems)
    return []


def _load_everybody(path: Path) -> list[tuple[str, dict[str, Any]]]:
    problem = find_file_problem(path, str(path))
    if problem:
        raise ConfigurationError([problem])
    people = _People(str(path))
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_split_lines(file), start=1):
                if not people.is_begun and line:
                    people.is_begun = _refuse_other_form(line, str(path))
                people.add_line(number, line)
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    if people.problems:
        raise ConfigurationError(shorten_problems(people.problems, str(path)))
    return people.found


def _refuse_other_form(line: bytes, where: str) -> bool:
    """Say whether this is a line of a file with one mapping a line, and no blank one.

    Raises:
        ConfigurationError: it is the first of a file of another form.
    """
    text = line.decode("utf-8", "replace").strip()
    if text == "{" or text.startswith("["):
        raise ConfigurationError([Problem(where, "looks like one JSON value over all its lines", _FORM)])
    cells = {cell.strip(" \"'").casefold() for cell in re.split("[,;\t]", text)}
    if not text.startswith("{") and (_KEY in cells or Path(where).suffix.casefold() in _TABLES):
        raise ConfigurationError([Problem(where, "looks like CSV", _FORM)])
    return bool(text)


def _split_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield the lines of the file, None for one that is too long, never holding more than a line."""
    start = len(codecs.BOM_UTF8)
    if file.read(start) != codecs.BOM_UTF8:
        file.seek(0)
    while line := file.readline(MAX_LINE_BYTES + 1):
        too_long = len(line) > MAX_LINE_BYTES
        while too_long and line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
        yield None if too_long else line


class _People:
    """The people found so far, and what was wrong with the lines of the others."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self.is_begun = False

    def add_line(self, number: int, line: bytes | None) -> None:
        """Read a line, numbered from 1; None: it is too long to be read. What is wrong with it is a problem."""
        where = f"{self.file}:{number}"
        if line is None:
            self.problems.append(Problem(where, f"is longer than {MAX_LINE_BYTES} bytes", "shorten it"))
            return
        try:
            data = parse_line(line)
        except LineError as error:
            self.problems.append(Problem(where, error.what, error.remedy))
            return
        if data is not None:
            self._add_person(number, data)

    def _add_person(self, number: int, data: dict[str, Any]) -> None:
        """Take down who is described, unless the id is wrong or somebody has it already."""
        where = f"{self.file}:{number}"
        self.problems += find_person_problems(data, where)
        problem = self._find_id_problem(data, where)
        if problem:
            self.problems.append(problem)
            return
        self.lines[data["id"]] = number
        self.found.append((data["id"], data))

    def _find_id_problem(self, data: dict[str, Any], where: str) -> Problem | None:
        """Return what is wrong with the id; None: nothing."""
        if "id" not in data:
            return Problem(where, "has no id", 'give it one, as in "id": "p001"')
        written = "" if data["id"] is None else json.dumps(data["id"])
        problem = find_label_problem(data["id"], Place(f"{where}: id", written))
        if problem or data["id"] not in self.lines:
            return problem
        what = f"{spell_value(data['id'])} is also the id on line {self.lines[data['id']]}"
        return Problem(f"{where}: id", what, "give one of the two another")
