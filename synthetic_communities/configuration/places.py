"""Where in a configuration a value stands, and how it was written there."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..errors import Problem
from ..report.text import count_of

Path: TypeAlias = tuple[str | int, ...]

MAX_PROBLEMS_LISTED = 50

_SPELLING = reprlib.Repr()
_SPELLING.maxstring = _SPELLING.maxother = 80


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands in a file.

    Attributes:
        line: from 1.
        written: the text as it stands there, if it is one text or number; empty for lists and mappings.
    """

    line: int
    written: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, for a message.

    Attributes:
        where: as its reader would look for it: `town.yaml: topics[1].id (line 12)`; `topics[1].id` if in no file.
        written: the text as it stands in the file, empty if not known.
    """

    where: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the values of one configuration stand.

    Attributes:
        file: the file they were read from; empty if they were given in Python.
        spots: the path of every value in the file, and where it stands.
        edited: names of settings whose value is no longer the file's.
    """

    file: str = ""
    spots: Mapping[Path, Spot] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()

    def at(self, *path: str | int) -> Place:
        """Return the place of the value with this path; if it is missing, of what it is missing from."""
        if not self.file or path[0] in self.edited:
            return Place(spell_path(path))
        where = f"{self.file}: {spell_path(path)}"
        spot = self.spots.get(path)
        holder = next((self.spots[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.spots), None)
        return Place(f"{where} (line {holder.line})" if holder else where, spot.written if spot else "")


def spell_path(path: Path) -> str:
    """Return the path as one reads it: `topics[1].id`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def spell_value(value: object) -> str:
    """Return the value as Python writes it, shortened if it is long."""
    return _SPELLING.repr(value)


def spell_type(value: object) -> str:
    """Return what kind of value it is, for who wrote it."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return "a number" if isinstance(value, (int, float)) else f"a {type(value).__name__}"


def shorten_problems(problems: Iterable[Problem], where: str) -> list[Problem]:
    """Return the first `MAX_PROBLEMS_LISTED` problems, and one more that counts the rest if there are any."""
    problems = list(problems)
    rest = len(problems) - MAX_PROBLEMS_LISTED
    counted = [Problem(where, f"{count_of(rest, 'more problems')} not shown", "mend these first")] if rest > 0 else []
    return problems[:MAX_PROBLEMS_LISTED] + counted
