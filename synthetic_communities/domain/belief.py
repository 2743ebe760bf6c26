"""What a person believes, and how far one update may move it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from .outcome import Status

BeliefStatus = Status | Literal["not_stated"]


@dataclass(frozen=True, slots=True)
class Belief:
    """What a person believes about one topic.

    Attributes:
        topic_id: the topic.
        sentence: the belief in words.
        stance: in [-1, 1], from against to for; None if not known, as after a script assigned a plain string.
        vote: id of the candidate preferred on this topic, or None.
        drawn: True if the stance rests on a prior drawn from the seed, for want of one in the person's attributes.
    """

    topic_id: str
    sentence: str
    stance: float | None = field(default=None, kw_only=True)
    vote: str | None = field(default=None, kw_only=True)
    drawn: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a person believes about all topics, as stated at one moment.

    Attributes:
        beliefs: one a topic; a topic left out was not stated.
        first_choice: id of the candidate preferred overall, or None.
    """

    beliefs: tuple[Belief, ...]
    first_choice: str | None = None


@dataclass(frozen=True, slots=True)
class BeliefChange:
    """What one step did to one person's belief about one topic.

    Attributes:
        topic_id: the topic.
        before: the stance before, None if there was none.
        asked_for: the stance the mind asked for, None if it stated none.
        after: the stance after.
        clamped: True if `max_change_percentage` kept `after` from what was asked for.
        belief: the belief afterwards, None if there is none.
        status: how the step ended for this topic.
        reason: why there was no update; empty if there was one.
    """

    topic_id: str
    before: float | None = field(kw_only=True)
    asked_for: float | None = field(kw_only=True)
    after: float | None = field(kw_only=True)
    clamped: bool = field(kw_only=True)
    belief: Belief | None = field(kw_only=True)
    status: BeliefStatus = field(kw_only=True)
    reason: str = field(default="", kw_only=True)


def clamp_stance(before: float | None, asked_for: float | None, max_change_share: float) -> float | None:
    """Return `asked_for`, moved as little as needed to lie within the axis and the bound on one update.

    The bound is |after - before| <= 2 * max_change_share: the axis is 2 long, the setting is a share of it.
    Without a stance before there is nothing to bound against.
    """
    if asked_for is None:
        return before
    low, high = -1.0, 1.0
    if before is not None:
        reach = 2 * max_change_share
        low, high = max(low, before - reach), min(high, before + reach)
    return min(max(asked_for, low), high)


def change_belief(topic_id: str, old: Belief | None, new: Belief | None, max_change_share: float) -> BeliefChange:
    """Return the change from `old` to `new` under the bound on one update; `new` is None if none was stated."""
    before = old.stance if old else None
    if new is None:
        return keep_belief(topic_id, old, "not_stated", "the answer said nothing about this topic")
    after = clamp_stance(before, new.stance, max_change_share)
    return BeliefChange(
        topic_id,
        before=before,
        asked_for=new.stance,
        after=after,
        clamped=new.stance is not None and after != new.stance,
        belief=new if after == new.stance else replace(new, stance=after),
        status="done",
    )


def keep_belief(topic_id: str, old: Belief | None, status: BeliefStatus, reason: str) -> BeliefChange:
    """Return the change that leaves `old` as it was, with why."""
    stance = old.stance if old else None
    return BeliefChange(
        topic_id,
        before=stance,
        asked_for=None,
        after=stance,
        clamped=False,
        belief=old,
        status=status,
        reason=reason,
    )


def change_beliefs(
    topic_ids: Iterable[str], held: Iterable[Belief], stated: Iterable[Belief], max_change_share: float
) -> tuple[BeliefChange, ...]:
    """Return the change of every topic when these beliefs are stated, under the bound on one update."""
    old = {belief.topic_id: belief for belief in held}
    new = {belief.topic_id: belief for belief in stated}
    return tuple(change_belief(topic, old.get(topic), new.get(topic), max_change_share) for topic in topic_ids)


def keep_beliefs(
    topic_ids: Iterable[str], held: Iterable[Belief], status: BeliefStatus, reason: str
) -> tuple[BeliefChange, ...]:
    """Return the changes that leave every topic as it was, with why."""
    old = {belief.topic_id: belief for belief in held}
    return tuple(keep_belief(topic, old.get(topic), status, reason) for topic in topic_ids)
