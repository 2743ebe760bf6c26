"""Building blocks of what a notebook shows: texts made harmless, tables, folds, bars, and what holds them together.

What is built is a `Fragment`; a plain string is a text, and is escaped wherever it is put, so no text becomes markup.
What `stand_alone` returns needs nothing from outside and has no script and no id. Its colours are those of the page
around it, and greys that let it shine through, so that it can be read on light and on dark ground.
"""

import html
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .text import ABSENT, CUT, clean_text, spell_count

LINE_LIMIT = 120
"""Characters that are shown of a text of one line: a name, a title, a cell of a table."""

TEXT_LIMIT = 20_000
"""Characters that are shown of a text of several lines."""

FOLD_BEYOND = 240
"""Characters up to which a text stands there as it is; a longer one is folded, and its beginning shown."""

READ_FOR_EACH_SHOWN = 8
"""Characters looked at for each that is shown, as some of them are taken out."""

CLASS = "synthetic-communities"

STYLE = " ".join(
    """
    & { overflow-x: auto; overflow-wrap: anywhere; line-height: 1.4; }
    & table { border-collapse: collapse; margin: 0.4em 0; background: transparent; }
    & caption { caption-side: top; text-align: left; font-weight: bold; padding: 0.2em 0; color: inherit; }
    & th, & td { text-align: left; vertical-align: top; padding: 0.15em 0.7em; white-space: normal; max-width: 40em;
        border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.3); }
    & th { font-weight: bold; }
    & .number { text-align: right; font-variant-numeric: tabular-nums; }
    & td.number { white-space: nowrap; }
    & details { margin: 0.2em 0; }
    & summary { cursor: pointer; }
    & code { white-space: pre-wrap; background: transparent; color: inherit; }
    & p { margin: 0.3em 0; }
    & .quiet { opacity: 0.7; }
    & progress { width: 24em; max-width: 100%; }
    """.replace("&", f".{CLASS}").split()
)

RIGHT_TO_LEFT = ("R", "AL", "AN")
"""Directions of characters, as Unicode names them, that turn the order of what stands beside them."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of HTML, whole in itself.

    Attributes:
        code: the markup.
    """

    code: str


Content: TypeAlias = Fragment | str
"""A fragment, or a text that is to be shown on one line."""

Cell: TypeAlias = Content | int | None
"""What a cell holds; None: nothing is known, shown as `-`."""


def show_line(text: str, limit: int = LINE_LIMIT) -> Fragment:
    """Return a text on one line: harmless, its direction its own matter, cut after `limit` characters."""
    return Fragment(_isolate(_cut(text, limit)))


def show_lines(text: str, limit: int = TEXT_LIMIT) -> Fragment:
    """Return a text with its line breaks: harmless, cut after `limit` characters."""
    is_cut = len(text) > limit
    lines = [clean_text(line) for line in text[:limit].strip().splitlines()]
    return Fragment("<br>".join(map(_isolate, lines)) + (CUT if is_cut else ""))


def show_text(text: str, limit: int = TEXT_LIMIT) -> Fragment:
    """Return a text with its line breaks, folded under its beginning if it is a long one."""
    if len(text) <= FOLD_BEYOND:
        return show_lines(text, limit)
    return fold(show_line(text), show_lines(text, limit))


def build_table(
    head: Sequence[Content], rows: Iterable[Sequence[Cell]], *, caption: str = "", numbers: Collection[int] = ()
) -> Fragment:
    """Return a table.

    Args:
        head: what stands above the columns; empty: nothing does.
        rows: the cells, row by row.
        caption: what stands above the table.
        numbers: places of the columns of numbers, from 0, whose cells stand to the right.
    """
    above = f"<caption>{show_line(caption).code}</caption>" if caption else ""
    top = f"<thead>{_build_row('th', head, numbers)}</thead>" if head else ""
    body = "".join(_build_row("td", row, numbers) for row in rows)
    return Fragment(f"<table>{above}{top}<tbody>{body}</tbody></table>")


def fold(summary: Content, *inside: Content) -> Fragment:
    """Return what is shown only to who opens it."""
    return Fragment(f"<details><summary>{_code_of(summary)}</summary>{join(inside).code}</details>")


def build_bar(done: int, total: int) -> Fragment:
    """Return a bar that is filled as far as `done` of `total`, and not at all if there is nothing to do."""
    return Fragment(f'<progress value="{max(0, min(done, total))}" max="{max(1, total)}"></progress>')


def paragraph(*inside: Content, quiet: bool = False) -> Fragment:
    """Return these one after the other on lines of their own, in a paler tone if they are `quiet`."""
    kind = ' class="quiet"' if quiet else ""
    return Fragment(f"<p{kind}>{join(inside).code}</p>")


def strong(text: Content) -> Fragment:
    """Return a text that stands out."""
    return Fragment(f"<strong>{_code_of(text)}</strong>")


def code(text: str) -> Fragment:
    """Return a text that is to be typed or copied: whole, but for characters that do not print."""
    return Fragment(f"<code>{_isolate(_keep_printing(text))}</code>")


def join(contents: Iterable[Content], between: str = "") -> Fragment:
    """Return these one after the other, with a text between them."""
    return Fragment(_isolate(_keep_printing(between)).join(map(_code_of, contents)))


def stand_alone(*contents: Content) -> str:
    """Return the HTML of these, with the style they need, for any page that takes a piece of HTML."""
    return f'<div class="{CLASS}"><style>{STYLE}</style>{join(contents).code}</div>'


def _build_row(tag: str, cells: Iterable[Cell], numbers: Collection[int]) -> str:
    return f"<tr>{''.join(_build_cell(tag, cell, place in numbers) for place, cell in enumerate(cells))}</tr>"


def _build_cell(tag: str, cell: Cell, is_number: bool) -> str:
    kind = ' class="number"' if is_number else ""
    return f"<{tag}{kind}>{_code_of(cell)}</{tag}>"


def _code_of(content: Cell) -> str:
    match content:
        case Fragment(code):
            return code
        case str():
            return show_line(content).code
        case None:
            return ABSENT
        case _:
            return spell_count(content)


def _cut(text: str, limit: int) -> str:
    looked_at = text[: READ_FOR_EACH_SHOWN * limit]
    cleaned = clean_text(looked_at)
    if len(cleaned) <= limit and len(looked_at) == len(text):
        return cleaned
    return cleaned[: limit - len(CUT)].rstrip() + CUT


def _keep_printing(text: str) -> str:
    return "".join(filter(str.isprintable, text))


def _isolate(cleaned: str) -> str:
    escaped = html.escape(cleaned)
    turns = any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in cleaned)
    return f"<bdi>{escaped}</bdi>" if turns else escaped
