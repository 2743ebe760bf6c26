"""The picture of one person: its stances and its first choice after every step, and its ballot."""

from collections.abc import Mapping, Sequence
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from ..record import Move, Record
from ..text import spell_change, spell_stance
from .curves import PersonCurve, Point, follow_person, sum_by_step
from .flows import Group, order_groups
from .moments import BALLOT, OPENING
from .sheet import LINE, Sheet, cut, draw_empty, label_ticks, name_axis, name_topic, spell_shown, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOPICS_SHOWN = 12
"""Topics one below the other; of more, the first are shown."""

NAME_SHOWN = 18
"""Columns that are shown of a candidate's name."""

BESIDE, STEP_WIDTH, LEAST_WIDTH, MOST_WIDTH = 1.4, 0.4, 4.6, 12.0
"""Inches: left of the panels; from step to step; width of the panels at least, and at most."""

HEAD, PANEL_HEIGHT, GAP, ROW = 2.6 * LINE, 1.2, 0.15, 0.25
"""Inches: above each panel, of a topic's panel, below it; for each candidate."""

NUMBER_ROOM, WORD_ROOM = 0.35, 0.38
"""Inches from the number of an epoch to the next, and to a word beside it, at least."""

MARKERS = {OPENING: "D", "debate": "s", "chat": "o", "social": "^"}
"""Step to its sign."""

OTHER_MARKER, NO_ANSWER_MARKER = "P", "x"
"""Signs of a step that a later version of this package may have, and of a step whose answer on the topic is missing."""

MOVED_IN = {"debate": "debates", "chat": "conversations", "social": "feed"}
"""Step to where it moved somebody."""

LINE_LOOK: dict[str, Any] = {"linestyle": "-", "linewidth": 1, "solid_capstyle": "butt", "solid_joinstyle": "round"}
MARKER_LOOK: dict[str, Any] = {"color": "black", "markeredgecolor": "black", "markeredgewidth": 1}

KEY = (
    "Diamond: opening. Square: after debates. Circle: after conversations. Triangle: after the feed. "
    "Hollow: cut short by the bound on one update. Cross: no answer on this topic, the stance stays. "
    "No sign: not asked. "
    "Dotted lines: the first choice changed. Star: the ballot."
)


def draw_person(record: Record, persona_id: str) -> "Figure":
    """Return the picture: a panel for each topic, and one for first choices and the ballot."""
    curve = follow_person(record, persona_id)
    title = title_of(f"The way of {_name_person(curve)}", record)
    if not curve.steps and curve.ballot is None:
        return draw_empty(record, title, "No step and no ballot of this person is recorded.")
    topics = list(curve.topics)[:TOPICS_SHOWN]
    groups = order_groups(record, [*curve.choices, *([curve.ballot] if curve.ballot else [])])
    width = min(MOST_WIDTH, max(LEAST_WIDTH, STEP_WIDTH * (len(curve.steps) + 2)))
    below = len(topics) * (HEAD + PANEL_HEIGHT + GAP)
    notes = (KEY, spell_shown(TOPICS_SHOWN, len(curve.topics), "topics"))
    height = below + HEAD + len(groups) * ROW + 2.5 * LINE
    sheet = Sheet(BESIDE + width, height, record, title=title, notes=notes)
    panels = [_draw_topic(sheet, record, curve, topic_id, width) for topic_id in topics]
    panels.append(_draw_choices(sheet, below, curve, groups, width))
    _mark_time(panels, curve, width)
    return sheet.figure


def _name_person(curve: PersonCurve) -> str:
    name, persona_id = cut(curve.name, instead=curve.persona_id), cut(curve.persona_id)
    return name if name == persona_id else f"{name} ({persona_id})"


def _draw_topic(sheet: Sheet, record: Record, curve: PersonCurve, topic_id: str, width: float) -> "Axes":
    top = list(curve.topics).index(topic_id) * (HEAD + PANEL_HEIGHT + GAP)
    points = curve.topics[topic_id]
    sheet.write(BESIDE, top + LINE, name_topic(record, topic_id), weight="bold")
    sheet.write(BESIDE, top + 2 * LINE, _spell_way(points))
    panel = sheet.add_panel(BESIDE, top + HEAD, width, PANEL_HEIGHT)
    panel.set_ylim(-1.08, 1.08)
    label_ticks(panel, "y", [-1, 0, 1], ["against -1", "0", "for +1"])
    name_axis(panel, "y", "stance")
    panel.axhline(0, color="0.8", linewidth=0.6, zorder=0, solid_capstyle="butt")
    places = [(point.position, point.move.after) for point in points if point.move.after is not None]
    panel.plot([x for x, _ in places], [y for _, y in places], color="0.45", marker="", **LINE_LOOK)
    _mark_points(panel, points)
    return panel


def _spell_way(points: Sequence[Point]) -> str:
    """Return where somebody began and ended, and what moved it by how much."""
    known = [(point.move.step, point.move.after) for point in points if point.move.after is not None]
    if not known:
        return "no stance is recorded"
    moved = [f"{MOVED_IN.get(step, step)} {spell_change(by)}" for step, by in sum_by_step(points).items()]
    first, last = (spell_stance(stance) for _, stance in (known[0], known[-1]))
    way = f"{first} to {last}" if known[0][0] == OPENING else f"first known {first}, last {last}"
    return f"{way}; {', '.join(moved)}" if moved else way


def _mark_points(panel: "Axes", points: Sequence[Point]) -> None:
    marks: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for point in points:
        if point.move.after is not None and point.move.status != "not_asked":
            marks.setdefault(_choose_mark(point.move), []).append((point.position, point.move.after))
    for (marker, fill), places in marks.items():
        look: dict[str, Any] = {"marker": marker, "markersize": 5, "markerfacecolor": fill, **MARKER_LOOK}
        panel.plot([x for x, _ in places], [y for _, y in places], linestyle="", **look)


def _choose_mark(move: Move) -> tuple[str, str]:
    """Return the sign of what a step did, and what it is filled with."""
    marker = MARKERS.get(move.step, OTHER_MARKER) if move.status == "done" else NO_ANSWER_MARKER
    return marker, "white" if move.clamped else "black"


def _draw_choices(sheet: Sheet, top: float, curve: PersonCurve, groups: Sequence[Group], width: float) -> "Axes":
    """Draw whom the person preferred after every step, a row for each candidate, and for whom it voted."""
    sheet.write(BESIDE, top + 2 * LINE, "First choice, and the ballot", weight="bold")
    panel = sheet.add_panel(BESIDE, top + HEAD, width, len(groups) * ROW)
    panel.set_ylim(len(groups) - 0.5, -0.5)
    names = [cut(group.name, NAME_SHOWN, instead=group.candidate_id or "") for group in groups]
    label_ticks(panel, "y", list(range(len(groups))), names)
    for row in range(len(groups)):
        panel.axhline(row, color="0.9", linewidth=0.6, zorder=0, solid_capstyle="butt")
    rows = [groups.index(choice) for choice in curve.choices]
    look: dict[str, Any] = {"markerfacecolor": "black", **MARKER_LOOK}
    panel.step(range(len(rows)), rows, where="post", marker=".", markersize=5, **look, **LINE_LOOK)
    if curve.ballot is not None:
        panel.plot([len(rows)], [groups.index(curve.ballot)], marker="*", markersize=9, **look)
    return panel


def _mark_time(panels: Sequence["Axes"], curve: PersonCurve, width: float) -> None:
    """Set the steps along all panels: lines where an epoch begins and where the first choice changed, numbers below."""
    end = len(curve.steps) + (0.7 if curve.ballot is not None else -0.3)
    begins = [place for place, (one, other) in enumerate(pairwise(map(_part, curve.steps)), start=1) if one != other]
    changes = [place for place, (one, other) in enumerate(pairwise(curve.choices), start=1) if one != other]
    for panel in panels:
        panel.set_xlim(-0.7, end)
        for place in [*begins, *([len(curve.steps)] if curve.ballot is not None else [])]:
            panel.axvline(place - 0.5, color="0.8", linewidth=0.6, zorder=0, solid_capstyle="butt")
        for place in changes:
            panel.axvline(place, color="black", linewidth=0.8, linestyle=":", zorder=0, dash_capstyle="butt")
    labels = _label_time(curve, width / (end + 0.7))
    label_ticks(panels[-1], "x", [place for place, _ in labels], [label for _, label in labels])
    name_axis(panels[-1], "x", "epoch")


def _part(step: tuple[int, str]) -> tuple[int, bool]:
    """Return the part of the run that a step belongs to; the opening is one of its own."""
    epoch, name = step
    return epoch, name == OPENING


def _label_time(curve: PersonCurve, step_width: float) -> list[tuple[float, str]]:
    """Return what stands where below the steps, which are so many inches apart.

    Numbers of epochs stand under the middle of their steps; as many as there is room for, at even distances.
    """
    places: dict[int, list[int]] = {}
    for place, (epoch, step) in enumerate(curve.steps):
        if step != OPENING:
            places.setdefault(epoch, []).append(place)
    middles = {epoch: sum(those) / len(those) for epoch, those in places.items()}
    words = [(float(place), OPENING) for place, (_, step) in enumerate(curve.steps) if step == OPENING]
    words += [(float(len(curve.steps)), BALLOT)] if curve.ballot is not None else []
    numbers = _choose_numbers(middles, NUMBER_ROOM / step_width)
    free = [(x, str(epoch)) for epoch, x in numbers if all(abs(x - y) * step_width >= WORD_ROOM for y, _ in words)]
    return sorted([*words, *free])


def _choose_numbers(middles: Mapping[int, float], room: float) -> list[tuple[int, float]]:
    """Return epochs and their places: each, or each second, fifth, tenth and so on, so far apart that all have room."""
    every = (factor * 10**power for power in count() for factor in (1, 2, 5))
    choices = ([(epoch, x) for epoch, x in middles.items() if epoch % each == 0] for each in every)
    return next(chosen for chosen in choices if all(y - x >= room for (_, x), (_, y) in pairwise(chosen)))
