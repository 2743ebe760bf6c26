"""What a benchmark ran on, and how much of it was free."""

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("synthetic-communities", "httpx", "httpx-aiohttp", "aiohttp", "anthropic")
"""Those a measured call passes through."""

_SPIN_SECONDS = 0.3
_SPIN = """
import sys, time
print("ready", flush=True)
seconds = float(sys.stdin.readline())
began, cpu = time.perf_counter(), time.process_time()
while time.perf_counter() - began < seconds:
    pass
print(time.process_time() - cpu)
"""


def describe_machine() -> dict[str, Any]:
    """Return machine, load, Python and packages; what the system does not tell is None."""
    return {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "load_average_1_minute": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def measure_room(seconds: float = _SPIN_SECONDS) -> float:
    """Return what share of two processors is free: one is for the client, one for the server.

    Two processes compute side by side for so many seconds, and the processor time they got is held against that.
    """
    command = [sys.executable, "-I", "-c", _SPIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        other.stdin.write(f"{seconds}\n")
        other.stdin.flush()
        mine = _spin(seconds)
        return min(1.0, (mine + float(other.stdout.readline())) / (2 * seconds))


def _spin(seconds: float) -> float:
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        pass
    return time.process_time() - cpu
