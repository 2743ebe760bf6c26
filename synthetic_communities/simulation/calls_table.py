"""What calls of models will take, as a table of a terminal and in words."""

import math
from collections.abc import Iterator

from ..report.steps import name_acts
from ..report.text import ABSENT, align_row, measure_width
from .assumed import SENTENCE_CHARACTERS, WORDS_CHARACTERS, Span
from .calls_forecast import CallsForecast, TokensForecast

HEAD = ("calls", "prompt tokens", "output tokens", "US dollars")
_WIDTHS = (15, 16, 16, 14)

UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
"""What large numbers are counted in: thousands of millions, millions, thousands."""


def calls_lines(asked: CallsForecast) -> list[str]:
    """Return a table: a line for each step that asks a model, and one for all of them."""
    rows = [["", *HEAD], *calls_rows(asked)]
    widths = (max(measure_width(row[0]) for row in rows), *_WIDTHS)
    return [align_row(row, widths) for row in rows]


def calls_rows(asked: CallsForecast) -> list[list[str]]:
    """Return the cells of that table, but for its head."""
    rows = [_cells(name_acts(step.step), step.calls, step.tokens, step.cost_usd) for step in asked.steps]
    return [*rows, _cells("in all", asked.calls, asked.tokens, asked.cost_usd)]


def describe_calls(asked: CallsForecast) -> Iterator[str]:
    """Yield what calls will take in all, and what that rests on."""
    cost = "not known" if asked.cost_usd is None else f"{spell_money(asked.cost_usd)} US dollars"
    yield f"Cost: {cost}. Time: {spell_minutes(asked.minutes)}."
    if asked.unpriced:
        yield f"The price of {', '.join(asked.unpriced)} is not known; it can be stated under prices:."
    tokens = asked.tokens
    read, written = tokens.cache_read_tokens.high, tokens.cache_write_tokens.high
    if read:
        shares = [f"{each / tokens.prompt_tokens.high:.0%}" for each in (read, written)]
        yield f"Of the prompt tokens {shares[0]} are read from a cache, and {shares[1]} written to one."
    if asked.sampled is not None:
        yield f"Rehearsed with {asked.sampled:,} of the people, from which all is reckoned."
    yield " ".join(_assumptions(asked))


def spell_span(span: Span) -> str:
    """Return a range of a number, in thousands or millions where it is large: `1.2-1.8 M`."""
    size, unit = next(((size, unit) for size, unit in UNITS if span.high >= 10 * size), (1.0, ""))
    return f"{_join(*(_digits(end / size) for end in (span.low, span.high)))}{unit}"


def spell_money(span: Span) -> str:
    """Return a range of US dollars, with as many places as are needed to see something."""
    places = 2 if span.high >= 0.1 else 4
    return _join(*(f"{end:,.{places}f}" for end in (span.low, span.high)))


def spell_minutes(span: Span) -> str:
    """Return a range of minutes, in the unit that suits it."""
    size, unit = (60.0, "hours") if span.high >= 120 else (1.0, "minutes") if span.high >= 2 else (1 / 60, "seconds")
    return f"{_join(*(_digits(end / size) for end in (span.low, span.high)))} {unit}"


def _cells(name: str, calls: Span, tokens: TokensForecast, cost_usd: Span | None) -> list[str]:
    money = ABSENT if cost_usd is None else spell_money(cost_usd)
    counted = _join(*(f"{end:,.0f}" for end in (calls.low, calls.high)))
    return [name, counted, spell_span(tokens.prompt_tokens), spell_span(tokens.output_tokens), money]


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == math.floor(value) else f"{value:.1f}"


def _join(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"


def _assumptions(asked: CallsForecast) -> Iterator[str]:
    assumed = asked.assumed
    yield f"Assumed: {_plain(assumed.characters_per_token)} characters a token;"
    if assumed.reply_characters:
        yield "replies as long as stated;"
    else:
        sentence = _plain(SENTENCE_CHARACTERS)
        yield f"replies of {_plain(WORDS_CHARACTERS)} characters, in judgements {sentence} a sentence;"
    each = [assumed.seconds(step.step) for step in asked.steps]
    yield f"{_plain(Span(min(span.low for span in each), max(span.high for span in each)))} seconds a reply."


def _plain(span: Span) -> str:
    return _join(f"{span.low:g}", f"{span.high:g}").replace("-", " to ")
