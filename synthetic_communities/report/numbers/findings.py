"""What a record says in numbers: what tables, `--json` and a notebook show. Pure: a record in, values out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..record import Missing, Record
from .opinions import Mover, TopicMoves, find_mover, measure_topics
from .votes import OrderEffect, Vote, measure_order, measure_vote

MISSING_STATUSES = ("failed", "refused", "unreadable", "skipped")
"""How an act ends of which there is something to tell, in the order of telling."""


@dataclass(frozen=True, slots=True)
class StepMissing:
    """What is missing of one step.

    Attributes:
        step: what was to be done.
        statuses: status to number of acts.
        reason: the commonest among those that failed, of equals the first; empty if none is recorded.
        reason_acts: how many of those that failed have it.
    """

    step: str
    statuses: Mapping[str, int]
    reason: str = field(kw_only=True)
    reason_acts: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to show of a run; None or empty: nothing of the kind is recorded.

    Attributes:
        vote: whom people preferred and chose; None: nobody could vote, or it has not come to that.
        order: how choices went by the place candidates were shown in.
        topics: how people moved, topic by topic.
        mover: who moved most; None: nobody moved.
        missing: what was refused, could not be read, failed or was skipped, the step with the most of it first.
        acts: how many acts ended how; None: that was not measured.
    """

    vote: Vote | None
    order: OrderEffect | None
    topics: tuple[TopicMoves, ...] = field(kw_only=True)
    mover: Mover | None = field(kw_only=True)
    missing: tuple[StepMissing, ...] = field(kw_only=True)
    acts: Mapping[str, int] | None = field(kw_only=True)


def find(record: Record) -> Findings:
    """Return what a record says in numbers."""
    can_vote = record.people and record.candidates and (record.ballots or record.epochs_ended)
    return Findings(
        measure_vote(record) if can_vote else None,
        measure_order(record),
        topics=measure_topics(record) if record.moves else (),
        mover=find_mover(record),
        missing=measure_missing(record),
        acts=count_acts(record),
    )


def measure_missing(record: Record) -> tuple[StepMissing, ...]:
    """Return what was refused, could not be read, failed or was skipped, step by step.

    The step with the most of it goes first; what was skipped came of other acts, and counts where all else is equal.
    """
    ballots = [Missing("ballot", b.status, b.reason) for b in record.ballots.values() if _is_missing(b.status)]
    everything = (*record.missing, *ballots)
    skipped = Counter(missing.step for missing in everything if missing.status == "skipped")
    steps = Counter(missing.step for missing in everything)
    order = sorted(steps, key=lambda step: (steps[step] - skipped[step], steps[step]), reverse=True)
    return tuple(_measure_step(step, [m for m in everything if m.step == step]) for step in order)


def count_acts(record: Record) -> Counter[str] | None:
    """Return how many acts ended how, or None if that was not measured."""
    return sum(record.acts.values(), Counter()) if record.acts is not None else None


def _is_missing(status: str) -> bool:
    return status in ("unreadable", "refused", "failed")


def _measure_step(step: str, missing: list[Missing]) -> StepMissing:
    reasons = Counter(m.reason for m in missing if m.reason and m.status == "failed")
    (reason, acts), *_ = [*reasons.most_common(1), ("", 0)]
    return StepMissing(step, Counter(m.status for m in missing), reason=reason, reason_acts=acts)
