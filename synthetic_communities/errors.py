"""The errors this package raises on purpose, drawn as one tree.

    SyntheticCommunitiesError
    |-- UsageError            a call that cannot mean anything, or not here
    |-- ConfigurationError    everything wrong with a configuration or its people, at once
    |-- NoAnswerError         a verb called by hand that owes a value, and whose mind gave none
    |-- ModelUnavailableError no call of a model can succeed (in `llm.failures`)
    |   `-- WrongSettingsError   not with these settings, which the configuration has to change (in `llm.failures`)
    |-- RunInUseError         a run directory in which another process is at work
    |-- RunStoppedError       a limit the user set ended the run, and what there is of it is kept
    |   |-- BudgetReachedError   money, tokens, calls or time (in `llm.failures`)
    |   `-- TooManyFailuresError too many acts came to nothing (in `simulation.worthless`)
    `-- RecordError           a run directory that cannot be read

Inside a run, what goes wrong with one act of one agent is not an error but a value: see `domain.outcome`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SyntheticCommunitiesError(Exception):
    """Base of every error this package raises on purpose."""


class UsageError(SyntheticCommunitiesError):
    """A call that cannot mean anything, or not from where it was made; the message says what to call instead."""


class RecordError(SyntheticCommunitiesError):
    """A run directory that is none, or that cannot be read; the message names file and line."""


class RunInUseError(SyntheticCommunitiesError):
    """A run directory in which somebody else is at work; the message names who, and says what to do.

    Attributes:
        path: the run directory.
        host: name of the machine that it is in use on; None: the lock does not say, and neither the next two.
        pid: id of the process there.
        started: when it began to work in the directory: date and time with offset from UTC.
    """

    def __init__(
        self,
        lock: Path,
        *,
        host: str | None = None,
        pid: int | None = None,
        started: str | None = None,
        is_certain: bool = True,
    ) -> None:
        self.path, self.host, self.pid, self.started = lock.parent, host, pid, started
        who = "a process that does not say who it is" if pid is None else f"process {pid} on {host}, since {started}"
        remedy = "wait until it has ended, or end it"
        if not is_certain:
            remedy += f"; if it is gone already, remove {lock}"
        super().__init__(f"{lock.parent} is in use by {who}; {remedy}")


class RunStoppedError(SyntheticCommunitiesError):
    """A limit ended a run before its end: no more calls were made, those in flight were awaited, and all is kept.

    Attributes:
        setting: name of the setting that holds the limit.
    """

    def __init__(self, message: str, setting: str = "") -> None:
        self.setting = setting
        super().__init__(message)


class NoAnswerError(SyntheticCommunitiesError):
    """A verb called by hand that owes a value, and whose mind gave none.

    Attributes:
        outcome: how the act ended, a value of `domain.outcome`.
    """

    def __init__(self, who: str, what: str, outcome: object) -> None:
        self.outcome = outcome
        super().__init__(f"{who} gave no {what}: {outcome}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what was given.

    Attributes:
        where: the place, as its reader would look for it (`town.yaml: topics[1].id`, `people.jsonl:17`).
        what: what is wrong there, with the value found.
        remedy: what to do about it.
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        sentence = f"{self.where}: {self.what}" if self.where else self.what
        return f"{sentence}; {self.remedy}" if self.remedy else sentence


class ConfigurationError(SyntheticCommunitiesError):
    """Everything wrong with a configuration or its people, found before anything was spent.

    Attributes:
        problems: every problem found, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how it is made again: it may come from another process."""
        return type(self), (self.problems,)
