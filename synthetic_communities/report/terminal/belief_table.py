"""The table of stances: topic by topic how they were distributed before and after, and who moved. Plain text."""

from collections.abc import Sequence

from ..numbers.measures import BINS, shares_of
from ..numbers.opinions import MOVED_BY, Stances, TopicMoves
from ..text import (
    align_row,
    count_of,
    fit_text,
    measure_width,
    pad,
    spell_count,
    spell_number,
    spell_stance,
)
from .glyphs import Glyphs

HEADS = (
    ("mean", ""),
    ("spread", ""),
    ("net", "change"),
    ("gross", "change"),
    ("moved", f"> {MOVED_BY}"),
    ("changed", "side"),
)
PEOPLE_HEAD = "people"

AXIS = "-1" + "+1".rjust(BINS - 2)
BEFORE, AFTER = "before", "after "

APART = "  "
INDENT = "  "
SHORTEST_LABEL = 8
"""Columns that labels take at least, so that the caption has room beside what stands over the people."""

GAPS = (2, 1)
"""Spaces between columns: the first, if the second would show no more of the labels."""

UNNAMED = "(a title that does not print)"


def build_belief_table(
    topics: Sequence[TopicMoves], caption: str, people: int, *, rows: int, width: int, glyphs: Glyphs
) -> list[str]:
    """Return the table: two rows a topic, at most `rows` rows in all, in at most `width` columns.

    Args:
        topics: those of the run.
        caption: what the table is called.
        people: number of people; a column tells how many have a stance where not all of them do.
        rows: for topics, and for how many more there are.
        width: columns.
        glyphs: what distributions are drawn with.
    """
    shown = topics if len(topics) * 2 <= rows else topics[: (rows - 1) // 2]
    numbers = [cells for topic in shown for cells in _numbers(topic)]
    rows_of_numbers = [*zip(*HEADS, strict=True), *numbers]
    drawn = _draw_all(shown, people, glyphs)
    room = width - max(map(measure_width, drawn))
    wide, narrow = (_widths(rows_of_numbers, gap) for gap in GAPS)
    labels = _labels(shown, room - sum(narrow))
    widths = wide if labels == _labels(shown, room - sum(wide)) else narrow
    label_width = max([SHORTEST_LABEL, *map(measure_width, labels)])
    left = [pad(label, label_width) + line for label, line in zip(["", "", *labels], drawn, strict=True)]
    left[0] = caption + left[0][len(caption) :]  # there is nothing but spaces in its place
    columns = (measure_width(left[0]), *widths)
    lines = [align_row([label, *cells], columns) for label, cells in zip(left, rows_of_numbers, strict=True)]
    rest = len(topics) - len(shown)
    return [*lines, *([f"and {count_of(rest, 'topics')} more"] if rest else [])]


def _numbers(topic: TopicMoves) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the cells of a topic's two rows."""
    changes = (spell_stance(topic.net_change), spell_number(topic.gross_change))
    counts = (topic.moved, topic.changed_side) if topic.known_twice else (None, None)
    later = (*changes, *map(spell_count, counts))
    return (*_spell(topic.before), *("" for _ in later)), (*_spell(topic.after), *later)


def _spell(stances: Stances) -> tuple[str, str]:
    return spell_stance(stances.mean), spell_number(stances.deviation)


def _widths(rows: Sequence[Sequence[str]], gap: int) -> list[int]:
    return [max(map(len, column)) + gap for column in zip(*rows, strict=True)]


def _labels(topics: Sequence[TopicMoves], room: int) -> list[str]:
    """Return the labels of all rows: titles, and what +1 means, both cut to the room there is."""
    room = max(SHORTEST_LABEL, room)
    labels = []
    for topic in topics:
        in_favour = fit_text(topic.in_favour, room - len(INDENT))
        labels += [fit_text(topic.title, room) or fit_text(UNNAMED, room), INDENT + in_favour if in_favour else ""]
    return labels


def _draw_all(topics: Sequence[TopicMoves], people: int, glyphs: Glyphs) -> list[str]:
    """Return the distributions of all topics, under two lines of heads, all of them equally wide.

    Beside each stands how many people it is of, where not everybody has a stance on every topic.
    """
    counts = [spell_count(stances.people) for topic in topics for stances in (topic.before, topic.after)]
    if any(count != spell_count(people) for count in counts):
        beside = [PEOPLE_HEAD, "", *(count.rjust(max(map(len, counts)) + 1) for count in counts)]
    else:
        beside = ["", "", *("" for _ in counts)]
    drawn = ["", AXIS, *(line for topic in topics for line in _draw(topic, glyphs))]
    names = ["", "", *(name for _ in topics for name in (BEFORE, AFTER))]
    room = max(map(len, beside[2:]), default=0)
    right = [(name + count).rjust(len(BEFORE) + room) for name, count in zip(names, beside, strict=True)]
    return [APART + pad(line, BINS) + APART + end for line, end in zip(drawn, right, strict=True)]


def _draw(topic: TopicMoves, glyphs: Glyphs) -> tuple[str, str]:
    """Return both distributions of a topic, drawn to one scale."""
    before, after = shares_of(topic.before.bins), shares_of(topic.after.bins)
    most = max(before + after)
    return glyphs.draw(before, most), glyphs.draw(after, most)
