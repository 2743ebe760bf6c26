"""Runs that are killed at any moment and gone on with; for the suite, and for the longer run in `scripts`."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from synthetic_communities.llm.journal.file import count_calls
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.rerunning import is_complete, resume_run
from synthetic_communities.runs.directory import FAILED_CALLS, INPUTS, METADATA
from synthetic_communities.testing.environment import build_environment
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import SETTINGS, make_attributes, read_record

LIMIT = 20
"""Acts under way at once, and so calls in flight at most."""

FAULTS = {"refuse": 0.03, "malformed-text": 0.03, "cut": 0.03, "empty": 0.03}
"""What befalls a request every time it is asked, so that the same failures come again."""

SEED = 1
"""Of the server: with it calls fail even in the smallest town that is run."""


@dataclass(frozen=True, slots=True)
class Town:
    """A community, the server it asks, and what it comes to where nobody disturbs it.

    Attributes:
        server: answers.
        config: the configuration file.
        record: of the undisturbed run.
        failed_calls: its lines of calls of acts that came to nothing, in alphabetical order.
        calls: how many it made.
        seconds: how long it took, from the start of its process.
    """

    server: LoopbackServer
    config: Path
    record: Mapping[str, str] = field(kw_only=True)
    failed_calls: Sequence[str] = field(kw_only=True)
    calls: int = field(kw_only=True)
    seconds: float = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of a run that was killed and gone on with.

    Attributes:
        moment: when it was killed, in seconds after its process began.
        recorded: how many calls its journal held then; None: it had not begun.
        lost: how many calls the server had answered by then, or was answering, that it did not hold.
        made: how many calls were made to go on.
    """

    moment: float
    recorded: int | None
    lost: int = field(default=0, kw_only=True)
    made: int = field(default=0, kw_only=True)


@contextmanager
def undisturbed_town(folder: Path, *, people: int = 8, epochs: int = 2) -> Iterator[Town]:
    """Yield a town whose undisturbed run has been made."""
    with LoopbackServer(
        latency=0.03, sigma=0.8, no_auth=True, dialect="llamacpp", faults=FAULTS, fault_times=0, seed=SEED
    ) as server:
        config = folder / "town.yaml"
        settings = {**SETTINGS, "population_size": people, "num_epochs": epochs, "population_file": "people.jsonl"}
        settings |= {"model": "vllm:test", "base_url": f"{server.url}/v1", "max_concurrent": LIMIT}
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        lines = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(people)]
        (folder / "people.jsonl").write_text("\n".join(lines), encoding="utf-8")
        began = time.monotonic()
        process = start(config, folder / "undisturbed")
        assert process.wait(120) == 0, process.args
        seconds = time.monotonic() - began
        (path,) = (folder / "undisturbed").iterdir()
        yield Town(
            server,
            config,
            record=read_record(path),
            failed_calls=read_failed_calls(path),
            calls=count_calls(path / JOURNAL),
            seconds=seconds,
        )


def read_failed_calls(path: Path) -> list[str]:
    """Return the lines of calls of acts that came to nothing, in alphabetical order."""
    file = path / FAILED_CALLS
    return sorted(file.read_text(encoding="utf-8").splitlines()) if file.is_file() else []


def start(config: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start a run as the command does, and return its process."""
    command = [sys.executable, "-m", "synthetic_communities", "run", str(config), "--output", str(output)]
    return subprocess.Popen(command, env=build_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


SCRIPT = """
import sys, time
from synthetic_communities import GameEngine

def watch(moment):
    if moment.done >= moment.total / 2:
        print("half", flush=True)
        time.sleep(600)

engine = GameEngine.from_config(sys.argv[1])
engine.observer = watch
engine.initialize_simulation_output(sys.argv[2])
engine.run()
"""


def start_script(config: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start a run from a script that cares for no signal and stands still half-way, and return its process."""
    command = [sys.executable, "-c", SCRIPT, str(config), str(output)]
    return subprocess.Popen(command, env=build_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def end_script(town: Town, output: Path, how: signal.Signals) -> tuple[Killed, int]:
    """Start a run from a script, end it when half of its acts are done, and go on with it as `disturb` does.

    Returns:
        what became of it, and the exit status of its process.
    """
    town.server.reset()
    began = time.monotonic()
    with start_script(town.config, output) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"half\n"
            process.send_signal(how)
            status = process.wait(60)
        finally:
            process.kill()
    (path,) = output.iterdir()
    return _go_on(town, path, time.monotonic() - began), status


def disturb(town: Town, output: Path, moment: float, how: signal.Signals = signal.SIGKILL) -> Killed:
    """Start a run, end it at some moment, go on with it, and check that nothing is lost, invented or paid for twice.

    Args:
        town: whose run it is.
        output: a folder for it.
        moment: when it is ended, in seconds after its process began.
        how: the signal that ends it.
    """
    town.server.reset()
    process = start(town.config, output)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
    process.wait(60)
    paths = list(output.glob(f"*/{INPUTS}")) if output.is_dir() else []
    if not paths or not (paths[0].parent / METADATA).is_file():
        return Killed(moment, None)
    return _go_on(town, paths[0].parent, moment)


def _go_on(town: Town, path: Path, moment: float) -> Killed:
    journal = path / JOURNAL
    recorded = count_calls(journal) if journal.is_file() else 0
    answered = town.server.stats()["calls"]
    lost = answered - recorded
    assert 0 <= lost <= LIMIT, f"{lost} of {answered} calls were lost, and only {LIMIT} could be in flight"
    town.server.reset()
    resume_run(path)
    made = town.server.stats()["calls"]
    assert is_complete(path)
    assert read_record(path) == town.record, "the record is not that of an undisturbed run"
    assert read_failed_calls(path) == town.failed_calls, "other calls came to nothing"
    assert made == town.calls - recorded, f"{made} calls to go on, and {town.calls - recorded} were missing"
    return Killed(moment, recorded, lost=lost, made=made)


def draw_moments(town: Town, count: int, seed: int) -> list[float]:
    """Return moments from the start of a run's process to a little after its end, drawn evenly, in order."""
    chance = random.Random(seed)
    return sorted(chance.uniform(0.0, town.seconds * 1.05) for _ in range(count))
