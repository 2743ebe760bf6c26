"""Plain rows of what was measured, step by step."""

from collections.abc import Mapping

from ..errors import RecordError
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .plain_rows import PlainRow, mend_text
from .steps import ACTS, STEP_OF_ACT

STATUSES = ("done", "not_asked", "refused", "unreadable", "failed", "skipped")
TOKENS = ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens", "thinking_tokens")


def read_usage(files: RunFiles) -> list[PlainRow]:
    """Return a row a step, in the order in which they take place; no rows where nothing is measured."""
    usage = files.usage()
    if usage is None:
        return []
    try:
        acts = dict(usage.row("acts").items())
        calls = _calls_by_step(usage)
        return [_usage_of(step, acts[step], calls) for step in sorted(acts, key=_place)]
    except RecordError as error:
        files.note_damage(usage.place, error)
        return []


def _place(step: str) -> int:
    known = list(ACTS)
    return known.index(step) if step in known else len(known)


def _calls_by_step(usage: Row) -> Mapping[str, Row] | None:
    """Return step to what its calls took; None if it is not known who made calls."""
    if usage.whole_number_or_none("model_calls") is None:
        return None
    return {STEP_OF_ACT.get(act, act): calls for act, calls in usage.row("calls_by_act").items()}


def _usage_of(step: str, acts: Row, calls: Mapping[str, Row] | None) -> PlainRow:
    statuses = acts.row("statuses")
    counts = {status: statuses.whole_number(status) if status in statuses.values else 0 for status in STATUSES}
    row = {"step": mend_text(step), "acts": sum(counts.values()), **counts, "seconds": acts.number_or_none("seconds")}
    return {**row, **_calls_of(None if calls is None else calls.get(step), is_known=calls is not None)}


def _calls_of(calls: Row | None, *, is_known: bool) -> PlainRow:
    if calls is None:
        number = 0 if is_known else None
        return {"calls": number, "call_seconds": 0.0 if is_known else None, **dict.fromkeys(TOKENS, number)}
    tokens = calls.row("tokens")
    return {
        "calls": calls.whole_number("calls"),
        "call_seconds": calls.number_or_none("seconds"),
        **{name: tokens.whole_number_or_none(name) for name in TOKENS},
    }
