"""Stories and transcripts as plain JSON, for programs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .outline import Told


def told_as_json(kind: str, told: Told, *, path: Path, status: str | None, damaged: int) -> str:
    """Return what can be told as JSON: the run, and under `kind` the fields of the value, as its class has them.

    Args:
        kind: `person`, `debate`, `conversation`, `feed` or `failures`.
        told: the value, a dataclass.
        path: of the run directory.
        status: `complete`, `interrupted`, `stopped` or `failed`; None: the run goes on, or was killed.
        damaged: number of places that could not be read and were passed over.
    """
    value = asdict(told)  # type: ignore[call-overload]
    return as_json({"path": str(path), "status": status, "damaged": damaged, kind: value})


def as_json(value: Any) -> str:
    """Return a value as JSON: indented, and in ASCII, so that it is the same JSON in every terminal."""
    return json.dumps(value, indent=2, allow_nan=False)
