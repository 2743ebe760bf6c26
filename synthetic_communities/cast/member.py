"""What everybody in a community has in common: a mind to ask, and how each verb ended last."""

from dataclasses import replace
from typing import Any

from ..domain.outcome import Answer, NotAsked
from ..domain.scene import Scene
from ..minds.base import Mind
from ..minds.views import View
from .asking import ask
from .community import Community
from .occasion import Calls
from .sessions import held_open


class Member:
    """Somebody in a community.

    Attributes:
        id: unique among their kind.
        llm_client: a mind of their own; None: the mind of the community.
        outcomes: name of a verb to how its last act ended: why there is no answer where there is none.
        community: what they share with the others.
        calls: how often each verb was called by hand.
    """

    def __init__(self, who: str, world_story: str | None, llm_client: Any = None) -> None:
        self.id = who
        self.llm_client = llm_client
        self.outcomes: dict[str, Answer[Any]] = {}
        self.community = Community(scene=Scene(world_story or ""))
        self.calls = Calls(who)

    def mind(self) -> Mind:
        """Return the mind this member thinks with.

        Raises:
            UsageError: `llm_client` is no mind.
        """
        if self.llm_client is None and self.community.mind is None:
            self.community = replace(self.community, mind=self.community.find_mind())
        return self.community.mind_of(self.llm_client)

    async def ask_mind(self, verb: str, view: View) -> Answer[Any]:
        """Return what the mind answers to a view."""
        mind = self.mind()
        async with held_open([mind]):
            self.outcomes[verb] = await ask(mind, view, timeout_seconds=self.community.call_timeout_seconds)
        return self.outcomes[verb]

    def not_asked(self, verb: str, reason: str) -> Answer[Any]:
        """Return that there was nothing to ask the mind."""
        self.outcomes[verb] = NotAsked(reason)
        return self.outcomes[verb]
