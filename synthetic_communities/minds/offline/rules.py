"""The update rules, as functions of numbers; the mind calls these very functions.

Opinions are numbers on one axis, x the own opinion, y those heard, w their weights. Every function keeps exact
numbers exact: given `Fraction`s it returns `Fraction`s.

Sources:
    M. H. DeGroot, "Reaching a consensus", Journal of the American Statistical Association 69 (1974).
    N. E. Friedkin and E. C. Johnsen, "Social influence and opinions", Journal of Mathematical Sociology 15 (1990).
    G. Deffuant, D. Neau, F. Amblard and G. Weisbuch, "Mixing beliefs among interacting agents", Advances in
        Complex Systems 3 (2000).
    R. Hegselmann and U. Krause, "Opinion dynamics and bounded confidence: models, analysis and simulation",
        Journal of Artificial Societies and Social Simulation 5(3) (2002).
"""

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import TypeVar

Number = TypeVar("Number", float, Fraction)


def weighted_mean(values: Sequence[Number], weights: Sequence[Number]) -> Number:
    """Return sum(w_j x_j) / sum(w_j): one person's step in DeGroot (1974).

    The weights are not negative and not all zero; they need not sum to 1.
    """
    zero = weights[0] * 0
    return sum(map(mul, weights, values), start=zero) / sum(weights, start=zero)


def within_bound(own: Number, other: Number, bound: Number) -> bool:
    """Say whether |x - y| <= bound: whether the other opinion is near enough to count at all."""
    return abs(own - other) <= bound


def bounded_pulls(own: Number, heard: Sequence[Number], weights: Sequence[Number], bound: Number) -> tuple[Number, ...]:
    """Return by how much each opinion heard moves the own one: w_j (y_j - x) / (1 + sum of w), 0 beyond the bound.

    The sum runs over the opinions within the bound; 1 is the weight of the own opinion. The pulls add up to the
    step of `bounded_mean`.
    """
    counted = [
        weight if within_bound(own, other, bound) else weight * 0 for other, weight in zip(heard, weights, strict=True)
    ]
    total = sum(counted, start=own * 0) + 1
    return tuple(weight * (other - own) / total for other, weight in zip(heard, counted, strict=True))


def bounded_mean(own: Number, heard: Sequence[Number], weights: Sequence[Number], bound: Number) -> Number:
    """Return the mean of the own opinion and of those heard within the bound: a step of Hegselmann-Krause (2002).

    x' = (x + sum(w_j y_j)) / (1 + sum(w_j)) over all j with |x - y_j| <= bound. The published model has every
    w_j = 1; weights other than 1 make it a DeGroot step over those within the bound.
    """
    return sum(bounded_pulls(own, heard, weights, bound), start=own)


def approach(own: Number, other: Number, bound: Number, mu: Number) -> Number:
    """Return the own opinion after meeting another: one side of a step of Deffuant-Weisbuch (2000).

    x' = x + mu (y - x) if |x - y| <= bound, else x; mu in [0, 1/2]. The published step is both sides at once,
    with one mu.
    """
    return own + mu * (other - own) if within_bound(own, other, bound) else own


def anchor(moved: Number, prior: Number, yielding: Number) -> Number:
    """Return l m + (1 - l) u: one person's step in Friedkin-Johnsen (1990), where m is what others make of it.

    Args:
        moved: m, the opinion after the influence of others.
        prior: u, the opinion the person came with.
        yielding: l in [0, 1], the weight of the influence of others; 1: the prior is forgotten.
    """
    return yielding * moved + (1 - yielding) * prior
