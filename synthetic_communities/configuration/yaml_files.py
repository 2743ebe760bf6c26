"""Reading YAML strictly: what a person wrote twice, or meant as text, is told and not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from ..errors import ConfigurationError, Problem
from .places import Path, Spot, spell_path, spell_type
from .text_files import load_text

MAX_DEPTH = 50
"""How deep lists and mappings may be nested in a file."""

MAX_NUMBER_CHARACTERS = 100
"""What is longer is text: YAML reads `1:1:1:1` as a number to the base 60, for minutes if it is long enough."""

_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = (f"{_TAG}map", f"{_TAG}seq")
_NUMBER_TAGS = (f"{_TAG}int", f"{_TAG}float")
_TAGS_MEANT_AS_TEXT = (f"{_TAG}value", f"{_TAG}merge")
_REMEDY = "correct it there: indentation by spaces, texts with ? : # in quotes"


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a YAML file holds.

    Attributes:
        data: its top mapping; every key in it, at any depth, is a text.
        spots: the path of every value, and where it stands.
        problems: what is wrong with the file, apart from what its values mean.
    """

    data: Mapping[str, Any]
    spots: Mapping[Path, Spot]
    problems: tuple[Problem, ...]


def load_yaml(path: FilePath) -> YamlDocument:
    """Return what the file holds.

    A key given twice keeps its first value and is a problem of the document, as is a key that YAML does not read
    as text. Aliases are refused, so a small file cannot become a large value.

    Raises:
        ConfigurationError: there is no such file; it cannot be read, is too large, not UTF-8, no YAML, no mapping.
    """
    file = str(path)
    text = load_text(path, file)
    try:
        return _build_document(_Loader(text), file)
    except yaml.reader.ReaderError as error:
        what = f"holds the character {chr(error.character)!r}, which YAML does not allow"
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError([Problem(f"{file}:{line}", what, "remove it")]) from error
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError([_syntax_problem(error, file)]) from error
    except RecursionError as error:
        raise _too_deep(file) from error


def _too_deep(where: str) -> ConfigurationError:
    what = f"is nested deeper than {MAX_DEPTH} lists and mappings"
    return ConfigurationError([Problem(where, what, "nest fewer")])


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node; an alias, by which a small file can be a huge one, is refused."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            what = f"*{event.anchor} is an alias; write the value out, or put it in quotes if it is text"
            raise yaml.composer.ComposerError(None, None, what, event.start_mark)
        return super().compose_node(parent, index)


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    remedy = "" if isinstance(error, yaml.composer.ComposerError) else _REMEDY
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if not mark:
        return Problem(file, f"is no YAML: {what}", remedy)
    return Problem(f"{file}:{mark.line + 1}", f"is no YAML at column {mark.column + 1}: {what}", remedy)


def _build_document(loader: _Loader, file: str) -> YamlDocument:
    node = loader.get_single_node()
    if not isinstance(node, yaml.MappingNode):
        kind = "empty" if node is None else _name_kind(node)
        raise ConfigurationError([Problem(file, f"is {kind}, no mapping", "write settings as `name: value`")])
    builder = _Builder(loader, file)
    data = builder.build(node, ())
    return YamlDocument(data, builder.spots, tuple(builder.problems))


class _Builder:
    """Turns nodes into values, keeping where they stand and what is wrong with how they are written."""

    def __init__(self, loader: _Loader, file: str) -> None:
        self.loader = loader
        self.file = file
        self.spots: dict[Path, Spot] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        """Return the value of a node, and note for every path in it on which line it stands and how it is written."""
        self.spots.setdefault(path, _spot(node))
        if isinstance(node, yaml.ScalarNode):
            return self._build_scalar(node, path)
        if len(path) >= MAX_DEPTH:
            raise _too_deep(f"{self.file}:{_line(node)}")
        if node.tag not in _COLLECTION_TAGS:
            self._tell_tag(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._build_mapping(node, path)

    def _build_mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """Return a mapping; of a key that is given twice the first value is kept, and the second a problem."""
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._build_key(key_node, path)
            if key in data:
                first = self.spots[(*path, key)].line
                self.tell(key_node, (*path, key), f"is given twice, first on line {first}", "remove one of the two")
            elif key is not None:
                self.spots[(*path, key)] = Spot(_line(key_node), _spot(value_node).written)
                data[key] = self.build(value_node, (*path, key))
        return data

    def _build_key(self, node: yaml.Node, path: Path) -> str | None:
        """Return a key as text; None: it is no single value. One that is read as anything but text is a problem."""
        if not isinstance(node, yaml.ScalarNode):
            self.tell(node, path, f"has {_name_kind(node)} as a key", "keys are texts")
            return None
        key = self._build_scalar(node, path)
        if not isinstance(key, str):
            what = f"the key `{node.value}` is read as {spell_type(key)}, not as text"
            self.tell(node, (*path, node.value), what, f'write it in quotes: "{node.value}"')
        return str(node.value)

    def _build_scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        """Return a single value as YAML reads it; as it is written where it cannot be read so, or is to stay text."""
        is_too_long = node.tag in _NUMBER_TAGS and len(node.value) > MAX_NUMBER_CHARACTERS
        if node.tag in _TAGS_MEANT_AS_TEXT or is_too_long:
            return node.value
        try:
            return self.loader.construct_object(node)
        except yaml.MarkedYAMLError:
            self._tell_tag(node, path)
            return node.value
        except ValueError:
            # Looks like a number or a date and is none (`2024-13-45`): then it is text.
            return node.value

    def _tell_tag(self, node: yaml.Node, path: Path) -> None:
        """Take down that a tag is not read."""
        self.tell(node, path, f"has the tag {node.tag}, which is not read here", "remove the tag")

    def tell(self, node: yaml.Node, path: Path, what: str, remedy: str) -> None:
        """Take down what is wrong at a path, with its line."""
        where = f"{self.file}: {spell_path(path)}" if path else self.file
        self.problems.append(Problem(f"{where} (line {_line(node)})", what, remedy))


def _name_kind(node: yaml.Node) -> str:
    kinds = {yaml.ScalarNode: "a single value", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}
    return kinds[type(node)]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _spot(node: yaml.Node) -> Spot:
    return Spot(_line(node), str(node.value) if isinstance(node, yaml.ScalarNode) else "")
