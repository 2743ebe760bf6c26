"""Modules of this package that are loaded when something of them is first used.

A run needs none of what tells of it in words, pages and pictures, and yet its result can do all that. Such a module is
named at the top of the one that uses it, as any other import:

    if TYPE_CHECKING:
        from . import story
    else:
        story = Late(f"{__package__}.story")
"""

from importlib import import_module
from typing import Any


class Late:
    """Stands for a module until something of it is used."""

    def __init__(self, name: str) -> None:
        """Take the dotted name of the module."""
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
