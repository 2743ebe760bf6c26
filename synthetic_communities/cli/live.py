"""How far a run is, on a terminal: a display of three lines that is redrawn in place."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..simulation.progress import DOINGS, Progress, describe_doing, describe_done, describe_spend

if TYPE_CHECKING:
    from rich.console import RenderableType

BAR_WIDTH = 40
REDRAWN_PER_SECOND = 8


@contextmanager
def told_live(progress: Progress) -> Iterator[None]:
    """Show the progress on stderr while this lasts; what else is written there scrolls by above it."""
    # rich takes a while to import, and only a run on a terminal needs it
    from rich.console import Console
    from rich.live import Live

    live = Live(
        get_renderable=lambda: draw(progress),
        console=Console(stderr=True, highlight=False),
        refresh_per_second=REDRAWN_PER_SECOND,
        transient=True,
        redirect_stdout=False,
    )
    live.start(refresh=True)
    try:
        yield
    finally:
        with suppress(OSError):  # the terminal may be gone, and why the run ends is something else
            live.stop()


def draw(progress: Progress) -> "RenderableType":
    """Return the display: what is going on and what it has cost, a bar, and the counts."""
    from rich.console import Group  # late, as above
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    moment = progress.moment
    if moment is None:
        return Text(DOINGS[""])
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=max(1, moment.total), completed=moment.done, width=BAR_WIDTH), describe_done(moment))
    doing = ", ".join(filter(None, (describe_doing(moment), describe_spend(moment))))
    lines = doing, progress.rest(moment)
    first, last = (Text(line, no_wrap=True, overflow="ellipsis") for line in lines)
    return Group(first, bar, last)
