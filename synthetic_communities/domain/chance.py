"""Named streams of chance: every draw has a name, so no draw depends on the order of others."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Stream: TypeAlias = random.Random
"""A generator at some place of a stream."""


@dataclass(frozen=True, slots=True)
class Chance:
    """All the chance there is for one agent (or for the community) in one epoch.

    Two streams of the same name give the same numbers, whenever and however often they are asked for.

    Attributes:
        seed: the run's seed.
        epoch: the epoch, or outside a run the number of the call of a verb, from 0.
        who: the id of the agent whose chance it is; empty for the community's.
        replicate: number of the repetition of the run, from 0; each has streams of its own.
    """

    seed: int
    epoch: int = 0
    who: str = ""
    replicate: int = 0

    def stream(self, purpose: str) -> Stream:
        """Return a new generator at the start of the stream named `purpose`."""
        run = f"{self.seed}/{self.replicate}" if self.replicate else str(self.seed)
        name = "\x1f".join((run, str(self.epoch), purpose, str(self.who)))
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return random.Random(int.from_bytes(digest, "big"))

    def draw(self, purpose: str) -> float:
        """Return the first number in [0, 1) of the stream named `purpose`."""
        return self.stream(purpose).random()

    def shuffle(self, purpose: str, items: Iterable[T]) -> tuple[T, ...]:
        """Return `items` in an order drawn from the stream named `purpose`."""
        order = list(items)
        self.stream(purpose).shuffle(order)
        return tuple(order)
