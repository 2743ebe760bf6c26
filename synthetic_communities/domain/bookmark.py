"""A place in a list that somebody else may change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a list had been read; if the list was cleared or replaced since, it counts as unread.

    Attributes:
        count: number of items read.
        last: the last of them.
    """

    count: int = 0
    last: Any = None

    def after(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items not read yet."""
        if self.count and (len(items) < self.count or items[self.count - 1] is not self.last):
            return items
        return items[self.count :]

    @staticmethod
    def at_end_of(items: Sequence[Any]) -> "Bookmark":
        """Return a bookmark behind all of `items`."""
        return Bookmark(len(items), items[-1]) if items else Bookmark()
