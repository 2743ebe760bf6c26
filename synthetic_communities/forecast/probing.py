"""Probing a model: each act of a run once, for one person, in an order in which each has something to work with."""

import copy
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from ..candidate import Candidate
from ..cast.member import Member
from ..cast.occasion import Occasion
from ..cast.sessions import held_open
from ..config import Config
from ..conversation import messages
from ..domain.debate import Question, Topic
from ..domain.feed import FeedPost
from ..domain.key import ballot_key, key_part
from ..domain.outcome import value_of
from ..domain.remark import Remark
from ..llm.listening import listening
from ..llm.money.budget import Budget
from ..llm.money.prices import Prices
from ..minds.base import Mind
from ..persona import ChatEntry, Persona
from ..population import Population
from ..simulation.stage import Stage, set_stage
from ..simulation.stopping import read_limits
from .asked_once import AskedOnce
from .probe import Probe
from .probe_notes import ProbeNotes
from .probed_act import ProbedAct

M = TypeVar("M", bound=Member)

PEOPLE = 2
"""The person of whom acts are asked, and who it talks with."""

OF_FEEDS = frozenset(("reading", "reaction", "social_update"))
"""Steps in which nobody is asked where nobody posts."""

STAND_IN = "Good morning."
"""What was said, where nobody said anything that could be used."""


async def probe_stage(stage: Stage, steps: Collection[str], tell: Callable[[ProbedAct], None] | None = None) -> Probe:
    """Return what came of one call of each act, asked of copies: nobody on the stage changes, and nothing is written.

    Args:
        stage: who there is, and what they think with; its minds are opened here, and closed again.
        steps: acts that a run would make.
        tell: is told of every act as it ends.

    Raises:
        ModelUnavailableError: no call can succeed, and none has.
    """
    prices = Prices(stage.config.prices or {})
    notes = ProbeNotes(prices, tell)
    has_posts = "post" in steps or bool(stage.social_media.posts)
    wanted = set(steps) if has_posts else set(steps) - OF_FEEDS
    copied = copy_stage(stage, lambda mind: AskedOnce(mind, notes))
    limits = replace(read_limits(stage.config), deadline_seconds=None)
    with Budget(limits, prices).in_force(), listening(notes):
        async with held_open(copied.minds()):
            for name, perform in _Probing(copied).acts():
                if name in wanted:
                    await perform()
    return Probe(tuple(notes.acts))


def copy_stage(stage: Stage, wrap: Callable[[Mind], Mind]) -> Stage:
    """Return a stage with copies of two people, of the candidates and of the mediator, who think with wrapped minds."""
    wrapped: dict[int, Mind] = {}

    def wrap_once(mind: Mind) -> Mind:
        """Return what stands for a mind: the same for all who share it."""
        return wrapped.setdefault(id(mind), wrap(mind))

    population = Population(stage.population.world_story, seed=stage.config.random_seed)
    population.personas = [_copy(persona, wrap_once) for persona in stage.population.personas[:PEOPLE]]
    copied = replace(
        stage,
        population=population,
        candidates=tuple(_copy(candidate, wrap_once) for candidate in stage.candidates),
        mediator=_copy(stage.mediator, wrap_once),
        social_media=copy.deepcopy(stage.social_media),
        mind=wrap_once(stage.mind),
        candidate_mind=wrap_once(stage.candidate_mind),
    )
    set_stage(copied)
    return copied


def _copy(member: M, wrap: Callable[[Mind], Mind]) -> M:
    kept = [each for each in (member.community, member.llm_client) if each is not None]
    copied = copy.deepcopy(member, {id(each): each for each in kept})
    if member.llm_client is not None:
        copied.llm_client = wrap(member.llm_client)
    return copied


class _Probing:
    """Each act once, on what came of those before; where nothing came of one, on what stands in for it."""

    def __init__(self, stage: Stage) -> None:
        """Take a stage of copies."""
        self._stage = stage
        self._config: Config = stage.config
        people, candidates = stage.population.personas, stage.candidates
        self._person: Persona | None = people[0] if people else None
        self._peer: Persona | None = people[1] if len(people) > 1 else None
        self._candidate: Candidate | None = candidates[0] if candidates else None
        self._topic: Topic | None = stage.mediator.topics[0] if stage.mediator.topics else None
        self._question: Question | None = None
        self._said: list[Any] = []
        self._feed: tuple[FeedPost, ...] = ()
        if self._topic is not None:
            text = self._topic.description or self._topic.title
            self._question = Question("e0/debate/stand-in/q0", text, self._topic)

    def acts(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield the steps that those who are there can take, in order, with what is to be done for each."""
        topic, candidate, person = self._topic, self._candidate, self._person
        if candidate is not None:
            yield "opening_position", lambda: self._ignore(candidate.prepare())
        if person is not None:
            yield "opening_opinion", lambda: self._ignore(person.form_opinion(_at(f"opening/opinion/{_id(person)}")))
        if topic is not None:
            yield from self._debate(topic)
        if person is not None:
            yield from self._life(person)
        if candidate is not None:
            reading = Occasion(f"e1/read/{key_part(candidate.id)}", 1)
            yield "reading", lambda: self._ignore(candidate.read(self._feed or self._imagine_feed(), reading))
        if person is not None:
            yield "ballot", lambda: self._vote(person)

    def _debate(self, topic: Topic) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        yield "question", lambda: self._ask(topic)
        yield "introduction", self._introduce
        if self._candidate is not None:
            candidate = self._candidate
            yield "statement", lambda: self._state(candidate)
            yield "reflection", lambda: self._reflect(candidate)

    def _life(self, person: Persona) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        yield "debate_update", lambda: self._hear(person)
        if self._peer is not None:
            peer = self._peer
            yield "chat_turn", lambda: self._talk(person, peer)
            yield "chat_update", lambda: self._learn(person, "chats", "chat")
        yield "post", lambda: self._post(person)
        yield "reaction", lambda: self._react(person)
        yield "social_update", lambda: self._learn(person, "social_media_knowledge", "social")

    async def _ignore(self, act: Awaitable[Any]) -> None:
        await act

    async def _ask(self, topic: Topic) -> None:
        when = _at(f"e0/debate/{key_part(topic.id)}/q0/question")
        self._question = value_of(await self._stage.mediator.propose(topic, (), when)) or self._question

    async def _introduce(self) -> None:
        assert self._question is not None
        outcome = await self._stage.mediator.introduce(self._question, _at(f"{self._question.id}/introduction"))
        self._note_said(value_of(outcome))

    async def _state(self, candidate: Candidate) -> None:
        assert self._question is not None
        when = _at(f"{self._question.id}/t0/{key_part(candidate.id)}")
        outcome = await candidate.speak(self._question, 0, self._remarks(), when)
        self._note_said(value_of(outcome))

    async def _reflect(self, candidate: Candidate) -> None:
        assert self._question is not None
        when = _at(f"{self._question.id}/reflection/{key_part(candidate.id)}")
        await candidate.reflect(self._question, self._remarks(), when)

    def _note_said(self, statement: Any) -> None:
        if statement is not None:
            self._said.append(statement.statement)

    def _remarks(self) -> tuple[Remark, ...]:
        said = self._said or ([self._question.text] if self._question is not None else [STAND_IN])
        return tuple(each if isinstance(each, Remark) else Remark(each) for each in said)

    async def _hear(self, person: Persona) -> None:
        person.hear(self._remarks())
        await self._learn(person, "debate_knowledge", "debate")

    async def _learn(self, person: Persona, what: str, called: str) -> None:
        share = self._config.max_change_percentage
        await person.learn(what, _at(f"e0/belief/{called}/{_id(person)}"), share)

    async def _talk(self, person: Persona, peer: Persona) -> None:
        when = _at(f"e0/chat/{_id(person)}+{_id(peer)}/0")
        said = value_of(await person.speak((), peer.id, peer.name, when))
        remark = said or Remark(STAND_IN, speaker_id=peer.id, speaker_name=peer.name)
        person.chats.append(ChatEntry(peer.id, peer.name, messages([remark])))

    async def _post(self, person: Persona) -> None:
        post = value_of(await person.write_post((), _at(f"e0/post/{_id(person)}")))
        self._feed = self._imagine_feed(post.content if post is not None else STAND_IN)

    async def _react(self, person: Persona) -> None:
        feed = self._feed or self._imagine_feed()
        await person.react(feed, tuple(post.id for post in feed), _at(f"e0/react/{_id(person)}"))

    async def _vote(self, person: Persona) -> None:
        person.remember_epoch(0)
        await person.cast_ballot(person.community.scene.candidates, Occasion(ballot_key(person.id)))

    def _imagine_feed(self, text: str = STAND_IN) -> tuple[FeedPost, ...]:
        """Return a feed of one post, by somebody else."""
        author = self._peer.id if self._peer is not None else "somebody"
        return (FeedPost(f"e0/post/{key_part(author)}", author, Remark(text, speaker_id=author), epoch=0),)


def _at(key: str) -> Occasion:
    return Occasion(key)


def _id(person: Persona) -> str:
    return key_part(person.id)
