"""All the chance there is for one request: drawn from its bytes, from how often it was asked, and from a seed."""

import hashlib
import math
import random
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
_STEPS = 2**52


@dataclass(frozen=True, slots=True)
class Draws:
    """What may be drawn for one request.

    Attributes:
        seed: the server's.
        key: the digest of the request's path and body.
        ask: how often that request was asked before.
    """

    seed: int
    key: bytes
    ask: int

    def first(self, purpose: str) -> float:
        """Return a number in (0, 1), the same however often the request is asked."""
        return draw(self.seed, self.key, 0, purpose)

    def each(self, purpose: str) -> float:
        """Return a number in (0, 1), another one each time the request is asked."""
        return draw(self.seed, self.key, self.ask, purpose)

    def stream(self, purpose: str, *, varies: bool) -> random.Random:
        """Return a generator of random numbers; where it `varies`, another one each time the request is asked."""
        return random.Random(_integer(self.seed, self.key, self.ask if varies else 0, purpose))


def draw(seed: int, key: bytes, ask: int, purpose: str) -> float:
    """Return a number in (0, 1) that follows from the arguments."""
    return (_integer(seed, key, ask, purpose) % _STEPS + 0.5) / _STEPS


def draw_delay(mean: float, sigma: float, cap: float, u: float) -> float:
    """Return the number of seconds, at most `cap`, that `u` in (0, 1) stands for.

    The time is log-normal: the logarithm has standard deviation `sigma`, and mean ln(mean) - sigma**2 / 2, so that
    the time itself, but for the cap, has the mean asked for.
    """
    if mean == 0 or sigma == 0:
        return min(mean, cap)
    return min(mean * math.exp(sigma * _NORMAL.inv_cdf(u) - sigma * sigma / 2), cap)


def _integer(seed: int, key: bytes, ask: int, purpose: str) -> int:
    digest = hashlib.blake2b(key, digest_size=8)
    digest.update(f"{seed}\x1f{ask}\x1f{purpose}".encode())
    return int.from_bytes(digest.digest(), "big")
