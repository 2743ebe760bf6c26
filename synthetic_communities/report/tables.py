"""What happened in a run, on one screen: plain text, from the record alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from .measures import StepMissing, TopicMoves, Vote, count_acts, measure_missing, measure_topics, measure_vote
from .record import OFFLINE, Record
from .sections import missing_section, topic_section, vote_section
from .text import clean_text, count_of, fit_text, join_counts

MAX_LINES = 25
MIN_WIDTH, MAX_WIDTH = 80, 100

MISSING_STATUSES = ("failed", "refused", "unreadable", "skipped")


@dataclass(frozen=True, slots=True)
class _Measures:
    """What there is to show; None or empty: nothing of the kind is recorded."""

    vote: Vote | None
    topics: Sequence[TopicMoves]
    missing: Sequence[StepMissing]


def build_tables(record: Record, width: int = MIN_WIDTH) -> str:
    """Return the tables of a run: at most `MAX_LINES` lines.

    Args:
        record: the run.
        width: columns of the terminal; the lines take at most that, where it lies in `MIN_WIDTH` to `MAX_WIDTH`.
    """
    width = min(MAX_WIDTH, max(MIN_WIDTH, width))
    measures = _measure(record)
    wanted = [len(measures.vote.candidates) if measures.vote else 0, len(measures.topics), len(measures.missing)]
    fixed = len(_build_lines(record, measures, wanted, width)) - sum(wanted)
    lines = _build_lines(record, measures, share_lines(MAX_LINES - fixed, wanted), width)
    return "\n".join(lines) + "\n"


def build_head(record: Record) -> list[str]:
    """Return who thought, whether the run is partial, and what it was made of."""
    sizes = {
        "people": len(record.people),
        "candidates": len(record.candidates),
        "topics": len(record.topics),
        "epochs": record.epochs,
    }
    made_of = ", ".join(count_of(number, noun) for noun, number in sizes.items())
    partial = [] if record.status == "complete" else [describe_extent(record)]
    return [*_spell_minds(record), *partial, f"{made_of}, seed {record.seed}."]


def describe_extent(record: Record) -> str:
    """Return why a run is partial, and how far it came."""
    why = record.status if record.status in ("interrupted", "failed") else "still running, or killed"
    ballots = "the ballots are in" if record.ballots else "no ballot was held"
    return f"Partial ({why}): {record.epochs_ended:,} of {count_of(record.epochs, 'epochs')} ended, {ballots}."


def build_foot(record: Record, width: int) -> list[str]:
    """Return how many acts there were, and how they ended: what is missing stands on the last line."""
    counts = count_acts(record)
    if counts is None:
        return ["How many acts there were is not recorded: that is written when a run ends."]
    well = join_counts([(counts["done"], "done"), (counts["not_asked"], "not asked")]) or "none done"
    missing = join_counts((counts[status], status) for status in MISSING_STATUSES) or "nothing failed"
    calls = "model calls not known" if record.model_calls is None else count_of(record.model_calls, "model calls")
    spent = f"{record.seconds or 0:,.1f} s, {calls}"
    parts = [f"{count_of(counts.total(), 'acts')} in {spent}: {well},", f"{missing}."]
    return [" ".join(parts)] if len(" ".join(parts)) <= width else parts


def share_lines(room: int, wanted: Sequence[int]) -> list[int]:
    """Return how many lines each gets of `room`: as wanted where there is room, else evenly; at least 1 if any is."""
    given = [min(1, lines) for lines in wanted]
    while sum(given) < min(room, sum(wanted)):
        open_places = [place for place in range(len(wanted)) if given[place] < wanted[place]]
        given[min(open_places, key=lambda place: given[place])] += 1
    return given


def _measure(record: Record) -> _Measures:
    can_vote = record.people and record.candidates and (record.ballots or record.epochs_ended)
    vote = measure_vote(record) if can_vote else None
    return _Measures(vote, measure_topics(record) if record.moves else (), measure_missing(record))


def _spell_minds(record: Record) -> list[str]:
    because = f"  because {clean_text(record.mind_because)}"
    if record.mind == record.candidate_mind == OFFLINE:
        return ["Offline mind: no model was asked, nothing was spent; its words are templates.", because]
    people, candidates = _name_mind(record.mind), _name_mind(record.candidate_mind)
    if record.mind == record.candidate_mind:
        return [f"Everybody thought with {people},", because]
    return [f"People thought with {people}, candidates and mediator with {candidates},", because]


def _name_mind(name: str) -> str:
    return "the offline mind" if name == OFFLINE else clean_text(name)


def _caption(title: str, record: Record) -> tuple[str, str]:
    return title, "(offline mind)" if record.mind == OFFLINE else ""


def _build_lines(record: Record, measures: _Measures, rows: Sequence[int], width: int) -> list[str]:
    """Return all lines, with so many rows for candidates, topics and steps."""
    lines = [fit_text(line, width) for line in build_head(record)]
    if measures.vote:
        lines += ["", *vote_section(measures.vote, _caption("Vote", record), rows=rows[0], width=width)]
    if measures.topics:
        caption, people = _caption("Beliefs", record), len(record.people)
        lines += ["", *topic_section(measures.topics, caption, people, rows=rows[1], width=width)]
    title = " ".join(_caption("Without an answer", record)).rstrip()
    lines += ["", *missing_section(measures.missing, title, rows=rows[2], width=width)]
    return [*lines, *build_foot(record, width)]
