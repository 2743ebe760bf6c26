"""What several runs say together: mean, interval and range of one number. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

CONFIDENCE = 0.95
"""Share of such intervals that hold the mean, if runs are independent and their numbers normally distributed."""

FEWEST = 3
"""Fewer numbers than this have no interval: with two, it is 9 times as wide as their difference."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One number over several runs.

    Attributes:
        runs: how many have it.
        mean: of them.
        low: lower end of the t-interval of the mean at `CONFIDENCE`; None: fewer than `FEWEST` runs have it.
        high: upper end, likewise.
        lowest: the lowest there was.
        highest: the highest there was.
    """

    runs: int
    mean: float
    low: float | None = field(kw_only=True)
    high: float | None = field(kw_only=True)
    lowest: float = field(kw_only=True)
    highest: float = field(kw_only=True)


def measure_spread(numbers: Sequence[float]) -> Spread | None:
    """Return mean, interval and range; None without a number.

    The interval is mean +- t * s / sqrt(n), with t of n - 1 degrees of freedom (Student, Biometrika 6, 1908), s the
    sample standard deviation.
    """
    if not numbers:
        return None
    mean = min(max(statistics.fmean(numbers), min(numbers)), max(numbers))  # rounding must not put it outside the range
    low = high = None
    if len(numbers) >= FEWEST:
        half = quantile_of_t(0.5 + CONFIDENCE / 2, len(numbers) - 1) * statistics.stdev(numbers) / len(numbers) ** 0.5
        low, high = mean - half, mean + half
    return Spread(len(numbers), mean, low=low, high=high, lowest=min(numbers), highest=max(numbers))


def quantile_of_t(probability: float, degrees: int) -> float:
    """Return the t below which a share of Student's distribution lies.

    Args:
        probability: that share, above 0.5 and below 1.
        degrees: degrees of freedom, at least 1.
    """
    low, high = 0.0, 1.0
    while _share_below(high, degrees) < probability:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _share_below(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def _share_below(t: float, degrees: int) -> float:
    """Return the share of Student's distribution below `t` >= 0.

    With whole degrees of freedom it is a finite sum (Abramowitz and Stegun, Handbook of Mathematical Functions, 1964,
    26.7.3 and 26.7.4).
    """
    angle = math.atan(t / degrees**0.5)
    sine, cosine = math.sin(angle), math.cos(angle)
    term = cosine if degrees % 2 else 1.0
    total = term if degrees > 1 else 0.0
    for number in range(3 if degrees % 2 else 2, degrees - 1, 2):
        term *= (number - 1) / number * cosine**2
        total += term
    inside = 2 / math.pi * (angle + sine * total) if degrees % 2 else sine * total
    return (1 + inside) / 2
