"""Values that fit a JSON schema, made up for simulated people."""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..problem import Problem
from ..sentences import build_prose, build_sentence, cut_prose
from .walk import DEEPEST, Schema, find_reference, types_of

_SHALLOW = 6
_LONGEST_COVER = 1000
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_BETWEEN = re.compile(rf"(?:between|from)\s+{_NUMBER}[^.;{{]{{0,40}}?\s+(?:and|to)\s+\+?{_NUMBER}", re.IGNORECASE)
_FORMATS: Mapping[str, str] = {
    "date": "2026-05-17",
    "date-time": "2026-05-17T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}


def build_value(schema: Schema, stream: random.Random, string_chars: int | None = None) -> Any:
    """Return a value that fits `schema`, which `check_schema` has passed.

    Every optional property is given and null is avoided. An array of objects of which one property has an `enum` has
    one object for each of its values. An array of integers has a few small positive ones; of several side by side one
    has the least, the others none. Numbers lie in [-1, 1], where neither the schema nor the words of its description
    say otherwise.

    Args:
        schema: what has to be satisfied.
        stream: what chance there is.
        string_chars: how long a string is that may be anything, to the nearest word; None: a sentence.

    Raises:
        Problem: only a value without end would fit.
    """
    return _Builder(schema, stream, string_chars).build(schema, 0)


class _Builder:
    def __init__(self, root: Schema, stream: random.Random, string_chars: int | None) -> None:
        self._string_chars = string_chars
        self._root = root
        self._stream = stream
        self._by_type: Mapping[str, Callable[[Schema, int], Any]] = {
            "object": lambda node, depth: self._object(node, depth, {}),
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda node, depth: self._stream.random() < 0.5,
            "null": lambda node, depth: None,
        }

    def build(self, node: Schema, depth: int) -> Any:
        """Return a value that fits a node of the schema; `Problem` if only one without end would."""
        if depth > DEEPEST:
            raise Problem("only a value without end would fit the schema")
        node = self._expand(node, depth)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return self._stream.choice(_choices(node))
        return self._by_type[_type_of(node)](node, depth)

    def _expand(self, node: Schema, depth: int) -> Schema:
        for _ in range(DEEPEST):
            if "$ref" in node:
                node = {**find_reference(self._root, node["$ref"]), **_without(node, "$ref")}
            elif "allOf" in node:
                node = _merge([_without(node, "allOf"), *(self._expand(part, depth) for part in node["allOf"])])
            elif "anyOf" in node or "oneOf" in node:
                key = "anyOf" if "anyOf" in node else "oneOf"
                node = _merge([_without(node, key), self._variant(node[key], depth)])
            else:
                return node
        raise Problem("the schema refers to itself without end")

    def _variant(self, variants: Sequence[Schema], depth: int) -> Schema:
        if depth > _SHALLOW:
            return next((each for each in variants if "$ref" not in each), variants[0])
        return self._stream.choice([each for each in variants if types_of(each) != ["null"]] or variants)

    def _object(self, node: Schema, depth: int, fixed: Mapping[str, Any]) -> dict[str, Any]:
        properties = node.get("properties", {})
        required = node.get("required", ())
        names = [name for name in properties if depth <= _SHALLOW or name in required]
        names += [name for name in required if name not in properties]
        values = {
            name: fixed[name] if name in fixed else self.build(properties.get(name, {}), depth + 1) for name in names
        }
        return values | self._picks(
            {name: value for name, value in values.items() if not _counts_items(properties.get(name, {}))}
        )

    def _picks(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what lists of integers beside one another hold: one of them the least, the others nothing.

        Lists that stand side by side sort the same few things, of which there is at least one.
        """
        lists = [name for name, value in values.items() if _is_list_of_integers(value)]
        if len(lists) < 2:
            return {}
        picked = self._stream.choice(lists)
        return {name: [min(values[name])] if name == picked else [] for name in lists}

    def _array(self, node: Schema, depth: int) -> list[Any]:
        item = self._expand(node.get("items", {}), depth)
        if "enum" in item:
            return self._some_of(_choices(item), node)
        if "const" not in item and _type_of(item) == "integer":
            low, high = _whole_bounds(item)
            some = sorted(self._some_of(range(low, min(high, low + 4) + 1), node))
            return some if _counts_items(node) else sorted({low, *some})
        if "const" not in item and _type_of(item) == "object":
            return self._objects(item, node, depth)
        return [self.build(item, depth + 1) for _ in range(self._length(node, 2, 3, depth))]

    def _some_of(self, values: Sequence[Any], node: Schema) -> list[Any]:
        length = self._length(node, 1, min(3, len(values)), 0)
        repeated = [values[place % len(values)] for place in range(max(length, len(values)))]
        return self._stream.sample(repeated, length)

    def _objects(self, item: Schema, node: Schema, depth: int) -> list[Any]:
        properties = {name: self._peek(each, depth) for name, each in item.get("properties", {}).items()}
        covered = next((name for name, each in properties.items() if _choices(each)), None)
        if covered is None or depth > _SHALLOW:
            length = self._length(node, 2, 3, depth)
            return [self._object(item, depth + 1, _numbered(properties, place)) for place in range(length)]
        values = _choices(properties[covered])
        length = self._length(node, len(values), min(len(values), _LONGEST_COVER), depth)
        return [
            self._object(item, depth + 1, _numbered(properties, place) | {covered: values[place % len(values)]})
            for place in range(length)
        ]

    def _peek(self, node: Schema, depth: int) -> Schema:
        return node if "anyOf" in node or "oneOf" in node else self._expand(node, depth)

    def _length(self, node: Schema, fewest: int, most: int, depth: int) -> int:
        least, limit = node.get("minItems", 0), node.get("maxItems", math.inf)
        wanted = least if depth > _SHALLOW else self._stream.randint(min(fewest, most), most)
        return int(min(max(wanted, least), limit))

    def _string(self, node: Schema, depth: int) -> str:
        text = _FORMATS.get(str(node.get("format"))) or self._say()
        least, most = node.get("minLength", 0), node.get("maxLength", math.inf)
        if len(text) < least:
            text = build_prose(self._stream, least + 20)
        return cut_prose(text, int(min(most, len(text)))).ljust(least, ".")

    def _say(self) -> str:
        return build_prose(self._stream, self._string_chars) if self._string_chars else build_sentence(self._stream)

    def _integer(self, node: Schema, depth: int) -> int:
        return self._stream.randint(*_whole_bounds(node))

    def _number(self, node: Schema, depth: int) -> float:
        low, high = _bounds(node, -1.0, 1.0)
        value = low + (high - low) * self._stream.random()
        rounded = round(value, 2) + 0.0
        return rounded if low < rounded < high else value


def _counts_items(node: Schema) -> bool:
    return "minItems" in str(node) or "maxItems" in str(node)


def _is_list_of_integers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def _choices(node: Schema) -> list[Any]:
    values = node.get("enum", [])
    return [value for value in values if value is not None] or list(values)


def _type_of(node: Schema) -> str:
    types = [kind for kind in types_of(node) if kind != "null"] or types_of(node)
    if types:
        return str(types[0])
    return "object" if "properties" in node else "array" if "items" in node else "string"


def _without(node: Schema, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def _merge(parts: Sequence[Schema]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged |= part
        merged |= {"properties": properties} if properties else {}
        merged |= {"required": required} if required else {}
    return merged


def _numbered(properties: Mapping[str, Schema], place: int) -> dict[str, Any]:
    """Return the integers among `properties`, each counting from its least, so that no two objects have the same."""
    numbers = {}
    for name, each in properties.items():
        if types_of(each) == ["integer"] and "const" not in each and "enum" not in each:
            low, high = _whole_bounds(each, widest=place + 1)
            numbers[name] = low + place % (high - low + 1)
    return numbers


def _bounds(node: Schema, low: float, high: float) -> tuple[float, float]:
    least = node.get("minimum", node.get("exclusiveMinimum"))
    most = node.get("maximum", node.get("exclusiveMaximum"))
    if least is None and most is None:
        least, most = _described_bounds(str(node.get("description", "")))
    if least is not None and most is not None:
        return least, most
    if least is not None:
        return least, max(high, least + (high - low))
    return (low, high) if most is None else (min(low, most - (high - low)), most)


def _described_bounds(text: str) -> tuple[float | None, float | None]:
    # The SDK moves bounds that the Messages API refuses into the description, where a model reads them.
    least, most = (re.search(rf"{word}: {_NUMBER}", text) for word in ("minimum", "maximum"))
    if least or most:
        return (float(least[1]) if least else None), (float(most[1]) if most else None)
    between = _BETWEEN.search(text)
    if between and float(between[1]) < float(between[2]):
        return float(between[1]), float(between[2])
    return None, None


def _whole_bounds(node: Schema, widest: int = 2) -> tuple[int, int]:
    low, high = _bounds(node, 1, 1 + widest)
    low = math.floor(low) + 1 if "exclusiveMinimum" in node and "minimum" not in node else math.ceil(low)
    high = math.ceil(high) - 1 if "exclusiveMaximum" in node and "maximum" not in node else math.floor(high)
    return low, max(low, high)
