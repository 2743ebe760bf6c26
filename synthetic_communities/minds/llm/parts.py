"""The parts of a prompt, and how many calls are asked with the same ones: what caches of providers can make use of."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ...domain.remark import Remark
from ..views import (
    BallotView,
    ChatTurnView,
    ChatUpdateView,
    DebateUpdateView,
    PersonView,
    PostView,
    ReactionView,
    SocialUpdateView,
    View,
)

Sharing = Literal["everybody", "people", "person", "talk", "feed", "nobody"]
"""Who reads a part: everybody, all people of an epoch, one person in its acts of an epoch, or in some of them."""

JUDGEMENTS = 4
"""Judgements of a person in an epoch: after debates, after its conversation, of posts, after the feed."""

TURNS = 3
"""How often each of two people speaks in a conversation, where nothing else is set."""

DEBATING = 12
"""Acts of candidates and mediator in an epoch, about: too few to wait for one another, and all in one chain."""

_OTHERS: dict[type[View], dict[Sharing, int]] = {
    DebateUpdateView: {"person": 3},
    ChatUpdateView: {"person": 3, "talk": 2},
    ReactionView: {"person": 3, "talk": 2, "feed": 1},
    SocialUpdateView: {"person": 3, "talk": 2, "feed": 1},
    PostView: {"person": TURNS},
}
"""How many other acts of the same person, epoch and reply format begin with everything up to a part."""

_ROUNDS: dict[type[View], int] = {DebateUpdateView: TURNS + 1, ChatTurnView: 1, ChatUpdateView: 1, ReactionView: 1}
"""How often everybody else is asked before a person is asked again in the same format."""


class Part(NamedTuple):
    """One text of a prompt.

    Attributes:
        text: the text; empty: it is left out.
        sharing: who else is asked with it.
        before: of a remark in a conversation under way, how many remarks stand before it.
    """

    text: str
    sharing: Sharing = "nobody"
    before: int = 0


def count_reuse(view: View, parts: Sequence[Part], sharers: int) -> tuple[int, ...]:
    """Return for each part how many other calls are expected to begin with everything up to there.

    Args:
        view: what is asked.
        parts: the parts of the prompt, those of the system message first.
        sharers: how many people share what is common; 0: nobody knows, and nothing is expected.
    """
    if not sharers:
        return ()
    counts: list[int] = []
    for part in parts:
        others = _count_others(view, part, sharers)
        counts.append(min(others, counts[-1]) if counts else others)
    return tuple(counts)


def count_between(view: View, sharers: int) -> int:
    """Return how many calls of others are expected before the same person is asked again in the same format."""
    return _ROUNDS.get(type(view), 0) * sharers


def judges(view: View) -> bool:
    """Say whether a view is answered with a judgement, and not in plain text."""
    return isinstance(view, PersonView) and view.expects is not Remark


def _count_others(view: View, part: Part, sharers: int) -> int:
    if part.sharing == "everybody":
        people = sharers * (JUDGEMENTS if judges(view) else TURNS)
        return people - 1 if isinstance(view, PersonView) else min(people, DEBATING)
    if part.sharing == "people":
        return sharers * _acts_an_epoch(view) - 1
    if isinstance(view, ChatTurnView):
        return _count_turns(view, part) - 1
    return _OTHERS.get(type(view), {}).get(part.sharing, 0)


def _acts_an_epoch(view: View) -> int:
    if isinstance(view, BallotView):
        return 1
    return JUDGEMENTS if judges(view) else TURNS


def _count_turns(view: ChatTurnView, part: Part) -> int:
    """Return how many turns of a person begin so, this one among them: those in which the remark was made already."""
    said = len(view.conversation)
    turns = max(TURNS, said // 2 + 1)
    if part.sharing == "person":
        return turns
    if part.sharing != "talk":
        return 1
    return sum(1 for turn in range(turns) if said % 2 + 2 * turn > part.before)
