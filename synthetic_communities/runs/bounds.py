"""How large what is read from a run directory may be: it may be damaged, or somebody else's."""

from typing import Any

MAX_BYTES = 500_000_000
"""The longest line that is read, and the largest file of one value.

The line of an epoch of 100,000 people has 60 MB; their `metadata.json` has more.
"""

MAX_DEPTH = 100
"""How deep lists and mappings may be nested; attributes of people have half of it for themselves."""


def is_too_deep(value: Any) -> bool:
    """Say whether lists and mappings are nested deeper than `MAX_DEPTH`, without going as deep oneself."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _within(outer) if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def _within(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
