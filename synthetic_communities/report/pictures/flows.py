"""How first choices flow from moment to moment of a run, and at last into the ballots. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from ...domain.ballot import MISSING_STATUSES
from ..record import CastBallot, Record
from .moments import BALLOT, choose_evenly, follow_choices

UNDECIDED = "undecided"
UNRECORDED = "unrecorded"
OTHERS = "others"

GROUPS: Mapping[str, str] = {
    OTHERS: "other candidates",
    UNDECIDED: "no first choice",
    **{status: status.replace("_", " ") for status in MISSING_STATUSES},
    UNRECORDED: "not recorded",
}
"""What people are called at a moment who stand behind no candidate shown."""


@dataclass(frozen=True, slots=True)
class Group:
    """People who stand together at a moment.

    Attributes:
        kind: `candidate`, or a key of `GROUPS`.
        name: what they are called: by the name of their candidate, or in words.
        candidate_id: whom they stand behind, where kind is `candidate`.
    """

    kind: str
    name: str
    candidate_id: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """How many people stood where at one moment.

    Attributes:
        moment: `opening`, the end of which epoch, or `ballot`.
        people: number of people by group; those of all groups are everybody.
    """

    moment: str
    people: Counter[Group]


@dataclass(frozen=True, slots=True)
class ChoiceFlows:
    """How first choices flowed.

    Attributes:
        groups: of any stage, in the order in which they are to stand: candidates as listed, then the others.
        stages: in the order of time.
        flows: from each stage to the next, how many people went from which group to which.
        people: number of people in all.
        moments: number of moments in the record; `stages` has all of them, or some at even distances.
    """

    groups: tuple[Group, ...]
    stages: tuple[Stage, ...] = field(kw_only=True)
    flows: tuple[Counter[tuple[Group, Group]], ...] = field(kw_only=True)
    people: int = field(kw_only=True)
    moments: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Band:
    """People who went from one group at a stage to one group at the next, stacked on others.

    Attributes:
        origin: where they stood.
        target: where they went.
        people: how many.
        bottom: number of people they are stacked on at the earlier stage.
        next_bottom: likewise at the later one.
    """

    origin: Group
    target: Group
    people: int = field(kw_only=True)
    bottom: int = field(kw_only=True)
    next_bottom: int = field(kw_only=True)


def measure_flows(record: Record, *, most_stages: int, most_candidates: int) -> ChoiceFlows:
    """Return how first choices flowed from moment to moment, and into the ballots.

    Args:
        record: the run.
        most_stages: number of moments, 3 at least; of more, the ballots, the first, the last before them, and others at
            even distances are taken.
        most_candidates: number of candidates, 2 at least; of more, those with the fewest behind them are one group.
    """
    moments, ballots = _group_moments(record), _group_ballots(record)
    chosen = _fold(record, [*choose_evenly(moments, most_stages - len(ballots)), *ballots], most_candidates)
    stages = tuple(Stage(name, Counter(groups[who] for who in record.people)) for name, groups in chosen)
    flows = tuple(Counter((one[who], other[who]) for who in record.people) for (_, one), (_, other) in pairwise(chosen))
    groups = order_groups(record, (group for stage in stages for group in stage.people))
    return ChoiceFlows(groups, stages=stages, flows=flows, people=len(record.people), moments=len(moments + ballots))


def stack_groups(flows: ChoiceFlows, stage: int) -> dict[Group, int]:
    """Return on how many people each group is stacked at a stage; the first group stands on all others."""
    bottoms, height = {}, 0
    for group in reversed(flows.groups):
        bottoms[group] = height
        height += flows.stages[stage].people[group]
    return bottoms


def stack_bands(flows: ChoiceFlows, stage: int) -> list[Band]:
    """Return who went where from a stage to the next; the bands fill the groups at both, and do not overlap there."""
    lefts, rights = stack_groups(flows, stage), stack_groups(flows, stage + 1)
    bands = []
    for origin in lefts:
        for target in rights:
            people = flows.flows[stage][origin, target]
            if people:
                bands.append(Band(origin, target, people=people, bottom=lefts[origin], next_bottom=rights[target]))
            lefts[origin] += people
            rights[target] += people
    return bands


def group_choice(record: Record, candidate_id: str | None) -> Group:
    """Return where somebody stands whose first choice is this candidate, or nobody."""
    return _candidate(record, candidate_id) if candidate_id is not None else _other(UNDECIDED)


def group_ballot(record: Record, ballot: CastBallot | None) -> Group:
    """Return where somebody stands with this ballot, or with none on record."""
    if ballot is None:
        return _other(UNRECORDED)
    return _candidate(record, ballot.candidate_id) if ballot.candidate_id is not None else _other(ballot.status)


def order_groups(record: Record, groups: Iterable[Group]) -> tuple[Group, ...]:
    """Return groups, each once, in the order in which they are to stand: candidates as listed, then the others."""
    candidates, kinds = [None, *record.candidates], ["candidate", *GROUPS]
    return tuple(sorted(set(groups), key=lambda group: (kinds.index(group.kind), candidates.index(group.candidate_id))))


_Moment: TypeAlias = tuple[str, dict[str, Group]]
"""A moment, and where everybody stood then."""


def _group_moments(record: Record) -> list[_Moment]:
    groups = {who: group_choice(record, who) for who in (None, *record.candidates)}
    return [
        (then.moment, {who: groups[then.choices.get(who)] for who in record.people}) for then in follow_choices(record)
    ]


def _group_ballots(record: Record) -> list[_Moment]:
    groups = {who: group_ballot(record, record.ballots.get(who)) for who in record.people}
    return [(BALLOT, groups)] if record.ballots else []


def _fold(record: Record, moments: Sequence[_Moment], most_candidates: int) -> list[_Moment]:
    """Return the moments with at most so many groups of candidates, `OTHERS` included."""
    if len(record.candidates) <= most_candidates:
        return list(moments)
    peaks: Counter[str | None] = Counter()
    for _, groups in moments:
        peaks |= Counter(group.candidate_id for group in groups.values() if group.candidate_id is not None)
    kept = sorted(record.candidates, key=lambda who: -peaks[who])[: most_candidates - 1]
    others = Group(OTHERS, f"{len(record.candidates) - len(kept)} {GROUPS[OTHERS]}")

    def fold(group: Group) -> Group:
        """Return the group, or that of all others where it is a candidate who gets no band."""
        return others if group.kind == "candidate" and group.candidate_id not in kept else group

    return [(name, {who: fold(group) for who, group in groups.items()}) for name, groups in moments]


def _candidate(record: Record, candidate_id: str) -> Group:
    return Group("candidate", record.candidates[candidate_id], candidate_id=candidate_id)


def _other(kind: str) -> Group:
    return Group(kind, GROUPS[kind])
