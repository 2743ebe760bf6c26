"""The platform people post on: posts, reactions, and the feed as text."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from .domain.debate import Topic
from .domain.feed import FeedPost
from .domain.feed_ranking import measure_affinities
from .domain.remark import as_remark
from .errors import UsageError

VALID_REACTIONS = ("thumbs_up", "thumbs_down")


@dataclass
class Post:
    """A post.

    Attributes:
        id: unique on a platform.
        persona_id: who wrote it.
        content: what it says.
        likes: number of thumbs up.
        dislikes: number of thumbs down.
        epoch: when it was written, from 0.
    """

    id: str
    persona_id: str
    content: str
    likes: int = 0
    dislikes: int = 0
    epoch: int = field(default=0, kw_only=True)

    def to_string(self) -> str:
        """Return the post as a line of the feed."""
        text = " ".join(self.content.split())  # on one line, which no text can leave
        return f"{self.persona_id} [{self.likes} 👍 / {self.dislikes} 👎]: {text}"


class SocialMedia:
    """A platform: posts, reactions, and views of both. It calls no model.

    Attributes:
        posts: in the order added.
        reactions: post id to persona id to reaction.
        topics: topics whose titles are looked for in posts that do not say what they are about.
        VALID_REACTIONS: the reactions there are.
    """

    VALID_REACTIONS = VALID_REACTIONS

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.reactions: dict[str, dict[str, str]] = {}
        self.topics: Sequence[Topic] = ()
        self._by_id: dict[str, Post] | None = None

    def add_post(self, post: Post | Mapping[str, Any]) -> str:
        """Add a post and return its id; one without an id gets `post-1`, `post-2` and so on.

        Raises:
            UsageError: a post of this id is there already, or the mapping lacks `persona_id` or `content`.
        """
        new = as_post(post)
        if not new.id:
            new.id = self._free_id()
        if self._find(new.id) is not None:
            raise UsageError(f"a post with id {new.id!r} is on this platform already; give every post its own id")
        self.posts.append(new)
        if self._by_id is not None:
            self._by_id[new.id] = new
        return new.id

    def add_posts(self, posts: Iterable[Post | Mapping[str, Any]]) -> list[str]:
        """Add posts, as `add_post` does one by one, and return their ids; for many, this is faster.

        Raises:
            UsageError: as `add_post`; the posts before the one refused have been added.
        """
        with self._indexed():
            return [self.add_post(post) for post in posts]

    def adopt_posts(self, posts: Iterable[Post | Mapping[str, Any] | FeedPost]) -> list[FeedPost]:
        """Return posts as they stand here or were given, in order, having added those that are not here yet."""
        with self._indexed():
            return [self._adopt(as_feed_post(post)) for post in posts]

    def get_feed(self, limit: int = 100) -> str:
        """Return the newest `limit` posts as text, newest first, a line each: `persona [n 👍 / m 👎]: text`."""
        newest = self.posts[-limit:] if limit > 0 else []
        return "\n".join(post.to_string() for post in reversed(newest))

    def get_feed_by_personas(self, personas: Iterable[Any]) -> list[Post]:
        """Return the posts written by these personas (or persona ids), in the order added."""
        ids = {getattr(persona, "id", persona) for persona in personas}
        return [post for post in self.posts if post.persona_id in ids]

    def add_reaction(self, post_id: str, persona_id: str, reaction: str) -> None:
        """Note a reaction; a second one by the same persona to the same post takes the place of the first.

        Raises:
            UsageError: no such post, or no such reaction.
        """
        if reaction not in VALID_REACTIONS:
            raise UsageError(f"{reaction!r} is no reaction; there are {' and '.join(VALID_REACTIONS)}")
        post = self._find(post_id)
        if post is None:
            raise UsageError(f"no post with id {post_id!r} is on this platform; add_post() it first")
        given = self.reactions.setdefault(post_id, {})
        _count(post, given.get(persona_id), -1)
        _count(post, reaction, +1)
        given[persona_id] = reaction

    def add_reactions(self, reactions: Iterable[tuple[str, str, str]]) -> None:
        """Note reactions, each a post's id, a persona's id and a reaction, as `add_reaction` does one by one.

        Raises:
            UsageError: as `add_reaction`; the reactions before the one refused have been noted.
        """
        with self._indexed():
            for post_id, persona_id, reaction in reactions:
                self.add_reaction(post_id, persona_id, reaction)

    def get_platform_state(self) -> dict[str, Any]:
        """Return `total_posts`, `total_reactions`, `posts` (a mapping each) and `reactions`."""
        return {
            "total_posts": len(self.posts),
            "total_reactions": sum(len(given) for given in self.reactions.values()),
            "posts": [post_row(post) for post in self.posts],
            "reactions": {post_id: dict(given) for post_id, given in self.reactions.items()},
        }

    def get_trending_topics(self) -> list[str]:
        """Return ids of the topics posts are about, commonest first, then in alphabetical order."""
        counts = Counter(topic_id for post in self.posts for topic_id in self._topics_of(post))
        return sorted(counts, key=lambda topic_id: (-counts[topic_id], topic_id))

    def measure_affinities(self) -> dict[str, dict[str, float]]:
        """Return persona id to author id to how that person took to that author, from the reactions noted so far."""
        authors = {post.id: post.persona_id for post in self.posts}
        given: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for post_id, reactions in self.reactions.items():
            for persona_id, reaction in reactions.items():
                given[persona_id].append((authors.get(post_id, ""), reaction))
        return {persona_id: measure_affinities(pairs) for persona_id, pairs in given.items()}

    def _free_id(self) -> str:
        taken = self._by_id or {post.id for post in self.posts}
        return next(f"post-{n}" for n in count(len(self.posts) + 1) if f"post-{n}" not in taken)

    def _topics_of(self, post: Post) -> set[str]:
        stated = as_remark(post.content).stances
        if stated:
            return set(stated)
        text = post.content.casefold()
        return {topic.id for topic in self.topics if topic.title.casefold() in text}

    def _adopt(self, post: FeedPost) -> FeedPost:
        return post if self._find(post.id) is not None else replace(post, id=self.add_post(post_row(post)))

    def _find(self, post_id: str) -> Post | None:
        if self._by_id is not None:
            return self._by_id.get(post_id)
        return next((post for post in self.posts if post.id == post_id), None)

    @contextmanager
    def _indexed(self) -> Iterator[None]:
        """Find posts by an index in here; elsewhere a script may change `posts`, and what is found has to follow."""
        self._by_id = {post.id: post for post in reversed(self.posts)}
        try:
            yield
        finally:
            self._by_id = None


def as_post(post: Post | Mapping[str, Any]) -> Post:
    """Return `post`, made from a mapping if it is one.

    Raises:
        UsageError: the mapping lacks `persona_id` or `content`.
    """
    if isinstance(post, Post):
        return post
    if not isinstance(post, Mapping):
        raise UsageError(f"{post!r} is no post: pass a Post, or a mapping with persona_id and content")
    missing = [key for key in ("persona_id", "content") if post.get(key) is None]
    if missing:
        raise UsageError(f"a post needs {' and '.join(missing)}; got {dict(post)!r}")
    counts = {key: int(post.get(key, 0)) for key in ("likes", "dislikes", "epoch")}
    return Post(str(post.get("id") or ""), str(post["persona_id"]), post["content"], **counts)


def as_feed_post(post: Post | Mapping[str, Any] | FeedPost) -> FeedPost:
    """Return `post` as it stands now, as a value."""
    if isinstance(post, FeedPost):
        return post
    made = as_post(post)
    return FeedPost(
        made.id,
        made.persona_id,
        as_remark(made.content),
        epoch=made.epoch,
        likes=made.likes,
        dislikes=made.dislikes,
    )


def post_row(post: Post | FeedPost) -> dict[str, Any]:
    """Return a post as the mapping scripts and files hold."""
    return vars(_PostRow(as_feed_post(post)))


class _PostRow:
    """A post whose `vars` are its row: of those the keys are stored once for all, and communities hold millions."""

    def __init__(self, post: FeedPost) -> None:
        self.id = post.id
        self.persona_id = post.author_id
        self.content = post.text
        self.likes = post.likes
        self.dislikes = post.dislikes
        self.epoch = post.epoch


def _count(post: Post, reaction: str | None, step: int) -> None:
    if reaction == "thumbs_up":
        post.likes += step
    elif reaction == "thumbs_down":
        post.dislikes += step
