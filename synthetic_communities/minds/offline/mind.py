"""The offline mind: no model, no network, no key; the same view always gets the same answer."""

from collections.abc import Callable, Mapping
from typing import Any

from ...domain.outcome import Answer
from ...errors import UsageError
from .. import views
from . import debate, people, updates
from .words import SOURCE

ACTS: Mapping[type[views.View], Callable[[Any], Answer[Any]]] = {
    views.OpeningView: updates.open_opinion,
    views.DebateUpdateView: updates.update_from_debate,
    views.ChatTurnView: people.speak_in_chat,
    views.ChatUpdateView: updates.update_from_chat,
    views.PostView: people.write_post,
    views.ReactionView: people.react,
    views.SocialUpdateView: updates.update_from_feed,
    views.BallotView: people.vote,
    views.PositionView: debate.take_positions,
    views.ReadingView: debate.read_feed,
    views.StatementView: debate.make_statement,
    views.ReflectionView: debate.reflect,
    views.QuestionView: debate.propose_question,
    views.IntroductionView: debate.introduce_question,
}
"""Which function answers which view."""


class OfflineMind:
    """A mind that answers with published rules of opinion dynamics and words that are their arithmetic.

    Attributes:
        name: `offline`.
        source: `template`: its words are made from templates, never by a model.
    """

    name = "offline"
    source = SOURCE

    async def answer(self, view: views.View) -> Answer[Any]:
        """Return what the rules make of this view.

        Raises:
            UsageError: a view that is none of those in `minds.views`.
        """
        act = ACTS.get(type(view))
        if act is None:
            raise UsageError(f"the offline mind has no rule for {type(view).__name__}; ask with a view of minds.views")
        return act(view)
