"""A community's understudies: copies of everybody, who think with stand-ins; a run of theirs changes nothing."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..candidate import Candidate
from ..cast.member import Member
from ..config import Config
from ..engine.plan import Course
from ..llm.choice import ModelChoice
from ..mediator import Mediator
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind, with_model
from ..minds.offline.mind import OfflineMind
from ..persona import Persona
from ..population import Population
from ..simulation.stage import Stage, set_stage
from ..social_media import SocialMedia

M = TypeVar("M", bound=Member)

StandInFor = Callable[[str], Any]
"""Name of a model to what stands in for it."""

FEWEST_PEOPLE = 30
"""How many people a sample has at least."""

FEEDS_FILLED = 3
"""How many feeds the posts of an epoch fill in a sample, where they fill as many in the whole."""


@dataclass(frozen=True, slots=True)
class Company:
    """A community as it is, to be copied.

    Attributes:
        config: the settings.
        people: everybody who is to be copied.
        candidates: who stands for election.
        mediator: who leads the debates.
        social_media: the platform.
        world_story: that of the population.
        mind: what people think with.
        candidate_mind: what candidates and mediator think with.
    """

    config: Config
    people: Sequence[Persona]
    candidates: Sequence[Candidate] = field(kw_only=True)
    mediator: Mediator = field(kw_only=True)
    social_media: SocialMedia = field(kw_only=True)
    world_story: str | None = field(kw_only=True)
    mind: Mind = field(kw_only=True)
    candidate_mind: Mind = field(kw_only=True)


def set_understudies(company: Company, stand_in: StandInFor) -> Stage:
    """Return a stage on which everybody is a copy, and every model somebody that stands in for it.

    Minds that are not of this package are not asked: the offline mind answers for them.
    """
    population = Population(company.world_story)
    population.personas = [_copy(persona, stand_in) for persona in company.people]
    unnamed = ModelChoice("", "it stands in for another")
    stage = Stage(
        company.config,
        population,
        candidates=tuple(_copy(candidate, stand_in) for candidate in company.candidates),
        mediator=_copy(company.mediator, stand_in),
        social_media=copy.deepcopy(company.social_media),
        mind=_stand_in_for(company.mind, stand_in),
        candidate_mind=_stand_in_for(company.candidate_mind, stand_in),
        choice=unnamed,
        candidate_choice=unnamed,
    )
    set_stage(stage)
    return stage


def _copy(member: M, stand_in: StandInFor) -> M:
    """Return a member with lists of its own; what no act changes is not copied."""
    kept = (member.community, member.llm_client, getattr(member, "features", None))
    copied = copy.deepcopy(member, {id(each): each for each in kept if each is not None})
    if member.llm_client is not None:
        copied.llm_client = _stand_in_for(member.llm_client, stand_in)
    return copied


def _stand_in_for(mind: Mind, stand_in: StandInFor) -> Mind:
    return with_model(mind, stand_in(mind.name)) if isinstance(mind, LLMMind) else OfflineMind()


def sample_people(people: Sequence[Persona], acts: int, most_acts: int) -> Sequence[Persona]:
    """Return as many people as make about `most_acts`, evenly spread over all of them; all, if those make no more.

    Args:
        people: all.
        acts: that all of them make together.
        most_acts: that those returned may make.
    """
    wanted = max(FEWEST_PEOPLE, len(people) * most_acts // max(1, acts))
    if wanted >= len(people):
        return people
    return [people[place * len(people) // wanted] for place in range(wanted)]


def with_posts(sampled: Course, whole: Course, feed_size: int) -> Course:
    """Return the course of a sample in which feeds are as full as in the whole: in it a larger share of people post."""

    def choose(drawn: Sequence[str], of_all: Sequence[str]) -> Sequence[str]:
        """Return who posts in an epoch: those drawn, and so many others that feeds are as full as in the whole."""
        wanted = min(len(of_all), max(len(drawn), FEEDS_FILLED * feed_size), len(sampled.persona_ids))
        others = [who for who in sampled.persona_ids if who not in set(drawn)]
        return [*drawn, *others[: max(0, wanted - len(drawn))]]

    posters = [choose(*each) for each in zip(sampled.poster_ids, whole.poster_ids, strict=True)]
    return replace(sampled, poster_ids=posters)
