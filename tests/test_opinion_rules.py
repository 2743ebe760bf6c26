"""The offline mind's rules against published results; steps of whole populations are built from those very rules."""

import itertools
import random
from bisect import bisect_left, bisect_right
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.minds.offline.rules import (
    Number,
    anchor,
    approach,
    bounded_mean,
    bounded_pulls,
    weighted_mean,
    within_bound,
)

exact = st.fractions(min_value=-1, max_value=1, max_denominator=20)
positive = st.fractions(min_value=Fraction(1, 20), max_value=1, max_denominator=20)
profiles = st.lists(exact, min_size=2, max_size=8)


def step_degroot(opinions: list[Number], weights: list[list[Number]]) -> list[Number]:
    """Everybody takes the weighted mean of all opinions."""
    return [weighted_mean(opinions, row) for row in weights]


def step_friedkin_johnsen(
    opinions: list[Number], weights: list[list[Number]], yielding: list[Number], priors: list[Number]
) -> list[Number]:
    """Everybody takes the weighted mean, pulled back to the prior."""
    moved = step_degroot(opinions, weights)
    return [anchor(m, u, share) for m, u, share in zip(moved, priors, yielding, strict=True)]


def step_hegselmann_krause(opinions: list[Number], bound: Number) -> list[Number]:
    """Everybody takes the mean of all opinions within the bound, the own included; all at once."""
    ones = [opinions[0] * 0 + 1] * (len(opinions) - 1)
    return [
        bounded_mean(own, opinions[:place] + opinions[place + 1 :], ones, bound) for place, own in enumerate(opinions)
    ]


def step_sorted_hegselmann_krause(ordered: list[Number], bound: Number) -> list[Number]:
    """Do the same for opinions in order, fast: whoever is within the bound stands in one stretch."""
    sums = list(itertools.accumulate(ordered, initial=ordered[0] * 0))
    stretches = [(bisect_left(ordered, own - bound), bisect_right(ordered, own + bound)) for own in ordered]
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in stretches]


def meet_deffuant(opinions: list[Number], first: int, second: int, bound: Number, mu: Number) -> None:
    """Let two people meet."""
    one, other = opinions[first], opinions[second]
    opinions[first], opinions[second] = approach(one, other, bound, mu), approach(other, one, bound, mu)


def split_clusters(opinions: list[float], gap: float) -> list[int]:
    """Return the sizes of the groups that lie more than `gap` apart."""
    ordered = sorted(opinions)
    sizes = [1]
    for one, other in itertools.pairwise(ordered):
        if other - one > gap:
            sizes.append(0)
        sizes[-1] += 1
    return sizes


def has_wide_gap(opinions: list[float], bound: float) -> bool:
    """Say whether opinions in order have split for good."""
    return any(other - one > bound for one, other in itertools.pairwise(opinions))


class TestDeGroot:
    """x(t+1) = W x(t)."""

    def test_undirected_graph_agrees_on_the_mean_weighted_by_degree(self) -> None:
        neighbours = {0: [0, 1], 1: [0, 1, 2, 3], 2: [1, 2, 3], 3: [1, 2, 3]}
        weights = [[1.0 if other in near else 0.0 for other in range(4)] for near in neighbours.values()]
        start = [0.9, -0.4, 0.1, -1.0]
        expected = sum(len(near) * start[who] for who, near in neighbours.items()) / 12
        opinions = start
        for _ in range(200):
            opinions = step_degroot(opinions, weights)
        assert opinions == pytest.approx([expected] * 4, abs=1e-9)

    @settings(deadline=None)
    @given(profiles, st.data())
    def test_maximum_never_rises_and_minimum_never_falls(self, opinions: list[Fraction], data: st.DataObject) -> None:
        row = st.lists(positive, min_size=len(opinions), max_size=len(opinions))
        after = step_degroot(opinions, [data.draw(row) for _ in opinions])
        assert min(opinions) <= min(after)
        assert max(after) <= max(opinions)

    @settings(deadline=None)
    @given(profiles, st.permutations(range(8)), positive)
    def test_doubly_stochastic_weights_keep_the_mean(
        self, opinions: list[Fraction], order: list[int], self_weight: Fraction
    ) -> None:
        size = len(opinions)
        target = [place for place in order if place < size]
        weights = [
            [(1 - self_weight) * (target[i] == j) + self_weight * (i == j) for j in range(size)] for i in range(size)
        ]
        assert sum(step_degroot(opinions, weights)) == sum(opinions)


class TestFriedkinJohnsen:
    """x(t+1) = L W x(t) + (I - L) u, on the published example of four people."""

    weights = (
        (0.220, 0.120, 0.360, 0.300),
        (0.147, 0.215, 0.344, 0.294),
        (0.0, 0.0, 1.0, 0.0),
        (0.090, 0.178, 0.446, 0.286),
    )
    priors = (25.0, 25.0, 75.0, 85.0)

    def _settle(self, yielding: list[float]) -> list[float]:
        opinions = list(self.priors)
        for _ in range(2000):
            opinions = step_friedkin_johnsen(opinions, [list(row) for row in self.weights], yielding, list(self.priors))
        return opinions

    def test_published_example(self) -> None:
        yielding = [1 - row[place] for place, row in enumerate(self.weights)]
        assert self._settle(yielding) == pytest.approx([60.0208, 59.9840, 75.0000, 74.9862], abs=5e-5)

    def test_without_anchor_it_is_degroot_and_the_absorbing_person_wins(self) -> None:
        assert self._settle([1.0] * 4) == pytest.approx([75.0] * 4)

    @settings(deadline=None)
    @given(exact, exact)
    def test_who_does_not_yield_keeps_the_prior(self, moved: Fraction, prior: Fraction) -> None:
        assert anchor(moved, prior, Fraction(0)) == prior
        assert anchor(moved, prior, Fraction(1)) == moved

    @settings(deadline=None)
    @given(exact, exact, positive)
    def test_the_result_lies_between_influence_and_prior(
        self, moved: Fraction, prior: Fraction, yielding: Fraction
    ) -> None:
        assert min(moved, prior) <= anchor(moved, prior, yielding) <= max(moved, prior)


class TestHegselmannKrause:
    """x_i(t+1) is the mean of all x_j with |x_i - x_j| <= eps."""

    @settings(deadline=None)
    @given(profiles, positive)
    def test_order_is_preserved(self, opinions: list[Fraction], bound: Fraction) -> None:
        after = step_hegselmann_krause(sorted(opinions), bound)
        assert after == sorted(after)

    @settings(deadline=None)
    @given(profiles, positive)
    def test_a_gap_wider_than_the_bound_never_closes(self, opinions: list[Fraction], bound: Fraction) -> None:
        before = sorted(opinions)
        after = step_hegselmann_krause(before, bound)
        for place in range(len(before) - 1):
            if before[place + 1] - before[place] > bound:
                assert after[place + 1] - after[place] > bound

    @settings(deadline=None, max_examples=50)
    @given(profiles, positive)
    def test_it_freezes_in_clusters_further_apart_than_the_bound(
        self, opinions: list[Fraction], bound: Fraction
    ) -> None:
        before, after = opinions, step_hegselmann_krause(opinions, bound)
        for _ in range(100):
            before, after = after, step_hegselmann_krause(after, bound)
        assert before == after
        assert all(other - one > bound for one, other in itertools.pairwise(sorted(set(after))))

    def test_the_mean_is_not_conserved(self) -> None:
        opinions = [Fraction(0), Fraction(2, 10), Fraction(3, 10)]
        assert sum(step_hegselmann_krause(opinions, Fraction(1, 4))) != sum(opinions)

    @settings(deadline=None)
    @given(profiles, positive)
    def test_the_fast_step_is_the_same_step(self, opinions: list[Fraction], bound: Fraction) -> None:
        ordered = sorted(opinions)
        assert step_sorted_hegselmann_krause(ordered, bound) == step_hegselmann_krause(ordered, bound)

    @pytest.mark.parametrize(("bound", "is_split"), [(0.15, True), (0.30, False)])
    def test_500_people_40_seeds(self, bound: float, is_split: bool) -> None:
        for seed in range(40):
            chance = random.Random(seed)
            opinions = sorted(chance.random() for _ in range(500))
            for _ in range(60):
                opinions = step_sorted_hegselmann_krause(opinions, bound)
            assert has_wide_gap(opinions, bound) is is_split
            assert is_split or opinions[-1] - opinions[0] < 1e-9

    @settings(deadline=None)
    @given(exact, profiles, positive)
    def test_without_bound_it_is_a_degroot_step(self, own: Fraction, heard: list[Fraction], weight: Fraction) -> None:
        weights = [weight] * len(heard)
        expected = weighted_mean([own, *heard], [Fraction(1), *weights])
        assert bounded_mean(own, heard, weights, Fraction(2)) == expected

    @settings(deadline=None)
    @given(exact, profiles, positive, positive)
    def test_pulls_add_up_and_none_comes_from_beyond(
        self, own: Fraction, heard: list[Fraction], weight: Fraction, bound: Fraction
    ) -> None:
        weights = [weight] * len(heard)
        pulls = bounded_pulls(own, heard, weights, bound)
        assert own + sum(pulls) == bounded_mean(own, heard, weights, bound)
        assert all(pull == 0 for other, pull in zip(heard, pulls, strict=True) if not within_bound(own, other, bound))


class TestDeffuantWeisbuch:
    """Two meet, and each goes the share mu of the way if they are within eps."""

    @settings(deadline=None)
    @given(profiles, positive, positive)
    def test_a_meeting_keeps_the_sum_and_lowers_the_squares(
        self, opinions: list[Fraction], bound: Fraction, share: Fraction
    ) -> None:
        mu, distance = share / 2, opinions[0] - opinions[1]
        after = list(opinions)
        meet_deffuant(after, 0, 1, bound, mu)
        drop = 2 * mu * (1 - mu) * distance**2 if abs(distance) <= bound else 0
        assert sum(after) == sum(opinions)
        assert sum(x * x for x in opinions) - sum(x * x for x in after) == drop

    @pytest.mark.parametrize(("bound", "smallest_counted"), [(0.40, 10), (0.55, 1)])
    def test_200_people_end_in_one_cluster(self, bound: float, smallest_counted: int) -> None:
        """A cluster of at least 5 % of all counts at .40; at .55 nobody at all is left out."""
        for seed in range(10):
            chance = random.Random(seed)
            opinions = [chance.random() for _ in range(200)]
            for _ in range(200 * 100):
                first, second = chance.sample(range(200), 2)
                meet_deffuant(opinions, first, second, bound, 0.5)
            assert sum(size >= smallest_counted for size in split_clusters(opinions, 0.05)) == 1

    @settings(deadline=None)
    @given(exact, exact, positive)
    def test_who_is_beyond_the_bound_has_no_effect(self, own: Fraction, other: Fraction, bound: Fraction) -> None:
        after = approach(own, other, bound, Fraction(1, 2))
        assert after == ((own + other) / 2 if abs(own - other) <= bound else own)
