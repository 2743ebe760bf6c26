"""Whether so many acts come to nothing that a run is not worth going on with."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..domain.outcome import Outcome, reason_of
from ..engine.ledger import Task
from ..errors import RunStoppedError
from ..report.steps import name_acts

LEAST_ENDED = 20
"""How many acts of a step have to have ended before their share says anything."""

MOST_REASONS = 3
"""How many reasons are told."""

COUNTED = ("done", "refused", "unreadable", "failed")
"""How acts end that were asked; one that was skipped, or had nothing to answer, says nothing of the model."""


class TooManyFailuresError(RunStoppedError):
    """Too many acts of a step were refused, unreadable or failed. It stops the run, which keeps what it has."""


@dataclass(slots=True)
class StepCount:
    """How the acts of a step end.

    Attributes:
        under_way: how many have begun and not ended.
        ended: how many were answered or came to nothing.
        reasons: why to how many came to nothing.
        examples: why to the key of the first of them.
    """

    under_way: int = 0
    ended: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


class Failures:
    """Counts the acts of a run that come to nothing, step by step.

    It is a stop and no record: which acts were in time to be counted may differ from run to run. Acts under way count
    as if they were going to be answered, so failures that come sooner than answers do not weigh more for it.
    """

    def __init__(self, most_share: float) -> None:
        """Take the largest share that may come to nothing; at 1.0 any may."""
        self._most_share = most_share
        self._by_step: defaultdict[str, StepCount] = defaultdict(StepCount)
        self._under_way: set[str] = set()

    def begin(self, task: Task) -> None:
        """Take note that an act began."""
        self._under_way.add(task.key)
        self._by_step[task.step].under_way += 1

    def end(self, task: Task, outcome: Outcome[Any]) -> TooManyFailuresError | None:
        """Take note of how an act ended, and return why to stop, if there is a reason."""
        if task.key not in self._under_way:  # it never began, or is none of an agent's
            return None
        self._under_way.remove(task.key)
        count = self._by_step[task.step]
        count.under_way -= 1
        if outcome.status not in COUNTED:
            return None
        count.ended += 1
        if outcome.status == "done":
            return None
        why = reason_of(outcome) or outcome.status
        count.reasons[why] += 1
        count.examples.setdefault(why, task.key)
        if not is_worthless(count, self._most_share):
            return None
        return TooManyFailuresError(describe_failures(task.step, count), "max_failures")


def is_worthless(count: StepCount, most_share: float) -> bool:
    """Say whether more than this share of a step's acts comes to nothing, even if all that are under way do not."""
    enough = count.ended >= LEAST_ENDED
    return enough and count.reasons.total() > most_share * (count.ended + count.under_way)


def describe_failures(step: str, count: StepCount) -> str:
    """Return how many acts of a step came to nothing, and the commonest reasons, each with an example."""
    head = f"{count.reasons.total():,} of {count.ended:,} {name_acts(step)} came to nothing"
    return f"{head} ({'; '.join(_reasons(count.reasons, count.examples))})"


def _reasons(reasons: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    commonest = sorted(reasons, key=lambda why: (-reasons[why], why))[:MOST_REASONS]
    return [f"{why} {reasons[why]:,}: {examples[why]}" for why in commonest]
