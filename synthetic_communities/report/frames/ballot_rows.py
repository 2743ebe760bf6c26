"""Plain rows of how people voted: a row a ballot, and the count."""

from collections import Counter

from ...domain.ballot import MISSING_STATUSES
from ...runs.directory import BALLOTS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..ballot_box import BallotBox
from ..record import Record
from ..roster import read_roster
from .plain_rows import PlainRow, mend_text, take_any_text, take_text, take_texts


def read_ballots(files: RunFiles) -> list[PlainRow]:
    """Return a row for each person, in the order of people."""
    roster = read_roster(files.metadata)
    box = BallotBox(roster.people, roster.candidates)

    def read(row: Row) -> PlainRow:
        """Return the row of a ballot; a second one of the same person, or one that cannot be, is damage."""
        box.add(row)
        return _ballot(row)

    return list(files.each(BALLOTS, read))


def _ballot(row: Row) -> PlainRow:
    return {
        "persona_id": take_text(row, "id"),
        "status": take_text(row, "status"),
        "candidate_id": take_any_text(row, "candidate_id"),
        "candidate_name": take_any_text(row, "candidate_name"),
        "order_shown": take_texts(row, "order_shown"),
        "first_choice": take_any_text(row, "first_choice"),
        "reason": take_text(row, "reason"),
        "raw_text": take_any_text(row, "raw_text"),
        "source": take_any_text(row, "source"),
        "mind": take_text(row, "mind"),
    }


def count_votes(record: Record) -> list[PlainRow]:
    """Return a row for every candidate, and one for every other way a ballot can end: everybody is in one of them."""
    if not record.ballots:
        return []
    chosen = Counter(ballot.candidate_id for ballot in record.ballots.values())
    statuses = Counter[str](ballot.status for ballot in record.ballots.values())
    statuses["unrecorded"] = len(record.people) - len(record.ballots)
    candidates = [("choice", who, name, chosen[who]) for who, name in record.candidates.items()]
    others = [(status, "", "", statuses[status]) for status in (*MISSING_STATUSES, "unrecorded")]
    return [
        {"status": status, "candidate_id": mend_text(who), "candidate_name": mend_text(name), "ballots": ballots}
        for status, who, name, ballots in (*candidates, *others)
    ]
