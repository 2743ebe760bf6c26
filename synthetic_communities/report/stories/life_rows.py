"""Lines of the record as values of one person's life."""

from ...runs.directory import DECIMAL_PLACES
from ...runs.row import Row
from ..roster import Roster
from .life import STEPS, BeliefStep, Considered, OwnBallot


def read_belief_step(row: Row, roster: Roster) -> BeliefStep:
    """Return what a line of `beliefs.jsonl` says."""
    before, after, topic_id = row.number_or_none("before"), row.number_or_none("after"), row.text("topic_id")
    return BeliefStep(
        topic_id,
        roster.topics.get(topic_id, topic_id),
        epoch=row.whole_number("epoch"),
        step=row.choice("step", STEPS),
        before=before,
        after=after,
        change=_change(before, after),
        asked_for=row.number_or_none("asked_for"),
        clamped=row.flag("clamped"),
        sentence=row.text_or_none("sentence") or "",
        vote=row.text_or_none("vote") or "",
        first_choice=row.text_or_none("first_choice") or "",
        drawn=row.flag("drawn"),
        status=row.text("status"),
        reason=row.text("reason"),
        source=row.text_or_none("source") or "",
    )


def read_considered(row: Row) -> Considered:
    """Return what a line of `reactions.jsonl` says."""
    return Considered(
        row.text("post_id"),
        row.text_or_none("reaction") or "",
        status=row.text("status"),
        reason=row.text("reason"),
    )


def read_own_ballot(row: Row, roster: Roster) -> OwnBallot:
    """Return what a line of `ballots.jsonl` says."""
    first_choice = row.text_or_none("first_choice") or ""
    return OwnBallot(
        row.text("status"),
        row.text_or_none("candidate_name") or "",
        order_shown=tuple(roster.candidates.get(each, each) for each in row.texts("order_shown")),
        first_choice=roster.candidates.get(first_choice, first_choice),
        reason=row.text("reason"),
        raw_text=row.text_or_none("raw_text") or "",
        source=row.text_or_none("source") or "",
    )


def _change(before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    return round(after - before, DECIMAL_PLACES)
