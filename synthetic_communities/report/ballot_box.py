"""The ballots of a run as they are read: everybody has at most one, and only ballots that can be are taken."""

from collections.abc import Container
from typing import get_args

from ..domain.ballot import MISSING_STATUSES, BallotStatus
from ..errors import RecordError
from ..runs.row import Row
from .record import CastBallot


class BallotBox:
    """Takes ballots line by line.

    Attributes:
        ballots: persona id to ballot, of those taken so far.
    """

    def __init__(self, people: Container[str], candidates: Container[str]) -> None:
        """Take the ids of everybody in the run."""
        self.ballots: dict[str, CastBallot] = {}
        self._people = people
        self._candidates = candidates

    def add(self, row: Row) -> None:
        """Take a ballot.

        Raises:
            RecordError: it is damaged, its owner has one already or is nobody of the run, or it cannot be.
        """
        who, ballot = row.text("id"), _read_ballot(row)
        if who in self.ballots or who not in self._people:
            raise RecordError(f"{row.place}: {who!r} has two ballots, or is nobody of the run")
        if not is_possible(ballot, self._candidates):
            raise RecordError(f"{row.place}: the ballot of {who!r} cannot be: {ballot.status}, {ballot.candidate_id!r}")
        self.ballots[who] = ballot


def is_possible(ballot: CastBallot, candidates: Container[str]) -> bool:
    """Say whether a ballot's status and candidates exist, and whether it names one if and only if one was chosen."""
    if any(named not in candidates for named in (ballot.candidate_id, ballot.first_choice) if named is not None):
        return False
    return ballot.status == "choice" if ballot.candidate_id is not None else ballot.status in MISSING_STATUSES


def _read_ballot(row: Row) -> CastBallot:
    status, reason = row.choice("status", get_args(BallotStatus)), row.text("reason")
    return CastBallot(
        status,
        candidate_id=row.text_or_none("candidate_id"),
        order_shown=row.texts("order_shown"),
        first_choice=row.text_or_none("first_choice"),
        reason="" if status in ("choice", "abstained") else reason,  # the words of who answered are many
    )
