"""How to go on with what was broken off, where that can help."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SyntheticCommunitiesError
from ..simulation.kept.inputs import load_inputs, refuse_not_kept

if TYPE_CHECKING:
    from ..report.record import Record

CORRECTED = "Correct the configuration and begin another run."
"""What is said in place of how to go on, where going on would end in the same way."""

WAY = "To go on: "
"""What stands before the command."""

WAYS = {"stopped": "To go on, with a larger limit: ", None: "To go on, if it was killed: "}
"""How a run ended to what stands before the command, where there is more to say than `WAY`."""


def describe_going_on(path: Path, command: str, *, change: str = "", wants_correction: bool = False) -> str:
    """Return how to go on with a run, or with several in a folder; where that cannot help, what to do instead.

    Args:
        path: the run directory, or the folder.
        command: what was typed to start this program.
        change: the option without which it would end there again, after a space.
        wants_correction: whether it would end there again in any case, as settings are wrong.
    """
    return CORRECTED if wants_correction else f"To go on:  {command} resume {shlex.quote(str(path))}{change}"


def advise_later(path: Path, record: Record, command: str) -> list[str]:
    """Return how to go on with a run that is looked at later; nothing if it is complete or cannot be gone on with."""
    if record.status == "complete":
        return []
    if record.wants_correction:
        return ["", CORRECTED]
    with suppress(SyntheticCommunitiesError, OSError):
        refuse_not_kept(path)
        if not load_inputs(path).is_replay:
            way = WAYS.get(record.status, WAY)
            return ["", f"{way} {command} resume {shlex.quote(str(path))}"]
    return []


def advise_later_together(folder: Path, records: Sequence[Record], command: str) -> str:
    """Return how to go on with several runs that are looked at later, on a line; empty if all are complete."""
    partial = [record for record in records if record.status != "complete"]
    if not partial:
        return ""
    if any(record.wants_correction for record in partial):
        return f"{CORRECTED}\n"
    was_stopped = any(record.status == "stopped" for record in partial)
    return f"{WAYS['stopped'] if was_stopped else WAY} {command} resume {shlex.quote(str(folder))}\n"
