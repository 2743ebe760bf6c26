"""The formulas of measures: against published values, against sums done by hand, and by what must always hold."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthetic_communities.report.numbers.measures import (
    ALPHA,
    BINS,
    bimodality_coefficient,
    count_bins,
    esteban_ray,
    gross_change,
    group_stances,
    has_changed_side,
    histogram,
    mean,
    net_change,
    pedersen_index,
    place_shares,
    sample_deviation,
    share_changed,
    shares_of,
)

STANCES = st.floats(-1, 1).map(lambda number: round(number, 6) + 0.0)
SAMPLES = st.lists(STANCES, max_size=40)
PAIRS = st.lists(st.tuples(STANCES, STANCES), min_size=1, max_size=40)
COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=8)


def repeat(counts: Sequence[int]) -> list[float]:
    """Return 1, 2, 3 and so on, each as often as the counts say."""
    return [float(number) for number, count in enumerate(counts, start=1) for _ in range(count)]


# Mean and deviation.


def test_a_mean_needs_a_value_and_a_deviation_two() -> None:
    assert mean([]) is None
    assert mean([0.5]) == 0.5
    assert sample_deviation([]) is None
    assert sample_deviation([0.5]) is None
    assert sample_deviation([0.5, 0.5]) == 0.0
    assert sample_deviation([-1.0, 1.0]) == pytest.approx(math.sqrt(2)), "n - 1 = 1, not n"


@given(st.lists(STANCES, min_size=2, max_size=40))
def test_mean_and_deviation_are_those_of_the_standard_library(values: list[float]) -> None:
    centre, deviation = mean(values), sample_deviation(values)

    assert centre == pytest.approx(statistics.fmean(values), abs=1e-12)
    assert deviation == pytest.approx(statistics.stdev(values), abs=1e-9)
    assert deviation is not None
    assert 0 <= deviation <= math.sqrt(len(values) / (len(values) - 1)) + 1e-12


# Bimodality.


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ((3, 5, 5, 10, 17, 20, 17, 10, 5, 5, 3), 0.34),
        ((2, 26, 14, 6, 2, 0, 2, 6, 14, 26, 2), 0.79),
    ],
)
def test_bimodality_is_that_of_the_published_examples(counts: Sequence[int], published: float) -> None:
    coefficient = bimodality_coefficient(repeat(counts))

    assert coefficient is not None
    assert round(coefficient, 2) == published


def test_bimodality_of_four_values_worked_out_by_hand() -> None:
    # -1, -1, 1, 1: g1 = 0, g2 = 1 - 3 = -2; corrected G2 = 3/2 (5 (-2) + 6) = -6; the term is 3 * 9 / 2 = 13.5.
    assert bimodality_coefficient([-1, -1, 1, 1]) == pytest.approx(1 / 7.5)
    # 0, 0, 0, 1: g1 = 2 / sqrt(3), G1 = g1 sqrt(12) / 2 = 2; g2 = 7/3 - 3, G2 = 3/2 (6 - 10/3) = 4.
    assert bimodality_coefficient([0, 0, 0, 1]) == pytest.approx(5 / 17.5)


def test_bimodality_of_many() -> None:
    even = [place / 5000 - 1 for place in range(10_001)]
    assert bimodality_coefficient(even) == pytest.approx(5 / 9, abs=1e-3)
    assert bimodality_coefficient([-1.0] * 5000 + [1.0] * 5000) == pytest.approx(1, abs=1e-3)


def test_bimodality_is_not_defined_under_four_values_or_without_variance() -> None:
    assert bimodality_coefficient([]) is None
    assert bimodality_coefficient([-1, 0, 1]) is None
    assert bimodality_coefficient([0.1] * 7) is None, "sums of tenths are not quite even"


@given(st.lists(STANCES, min_size=4, max_size=40), st.randoms(use_true_random=False))
def test_bimodality_lies_in_its_range_and_depends_on_no_order_sign_or_scale(
    values: list[float], chance: random.Random
) -> None:
    coefficient = bimodality_coefficient(values)
    assume(coefficient is not None)
    assert coefficient is not None

    assert 0 < coefficient <= 1 + 1e-9
    chance.shuffle(values)
    assert bimodality_coefficient(values) == pytest.approx(coefficient)
    assert bimodality_coefficient([-value for value in values]) == pytest.approx(coefficient)
    assert bimodality_coefficient([value / 1024 for value in values]) == pytest.approx(coefficient)


def test_bimodality_of_what_differs_by_next_to_nothing() -> None:
    assert bimodality_coefficient([0.0, 0.0, 0.0, 1e-300]) == pytest.approx(5 / 17.5)


# Polarisation.


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.6])
def test_two_equal_poles_at_distance_one_have_the_published_value(alpha: float) -> None:
    assert esteban_ray({0.0: 0.5, 1.0: 0.5}, alpha) == pytest.approx(0.5 ** (1 + alpha))


def test_polarisation_worked_out_by_hand() -> None:
    # (1/4)^2 1/2 + (1/4)^2 1/4 * 2 + (1/2)^2 1/4 + (1/2)^2 1/4 + (1/4)^2 1/4 * 2 + (1/4)^2 1/2, at distances 1, 2, 1
    assert esteban_ray({-1.0: 0.25, 0.0: 0.5, 1.0: 0.25}) == pytest.approx(0.25)
    assert esteban_ray({0.3: 1.0}) == 0
    assert ALPHA == 1.0


def test_poles_of_stances_keep_their_whole_distance() -> None:
    assert esteban_ray(group_stances([-1.0] * 5 + [1.0] * 5)) == pytest.approx(0.5), "not that of the middles of bins"


def test_people_of_one_part_of_the_axis_stand_together_at_their_mean() -> None:
    assert group_stances([-1.0, -0.9, 0.01, 0.03, 0.05, 1.0], bins=4) == pytest.approx(
        {-0.95: 2 / 6, 0.03: 0.5, 1.0: 1 / 6}
    )
    assert group_stances([]) == {}


@given(st.lists(STANCES, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_polarisation_lies_in_its_range_and_depends_on_no_order(values: list[float], chance: random.Random) -> None:
    polarisation = esteban_ray(group_stances(values))

    assert 0 <= polarisation <= 0.5 + 1e-12
    chance.shuffle(values)
    assert esteban_ray(group_stances(values)) == pytest.approx(polarisation)
    assert esteban_ray(group_stances(values * 3)) == pytest.approx(polarisation), (
        "the number of people is nothing to it"
    )


@given(st.lists(st.integers(-500, 500).map(lambda n: n / 501), min_size=1, max_size=40))
def test_polarisation_is_the_same_seen_from_the_other_side(values: list[float]) -> None:
    polarisation = esteban_ray(group_stances(values, bins=7))  # none of these values lies on a border of seven parts
    assert esteban_ray(group_stances([-value for value in values], bins=7)) == pytest.approx(polarisation)


# Distributions.


def test_a_stance_on_a_border_counts_above_it_and_the_last_part_is_closed() -> None:
    assert count_bins([-1.0, -0.5, 0.0, 0.5, 1.0], bins=4) == (1, 1, 1, 2)
    assert count_bins([-0.500001, -0.000001, 0.499999, 0.999999], bins=4) == (1, 1, 1, 1)
    assert histogram([-1.0, 0.0, 0.5, 1.0], bins=2) == (0.25, 0.75)
    assert histogram([]) == (0.0,) * BINS
    assert len(count_bins([])) == BINS == 12


@given(STANCES, st.integers(1, 50))
def test_every_stance_lies_in_its_part(stance: float, bins: int) -> None:
    (place,) = (place for place, count in enumerate(count_bins([stance], bins)) if count)
    exact = (Fraction(stance) + 1) * bins / 2

    assert place - Fraction(1, 10**9) <= exact <= place + 1 + Fraction(1, 10**9)


@given(SAMPLES)
def test_distributions_count_everybody_once(values: list[float]) -> None:
    assert sum(count_bins(values)) == len(values)
    assert math.fsum(histogram(values)) == pytest.approx(1 if values else 0)


def test_shares_of_nothing_are_nothing() -> None:
    assert shares_of([1, 3]) == (0.25, 0.75)
    assert shares_of([0, 0]) == (0.0, 0.0)


# Movement.


def test_net_and_gross_change_worked_out_by_hand() -> None:
    before, after = [0.0, 0.5, -0.5], [0.4, 0.1, -0.5]

    assert net_change(before, after) == pytest.approx(0)
    assert gross_change(before, after) == pytest.approx(0.8 / 3)
    assert net_change([], []) is None
    assert gross_change([], []) is None


@given(PAIRS)
def test_net_change_is_never_more_than_gross_and_turns_with_the_sign(pairs: list[tuple[float, float]]) -> None:
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    net, gross = net_change(before, after), gross_change(before, after)

    assert net is not None
    assert gross is not None
    assert abs(net) <= gross + 1e-12 <= 2 + 1e-9
    assert net_change(after, before) == pytest.approx(-net)
    assert gross_change(after, before) == pytest.approx(gross)
    assert net_change([-one for one in before], [-other for other in after]) == pytest.approx(-net)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (-0.1, 0.1, True),
        (0.1, -0.1, True),
        (0.0, 0.5, False),
        (0.5, 0.0, False),
        (0.1, 0.9, False),
        (-0.2, -0.1, False),
    ],
)
def test_zero_is_on_no_side(before: float, after: float, changed: bool) -> None:
    assert has_changed_side(before, after) is changed


def test_sides_of_what_is_next_to_nothing() -> None:
    assert has_changed_side(-1e-200, 1e-200)


def test_pedersen_worked_out_by_hand() -> None:
    # 40, 35, 25 of a hundred to 45, 25, 30: 5 + 10 + 5, halved.
    assert pedersen_index([40, 35, 25], [45, 25, 30]) == pytest.approx(0.10)
    assert pedersen_index([4, 0], [0, 2]) == 1
    assert pedersen_index([1, 1], [50, 50]) == 0, "of shares, and not of votes"
    assert pedersen_index([0, 0], [1, 1]) is None
    assert pedersen_index([1, 1], [0, 0]) is None


@given(COUNTS, st.data())
def test_pedersen_lies_in_its_range_and_depends_on_no_order(before: list[int], data: st.DataObject) -> None:
    after = data.draw(st.lists(st.integers(0, 1000), min_size=len(before), max_size=len(before)))
    index = pedersen_index(before, after)
    assume(index is not None)
    assert index is not None

    assert 0 <= index <= 1 + 1e-12
    assert pedersen_index(after, before) == pytest.approx(index)
    order = data.draw(st.permutations(range(len(before))))
    assert pedersen_index([before[place] for place in order], [after[place] for place in order]) == pytest.approx(index)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
def test_net_movement_between_candidates_is_never_more_than_gross(pairs: list[tuple[str, str]]) -> None:
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    net = pedersen_index([before.count(who) for who in "abc"], [after.count(who) for who in "abc"])
    gross = share_changed(before, after)

    assert net is not None
    assert gross is not None
    assert net <= gross + 1e-12


def test_the_share_who_changed() -> None:
    assert share_changed(["a", "b", "c", "a"], ["b", "a", "c", "a"]) == 0.5
    assert share_changed([], []) is None


# The order shown.


def test_shares_by_place() -> None:
    assert place_shares([0, 0, 2, 0], 3) == (0.75, 0.0, 0.25)
    assert place_shares([], 2) == (0.0, 0.0)


@given(st.lists(st.integers(0, 4), min_size=1))
def test_shares_by_place_sum_to_one(places: list[int]) -> None:
    assert math.fsum(place_shares(places, 5)) == pytest.approx(1)
