"""What was foretold of the calls of models of a run, or of several, and what they took, side by side."""

from collections.abc import Callable, Mapping, Sequence

from ...errors import RecordError
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..frames.plain_rows import PlainRow
from ..numbers.taken import (
    PROMPT,
    Taken,
    add_taken,
    take_calls,
    take_minutes,
    take_minutes_together,
    take_paid,
    tells_paid,
)
from ..text import ABSENT, align_row
from .ranges import spell_counts, spell_minutes, spell_money, spell_range

Spell = Callable[[float, float], str]

FIGURES: Mapping[str, tuple[str, Spell]] = {
    "calls": ("calls", spell_counts),
    "prompt_tokens": ("prompt tokens", spell_range),
    "cache_read_tokens": ("read from a cache", spell_range),
    "output_tokens": ("output tokens", spell_range),
    "cost_usd": ("US dollars", spell_money),
    "minutes": ("time", spell_minutes),
}
"""Figure to what it is called and how it is spelt."""

HEAD = ("Foretold and measured", "foretold", "measured")
WIDTHS = (23, 20, 20)

UNREAD = "Nothing was read from a cache; that is why it cost more than foretold."


def read_foretold(files: RunFiles) -> list[PlainRow]:
    """Return a row for each figure that was foretold.

    None where nothing was, where the run has not come to its end, and where not all of its calls are known.
    """
    forecast, usage = files.forecast(), files.usage()
    if forecast is None or usage is None or usage.values.get("status") != "complete":
        return []
    if usage.values.get("model_calls") is None:
        return []
    try:
        return _build_rows(forecast, {**take_calls(usage.row("calls")), "minutes": take_minutes(usage)})
    except RecordError as error:
        files.note_damage(forecast.place, error)
        return []


def read_foretold_together(forecast: Row | None, usages: Sequence[Row | None]) -> list[PlainRow]:
    """Return the same rows of several runs; none where nothing was foretold, or not all have come to their ends.

    What one of them took from the records of others is not counted: it was paid for once.

    Args:
        forecast: what was foretold of all of them.
        usages: what was measured of each; None: nothing.

    Raises:
        RecordError: one of these is damaged.
    """
    ended = [usage for usage in usages if usage is not None and usage.values.get("status") == "complete"]
    if forecast is None or len(ended) < len(usages) or not all(map(tells_paid, ended)):
        return []
    took = {**add_taken([take_paid(usage) for usage in ended]), "minutes": take_minutes_together(ended)}
    return _build_rows(forecast, took)


def build_lines(rows: Sequence[PlainRow]) -> list[str]:
    """Return a table of these rows, nothing if there are none."""
    shown = [row for row in rows if row["figure"] != "cache_read_tokens" or row["high"] or row["took"]]
    return ["", align_row(HEAD, WIDTHS), *map(_line, shown), *_explain(rows)] if shown else []


def _explain(rows: Sequence[PlainRow]) -> list[str]:
    """Return why it cost more than foretold, where that is known: nothing was read from a cache."""
    by_figure = {row["figure"]: row for row in rows}
    read, cost = by_figure["cache_read_tokens"], by_figure["cost_usd"]
    is_missed = bool(read["high"]) and read["took"] == 0
    is_dearer = None not in (cost["high"], cost["took"]) and cost["took"] > cost["high"]
    return [UNREAD] if is_missed and is_dearer else []


def _line(row: PlainRow) -> str:
    name, spell = FIGURES[row["figure"]]
    foretold = ABSENT if row["low"] is None else spell(row["low"], row["high"])
    took = ABSENT if row["took"] is None else spell(row["took"], row["took"])
    return align_row((f"  {name}", foretold, took), WIDTHS)


def _build_rows(forecast: Row, took: Taken) -> list[PlainRow]:
    ends = {figure: _take_ends(forecast, figure) for figure in FIGURES}
    return [{"figure": figure, "low": low, "high": high, "took": took[figure]} for figure, (low, high) in ends.items()]


def _take_ends(forecast: Row, figure: str) -> tuple[float | None, float | None]:
    if figure == "prompt_tokens":
        parts = [_ends(forecast.row("tokens").row(kind)) for kind in PROMPT]
        return sum(low or 0 for low, _ in parts), sum(high or 0 for _, high in parts)
    if figure == "cost_usd" and forecast.values.get(figure) is None:
        return None, None
    return _ends((forecast.row("tokens") if figure.endswith("_tokens") else forecast).row(figure))


def _ends(span: Row) -> tuple[float | None, float | None]:
    return span.number_or_none("low"), span.number_or_none("high")
