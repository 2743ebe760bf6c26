"""Timing one thing against a loopback server, with what the server counted of it."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..testing.loopback import LoopbackServer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timed:
    """What something took.

    Attributes:
        seconds: wall time in all, opening and closing connections included.
        cpu_seconds: processor time of this process; the server's is not in it.
        calls: how many came in at the server.
        peak_in_flight: the most it was answering at once.
        endings: how they were answered: HTTP status, or how else they ended, to how many.
        by_second: the same by the second, from the first call on.
    """

    seconds: float
    cpu_seconds: float
    calls: int = field(kw_only=True)
    peak_in_flight: int = field(kw_only=True)
    endings: Mapping[str, int] = field(kw_only=True)
    by_second: Mapping[str, Mapping[str, int]] = field(default_factory=dict, kw_only=True)


def time_action(action: Callable[[], T], server: LoopbackServer) -> tuple[T, Timed]:
    """Do something, counted by the server from nothing, and return what came of it and what it took."""
    server.reset()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return result, _counted(seconds, cpu_seconds, server.stats())


def _counted(seconds: float, cpu_seconds: float, stats: Mapping[str, Any]) -> Timed:
    return Timed(
        seconds,
        cpu_seconds,
        calls=stats["calls"],
        peak_in_flight=stats["peak_in_flight"],
        endings={ending: sum(calls.values()) for ending, calls in stats["by_second"].items()},
        by_second=stats["by_second"],
    )
