"""What an account may ask of each model a minute, on the clock of a rehearsal."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..llm.limits.counts import measure_saved_up
from ..llm.limits.headers import Counted


@dataclass(slots=True)
class Account:
    """Calls and tokens that flow in steadily, with a little saved up; a call takes of them as it goes.

    Attributes:
        requests_per_minute: how many calls it may make of each model; None: as many as it likes.
        tokens_per_minute: how many tokens these may have, prompts and replies together; None: likewise.
        share: what part of it is for those who take part in the rehearsal.
    """

    requests_per_minute: float | None
    tokens_per_minute: float | None
    share: float = field(kw_only=True)
    _paid_at: dict[tuple[str, Counted], float] = field(default_factory=dict, init=False, repr=False)
    _next_at: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def take(self, model: str, tokens: float, now: float, *, weight: float = 1.0) -> float:
        """Return how long a call has to wait that is made now, in seconds, and note that it goes then.

        Args:
            model: who is asked.
            tokens: of prompt and reply together.
            now: seconds on the clock.
            weight: what part of a call it counts as.
        """
        charged = [
            self._charge(model, counted, per_minute, weight * cost, now=now)
            for counted, per_minute, cost in self._limits(tokens)
            if per_minute is not None
        ]
        if not charged:
            return 0.0
        self._next_at[model] = max(next_at for _, next_at in charged)
        return max(start for start, _ in charged) - now

    def may_ask_at(self) -> float:
        """Return when a model may be asked next, whichever of them that is."""
        return min(self._next_at.values(), default=-math.inf)

    def _limits(self, tokens: float) -> Iterator[tuple[Counted, float | None, float]]:
        yield "requests", self.requests_per_minute, 1.0
        yield "tokens", self.tokens_per_minute, tokens

    def _charge(
        self, model: str, counted: Counted, per_minute: float, cost: float, *, now: float
    ) -> tuple[float, float]:
        """Return when a call may go, and when the next like it."""
        rate = per_minute / 60
        early = max(0.0, measure_saved_up(counted, per_minute) - cost) / rate
        paid_at = self._paid_at.get((model, counted), now)
        start = max(now, paid_at - early)
        self._paid_at[model, counted] = paid_at = max(paid_at, start) + cost / (rate * self.share)
        return start, paid_at - early
