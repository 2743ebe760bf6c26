"""What was foretold beside what was measured: the same money in the same figures, and one manner a column."""

import pytest

from synthetic_communities.cli.spending import Expense, spell_foretold
from synthetic_communities.forecast.assumed import Span
from synthetic_communities.report.terminal.ranges import spell_money, spell_range
from synthetic_communities.report.terminal.side_by_side import FIGURES, UNREAD, build_lines


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        *((0.09, 0.1412, "0.09-0.15"), (0.0117, 0.0183, "0.012-0.019"), (0.25, 0.25, "0.25"), (0, 0, "0.00")),
        *((1234.5, 2345.1, "1,234-2,346"), (0.00053, 0.00084, "0.0005-0.0009"), (0.1412, 0.1412, "0.14")),
    ],
)
def test_money(low: float, high: float, words: str) -> None:
    assert spell_money(low, high) == words


@pytest.mark.parametrize(("low", "high"), [(0.09, 0.1412), (0.0117, 0.0183), (4.381, 6.9012), (1234.5, 2345.1)])
def test_the_line_before_a_run_has_the_figures_of_the_table_below_it(low: float, high: float) -> None:
    foretold = spell_foretold(Expense(9, Span(low, high)))
    assert f" {spell_money(low, high).replace('-', ' to ')} USD," in foretold


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        *((8_072, 8_785, "8.1-8.8 k"), (8_200, 10_000, "8.2-10 k"), (285_000, 439_000, "285-439 k")),
        *((516, 816, "516-816"), (9_815_000, 9_815_000, "9.8 M"), (0, 0, "0"), (1e9, 2e9, "1-2 G")),
    ],
)
def test_what_is_counted(low: float, high: float, words: str) -> None:
    assert spell_range(low, high) == words


@pytest.mark.parametrize(
    ("read", "cost", "is_told"),
    [
        ((285_000, 439_000, 0), (0.036, 0.056, 0.15), True),
        ((285_000, 439_000, 0), (0.036, 0.056, 0.05), False),
        ((285_000, 439_000, 1), (0.036, 0.056, 0.15), False),
        ((285_000, 439_000, None), (0.036, 0.056, 0.15), False),
        ((0, 0, 0), (0.036, 0.056, 0.15), False),
        ((285_000, 439_000, 0), (None, None, 0.15), False),
        ((285_000, 439_000, 0), (0.036, 0.056, None), False),
    ],
)
def test_why_it_cost_more_than_foretold(
    read: tuple[float | None, ...], cost: tuple[float | None, ...], *, is_told: bool
) -> None:
    figures = {**dict.fromkeys(FIGURES, (1, 2, 2)), "cache_read_tokens": read, "cost_usd": cost}
    rows = [{"figure": name, "low": low, "high": high, "took": took} for name, (low, high, took) in figures.items()]
    assert (UNREAD in build_lines(rows)) is is_told
