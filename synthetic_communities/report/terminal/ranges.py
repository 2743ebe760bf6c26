"""Ranges of figures as tables show them: both ends, in a unit that suits them."""

import math

from ...domain.money import spell_ends

UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
"""What large numbers are counted in: thousands of millions, millions, thousands."""

MOST_PLACES = 4
"""Places of money in a column: more have no room beside the other columns."""


def spell_range(low: float, high: float) -> str:
    """Return a range of whole numbers, in thousands or millions where it is as large: `8.2-13 M`."""
    size, unit = next(((size, unit) for size, unit in UNITS if high >= size), (1.0, ""))
    return f"{_join(_digits(low / size), _digits(high / size))}{unit}"


def spell_rounded(number: float) -> str:
    """Return a number in three digits or fewer, in thousands or millions where it is large: `200 k`, `1.05 M`."""
    size, unit = next(((size, unit) for size, unit in UNITS if number >= size), (1.0, ""))
    return f"{_three_digits(number / size)}{unit}"


def spell_counts(low: float, high: float) -> str:
    """Return a range of whole numbers, written out."""
    return _join(f"{low:,.0f}", f"{high:,.0f}")


def spell_money(low: float, high: float) -> str:
    """Return a range of US dollars, in the figures that words have for it."""
    return _join(*spell_ends(low, high, MOST_PLACES))


def spell_minutes(low: float, high: float) -> str:
    """Return a range of minutes, in the unit that suits it."""
    return _spell_minutes(low, high, "-")


def spell_minutes_words(low: float, high: float) -> str:
    """Return a range of minutes as words have it: `0.8 to 3.7 minutes`."""
    return _spell_minutes(low, high, " to ")


def spell_words(low: float, high: float) -> str:
    """Return a range as words have it: `3 to 4.5`."""
    first, last = _three_digits(low), _three_digits(high)
    return first if first == last else f"{first} to {last}"


def _spell_minutes(low: float, high: float, between: str) -> str:
    size, unit = (60.0, "hours") if high >= 120 else (1.0, "minutes") if high >= 2 else (1 / 60, "seconds")
    return f"{_join(_digits(low / size), _digits(high / size), between)} {unit}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == math.floor(value) else f"{value:.1f}"


def _join(low: str, high: str, between: str = "-") -> str:
    return low if low == high else f"{low}{between}{high}"
