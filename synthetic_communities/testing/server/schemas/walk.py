"""Finding one's way in a JSON schema."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ..problem import Problem

Schema: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]

DEEPEST = 60
"""Levels of nesting beyond which a schema is refused."""

DEFINITIONS = ("$defs", "definitions")
_MAPS = ("properties", "patternProperties", *DEFINITIONS)
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames")


def walk_schema(schema: Any, path: Path = (), *, definitions: bool = True) -> Iterator[tuple[Path, Schema]]:
    """Yield every schema in `schema`, itself first, with its path; references are not followed.

    Args:
        definitions: whether those under `$defs` are yielded too.

    Raises:
        Problem: something is not a schema where one must be, or they are nested too deeply.
    """
    if not isinstance(schema, dict):
        raise Problem(f"schema at {show_path(path)} must be an object")
    if len(path) > 2 * DEEPEST:
        raise Problem(f"schema is nested more than {DEEPEST} levels deep")
    yield path, schema
    for step, child in _children(schema, definitions):
        yield from walk_schema(child, (*path, *step), definitions=definitions)


def _children(schema: Schema, definitions: bool) -> Iterator[tuple[Path, Any]]:
    for key in _MAPS:
        if key in schema and (definitions or key not in DEFINITIONS):
            yield from (((key, name), child) for name, child in _items_of(schema[key], key))
    for key in _LISTS:
        if key in schema:
            yield from (((key, str(place)), child) for place, child in enumerate(_members_of(schema[key], key)))
    for key in _SINGLES:
        if key in schema and not isinstance(schema[key], bool):
            yield (key,), schema[key]


def _items_of(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise Problem(f"schema: '{key}' must be an object")
    yield from value.items()


def _members_of(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Problem(f"schema: '{key}' must be a list that is not empty")
    return value


def find_reference(root: Schema, reference: Any) -> Schema:
    """Return the schema that `reference`, such as `#/$defs/Topic`, stands for.

    Raises:
        Problem: it points outside the schema, or to nothing.
    """
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Problem(f"reference {reference!r} is not supported; only references within the schema are")
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise Problem(f"reference {reference!r} points to nothing in the schema")
    return found


def types_of(schema: Schema) -> list[Any]:
    """Return the types `schema` names, as a list; empty where it names none."""
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def show_path(path: Path) -> str:
    """Return `path` as it stands in OpenAI's errors: `('properties', 'topics', 'items')`, `()` for the root."""
    return "(" + ", ".join(repr(step) for step in path) + ")"
