"""What calls of models took, as `usage.json` tells: those of one run, and what several paid for together."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ...errors import RecordError
from ...runs.row import Row

Taken = Mapping[str, float | None]
"""Figure to how much; None: not known."""

PROMPT = ("input_tokens", "cache_write_tokens", "cache_read_tokens")

SUMMED = ("calls", "prompt_tokens", "cache_read_tokens", "output_tokens", "cost_usd")
"""Figures of several runs that are sums of theirs."""


def take_calls(calls: Row) -> Taken:
    """Return what these calls took.

    Raises:
        RecordError: they are not as `usage.json` has them.
    """
    tokens = calls.row("tokens")
    number = calls.whole_number("calls")
    if not number:
        return dict.fromkeys(SUMMED, 0)
    sent = [tokens.number_or_none(kind) for kind in PROMPT]
    return {
        "calls": number,
        "prompt_tokens": None if sent[0] is None else sum(each or 0 for each in sent),
        "cache_read_tokens": sent[2],
        "output_tokens": tokens.number_or_none("output_tokens"),
        "cost_usd": calls.number_or_none("cost_usd"),
    }


def take_minutes(usage: Row) -> float | None:
    """Return how long a run took; None where it was gone on with, as it says that of the last time alone.

    Raises:
        RecordError: what says so is damaged.
    """
    if usage.values.get("resumed") is True:
        return None
    seconds = usage.number_or_none("seconds")
    return None if seconds is None else seconds / 60


def tells_paid(usage: Row) -> bool:
    """Say whether a run tells of all that it paid for: earlier ones do not, nor where not all calls are known."""
    return "calls_answered" in usage.values and usage.values.get("model_calls") is not None


def take_paid(usage: Row) -> Taken:
    """Return what a run paid for: what its calls took, without those that other runs have paid for.

    Raises:
        RecordError: it does not say, or not as it should.
    """
    taken = take_calls(usage.row("calls"))
    answered = take_calls(usage.row("calls_answered"))
    return {figure: _less(taken[figure], answered[figure]) for figure in SUMMED}


def add_taken(several: Sequence[Taken]) -> Taken:
    """Return these added up; what is not known of one is not known of all."""
    return {figure: _sum([each[figure] for each in several]) for figure in SUMMED}


def take_minutes_together(usages: Sequence[Row]) -> float | None:
    """Return the minutes from the beginning of the first of several runs to the end of the last, to a second or so.

    None: one of them was gone on with, or does not say.

    Raises:
        RecordError: what says so is damaged.
    """
    times = [_times(usage) for usage in usages if take_minutes(usage) is not None]
    if not times or len(times) < len(usages):
        return None
    return (max(ended for _, ended in times) - min(began for began, _ in times)) / 60


def _times(usage: Row) -> tuple[float, float]:
    """Return when a run began and ended, in seconds since 1970."""
    text = usage.text("started")
    try:
        began = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{usage.place}: started cannot be {text!r:.80}, which is no time") from error
    return began, began + (usage.number_or_none("seconds") or 0.0)


def _less(taken: float | None, answered: float | None) -> float | None:
    return None if taken is None or answered is None else max(0, taken - answered)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
