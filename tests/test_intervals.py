"""Mean, interval and range of one number over several runs."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.report.numbers.intervals import measure_spread, quantile_of_t

TABLE = {
    1: 12.706205,
    2: 4.302653,
    3: 3.182446,
    4: 2.776445,
    5: 2.570582,
    6: 2.446912,
    7: 2.364624,
    8: 2.306004,
    9: 2.262157,
    10: 2.228139,
    19: 2.093024,
    29: 2.045230,
    30: 2.042272,
    99: 1.984217,
    999: 1.962341,
}
"""Degrees of freedom to the t that 97.5 % lie below, as statistical tables have it."""

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(("degrees", "t"), TABLE.items())
def test_quantiles_of_t_are_those_of_the_tables(degrees: int, t: float) -> None:
    assert quantile_of_t(0.975, degrees) == pytest.approx(t, abs=6e-7)


def test_other_shares_have_other_quantiles() -> None:
    assert quantile_of_t(0.95, 4) == pytest.approx(2.131847, abs=6e-7)
    assert quantile_of_t(0.995, 9) == pytest.approx(3.249836, abs=6e-7)
    assert quantile_of_t(0.75, 1) == pytest.approx(1.0, abs=1e-9)


def test_five_numbers_have_a_mean_an_interval_and_a_range() -> None:
    spread = measure_spread([29, 31, 27, 35, 28])
    assert spread is not None
    assert (spread.runs, spread.mean, spread.lowest, spread.highest) == (5, 30.0, 27, 35)
    # s = sqrt(40 / 4) = 3.1623; 2.776445 * 3.1623 / sqrt(5) = 3.9265
    assert (spread.low, spread.high) == (pytest.approx(26.0735, abs=1e-4), pytest.approx(33.9265, abs=1e-4))


@pytest.mark.parametrize("numbers", [[4.0], [4.0, 6.0]])
def test_fewer_than_three_have_no_interval(numbers: list[float]) -> None:
    spread = measure_spread(numbers)
    assert spread is not None
    assert (spread.low, spread.high) == (None, None)
    assert (spread.mean, spread.lowest, spread.highest) == (statistics.fmean(numbers), 4.0, numbers[-1])


def test_nothing_has_nothing() -> None:
    assert measure_spread([]) is None


def test_numbers_that_agree_have_an_interval_of_no_width() -> None:
    spread = measure_spread([3, 3, 3])
    assert spread is not None
    assert (spread.low, spread.mean, spread.high) == (3, 3, 3)


@given(st.lists(NUMBERS, min_size=3, max_size=12))
def test_the_mean_lies_in_the_middle_of_the_interval_whatever_the_order(numbers: list[float]) -> None:
    spread, again = measure_spread(numbers), measure_spread(numbers[::-1])
    assert spread is not None
    assert again is not None
    assert spread.low is not None
    assert spread.high is not None
    assert spread.low <= spread.mean <= spread.high
    assert spread.high - spread.mean == pytest.approx(spread.mean - spread.low, rel=1e-6, abs=1e-6)
    assert (again.mean, again.low, again.high) == pytest.approx((spread.mean, spread.low, spread.high), abs=1e-6)


def test_rounding_does_not_put_the_mean_outside_the_range() -> None:
    numbers = [-0.22038238595773185] * 21  # whose mean, as it is computed, lies beyond them by a last digit
    spread = measure_spread(numbers)
    assert spread is not None
    assert spread.lowest <= spread.mean <= spread.highest
