"""A candidate: where they stand, what they say in debates, what they take from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .cast.member import Member
from .cast.occasion import Occasion
from .cast.remarks import remarks_of
from .cast.standing import build_card
from .domain.debate import CandidateStatement, Question, Topic
from .domain.feed import FeedPost
from .domain.key import key_part
from .domain.outcome import Answer, Done, Outcome
from .domain.remark import Remark, as_remark
from .domain.scene import Scene
from .engine.bridge import run_sync
from .errors import NoAnswerError
from .minds.views import CandidateView, Positions, PositionView, ReadingView, ReflectionView, StatementView
from .social_media import as_feed_post

__all__ = ["Candidate", "CandidateState", "CandidateStatement"]

V = TypeVar("V", bound=CandidateView)


@dataclass
class CandidateState:
    """What a candidate carries along.

    Attributes:
        id: the candidate's id.
        name: the candidate's name.
        character: what the candidate is like, in words.
        policy_positions: topic id to position in words; a `Remark` knows its stance.
        memory: notes, oldest first.
        world_context: the world in words.
    """

    id: str
    name: str
    character: str
    policy_positions: dict[str, str]
    memory: list[str]
    world_context: str = ""


class Candidate(Member):
    """Somebody who stands for election.

    Attributes:
        id: unique among candidates.
        name: as it stands on the ballot.
        character: what the candidate is like, in words.
        topics: what is debated.
        llm_client: a mind of its own; None: the mind of its community.
        world_story: the world in words, or None.
        state: positions and notes.
        outcomes: name of a verb to how its last act ended.
        community: what it shares with the others.
    """

    def __init__(
        self,
        candidate_id: str,
        name: str,
        character: str,
        topics: Iterable[Topic],
        llm_client_instance: Any,
        world_story: str | None = None,
    ) -> None:
        super().__init__(candidate_id, world_story, llm_client_instance)
        self.name = name
        self.character = character
        self.topics = list(topics or [])
        self.world_story = world_story
        self.state = CandidateState(candidate_id, name, character, {}, [], world_story or "")

    def __repr__(self) -> str:
        return f"Candidate({self.id!r}, {self.name!r})"

    def read_social_media_signals(self, social_media_feed: Any) -> None:
        """Read the feed and note what to make of it.

        Args:
            social_media_feed: the feed as text (`SocialMedia.get_feed()`), or posts.
        """
        run_sync(self.read_social_media_signals_async(social_media_feed))

    async def read_social_media_signals_async(self, social_media_feed: Any) -> None:
        """As `read_social_media_signals`."""
        occasion = self.calls.next("read")
        if isinstance(social_media_feed, str):
            await self.read((), occasion, feed_text=social_media_feed)
        else:
            await self.read(tuple(as_feed_post(post) for post in social_media_feed), occasion)

    def craft_debate_statement(
        self, question: Question, turn_number: int, previous_statements: Sequence[Any]
    ) -> CandidateStatement:
        """Return what the candidate says to a question; a position it lacks is made first.

        Raises:
            NoAnswerError: there is no answer; its `outcome` says why.
        """
        return run_sync(self.craft_debate_statement_async(question, turn_number, previous_statements))

    async def craft_debate_statement_async(
        self, question: Question, turn_number: int, previous_statements: Sequence[Any]
    ) -> CandidateStatement:
        """As `craft_debate_statement`."""
        await self.prepare([question.topic])
        outcome = await self.speak(question, turn_number, remarks_of(previous_statements), self.calls.next("say"))
        if isinstance(outcome, Done):
            return outcome.value
        raise NoAnswerError(self.name, "statement", outcome)

    def reflect_on_debate(self, question: Question, debate_transcript: Any) -> None:
        """Look back on a question and note what to take from it; a position it lacks is made first."""
        run_sync(self.reflect_on_debate_async(question, debate_transcript))

    async def reflect_on_debate_async(self, question: Question, debate_transcript: Any) -> None:
        """As `reflect_on_debate`."""
        await self.prepare([question.topic])
        said = remarks_of(getattr(debate_transcript, "statements", debate_transcript))
        await self.reflect(question, said, self.calls.next("reflect"))

    # What a run builds on: the same acts, told when they take place, answering with values.

    async def prepare(self, topics: Iterable[Topic] = ()) -> Outcome[dict[str, Remark]]:
        """State a position on every topic that lacks one."""
        self.community = replace(self.community, scene=self._scene(topics))
        wanted = tuple(topic for topic in self.community.scene.topics if topic.id not in self.state.policy_positions)
        if not wanted:
            return self.not_asked("opening_position", "has a position on every topic")
        view = self._view(PositionView, Occasion(f"opening/position/{key_part(self.id)}"), wanted=wanted)
        answer: Answer[Positions] = await self.ask_mind("opening_position", view)
        if not isinstance(answer, Done):
            return answer
        self.state.policy_positions.update(answer.value.by_topic)
        return Done(dict(answer.value.by_topic))

    async def read(self, feed: tuple[FeedPost, ...], occasion: Occasion, *, feed_text: str = "") -> Outcome[Remark]:
        """Read a feed and note what to make of it; an empty one is not read."""
        if not feed and not feed_text:
            return self.not_asked("read_social_media_signals", "nothing to read")
        view = self._view(ReadingView, occasion, feed=feed, feed_text=feed_text)
        return self._noted(await self.ask_mind("read_social_media_signals", view))

    async def speak(
        self, question: Question, turn: int, said: tuple[Remark, ...], occasion: Occasion
    ) -> Outcome[CandidateStatement]:
        """Speak to a question."""
        view = self._view(StatementView, occasion, question=question, turn=turn, said=said)
        answer: Answer[Remark] = await self.ask_mind("craft_debate_statement", view)
        if not isinstance(answer, Done):
            return answer
        return Done(CandidateStatement(self.id, self.name, self._stamped(answer.value, question.topic.id), question))

    async def reflect(self, question: Question, said: tuple[Remark, ...], occasion: Occasion) -> Outcome[Remark]:
        """Look back on a question and note what to take from it."""
        view = self._view(ReflectionView, occasion, question=question, said=said)
        return self._noted(await self.ask_mind("reflect_on_debate", view))

    def _stamped(self, text: Remark, topic_id: str) -> Remark:
        """Return what was said, with the stance held on the topic where the words do not carry one."""
        held = as_remark(self.state.policy_positions.get(topic_id, "")).stances
        stances = text.stances or {key: stance for key, stance in held.items() if key == topic_id}
        return Remark(text, stances=stances, source=text.source, speaker_id=self.id, speaker_name=self.name)

    def _scene(self, topics: Iterable[Topic]) -> Scene:
        return self.community.scene.with_topics([*self.topics, *topics]).with_candidates([build_card(self)])

    def _view(self, view_type: type[V], occasion: Occasion, **seen: Any) -> V:
        scene = self._scene(())
        return view_type(
            key=occasion.key,
            scene=scene,
            chance=self.community.chance_of(self.id, occasion.epoch, is_opening=view_type.is_opening),
            candidate=next(card for card in scene.candidates if card.id == self.id),
            character=self.character,
            positions={topic_id: as_remark(text) for topic_id, text in self.state.policy_positions.items()},
            notes=tuple(self.state.memory),
            **seen,
        )

    def _noted(self, answer: Answer[Remark]) -> Answer[Remark]:
        if isinstance(answer, Done):
            self.state.memory.append(answer.value)
        return answer
