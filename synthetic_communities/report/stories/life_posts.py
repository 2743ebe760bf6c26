"""Posts one person wrote or was shown, as they stood when it was.

What a post had of reactions when it was shown is what it had at the end of the epoch before; a post of the same epoch
had none yet.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from .feeds import Post, post_id


class LifePosts:
    """Keeps, of all posts it is told of, those that concern one person."""

    def __init__(self, who: str, shown: Collection[str]) -> None:
        """Take the id of the person, and the ids of the posts it was shown."""
        self._who = who
        self._shown = shown
        self._latest: dict[str, Post] = {}
        self._at_end_of: dict[tuple[int, str], Post] = {}

    def note(self, epoch: int, posts: Iterable[Post]) -> None:
        """Take note of the posts there are at the end of an epoch; epochs come in order."""
        for post in posts:
            if post.id in self._shown:
                self._at_end_of[epoch, post.id] = post
            if post.id in self._shown or post.author_id == self._who:
                self._latest[post.id] = post

    def as_shown(self, epoch: int, ids: Iterable[str]) -> tuple[Post, ...]:
        """Return posts shown in an epoch as they stood then."""
        return tuple(self._one_as_shown(epoch, each) for each in ids)

    def written_in(self, epoch: int) -> Post | None:
        """Return what the person posted in an epoch, with the reactions at the end of what is recorded, or None."""
        return self._latest.get(post_id(epoch, self._who))

    def written_before(self) -> tuple[Post, ...]:
        """Return what was posted in the person's name before the run, likewise."""
        own = (post for post in self._latest.values() if post.author_id == self._who)
        return tuple(post for post in own if post.epoch is None or post.id != post_id(post.epoch, self._who))

    def _one_as_shown(self, epoch: int, id: str) -> Post:
        if before := self._at_end_of.get((epoch - 1, id)):
            return before
        post = self._latest.get(id) or Post(
            id, "", name=id, epoch=None, text=None, likes=None, dislikes=None, source=""
        )
        is_new = post.id == post_id(epoch, post.author_id)
        return replace(post, likes=0, dislikes=0) if is_new else replace(post, likes=None, dislikes=None)
