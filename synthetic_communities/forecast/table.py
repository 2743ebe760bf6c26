"""What calls of models will take, as a table of a terminal and in words."""

from collections.abc import Callable, Iterator

from ..domain.money import spell_usd, spell_usd_range
from ..llm.money.price_list import describe_similar
from ..report.steps import name_acts
from ..report.terminal.ranges import spell_counts, spell_minutes, spell_money, spell_range, spell_words
from ..report.text import ABSENT, align_row, count_of, measure_width
from .assumed import SENTENCE_CHARACTERS, WORDS_CHARACTERS, Span
from .calls import CallsForecast, TokensForecast

HEAD = ("calls", "prompt tokens", "output tokens", "US dollars")
_WIDTHS = (14, 14, 14, 14)


def calls_lines(asked: CallsForecast) -> list[str]:
    """Return a table: a line for each step that asks a model, and one for all of them."""
    rows = [["", *HEAD], *calls_rows(asked)]
    widths = (max(measure_width(row[0]) for row in rows), *_WIDTHS)
    return [align_row(row, widths) for row in rows]


def calls_rows(asked: CallsForecast) -> list[list[str]]:
    """Return the cells of that table, but for its head."""
    rows = [_cells(name_acts(step.step), step.calls, step.tokens, step.cost_usd) for step in asked.steps]
    return [*rows, _cells("in all", asked.calls, asked.tokens, asked.cost_usd)]


def spell_price(asked: CallsForecast) -> str:
    """Return what calls will cost, and how long they take; on two lines where one is too short."""
    between = " " if asked.uncached_usd is None else "\n"
    return f"Cost: {_spell_cost(asked)}.{between}Time: {_spell(spell_minutes, asked.minutes)}."


def describe_calls(asked: CallsForecast) -> Iterator[str]:
    """Yield what the price of calls rests on."""
    if asked.unpriced:
        unpriced, similar = ", ".join(asked.unpriced), describe_similar(asked.unpriced)
        yield f"The price of {unpriced} is not known; the setting prices states it.{similar}"
    tokens = asked.tokens
    read, written = tokens.cache_read_tokens.high, tokens.cache_write_tokens.high
    if read:
        shares = [f"{each / tokens.prompt_tokens.high:.0%}" for each in (read, written)]
        also = f", and {shares[1]} written to one" if written else ""
        promised = "" if asked.uncached_usd is None else ", which nobody promises"
        yield f"Of the prompt tokens {shares[0]} are read from a cache{promised}{also}."
    elif not written:
        yield "No cache is reckoned with."
    if asked.rehearsed < asked.replicates:
        whole = count_of(asked.replicates, "runs")
        yield f"Rehearsed were {asked.rehearsed:,} of the {whole}, from which all is reckoned."
    if asked.sampled is not None:
        yield f"Rehearsed with {asked.sampled:,} of the people, from which all is reckoned."
    yield " ".join(_assumptions(asked))


def _cells(name: str, calls: Span, tokens: TokensForecast, cost_usd: Span | None) -> list[str]:
    return [
        name,
        _spell(spell_counts, calls),
        _spell(spell_range, tokens.prompt_tokens),
        _spell(spell_range, tokens.output_tokens),
        ABSENT if cost_usd is None else _spell(spell_money, cost_usd),
    ]


def _spell_cost(asked: CallsForecast) -> str:
    if asked.cost_usd is not None:
        return f"{_spell_dollars(asked.cost_usd)}{_spell_uncached(asked)}"
    if not asked.known_usd.high:
        return "not known"
    return f"not known; what has a price, {_spell_dollars(asked.known_usd)}{_spell_uncached(asked)}"


def _spell_uncached(asked: CallsForecast) -> str:
    if asked.uncached_usd is None:
        return ""
    return f", up to {spell_usd(asked.uncached_usd.high, is_most=True)} if nothing is read from a cache"


def _spell_dollars(span: Span) -> str:
    return spell_usd_range(span.low, span.high)


def _spell(spell: Callable[[float, float], str], span: Span) -> str:
    return spell(span.low, span.high)


def _assumptions(asked: CallsForecast) -> Iterator[str]:
    assumed = asked.assumed
    yield f"Assumed: {_spell(spell_words, assumed.characters_per_token)} characters a token;"
    if assumed.reply_characters:
        stated = assumed.reply_characters.values()
        span = Span(min(each.low for each in stated), max(each.high for each in stated))
        yield f"replies, where stated or probed, of {_spell(spell_words, span)} characters;"
    else:
        sentence = _spell(spell_words, SENTENCE_CHARACTERS)
        yield f"replies of {_spell(spell_words, WORDS_CHARACTERS)} characters, in judgements {sentence} a sentence;"
    thinking = asked.thinking_tokens
    if not thinking.high:
        yield "no thinking;"
    else:
        yield f"thinking of {thinking.low:,.0f} to {thinking.high:,.0f} tokens a reply;"
    each = [assumed.seconds(step.step) for step in asked.steps]
    uncounted = ", which do not count thinking" if thinking.high and not assumed.seconds_per_reply else ""
    seconds = spell_words(min(span.low for span in each), max(span.high for span in each))
    yield f"{seconds} seconds a reply{uncounted}."
    if not assumed.knows_replies:
        yield "check --probe measures them."
