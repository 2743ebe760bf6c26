"""How long it takes until something can be done: `import`, and the command's help."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..testing.environment import build_environment
from .measures import Figure, Sample, Tell

COMMANDS: Mapping[str, Sequence[str]] = {
    "import synthetic_communities": ("-c", "import synthetic_communities"),
    "--help": ("-m", "synthetic_communities", "--help"),
}

BARE = "python alone"


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What is measured of starting.

    Attributes:
        repetitions: how often, each time in a new process.
        most_seconds: how long it may take.
    """

    repetitions: int
    most_seconds: float | None = field(default=None, kw_only=True)


def list_start_figures(plan: StartPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    ours = [
        Figure(name, "s", compared_to="nothing", better="less", reach=plan.most_seconds, control=BARE)
        for name in COMMANDS
    ]
    return (*ours, Figure(BARE, "s", compared_to="an interpreter that does nothing", better="less"))


def take_starts(plan: StartPlan, tell: Tell) -> Iterator[Sample]:
    """Measure how long new processes take, files in the system's cache, the first ones not counted."""
    tell(f"starting {len(COMMANDS) + 1} x {plan.repetitions} processes")
    commands = {**COMMANDS, BARE: ("-c", "pass")}
    for number in range(plan.repetitions + 1):
        values = {name: _time_process(arguments) for name, arguments in commands.items()}
        if number:
            yield Sample(values)


def _time_process(arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    environment = {name: value for name, value in build_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began
