"""Which letters can be drawn: a character that no font here has is shown as such, and no warning is given."""

from collections.abc import Sequence
from functools import cache

from ..text import clean_text

FONT = "DejaVu Sans"
"""The font that comes with matplotlib: the same pictures everywhere."""

OTHER_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Thai",
    "Noto Sans",
    "Arial Unicode MS",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
    "Leelawadee UI",
)
"""Fonts that a text is drawn with, where they are installed, if the first one lacks a character of it."""

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands for a character that no font here has."""


def choose_fonts(text: str) -> list[str]:
    """Return the fonts a text is to be drawn with: more than the first only where it lacks a character."""
    return [FONT] if _has_all(FONT, text) else [FONT, *_installed(OTHER_FONTS)]


def make_drawable(text: str, instead: str = "") -> str:
    """Return a clean text of characters there are fonts for.

    Args:
        text: what is to be shown.
        instead: what is shown if not one letter of the text can be.
    """
    text = clean_text(text)
    fonts = choose_fonts(text)
    shown = "".join(letter if any(_has_all(font, letter) for font in fonts) else UNKNOWN for letter in text)
    return shown if shown.strip(f"{UNKNOWN} ") or not instead else make_drawable(instead)


def _has_all(font: str, text: str) -> bool:
    letters = _letters(font)
    return all(ord(letter) in letters for letter in text)


def _installed(fonts: Sequence[str]) -> list[str]:
    from matplotlib.font_manager import fontManager  # heavy, and an extra

    found = set(fontManager.get_font_names())
    return [font for font in fonts if font in found]


@cache
def _letters(font: str) -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font  # heavy, and an extra

    return frozenset(get_font(findfont(FontProperties(family=[font]))).get_charmap())
