"""The table of several runs: mean, interval and range of every number they are compared by. Lines of plain text."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..numbers.intervals import FEWEST
from ..record import OFFLINE, Record
from ..replicate_lines import is_complete
from ..text import align_row, count_of, fit_text, measure_width
from .heading import describe_minds, join_name

COLUMNS = (9, 18, 10, 10)
HEADS = ("mean", "95 % interval", "lowest", "highest")
SHORTEST_LABEL = 14

SHORTEST_NAME = 8
"""Columns of a name that are shown at least."""

NAMES = {"not_asked": "not asked", "unrecorded": "not recorded"}
SELDOM = ("not_asked", "unrecorded")
"""Kinds of ballots that stand in the table only if there is one."""


def build_replicate_table(
    record: Record, rows: Sequence[Mapping[str, Any]], spreads: Sequence[Mapping[str, Any]], width: int
) -> str:
    """Return the table.

    Args:
        record: of one of the runs, for names.
        rows: a row a run.
        spreads: a row for every number runs are compared by.
        width: columns the lines may take.
    """
    if not any(map(is_complete, rows)):
        return "".join(f"{line}\n" for line in _heading(record, rows, width))
    body = [(label, _cells(spread)) for spread in spreads if (label := _name(spread, record))]
    caption = "Replicates (offline mind)" if record.mind == OFFLINE else "Replicates"
    room = max(SHORTEST_LABEL, width - sum(COLUMNS))
    labels = [_fit_label(*label, room) for label, _ in body]
    label_width = max(map(measure_width, [caption, *labels]))
    lines = [
        align_row([label, *cells], (label_width, *COLUMNS)) for label, (_, cells) in zip(labels, body, strict=True)
    ]
    head = align_row([caption, *HEADS], (label_width, *COLUMNS))
    return "\n".join([*_heading(record, rows, width), "", head, *lines, *_notes(rows)]) + "\n"


def _heading(record: Record, rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    complete = sum(map(is_complete, rows))
    made_of = f"{count_of(len(record.people), 'people')}, {count_of(record.epochs, 'epochs')}, seed {record.seed}"
    which = f"{complete:,} of {count_of(len(rows), 'runs')} complete"
    facts = f"{count_of(len(rows), 'replicates')} of {made_of}; {which}."
    return [join_name(record.name, facts, width), fit_text(f"{describe_minds(record)}.", width)]


def _name(spread: Mapping[str, Any], record: Record) -> tuple[str, str] | None:
    """Return what a number is of, and what it is; None: it is left out, as there never was one."""
    group, of = spread["group"], spread["of"]
    if group == "ballots":
        return record.candidates.get(of, of), ", ballots"
    if group == "not_chosen":
        return None if of in SELDOM and not spread["highest"] else (NAMES.get(of, of), ", ballots")
    return record.topics.get(of, of), ", mean stance after" if group == "mean" else ", spread (sd) after"


def _fit_label(name: str, ending: str, room: int) -> str:
    """Return both in so many columns; of the two the name is cut."""
    return fit_text(name, max(SHORTEST_NAME, room - len(ending))) + ending


def _cells(spread: Mapping[str, Any]) -> list[str]:
    def spell(number: float) -> str:
        """Return a number as its group is spelled: people to a tenth, stances with their sign and to a hundredth."""
        if spread["group"] in ("ballots", "not_chosen"):
            return f"{number:,.1f}"
        return f"{round(number, 2) + 0.0:+.2f}" if spread["group"] == "mean" else f"{number:.2f}"

    low, high = spread["low"], spread["high"]
    interval = "-" if low is None or high is None else f"{spell(low)} to {spell(high)}"
    return [spell(spread["mean"]), interval, spell(spread["lowest"]), spell(spread["highest"])]


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    complete = sum(map(is_complete, rows))
    partial = [] if complete == len(rows) else ["The numbers are of the complete runs alone."]
    return partial if complete >= FEWEST else [*partial, f"Fewer than {FEWEST} runs give no interval."]
