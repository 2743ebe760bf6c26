"""What no schedule can beat: the longest chain of replies, and all replies shared among the places. Pure arithmetic."""

from collections.abc import Iterable, Mapping

from ..engine.ledger import Task


def measure_critical_path(tasks: Iterable[Task], seconds: Mapping[str, float]) -> float:
    """Return how long the longest chain of tasks takes that have to follow one another.

    Args:
        tasks: a plan in which everything stands behind what it waits for.
        seconds: key to how long a task takes; 0 where there is none.
    """
    ends: dict[str, float] = {}
    for task in tasks:
        begins = max((ends[key] for key in (*task.waits_for, *task.needs, *task.needs_any)), default=0.0)
        ends[task.key] = begins + seconds.get(task.key, 0.0)
    return max(ends.values(), default=0.0)


def measure_bound(critical_path: float, work: float, limit: int) -> float:
    """Return the shortest time in which this can be done: no sooner than the longest chain, nor than all of it shared.

    Args:
        critical_path: of the longest chain, in seconds.
        work: of all tasks together, in seconds.
        limit: how many of them may be under way at once.
    """
    return max(critical_path, work / limit)
