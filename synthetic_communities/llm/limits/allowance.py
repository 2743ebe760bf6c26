"""What is left of a limit whose server tells of it in headers: reckoned on between one answer and the next."""

import math
from dataclasses import dataclass

from .headers import RateFact

LONGEST_BLIND_SECONDS = 90.0
"""How long nothing is sent on the word of a header; then one call goes to ask anew, whatever the header said."""

UNTOLD_RESET_SECONDS = 1.0
"""How long what is left holds where nothing is told of a reset."""

KEPT_OF_RATE = 0.98
"""What is kept, from one stretch to the next, of the fastest rate seen: a limit may have been lowered."""

BLIND_UNTIL_DISPROVED = 3
"""After how many such calls in a row that are served what is told holds no more, until a call is refused."""

STRETCH_SECONDS = 1.0
"""How far apart two answers lie from which a rate is reckoned: what is left is told in whole numbers."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What was taken to be left when a call went.

    Attributes:
        used: what had been used in all by then, that call among it.
        level: what was left after it; None: nothing had been told yet.
        corrected: by how much what was left had been corrected in all by then.
    """

    used: float
    level: float | None
    corrected: float


class Allowance:
    """What a server lets through, as far as its headers tell.

    What is left is reckoned on from call to call; what an answer tells is held against what was reckoned when its call
    went, and the difference corrects what is reckoned now. How fast it flows in is seen in two ways: from what is
    missing and when it will be whole, and from what is left after a stretch in which so much was used. As told numbers
    are rounded, and nothing flows into what is full, each sees too low a rate at worst, so the highest of late holds.

    Attributes:
        limit: all there is when nothing was used; None: not told.
        rate: what flows in, a second, at least.
        level: what is left, at `at`; infinite: nothing was told yet.
        at: when that was, in seconds on the caller's clock.
        is_disproved: whether what is told is not held to: calls were served again and again with nothing left for them.
    """

    def __init__(self, *, reserve: float = 0.0) -> None:
        """Begin with nothing told, so everything may go.

        Args:
            reserve: what is left unused: servers differ in whether they count the call that they answer.
        """
        self.limit: float | None = None
        self.rate = 0.0
        self.level = math.inf
        self.at = -math.inf
        self.is_disproved = False
        self._blind = 0
        self._reserve = reserve
        self._used = 0.0
        self._corrected = 0.0
        self._position = -1
        self._reset_seconds = UNTOLD_RESET_SECONDS
        self._whole_at, self._used_before = math.inf, 0.0
        self._asks_at = math.inf
        self._stretch: tuple[float, float, float] | None = None

    def tell(
        self, fact: RateFact, then: Reckoning, *, position: int, sent_at: float, now: float, is_refused: bool = False
    ) -> bool:
        """Take in what an answer told; what an older call learnt is passed over.

        Args:
            fact: what it told.
            then: what was reckoned when its call went.
            position: which call it was, counted in the order sent.
            sent_at: when it was sent.
            now: when the answer came.
            is_refused: whether it is a refusal, so that the call used nothing.

        Returns:
            Whether the limit as such is another than before.
        """
        if position <= self._position:
            return False
        self._position = position
        self._see_blind(is_refused=is_refused)
        is_new = fact.limit is not None and fact.limit != self.limit
        if is_new:
            self.limit, self.rate, self._stretch = fact.limit, 0.0, None
        self._see_reset(fact, now - sent_at)
        self._see_stretch(fact, then.used, sent_at, is_refused=is_refused)
        self._correct(fact, then, now)
        reset = UNTOLD_RESET_SECONDS if fact.reset_seconds is None else max(0.0, fact.reset_seconds)
        self._whole_at, self._used_before = now + reset, then.used
        self._reset_seconds = max(UNTOLD_RESET_SECONDS, reset)
        self._asks_at = now + LONGEST_BLIND_SECONDS
        return is_new

    def wait_for(self, cost: float, now: float) -> float:
        """Return how long until `cost` may be sent, in seconds; 0: at once. It is at most `LONGEST_BLIND_SECONDS`."""
        if self.level == math.inf or self.is_disproved:
            return 0.0
        self._fill(now)
        missing = self._missing(cost)
        if missing <= 1e-9:
            return 0.0
        by_rate = missing / self.rate if self.rate > 0 else math.inf
        return max(0.0, min(by_rate, self._whole_at - now, self._asks_at - now))

    def take(self, cost: float, now: float) -> Reckoning:
        """Note that `cost` is sent, and return what is reckoned to be left."""
        self._used += cost
        if self.level == math.inf:
            return Reckoning(self._used, None, 0.0)
        self._fill(now)
        self._blind = self._blind + 1 if self._missing(cost) > 1e-9 and now >= self._asks_at else 0
        self.level -= cost
        if now >= self._asks_at:
            self._asks_at = now + LONGEST_BLIND_SECONDS
        return Reckoning(self._used, self.level, self._corrected)

    def _missing(self, cost: float) -> float:
        needed = cost + self._reserve
        return (needed if self.limit is None else min(needed, self.limit)) - self.level

    def _see_blind(self, *, is_refused: bool) -> None:
        if is_refused:
            self._blind, self.is_disproved = 0, False
        elif self._blind >= BLIND_UNTIL_DISPROVED:
            self.is_disproved = True

    def _fill(self, now: float) -> None:
        whole = math.inf if self.limit is None else self.limit
        if now > self.at:
            self.level = min(whole, self.level + (now - self.at) * self.rate)
            self.at = now
        if now >= self._whole_at:
            raised = max(0.0, whole - (self._used - self._used_before) - self.level)
            self.level += raised
            self._corrected += raised
            self._whole_at, self._used_before = now + self._reset_seconds, self._used

    def _correct(self, fact: RateFact, then: Reckoning, now: float) -> None:
        if then.level is None:  # it went before anything was told
            left = fact.remaining - (self._used - then.used)
            if self.level == math.inf:
                self.level, self.at = left, now
                return
            error = min(0.0, left - self.level)
        else:
            error = fact.remaining - (then.level + self._corrected - then.corrected)
        self._fill(now)
        whole = math.inf if self.limit is None else self.limit
        self.level = min(whole, self.level + error)
        self._corrected += error

    def _see_reset(self, fact: RateFact, on_its_way_seconds: float) -> None:
        if self.limit is None or fact.reset_seconds is None:
            return
        # A moment may have been reckoned when the call came in: the longer time makes for the lower, safer rate.
        seconds = fact.reset_seconds + (on_its_way_seconds if fact.is_moment else 0.0)
        # One less, as what remains was rounded down to whole ones.
        missing = self.limit - fact.remaining - 1
        if missing > 0 and seconds > 0:
            self.rate = max(self.rate, missing / seconds)

    def _see_stretch(self, fact: RateFact, used: float, sent_at: float, *, is_refused: bool) -> None:
        if self._stretch is None or is_refused:
            self._stretch = sent_at, used, fact.remaining
            return
        began_at, used_then, remaining_then = self._stretch
        seconds = sent_at - began_at
        if seconds >= STRETCH_SECONDS:
            flowed = fact.remaining - remaining_then + used - used_then - 1
            self.rate = max(flowed / seconds, self.rate * KEPT_OF_RATE)
            self._stretch = sent_at, used, fact.remaining
