"""Which of all posts a reader is shown: candidates are drawn, scored and ranked.

A reader's feed is made of candidates and not of all posts, so that what a feed costs does not grow with their number:
scoring every post for everybody would grow with the square of the community.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ldexp
from typing import TypeVar

from .chance import Chance, Stream
from .feed import FeedPost

K = TypeVar("K", bound=Hashable)

RECENCY_WEIGHT = 1.0
"""Of a recency in (0, 1]: 1 for the newest epoch anybody posted in, half of it for every epoch before."""

ENGAGEMENT_WEIGHT = 0.5
"""Of an engagement in [0, 1]: reactions of both kinds, as a share of those of the post with most."""

AFFINITY_WEIGHT = 0.5
"""Of an affinity in (-1, 1): how the reader took to the author before."""

FEED_CANDIDATES = 200
"""How many posts are scored for one feed, where nothing else is said."""

Places = Sequence[int]
"""Where posts stand in their pool."""


@dataclass(frozen=True, slots=True)
class FeedPool:
    """All posts in one state of the feed, sorted once for all its readers.

    Attributes:
        posts: all of them.
        merits: post by post, what recency and engagement add to its score, for whoever reads it.
        newest: groups of posts of one epoch, newest first.
        liveliest: groups of posts with as many reactions, most first.
        by_author: author id to the posts written.
    """

    posts: Sequence[FeedPost]
    merits: Sequence[float] = field(kw_only=True)
    newest: Sequence[Places] = field(kw_only=True)
    liveliest: Sequence[Places] = field(kw_only=True)
    by_author: Mapping[str, Places] = field(kw_only=True)


def build_pool(posts: Iterable[FeedPost]) -> FeedPool:
    """Return posts, in any order, as a pool that feeds are drawn from."""
    posts = tuple(posts)
    reactions = [post.likes + post.dislikes for post in posts]
    latest, most = max((post.epoch for post in posts), default=0), max([1, *reactions])
    return FeedPool(
        posts,
        merits=[
            ldexp(RECENCY_WEIGHT, post.epoch - latest) + ENGAGEMENT_WEIGHT * count / most
            for post, count in zip(posts, reactions, strict=True)
        ],
        newest=_groups([-post.epoch for post in posts]),
        liveliest=_groups([-count for count in reactions]),
        by_author=_places_by(post.author_id for post in posts),
    )


def measure_affinities(reactions: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return author id to how a reader took to that author: (up - down) / (up + down + 1), in (-1, 1).

    The 1 stands for doubt: one thumbs up makes 1/2, three make 3/4.

    Args:
        reactions: author id and kind of every reaction the reader gave so far; an author left out has 0.
    """
    counts = Counter(reactions)
    affinities = {}
    for author in {author for author, _ in counts}:
        up, down = counts[author, "thumbs_up"], counts[author, "thumbs_down"]
        affinities[author] = (up - down) / (up + down + 1)
    return affinities


def rank_feed(
    pool: FeedPool,
    reader_id: str,
    chance: Chance,
    *,
    feed_size: int,
    candidates: int = FEED_CANDIDATES,
    affinities: Mapping[str, float] | None = None,
) -> tuple[FeedPost, ...]:
    """Return the posts this reader is shown, those with the highest scores first.

    A score is RECENCY_WEIGHT * recency + ENGAGEMENT_WEIGHT * engagement + AFFINITY_WEIGHT * affinity. Equal ones stand
    in an order drawn from the reader's stream `feed`, as candidates are, so that no post is first for everybody.

    Args:
        pool: all posts; the reader's own are left out.
        reader_id: who reads.
        chance: the reader's own.
        feed_size: how many posts are shown at most.
        candidates: how many are scored at most, or `feed_size` if that is more.
        affinities: author id to the reader's affinity; an author left out has 0.
    """
    stream = chance.stream("feed")
    places = draw_candidates(pool, reader_id, stream, max(candidates, feed_size))
    scores = score_posts(pool, places, affinities or {})
    ranked = sorted(zip(scores, [stream.random() for _ in places], places, strict=True), reverse=True)
    return tuple([pool.posts[place] for _, _, place in ranked[:feed_size]])


def score_posts(pool: FeedPool, places: Places, affinities: Mapping[str, float]) -> list[float]:
    """Return the scores of these posts for a reader with these affinities, in the order given."""
    merits = [pool.merits[place] for place in places]
    if not affinities:
        return merits
    authors = [pool.posts[place].author_id for place in places]
    return [
        merit + AFFINITY_WEIGHT * affinities.get(author, 0.0) for merit, author in zip(merits, authors, strict=True)
    ]


def draw_candidates(pool: FeedPool, reader_id: str, stream: Stream, most: int) -> list[int]:
    """Return the posts to be scored for a reader: all of others, or `most` of them if there are more.

    Half of these are the newest, a quarter those of the others with most reactions, and the rest is drawn from what
    is left. Where several are as new, or have as many reactions, it is drawn which of them count.
    """
    own = pool.by_author.get(reader_id, ())
    everything = range(len(pool.posts))
    taken = set(own)
    if len(everything) - len(own) <= most:
        return [place for place in everything if place not in taken]
    half, quarter = most // 2, most // 4
    newest = _take(pool.newest, half, taken, stream)
    liveliest = _take(pool.liveliest, quarter, taken, stream)
    return [*newest, *liveliest, *_take([everything], most - half - quarter, taken, stream)]


def _take(groups: Iterable[Places], count: int, taken: set[int], stream: Stream) -> list[int]:
    found: list[int] = []
    for group in groups:
        if len(found) == count:
            break
        found += _draw(group, count - len(found), taken, stream)
    return found


def _draw(group: Places, count: int, taken: set[int], stream: Stream) -> list[int]:
    """Take `count` of a group that are not taken yet, or all of these; the work does not grow with a large group."""
    if len(group) <= 2 * (count + len(taken)):
        free = [place for place in group if place not in taken]
        chosen = free if len(free) <= count else stream.sample(free, count)
        taken.update(chosen)
        return chosen
    chosen = []
    while len(chosen) < count:
        for place in stream.choices(group, k=count - len(chosen)):  # at least every second one is free
            if place not in taken:
                taken.add(place)
                chosen.append(place)
    return chosen


def _groups(ranks: Iterable[int]) -> list[Places]:
    """Return places of equal rank together, those of the lowest rank first."""
    by_rank = _places_by(ranks)
    return [by_rank[rank] for rank in sorted(by_rank)]


def _places_by(keys: Iterable[K]) -> dict[K, list[int]]:
    by_key: dict[K, list[int]] = {}
    for place, key in enumerate(keys):
        by_key.setdefault(key, []).append(place)
    return by_key
