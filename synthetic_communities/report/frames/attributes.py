"""What is said of people, as columns: whatever attributes a file has, each column of one kind."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ...errors import RecordError
from ...runs.row import LARGEST
from .plain_rows import mend_text

Path: TypeAlias = tuple[str, ...]
"""Name of an attribute, then the keys that lead to a value in it."""

MOST_KEYS = 8
"""Mappings are taken apart as long as no more keys than this lead to a value; what lies deeper is one text."""

PREFIX = "attribute."
"""Stands before the name of an attribute that something else is called by already."""


def build_columns(people: Sequence[Mapping[str, Any]]) -> dict[Path, list[Any]]:
    """Return the attributes of people: for each its value for everybody, in the order of people.

    A mapping is taken apart: a column for each of its keys. Columns of numbers hold floats if one of them is no whole
    number; a column of several kinds holds texts. A list is one text. Who lacks an attribute has None, or `""` among
    texts.

    Raises:
        RecordError: an attribute is nested more deeply than can be written down.
    """
    rows = [dict(_take_apart(attributes)) for attributes in people]
    paths = dict.fromkeys(path for row in rows for path in row)
    names = {name: place for place, name in enumerate(dict.fromkeys(path[0] for path in paths))}
    in_order = sorted(paths, key=lambda path: names[path[0]])
    return {path: _make_even([row.get(path) for row in rows]) for path in in_order}


def name_columns(paths: Iterable[Path], taken: Iterable[str]) -> dict[Path, str]:
    """Return a name for each column, no two alike and none of those taken: its keys with a dot between."""
    used = set(taken)
    names: dict[Path, str] = {}
    for path in paths:
        name = mend_text(".".join(path))
        while name in used:
            name = PREFIX + name
        used.add(name)
        names[path] = name
    return names


def _take_apart(attributes: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in attributes.items():
        if isinstance(value, Mapping) and len(path) + 1 < MOST_KEYS:
            yield from _take_apart(value, (*path, name))
        else:
            yield (*path, name), value


def _make_even(values: Sequence[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} or (kinds <= {int} and _fit(values)):
        return list(values)
    if kinds <= {int, float} and _fit(values):
        return [None if value is None else float(value) for value in values]
    return ["" if value is None else _spell(value) for value in values]


def _fit(values: Iterable[Any]) -> bool:
    return all(-LARGEST <= value <= LARGEST for value in values if isinstance(value, int))


def _spell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_spell_one, value))
    return _spell_one(value)


def _spell_one(value: Any) -> str:
    try:
        return mend_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except RecursionError as error:
        raise RecordError("the attributes of somebody are nested too deeply") from error
