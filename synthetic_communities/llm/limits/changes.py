"""What is told of a limit that changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit that is another from here on, or a pause. It is measured, and stands in no record.

    Attributes:
        at_seconds: when, on the limiter's clock.
        limit: how many calls there may be at once from here on, of this account and model; None: as many as are made,
            which every run's `max_concurrent` holds down.
        reason: why.
        per_second: how many calls are sent a second, if their pace is limited.
        pause_seconds: how long nothing is sent from here on; 0: there is no pause.
    """

    at_seconds: float
    limit: int | None
    reason: str = field(kw_only=True)
    per_second: float | None = field(default=None, kw_only=True)
    pause_seconds: float = field(default=0.0, kw_only=True)

    def __str__(self) -> str:
        crowd = "max_concurrent calls at once" if self.limit is None else f"at most {self.limit} calls at once"
        pace = "" if self.per_second is None else f", {self.per_second:.3g} a second"
        pause = f"; nothing for {self.pause_seconds:.3g} s" if self.pause_seconds else ""
        return f"{crowd}{pace}{pause}: {self.reason}"


LimitObserver: TypeAlias = Callable[[str, LimitChange], None]
"""Is told which model, as `provider:model`, and what changed."""
