"""Acts that came to nothing, each with what a model was asked for it and what it replied."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ...runs.directory import FAILED_CALLS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..extent import spell_damaged
from ..frames.failure_rows import read_failures
from ..reading import find_why_partial
from ..roster import Roster, describe_mind
from ..text import clean_text, count_of
from .acts import name_act, spell_status
from .outline import Item, Section, Told

SAME = "(the same as for the call before)"

NO_CALL = "No call of a model is recorded for it."
NO_CALLS = f"Requests and replies: none are recorded, as this run has no {FAILED_CALLS}."


@dataclass(frozen=True, slots=True)
class FailedCall:
    """One try of one call of a model, made for an act that came to nothing.

    Attributes:
        attempt: 1 for the first asking, 2 for the second, after a reply that could not be read.
        tries: which try of this asking it was, from 1.
        outcome: how it ended.
        model: the model that answered; None: none did.
        system: parts of the request that come before what is asked.
        user: parts of what is asked.
        reply: the reply as it came; None: there was none.
        error: what was said of an error; None: nothing.
    """

    attempt: int
    tries: int
    outcome: str = field(kw_only=True)
    model: str | None = field(kw_only=True)
    system: tuple[str, ...] = field(kw_only=True)
    user: tuple[str, ...] = field(kw_only=True)
    reply: str | None = field(kw_only=True)
    error: str | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class FailedAct:
    """An act that was refused, could not be read, failed or was skipped.

    Attributes:
        task: key of the task.
        step: what was to be done.
        epoch: when, from 0; ballots are counted to the last.
        status: how it ended.
        reason: why, in a word or two; of what was skipped, the key of the act that caused it.
        raw_text: the answer as it came, where it could not be read; else empty.
        calls: of a model, in order; empty where none is recorded.
    """

    task: str
    step: str
    epoch: int = field(kw_only=True)
    status: str = field(kw_only=True)
    reason: str = field(kw_only=True)
    raw_text: str = field(kw_only=True)
    calls: tuple[FailedCall, ...] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class FailedActs(Told):
    """All acts of a run that came to nothing.

    Attributes:
        acts: in the order of the record, ballots last.
        has_calls: whether the run kept calls of models at all.
        mind: name of the mind people think with.
        candidate_mind: name of the mind candidates and mediator think with.
        damaged: number of places that could not be read where they were looked for.
    """

    acts: tuple[FailedAct, ...]
    has_calls: bool
    mind: str = field(kw_only=True)
    candidate_mind: str = field(kw_only=True)
    damaged: int = field(default=0, kw_only=True)
    why_partial: str = field(default="", kw_only=True)

    def __repr__(self) -> str:
        return f"FailedActs({count_of(len(self.acts), 'acts')})"

    def sections(self) -> Sequence[Section]:
        """Return them as an outline."""
        number = count_of(len(self.acts), "acts") if self.acts else "no acts"
        minds = [describe_mind(self.mind, "People"), describe_mind(self.candidate_mind, "Candidates and mediator")]
        notes = [*minds, *([NO_CALLS] if self.acts and not self.has_calls else [])]
        notes += [f"The run itself ended before its end: {self.why_partial}"] if self.why_partial else []
        notes += filter(None, [spell_damaged(self.damaged, "these acts")])
        head = Section(f"Without an answer: {number}", (*_summarize(self.acts), *map(Item, notes)))
        return [head, *_act_sections(self.acts, has_calls=self.has_calls)]


def find_failed_acts(files: RunFiles, roster: Roster) -> FailedActs:
    """Return all acts of a run that came to nothing, with their calls of models.

    Raises:
        RecordError: a line is damaged, and damage is not passed over.
    """
    files = files.counting_anew()
    calls: defaultdict[str, list[FailedCall]] = defaultdict(list)
    for task, call in files.each(FAILED_CALLS, lambda row: (row.text("task"), _read_call(row))):
        calls[task].append(call)
    acts = tuple(_build_act(row, calls.get(row["task"], [])) for row in read_failures(files))
    has_calls = (files.path / FAILED_CALLS).is_file()
    minds = {"mind": roster.mind, "candidate_mind": roster.candidate_mind}
    usage = files.usage()
    why = find_why_partial(usage) if usage is not None else ""
    return FailedActs(acts, has_calls, **minds, damaged=len(files.damages), why_partial=why)


def _read_call(row: Row) -> FailedCall:
    return FailedCall(
        row.whole_number("attempt"),
        row.whole_number("tries"),
        outcome=row.text("outcome"),
        model=row.text_or_none("model"),
        system=row.texts("system"),
        user=row.texts("user"),
        reply=row.text_or_none("reply"),
        error=row.text_or_none("error"),
    )


def _build_act(row: dict[str, Any], calls: Sequence[FailedCall]) -> FailedAct:
    return FailedAct(
        row["task"],
        row["step"],
        epoch=row["epoch"],
        status=row["status"],
        reason=row["reason"],
        raw_text=row["raw_text"],
        calls=tuple(sorted(calls, key=lambda call: (call.attempt, call.tries))),
    )


def _act_sections(acts: Sequence[FailedAct], *, has_calls: bool) -> Iterator[Section]:
    latest: FailedCall | None = None
    for act in acts:
        title = f"{act.task}: {name_act(act.step)} {spell_status(act.status, act.reason)}"
        items = list(_raw_items(act))
        for call, last in _join_tries(act.calls):
            items += _call_items(call, last, latest)
            latest = call
        if has_calls and not act.calls and act.status != "skipped":
            items.append(Item(NO_CALL))
        yield Section(title, tuple(items), is_long=bool(items))


def _raw_items(act: FailedAct) -> Iterator[Item]:
    if act.raw_text and act.raw_text not in [call.reply for call in act.calls]:
        yield Item(act.raw_text, "Answer as it came")


def _join_tries(calls: Sequence[FailedCall]) -> Iterator[tuple[FailedCall, int]]:
    """Yield each first call of those that follow one another and went the same way, and the last try's number."""
    for _, group in groupby(calls, key=lambda call: replace(call, tries=0)):
        alike = list(group)
        yield alike[0], alike[-1].tries


def _call_items(call: FailedCall, last: int, latest: FailedCall | None) -> Iterator[Item]:
    """Yield what passed in calls that went the same way; what the call before was asked too is told once.

    Args:
        call: the first of them.
        last: number of the last try.
        latest: the call before, of this act or of another.
    """
    yield Item(f"{_spell_attempt(call, last)}: {clean_text(call.outcome)}")
    for label, texts in _find_new_texts(call, latest).items():
        yield from (Item(text, label, depth=1) for text in texts)
    yield Item(call.reply if call.reply is not None else "(there was none)", "Reply", depth=1)
    if call.error is not None:
        yield Item(call.error, "Error", depth=1)


def _find_new_texts(call: FailedCall, latest: FailedCall | None) -> dict[str, tuple[str, ...]]:
    """Return what to tell of a request by its label: less, where the call before had the same."""
    is_same_system = latest is not None and latest.system == call.system
    if latest is not None and is_same_system and latest.user == call.user:
        return {"Request": (SAME,)}
    return {"System": (SAME,) if is_same_system else call.system, "Request": call.user}


def _spell_attempt(call: FailedCall, last: int) -> str:
    asked = "Asked" if call.attempt == 1 else "Asked again"
    tries = f"try {call.tries:,}" if last == call.tries else f"tries {call.tries:,} to {last:,}"
    model = f", answered by {clean_text(call.model)}" if call.model else ""
    return f"{asked}, {tries}{model}"


def _summarize(acts: Sequence[FailedAct]) -> Iterator[Item]:
    """Yield how many acts ended how, the commonest first, with the commonest error of their last calls."""
    ways = Counter((act.status, "" if act.status == "skipped" else act.reason) for act in acts)
    for (status, reason), number in ways.most_common():
        because = ", as another act came to nothing" if status == "skipped" else f" ({reason})" if reason else ""
        alike = [act for act in acts if act.status == status and act.reason == reason and act.calls]
        errors = Counter(error for act in alike if (error := act.calls[-1].error) is not None)
        yield Item(f"{number:,} {status}{because}{_spell_errors(errors, reason)}")


def _spell_errors(errors: Counter[str], reason: str) -> str:
    """Return the commonest error after a colon, without the reason that stands before it; empty: there is none.

    How often it came is said if there are others.
    """
    if not errors:
        return ""
    error, number = errors.most_common(1)[0]
    return f": {clean_text(error.removeprefix(f'{reason}: '))}" + (f" ({number:,} of them)" if len(errors) > 1 else "")
