"""What was foretold of a run's calls of models, and what they took, side by side."""

from collections.abc import Callable, Mapping, Sequence

from ..errors import RecordError
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .plain_rows import PlainRow
from .ranges import spell_counts, spell_minutes, spell_money, spell_range
from .text import ABSENT, align_row

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

PROMPT = ("input_tokens", "cache_write_tokens", "cache_read_tokens")

HEAD = ("Foretold and measured", "foretold", "measured")
WIDTHS = (23, 20, 20)


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
        took = _take_measured(usage)
        return [_row(figure, _take_ends(forecast, figure), took[figure]) for figure in FIGURES]
    except RecordError as error:
        files.note_damage(forecast.place, error)
        return []


def build_lines(rows: Sequence[PlainRow]) -> list[str]:
    """Return a table of these rows, nothing if there are none."""
    shown = [row for row in rows if row["figure"] != "cache_read_tokens" or row["high"] or row["took"]]
    return ["", align_row(HEAD, WIDTHS), *map(_line, shown)] if shown else []


def _line(row: PlainRow) -> str:
    name, spell = FIGURES[row["figure"]]
    foretold = ABSENT if row["low"] is None else spell(row["low"], row["high"])
    took = ABSENT if row["took"] is None else spell(row["took"], row["took"])
    return align_row((f"  {name}", foretold, took), WIDTHS)


def _row(figure: str, ends: tuple[float | None, float | None], took: float | None) -> PlainRow:
    return {"figure": figure, "low": ends[0], "high": ends[1], "took": took}


def _take_ends(forecast: Row, figure: str) -> tuple[float | None, float | None]:
    if figure == "prompt_tokens":
        parts = [_ends(forecast.row("tokens").row(kind)) for kind in PROMPT]
        return sum(low or 0 for low, _ in parts), sum(high or 0 for _, high in parts)
    if figure == "cost_usd" and forecast.values.get(figure) is None:
        return None, None
    return _ends((forecast.row("tokens") if figure.endswith("_tokens") else forecast).row(figure))


def _ends(span: Row) -> tuple[float | None, float | None]:
    return span.number_or_none("low"), span.number_or_none("high")


def _take_measured(usage: Row) -> Mapping[str, float | None]:
    calls, tokens = usage.row("calls"), usage.row("calls").row("tokens")
    sent = [tokens.number_or_none(kind) for kind in PROMPT]
    seconds = usage.number_or_none("seconds")
    return {
        "calls": calls.number_or_none("calls"),
        "prompt_tokens": None if sent[0] is None else sum(each or 0 for each in sent),
        "cache_read_tokens": sent[2],
        "output_tokens": tokens.number_or_none("output_tokens"),
        "cost_usd": calls.number_or_none("cost_usd"),
        "minutes": None if seconds is None else seconds / 60,
    }
