"""A small community in which words and moves are scripted, so that what is told of them is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Belief, Opinion
from synthetic_communities.domain.feed import Reactions
from synthetic_communities.domain.outcome import Done, Failed, Refused, Unreadable
from synthetic_communities.domain.remark import Remark
from synthetic_communities.minds.views import (
    BallotView,
    ChatTurnView,
    IntroductionView,
    OpeningView,
    PersonView,
    PostView,
    QuestionView,
    ReactionView,
    StatementView,
    View,
)
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.small_communities import TOPICS, run_community

STANCES = {"opening": 0.5, "update from debate": 0.4, "update from chat": -0.3, "update from social media": 0.0}
"""Act to the stance that everybody states in it, unless something else is scripted."""

SMALL: Mapping[str, Any] = {
    "people": 3,
    "topics": TOPICS[:1],
    "turns_per_question": 1,
    "num_rounds_mean": 1,
    "max_change_percentage": 0.25,
}

TROUBLE: Mapping[str, Reply] = {
    "e0/belief/debate/p1": Unreadable("Well,\nI think"),
    "e1/belief/chat/p2": Refused(),
    "e1/belief/social/p0": Failed("timeout"),
    "e1/post/p1": Failed("timeout"),
    "e1/react/p2": Refused(),
    "e1/debate/t0/q0/t0/c1": Failed("timeout"),
    "ballot/p1": Unreadable("Both!"),
}
"""What goes wrong where something does."""


def speak(view: View) -> Reply:
    """Return what is said in an act: its key, or words that hold it."""
    match view:
        case QuestionView():
            return Done(Remark(f"What of {view.key}?"))
        case IntroductionView():
            return Done(Remark("Good evening."))
        case StatementView():
            return Done(Remark(f"I say so.\n\nAnd this: {view.key}."))
        case ChatTurnView() | PostView():
            return Done(Remark(f"{view.person.name} says {view.key}."))
        case ReactionView():
            return Done(Reactions({post.id: "thumbs_up" for post in view.feed if post.author_id == "p0"}))
        case BallotView():
            return Done(Choice("c1", "Because.", "c1"))
        case PersonView():
            return Done(state(view))
    return None


def state(view: PersonView) -> Opinion:
    """Return what is stated in an act: a stance by the kind of act, and the second candidate from the chats on."""
    stance = STANCES["opening" if isinstance(view, OpeningView) else view.act]
    return Opinion((Belief("t0", f"I stand at {stance}.", stance=stance, vote="c0"),), "c1" if stance < 0.4 else "c0")


def run_spoken(directory: Path, script: Mapping[str, Reply] | None = None, **changes: Any) -> SimulationResult:
    """Run the community; what `script` says goes before what is said otherwise."""
    rules = dict(script or {})

    def answer(view: View) -> Reply:
        return rules[view.key] if view.key in rules else speak(view)

    return run_community(directory, ScriptedMind(answer), **{**SMALL, **changes})
