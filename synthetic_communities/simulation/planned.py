"""Replicates that are laid out in a folder before any of them starts: what they share, and what was not laid out."""

from pathlib import Path

from ..errors import RecordError
from ..llm.journal.journal import JOURNAL
from ..llm.journal.shared import SharedOpening
from ..runs.directory import EPOCHS, INPUTS, METADATA, PLAN, REPLICATES_FOLDER
from ..runs.plan import Plan


def share_opening(plan: Plan | None, runs: int, cache: Path | None = None) -> SharedOpening | None:
    """Return what runs done side by side share with all in their folder; None: nothing.

    Args:
        plan: which runs stand in the folder; None: nothing says so, and they are not known to belong together.
        runs: how many are done now.
        cache: the file of answers that other runs share, too; None: none.

    Raises:
        RecordError: a run directory is a link that leads out of the folder.
    """
    if plan is None or not plan.shares_opening:
        return None
    journals = [path / JOURNAL for path in plan.find_paths().values()]
    return SharedOpening(runs, replicate=min(plan.runs), journals=journals, cache=cache)


def refuse_unprepared(folder: Path) -> None:
    """Return unless this is a folder of replicates that were broken off before there was anything to go on with.

    Raises:
        RecordError: it is; the message says what to do.
    """
    if any((folder / name).is_file() for name in (PLAN, INPUTS, METADATA)):
        return
    runs = [path for path in folder.glob("run_*") if path.is_dir()]
    is_one = bool(runs) or folder.name.startswith(REPLICATES_FOLDER)
    if is_one and not any((path / name).is_file() for path in runs for name in (JOURNAL, EPOCHS)):
        raise RecordError(
            f"{folder} was broken off before all of its runs were laid out: none had begun, no model was asked, and "
            "nothing is lost. Delete it, and run again"
        )
