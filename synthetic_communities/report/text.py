"""Texts and numbers as a terminal shows them: names made harmless, columns aligned."""

import unicodedata
from collections.abc import Iterable, Sequence

ABSENT = "-"
"""What stands where there is no number."""

CUT = "..."
"""What stands where a text was cut."""


def clean_text(text: str) -> str:
    """Return a text as one line of what prints: no control, format or bidirectional characters, single spaces."""
    return " ".join("".join(map(_clean_character, text)).split())


def fit_text(text: str, width: int) -> str:
    """Return a clean text of at most `width` columns, cut where it is longer."""
    # A character takes no room if it only marks another; a few of them for each column is plenty.
    text = clean_text(text[: 8 * width])
    if measure_width(text) <= width and len(text) <= 4 * width:
        return text
    kept = text[: 4 * width]
    while measure_width(kept) > width - len(CUT):
        kept = kept[:-1]
    return kept.rstrip() + CUT


def measure_width(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    return sum(map(_character_width, text))


def align_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line with the first cell to the left of its column, and the others to the right of theirs."""
    label = cells[0] + " " * (widths[0] - measure_width(cells[0]))
    return (label + "".join(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))).rstrip()


def spell_count(number: int | None) -> str:
    """Return a whole number, `-` for none."""
    return ABSENT if number is None else f"{number:,}"


def spell_stance(number: float | None) -> str:
    """Return a stance with its sign, `-` for none."""
    return ABSENT if number is None else f"{round(number, 2) + 0.0:+.2f}"


def spell_number(number: float | None) -> str:
    """Return a number with two decimal places, `-` for none."""
    return ABSENT if number is None else f"{number:.2f}"


def spell_share(share: float | None) -> str:
    """Return a share as a percentage, `-` for none."""
    return ABSENT if share is None else f"{share:.0%}"


def count_of(number: int, noun: str) -> str:
    """Return a number and its noun, in the singular for one: `1 topic`."""
    if number == 1:
        noun = "person" if noun == "people" else noun.removesuffix("s")
    return f"{number:,} {noun}"


def join_counts(counts: Iterable[tuple[int, str]]) -> str:
    """Return what there is more than none of: `3 failed, 1 refused`."""
    return ", ".join(f"{number:,} {name}" for number, name in counts if number)


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace() or category in ("Zl", "Zp"):
        return " "
    return "" if category.startswith("C") else character


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
