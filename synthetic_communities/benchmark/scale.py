"""A community of very many people that think offline: how long one epoch takes, and how much memory."""

import random
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..config import Config
from ..game_engine import GameEngine
from ..scenario.people import build_people, format_person
from .memory import read_peak_bytes

DRAWN_PEOPLE = 5_000
"""So many different people are drawn; then names run out, and the same come again under other ids."""


@dataclass(frozen=True, slots=True)
class ScaleLeg:
    """One epoch of the bundled scenario with so many people.

    Attributes:
        people: how many.
        seconds: wall time from reading the file of people to the end of the run.
        cpu_seconds: processor time of that process in the same time.
        peak_bytes: the most memory it held; None where the system does not tell.
    """

    people: int
    seconds: float = field(kw_only=True)
    cpu_seconds: float = field(kw_only=True)
    peak_bytes: int | None = field(kw_only=True)


def measure_scale(people: int) -> ScaleLeg:
    """Return what an epoch takes with so many people. Nothing of the run is kept.

    Call it in a new process: the memory it tells is the most that the process ever held.
    """
    with TemporaryDirectory() as folder:
        write_people(Path(folder) / "people.jsonl", people)
        return run_community(people, Path(folder))


def write_people(file: Path, count: int) -> None:
    """Write a file of so many people of the bundled scenario's kind, the same ones every time."""
    drawn = build_people(random.Random(1), min(count, DRAWN_PEOPLE))
    with file.open("w", encoding="utf-8") as lines:
        for number in range(count):
            lines.write(format_person(replace(drawn[number % len(drawn)], id=f"p{number + 1:06d}")))


def run_community(people: int, folder: Path) -> ScaleLeg:
    """Run an epoch with the people of the file in this folder, in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    config = Config.bundled(population_size=people, num_epochs=1, population_file=str(folder / "people.jsonl"))
    engine = GameEngine.from_config(config, model="offline")
    engine.initialize_simulation_output(folder)
    engine.run()
    return ScaleLeg(
        people,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_bytes=read_peak_bytes(),
    )
