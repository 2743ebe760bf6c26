"""Amounts of money in words: the same figures wherever the same money is told of."""

import math
import sys

WHOLE_FROM = 1_000
"""US dollars from which a range is told without cents."""


def spell_usd(usd: float, *, is_most: bool = False) -> str:
    """Return an amount of money with cents, and where it is less than that shows with two digits that tell something.

    Args:
        usd: US dollars.
        is_most: whether it is the most that something may be, and is not to be rounded down.
    """
    return f"{_spell_amount(usd, _count_places(usd), is_most=is_most)} USD"


def spell_usd_range(low: float, high: float) -> str:
    """Return a range of money in words: `0.26 to 0.40 USD`."""
    first, last = spell_ends(low, high)
    return f"about {last} USD" if first == last else f"{first} to {last} USD"


def spell_ends(low: float, high: float, most_places: int | None = None) -> tuple[str, str]:
    """Return both ends of a range of US dollars, with as many places as the upper one needs.

    That one is not rounded down, but where the range is one amount.

    Args:
        low: the lower end.
        high: the upper one.
        most_places: as many are shown at most; None: as many as there are.
    """
    places = 0 if high >= WHOLE_FROM else min(_count_places(high), most_places or sys.maxsize)
    return _spell_amount(low, places), _spell_amount(high, places, is_most=low != high)


def _count_places(usd: float) -> int:
    rounded = float(f"{usd:.2g}")
    return 2 if not rounded else max(2, 1 - math.floor(math.log10(rounded)))


def _spell_amount(usd: float, places: int, *, is_most: bool = False) -> str:
    # What lies a millionth above a figure is a figure that was added up, not one above it.
    amount = math.ceil(round(usd * 10**places, 6)) / 10**places if is_most else usd
    return f"{amount:,.{places}f}"
