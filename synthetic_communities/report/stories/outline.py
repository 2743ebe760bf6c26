"""What is told in words, as headed lists: set for a terminal and for a notebook from one and the same outline."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from ..html import Content, Fragment, build_table, fold, join, paragraph, show_line, show_text, stand_alone, strong
from ..text import clean_text, fit_text, spell_in
from .paragraphs import wrap_text

NARROWEST, WIDEST = 40, 100
"""Columns that lines of words take, at least and at most: longer ones are hard to read."""

NAME_WIDTH = 48
"""Columns that are shown of a name."""

UNNAMED = "(a name that does not print)"

TITLE_LIMIT = 400
"""Characters that a notebook shows of a heading."""

STEP = "  "


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of an outline: somebody's words, or a fact.

    Attributes:
        text: the words, on as many lines as they came; shown whole.
        label: who says it, or what it is about; may be empty. Cut where it is longer than a name should be.
        depth: how far it stands in, from 0.
    """

    text: str
    label: str = ""
    depth: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an outline.

    Attributes:
        title: its heading; empty: none.
        items: what stands under it.
        is_long: whether a notebook shows it only to who opens it.
    """

    title: str
    items: tuple[Item, ...]
    is_long: bool = field(default=False, kw_only=True)


class Told(ABC):
    """Something that can be told in words: `str()` and `text` for a terminal, and by itself in a notebook."""

    __slots__ = ()

    @abstractmethod
    def sections(self) -> Sequence[Section]:
        """Return it as an outline."""

    def text(self, width: int = 80, encoding: str = "utf-8") -> str:
        """Return it as plain text.

        Args:
            width: columns the lines may take, from 40 to 100.
            encoding: of where it goes; what it lacks stands there by its number.
        """
        return set_text(self.sections(), width, encoding)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return stand_alone(*set_html(self.sections()))


def spell_name(name: str) -> str:
    """Return a name as lines of words show it: on one line, harmless, not longer than a name should be."""
    return fit_text(name, NAME_WIDTH) or UNNAMED


def set_text(sections: Sequence[Section], width: int, encoding: str = "utf-8") -> str:
    """Return an outline as plain text: sections apart, words wrapped, what goes on set further in."""
    width = min(WIDEST, max(NARROWEST, width))
    lines: list[str] = []
    for before, section in zip((None, *sections), sections, strict=False):
        if before is not None and (before.items or section.items):
            lines.append("")
        lines += _section_lines(section, width, encoding)
    return "".join(f"{line}\n" for line in lines)


def set_html(sections: Sequence[Section]) -> list[Fragment]:
    """Return an outline for a notebook: long sections folded, words beside who said them."""
    return [_section_html(section) for section in sections]


def _section_lines(section: Section, width: int, encoding: str) -> Iterator[str]:
    show = partial(spell_in, encoding)  # before lines are filled: a character by its number takes more room
    if section.title:
        yield from wrap_text(show(clean_text(section.title)), width, rest=STEP * 2)
    for item in section.items:
        indent = STEP * (item.depth + bool(section.title))
        label = f"{fit_text(item.label, NAME_WIDTH)}: " if item.label else ""
        yield from wrap_text(show(label + item.text), width, first=indent, rest=indent + STEP)


def _section_html(section: Section) -> Fragment:
    body = [_items_html(labelled, list(items)) for labelled, items in groupby(section.items, _is_labelled)]
    if not section.title:
        return join(body)
    title = show_line(section.title, TITLE_LIMIT)
    return fold(strong(title), *body) if section.is_long else join([paragraph(strong(title)), *body])


def _is_labelled(item: Item) -> bool:
    return bool(item.label)


def _items_html(is_labelled: bool, items: Sequence[Item]) -> Content:
    if is_labelled:
        return build_table([], [[item.label, show_text(item.text)] for item in items])
    return join(paragraph(show_text(item.text)) for item in items)
