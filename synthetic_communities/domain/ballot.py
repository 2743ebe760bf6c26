"""Ballots, and counting them so that everybody is counted once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from .outcome import Answer, Done, NotAsked, Refused, Unreadable
from .scene import Scene

BallotStatus = Literal["choice", "abstained", "unreadable", "refused", "failed", "not_asked"]
MISSING_STATUSES: tuple[BallotStatus, ...] = get_args(BallotStatus)[1:]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person answers when asked to vote.

    Attributes:
        candidate_id: who gets the vote; None: abstains.
        reason: why, in words.
        first_choice: id of the candidate preferred, even by who abstains; None if there is none.
    """

    candidate_id: str | None
    reason: str = ""
    first_choice: str | None = None


@dataclass(frozen=True, slots=True)
class Ballot:
    """One person's ballot, or why there is none.

    Attributes:
        persona_id: whose.
        status: what became of it.
        candidate_id: who got the vote, where status is `choice`.
        candidate_name: the same, for reading.
        order_shown: ids of the candidates in the order this person saw them.
        reason: the person's words; else why there is no ballot.
        raw_text: the answer as it came, where status is `unreadable`.
        first_choice: id of the candidate preferred, even by who abstains.
    """

    persona_id: str
    status: BallotStatus
    candidate_id: str | None = field(default=None, kw_only=True)
    candidate_name: str | None = field(default=None, kw_only=True)
    order_shown: tuple[str, ...] = field(default=(), kw_only=True)
    reason: str = field(default="", kw_only=True)
    raw_text: str | None = field(default=None, kw_only=True)
    first_choice: str | None = field(default=None, kw_only=True)


def build_ballot(
    persona_id: str, answer: Answer[Choice], scene: Scene, *, order_shown: tuple[str, ...], preferred: str | None
) -> Ballot:
    """Return the ballot an answer makes; without an answer, one that says why.

    Args:
        persona_id: whose.
        answer: what was answered.
        scene: where the candidates' names stand.
        order_shown: ids of the candidates in the order shown.
        preferred: id of the candidate preferred before voting, or None.
    """
    match answer:
        case Done(choice):
            return Ballot(
                persona_id,
                "abstained" if choice.candidate_id is None else "choice",
                candidate_id=choice.candidate_id,
                candidate_name=scene.candidate_name(choice.candidate_id),
                order_shown=order_shown,
                reason=choice.reason,
                first_choice=choice.first_choice or choice.candidate_id or preferred,
            )
        case Unreadable(text):
            return Ballot(persona_id, "unreadable", order_shown=order_shown, raw_text=text, first_choice=preferred)
        case Refused():
            return Ballot(persona_id, "refused", order_shown=order_shown, first_choice=preferred)
        case NotAsked(reason):
            return Ballot(persona_id, "not_asked", order_shown=order_shown, reason=reason, first_choice=preferred)
        case failed:
            return Ballot(persona_id, "failed", order_shown=order_shown, reason=failed.kind, first_choice=preferred)


class VoteCounts(dict[str, int]):
    """Candidate name to votes, with exactly the candidates as keys; beside it everybody who chose nobody.

    Always: sum of the values + abstained + unreadable + refused + failed + not_asked = population.

    Attributes:
        abstained, unreadable, refused, failed, not_asked: numbers of people.
        population: number of people in all.
    """

    def __init__(self, candidate_names: Iterable[str], ballots: Iterable[Ballot]) -> None:
        ballots = tuple(ballots)
        chosen = Counter(ballot.candidate_name for ballot in ballots if ballot.status == "choice")
        super().__init__({name: chosen[name] for name in candidate_names})
        missing = Counter(ballot.status for ballot in ballots)
        self.abstained = missing["abstained"]
        self.unreadable = missing["unreadable"]
        self.refused = missing["refused"]
        self.failed = missing["failed"]
        self.not_asked = missing["not_asked"]
        self.population = len(ballots)

    @property
    def counted(self) -> int:
        """Number of people who answered: who chose a candidate, and who abstained."""
        return sum(self.values()) + self.abstained
