"""Schemas the real servers refuse."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from ..problem import Problem
from .walk import DEFINITIONS, Path, Schema, find_reference, show_path, types_of, walk_schema

Check: TypeAlias = Callable[[Any], None]

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
MOST_OPTIONAL = 24
MOST_UNIONS = 16
ANTHROPIC_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)

_LOGIC = ("not", "if", "then", "else", "dependentRequired", "dependentSchemas")
_ANTHROPIC_REFUSES: Mapping[str, tuple[str, ...]] = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern"),
    "array": ("maxItems", "uniqueItems", "contains", "prefixItems"),
    "object": ("minProperties", "maxProperties", "patternProperties", "propertyNames"),
}
# For these no value can be made up; refused by name rather than answered wrongly.
_NOT_SIMULATED = (
    *_LOGIC,
    *("pattern", "multipleOf", "contains", "prefixItems"),
    *("patternProperties", "propertyNames", "minProperties", "unevaluatedProperties"),
)


def _remembered(check: Check) -> Check:
    """Return `check`, with its last verdicts remembered: nearly every request of a run asks for the same schema."""

    @lru_cache(maxsize=64)
    def judge(text: str) -> str | None:
        """Return what is wrong with a schema, given as text so that it can be remembered; None: nothing."""
        try:
            check(json.loads(text))
        except Problem as problem:
            return problem.message
        return None

    def checked(schema: Any) -> None:
        """Raise the problem of a schema, if it has one."""
        message = judge(json.dumps(schema))
        if message is not None:
            raise Problem(message)

    checked.__doc__ = check.__doc__
    return checked


@_remembered
def check_schema(schema: Any) -> None:
    """Check that `schema` is one for which values can be made up.

    Raises:
        Problem: it is no JSON schema, or uses what is not simulated here.
    """
    for path, node in walk_schema(schema):
        _check_types(path, node)
        if "$ref" in node:
            find_reference(schema, node["$ref"])
        for keyword in _NOT_SIMULATED:
            if keyword in node:
                raise Problem(f"schema at {show_path(path)}: the loopback server makes up no values for '{keyword}'")


def _check_types(path: Path, node: Schema) -> None:
    unknown = [kind for kind in types_of(node) if kind not in TYPES]
    if unknown:
        raise Problem(f"schema at {show_path(path)}: {unknown[0]!r} is not valid under any of the given schemas")
    if "enum" in node and (not isinstance(node["enum"], list) or not node["enum"]):
        raise Problem(f"schema at {show_path(path)}: 'enum' must be a list that is not empty")
    required = node.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise Problem(f"schema at {show_path(path)}: 'required' must be a list of names")


@_remembered
def check_anthropic_schema(schema: Any) -> None:
    """Check that structured outputs of the Messages API take `schema`.

    Raises:
        Problem: they do not.
    """
    nodes = list(walk_schema(schema))
    for _, node in nodes:
        _check_anthropic_node(node)
    _check_cycles(schema)
    _check_size(
        sum(map(_count_optional, (node for _, node in nodes))), MOST_OPTIONAL, "optional parameters", "optional"
    )
    _check_size(sum(_is_union(node) for _, node in nodes), MOST_UNIONS, "parameters with union types", "union-typed")


def _check_anthropic_node(node: Schema) -> None:
    for kind in types_of(node):
        refused = [keyword for keyword in _ANTHROPIC_REFUSES.get(str(kind), ()) if keyword in node]
        if refused:
            names = ", ".join(f"'{keyword}'" for keyword in sorted(refused))
            word = "property" if len(refused) == 1 else "properties"
            raise Problem(f"For '{kind}' type, {word} {names} {'is' if len(refused) == 1 else 'are'} not supported")
    if node.get("minItems", 0) not in (0, 1):
        raise Problem("For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if _is_object(node) and node.get("additionalProperties") is not False:
        raise Problem("For 'object' type, 'additionalProperties' must be explicitly set to false")
    _check_anthropic_words(node)


def _check_anthropic_words(node: Schema) -> None:
    for keyword in ("oneOf", *_LOGIC):
        if keyword in node:
            raise Problem(f"Schema keyword '{keyword}' is not supported")
    if "format" in node and node["format"] not in ANTHROPIC_FORMATS:
        raise Problem(f"For 'string' type, format {node['format']!r} is not supported")
    if any("$ref" in part for part in node.get("allOf", ())):
        raise Problem("'allOf' with '$ref' is not supported")
    if any(isinstance(value, (dict, list)) for value in node.get("enum", ())):
        raise Problem("'enum' values must be strings, numbers, booleans or null")


def _check_size(count: int, most: int, what: str, word: str) -> None:
    if count > most:
        raise Problem(
            f"Schemas contains too many {what} ({count}), which would make grammar compilation inefficient. "
            f"Reduce the number of {word} parameters in your schemas (limit: {most})."
        )


def _check_cycles(schema: Schema) -> None:
    try:
        TopologicalSorter(_references(schema)).prepare()
    except CycleError as error:
        names = " -> ".join(reference.rpartition("/")[2] for reference in error.args[1])
        raise Problem(
            f"Circular reference detected in schema definitions: {names}. "
            "Self-referencing or mutually-referencing definitions are not supported."
        ) from error


def _references(schema: Schema) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    waiting = ["#"]
    while waiting:
        reference = waiting.pop()
        if reference not in graph:
            graph[reference] = set(_references_in(find_reference(schema, reference)))
            waiting.extend(graph[reference])
    return graph


def _references_in(schema: Schema) -> Iterator[str]:
    for _, node in walk_schema(schema, definitions=False):
        if "$ref" in node:
            yield str(node["$ref"])


def _is_object(node: Schema) -> bool:
    return "object" in types_of(node) or "properties" in node


def _count_optional(node: Schema) -> int:
    return len(set(node.get("properties", ())) - set(node.get("required", ())))


def _is_union(node: Schema) -> bool:
    return "anyOf" in node or len(types_of(node)) > 1


@_remembered
def check_openai_schema(schema: Any) -> None:
    """Check that strict structured outputs of OpenAI take `schema`.

    Raises:
        Problem: they do not.
    """
    if not isinstance(schema, dict) or schema.get("type") != "object":
        kind = schema.get("type") if isinstance(schema, dict) else schema
        raise Problem(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.")
    for path, node in walk_schema(schema):
        problem = _openai_problem(node)
        if problem:
            raise Problem(f"In context={show_path(path)}, {problem}")


def _openai_problem(node: Schema) -> str:
    for keyword in ("oneOf", "allOf", *_LOGIC):
        if keyword in node:
            return f"'{keyword}' is not permitted."
    if not _is_object(node):
        return "" if _says_what(node) else "schema must have a 'type' key."
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    missing = [name for name in node.get("properties", ()) if name not in node.get("required", ())]
    if missing:
        return (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{missing[0]}'."
        )
    return ""


def _says_what(node: Schema) -> bool:
    return any(keyword in node for keyword in ("type", "anyOf", "$ref", "enum", "const", *DEFINITIONS))
