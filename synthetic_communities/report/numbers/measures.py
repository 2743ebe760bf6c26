"""The formulas behind tables, pictures and `--json`: numbers in, numbers out, each with its range and source.

Pure, and of the standard library alone. `docs/measures.md` says how to read them.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence

BINS = 12
"""Equal parts the axis from -1 to +1 is cut into, to count who stands where."""

ALPHA = 1.0
"""How much it weighs in Esteban and Ray's measure that people stand together with many. Must lie in (0, 1.6]."""

FEWEST_FOR_BIMODALITY = 4
"""Numbers below which the bimodality coefficient is not defined."""


def mean(values: Sequence[float]) -> float | None:
    """Return the arithmetic mean, in the range of the values; None of no values."""
    return math.fsum(values) / len(values) if values else None


def sample_deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation of a sample, whose sum of squares is divided by n - 1; None under two values.

    Of n stances in [-1, 1] it lies between 0 and sqrt(n / (n - 1)).
    """
    if len(values) < 2:
        return None
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def bimodality_coefficient(values: Sequence[float]) -> float | None:
    """Return how far a distribution is from having one hump, in (0, 1]; None under four values, or if all are equal.

    (G1^2 + 1) / (G2 + 3 (n - 1)^2 / ((n - 2) (n - 3))), with G1 the skewness and G2 the excess kurtosis of the sample,
    both corrected for its size. An even distribution has 5/9, two points of equal weight come near 1.

    Source: Pfister, Schwarz, Janczyk, Dale and Freeman (2013), Good things peak in pairs: a note on the bimodality
    coefficient, Frontiers in Psychology 4, 700; the formula is that of SAS.
    """
    n = len(values)
    if n < FEWEST_FOR_BIMODALITY or min(values) == max(values):
        return None
    skewness, kurtosis = _shape(values)
    return (skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))


def _shape(values: Sequence[float]) -> tuple[float, float]:
    """Return skewness and excess kurtosis, corrected for the size of the sample; of four different values or more."""
    n = len(values)
    centre = math.fsum(values) / n
    farthest = max(abs(value - centre) for value in values)  # as the unit: powers of what is tiny would vanish
    second, third, fourth = (math.fsum(((v - centre) / farthest) ** power for v in values) / n for power in (2, 3, 4))
    skewness = third / second**1.5 * math.sqrt(n * (n - 1)) / (n - 2)
    excess = fourth / second**2 - 3
    return skewness, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)


def esteban_ray(groups: Mapping[float, float], alpha: float = ALPHA) -> float:
    """Return how polarised groups of people are: the sum of p_i^(1 + alpha) p_j |x_i - x_j| over all pairs.

    Two groups of one half each, at distance d, give d 0.5^(1 + alpha), the most that any groups within d can. With
    stances in [-1, 1] and an alpha of 1 it lies between 0 and 0.5.

    Args:
        groups: where each stands, and what share of people stands there; the shares sum to 1.
        alpha: in (0, 1.6]: how much more the many who stand together count than each alone.

    Source: Esteban and Ray (1994), On the measurement of polarization, Econometrica 62 (4), 819-851, with K = 1.
    """
    places = list(groups.items())
    return math.fsum(p ** (1 + alpha) * q * abs(x - y) for x, p in places for y, q in places)


def group_stances(stances: Sequence[float], bins: int = BINS) -> dict[float, float]:
    """Return groups for `esteban_ray`: the people of each part of the axis, standing at the mean of their stances.

    Who stands a little apart stands together. If every stance were a group of its own, the measure would shrink with
    the number of people.
    """
    members: dict[int, list[float]] = {}
    for stance in stances:
        members.setdefault(_bin_of(stance, bins), []).append(stance)
    return {math.fsum(group) / len(group): len(group) / len(stances) for group in members.values()}


def count_bins(stances: Iterable[float], bins: int = BINS) -> tuple[int, ...]:
    """Return how many stances lie in each of `bins` equal parts of [-1, 1], from against to for.

    A stance on a border counts in the part above it, and +1 in the last.
    """
    counts = [0] * bins
    for stance in stances:
        counts[_bin_of(stance, bins)] += 1
    return tuple(counts)


def histogram(stances: Sequence[float], bins: int = BINS) -> tuple[float, ...]:
    """Return what share of the stances lies in each of `bins` equal parts of [-1, 1]; their sum is 1, or 0 of none."""
    return shares_of(count_bins(stances, bins))


def _bin_of(stance: float, bins: int) -> int:
    return min(bins - 1, max(0, math.floor((stance + 1) / 2 * bins)))


def shares_of(counts: Sequence[float]) -> tuple[float, ...]:
    """Return numbers as shares of their sum, in [0, 1]; all 0 if that is 0."""
    total = math.fsum(counts)
    return tuple(number / total if total else 0.0 for number in counts)


def net_change(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return the mean of who moved how far, with its sign, in [-2, 2]: moves against one another cancel out.

    The numbers of each person stand at the same place in both; None of nobody.
    """
    return mean([later - earlier for earlier, later in zip(before, after, strict=True)])


def gross_change(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return the mean of who moved how far, whichever way, in [0, 2]; never less than the size of the net change."""
    return mean([abs(later - earlier) for earlier, later in zip(before, after, strict=True)])


def has_changed_side(before: float, after: float) -> bool:
    """Say whether somebody went from for to against, or back. 0 is on no side, so who comes from there did not."""
    return before < 0 < after or after < 0 < before


def pedersen_index(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return the net movement between parties or candidates: half the sum of absolute changes of shares, in [0, 1].

    Args:
        before: number or share of votes of each.
        after: the same later, in the same order.

    Returns:
        None if there were no votes at one of the two.

    Source: Pedersen (1979), The dynamics of European party systems: changing patterns of electoral volatility, European
    Journal of Political Research 7 (1), 1-26.
    """
    if not math.fsum(before) or not math.fsum(after):
        return None
    changes = zip(shares_of(before), shares_of(after), strict=True)
    return math.fsum(abs(later - earlier) for earlier, later in changes) / 2


def share_changed(before: Sequence[Hashable], after: Sequence[Hashable]) -> float | None:
    """Return the share of people who ended with another choice, in [0, 1]: the gross movement; None of nobody.

    The choices of each person stand at the same place in both. It is never less than Pedersen's index of their sums.
    """
    return mean([float(one != other) for one, other in zip(before, after, strict=True)])


def place_shares(places: Iterable[int], shown: int) -> tuple[float, ...]:
    """Return what share of choices fell on who was shown first, second and so on; they sum to 1, or to 0 of none.

    If the order were nothing to people and drawn for each, every share would be expected at 1 / `shown`.

    Args:
        places: where on the list each person's choice stood, from 0.
        shown: how many were on the list.
    """
    counts = [0] * shown
    for place in places:
        counts[place] += 1
    return shares_of(counts)
