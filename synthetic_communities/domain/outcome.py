"""How one act ended: a value, never a guess.

Answered, not asked, refused, unreadable, failed and skipped are six different values. Nothing downstream
can take one for another, and no default stands in for any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Status = Literal["done", "not_asked", "refused", "unreadable", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The act was done.

    Attributes:
        value: what came of it.
    """

    value: T

    @property
    def status(self) -> Status:
        """`done`."""
        return "done"


@dataclass(frozen=True, slots=True)
class NotAsked:
    """There was nothing to ask: nothing new to learn, nothing to react to, nothing to speak about.

    Attributes:
        reason: why nobody was asked.
    """

    reason: str

    @property
    def status(self) -> Status:
        """`not_asked`."""
        return "not_asked"


@dataclass(frozen=True, slots=True)
class Refused:
    """Whoever was asked declined to answer.

    Attributes:
        text: the refusal in its own words, if any; kept out of the record.
    """

    text: str = ""

    @property
    def status(self) -> Status:
        """`refused`."""
        return "refused"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There was an answer, and it could not be read as what was asked for.

    Attributes:
        text: the answer as it came.
    """

    text: str

    @property
    def status(self) -> Status:
        """`unreadable`."""
        return "unreadable"


@dataclass(frozen=True, slots=True)
class Failed:
    """The asking itself failed, or was never made.

    Attributes:
        kind: what failed, in a word or two from a small set (`timeout`, `connection`, an exception's name).
        detail: what was said about it, for logs; kept out of the record, as it may hold times and server ids.
    """

    kind: str
    detail: str = ""

    @property
    def status(self) -> Status:
        """`failed`."""
        return "failed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """The act was not tried, because one it needs did not give what it needs.

    Attributes:
        cause: key of the task that failed.
    """

    cause: str

    @property
    def status(self) -> Status:
        """`skipped`."""
        return "skipped"


Answer: TypeAlias = Done[T] | NotAsked | Refused | Unreadable | Failed
Outcome: TypeAlias = Done[T] | NotAsked | Refused | Unreadable | Failed | Skipped


def value_of(outcome: Outcome[T]) -> T | None:
    """Return what came of an act, or None where nothing did."""
    return outcome.value if isinstance(outcome, Done) else None


def reason_of(outcome: Outcome[Any]) -> str:
    """Return why there is no value, in words that depend on nothing measured; empty if there is one."""
    match outcome:
        case NotAsked(reason):
            return reason
        case Failed(kind):
            return kind
        case Skipped(cause):
            return cause
        case _:
            return ""
