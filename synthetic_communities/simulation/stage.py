"""Everything one run is made of, gathered and checked before the first act."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..candidate import Candidate
from ..cast.community import Community
from ..cast.member import Member
from ..cast.standing import build_cards, find_confusions, find_id_problems, find_no_ids
from ..config import Config, build_candidate_cards, build_topics
from ..domain.chance import Chance
from ..domain.debate import Topic
from ..domain.pairing import draw_conversations, draw_posters
from ..domain.remark import Remark
from ..domain.scene import CandidateCard, Scene
from ..engine.ledger import Task
from ..engine.phases import lay_out_in_phases
from ..engine.plan import Course, plan_run
from ..errors import ConfigurationError, Problem
from ..llm.choice import ModelChoice
from ..llm.money.prices import Prices, price_problem
from ..mediator import Mediator
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind
from ..persona import Persona
from ..population import Population
from ..social_media import SocialMedia
from .expectation import find_taken


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything one run is made of.

    Attributes:
        config: the settings.
        population: the people.
        candidates: who stands for election, in the order listed.
        mediator: who leads the debates.
        social_media: the platform.
        mind: what people think with, unless they have a mind of their own.
        candidate_mind: what candidates and mediator think with, unless they have a mind of their own.
    """

    config: Config
    population: Population
    candidates: tuple[Candidate, ...] = field(kw_only=True)
    mediator: Mediator = field(kw_only=True)
    social_media: SocialMedia = field(kw_only=True)
    mind: Mind = field(kw_only=True)
    candidate_mind: Mind = field(kw_only=True)
    choice: ModelChoice = field(kw_only=True)
    candidate_choice: ModelChoice = field(kw_only=True)

    def minds(self) -> list[Mind]:
        """Return every mind in the run, each once."""
        members = (*self.population.personas, *self.candidates, self.mediator)
        own = [member.llm_client for member in members if member.llm_client is not None]
        return list({id(mind): mind for mind in (self.mind, self.candidate_mind, *own)}.values())

    def limit(self) -> int:
        """Return how many acts may be under way at once: as stated, else what the models' servers usually bear."""
        usual = [mind.max_concurrent for mind in self.minds() if isinstance(mind, LLMMind)]
        return limit_acts(self.config, usual)

    def course(self) -> Course:
        """Return what there is to plan for; all that is drawn beforehand is drawn here."""
        ids = [persona.id for persona in self.population.personas]
        return build_course(
            self.config, ids, [candidate.id for candidate in self.candidates], [t.id for t in self.mediator.topics]
        )


def limit_acts(config: Config, usual: Iterable[int | None]) -> int:
    """Return how many acts may be under way at once: as stated, else what the models' servers usually bear.

    Args:
        config: the settings.
        usual: what each server bears; None: as many as usual.
    """
    if config.is_stated("max_concurrent"):
        return config.max_concurrent
    return min([config.max_concurrent, *(number for number in usual if number)])


def build_course(
    config: Config, persona_ids: Sequence[str], candidate_ids: Sequence[str], topic_ids: Sequence[str]
) -> Course:
    """Return what there is to plan for; all that is drawn beforehand is drawn here."""
    chances = [Chance(config.random_seed, epoch, replicate=config.replicate) for epoch in range(config.num_epochs)]
    rounds = (config.num_rounds_mean, config.num_rounds_variance)
    return Course(
        persona_ids,
        candidate_ids,
        topic_ids,
        epochs=config.num_epochs,
        questions_per_topic=config.questions_per_topic,
        turns_per_question=config.turns_per_question,
        conversations=[draw_conversations(persona_ids, chance, *rounds) for chance in chances],
        poster_ids=[draw_posters(persona_ids, chance, config.post_probability) for chance in chances],
        opening_opinions=config.opening_opinions,
    )


def build_plan(course: Course, config: Config) -> Sequence[Task]:
    """Return every task of a run, each waiting for what its schedule makes it wait for."""
    tasks = plan_run(course)
    return lay_out_in_phases(tasks) if config.schedule == "phases" else tasks


def set_stage(stage: Stage) -> None:
    """Let everybody know the stage they stand on."""
    config = stage.config
    if not stage.mediator.topics:
        stage.mediator.topics = list(build_topics(config))
    declare_positions(stage.candidates, build_candidate_cards(config), stage.mediator.topics)
    scene = Scene(find_world_story(stage), tuple(stage.mediator.topics), build_cards(stage.candidates))
    community = replace(build_community(config, scene, stage.mind), max_concurrent=stage.limit())
    stage.population.community = community
    stage.social_media.topics = tuple(stage.mediator.topics)
    stage.mediator.community = replace(community, mind=stage.candidate_mind)
    for candidate in stage.candidates:
        candidate.community = stage.mediator.community


def find_world_story(stage: Stage) -> str:
    """Return the world in words: the configuration's, else the first that anybody on the stage was made with."""
    told = [candidate.world_story for candidate in stage.candidates]
    told += [stage.mediator.state.world_context, *(persona.world_story for persona in stage.population.personas)]
    stories = (stage.config.load_world_story(), stage.population.world_story, *told)
    return next((story for story in stories if story), "")


def build_community(config: Config, scene: Scene, mind: Mind | None) -> Community:
    """Return what the members of a community with these settings share."""
    return Community(
        scene,
        mind,
        seed=config.random_seed,
        replicate=config.replicate,
        feed_size=config.feed_size,
        feed_candidates=config.feed_candidates,
        memory_epochs=config.memory_epochs,
        max_concurrent=config.max_concurrent,
        call_timeout_seconds=config.call_timeout_seconds,
    )


def refuse_problems(
    config: Config,
    population: Population,
    candidates: Sequence[Candidate],
    mediator: Mediator,
    unnamed_model: str,
    given: Mind | None,
) -> None:
    """Refuse settings, people and candidates that cannot be run.

    Args:
        config: the settings.
        population: the people.
        candidates: who stands for election.
        mediator: who leads the debates.
        unnamed_model: who thinks where the configuration names no model.
        given: a mind that somebody put in the place of what the configuration names; None: nobody did.

    Raises:
        ConfigurationError: everything wrong with them, or nothing to run at all.
    """
    personas, topics = population.personas, mediator.topics
    minds = [given, *(member.llm_client for member in (*personas, *candidates, mediator))]
    problems = [
        *config.find_problems(check_files=False, unnamed_model=unnamed_model, taken=find_taken(minds)),
        *find_id_problems("person", [persona.id for persona in personas]),
        *find_confusions([candidate.id for candidate in candidates], [candidate.name for candidate in candidates]),
        *find_no_ids("candidate", [candidate.id for candidate in candidates]),
        *find_id_problems("topic", [topic.id for topic in topics]),
        *(problem for persona in personas for problem in _attribute_problems(persona)),
        *(problem for member in (*personas, *candidates, mediator) for problem in _mind_problems(member)),
        *_price_problems(config, minds),
    ]
    if not (personas or candidates or topics or config.topics):
        remedy = "GameEngine.from_config(...) builds them from the configuration"
        problems.append(Problem("", "there is nothing to run: no people, no candidates, no topics", remedy))
    if problems:
        raise ConfigurationError(problems)


def declare_positions(candidates: Iterable[Candidate], cards: Iterable[CandidateCard], topics: Sequence[Topic]) -> None:
    """Give candidates the positions the configuration declares for them, where they have none yet."""
    declared = {card.id: card.positions for card in cards}
    for candidate in candidates:
        for topic in topics:
            stance = declared.get(candidate.id, {}).get(topic.id)
            if stance is not None and topic.id not in candidate.state.policy_positions:
                candidate.state.policy_positions[topic.id] = word_position(topic, stance)


def word_position(topic: Topic, stance: float) -> Remark:
    """Return a declared stance in words."""
    against, in_favour = topic.against or "the proposal rejected", topic.in_favour or "the proposal supported"
    words = f"{topic.title}: {stance:+.2f}, where -1 is {against} and +1 is {in_favour}"
    return Remark(words, stances={topic.id: stance}, source="configuration")


def _attribute_problems(persona: Persona) -> Iterator[Problem]:
    try:
        persona.person()
        json.dumps(persona.features, allow_nan=False)
    except ConfigurationError as error:
        yield from error.problems
    except (TypeError, ValueError) as error:
        yield Problem(f"person {persona.id}", f"its attributes cannot be recorded: {error}", "use what JSON has")


def _mind_problems(member: Member) -> Iterator[Problem]:
    if member.llm_client is not None and not isinstance(member.llm_client, Mind):
        what = f"its llm_client, {member.llm_client!r}, is no mind"
        yield Problem(repr(member), what, "set it to None, to a client, or to an object with `answer(view)`")


def _price_problems(config: Config, minds: Iterable[Mind | None]) -> Iterator[Problem]:
    """Yield the models of minds that a script gave whose price is not known, where money is limited."""
    if config.max_cost_usd is None:
        return
    prices = Prices(config.prices or {})
    for name in sorted({mind.name for mind in minds if isinstance(mind, LLMMind)}):
        if prices.of(name) is None:
            yield price_problem("max_cost_usd", name)
