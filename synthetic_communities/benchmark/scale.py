"""A community of very many people that think offline: how long one epoch takes, and how much memory."""

import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..config import Config
from ..game_engine import GameEngine
from ..scenario.people import build_people, format_person
from .memory import read_peak_bytes

PEOPLE = 100_000
FEWER_PEOPLE = 10_000

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


@dataclass(frozen=True, slots=True)
class ScaleResult:
    """Many people beside fewer.

    Attributes:
        fewer: the smaller community.
        many: the larger one.
    """

    fewer: ScaleLeg
    many: ScaleLeg

    @property
    def growth(self) -> float:
        """How many times as long the larger community takes."""
        return self.many.seconds / self.fewer.seconds


def measure_growth(people: int = PEOPLE, fewer: int = FEWER_PEOPLE) -> ScaleResult:
    """Return what an epoch takes with so many people and with fewer of them, each in a process of its own."""
    return ScaleResult(measure_scale(fewer), measure_scale(people))


def measure_scale(people: int = PEOPLE) -> ScaleLeg:
    """Return what an epoch takes with so many people, in a process of its own. Nothing of the run is kept.

    Raises:
        subprocess.CalledProcessError: that process came to no good end.
    """
    with TemporaryDirectory() as folder:
        write_people(Path(folder) / "people.jsonl", people)
        command = [sys.executable, "-m", __spec__.name, str(people), folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return ScaleLeg(**json.loads(done.stdout))


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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run_community(int(sys.argv[1]), Path(sys.argv[2])))))
