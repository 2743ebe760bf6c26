"""The community whose cost is measured: texts of known lengths, so that a figure means the same everywhere."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...config import Config
from ...domain.person import parse_person
from ...minds.llm.wording import describe_person
from ...scenario.people import build_people, format_person
from ...testing.server.settings import LoopbackSettings
from ..towns import PEOPLE_SEED, Town, build_config

MODEL = "anthropic:claude-haiku-5-5"

TOKEN_CHARACTERS = 4.0
"""Characters of a token, so that figures do not depend on how a provider counts."""

REPLY_CHARACTERS = {"STATEMENT, turn": 300, "CHAT with": 160, "POST: what": 200}
"""Words only the prompt of an act has, to the length of its reply, in characters."""

BELIEF_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class CostTown:
    """A community, and how long its texts are.

    Attributes:
        people: how many live there.
        limit: how many acts may be under way at once.
        epochs: how many.
        world_characters: of the account of the world.
        person_characters: of what is told of a person.
        changes: other settings than those of the table.
    """

    people: int
    limit: int
    epochs: int = field(default=3, kw_only=True)
    world_characters: int = field(default=5_000, kw_only=True)
    person_characters: int = field(default=1_200, kw_only=True)
    changes: tuple[tuple[str, Any], ...] = field(default=(), kw_only=True)

    def __str__(self) -> str:
        return f"{self.people:,} people, {self.epochs} epoch{'s' * (self.epochs != 1)}, limit {self.limit}"


def build_cost_config(town: CostTown, folder: Path, *, seed: int = 1) -> Config:
    """Return the configuration of a community; the files of its people are written to the folder."""
    settings = {
        "post_probability": 0.07,
        "num_rounds_mean": 3,
        "num_rounds_variance": 1,
        "opening_opinions": True,
        "world_file": None,
        "world_story": lengthen(Config.bundled().world_story or "", town.world_characters),
        "population_file": str(write_long_people(folder, town.people, town.person_characters)),
    }
    config = build_config(Town(town.people, town.limit, epochs=town.epochs), folder, seed=seed)
    return config.changed(**{**settings, **dict(town.changes)})


def build_behaviour(**changes: Any) -> LoopbackSettings:
    """Return how the server behaves: it caches, and its replies have known lengths."""
    return LoopbackSettings(
        **{
            "cache": True,
            "token_chars": TOKEN_CHARACTERS,
            "reply_lengths": REPLY_CHARACTERS,
            "string_chars": BELIEF_CHARACTERS,
            **changes,
        }
    )


def write_long_people(folder: Path, people: int, characters: int) -> Path:
    """Write so many people of whom so many characters are told, and return the file."""
    path = folder / f"people_{people}_of_{characters}.jsonl"
    if not path.exists():
        drawn = build_people(random.Random(PEOPLE_SEED), people)
        path.write_text("".join(_resize(format_person(each), characters) for each in drawn), encoding="utf-8")
    return path


def _resize(line: str, characters: int) -> str:
    record = json.loads(line)
    excess = len(describe_person(parse_person(record["id"], record))) - characters
    record["backstory"] = lengthen(record["backstory"], len(record["backstory"]) - excess)
    return json.dumps(record, ensure_ascii=False) + "\n"


def lengthen(text: str, characters: int) -> str:
    """Return a text of so many characters: its beginning, or itself over and over again."""
    repeated = f"{text} " * (max(1, characters) // (len(text) + 1) + 1)
    cut = repeated[: max(1, characters)]
    return f"{cut[:-1]}." if cut[-1].isspace() else cut
