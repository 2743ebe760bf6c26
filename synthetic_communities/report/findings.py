"""What a record says in numbers. Pure: a record in, values out.

Means and standard deviations are those of the sample: the deviation divides by one less than the number of people.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..domain.ballot import MISSING_STATUSES
from ..runs.directory import DECIMAL_PLACES
from .record import Missing, Record

Choices: TypeAlias = Mapping[str, str | None]
"""Persona id to id of a candidate, or None."""

MOVED_BY = 0.1
"""Who ends further than this from where it began has moved."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people stand behind one candidate, or behind none.

    Attributes:
        name: of the candidate; empty: no first choice, or none that is known.
        before: people whose first choice it was at the opening; None: no opening opinions are recorded.
        after: people whose first choice it was at the end; None: no epoch has ended.
        ballots: people who voted for it, or for none; None: there was no ballot.
    """

    name: str
    before: int | None = field(kw_only=True)
    after: int | None = field(kw_only=True)
    ballots: int | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Vote:
    """Whom people preferred and chose. Every column counts everybody once.

    Attributes:
        candidates: in the order listed.
        undecided: whoever has no first choice, or none that is known.
        not_chosen: status to number of ballots, for every status but a choice, and `unrecorded` for people whose
            ballot is missing from the record.
        people: number of people in all.
        known_twice: number of people whose first choice is known both at the opening and at the end.
        changed: how many of them ended with another.
    """

    candidates: tuple[Tally, ...]
    undecided: Tally = field(kw_only=True)
    not_chosen: Mapping[str, int] = field(kw_only=True)
    people: int = field(kw_only=True)
    known_twice: int = field(kw_only=True)
    changed: int = field(kw_only=True)

    @property
    def was_held(self) -> bool:
        """Whether there was a ballot."""
        return self.undecided.ballots is not None

    @property
    def counted(self) -> int:
        """Number of people who answered: who chose a candidate, and who abstained."""
        return sum(tally.ballots or 0 for tally in self.candidates) + self.not_chosen["abstained"]


@dataclass(frozen=True, slots=True)
class Stances:
    """Where people stand on a topic at one moment.

    Attributes:
        people: how many have a stance.
        mean: in [-1, 1]; None if nobody has one.
        deviation: sample standard deviation; None if fewer than two have one.
    """

    people: int
    mean: float | None
    deviation: float | None


@dataclass(frozen=True, slots=True)
class TopicMoves:
    """How people moved on one topic.

    Attributes:
        title: of the topic.
        before: at the opening.
        after: at the end of what is recorded.
        moved: share of the people with a stance before and after who ended more than `MOVED_BY` from where they
            began, in [0, 1]; None if there are no such people.
        clamped: number of updates that the bound on one update cut short.
    """

    title: str
    before: Stances = field(kw_only=True)
    after: Stances = field(kw_only=True)
    moved: float | None = field(kw_only=True)
    clamped: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class StepMissing:
    """What is missing of one step.

    Attributes:
        step: what was to be done.
        statuses: status to number of acts.
        reason: the commonest; empty if none is recorded.
    """

    step: str
    statuses: Mapping[str, int]
    reason: str


def measure_vote(record: Record) -> Vote:
    """Return whom people preferred at the opening and at the end, and whom they chose."""
    before, after = _opening_choices(record), _closing_choices(record)
    chosen = {who: ballot.candidate_id for who, ballot in record.ballots.items()}
    pairs = _known_pairs(before or {}, after or {})
    tallies = [_tally(record, candidate_id, before, after, chosen) for candidate_id in (*record.candidates, None)]
    return Vote(
        tuple(tallies[:-1]),
        undecided=tallies[-1],
        not_chosen=_count_not_chosen(record),
        people=len(record.people),
        known_twice=len(pairs),
        changed=sum(one != other for one, other in pairs),
    )


def measure_topics(record: Record) -> tuple[TopicMoves, ...]:
    """Return how people moved on every topic, in the order of topics."""
    return tuple(_measure_topic(record, topic_id, title) for topic_id, title in record.topics.items())


def measure_missing(record: Record) -> tuple[StepMissing, ...]:
    """Return what was refused, could not be read, failed or was skipped, step by step, the most first."""
    ballots = [Missing("ballot", b.status, b.reason) for b in record.ballots.values() if _is_missing(b.status)]
    everything = (*record.missing, *ballots)
    steps = Counter(missing.step for missing in everything)
    return tuple(_measure_step(step, [m for m in everything if m.step == step]) for step, _ in steps.most_common())


def count_acts(record: Record) -> Counter[str] | None:
    """Return how many acts ended how, or None if that was not measured."""
    return sum(record.acts.values(), Counter()) if record.acts is not None else None


def measure_stances(stances: Iterable[float]) -> Stances:
    """Return number, mean and sample standard deviation."""
    values = list(stances)
    mean = statistics.fmean(values) if values else None
    return Stances(len(values), mean, statistics.stdev(values) if len(values) > 1 else None)


def _opening_choices(record: Record) -> Choices | None:
    choices = {move.persona_id: move.first_choice for move in record.moves if move.step == "opening"}
    return choices or None


def _closing_choices(record: Record) -> Choices | None:
    voted = {who: ballot.first_choice for who, ballot in record.ballots.items()}
    return voted or record.first_choices or None


def _known_pairs(before: Choices, after: Choices) -> list[tuple[str, str]]:
    pairs = [(choice, after.get(who)) for who, choice in before.items()]
    return [(one, other) for one, other in pairs if one is not None and other is not None]


def _tally(
    record: Record, candidate_id: str | None, before: Choices | None, after: Choices | None, chosen: Choices
) -> Tally:
    def count(choices: Choices | None) -> int | None:
        return sum(choices.get(who) == candidate_id for who in record.people) if choices else None

    name = record.candidates[candidate_id] if candidate_id is not None else ""
    return Tally(name, before=count(before), after=count(after), ballots=count(chosen))


def _count_not_chosen(record: Record) -> dict[str, int]:
    statuses = Counter(ballot.status for ballot in record.ballots.values())
    unrecorded = len(record.people) - len(record.ballots) if record.ballots else 0
    return {status: statuses[status] for status in MISSING_STATUSES} | {"unrecorded": unrecorded}


def _measure_topic(record: Record, topic_id: str, title: str) -> TopicMoves:
    moves = [move for move in record.moves if move.topic_id == topic_id]
    before = {m.persona_id: m.after for m in moves if m.step == "opening" and m.after is not None}
    after = {m.persona_id: m.after for m in moves if m.after is not None}
    distances = [round(abs(after[who] - stance), DECIMAL_PLACES) for who, stance in before.items()]
    return TopicMoves(
        title,
        before=measure_stances(before.values()),
        after=measure_stances(after.values()),
        moved=statistics.fmean(distance > MOVED_BY for distance in distances) if distances else None,
        clamped=sum(move.clamped for move in moves),
    )


def _is_missing(status: str) -> bool:
    return status in ("unreadable", "refused", "failed")


def _measure_step(step: str, missing: list[Missing]) -> StepMissing:
    reasons = Counter(m.reason for m in missing if m.reason and m.status != "skipped")
    commonest = reasons.most_common(1)
    return StepMissing(step, Counter(m.status for m in missing), commonest[0][0] if commonest else "")
