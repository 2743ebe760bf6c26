"""How stances are distributed at each moment of a run, and the way one person went. Pure: a record in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...runs.directory import DECIMAL_PLACES
from ..numbers.opinions import STEPS, Stances, measure_stances
from ..record import Move, Record
from .flows import Group, group_ballot, group_choice
from .moments import OPENING, follow_stances


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the stances on a topic are distributed at one moment.

    Attributes:
        moment: `opening`, or the end of which epoch, in words.
        stances: number, mean, deviation and bins of everybody who has a stance then.
    """

    moment: str
    stances: Stances


@dataclass(frozen=True, slots=True)
class Point:
    """Where one step left one person on one topic.

    Attributes:
        position: number of the step among all steps of this person, from 0.
        move: what the step did.
    """

    position: int
    move: Move


@dataclass(frozen=True, slots=True)
class PersonCurve:
    """The way one person went.

    Attributes:
        persona_id: who.
        name: what the person is called.
        steps: epoch and name of every step that could move one of its beliefs, in the order of time.
        topics: topic id to where the steps left the person, in the order of time; every topic of the run.
        choices: where the person stood overall after each of `steps`.
        ballot: where its ballot put it; None: no ballot was held.
    """

    persona_id: str
    name: str
    steps: tuple[tuple[int, str], ...] = field(kw_only=True)
    topics: Mapping[str, tuple[Point, ...]] = field(kw_only=True)
    choices: tuple[Group, ...] = field(kw_only=True)
    ballot: Group | None = field(kw_only=True)


def measure_distributions(record: Record, topic_id: str) -> tuple[Distribution, ...]:
    """Return how the stances on a topic are distributed at the opening and at the end of every epoch."""
    return tuple(
        Distribution(then.moment, measure_stances(then.stances.values())) for then in follow_stances(record, topic_id)
    )


def follow_person(record: Record, persona_id: str) -> PersonCurve:
    """Return the way one person of the run went."""
    moves = [move for move in record.moves if move.persona_id == persona_id]
    steps = sorted({(move.epoch, move.step) for move in moves}, key=_rank)
    choices = {(move.epoch, move.step): move.first_choice for move in moves}
    points = [Point(steps.index((move.epoch, move.step)), move) for move in moves]
    points.sort(key=lambda point: point.position)
    return PersonCurve(
        persona_id,
        record.people[persona_id],
        steps=tuple(steps),
        topics={topic: tuple(point for point in points if point.move.topic_id == topic) for topic in record.topics},
        choices=tuple(group_choice(record, choices[step]) for step in steps),
        ballot=group_ballot(record, record.ballots.get(persona_id)) if record.ballots else None,
    )


def sum_by_step(points: Sequence[Point]) -> dict[str, float]:
    """Return by how much each kind of step moved a stance in all: step to the sum of its moves, without the opening."""
    sums: dict[str, float] = {}
    for move in (point.move for point in points):
        if move.before is not None and move.after is not None and move.step != OPENING:
            sums[move.step] = round(sums.get(move.step, 0.0) + move.after - move.before, DECIMAL_PLACES)
    return sums


def _rank(step: tuple[int, str]) -> tuple[int, int, str]:
    """Return the place of a step in the order of time; steps of a later version of this package end an epoch."""
    epoch, name = step
    known = (OPENING, *STEPS)
    return epoch, known.index(name) if name in known else len(known), name
