"""What a notebook shows of a run: its tables, what is missing, and how to go on. Findings in, HTML out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from .html import LINE_LIMIT, Cell, Fragment, build_table, code, fold, join, paragraph, show_line, stand_alone, strong
from .numbers.findings import MISSING_STATUSES, Findings, StepMissing
from .numbers.measures import shares_of
from .numbers.opinions import MOVED_BY, Stances, TopicMoves
from .numbers.votes import Tally, Vote
from .record import OFFLINE, Record
from .roster import describe_mind
from .steps import name_acts
from .stories.outline import spell_name
from .terminal.glyphs import BLOCKS
from .terminal.heading import describe_extent
from .terminal.notes import build_notes, describe_mover, spell_reason
from .terminal.tables import build_line
from .terminal.vote_table import fold_tallies
from .text import count_of, spell_number, spell_stance

MOST_ROWS = 30
"""Candidates, and topics, that have a row of their own; the others are counted together."""

LINE = 1_000
"""Characters that are shown of what is said on one line beside the tables."""

ONE_DRAW = "One run is one draw of chance; GameEngine.run_replicates gives intervals."

NOT_CHOSEN = {
    "abstained": "abstained",
    "unreadable": "unreadable",
    "refused": "refused",
    "failed": "failed",
    "not_asked": "not asked",
    "unrecorded": "not recorded",
}
"""Status of a ballot that chose nobody to what it is called."""

BELIEF_HEADS = (
    *("topic", "", "-1 to +1", "people", "mean", "spread", "net change", "gross change"),
    *(f"moved > {MOVED_BY}", "changed side", "updates clamped"),
)


def build_result_page(record: Record, findings: Findings, path: Path) -> str:
    """Return the HTML of a run.

    Args:
        record: the run.
        findings: what it says in numbers.
        path: of the run directory.
    """
    return stand_alone(
        *_head(record),
        *_tables(record, findings),
        *(paragraph(show_line(line, LINE)) for line in build_notes(findings.order, findings.topics, LINE)),
        *_missing(findings.missing, record),
        *_next_steps(record, findings, path),
    )


def _head(record: Record) -> Iterator[Fragment]:
    yield paragraph(strong(show_line(build_line(record), LINE)))
    who = "Everybody" if record.candidate_mind == record.mind else "People"
    yield _thought(who, record.mind, record.mind_because)
    if record.candidate_mind != record.mind:
        yield _thought("Candidates and mediator", record.candidate_mind, record.candidate_mind_because)
    if record.status != "complete":
        yield paragraph(strong(describe_extent(record)))
        if record.why_partial:
            yield paragraph(show_line(f"because {record.why_partial}", LINE))
    if record.damages:
        title = f"{count_of(len(record.damages), 'damaged places')} passed over: what follows lacks what stood there"
        yield fold(strong(title), *(paragraph(show_line(damage, LINE)) for damage in record.damages))


def _thought(who: str, mind: str, because: str) -> Fragment:
    said = f"{describe_mind(mind, who)} Why: {because}." if because else describe_mind(mind, who)
    return paragraph(show_line(said, LINE))


def _tables(record: Record, findings: Findings) -> Iterator[Fragment]:
    if findings.vote is not None:
        heads = ("", "first choice before", "after", "ballots")
        yield build_table(
            heads, _vote_rows(findings.vote), caption=_caption("Vote", record), numbers=range(1, len(heads))
        )
        yield paragraph(_spell_changed(findings.vote))
    if findings.topics:
        rows = [row for topic in findings.topics[:MOST_ROWS] for row in _topic_rows(topic)]
        numbers = range(3, len(BELIEF_HEADS))
        yield build_table(BELIEF_HEADS, rows, caption=_caption("Beliefs", record), numbers=numbers)
        more = len(findings.topics) - MOST_ROWS
        if more > 0:
            yield paragraph(f"and {count_of(more, 'topics')} more")


def _caption(title: str, record: Record) -> str:
    return f"{title} (offline mind)" if record.mind == OFFLINE else title


def _vote_rows(vote: Vote) -> Iterator[tuple[Cell, ...]]:
    for tally in fold_tallies(vote.candidates, MOST_ROWS):
        yield spell_name(tally.name), *_counts(tally)
    if vote.undecided.before or vote.undecided.after:
        yield "no first choice", vote.undecided.before, vote.undecided.after, ""
    if vote.was_held:
        for status, name in NOT_CHOSEN.items():
            yield name, "", "", vote.not_chosen[status]
    yield "people", *(vote.people if known is not None else "" for known in _counts(vote.undecided))


def _counts(tally: Tally) -> tuple[int | None, int | None, int | None]:
    return tally.before, tally.after, tally.ballots


def _spell_changed(vote: Vote) -> str:
    people = count_of(vote.known_twice, "people")
    return f"{vote.changed:,} of {people} changed their first choice, net {vote.net_change:,}."


def _topic_rows(topic: TopicMoves) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    before, after = shares_of(topic.before.bins), shares_of(topic.after.bins)
    most = max((*before, *after))
    moves: tuple[Cell, ...] = (spell_stance(topic.net_change), spell_number(topic.gross_change))
    counts = (topic.moved, topic.changed_side) if topic.known_twice else (None, None)
    earlier = (topic.title, "before", _bars(before, most), *_spell(topic.before), *([""] * 5))
    later = (topic.in_favour, "after", _bars(after, most), *_spell(topic.after), *moves, *counts, topic.clamped)
    return earlier, later


def _bars(shares: Sequence[float], most: float) -> Fragment:
    return code(BLOCKS.draw(shares, most))


def _spell(stances: Stances) -> tuple[Cell, ...]:
    return stances.people, spell_stance(stances.mean), spell_number(stances.deviation)


def _missing(missing: Sequence[StepMissing], record: Record) -> Iterator[Fragment]:
    if missing:
        heads = ("", *MISSING_STATUSES, "why they failed")
        acts = count_of(sum(sum(step.statuses.values()) for step in missing), "acts")
        table = build_table(heads, map(_missing_cells, missing), numbers=range(1, len(heads) - 1))
        yield fold(strong(f"{_caption('Without an answer', record)}: {acts}"), table)


def _missing_cells(step: StepMissing) -> tuple[Cell, ...]:
    return name_acts(step.step), *(step.statuses.get(status, 0) for status in MISSING_STATUSES), spell_reason(step)


def _next_steps(record: Record, findings: Findings, path: Path) -> Iterator[Fragment]:
    if findings.mover is not None:
        yield from (paragraph(show_line(line, LINE)) for line in describe_mover(findings.mover, LINE))
    yield paragraph(f"{ONE_DRAW} This one has seed {record.seed}.", quiet=True)
    yield paragraph(join(["Record:", code(str(path))], " "))
    lines = [*_story_of(record, findings), *(["result.failed_acts()"] if findings.missing else [])]
    if lines:
        yield paragraph(join(["To go on, where", code("result"), "is this run:"], " "))
    yield from (paragraph(code(line)) for line in lines)


def _story_of(record: Record, findings: Findings) -> Iterator[str]:
    """Yield what tells the story of who moved most, else of the first of the people; nothing if its id is very long."""
    told = findings.mover.persona_id if findings.mover is not None else next(iter(record.people), None)
    if told is not None and len(told) <= LINE_LIMIT:
        yield f"result.story({told!r})"
