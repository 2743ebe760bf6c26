"""Small communities in which every kind of act takes place, and their records; for tests of the order of work."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from synthetic_communities.candidate import Candidate
from synthetic_communities.config import Config
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.runs.directory import FINAL_VOTE, LINES, METADATA
from synthetic_communities.testing.virtual_time import run_in_virtual_time

TOPICS = [
    {"id": "t0", "title": "Rents", "description": "Cap rents."},
    {"id": "t1", "title": "Trams", "description": "Build a tram line."},
]
CANDIDATES = [
    {"id": "c0", "name": "Aisha Noor", "description": "Calm."},
    {"id": "c1", "name": "Johan Berg", "description": "Loud."},
]
SETTINGS: dict[str, Any] = {
    "questions_per_topic": 1,
    "turns_per_question": 2,
    "num_epochs": 2,
    "random_seed": 7,
    "post_probability": 1.0,
    "reaction_probability": 1.0,
    "num_rounds_mean": 2,
    "num_rounds_variance": 0,
    "topics": TOPICS,
    "candidates": CANDIDATES,
    "world_story": "A town by the water.",
    "max_failures": 1.0,
}


def make_config(people: int = 5, **changes: Any) -> Config:
    """Return settings under which everybody posts and considers every post they are shown; any act may fail."""
    return Config(population_size=people, **{**SETTINGS, **changes})


def make_attributes(number: int) -> dict[str, Any]:
    """Return plausible attributes, another set for every number."""
    draw = random.Random(number)
    return {
        "name": f"Person {number}",
        "susceptibility": draw.random(),
        "turnout_propensity": draw.random(),
        "personality_traits": {"openness": draw.random()},
        "prior_beliefs": {"t0": draw.uniform(-1, 1)},
    }


def make_engine(config: Config, mind: Mind | None = None, *, ids: Iterable[str] = ()) -> GameEngine:
    """Return a community of the people `p0`, `p1` and so on, or of people with these ids."""
    engine = GameEngine(config)
    engine.llm_client = mind
    for number, who in enumerate(ids or [f"p{number}" for number in range(config.population_size)]):
        engine.population.add_persona(Persona(who, make_attributes(number), config.world_story))
    for entry in config.candidates or ():
        engine.candidates.append(Candidate(entry["id"], entry["name"], entry["description"], (), None))
    return engine


def run_engine(engine: GameEngine, directory: Path) -> SimulationResult:
    """Run a community in virtual time, its record below `directory`."""
    engine.initialize_simulation_output(directory)
    return run_in_virtual_time(engine.run_async())


def run_community(directory: Path, mind: Mind | None = None, people: int = 5, **changes: Any) -> SimulationResult:
    """Make a community and run it in virtual time."""
    return run_engine(make_engine(make_config(people, **changes), mind), directory)


def read_record(path: Path) -> dict[str, str]:
    """Return the record: the files that must be equal byte for byte, the one line with the run's id left out."""
    record = {
        name: (path / name).read_text(encoding="utf-8") for name in (*LINES, FINAL_VOTE) if (path / name).exists()
    }
    metadata = (path / METADATA).read_text(encoding="utf-8").splitlines()
    record[METADATA] = "\n".join(line for line in metadata if '"simulation_id"' not in line)
    return record


def draw_delay(seed: int, most_seconds: float = 10.0) -> Callable[[View], float]:
    """Return delays that depend on the seed and on the task's key, and on nothing else."""
    return lambda view: random.Random(f"{seed} {view.key}").uniform(0.001, most_seconds)


def lines_of(result: SimulationResult, name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of the record as they are written, in their order; `name` without its ending."""
    file = result.path / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def failures_by_task(result: SimulationResult) -> Mapping[str, dict[str, Any]]:
    """Return task key to the row of how it failed; ballots stand elsewhere."""
    failures = [{"epoch": epoch["epoch"], **row} for epoch in result.epochs for row in epoch["failures"]]
    rows = {row["task"]: row for row in failures}
    assert len(rows) == len(failures), "a task failed twice"
    return rows


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))
