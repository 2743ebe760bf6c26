"""Plain rows of what was refused, could not be read, failed or was skipped, and of the calls made for it."""

from ...domain.key import ballot_key
from ...runs.directory import BALLOTS, EPOCHS, FAILED_CALLS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..ballot_box import BallotBox
from ..roster import read_roster
from .plain_rows import PlainRow, mend_text, take_any_text, take_text, take_texts

FAILED_BALLOTS = ("refused", "unreadable", "failed")

PARAGRAPHS = "\n\n"
"""What stands between the parts of a request that were sent as texts of their own."""


def read_failures(files: RunFiles) -> list[PlainRow]:
    """Return a row for every act that was refused, could not be read, failed or was skipped, ballots last."""
    acts = [row for epoch in files.each(EPOCHS, _failures) for row in epoch]
    roster = read_roster(files.metadata)
    box = BallotBox(roster.people, roster.candidates)
    last_epoch = max(0, roster.epochs - 1)

    def read(row: Row) -> list[PlainRow]:
        """Return the row of a ballot that failed, none of any other; a second one of a person is damage."""
        box.add(row)
        return [_failed_ballot(row, last_epoch)] if row.text("status") in FAILED_BALLOTS else []

    return acts + [row for ballot in files.each(BALLOTS, read) for row in ballot]


def _failures(epoch: Row) -> list[PlainRow]:
    number = epoch.whole_number("epoch")
    return [
        {"epoch": number, "task": take_text(row, "task"), "step": take_text(row, "step"), **_how_it_ended(row)}
        for row in epoch.rows("failures")
    ]


def _failed_ballot(row: Row, epoch: int) -> PlainRow:
    return {"epoch": epoch, "task": mend_text(ballot_key(row.text("id"))), "step": "ballot", **_how_it_ended(row)}


def _how_it_ended(row: Row) -> PlainRow:
    return {
        "status": take_text(row, "status"),
        "reason": take_text(row, "reason"),
        "raw_text": take_any_text(row, "raw_text"),
    }


def read_failed_calls(files: RunFiles) -> list[PlainRow]:
    """Return a row for every try of every call of a model that was made for an act without an answer."""
    return list(files.each(FAILED_CALLS, _failed_call))


def _failed_call(row: Row) -> PlainRow:
    return {
        "task": take_text(row, "task"),
        "act": take_text(row, "act"),
        "attempt": row.whole_number("attempt"),
        "tries": row.whole_number("tries"),
        "outcome": take_text(row, "outcome"),
        "model": take_any_text(row, "model"),
        "cost_usd": row.number_or_none("cost_usd") if "cost_usd" in row.values else None,  # as of earlier runs
        "system": PARAGRAPHS.join(take_texts(row, "system")),
        "user": PARAGRAPHS.join(take_texts(row, "user")),
        "reply": take_any_text(row, "reply"),
        "error": take_any_text(row, "error"),
    }
