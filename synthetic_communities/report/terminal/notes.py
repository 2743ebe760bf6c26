"""What is said beside the tables: on the order on the ballot, clamped updates, who moved most, and what is missing."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..numbers.findings import MISSING_STATUSES, StepMissing
from ..numbers.opinions import Mover, TopicMoves
from ..numbers.votes import OrderEffect
from ..steps import name_acts
from ..text import (
    choose_fitting,
    clean_text,
    count_of,
    fit_text,
    is_fitting,
    join_counts,
    join_fitting,
    spell_change,
    spell_place,
    spell_share,
    spell_stance,
)
from .glyphs import Glyphs

RUN = "RUN"
"""What stands for the run directory where there is no room for its path."""

MOVERS = {"debate": "debates", "chat": "conversations", "social": "feed"}
"""What moves stances to what it is called."""

MOST_PLACES = 12
"""Places on the ballot that are told of at most, the last among them."""

NAME_WIDTH = 40

LONGEST_TYPED = 400
"""Characters of a command that is shown even where it takes more than a line."""

REASON_WIDTH = 24
"""Columns that are shown of why acts failed where there is no room for all of it."""


def build_notes(order: OrderEffect | None, topics: Sequence[TopicMoves], width: int) -> list[str]:
    """Return how choices went by the place shown, and how many changes were cut short; on one line if they fit."""
    cut = _spell_cut(sum(topic.clamped for topic in topics)) if topics else []
    if order is None:
        return cut[:1]
    variants = list(_spell_order(order))
    together = (f"{variant} {said}" for variant in variants[:2] for said in cut)
    line = next((line for line in together if len(line) <= width), None)
    return [line] if line else join_fitting([choose_fitting(variants, width), *cut[:1]], width)


def _spell_cut(number: int) -> list[str]:
    """Return how many changes the bound on one update cut short, at length and in short."""
    return [f"Changes cut short by the bound: {number:,}.", f"{count_of(number, 'changes')} cut short."]


def _spell_order(order: OrderEffect) -> Iterator[str]:
    """Yield the same in fewer and fewer words: without what is expected, or without places between first and last."""
    every = [f"{spell_place(place)} {spell_share(share)}" for place, share in enumerate(order.shares)]
    expected = f", by chance {spell_share(order.expected)} each"
    if len(every) <= MOST_PLACES:
        yield from (_name_places(every, order.choices) + after + "." for after in (expected, ""))
    for shown in range(min(len(every), MOST_PLACES) - 1, 0, -1):
        yield _name_places([*every[:shown], "...", every[-1]], order.choices) + expected + "."


def _name_places(places: Sequence[str], choices: int) -> str:
    return f"Choices by place shown: {', '.join(places)} of {choices:,}"


def describe_mover(mover: Mover, width: int, name: str = "") -> list[str]:
    """Return who moved most, and what moved it, on one line if it fits.

    Args:
        mover: who moved most.
        width: columns the lines may take.
        name: the person's; empty: it is not known.
    """
    title = fit_text(mover.title, NAME_WIDTH)
    way = f"{title} {spell_stance(mover.before)} to {spell_stance(mover.after)};"
    whole = f"{_name_mover(mover, clean_text(name))} moved most: {way}"
    moved_it = f"{', '.join(_spell_steps(mover))}."
    line = f"{whole} {moved_it}"
    return [line] if is_fitting(line, width) else [fit_text(whole, width), "  " + fit_text(moved_it, width - 2)]


def _name_mover(mover: Mover, name: str) -> str:
    who = fit_text(mover.persona_id, NAME_WIDTH)
    if name and name != who:
        return f"{fit_text(name, NAME_WIDTH)} ({who})"
    return f"person {who}" if who.isdecimal() else who


def shorten_mover(lines: Sequence[str]) -> list[str]:
    """Return who moved most on one line: of two, without what moved it."""
    return [f"{line[:-1]}." if line.endswith(";") else line for line in lines[:1]]


def _spell_steps(mover: Mover) -> list[str]:
    return [f"{MOVERS.get(step) or clean_text(step)} {spell_change(change)}" for step, change in mover.by_step.items()]


def describe_story(mover: Mover, command: str, path: Path | None, *, width: int, glyphs: Glyphs) -> list[str]:
    """Return what to type for the story of who moved most, on a line longer than the others where it takes one.

    Nothing if it cannot be typed.
    """
    who = shlex.quote(mover.persona_id)
    person = f"--person={who}" if mover.persona_id.startswith("-") else f"--person {who}"
    typed = [f"{command} show {shlex.quote(str(path))} {person}"] if path is not None else []
    variants = [line for text in typed for line in (f"its story: {text}", text)]
    variants = [line for line in variants if is_fitting(line, width - 2)] or variants[:1]
    variants.append(f"its story: {command} show {RUN} {person}")
    typeable = (line for line in variants if len(line) <= LONGEST_TYPED and glyphs.show(line) == line)
    return [f"  {line}" for line in typeable][:1]


def build_missing_list(steps: Sequence[StepMissing], caption: str, *, rows: int, width: int) -> list[str]:
    """Return what is missing, in all and of at most `rows` steps, in at most `width` columns; nothing if nothing is."""
    if not steps:
        return []
    shown = steps if len(steps) <= rows else steps[: rows - 1]
    rest = [count for step in steps[len(shown) :] for count in step.statuses.values()]
    lines = [choose_fitting(_spell_missing(step), width - 2) for step in shown]
    lines += [f"{count_of(sum(rest), 'acts')} of {len(steps) - len(shown)} other kinds"] if rest else []
    everything = sum((Counter(step.statuses) for step in steps), Counter[str]())
    counts = join_counts((everything[status], status) for status in MISSING_STATUSES)
    return [fit_text(f"{caption}: {counts}", width), *(f"  {line}" for line in lines)]


def spell_reason(step: StepMissing, width: int | None = None) -> str:
    """Return why acts of a step failed, and of how many of them that is true; empty if it is not recorded.

    Args:
        step: what is missing of it.
        width: columns that are shown of the reason itself; None: all of it.
    """
    reason = clean_text(step.reason) if width is None else fit_text(step.reason, width)
    if not reason or step.reason_acts == step.statuses["failed"]:
        return reason
    is_most = 2 * step.reason_acts > step.statuses["failed"]
    return f"mostly {reason}" if is_most else f"most often {reason}: {step.reason_acts:,}"


def _spell_missing(step: StepMissing) -> list[str]:
    """Return what is missing of a step, then the same with less and less of why acts failed."""
    reasons = (spell_reason(step), spell_reason(step, REASON_WIDTH), "")
    return [f"{clean_text(name_acts(step.step))}: {_count_missing(step, reason)}" for reason in reasons]


def _count_missing(step: StepMissing, reason: str) -> str:
    because = {"failed": f" ({reason})"} if reason else {}
    return join_counts((number, status + because.get(status, "")) for status, number in sorted(step.statuses.items()))
