"""Acts that came to nothing, as stories and transcripts mention them."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...runs.row import Row
from ..steps import STEP_OF_ACT
from ..text import clean_text

ACT_OF_STEP = {step: act for act, step in STEP_OF_ACT.items()}

NOTHING_MORE = "no reason is recorded"


@dataclass(frozen=True, slots=True)
class MissingAct:
    """An act that was refused, could not be read, failed or was skipped.

    Attributes:
        task: key of the task.
        step: what was to be done.
        status: how it ended.
        reason: why, in a word or two; of what was skipped, the key of the act that caused it.
        raw_text: the answer as it came, where it could not be read; else empty.
    """

    task: str
    step: str
    status: str
    reason: str
    raw_text: str


def read_missing(epoch: Row) -> Iterator[MissingAct]:
    """Yield the acts of an epoch that came to nothing, ballots apart, from a line of `epochs.jsonl`."""
    for row in epoch.rows("failures"):
        yield MissingAct(
            row.text("task"),
            row.text("step"),
            row.text("status"),
            row.text("reason"),
            row.text_or_none("raw_text") or "",
        )


def name_act(step: str) -> str:
    """Return what one act of a step is called; a step of a later version of this package goes by its own name."""
    return ACT_OF_STEP.get(step, clean_text(step))


def spell_status(status: str, reason: str) -> str:
    """Return how an act ended, and why: `failed (timeout)`."""
    words = status.replace("_", " ")
    if not reason:
        return words
    return f"{words} because of {reason}" if status == "skipped" else f"{words} ({reason})"
