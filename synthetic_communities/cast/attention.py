"""What of a person's knowledge is new to learn, and what belongs to the epoch under way."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.bookmark import Bookmark

KNOWLEDGE = ("debate_knowledge", "chats", "social_media_knowledge")
"""What a person can learn from, each the name of a list on the persona, which scripts may change."""


class Attention:
    """Two bookmarks in each list of knowledge: up to where it was learned from, and where the epoch began."""

    __slots__ = ("_epoch_began", "_learned")

    def __init__(self) -> None:
        self._learned = dict.fromkeys(KNOWLEDGE, Bookmark())
        self._epoch_began = dict.fromkeys(KNOWLEDGE, Bookmark())

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was learned from yet, and no epoch has ended."""
        return not any(mark.count for marks in (self._learned, self._epoch_began) for mark in marks.values())

    def news(self, name: str, items: Sequence[Any]) -> Sequence[Any]:
        """Return what in this list was not learned from yet."""
        return self._learned[name].after(items)

    def note_learned(self, name: str, items: Sequence[Any]) -> None:
        """Note that all in this list was learned from."""
        self._learned[name] = Bookmark.at_end_of(items)

    def this_epoch(self, name: str, items: Sequence[Any]) -> Sequence[Any]:
        """Return what in this list came in the epoch under way; outside a run, all of it."""
        return self._epoch_began[name].after(items)

    def news_of_epoch(self, name: str, items: Sequence[Any]) -> Sequence[Any]:
        """Return what came in the epoch under way and was not learned from yet: what went by unlearned is no news."""
        return min(self.news(name, items), self.this_epoch(name, items), key=len)

    def begin_epoch(self, lists: Mapping[str, Sequence[Any]]) -> None:
        """Note that all there is now belongs to the past."""
        self._epoch_began = {name: Bookmark.at_end_of(items) for name, items in lists.items()}
