"""What somebody may have meant who named something that is not there."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nsmallest

MOST = 3
"""How many are named at most."""

LEAST_ALIKE = 0.5
"""How alike a name has to be, from 0 to 1 for the same."""

COMPARED = 100
"""Characters of a name that are compared: a comparison takes long where both are long."""


def find_nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return which of those known look most like a name, or have it in them: the most alike first, else in order.

    Upper case counts as lower case.
    """
    wanted = _plain(name)
    matcher = SequenceMatcher(b=wanted)
    alike = [
        (-likeness, place, each)
        for place, each in enumerate(dict.fromkeys(known))
        if (likeness := _measure_likeness(matcher, wanted, _plain(each))) >= LEAST_ALIKE
    ]
    return [each for _, _, each in nsmallest(MOST, alike)]


def _measure_likeness(matcher: "SequenceMatcher[str]", wanted: str, known: str) -> float:
    """Return how alike two names are, from 0 to 1, or 0 where it is less than counts."""
    matcher.set_seq1(known)
    least = LEAST_ALIKE if wanted and wanted in known else 0.0
    # Each is an upper bound of the next, and much quicker to have.
    if matcher.real_quick_ratio() < LEAST_ALIKE or matcher.quick_ratio() < LEAST_ALIKE:
        return least
    return max(least, matcher.ratio())


def _plain(name: str) -> str:
    return name[:COMPARED].casefold()
