"""The communities that are measured: people of the bundled generator, and as much of a debate as is asked for."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config
from ..configuration.settings import SETTINGS
from ..scenario.people import build_people, format_person

NO_MODEL = {"model": None, "candidate_model": None}

PEOPLE_SEED = 1
"""The bundled people are the first of these."""


@dataclass(frozen=True, slots=True)
class Town:
    """A community and how it is run; what is not said here is as in the bundled scenario.

    Attributes:
        people: how many live there.
        limit: how many acts may be under way at once.
        topics: how many of the bundled topics are debated.
        candidates: how many of the bundled candidates stand.
        epochs: how many.
    """

    people: int
    limit: int
    topics: int = field(default=1, kw_only=True)
    candidates: int = field(default=2, kw_only=True)
    epochs: int = field(default=3, kw_only=True)

    def __str__(self) -> str:
        parts = (self._spell("topic"), self._spell("candidate"), self._spell("epoch"))
        return f"{self.people:,} people, {', '.join(parts)}, limit {self.limit}"

    def _spell(self, noun: str) -> str:
        number: int = getattr(self, f"{noun}s")
        return f"{number} {noun}{'s' * (number != 1)}"


def write_people(folder: Path, people: int) -> Path:
    """Write so many people to a file and return it."""
    path = folder / f"people_{people}.jsonl"
    if not path.exists():
        drawn = build_people(random.Random(PEOPLE_SEED), people)
        path.write_text("".join(map(format_person, drawn)), encoding="utf-8")
    return path


def build_config(town: Town, folder: Path, *, seed: int, **changes: Any) -> Config:
    """Return the configuration of a town.

    Args:
        town: the town.
        folder: where the file of its people is written.
        seed: what all chance is drawn from.
        changes: other settings.
    """
    bundled = Config.bundled()
    topics = (bundled.topics or [])[: town.topics]
    debated = {topic["id"] for topic in topics}
    return bundled.changed(
        population_size=town.people,
        population_file=str(write_people(folder, town.people)),
        topics=topics,
        candidates=[_with_positions_on(debated, each) for each in (bundled.candidates or [])[: town.candidates]],
        num_epochs=town.epochs,
        random_seed=seed,
        max_concurrent=town.limit,
        **changes,
    )


def without_model(config: Config) -> Config:
    """Return settings that name no model, nor anything only a model takes: the mind is put there beside them."""
    return config.changed(**{setting.name: None for setting in SETTINGS if setting.models_only}, **NO_MODEL)


def _with_positions_on(debated: set[str], candidate: dict[str, Any]) -> dict[str, Any]:
    positions = {topic: stance for topic, stance in candidate["positions"].items() if topic in debated}
    return {**candidate, "positions": positions}
