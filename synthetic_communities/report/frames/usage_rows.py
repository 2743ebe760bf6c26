"""Plain rows of what was measured: by step, by epoch and by agent."""

from collections.abc import Mapping

from ...errors import RecordError
from ...runs.directory import USAGE_BY_AGENT
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..numbers.taken import Taken, take_calls
from ..steps import ACTS, STEP_OF_ACT
from .plain_rows import PlainRow, mend_text, settle_types, take_text

STATUSES = ("done", "not_asked", "refused", "unreadable", "failed", "skipped")
TOKENS = (
    *("input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "cache_read_tokens"),
    *("output_tokens", "thinking_tokens"),
)

LATER_TOKENS = "cache_write_1h_tokens"
"""Of these earlier runs say nothing."""


def read_usage(files: RunFiles) -> list[PlainRow]:
    """Return a row a step, in the order in which they take place; no rows where nothing is measured."""
    usage = files.usage()
    if usage is None:
        return []
    try:
        acts = dict(usage.row("acts").items())
        calls = _calls_by_step(usage)
        is_known = usage.whole_number_or_none("model_calls") is not None
        return [_usage_of(step, acts[step], calls.get(step), is_known=is_known) for step in sorted(acts, key=_place)]
    except RecordError as error:
        files.note_damage(usage.place, error)
        return []


def read_usage_by_epoch(files: RunFiles) -> list[PlainRow]:
    """Return a row for every part of the run in which calls were made, in order; no rows where nothing is measured."""
    usage = files.usage()
    if usage is None:
        return []
    try:
        if "calls_by_epoch" not in usage.values:  # as of runs before there was this
            return []
        return [_usage_of_part(part, calls) for part, calls in usage.row("calls_by_epoch").items()]
    except RecordError as error:
        files.note_damage(usage.place, error)
        return []


def read_answered(files: RunFiles) -> PlainRow | None:
    """Return what those calls took that other records answered; None where there were none, or nothing says so."""
    usage = files.usage()
    if usage is None or "calls_answered" not in usage.values:
        return None
    try:
        answered = _take_calls(usage.row("calls_answered"))
    except RecordError as error:
        files.note_damage(usage.place, error)
        return None
    return answered if answered["calls"] else None


def read_cost(files: RunFiles) -> Taken | None:
    """Return what all calls took together; None where there were none, or not all of them are known."""
    usage = files.usage()
    if usage is None:
        return None
    try:
        return take_calls(usage.row("calls")) if usage.whole_number_or_none("model_calls") else None
    except RecordError as error:
        files.note_damage(usage.place, error)
        return None


def read_usage_by_agent(files: RunFiles) -> list[PlainRow]:
    """Return a row for everybody for whom calls were made: people, candidates, the mediator."""
    return settle_types([row] for row in files.each(USAGE_BY_AGENT, _usage_of_agent))


def _usage_of_part(part: str, calls: Row) -> PlainRow:
    number = part[1:]
    epoch = int(number) if part[:1] == "e" and number.isascii() and number.isdecimal() else None
    return {"part": "epoch" if epoch is not None else mend_text(part), "epoch": epoch, **_take_calls(calls)}


def _usage_of_agent(row: Row) -> PlainRow:
    who = {"kind": take_text(row, "kind"), "id": take_text(row, "id"), "calls": row.whole_number("calls")}
    seconds = row.number_or_none("seconds")
    return {**who, "call_seconds": seconds, **_take_tokens(row), "cost_usd": row.number_or_none("cost_usd")}


def _place(step: str) -> int:
    known = list(ACTS)
    return known.index(step) if step in known else len(known)


def _calls_by_step(usage: Row) -> Mapping[str, Row]:
    """Return step to what its calls took, as far as they are known; earlier runs tell of all or of none."""
    if usage.whole_number_or_none("model_calls") is None and "calls_by_act" not in usage.values:
        return {}
    return {STEP_OF_ACT.get(act, act): calls for act, calls in usage.row("calls_by_act").items()}


def _usage_of(step: str, acts: Row, calls: Row | None, *, is_known: bool) -> PlainRow:
    statuses = acts.row("statuses")
    counts = {status: statuses.whole_number(status) if status in statuses.values else 0 for status in STATUSES}
    row = {"step": mend_text(step), "acts": sum(counts.values()), **counts, "seconds": acts.number_or_none("seconds")}
    return {**row, **_calls_of(calls, is_known=is_known)}


def _calls_of(calls: Row | None, *, is_known: bool) -> PlainRow:
    if calls is None:
        number = 0 if is_known else None
        nothing = 0.0 if is_known else None
        return {"calls": number, "call_seconds": nothing, **dict.fromkeys(TOKENS, number), "cost_usd": nothing}
    return _take_calls(calls)


def _take_calls(calls: Row) -> PlainRow:
    return {
        "calls": calls.whole_number("calls"),
        "call_seconds": calls.number_or_none("seconds"),
        **_take_tokens(calls.row("tokens")),
        "cost_usd": calls.number_or_none("cost_usd") if "cost_usd" in calls.values else None,  # as of earlier runs
    }


def _take_tokens(tokens: Row) -> PlainRow:
    said = Row(tokens.place, {LATER_TOKENS: None, **tokens.values})
    return {name: said.whole_number_or_none(name) for name in TOKENS}
