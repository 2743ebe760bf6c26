#!/usr/bin/env python3
"""Kills runs at random moments and goes on with them; `--help` tells more."""

import argparse
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.killed_runs import Killed, disturb, draw_moments, undisturbed_town

PROGRESS_EVERY = 10


def main() -> None:
    """Kill so many runs, and say what came of it; the first that does not come out right ends it with an error."""
    arguments = parse_arguments()
    logging.disable(logging.WARNING)  # the server's faults are meant
    with TemporaryDirectory() as name:
        folder = Path(name)
        with undisturbed_town(folder, people=arguments.people, epochs=arguments.epochs) as town:
            print(f"undisturbed: {town.calls} calls in {town.seconds:.1f} s", flush=True)
            began, done = time.monotonic(), []
            for number, moment in enumerate(draw_moments(town, arguments.runs, arguments.seed), start=1):
                try:
                    done.append(disturb(town, folder / f"run_{number}", moment))
                except AssertionError as error:
                    sys.exit(f"FAILED: run {number}, killed after {moment:.3f} s (seed {arguments.seed}): {error}")
                if number % PROGRESS_EVERY == 0:
                    print(f"{number} of {arguments.runs} after {time.monotonic() - began:.0f} s", flush=True)
            print(describe(done, town.calls))


def parse_arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(
        description="Starts a run again and again, kills it (SIGKILL) at a random moment, goes on with it, and checks "
        "that the record is that of an undisturbed run, and that no call was made twice but those in flight."
    )
    parser.add_argument("--runs", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: 1)")
    parser.add_argument("--people", type=int, default=8, help="of the community (default: 8)")
    parser.add_argument("--epochs", type=int, default=2, help="of a run (default: 2)")
    return parser.parse_args()


def describe(done: list[Killed], calls: int) -> str:
    """Return in one line what came of all of them."""
    stages = Counter(find_stage(killed, calls) for killed in done)
    made = ", ".join(f"{count} {stage}" for stage, count in sorted(stages.items()))
    lost = max((killed.lost for killed in done), default=0)
    return f"passed: {len(done)} runs killed ({made}); at most {lost} calls in flight were made again"


def find_stage(killed: Killed, calls: int) -> str:
    """Return how far a run was when it was killed."""
    if killed.recorded is None:
        return "before anything was written"
    if not killed.recorded:
        return "before the first reply"
    return "among the calls" if killed.recorded < calls else "after the last call"


if __name__ == "__main__":
    main()
