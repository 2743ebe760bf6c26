"""What the members of a community share: the stage, the rules, and the mind they think with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import synthetic_communities.llm_client as llm_client

from ..domain.chance import Chance
from ..domain.feed import FeedPost
from ..domain.feed_ranking import FEED_CANDIDATES, FeedPool, rank_feed
from ..domain.scene import Scene
from ..errors import UsageError
from ..minds.base import Mind

MAX_CONCURRENT = 20
"""How many acts may be under way at once, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Community:
    """What the members of a community share.

    Attributes:
        scene: what everybody knows.
        mind: what members without one of their own think with; None: what `find_mind` finds, when first asked.
        find_mind: finds the mind.
        seed: where all chance comes from.
        replicate: number of the repetition of the run, from 0; each has chance of its own but for the opening.
        feed_size: how many posts a person is shown.
        feed_candidates: how many posts are scored for one feed at most, `feed_size` if that is more.
        memory_epochs: of how many past epochs a person remembers the words.
        max_concurrent: how many acts may be under way at once.
        call_timeout_seconds: how long one act may take; None: as long as it takes.
    """

    scene: Scene = field(default_factory=Scene)
    mind: Mind | None = None
    find_mind: Callable[[], Mind] = field(default=lambda: llm_client.find_mind(), repr=False)
    seed: int = 0
    replicate: int = 0
    feed_size: int = 10
    feed_candidates: int = FEED_CANDIDATES
    memory_epochs: int = 1
    max_concurrent: int = MAX_CONCURRENT
    call_timeout_seconds: float | None = None

    def chance_of(self, who: str, epoch: int, *, is_opening: bool = False) -> Chance:
        """Return one member's chance in one epoch; at the opening it is the same in every repetition of a run."""
        return Chance(self.seed, epoch, who, 0 if is_opening else self.replicate)

    def feed_of(
        self, who: str, epoch: int, pool: FeedPool, affinities: Mapping[str, float] | None = None
    ) -> tuple[FeedPost, ...]:
        """Return the posts one member is shown in one epoch, out of all in `pool`.

        Args:
            who: the member's id.
            epoch: the epoch.
            pool: all posts.
            affinities: author id to how this member took to that author so far.
        """
        return rank_feed(
            pool,
            who,
            self.chance_of(who, epoch),
            feed_size=self.feed_size,
            candidates=self.feed_candidates,
            affinities=affinities,
        )

    def mind_of(self, own: object) -> Mind:
        """Return the mind of a member: its own if it has one, else the community's.

        Raises:
            UsageError: what is put as `llm_client` is neither None nor a mind.
        """
        if own is None:
            return self.mind or self.find_mind()
        if isinstance(own, Mind):
            return own
        raise UsageError(
            f"{own!r} is no mind: set llm_client to None, to a client, or to an object with `answer(view)`"
        )
