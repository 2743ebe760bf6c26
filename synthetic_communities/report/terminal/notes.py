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
    spell_place,
    spell_share,
    spell_stance,
)
from .glyphs import Glyphs

RUN = "RUN"
"""What stands for the run directory where there is no room for its path."""

MOVERS = {"debate": ("debates", "debates"), "chat": ("conversations", "chats"), "social": ("feed", "feed")}
"""What moves stances to what it is called, at length and in short."""

MOST_PLACES = 12
"""Places on the ballot that are told of at most, the last among them."""

NAME_WIDTH = 40

REASON_WIDTH = 24
"""Columns that are shown of why acts failed where there is no room for all of it."""


def build_notes(order: OrderEffect | None, topics: Sequence[TopicMoves], width: int) -> list[str]:
    """Return how choices went by the place shown, and how many updates were clamped; on one line if they fit."""
    clamped = f"Changes clamped: {sum(topic.clamped for topic in topics):,}." if topics else ""
    if order is None:
        return [clamped] if clamped else []
    variants = list(_spell_order(order))
    together = (f"{variant} {clamped}" for variant in variants[:2])
    line = next((line for line in together if clamped and len(line) <= width), None)
    return [line] if line else join_fitting([choose_fitting(variants, width), clamped], width)


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


def describe_mover(mover: Mover, width: int) -> list[str]:
    """Return who moved most, and what moved it, on one line if it fits."""
    who, title = fit_text(mover.persona_id, NAME_WIDTH), fit_text(mover.title, NAME_WIDTH)
    whole = f"{who} moved most: {title} {spell_stance(mover.before)} to {spell_stance(mover.after)};"
    at_length, in_short = (f"{', '.join(_spell_steps(mover, number))}." for number in (0, 1))
    lines = (f"{whole} {moved_it}" for moved_it in (at_length, in_short))
    fitting = next((line for line in lines if is_fitting(line, width)), None)
    return [fitting] if fitting else [fit_text(whole, width), "  " + fit_text(at_length, width - 2)]


def shorten_mover(lines: Sequence[str]) -> list[str]:
    """Return who moved most on one line: of two, without what moved it."""
    return [f"{line[:-1]}." if line.endswith(";") else line for line in lines[:1]]


def _spell_steps(mover: Mover, number: int) -> list[str]:
    names = {step: MOVERS[step][number] if step in MOVERS else clean_text(step) for step in mover.by_step}
    return [f"{names[step]} {spell_stance(change)}" for step, change in mover.by_step.items()]


def describe_story(mover: Mover, command: str, path: Path | None, *, width: int, glyphs: Glyphs) -> list[str]:
    """Return what to type for the story of who moved most; nothing if it cannot be typed."""
    who = shlex.quote(mover.persona_id)
    person = f"--person={who}" if mover.persona_id.startswith("-") else f"--person {who}"
    typed = [f"{command} show {shlex.quote(str(path))} {person}"] if path is not None else []
    variants = [line for text in typed for line in (f"its story: {text}", text)]
    variants.append(f"its story: {command} show {RUN} {person}")
    typeable = (line for line in variants if is_fitting(line, width - 2) and glyphs.show(line) == line)
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
