"""The environment of child processes."""

import os
from pathlib import Path


def build_environment() -> dict[str, str]:
    """Return this process's environment, in which a child finds the same package as this process, wherever it is."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
