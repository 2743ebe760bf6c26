"""Watching a run: what begins and ends, for progress displays and logs. Nothing of it enters the record."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..domain.outcome import Done, Outcome, reason_of
from ..engine.ledger import Ledger, Task
from ..llm.exchange import Exchange
from ..llm.money.meter import Meter, Spend
from .held_up import describe_try
from .utterances import Utterance, find_utterance

logger = logging.getLogger("synthetic_communities.acts")

SAID_KEPT = 3
"""Utterances that a moment holds at most."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a run is.

    Attributes:
        epoch: the latest epoch in which an act began.
        epochs: number of epochs.
        step: the step of the act that began or ended last.
        done: acts that have ended, well or not.
        total: acts of the run.
        in_flight: acts under way.
        missing: acts that were refused, could not be read, failed or were skipped.
        said: what was said last, at most `SAID_KEPT` utterances, oldest first.
        stopped: why no more calls are made; empty: they are.
        spend: what calls of models have taken so far; None: there were none, or it is not known.
        held_up: what calls of models wait for since their last try got no reply; empty: it got one.
    """

    epoch: int
    epochs: int
    step: str
    done: int
    total: int
    in_flight: int
    missing: int
    said: tuple[Utterance, ...] = ()
    stopped: str = ""
    spend: Spend | None = None
    held_up: str = ""


@dataclass(slots=True)
class StepUsage:
    """What was measured of the acts of one step.

    Attributes:
        statuses: how many ended how.
        seconds: time the acts took in all.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Watcher:
    """Counts and times acts, logs them, and tells an observer how far the run is.

    Attributes:
        by_step: step to what was measured of its acts.
        peak_in_flight: the most acts that were under way at once.
    """

    def __init__(
        self, epochs: int, observer: Callable[[Moment], None] | None = None, meter: Meter | None = None
    ) -> None:
        """Begin with nothing.

        Args:
            epochs: number of epochs.
            observer: is told how far the run is; None: nobody is.
            meter: tells what calls of models have taken; None: that is not known.
        """
        self.by_step: defaultdict[str, StepUsage] = defaultdict(StepUsage)
        self.peak_in_flight = 0
        self._observer = observer
        self._meter = meter
        self._epochs = epochs
        self._epoch = 0
        self._step = ""
        self._total = 0
        self._done = 0
        self._missing = 0
        self._said: tuple[Utterance, ...] = ()
        self._began: dict[str, float] = {}
        self._stopped = ""
        self._held_up = ""

    @property
    def undone(self) -> str:
        """How many acts are left undone, in words."""
        return f"{self._total - self._done:,} of {self._total:,} acts are left undone"

    def begin(self, ledger: Ledger) -> None:
        """Take note of how much there is to do."""
        self._total = sum(task.is_act for task in ledger.tasks)
        self._tell("")

    def start(self, task: Task) -> None:
        """Take note that an act began."""
        self._began[task.key] = time.perf_counter()
        self.peak_in_flight = max(self.peak_in_flight, len(self._began))
        self._epoch = max(self._epoch, task.epoch)
        logger.debug("%s begins, %d under way", task.key, len(self._began))
        self._tell(task.step)

    def end(self, task: Task, outcome: Outcome[Any]) -> None:
        """Take note that an act ended, or was skipped."""
        if not task.is_act:
            return
        usage = self.by_step[task.step]
        began = self._began.pop(task.key, None)
        seconds = time.perf_counter() - began if began is not None else 0.0
        usage.statuses[outcome.status] += 1
        usage.seconds += seconds
        self._done += 1
        self._missing += outcome.status not in ("done", "not_asked")
        _log_end(task, outcome, seconds)
        self._hear(task.step, outcome)
        self._tell(task.step)

    def stop(self, why: Exception) -> None:
        """Take note that no more calls are made."""
        self._stopped = str(why)
        self._tell("")

    def note_try(self, exchange: Exchange) -> None:
        """Take note of how a try of a call ended."""
        held_up = describe_try(exchange, self._held_up)
        if held_up != self._held_up:
            self._held_up = held_up
            self._tell(self._step)

    def _hear(self, step: str, outcome: Outcome[Any]) -> None:
        if self._observer is None or not isinstance(outcome, Done):
            return
        utterance = find_utterance(step, outcome.value)
        if utterance is not None:
            self._said = (*self._said, utterance)[-SAID_KEPT:]

    def _tell(self, step: str) -> None:
        self._step = step
        if self._observer is not None:
            counts = self._done, self._total, len(self._began), self._missing
            spend = self._meter.read() if self._meter is not None else None
            told = self._said, self._stopped, spend, self._held_up
            self._observer(Moment(self._epoch, self._epochs, step, *counts, *told))


def _log_end(task: Task, outcome: Outcome[Any], seconds: float) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    why = reason_of(outcome)
    logger.info("%s %s%s", task.key, outcome.status, f": {why}" if why else "")
    if isinstance(outcome, Done):
        logger.debug("%s took %.3f s: %.200s", task.key, seconds, outcome.value)
