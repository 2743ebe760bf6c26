"""A bucket of tokens: what is let through at a steady rate, with some of it saved up."""

import math


class Bucket:
    """Fills at a steady rate up to its size; what is let through is taken out of it.

    A cost above its size goes through when it is full, and leaves it owing: nothing waits for what can never be there.

    Attributes:
        rate: what flows in, a second.
        size: the most it holds.
        level: what is in it, at `at`; below 0 it owes.
        at: when that was, in seconds on the caller's clock.
    """

    __slots__ = ("at", "level", "rate", "size")

    def __init__(self, rate: float, size: float, *, level: float, at: float) -> None:
        """Take a bucket as it is at a time."""
        self.rate = rate
        self.size = size
        self.level = level
        self.at = at

    def fill(self, now: float) -> None:
        """Let flow in what came until `now`; a time before the last one changes nothing."""
        if now > self.at:
            self.level = min(self.size, self.level + (now - self.at) * self.rate)
            self.at = now

    def wait_for(self, cost: float, now: float) -> float:
        """Return how long until `cost` may be taken, in seconds; 0: at once; infinite: nothing flows in."""
        self.fill(now)
        missing = min(cost, self.size) - self.level
        if missing <= 1e-9:  # what is summed up bit by bit falls short of the whole by less than that
            return 0.0
        return missing / self.rate if self.rate > 0 else math.inf

    def take(self, cost: float, now: float) -> None:
        """Take `cost` out; a negative one puts something back."""
        self.fill(now)
        self.level = min(self.size, self.level - cost)
