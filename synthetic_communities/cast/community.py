"""What the members of a community share: the stage, the rules, and the mind they think with."""

from dataclasses import dataclass, field

from ..domain.chance import Chance
from ..domain.scene import Scene
from ..errors import UsageError
from ..minds.base import Mind
from ..minds.offline.mind import OfflineMind


@dataclass(frozen=True, slots=True)
class Community:
    """What the members of a community share.

    Attributes:
        scene: what everybody knows.
        mind: what members without one of their own think with.
        seed: where all chance comes from.
        feed_size: how many posts a person is shown.
        memory_epochs: of how many past epochs a person remembers the words.
        max_concurrent: how many acts may be under way at once.
        call_timeout_seconds: how long one act may take; None: as long as it takes.
    """

    scene: Scene = field(default_factory=Scene)
    mind: Mind = field(default_factory=OfflineMind)
    seed: int = 0
    feed_size: int = 10
    memory_epochs: int = 1
    max_concurrent: int = 20
    call_timeout_seconds: float | None = None

    def chance_of(self, who: str, epoch: int) -> Chance:
        """Return one member's chance in one epoch."""
        return Chance(self.seed, epoch, who)

    def mind_of(self, llm_client: object) -> Mind:
        """Return the mind of a member: its own if it has one, else the community's.

        Raises:
            UsageError: `llm_client` is neither None nor a mind.
        """
        if llm_client is None:
            return self.mind
        if isinstance(llm_client, Mind):
            return llm_client
        raise UsageError(f"{llm_client!r} is no mind: set llm_client to None, or to an object with `answer(view)`")
