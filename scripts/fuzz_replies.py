#!/usr/bin/env python3
"""Reads a million replies gone wrong, and says what came of them; `--help` tells more.

Every input is made from the seed and its number, so that one can be made again. It ends with status 1 at the first
input of which something comes that may not, and shows what; that input is written to a file named by its hash.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from synthetic_communities.llm.model import Model
from synthetic_communities.llm.wire.answers import HttpAnswer
from synthetic_communities.minds.views import BallotView, View
from tests.fuzz_targets import SOUND, VIEWS, Came, Canned, make_provider, sound_for, try_answer, try_opening, try_text
from tests.fuzzed_answers import BODIES, fuzz_answer
from tests.fuzzed_texts import fuzz_text

SHARE_OF_ANSWERS = 0.3
"""The share of inputs that are whole answers of a server; the others are texts."""

SHARE_OF_OPENINGS = 0.05
"""The share of those that are not the answer to a call, but what a server tells when a model is opened."""

PER_MODEL = 100
"""How many answers one model gets: what it has learnt to leave out, it never tries again."""

TELL_EVERY = 50_000
Input: TypeAlias = str | HttpAnswer


@dataclass(slots=True)
class Tally:
    """What came of the inputs so far."""

    came: Counter[Came] = field(default_factory=Counter)
    slowest: tuple[float, int, str] = (0.0, 0, "none")
    longest: int = 0

    def note(self, came: Came, seconds: float, length: int, what: str) -> None:
        """Count one."""
        self.came[came] += 1
        self.longest = max(self.longest, length)
        if seconds > self.slowest[0]:
            self.slowest = (seconds, length, what)

    def told(self) -> str:
        """Return all of it on one line."""
        counts = ", ".join(f"{self.came[each]:,} {name}" for each, name in NAMES.items())
        seconds, length, what = self.slowest
        slowest = f"slowest {seconds * 1000:.1f} ms for {length:,} ({what})"
        return f"{self.came.total():,} inputs: {counts}; longest {self.longest:,} characters or bytes; {slowest}"


NAMES: dict[Came, str] = {
    "value": "values",
    "unreadable": "unreadable",
    "refused": "refused",
    "failed call": "failed calls",
    "stopped run": "stopped runs",
}


class Fuzzer:
    """Makes inputs and tries them."""

    def __init__(self, seed: int) -> None:
        """Take what all inputs are made from."""
        self.seed = seed
        self.tally = Tally()
        self._canned = Canned()
        self._models: dict[str, Model] = {}

    async def try_all(self, first: int, count: int) -> None:
        """Try inputs `first` and on."""
        warm_up()
        began = time.monotonic()
        for number in range(first, first + count):
            if (number - first) % PER_MODEL == 0:
                await self._reopen()
            await self._try_one(number)
            if self.tally.came.total() % TELL_EVERY == 0:
                print(f"{time.monotonic() - began:.0f} s: {self.tally.told()}", file=sys.stderr, flush=True)
        await self._close()
        print(f"seed {self.seed}: {self.tally.told()}; {time.monotonic() - began:.0f} s in all")

    async def _try_one(self, number: int) -> None:
        random = Random(f"{self.seed} {number}")
        view, protocol = random.choice(list(VIEWS.values())), random.choice(list(BODIES))
        is_answer = random.random() < SHARE_OF_ANSWERS
        made: Input = fuzz_answer(random, protocol) if is_answer else fuzz_text(random, sound_for(view))
        what = f"{protocol} answer" if is_answer else view.act
        opens = random.random() < SHARE_OF_OPENINGS
        try:
            came, seconds = await self._timed(made, view, protocol, opens=opens)
            if seconds > self.tally.slowest[0]:  # once more: the first time the machine may have been slow, not we
                seconds = min(seconds, (await self._timed(made, view, protocol, opens=opens))[1])
        except Exception:
            print(f"input {number} of seed {self.seed} ({what}) is kept in {keep(made)}", file=sys.stderr)
            print(f"seed {self.seed}: {self.tally.told()}; broken off")
            raise
        self.tally.note(came, seconds, length_of(made), what)

    async def _timed(self, made: Input, view: View, protocol: str, *, opens: bool) -> tuple[Came, float]:
        before = time.process_time()
        came = await self._try(made, view, protocol, opens=opens)
        return came, time.process_time() - before

    async def _try(self, made: Input, view: View, protocol: str, *, opens: bool) -> Came:
        if isinstance(made, str):
            return try_text(made, view)
        self._canned.answer = made
        if opens:
            return await try_opening(make_provider(protocol, self._canned))
        return await try_answer(self._models[protocol], view)

    async def _reopen(self) -> None:
        await self._close()
        self._canned.answer = SOUND
        for protocol in BODIES:
            self._models[protocol] = await make_provider(protocol, self._canned).__aenter__()

    async def _close(self) -> None:
        for model in self._models.values():
            await model.__aexit__(None, None, None)


def warm_up() -> None:
    """Read a judgement, so that no input is charged for what is imported when the first one is read."""
    try_text("{}", VIEWS[BallotView])


def length_of(made: Input) -> int:
    """Return characters of a text, bytes of an answer."""
    return len(made) if isinstance(made, str) else len(made.content)


def keep(made: Input) -> Path:
    """Write an input to a file named by its hash, and return where."""
    if isinstance(made, str):
        text = json.dumps({"text": made})
    else:
        answer = {"status": made.status, "headers": dict(made.headers), "content": made.content.decode("latin-1")}
        text = json.dumps(answer)
    path = Path(f"fuzzed-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json")
    path.write_text(text, encoding="utf-8")
    return path


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many inputs (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=0, help="what they are made from (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first, to try one again (default: 0)")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # what a model leaves out from now on is said for every one of them
    asyncio.run(Fuzzer(chosen.seed).try_all(chosen.first, chosen.count))


if __name__ == "__main__":
    main()
