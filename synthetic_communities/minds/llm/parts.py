"""The parts of a prompt, and how many calls are asked with the same ones: what caches of providers can make use of."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ...domain.remark import Remark
from ..views import (
    BallotView,
    ChatTurnView,
    ChatUpdateView,
    DebateUpdateView,
    PersonView,
    PostView,
    QuestionView,
    ReactionView,
    ReadingView,
    ReflectionView,
    SocialUpdateView,
    StatementView,
    View,
)

Sharing = Literal["everybody", "people", "person", "talk", "feed", "speaker", "nobody"]
"""Who reads a part: everybody, all people of an epoch, one person in its acts of an epoch, or in some of them; one
candidate, or the mediator, in its acts."""

JUDGEMENTS = 4
"""Judgements of a person in an epoch: after debates, after its conversation, of posts, after the feed."""

TURNS = 3
"""How often each of two people speaks in a conversation, where nothing else is set."""

DEBATING = 12
"""Acts of candidates and mediator in an epoch, about: too few to wait for one another, and all in one chain."""

SPEAKING = 5
"""Other acts of a candidate in an epoch, about."""

_OTHERS: dict[type[View], dict[Sharing, int]] = {
    DebateUpdateView: {"person": 3},
    ChatUpdateView: {"person": 3, "talk": 2},
    ReactionView: {"person": 3, "talk": 2, "feed": 1},
    SocialUpdateView: {"person": 3, "talk": 2, "feed": 1},
    PostView: {"person": TURNS},
    StatementView: {"speaker": SPEAKING},
    ReflectionView: {"speaker": SPEAKING},
    ReadingView: {"speaker": SPEAKING},
    QuestionView: {"speaker": 1},
}
"""How many other acts of the same agent, epoch and reply format begin with everything up to a part."""

_ROUNDS: dict[type[View], int] = {DebateUpdateView: TURNS + 1, ChatTurnView: 1, ChatUpdateView: 1, ReactionView: 1}
"""How often everybody else is asked before a person is asked again in the same format."""


class Part(NamedTuple):
    """One text of a prompt.

    Attributes:
        text: the text; empty: it is left out.
        sharing: who else is asked with it.
    """

    text: str
    sharing: Sharing = "nobody"


def count_reuse(view: View, parts: Sequence[Part], sharers: int | None) -> tuple[int, ...]:
    """Return for each part how many other calls are expected to begin with everything up to there.

    Args:
        view: what is asked.
        parts: the parts of the prompt, those of the system message first.
        sharers: how many people share what is common; None: nobody knows, and nothing is expected.
    """
    if sharers is None:
        return ()
    said = len(view.conversation) if isinstance(view, ChatTurnView) else 0
    kind: Any = type(view)  # a checker takes the hash of its instances for that of the class
    return _count(kind, tuple([part.sharing for part in parts]), said, sharers)


def count_between(view: View, sharers: int | None) -> int:
    """Return how many calls of others are expected before the same person is asked again in the same format."""
    return _ROUNDS.get(type(view), 0) * (sharers or 0)


def judges(view: View) -> bool:
    """Say whether a view is answered with a judgement, and not in plain text."""
    return _judges(type(view))


def _judges(kind: type[View]) -> bool:
    return issubclass(kind, PersonView) and kind.expects is not Remark


@lru_cache(maxsize=1_024)  # the same few for all people
def _count(kind: type[View], sharings: tuple[Sharing, ...], said: int, sharers: int) -> tuple[int, ...]:
    counts: list[int] = []
    for place, sharing in enumerate(sharings):
        others = _count_others(kind, sharing, sharers)
        if kind is ChatTurnView and sharing in ("person", "talk"):
            others = _count_turns(said, sharings[:place].count("talk") if sharing == "talk" else None) - 1
        counts.append(min(others, *counts[-1:]) if counts else others)
    return tuple(counts)


def _count_others(kind: type[View], sharing: Sharing, sharers: int) -> int:
    if sharing == "everybody":
        return sharers * (JUDGEMENTS if _judges(kind) else TURNS) - 1 if issubclass(kind, PersonView) else DEBATING
    if sharing == "people":
        return sharers * _acts_an_epoch(kind) - 1
    return _OTHERS.get(kind, {}).get(sharing, 0)


def _acts_an_epoch(kind: type[View]) -> int:
    if kind is BallotView:  # it begins as the judgements of the last epoch do
        return JUDGEMENTS + 1
    return JUDGEMENTS if _judges(kind) else TURNS


def _count_turns(said: int, before: int | None) -> int:
    """Return how many turns of a person begin so, the one under way among them.

    Args:
        said: how many remarks there are.
        before: how many of them stand before the one up to which it is asked; None: up to before the first.
    """
    turns = max(TURNS, said // 2 + 1)
    return turns if before is None else sum(1 for turn in range(turns) if said % 2 + 2 * turn > before)
