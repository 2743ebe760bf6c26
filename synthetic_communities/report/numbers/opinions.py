"""What a record says of stances, in numbers: where people stood, and how they moved. Pure: a record in, values out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...runs.directory import DECIMAL_PLACES
from ..record import Record
from .measures import (
    bimodality_coefficient,
    count_bins,
    esteban_ray,
    gross_change,
    group_stances,
    has_changed_side,
    mean,
    net_change,
    sample_deviation,
)
from .standpoints import closing_stances, opening_stances

MOVED_BY = 0.1
"""Who ends further than this from where it began has moved."""

STEPS = ("debate", "chat", "social")
"""What moves stances, in the order in which it takes place."""


@dataclass(frozen=True, slots=True)
class Stances:
    """Where people stand on a topic at one moment.

    Attributes:
        people: how many have a stance.
        mean: in [-1, 1]; None if nobody has one.
        deviation: sample standard deviation; None if fewer than two have one.
        bins: how many stand in each of `measures.BINS` equal parts of the axis, from against to for.
        bimodality: the bimodality coefficient, in (0, 1]; None if fewer than four have one, or all have the same.
        polarisation: Esteban and Ray's measure of the groups in these parts, in [0, 0.5]; None if nobody has one.
    """

    people: int
    mean: float | None
    deviation: float | None = field(kw_only=True)
    bins: tuple[int, ...] = field(kw_only=True)
    bimodality: float | None = field(kw_only=True)
    polarisation: float | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class TopicMoves:
    """How people moved on one topic.

    Attributes:
        topic_id: id of the topic.
        title: of the topic.
        in_favour: what stance +1 means, in words; empty where that is not said.
        before: at the opening.
        after: at the end of what is recorded.
        known_twice: number of people with a stance at both.
        moved: how many of them ended more than `MOVED_BY` from where they began.
        changed_side: how many of them went from for to against, or back.
        net_change: mean of their changes, in [-2, 2]; None if there are no such people.
        gross_change: mean of the sizes of their changes, in [0, 2]; None likewise.
        clamped: number of updates that the bound on one update cut short.
    """

    topic_id: str
    title: str
    in_favour: str = field(kw_only=True)
    before: Stances = field(kw_only=True)
    after: Stances = field(kw_only=True)
    known_twice: int = field(kw_only=True)
    moved: int = field(kw_only=True)
    changed_side: int = field(kw_only=True)
    net_change: float | None = field(kw_only=True)
    gross_change: float | None = field(kw_only=True)
    clamped: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Mover:
    """Who ended furthest from where it began, of all people and on all topics.

    Attributes:
        persona_id: who.
        topic_id: on what.
        title: of the topic.
        before: stance at the opening, in [-1, 1].
        after: stance at the end of what is recorded, likewise.
        by_step: how far debates, conversations (`chat`) and the feed (`social`) moved it, over all epochs. They sum to
            the whole change, unless lines of the record are damaged.
    """

    persona_id: str
    topic_id: str
    title: str = field(kw_only=True)
    before: float = field(kw_only=True)
    after: float = field(kw_only=True)
    by_step: Mapping[str, float] = field(kw_only=True)


def measure_topics(record: Record) -> tuple[TopicMoves, ...]:
    """Return how people moved on every topic, in the order of topics."""
    return tuple(_measure_topic(record, topic_id, title) for topic_id, title in record.topics.items())


def measure_stances(stances: Iterable[float]) -> Stances:
    """Return what can be said of where people stand."""
    values = list(stances)
    return Stances(
        len(values),
        mean(values),
        deviation=sample_deviation(values),
        bins=count_bins(values),
        bimodality=bimodality_coefficient(values),
        polarisation=esteban_ray(group_stances(values)) if values else None,
    )


def find_mover(record: Record) -> Mover | None:
    """Return who moved most; None if nobody has moved. Of equals the first in the order of people, then of topics."""
    places = {who: place for place, who in enumerate(record.people)}
    found = max(_changes(record), key=lambda change: (change[0], -places[change[1]], -change[2]), default=None)
    if found is None or not found[0]:
        return None
    _, who, place = found
    topic_id = list(record.topics)[place]
    return Mover(
        who,
        topic_id,
        title=record.topics[topic_id],
        before=opening_stances(record, topic_id)[who],
        after=closing_stances(record, topic_id)[who],
        by_step=_split_by_step(record, who, topic_id),
    )


def _changes(record: Record) -> Iterator[tuple[float, str, int]]:
    """Yield the size of every change, whose it is, and the place of its topic."""
    for place, topic_id in enumerate(record.topics):
        after = closing_stances(record, topic_id)
        for who, stance in opening_stances(record, topic_id).items():
            yield _distance(stance, after[who]), who, place


def _split_by_step(record: Record, who: str, topic_id: str) -> dict[str, float]:
    moved = dict.fromkeys(STEPS, 0.0)
    for move in record.moves:
        is_of_it = (move.persona_id, move.topic_id) == (who, topic_id) and move.step != "opening"
        if is_of_it and move.before is not None and move.after is not None:
            moved[move.step] = round(moved.get(move.step, 0.0) + move.after - move.before, DECIMAL_PLACES)
    return moved


def _measure_topic(record: Record, topic_id: str, title: str) -> TopicMoves:
    before, after = opening_stances(record, topic_id), closing_stances(record, topic_id)
    earlier, later = list(before.values()), [after[who] for who in before]
    pairs = list(zip(earlier, later, strict=True))
    return TopicMoves(
        topic_id,
        title,
        in_favour=record.in_favour.get(topic_id, ""),
        before=measure_stances(earlier),
        after=measure_stances(after.values()),
        known_twice=len(pairs),
        moved=sum(_distance(one, other) > MOVED_BY for one, other in pairs),
        changed_side=sum(has_changed_side(one, other) for one, other in pairs),
        net_change=net_change(earlier, later),
        gross_change=gross_change(earlier, later),
        clamped=sum(move.clamped for move in record.moves if move.topic_id == topic_id),
    )


def _distance(before: float, after: float) -> float:
    return round(abs(after - before), DECIMAL_PLACES)
