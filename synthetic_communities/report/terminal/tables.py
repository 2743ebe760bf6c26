"""What happened in a run, on one screen: plain text, from the record alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..numbers.findings import Findings, StepMissing, find
from ..numbers.votes import measure_vote
from ..record import OFFLINE, Record
from ..text import choose_fitting, count_of, fit_text
from .belief_table import build_belief_table
from .glyphs import BLOCKS, Glyphs
from .heading import build_heading, name_minds
from .notes import build_missing_list, build_notes, describe_mover, describe_story, shorten_mover
from .vote_table import build_vote_table, fold_tallies

MAX_LINES = 24
"""Lines of all tables together: `run` puts one above them."""

MIN_WIDTH, MAX_WIDTH = 80, 100

LONGEST = 8 * MAX_WIDTH
"""Characters of a name that are looked at: no line shows more of it, whatever room they take."""

COMMAND = "synthetic-communities"

ONE_DRAW = (
    "One run is one draw of chance; run --replicates 10 gives intervals. Your own: init my-town",
    "One run is one draw; run --replicates 10 gives intervals. Your own: init my-town",
)

ENOUGH = (3, 4, 2)
"""Rows for candidates, topics and steps that nothing else may take away."""

LEAST = (1, 3, 1)
"""Rows that they have at least, if they want so many."""

SPARED = ("", "story", "story gaps", "story gaps cause", "story gaps cause mover")
"""What is left out where room is short, beginning with nothing."""

NAMED, NAME_WIDTH = 4, 40
"""How many candidates are named where a run is told on one line, and how much room each name has."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What tables are made of.

    Attributes:
        record: the run, in characters that can be shown.
        findings: what it says in numbers.
        width: columns there are.
        glyphs: what can be shown.
        command: what was typed to start this program.
        path: the run directory; None: it is not known.
    """

    record: Record
    findings: Findings
    width: int = field(kw_only=True)
    glyphs: Glyphs = field(kw_only=True)
    command: str = field(kw_only=True)
    path: Path | None = field(kw_only=True)


def build_tables(
    record: Record,
    width: int = MIN_WIDTH,
    *,
    glyphs: Glyphs = BLOCKS,
    command: str = COMMAND,
    path: Path | None = None,
) -> str:
    """Return the tables of a run: at most `MAX_LINES` lines.

    Args:
        record: the run.
        width: columns of the terminal; the lines take at most that, where it lies in `MIN_WIDTH` to `MAX_WIDTH`.
        glyphs: what the terminal can show.
        command: what was typed to start this program, for advice on what to type next.
        path: the run directory, likewise; None: it is not known.
    """
    width = min(MAX_WIDTH, max(MIN_WIDTH, width))
    shown = _show_names(record, glyphs)
    page = _Page(shown, _show_reasons(find(shown), glyphs), width=width, glyphs=glyphs, command=command, path=path)
    return "\n".join(_fill(page)) + "\n"


def build_line(record: Record) -> str:
    """Return what a run was and how it ended, on one line."""
    name = f"{fit_text(record.name, NAME_WIDTH)}, " if record.name else ""
    extent = "complete" if record.status == "complete" else "partial"
    tallies = fold_tallies(measure_vote(record).candidates, NAMED)
    votes = ", ".join(f"{fit_text(tally.name, NAME_WIDTH)} {tally.ballots or 0:,}" for tally in tallies)
    ended = f"{record.epochs_ended:,} of {count_of(record.epochs, 'epochs')}"
    minds = fit_text(name_minds(record), 2 * NAME_WIDTH)
    damaged = f"{len(record.damages):,} damaged, " if record.damages else ""
    who = f"{count_of(len(record.people), 'people')}, {ended}, {extent}, {damaged}{minds}"
    ballots = votes or "no candidates" if record.ballots else "no ballot was held"
    return f"{name}{fit_text(record.run_id, NAME_WIDTH)}: {who}: {ballots}"


def share_lines(room: int, wanted: Sequence[int], least: Sequence[int]) -> list[int]:
    """Return how many lines each gets of `room`: as wanted where there is room, else evenly, from `least` upwards."""
    given = [min(fewest, lines) for fewest, lines in zip(least, wanted, strict=True)]
    while sum(given) < min(room, sum(wanted)):
        open_places = [place for place in range(len(wanted)) if given[place] < wanted[place]]
        given[min(open_places, key=lambda place: given[place])] += 1
    return given


def _show_names(record: Record, glyphs: Glyphs) -> Record:
    """Return a record whose names can be shown as they are; its ids are as they were."""

    def show(text: str) -> str:
        """Return a name in characters the terminal has, and not endless."""
        return glyphs.show(text[:LONGEST])

    def show_all(texts: Mapping[str, str]) -> dict[str, str]:
        """Return names so, under the ids they had."""
        return {key: show(text) for key, text in texts.items()}

    return replace(
        record,
        name=None if record.name is None else show(record.name),
        mind=show(record.mind),
        candidate_mind=show(record.candidate_mind),
        mind_because=show(record.mind_because),
        candidate_mind_because=show(record.candidate_mind_because),
        candidates=show_all(record.candidates),
        topics=show_all(record.topics),
        in_favour=show_all(record.in_favour),
    )


def _show_reasons(findings: Findings, glyphs: Glyphs) -> Findings:
    """Return findings in which all that is missing can be shown as it is called."""

    def show(step: StepMissing) -> StepMissing:
        """Return what is missing with its step and its reason so; a damaged record may have any text there."""
        return replace(step, step=glyphs.show(step.step[:LONGEST]), reason=glyphs.show(step.reason[:LONGEST]))

    return replace(findings, missing=tuple(map(show, findings.missing)))


def _fill(page: _Page) -> list[str]:
    """Return all lines: with what is said beside the tables as far as there is room, and folded where there is none."""
    findings = page.findings
    wanted = [
        len(findings.vote.candidates) if findings.vote else 0,
        2 * len(findings.topics),
        len(findings.missing),
    ]
    enough = [min(rows, want) for rows, want in zip(ENOUGH, wanted, strict=True)]
    for spared in SPARED:
        room = MAX_LINES - len(_build_lines(page, wanted, spared)) + sum(wanted)
        if sum(enough) <= room:
            return _build_lines(page, share_lines(room, wanted, enough), spared)
    return _build_lines(page, share_lines(room, wanted, LEAST), spared)


def _build_lines(page: _Page, rows: Sequence[int], spared: str) -> list[str]:
    """Return all lines, with so many rows for candidates, topics and steps, and without what is spared."""
    record, findings, width = page.record, page.findings, page.width
    gap = [""] if "gaps" not in spared else []
    command = page.command if page.glyphs.show(page.command) == page.command else ""
    lines = build_heading(record, findings.acts, width, command)
    if findings.vote:
        lines += [*gap, *build_vote_table(findings.vote, _caption("Vote", record), rows=rows[0], width=width)]
    if findings.topics:
        caption, people = _caption("Beliefs", record), len(record.people)
        table = build_belief_table(findings.topics, caption, people, rows=rows[1], width=width, glyphs=page.glyphs)
        lines += [*gap, *table]
    notes, mover, story = _say_beside(page)
    lines += notes
    lines += build_missing_list(findings.missing, _caption("Without an answer", record), rows=rows[2], width=width)
    mover = shorten_mover(mover) if "cause" in spared else mover
    lines += mover if "mover" not in spared else []
    lines += story if "story" not in spared else []
    return [*lines, choose_fitting(ONE_DRAW, width)]


def _say_beside(page: _Page) -> tuple[list[str], list[str], list[str]]:
    findings, width = page.findings, page.width
    notes = build_notes(findings.order, findings.topics, width)
    if findings.mover is None:
        return notes, [], []
    story = describe_story(findings.mover, page.command, page.path, width=width, glyphs=page.glyphs)
    by_step = {page.glyphs.show(step): change for step, change in findings.mover.by_step.items()}
    shown = replace(findings.mover, persona_id=page.glyphs.show(findings.mover.persona_id), by_step=by_step)
    return notes, describe_mover(shown, width), story


def _caption(title: str, record: Record) -> str:
    return f"{title} (offline mind)" if record.mind == OFFLINE else title
