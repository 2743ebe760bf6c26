"""What calls of models took, entry by entry and added up by act, and how their limits changed meanwhile."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .limits.changes import LimitChange
from .model import Usage


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One try of one call. It is measured, and stands in no record.

    Attributes:
        key: key of the task it was made for.
        act: name of the act.
        asked: the model that was asked, as `provider:model`.
        outcome: how the reply ended (`end`, `cut`, `refused`); or the kind of failure; or `model unavailable`; or
            `cancelled`.
        attempt: 1 for the first asking of the task, 2 for a re-ask.
        tries: which try of this asking it was, from 1.
        model: the model that answered; None if none did.
        usage: its tokens; None if nothing came that could be counted.
        seconds: how long it took.
        waited_seconds: how long was waited before it.
        in_flight: how many calls were under way when it began, itself among them.
        is_recorded: whether the answer was taken from a record, and nothing was asked or paid for now.
        is_paid_elsewhere: whether that record says that another run has paid for it.
    """

    key: str
    act: str
    asked: str = field(default="", kw_only=True)
    outcome: str = field(kw_only=True)
    attempt: int = field(default=1, kw_only=True)
    tries: int = field(default=1, kw_only=True)
    model: str | None = field(default=None, kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    waited_seconds: float = field(default=0.0, kw_only=True)
    in_flight: int = field(default=1, kw_only=True)
    is_recorded: bool = field(default=False, kw_only=True)
    is_paid_elsewhere: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class CallTotals:
    """What several calls took together.

    Attributes:
        calls: how many were made, every try counted.
        outcomes: how many ended how.
        models: how many were answered by which model.
        usage: tokens, of those calls that said; a category none of them mentioned is None.
        uncounted: how many got a reply whose input or output was not counted.
        seconds: how long they took, one after the other.
        waited_seconds: how long was waited before them.
        peak_in_flight: the most that were under way at once.
    """

    calls: int
    outcomes: Mapping[str, int] = field(kw_only=True)
    models: Mapping[str, int] = field(kw_only=True)
    usage: Usage = field(kw_only=True)
    uncounted: int = field(kw_only=True)
    seconds: float = field(kw_only=True)
    waited_seconds: float = field(kw_only=True)
    peak_in_flight: int = field(kw_only=True)


class CallLog:
    """Collects entries, told of by `note` from any thread.

    Attributes:
        entries: all of them, in the order in which calls ended.
        limit_changes: which model's limit changed, and how, in the order in which that happened.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.entries: list[CallEntry] = []
        self.limit_changes: list[tuple[str, LimitChange]] = []

    def note(self, entry: CallEntry) -> None:
        """Take down one."""
        self.entries.append(entry)

    def note_limit(self, model: str, change: LimitChange) -> None:
        """Take down a change; told of it twice in a row, as by two minds that share an account, once."""
        if not self.limit_changes or self.limit_changes[-1][1] is not change:
            self.limit_changes.append((model, change))

    def totals(self) -> CallTotals:
        """Return all of them added up."""
        return measure_totals(self.entries)

    def entries_by_act(self) -> Mapping[str, list[CallEntry]]:
        """Return them by act, acts in alphabetical order."""
        acts: dict[str, list[CallEntry]] = {}
        for entry in tuple(self.entries):
            acts.setdefault(entry.act, []).append(entry)
        return {act: acts[act] for act in sorted(acts)}

    def totals_by_act(self) -> Mapping[str, CallTotals]:
        """Return them added up by act, acts in alphabetical order."""
        return {act: measure_totals(entries) for act, entries in self.entries_by_act().items()}


def measure_totals(entries: Iterable[CallEntry]) -> CallTotals:
    """Return what these calls took together."""
    entries = tuple(entries)
    return CallTotals(
        len(entries),
        outcomes=_sorted(Counter(entry.outcome for entry in entries)),
        models=_sorted(Counter(entry.model for entry in entries if entry.model is not None)),
        usage=add_usages(entry.usage for entry in entries if entry.usage is not None),
        uncounted=sum(_is_uncounted(entry) for entry in entries),
        seconds=sum(entry.seconds for entry in entries),
        waited_seconds=sum(entry.waited_seconds for entry in entries),
        peak_in_flight=max((entry.in_flight for entry in entries), default=0),
    )


def add_usages(usages: Iterable[Usage]) -> Usage:
    """Return tokens added up; a category is None if no call mentioned it."""
    usages = tuple(usages)
    return Usage(
        input_tokens=_sum(usage.input_tokens for usage in usages),
        cache_write_tokens=_sum(usage.cache_write_tokens for usage in usages),
        cache_write_1h_tokens=_sum(usage.cache_write_1h_tokens for usage in usages),
        cache_read_tokens=_sum(usage.cache_read_tokens for usage in usages),
        output_tokens=_sum(usage.output_tokens for usage in usages),
        thinking_tokens=_sum(usage.thinking_tokens for usage in usages),
    )


def _sum(counts: Iterator[int | None]) -> int | None:
    known = [tokens for tokens in counts if tokens is not None]
    return sum(known) if known else None


def _is_uncounted(entry: CallEntry) -> bool:
    got_reply = entry.model is not None
    usage = entry.usage
    return got_reply and (usage is None or usage.input_tokens is None or usage.output_tokens is None)


def _sorted(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items()))
