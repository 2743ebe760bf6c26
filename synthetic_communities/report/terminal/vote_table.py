"""The table of first choices and ballots. Lines of plain text."""

from collections.abc import Mapping, Sequence

from ..numbers.votes import Tally, Vote
from ..text import align_row, clean_text, count_of, fit_text, measure_width, pad, spell_count

HEADS = ("first choice before", "after", "ballots")
COLUMNS = (8, 6, 8)
"""Room that each column of numbers takes at least."""

GAP = 2

ALWAYS_TOLD = {"unreadable": "unreadable", "refused": "refused", "failed": "failed"}
TOLD_IF_ANY = {"not_asked": "not asked", "unrecorded": "not recorded"}
"""Status of a ballot that nobody cast to what it is called."""

UNNAMED = "(a name that does not print)"

Cells = tuple[str, str, str]


def build_vote_table(vote: Vote, caption: str, *, rows: int, width: int) -> list[str]:
    """Return the table: at most `rows` candidates, in at most `width` columns. Each column sums to everybody."""
    body = _body(vote, fold_tallies(vote.candidates, rows))
    missing = _missing(vote.not_chosen) if vote.was_held else None
    widths = _widths([cells for _, cells in body], missing)
    room, numbers = width - sum(widths), sum(widths)
    above = HEADS[0] + "".join(head.rjust(column) for head, column in zip(HEADS[1:], widths[1:], strict=True))
    labels = [fit_text(label, room) for label, _ in body]
    lacking = [(fit_text(missing[0], room), missing[1])] if missing else []
    taken = max(measure_width(label) for label in (*labels, *(label for label, _ in lacking)))
    label_width = max(taken, measure_width(caption) + GAP + len(above) - numbers)
    lines = [align_row([label, *cells], (label_width, *widths)) for label, (_, cells) in zip(labels, body, strict=True)]
    lines[-1:-1] = [align_row(row, (label_width, numbers)) for row in lacking]
    head = pad(caption, label_width + numbers - len(above)) + above
    return [head, *lines[:-1], *_add_changed(lines[-1], label_width + numbers, vote, width)]


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


def _body(vote: Vote, tallies: Sequence[Tally]) -> list[tuple[str, Cells]]:
    """Return every row but that of missing ballots: its label and its cells. The last one is everybody."""
    rows = [(clean_text(tally.name) or UNNAMED, _cells(*_columns(tally))) for tally in tallies]
    undecided = vote.undecided
    if undecided.before or undecided.after:
        before, after, _ = _cells(undecided.before, undecided.after, None)
        rows.append(("no first choice", (before, after, "")))
    if vote.was_held:
        rows.append(("abstained", ("", "", spell_count(vote.not_chosen["abstained"]))))
    before, after, ballots = (spell_count(vote.people) if known is not None else "" for known in _columns(undecided))
    return [*rows, ("people", (before, after, ballots))]


def _cells(before: int | None, after: int | None, ballots: int | None) -> Cells:
    return spell_count(before), spell_count(after), spell_count(ballots)


def _missing(not_chosen: Mapping[str, int]) -> tuple[str, str]:
    """Return what ballots without an answer are called, and how many there are of each kind."""
    kinds = ALWAYS_TOLD | {status: name for status, name in TOLD_IF_ANY.items() if not_chosen[status]}
    return ", ".join(kinds.values()), ", ".join(spell_count(not_chosen[status]) for status in kinds)


def _widths(rows: Sequence[Cells], missing: tuple[str, str] | None) -> list[int]:
    """Return how much room each column takes; together they hold the numbers of missing ballots, too."""
    columns = zip(COLUMNS, *rows, strict=True)
    widths = [max(least, *(len(str(cell)) + GAP for cell in cells)) for least, *cells in columns]
    lacking = len(missing[1]) + GAP - sum(widths) if missing else 0
    return [widths[0] + max(0, lacking), *widths[1:]]


def _add_changed(line: str, beside: int, vote: Vote, width: int) -> list[str]:
    """Return the last line with who changed its first choice beside the columns, or below where there is no room."""
    if not vote.known_twice:
        return [line]
    is_known = vote.known_twice == vote.people
    changed = f"{vote.changed:,}" if is_known else f"{vote.changed:,} of {vote.known_twice:,}"
    for said in (f"{changed} changed their first choice", f"{changed} changed choice", f"{changed} changed"):
        told = f"{pad(line, beside + GAP)}{said}, net {vote.net_change:,}"
        if len(told) <= width:
            return [told]
    people = count_of(vote.known_twice, "people")
    return [line, f"{vote.changed:,} of {people} changed their first choice, net {vote.net_change:,}"]
