"""The tables one under another: who was chosen, how people moved, what is missing. Lines of plain text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .measures import MOVED_BY, StepMissing, Tally, TopicMoves, Vote
from .steps import name_acts
from .text import (
    align_row,
    clean_text,
    count_of,
    fit_text,
    join_counts,
    measure_width,
    spell_count,
    spell_number,
    spell_share,
    spell_stance,
)

VOTE_WIDTHS = (9, 8, 10)
TOPIC_WIDTHS = (9, 8, 9, 8, 8, 9)
PEOPLE_WIDTHS = (8, 7)
SHORTEST_LABEL = 14

MISSING_BALLOTS = {"unreadable": "unreadable", "refused": "refused", "failed": "failed", "not_asked": "not asked"}
"""Status of a ballot that nobody cast to what it is called."""

UNNAMED = "(a name that does not print)"

Caption = tuple[str, str]
"""What stands over the labels of a table, in two lines."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """What stands over columns that belong together.

    Attributes:
        label: over the labels.
        heads: a text, and over how many columns it stands; from left to right.
    """

    label: str
    heads: tuple[tuple[str, int], ...]

    def cells(self) -> list[str]:
        return [self.label, *(text for text, _ in self.heads)]

    def widths(self, columns: Sequence[int]) -> list[int]:
        ends = list(accumulate((number for _, number in self.heads), initial=0))
        return [sum(columns[start:end]) for start, end in pairwise(ends)]


def vote_section(vote: Vote, caption: Caption, *, rows: int, width: int) -> list[str]:
    """Return the table of the vote: at most `rows` candidates, in at most `width` columns. Columns sum to people."""
    lines = [[caption[1], "before", "after", "ballots"]]
    lines += [_tally_cells(tally) for tally in fold_tallies(vote.candidates, rows)]
    if vote.undecided.before or vote.undecided.after:
        lines.append(["no first choice", *_choice_cells(vote.undecided), ""])
    if vote.was_held:
        lines += [[name, "", "", spell_count(count)] for name, count in _not_chosen(vote.not_chosen)]
    everybody = [spell_count(vote.people) if column is not None else "" for column in _columns(vote.undecided)]
    changed = [_spell_changed(vote)] if vote.known_twice else []
    groups = _Groups(caption[0], (("first choice", 2), ("", 1)))
    return _align(groups, [*lines, ["people", *everybody]], VOTE_WIDTHS, width) + changed


def topic_section(topics: Sequence[TopicMoves], caption: Caption, people: int, *, rows: int, width: int) -> list[str]:
    """Return the table of stances: at most `rows` topics, in at most `width` columns."""
    shown = topics if len(topics) <= rows else topics[: rows - 1]
    lines = [[caption[1], "before", "after", "before", "after", f"> {MOVED_BY}", "clamped"], *map(_topic_cells, shown)]
    groups = _Groups(caption[0], (("mean stance", 2), ("spread (sd)", 2), ("moved", 1), ("updates", 1)))
    widths: tuple[int, ...] = TOPIC_WIDTHS
    if any(stances.people != people for topic in topics for stances in (topic.before, topic.after)):
        lines = [row + cells for row, cells in zip(lines, _people_cells(shown), strict=True)]
        groups = _Groups(groups.label, (*groups.heads, ("with a stance", 2)))
        widths += PEOPLE_WIDTHS
    rest = len(topics) - len(shown)
    return _align(groups, lines, widths, width) + ([f"and {count_of(rest, 'topics')} more"] if rest else [])


def missing_section(steps: Sequence[StepMissing], caption: str, *, rows: int, width: int) -> list[str]:
    """Return the list of what is missing: at most `rows` steps, in at most `width` columns; nothing if nothing is."""
    if not steps:
        return []
    shown = steps if len(steps) <= rows else steps[: rows - 1]
    rest = [count for step in steps[len(shown) :] for count in step.statuses.values()]
    lines = [fit_text(_spell_missing(step), width - 2) for step in shown]
    lines += [f"{count_of(sum(rest), 'acts')} of {len(steps) - len(shown)} other kinds"] if rest else []
    return [caption, *(f"  {line}" for line in lines)]


def fold_tallies(tallies: Sequence[Tally], rows: int) -> list[Tally]:
    """Return at most `rows` tallies with the same sums: those with the most behind them, in order, and all others."""
    if len(tallies) <= rows:
        return list(tallies)
    largest = sorted(range(len(tallies)), key=lambda place: _size(tallies[place]), reverse=True)[: rows - 1]
    others = [tally for place, tally in enumerate(tallies) if place not in largest]
    columns = list(zip(*map(_columns, others), strict=True))
    before, after, ballots = (None if None in column else sum(map(_or_zero, column)) for column in columns)
    folded = Tally(f"{len(others)} others", before=before, after=after, ballots=ballots)
    return [*(tallies[place] for place in sorted(largest)), folded]


def _size(tally: Tally) -> tuple[int, ...]:
    return tuple(_or_zero(column) for column in reversed(_columns(tally)))


def _or_zero(number: int | None) -> int:
    return number or 0


def _columns(tally: Tally) -> tuple[int | None, int | None, int | None]:
    return tally.before, tally.after, tally.ballots


def _choice_cells(tally: Tally) -> list[str]:
    return [spell_count(tally.before), spell_count(tally.after)]


def _tally_cells(tally: Tally) -> list[str]:
    return [clean_text(tally.name) or UNNAMED, *_choice_cells(tally), spell_count(tally.ballots)]


def _not_chosen(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return a row for every status there is a ballot of, and one for those there is none of."""
    missing = [(name, counts[status]) for status, name in MISSING_BALLOTS.items() if counts[status]]
    absent = [name for status, name in MISSING_BALLOTS.items() if not counts[status]]
    unrecorded = counts["unrecorded"]
    return [
        ("abstained", counts["abstained"]),
        *missing,
        *([("not recorded", unrecorded)] if unrecorded else []),
        *([(", ".join(absent), 0)] if absent else []),
    ]


def _spell_changed(vote: Vote) -> str:
    return f"{vote.changed:,} of {count_of(vote.known_twice, 'people')} changed their first choice"


def _topic_cells(topic: TopicMoves) -> list[str]:
    means = [spell_stance(topic.before.mean), spell_stance(topic.after.mean)]
    deviations = [spell_number(topic.before.deviation), spell_number(topic.after.deviation)]
    return [
        clean_text(topic.title) or UNNAMED,
        *means,
        *deviations,
        spell_share(topic.moved),
        spell_count(topic.clamped),
    ]


def _people_cells(topics: Sequence[TopicMoves]) -> list[list[str]]:
    numbers = [[spell_count(topic.before.people), spell_count(topic.after.people)] for topic in topics]
    return [["before", "after"], *numbers]


def _spell_missing(step: StepMissing) -> str:
    counts = join_counts((number, status) for status, number in sorted(step.statuses.items()))
    reason = f" (mostly {clean_text(step.reason)})" if step.reason else ""
    return f"{name_acts(step.step)}: {counts}{reason}"


def _align(groups: _Groups, rows: Sequence[Sequence[str]], widths: Sequence[int], width: int) -> list[str]:
    """Return a table as lines; labels are cut where the columns of numbers leave less room than they take."""
    room = max(SHORTEST_LABEL, width - sum(widths))
    labels = [fit_text(row[0], room) for row in rows]
    label_width = max(map(measure_width, labels))
    lines = [align_row([label, *row[1:]], (label_width, *widths)) for label, row in zip(labels, rows, strict=True)]
    return [align_row(groups.cells(), (label_width, *groups.widths(widths))), *lines]
