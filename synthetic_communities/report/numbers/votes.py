"""What a record says of first choices and ballots, in numbers. Pure: a record in, values out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...domain.ballot import MISSING_STATUSES
from ..record import Record
from .measures import pedersen_index, place_shares, share_changed
from .standpoints import Choices, closing_choices, opening_choices


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people stand behind one candidate, or behind none.

    Attributes:
        name: of the candidate; empty: no first choice, or none that is known.
        candidate_id: id of the candidate; None: this is nobody's, or that of several together.
        before: people whose first choice it was at the opening; None: no opening opinions are recorded.
        after: people whose first choice it was at the end; None: no epoch has ended.
        ballots: people who voted for it, or for none; None: there was no ballot.
    """

    name: str
    candidate_id: str | None = None
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
        changed: how many of them ended with another: the gross movement.
        net_change: how many of them would have had to, for the candidates to end where they did: the net movement.
        share_changed: `changed` as a share of `known_twice`, in [0, 1]; None of nobody.
        pedersen: `net_change` likewise: Pedersen's index of their first choices.
    """

    candidates: tuple[Tally, ...]
    undecided: Tally = field(kw_only=True)
    not_chosen: Mapping[str, int] = field(kw_only=True)
    people: int = field(kw_only=True)
    known_twice: int = field(kw_only=True)
    changed: int = field(kw_only=True)
    net_change: int = field(kw_only=True)
    share_changed: float | None = field(kw_only=True)
    pedersen: float | None = field(kw_only=True)

    @property
    def was_held(self) -> bool:
        """Whether there was a ballot."""
        return self.undecided.ballots is not None

    @property
    def counted(self) -> int:
        """Number of people who answered: who chose a candidate, and who abstained."""
        return sum(tally.ballots or 0 for tally in self.candidates) + self.not_chosen["abstained"]


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """Whether the place a candidate is shown in goes with being chosen.

    Attributes:
        choices: number of ballots with a choice.
        shares: share of them that fell on who was shown first, second and so on, in [0, 1].
        expected: what each would be if the order were nothing to people: one by the number of places.
        first_place_excess: the first share less what is expected.
    """

    choices: int
    shares: tuple[float, ...]
    expected: float = field(kw_only=True)
    first_place_excess: float = field(kw_only=True)


def measure_vote(record: Record) -> Vote:
    """Return whom people preferred at the opening and at the end, and whom they chose."""
    before, after = opening_choices(record), closing_choices(record)
    chosen = {who: ballot.candidate_id for who, ballot in record.ballots.items()}
    earlier, later = _known_twice(before or {}, after or {})
    pedersen = pedersen_index(*(_count(choices, record) for choices in (earlier, later)))
    tallies = [_tally(record, candidate_id, before, after, chosen) for candidate_id in (*record.candidates, None)]
    return Vote(
        tuple(tallies[:-1]),
        undecided=tallies[-1],
        not_chosen=_count_not_chosen(record),
        people=len(record.people),
        known_twice=len(earlier),
        changed=sum(one != other for one, other in zip(earlier, later, strict=True)),
        net_change=round((pedersen or 0) * len(earlier)),
        share_changed=share_changed(earlier, later),
        pedersen=pedersen,
    )


def measure_order(record: Record) -> OrderEffect | None:
    """Return how choices went by the place candidates were shown in; None if nobody chose one that is recorded."""
    chosen = [(ballot.candidate_id, ballot.order_shown) for ballot in record.ballots.values()]
    places = [order.index(who) for who, order in chosen if who is not None and who in order]
    if not places:
        return None
    shares = place_shares(places, max(len(order) for _, order in chosen))
    expected = 1 / len(shares)
    return OrderEffect(len(places), shares, expected=expected, first_place_excess=shares[0] - expected)


def _known_twice(before: Choices, after: Choices) -> tuple[list[str], list[str]]:
    """Return the choices before and after of those of whom both are known, in the same order."""
    pairs = [(choice, after.get(who)) for who, choice in before.items()]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    return [one for one, _ in known], [other for _, other in known]


def _count(choices: list[str], record: Record) -> list[int]:
    counts = Counter(choices)
    return [counts[candidate_id] for candidate_id in record.candidates]


def _tally(
    record: Record, candidate_id: str | None, before: Choices | None, after: Choices | None, chosen: Choices
) -> Tally:
    def count(choices: Choices | None) -> int | None:
        """Return how many chose the candidate, or nobody; None: choices of that time are not recorded."""
        return sum(choices.get(who) == candidate_id for who in record.people) if choices else None

    name = record.candidates[candidate_id] if candidate_id is not None else ""
    return Tally(name, candidate_id, before=count(before), after=count(after), ballots=count(chosen))


def _count_not_chosen(record: Record) -> dict[str, int]:
    statuses = Counter(ballot.status for ballot in record.ballots.values())
    unrecorded = len(record.people) - len(record.ballots) if record.ballots else 0
    return {status: statuses[status] for status in MISSING_STATUSES} | {"unrecorded": unrecorded}
