"""The bundled scenario as files to edit."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ..config import BUNDLED_FILE
from ..errors import UsageError

FILES = (BUNDLED_FILE.name, "world.md", "people.jsonl")


def write_scenario(directory: Path) -> list[Path]:
    """Write the files of the bundled scenario into a directory, which is made where needed, and return their paths.

    Raises:
        UsageError: one of them is there already, or they cannot be written.
    """
    paths = [directory / name for name in FILES]
    taken = [str(path) for path in paths if path.exists()]
    if taken:
        raise UsageError(f"nothing was written, as there is already {', '.join(taken)}; name another folder")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path in paths:
            with path.open("xb") as file:
                file.write((BUNDLED_FILE.parent / path.name).read_bytes())
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}; name another folder") from error
    return paths


def describe_next_steps(paths: Sequence[Path], command: str) -> str:
    """Return what was written, and what to type next."""
    config, world, people = names = [shlex.quote(str(path)) for path in paths]
    width = max(map(len, names))
    python = shlex.quote(sys.executable)  # whatever `python` is on the PATH, it need not have this package
    return f"""Written:
  {config:<{width}}  the settings: topics, candidates, how long it runs
  {world:<{width}}  what everybody knows
  {people:<{width}}  the people, one a line

Edit them, then:
  {command} check {config}
  {command} run {config}

More people, or others; population_size in {paths[0].name} says how many take part:
  {python} -m synthetic_communities.scenario.people --count 500 --seed 7 --output {people}"""
