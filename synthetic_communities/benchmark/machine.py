"""What a benchmark ran on."""

import os
import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("synthetic-communities", "httpx", "httpx-aiohttp", "aiohttp")
"""Those a measured call passes through."""


def describe_machine() -> dict[str, Any]:
    """Return machine, load, Python and packages; what the system does not tell is None."""
    return {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "load_average_1_minute": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
    }
