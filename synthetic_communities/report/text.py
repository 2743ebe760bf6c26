"""Texts and numbers as a terminal shows them: names made harmless, columns aligned."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import accumulate

from ..errors import SyntheticCommunitiesError

ABSENT = "-"
"""What stands where there is no number."""

CUT = "..."
"""What stands where a text was cut."""


LONGEST_PIECE = 4
"""Characters for each column that a text may hold: marks on other characters take no room, and could go on for ever."""


def clean_text(text: str) -> str:
    """Return a text as one line of what prints: no control, format or bidirectional characters, single spaces."""
    printing = text if text.isprintable() else "".join(map(_clean_character, text))
    return " ".join(printing.split())


def spell_error(error: BaseException) -> str:
    """Return what an error says, with the file where it is one, and with its kind where it is none of this package."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, (OSError, SyntheticCommunitiesError)) else f"{type(error).__name__}: {error}"


def spell_in(encoding: str, text: str) -> str:
    """Return a text in characters that an encoding has; what it lacks stands there by its number."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def fit_text(text: str, width: int) -> str:
    """Return a clean text of at most `width` columns, cut where it is longer."""
    text = clean_text(text[: 2 * LONGEST_PIECE * width])
    if is_fitting(text, width):
        return text
    widths = accumulate(map(_character_width, text[: LONGEST_PIECE * width]))
    kept = sum(taken <= width - len(CUT) for taken in widths)
    return text[:kept].rstrip() + CUT


def choose_fitting(variants: Sequence[str], width: int) -> str:
    """Return the first of these clean lines that takes at most `width` columns; the last one, cut, if none does."""
    return next((variant for variant in variants if is_fitting(variant, width)), None) or fit_text(variants[-1], width)


def join_fitting(pieces: Iterable[str], width: int) -> list[str]:
    """Return clean pieces on lines of at most `width` columns, as many on each as there is room for."""
    lines: list[str] = []
    for piece in filter(None, pieces):
        joined = f"{lines[-1]} {piece}" if lines else piece
        if lines and is_fitting(joined, width):
            lines[-1] = joined
        else:
            lines.append(fit_text(piece, width))
    return lines


def is_fitting(text: str, width: int) -> bool:
    """Say whether a clean text takes at most `width` columns, and not a great many characters in them."""
    return len(text) <= LONGEST_PIECE * width and measure_width(text) <= width


def measure_width(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def pad(text: str, width: int) -> str:
    """Return a text followed by as many spaces as make it `width` columns wide."""
    return text + " " * (width - measure_width(text))


def align_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line with the first cell to the left of its column, and the others to the right of theirs."""
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return (pad(cells[0], widths[0]) + "".join(numbers)).rstrip()


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


def spell_place(place: int) -> str:
    """Return what stands at a place, counted from 0: `1st`, `2nd`, `11th`."""
    number = place + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


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
