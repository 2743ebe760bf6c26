"""The sheet a picture is drawn on: sizes, letters and lines are set here, whatever style the surroundings have chosen.

No state of matplotlib outside the figure is read on purpose or changed, so figures can be made in scripts without a
display, in threads and in notebooks.
"""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ..extent import spell_damaged
from ..record import Record
from ..stories.paragraphs import wrap_text
from ..terminal.heading import measure_extent
from ..text import count_of, fit_text
from .fonts import choose_fonts, make_drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDED = (
    "pictures need matplotlib, which is not installed: pip install 'synthetic-communities[plot]'; "
    "in a clone of the repository: .venv/bin/pip install '.[plot]'"
)

DOTS_PER_INCH = 150
"""Of a file."""

SCREEN_DOTS_PER_INCH = 100
"""Of what a notebook shows."""

LETTERS_PER_INCH, TITLE_LETTERS_PER_INCH = 15, 9
"""Letters of a note, and of a title, that fit in an inch, about."""

NAME_LIMIT = 40
"""Columns that are shown of the name of a scenario, a topic, a person or a mind."""

TEXT_SIZE, TITLE_SIZE = 8.0, 11.0
"""In points."""

MARGIN, HEADROOM, LINE = 0.35, 0.45, 0.17
"""Inches: beside everything, from the upper edge to the first line below the title, from line to line."""

LEAST_WIDTH = 6.5
"""Inches that titles and notes need."""


class Sheet:
    """A figure with lines above and below its body; places on it are inches from the body's upper left corner.

    Attributes:
        figure: the figure.
    """

    def __init__(self, width: float, height: float, record: Record, *, title: str, notes: Sequence[str]) -> None:
        """Make a sheet that says of which run it is.

        Args:
            width: of the body in inches; the sheet is at least `LEAST_WIDTH` wide.
            height: of the body in inches.
            record: the run.
            title: what the picture shows.
            notes: sentences that stand below it; empty ones are left out.
        """
        self._width = max(LEAST_WIDTH, width + 2 * MARGIN)
        inches = self._width - 2 * MARGIN
        head, foot = (
            list(wrap_text(text, int(inches * LETTERS_PER_INCH)))
            for text in (_describe(record), " ".join(filter(None, notes)))
        )
        title = fit_text(title, int(inches * TITLE_LETTERS_PER_INCH))
        self._top = HEADROOM + (len(head) + 1) * LINE
        self._height = self._top + height + 2 * LINE + len(foot) * LINE
        self.figure = _make_figure(self._width, self._height)
        self.write(0, HEADROOM / 2 - self._top, title, size=TITLE_SIZE, weight="bold", verticalalignment="center")
        self._write_lines(HEADROOM - self._top, head)
        self._write_lines(height + 1.5 * LINE, foot)

    def write(self, left: float, top: float, text: str, **properties: Any) -> None:
        """Write a text, which stands on a line that begins here unless its properties say otherwise."""
        x, y = (MARGIN + left) / self._width, 1 - (self._top + top) / self._height
        self.figure.text(x, y, **letters(text, **properties))

    def add_panel(self, left: float, top: float, width: float, height: float) -> "Axes":
        """Return new axes without ticks, with a frame on the left and below."""
        x, y = (MARGIN + left) / self._width, 1 - (self._top + top + height) / self._height
        panel = self.figure.add_axes((x, y, width / self._width, height / self._height), facecolor="white")
        panel.grid(False)
        panel.minorticks_off()
        panel.tick_params(
            which="both", color="black", direction="out", length=3, width=0.6, pad=2, top=False, right=False
        )
        panel.tick_params(bottom=True, left=True, labelbottom=True, labelleft=True, labeltop=False, labelright=False)
        panel.set_xticks([], [])
        panel.set_yticks([], [])
        for side, spine in panel.spines.items():
            spine.set(visible=side in ("left", "bottom"), edgecolor="black", linewidth=0.6)
        return panel

    def _write_lines(self, top: float, lines: Sequence[str]) -> None:
        for number, line in enumerate(lines):
            self.write(0, top + number * LINE, line, verticalalignment="center")


def letters(text: str, **properties: Any) -> dict[str, Any]:
    """Return a text and how it is drawn: as it is, whatever signs of a formula there are in it."""
    shown = make_drawable(text)
    return {"s": shown, **style(shown), **properties}


def style(text: str) -> dict[str, Any]:
    """Return how a drawable text is drawn."""
    return {
        "family": choose_fonts(text),
        "size": TEXT_SIZE,
        "color": "black",
        "parse_math": False,
        "usetex": False,
    }


def label_ticks(panel: "Axes", axis: str, ticks: Sequence[float], labels: Sequence[str]) -> None:
    """Put ticks on an axis of a panel.

    Args:
        panel: the panel.
        axis: `x` or `y`.
        ticks: where.
        labels: what stands there.
    """
    shown = [make_drawable(label) for label in labels]
    set_ticks = panel.set_xticks if axis == "x" else panel.set_yticks
    set_ticks(ticks, shown, **style("".join(shown)))


def name_axis(panel: "Axes", axis: str, name: str) -> None:
    """Write beside an axis of a panel what it measures, and in what."""
    set_label = panel.set_xlabel if axis == "x" else panel.set_ylabel
    set_label(make_drawable(name), labelpad=3, **style(name))


def title_of(what: str, record: Record) -> str:
    """Return what a picture shows, and of which community if that has a name."""
    return f"{what}: {cut(record.name)}" if record.name else what


def name_topic(record: Record, topic_id: str) -> str:
    """Return the title of a topic, and what stance +1 means if that is said."""
    title, in_favour = cut(record.topics[topic_id], instead=topic_id), cut(record.in_favour.get(topic_id, ""))
    return f"{title} (+1: {in_favour})" if in_favour else title


def draw_empty(record: Record, title: str, reason: str) -> "Figure":
    """Return a picture that says why there is nothing to be seen."""
    sheet = Sheet(0, LINE, record, title=title, notes=())
    sheet.write(0, 0, reason)
    return sheet.figure


def spell_shown(most: int, number: int, noun: str) -> str:
    """Return that only some of many are shown; empty if all are."""
    return f"{most} of {number:,} {noun} are shown." if number > most else ""


def cut(name: str, limit: int = NAME_LIMIT, *, instead: str = "") -> str:
    """Return a name that can be drawn, of at most `limit` columns; `instead`, if none of its letters can be."""
    return fit_text(make_drawable(fit_text(name, limit), instead), limit)


def make_png(figure: "Figure", dots_per_inch: float = DOTS_PER_INCH) -> bytes:
    """Return a figure as PNG: the same bytes for the same figure, with no date and no version in them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, and an extra

    dpi, canvas = figure.dpi, figure.canvas
    figure.set_dpi(dots_per_inch)
    png = BytesIO()
    try:
        new: Any = FigureCanvasAgg(figure)
        new.print_png(png, metadata={"Software": None})
    finally:
        figure.set_dpi(dpi)
        figure.set_canvas(canvas)
    return png.getvalue()


def require_matplotlib() -> None:
    """Raise `UsageError`, which says how to install it, if matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401  # heavy, and an extra
    except ImportError as error:
        raise UsageError(NEEDED) from error


def _describe(record: Record) -> str:
    """Return what has to be said beside every picture: whose run it is, and whether it is whole and undamaged."""
    extent = measure_extent(record)
    minds = " and ".join(cut(mind) for mind in dict.fromkeys((record.mind, record.candidate_mind)))
    who = f"{count_of(len(record.people), 'people')}, seed {record.seed}, {minds}. One run is one draw of chance."
    partial = "" if extent.is_complete else str(extent)
    return " ".join(filter(None, (who, partial, spell_damaged(extent.damaged, "the figures"))))


def _make_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, which a notebook shows; of its own accord it would show those of pyplot only."""
    from matplotlib.figure import Figure  # heavy, and an extra

    figure = Figure((width, height), dpi=SCREEN_DOTS_PER_INCH, facecolor="white", edgecolor="white")
    figure.set_layout_engine("none")
    vars(figure)["_repr_png_"] = partial(make_png, figure, SCREEN_DOTS_PER_INCH)
    return figure
