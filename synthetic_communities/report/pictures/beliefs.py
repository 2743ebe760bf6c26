"""The picture of beliefs: how the stances on every topic are distributed at the opening and after the epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..numbers.measures import BINS
from ..numbers.opinions import Stances
from ..record import Record
from ..text import spell_number, spell_stance
from .curves import Distribution, measure_distributions
from .moments import choose_evenly
from .sheet import LINE, Sheet, draw_empty, label_ticks, letters, name_axis, name_topic, spell_shown, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOMENTS_SHOWN = 5
"""Moments beside one another; of more, some at even distances are shown."""

TOPICS_SHOWN = 12
"""Topics one below the other; of more, the first are shown."""

PANEL_WIDTH, PANEL_HEIGHT, GAP = 1.75, 1.0, 0.2
HEAD, FOOT, BESIDE = 0.6, 0.45, 0.45
"""Inches: above each row of panels, below it, and to its left."""

EDGES = [-1 + 2 * place / BINS for place in range(BINS + 1)]

TITLE = "How stances are distributed"

KEY = (
    "Bars: how many people stand where, from -1 (against) to +1 (for). "
    "Dashed: the first moment shown. Thick line: the mean. sd: standard deviation. n: people with a stance."
)


def draw_beliefs(record: Record) -> "Figure":
    """Return the picture: a row of panels for each topic, a panel for each moment."""
    title, topics = title_of(TITLE, record), list(record.topics)[:TOPICS_SHOWN]
    rows = {topic_id: measure_distributions(record, topic_id) for topic_id in topics}
    moments = max(map(len, rows.values()), default=0)
    if not moments:
        return draw_empty(record, title, "No stances are recorded." if topics else "There are no topics in this run.")
    shown = min(moments, MOMENTS_SHOWN)
    height = HEAD + PANEL_HEIGHT + FOOT
    limits = (spell_shown(MOMENTS_SHOWN, moments, "moments"), spell_shown(TOPICS_SHOWN, len(record.topics), "topics"))
    body = (BESIDE + shown * (PANEL_WIDTH + GAP), len(rows) * height)
    sheet = Sheet(*body, record, title=title, notes=(KEY, *limits))
    for number, (topic_id, distributions) in enumerate(rows.items()):
        top = number * height
        sheet.write(0, top + LINE, name_topic(record, topic_id), weight="bold")
        _draw_row(sheet, top + HEAD, choose_evenly(distributions, MOMENTS_SHOWN))
    return sheet.figure


def _draw_row(sheet: Sheet, top: float, distributions: Sequence[Distribution]) -> None:
    tallest = max(1, *(count for distribution in distributions for count in distribution.stances.bins))
    for number, distribution in enumerate(distributions):
        left = BESIDE + number * (PANEL_WIDTH + GAP)
        panel = sheet.add_panel(left, top, PANEL_WIDTH, PANEL_HEIGHT)
        panel.set_xlim(-1, 1)
        panel.set_ylim(0, 1.05 * tallest)
        label_ticks(panel, "x", [-1, 0, 1], ["-1", "0", "+1"])
        name_axis(panel, "x", "stance")
        label_ticks(panel, "y", [0, tallest], ["0", f"{tallest:,}"] if number == 0 else ["", ""])
        if number == 0:
            name_axis(panel, "y", "people")
        _draw_bars(panel, distribution.stances, distributions[0].stances if number else None)
        _head_panel(panel, distribution)


def _draw_bars(panel: "Axes", stances: Stances, first: Stances | None) -> None:
    panel.stairs(stances.bins, EDGES, fill=True, facecolor="0.8", edgecolor="0.8", linewidth=0)
    panel.stairs(stances.bins, EDGES, edgecolor="0.45", linewidth=0.6)
    if first is not None:
        panel.stairs(first.bins, EDGES, edgecolor="black", linewidth=0.9, linestyle=(0, (3, 2)))
    if stances.mean is not None:
        panel.axvline(stances.mean, color="black", linewidth=2, solid_capstyle="butt")


def _head_panel(panel: "Axes", distribution: Distribution) -> None:
    stances = distribution.stances
    numbers = f"mean {spell_stance(stances.mean)}, sd {spell_number(stances.deviation)}, n {stances.people:,}"
    for line, text in enumerate([numbers, distribution.moment]):
        height = 1 + (0.06 + line * LINE) / PANEL_HEIGHT
        panel.text(0, height, **letters(text, transform=panel.transAxes, size=7))
