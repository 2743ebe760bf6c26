"""What is known of minds before they are asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..candidate import Candidate
from ..cast.member import Member
from ..engine.ledger import Task
from ..engine.plan import QuestionPlace, StatementPlace, TurnPlace
from ..llm.choice import OFFLINE
from ..llm.naming import parse_model_name
from ..mediator import Mediator
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind
from ..minds.offline.mind import OfflineMind
from ..persona import Persona

Who: TypeAlias = tuple[type[Member], str]
"""Somebody in a community: what they are, and their id; the mediator's id is left empty."""

SPENT = ("max_cost_usd", "max_tokens", "max_calls")
"""Settings that limit what the calls of a run may take, whoever made the model."""

OPINION_STEPS = ("opening_opinion", "debate_update", "chat_update", "social_update")
"""Steps that ask for an opinion on every topic: where there is no topic, a language model is not asked."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of a mind before it is asked.

    Attributes:
        calls_per_act: calls of a language model that one act takes if it succeeds at once; None: not known.
        max_concurrent: how many acts at once its server usually bears; None: as many as usual.
    """

    calls_per_act: int | None
    max_concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class CastExpectation:
    """What is known of the minds of a community before they are asked.

    Attributes:
        people: of what people think with, but for those with a mind of their own.
        candidates: of what candidates and mediator think with, likewise.
        own: of the minds that single members have of their own.
    """

    people: Expectation
    candidates: Expectation
    own: Mapping[Who, Expectation] = field(default_factory=dict, kw_only=True)

    def of_task(self, task: Task) -> Expectation:
        """Return what is known of the mind that is asked in an act."""
        who = find_actor(task)
        shared = self.people if who[0] is Persona else self.candidates
        return self.own.get(who, shared)

    def all(self) -> tuple[Expectation, ...]:
        """Return what is known of every mind."""
        return (self.people, self.candidates, *self.own.values())


def expect_mind(mind: Mind) -> Expectation:
    """Return what is known of a mind."""
    if isinstance(mind, LLMMind):
        return Expectation(1, mind.max_concurrent)
    return Expectation(0 if isinstance(mind, OfflineMind) else None)


def expect_model(name: str) -> Expectation:
    """Return what is known of the mind of this name: `offline`, or `provider:model`.

    Raises:
        ConfigurationError: no such provider, or no such default.
    """
    return Expectation(0) if name == OFFLINE else Expectation(1, parse_model_name(name).provider.max_concurrent)


def expect_own(
    personas: Sequence[Persona], candidates: Sequence[Candidate], mediator: Mediator
) -> Mapping[Who, Expectation]:
    """Return what is known of the minds that members have of their own."""
    members: dict[Who, Member] = {(Persona, persona.id): persona for persona in personas}
    members |= {(Candidate, candidate.id): candidate for candidate in candidates}
    members[Mediator, ""] = mediator
    own = {who: member.llm_client for who, member in members.items() if member.llm_client is not None}
    return {who: expect_mind(mind) for who, mind in own.items()}


def find_taken(minds: Iterable[Mind | None]) -> frozenset[str]:
    """Return the settings of language models that hold for minds which a script gave; None stands for no such mind.

    Whatever is asked through this package has a price, and a model that it asks is held to the budget of the run.
    """
    given = [mind for mind in minds if mind is not None and not isinstance(mind, OfflineMind)]
    keeps_budget = any(isinstance(mind, LLMMind) for mind in given)
    return frozenset(("prices", *(SPENT if keeps_budget else ()))) if given else frozenset()


def find_actor(task: Task) -> Who:
    """Return who acts in an act of a run."""
    match task.about:
        case StatementPlace(candidate_id=who):
            return Candidate, who
        case QuestionPlace():
            return Mediator, ""
        case TurnPlace(conversation, number):
            return Persona, conversation.turns[number][0]
        case who:
            return Candidate if task.step in ("opening_position", "reading") else Persona, who
