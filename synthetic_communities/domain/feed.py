"""Posts as people see them, and what they do with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .chance import Chance
from .remark import Remark

ReactionKind = Literal["thumbs_up", "thumbs_down"]


@dataclass(frozen=True, slots=True)
class FeedPost:
    """A post as it stood when it was shown.

    Attributes:
        id: unique in a run.
        author_id: who wrote it.
        text: what it says.
        epoch: when it was written, from 0.
        likes: thumbs up it had.
        dislikes: thumbs down it had.
    """

    id: str
    author_id: str
    text: Remark
    epoch: int = field(default=0, kw_only=True)
    likes: int = field(default=0, kw_only=True)
    dislikes: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Reactions:
    """What a person did with the posts it considered.

    Attributes:
        by_post: post id to reaction; a post left out got none.
    """

    by_post: Mapping[str, ReactionKind]


def draw_considered(shown: Iterable[FeedPost], chance: Chance, reaction_probability: float) -> tuple[str, ...]:
    """Return the ids of the posts shown to which the viewer considers reacting, in the order shown."""
    stream = chance.stream("react")
    return tuple(post.id for post in shown if stream.random() < reaction_probability)
