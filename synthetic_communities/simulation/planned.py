"""What replicates in one folder share."""

from pathlib import Path

from ..llm.journal.journal import JOURNAL
from ..llm.journal.shared import SharedOpening
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
