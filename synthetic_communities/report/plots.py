"""Pictures of a run saved as files: the same bytes for the same run."""

import re
from pathlib import Path

from .numbers.opinions import find_mover
from .pictures.sheet import make_png
from .result import SimulationResult

LONGEST_NAME = 60
"""Characters of an id that a file name takes."""


def save_plots(result: SimulationResult, directory: str | Path) -> list[Path]:
    """Save the pictures of a run, and return their paths: beliefs, votes, and the person who moved most if anybody did.

    They are PNG files of 150 dots per inch. What is there under the same names is replaced.

    Args:
        result: the run.
        directory: where to; made if it is not there.

    Raises:
        UsageError: matplotlib is not installed.
        OSError: they cannot be written.
    """
    mover = find_mover(result.record)
    figures = {"beliefs.png": result.plot.beliefs(), "votes.png": result.plot.votes()}
    if mover is not None:
        figures[name_file(mover.persona_id)] = result.plot.person(mover.persona_id)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (folder / name).write_bytes(make_png(figure))
    return [folder / name for name in figures]


def name_file(persona_id: str) -> str:
    """Return the name of the file that holds a person's picture; whatever the id, it is a name and no path."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", persona_id).strip("-")
    return f"person-{plain[:LONGEST_NAME]}.png"
