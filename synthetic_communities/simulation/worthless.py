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
"""How many acts, of a step or of the whole run, have to have ended before their share says anything."""

MOST_REASONS = 3
"""How many reasons are told."""

COUNTED = ("done", "refused", "unreadable", "failed")
"""How acts end that were asked; one that was skipped, or had nothing to answer, says nothing of the model."""

ACTS = "acts"
"""What the acts of all steps together are called."""


class TooManyFailuresError(RunStoppedError):
    """Too many acts of a step, or of all, came to nothing. It stops the run, which keeps what it has."""


@dataclass(slots=True)
class StepCount:
    """How the acts of a step, or of the whole run, end.

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

    def end(self, outcome: Outcome[Any], key: str) -> None:
        """Count an act that was under way."""
        self.under_way -= 1
        if outcome.status not in COUNTED:
            return
        self.ended += 1
        if outcome.status != "done":
            why = reason_of(outcome) or outcome.status
            self.reasons[why] += 1
            self.examples.setdefault(why, key)


class Failures:
    """Counts the acts of a run that come to nothing, step by step, and all together.

    With few people hardly any step has enough acts to tell; those of all steps have, soon enough.

    It is a stop and no record: which acts were in time to be counted may differ from run to run. Acts under way count
    as if they were going to be answered, so failures that come sooner than answers do not weigh more for it.
    """

    def __init__(self, most_share: float) -> None:
        """Take the largest share that may come to nothing; at 1.0 any may."""
        self._most_share = most_share
        self._by_step: defaultdict[str, StepCount] = defaultdict(StepCount)
        self._all = StepCount()
        self._under_way: set[str] = set()

    def begin(self, task: Task) -> None:
        """Take note that an act began."""
        self._under_way.add(task.key)
        for count in (self._by_step[task.step], self._all):
            count.under_way += 1

    def end(self, task: Task, outcome: Outcome[Any]) -> TooManyFailuresError | None:
        """Take note of how an act ended, and return why to stop, if there is a reason."""
        if task.key not in self._under_way:  # it never began, or is none of an agent's
            return None
        self._under_way.remove(task.key)
        counts = {name_acts(task.step): self._by_step[task.step], ACTS: self._all}
        for count in counts.values():
            count.end(outcome, task.key)
        if outcome.status == "done" or outcome.status not in COUNTED:
            return None
        worthless = (each for each in counts.items() if is_worthless(each[1], self._most_share))
        words = next((describe_failures(acts, count) for acts, count in worthless), None)
        return TooManyFailuresError(words, "max_failures") if words else None


def is_worthless(count: StepCount, most_share: float) -> bool:
    """Say whether more than this share of the acts comes to nothing, even if all that are under way do not."""
    enough = count.ended >= LEAST_ENDED
    return enough and count.reasons.total() > most_share * (count.ended + count.under_way)


def describe_failures(acts: str, count: StepCount) -> str:
    """Return how many acts came to nothing, and the commonest reasons, each with an example."""
    head = f"{count.reasons.total():,} of {count.ended:,} {acts} came to nothing"
    return f"{head} ({'; '.join(_reasons(count.reasons, count.examples))})"


def _reasons(reasons: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    commonest = sorted(reasons, key=lambda why: (-reasons[why], why))[:MOST_REASONS]
    return [f"{why} {reasons[why]:,}: {examples[why]}" for why in commonest]
