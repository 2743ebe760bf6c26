"""The picture of votes: how first choices flow from the opening through the epochs into the ballots."""

from typing import TYPE_CHECKING, Any

from ..record import Record
from .flows import Band, ChoiceFlows, Group, measure_flows, stack_bands, stack_groups
from .sheet import LINE, Sheet, cut, draw_empty, label_ticks, letters, name_axis, spell_shown, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAGES_SHOWN = 8
"""Columns beside one another; of more moments, some at even distances are shown."""

CANDIDATES_SHOWN = 8
"""Candidates with a pattern of their own; of more, those with the fewest behind them share one."""

NAME_SHOWN = 26
"""Columns that are shown of a candidate's name."""

COLUMN_WIDTH, PANEL_HEIGHT, BESIDE, KEY_WIDTH = 1.3, 3.6, 0.45, 2.4
"""Inches: from column to column, the height of all people, left of it, and the key to its right."""

KEY_LINE = 1.4 * LINE
"""Inches from line to line of the key."""

BAR = 0.3
"""Width of a bar, as a share of the distance from column to column."""

SMALLEST_NUMBERED = 0.035
"""Share of the people below which a part of a bar is too low to hold its number."""

CANDIDATE_LOOKS = (
    ("white", "////"),
    ("0.6", ""),
    ("white", "...."),
    ("0.85", "\\\\\\\\"),
    ("white", "xxxx"),
    ("0.75", "||||"),
    ("white", "----"),
    ("0.9", "++++"),
)
"""Grey and pattern of each candidate, in the order in which they stand; as many as `CANDIDATES_SHOWN`."""

OTHER_LOOKS = {
    "others": ("0.75", "oo"),
    "undecided": ("white", ""),
    "abstained": ("0.35", ""),
    "unreadable": ("0.35", "////"),
    "refused": ("0.35", "...."),
    "failed": ("black", ""),
    "not_asked": ("black", "////"),
    "unrecorded": ("black", "...."),
}
"""Grey and pattern of everybody else; on dark grey and black the pattern is white."""

TITLE = "How first choices flow into the ballots"

KEY = (
    "The height of each part is a number of people; each column holds everybody. "
    "Pale bands: people who stayed. Dark bands: people who went elsewhere. Very low parts carry no number."
)


def draw_votes(record: Record) -> "Figure":
    """Return the picture: a column for each moment, and bands from each to the next."""
    title = title_of(TITLE, record)
    if not record.candidates:
        return draw_empty(record, title, "There are no candidates in this run.")
    flows = measure_flows(record, most_stages=STAGES_SHOWN, most_candidates=CANDIDATES_SHOWN)
    if not flows.stages or not flows.people:
        return draw_empty(record, title, "No first choices and no ballots are recorded.")
    width = COLUMN_WIDTH * len(flows.stages)
    notes = (KEY, spell_shown(STAGES_SHOWN, flows.moments, "moments"), _spell_folded(record))
    sheet = Sheet(BESIDE + width + KEY_WIDTH, PANEL_HEIGHT + 1.5 * LINE, record, title=title, notes=notes)
    panel = sheet.add_panel(BESIDE, 0, width, PANEL_HEIGHT)
    looks = _choose_looks(flows)
    _set_axes(panel, flows)
    for stage in range(len(flows.stages)):
        _draw_bands(panel, flows, stage)
        _draw_bar(panel, flows, stage, looks)
    _draw_key(sheet, BESIDE + width + 0.1, looks)
    return sheet.figure


def _spell_folded(record: Record) -> str:
    is_folded = len(record.candidates) > CANDIDATES_SHOWN
    return "The other candidates share a pattern; changes among them are not shown." if is_folded else ""


def _choose_looks(flows: ChoiceFlows) -> dict[Group, dict[str, Any]]:
    """Return how the part of each group is filled."""
    looks: dict[Group, dict[str, Any]] = {}
    for place, group in enumerate(flows.groups):
        grey, hatch = OTHER_LOOKS.get(group.kind) or CANDIDATE_LOOKS[place]
        looks[group] = {"facecolor": grey, "hatch": hatch, "edgecolor": "white" if _is_dark(grey) else "black"}
    return looks


def _is_dark(grey: str) -> bool:
    return grey in ("black", "0.35")


def _set_axes(panel: "Axes", flows: ChoiceFlows) -> None:
    panel.set_xlim(-0.4, len(flows.stages) - 0.6)
    panel.set_ylim(0, flows.people)
    label_ticks(panel, "x", list(range(len(flows.stages))), [stage.moment for stage in flows.stages])
    label_ticks(panel, "y", [0, flows.people], ["0", f"{flows.people:,}"])
    name_axis(panel, "y", "people")
    panel.spines["bottom"].set_visible(False)
    panel.tick_params(axis="x", length=0)


def _draw_bar(panel: "Axes", flows: ChoiceFlows, stage: int, looks: dict[Group, dict[str, Any]]) -> None:
    from matplotlib.patches import Rectangle  # heavy, and an extra

    for group, bottom in stack_groups(flows, stage).items():
        people = flows.stages[stage].people[group]
        if people:
            place = (stage - BAR / 2, bottom)
            panel.add_patch(Rectangle(place, BAR, people, linewidth=0.6, zorder=2, clip_on=False, **looks[group]))
        if people >= SMALLEST_NUMBERED * flows.people:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            centre = {"horizontalalignment": "center", "verticalalignment": "center", "zorder": 3}
            number = letters(f"{people:,}", size=7, bbox=box, **centre)
            panel.text(stage, bottom + people / 2, **number)


def _draw_bands(panel: "Axes", flows: ChoiceFlows, stage: int) -> None:
    if stage + 1 == len(flows.stages):
        return
    bands = stack_bands(flows, stage)
    for band in sorted(bands, key=lambda band: band.origin != band.target):
        _draw_band(panel, band, stage)


def _draw_band(panel: "Axes", band: Band, stage: int) -> None:
    from matplotlib.patches import PathPatch  # heavy, and an extra
    from matplotlib.path import Path

    left, middle, right = stage + BAR / 2, stage + 0.5, stage + 1 - BAR / 2
    top, next_top = band.bottom + band.people, band.next_bottom + band.people
    upper = [(left, top), (middle, top), (middle, next_top), (right, next_top)]
    lower = [(right, band.next_bottom), (middle, band.next_bottom), (middle, band.bottom), (left, band.bottom)]
    curve = [Path.CURVE4] * 3
    shape = Path([*upper, *lower, upper[0]], [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])
    stayed = band.origin == band.target
    grey, edge = ("0.93", "0.75") if stayed else ("0.5", "0.25")
    panel.add_patch(PathPatch(shape, facecolor=grey, edgecolor=edge, linewidth=0.3, alpha=None if stayed else 0.75))


def _draw_key(sheet: Sheet, left: float, looks: dict[Group, dict[str, Any]]) -> None:
    from matplotlib.patches import Rectangle  # heavy, and an extra

    panel = sheet.add_panel(left, 0, KEY_WIDTH, PANEL_HEIGHT)
    panel.set_axis_off()
    panel.set_xlim(0, KEY_WIDTH)
    panel.set_ylim(PANEL_HEIGHT, 0)
    for number, (group, look) in enumerate(looks.items()):
        top = number * KEY_LINE
        panel.add_patch(Rectangle((0, top), 0.28, LINE, linewidth=0.6, clip_on=False, **look))
        name = cut(group.name, NAME_SHOWN, instead=group.candidate_id or "")
        panel.text(0.36, top + LINE / 2, **letters(name, verticalalignment="center"))
