"""What a person carries from epoch to epoch."""

from dataclasses import dataclass, field

from .belief import Belief
from .feed import FeedPost
from .remark import Remark


@dataclass(frozen=True, slots=True)
class EpochMemory:
    """What a person took from one epoch.

    The beliefs are kept for every epoch; what was heard and read is kept for the last `memory_epochs` only, and is
    empty before.

    Attributes:
        epoch: from 0.
        beliefs: as they stood at the epoch's end.
        first_choice: id of the candidate preferred then.
        heard: what was said in the epoch's debates.
        conversation: what was said in the epoch's conversation, own words included.
        feed: the posts shown.
    """

    epoch: int
    beliefs: tuple[Belief, ...]
    first_choice: str | None = field(default=None, kw_only=True)
    heard: tuple[Remark, ...] = field(default=(), kw_only=True)
    conversation: tuple[Remark, ...] = field(default=(), kw_only=True)
    feed: tuple[FeedPost, ...] = field(default=(), kw_only=True)
