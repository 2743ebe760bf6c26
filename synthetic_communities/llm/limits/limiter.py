"""What one account may ask of one model: decided here, without a clock, a thread or a loop; waited for elsewhere.

Why it decides so, and the arithmetic, stand in docs/design/limits.md.
"""

import math
from collections import deque

from .changes import LimitChange
from .counts import Counts, is_explained
from .crowd import Crowd
from .headers import Counted
from .pace import OPENING_RATE, Pace
from .refused import Refused
from .ticket import Ending, Ticket

LONGEST_PAUSE_SECONDS = 90.0
"""The longest pause that is kept on request; a longer one is not waited for by anybody."""

FIRST_PAUSE_SECONDS, LONGEST_OWN_PAUSE_SECONDS = 1.0, 30.0
"""The pause after a refusal that asks for none, or for one too long; it doubles from one to the next, up to a limit."""

TOLD_GROWTH = 2.0
"""By what factor a pace grows before it is told of again."""

REMEMBERED_CHANGES = 1_000


class Limiter:
    """What one account may ask of one model. Whoever uses it from several threads locks it.

    Attributes:
        under_way: how many calls are under way.
        pause_until: up to when nothing is sent, in seconds on the caller's clock.
        pace: calls a second, as learnt from refusals.
        crowd: calls at once.
        too_long: how many times in a row the server asked for a pause that nobody waits for, nothing served between.
        refused: how long everything was refused.
        changes: the last changes, the newest last.
    """

    def __init__(self, most: int, *, opening_rate: float = OPENING_RATE) -> None:
        """Begin with nothing known.

        Args:
            most: how many calls there may ever be at once.
            opening_rate: calls a second at the very beginning.
        """
        self.under_way = 0
        self.pause_until = -math.inf
        self.pace = Pace(opening_rate)
        self.crowd = Crowd(most)
        self.too_long = 0
        self.refused = Refused()
        self.changes: deque[LimitChange] = deque(maxlen=REMEMBERED_CHANGES)
        self._untold: list[LimitChange] = []
        self._counts = Counts()
        self._position = 0
        self._decided_at = -math.inf
        self._refusals_in_a_row = 0
        self._told_rate: float | None = None

    def give(self, counted: Counted, per_minute: float | None, now: float) -> None:
        """Hold to so much a minute from here on; None: as before."""
        if per_minute is not None and self._counts.give(counted, per_minute, now):
            self._note(now, f"{per_minute:,.10g} {counted} per minute are set")

    def wait_for(self, ticket: Ticket, now: float) -> float:
        """Return how long until a call may go, in seconds; 0: now; infinite: when one under way has ended."""
        if not self.crowd.has_room(self.under_way):
            return math.inf
        return max(0.0, self.pause_until - now, self.pace.wait_for(now), self._counts.wait_for(ticket, now))

    def take(self, ticket: Ticket, now: float) -> None:
        """Let a call go, for which `wait_for` has just said that it may."""
        self.under_way += 1
        self._position += 1
        ticket.position, ticket.granted_at = self._position, now
        self.crowd.enter(self.under_way)
        self.pace.take(now)
        self._counts.take(ticket, now)
        self._watch_pace(now)

    def end(self, ticket: Ticket, ending: Ending, now: float) -> None:
        """Take in how a call ended."""
        self.under_way -= 1
        if ending.usage is not None:
            self._counts.settle(ticket, ending.usage, now)
        for fact in ending.rates:
            if news := self._counts.hear(ticket, fact, self._position, now, is_refused=ending.is_refusal):
                self._note(now, news)
        if ending.kind == "served":
            self.refused.serve()
            self._serve(ticket, now)
        elif ending.is_refusal:
            self.refused.refuse(now)
            self._refuse(ticket, ending, now)

    def pop_untold(self) -> list[LimitChange]:
        """Return the changes since this was asked last."""
        untold, self._untold = self._untold, []
        return untold

    def _serve(self, ticket: Ticket, now: float) -> None:
        if ticket.granted_at <= self._decided_at:
            return  # sent before the last refusal was known, it tells nothing about what came of it
        self._refusals_in_a_row = self.too_long = 0
        if self.crowd.answer():
            self._note(now, "as many calls at once were answered without a refusal")

    def _refuse(self, ticket: Ticket, ending: Ending, now: float) -> None:
        asked = ending.retry_after_seconds
        is_too_long = asked is not None and asked > LONGEST_PAUSE_SECONDS
        pause = self._own_pause(ending) if asked is None or is_too_long else asked
        if ticket.granted_at <= self._decided_at:  # one of those refused together: the limit changes once for all
            self.pace.refuse_again(ticket.granted_at)
            if asked == pause:
                self.pause_until = max(self.pause_until, now + pause)
            return
        self._decided_at = now
        self._refusals_in_a_row += 1
        self.too_long += is_too_long
        self.pause_until = max(self.pause_until, now + pause)
        if ending.kind == "crowded" or not self._is_of_rate(ticket, ending, now, pause):
            self.crowd.shrink()
        self._told_rate = self.pace.rate
        self._note(now, ending.reason, pause)

    def _is_of_rate(self, ticket: Ticket, ending: Ending, now: float, pause: float) -> bool:
        """Learn from a refusal, and return whether it is explained by calls in a time; if not, it is by calls at once.

        One that its own headers explain has nothing to teach: they are gone by from here on.
        """
        return is_explained(ticket, ending) or self.pace.refuse(ticket.granted_at, now, pause)

    def _own_pause(self, ending: Ending) -> float:
        if ending.kind == "crowded":
            return 0.0  # fewer calls at once are the answer to that
        return min(LONGEST_OWN_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._refusals_in_a_row, 30))

    def _watch_pace(self, now: float) -> None:
        told, rate = self._told_rate, self.pace.rate
        if told is not None and rate is not None and rate > TOLD_GROWTH * told:
            self._told_rate = rate
            self._note(now, "no refusal at the pace so far")

    def _note(self, now: float, reason: str, pause_seconds: float = 0.0) -> None:
        limit, rate = self.crowd.limit if self.crowd.is_limited else None, self.pace.rate
        change = LimitChange(now, limit, reason=reason, per_second=rate, pause_seconds=pause_seconds)
        self.changes.append(change)
        self._untold.append(change)
