"""What the display of a run shows at one moment, as HTML and as plain text. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..report.html import Fragment, build_bar, build_table, code, join, paragraph, show_line, stand_alone, strong
from ..report.text import clean_text, fit_text
from ..simulation.progress import (
    DOINGS,
    Progress,
    describe_doing,
    describe_done,
    describe_spend,
    describe_spent,
    spell_loading,
)
from ..simulation.utterances import Utterance
from ..simulation.watching import Moment

NAME_LIMIT = 40
"""Characters that are shown of a speaker's name."""

WORDS_LIMIT = 200
"""Characters that are shown of what was said."""

HEADLINES = {
    "complete": "The run has ended.",
    "interrupted": "The run was interrupted.",
    "stopped": "The run was stopped, as a limit was reached.",
    "failed": "The run failed.",
}
"""How a run ended, as `usage.json` calls it, to what is said of it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a display shows until the next frame takes its place.

    Attributes:
        html: for a notebook.
        text: the same, for what shows no HTML.
    """

    html: str
    text: str

    def data(self) -> dict[str, str]:
        """Return both by their media type."""
        return {"text/html": self.html, "text/plain": self.text}


def draw(progress: Progress) -> Frame:
    """Return what is shown of a run under way: what is going on, how far it is, and what was said last."""
    moment = progress.moment
    if moment is None:
        return Frame(stand_alone(paragraph(DOINGS[""])), DOINGS[""])
    doing, rest = describe_doing(moment), _with_spend(moment, progress.rest(moment))
    shown = [paragraph(strong(doing)), *_show_counts(moment, rest), *_show_said(moment.said)]
    lines = [doing, f"{describe_done(moment)}, {rest}", *map(_spell_utterance, moment.said)]
    return Frame(stand_alone(*shown), "\n".join(lines))


def draw_end(progress: Progress, ending: str, directory: Path) -> Frame:
    """Return what stays of a run: how it ended and when, where its record is, and how to read it.

    Args:
        progress: how far it came.
        ending: a key of `HEADLINES`.
        directory: its run directory.
    """
    moment, seconds = progress.moment, progress.elapsed_seconds
    done = describe_done(moment) if moment is not None else "nothing done"
    rest = _with_spend(moment, describe_spent(moment, seconds))
    where = "Record:" if ending == "complete" else "What is recorded, up to the last epoch that ended:"
    load = spell_loading(directory)
    shown = [
        paragraph(strong(HEADLINES[ending])),
        *(_show_counts(moment, rest) if moment is not None else ()),
        paragraph(join([where, code(str(directory))], " ")),
        paragraph(join(["To read it:", code(load)], " ")),
    ]
    lines = [HEADLINES[ending], f"{done}, {rest}", f"{where} {clean_text(str(directory))}", f"To read it: {load}"]
    return Frame(stand_alone(*shown), "\n".join(lines))


def _with_spend(moment: Moment | None, rest: str) -> str:
    spend = describe_spend(moment) if moment is not None else ""
    return f"{spend}, {rest}" if spend else rest


def _show_counts(moment: Moment, rest: str) -> tuple[Fragment, Fragment]:
    bar = join([build_bar(moment.done, moment.total), describe_done(moment)], " ")
    return paragraph(bar), paragraph(rest, quiet=True)


def _show_said(said: Sequence[Utterance]) -> list[Fragment]:
    rows = [[strong(show_line(each.speaker, NAME_LIMIT)), show_line(each.words, WORDS_LIMIT)] for each in said]
    return [build_table([], rows)] if rows else []


def _spell_utterance(utterance: Utterance) -> str:
    return f"{fit_text(utterance.speaker, NAME_LIMIT)}: {fit_text(utterance.words, WORDS_LIMIT)}"
