"""Measuring in a process of its own, where the most memory it ever held says something."""

import json
import subprocess
import sys
from typing import Any

from ..testing.environment import build_environment
from .measures import CannotMeasureError

_CALL = """
import dataclasses, importlib, json, sys
module, function, arguments = json.loads(sys.argv[1])
print(json.dumps(dataclasses.asdict(getattr(importlib.import_module(module), function)(*arguments))))
"""


def call_in_child(module: str, function: str, *arguments: float) -> dict[str, Any]:
    """Return what a function returns that is called in a new process, as JSON has it.

    Args:
        module: where the function is, a dotted name.
        function: its name; it returns a dataclass of numbers.
        arguments: what it is called with.

    Raises:
        CannotMeasureError: the process failed; the message is the last line it wrote.
    """
    command = [sys.executable, "-c", _CALL, json.dumps([module, function, arguments])]
    child = subprocess.run(command, capture_output=True, text=True, env=build_environment(), check=False)
    if child.returncode:
        raise CannotMeasureError((child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1])
    told: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return told
