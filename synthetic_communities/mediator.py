"""The mediator: who asks the questions, introduces them, and keeps the transcripts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .candidate import Candidate
from .cast.member import Member
from .cast.occasion import Occasion
from .domain.debate import (
    CandidateStatement,
    DebateTranscript,
    MediatorStatement,
    Question,
    Topic,
)
from .domain.outcome import Done, Outcome
from .engine.bridge import run_sync
from .errors import NoAnswerError
from .minds.views import IntroductionView, MediatorView, QuestionView
from .social_media import as_post

T = TypeVar("T")
V = TypeVar("V", bound=MediatorView)

__all__ = [
    "CandidateStatement",
    "DebateTranscript",
    "Mediator",
    "MediatorState",
    "MediatorStatement",
    "Question",
    "Topic",
]


@dataclass
class MediatorState:
    """What a mediator carries along.

    Attributes:
        id: the mediator's id.
        memory: notes, oldest first.
        world_context: the world in words.
    """

    id: str
    memory: list[str]
    world_context: str = ""


class Mediator(Member):
    """Who leads the debates.

    Attributes:
        id: the mediator's id.
        topics: what is debated, in order.
        llm_client: a mind of its own; None: the mind of its community.
        state: notes.
        outcomes: name of a verb to how its last act ended.
        community: what it shares with the others.
    """

    def __init__(
        self,
        mediator_id: str,
        topics: Iterable[Topic] | None = None,
        llm_client_instance: Any = None,
        world_story: str | None = None,
    ) -> None:
        super().__init__(mediator_id, world_story, llm_client_instance)
        self.topics: list[Topic] = list(topics or [])
        self.state = MediatorState(mediator_id, [], world_story or "")

    def __repr__(self) -> str:
        return f"Mediator({self.id!r})"

    def add_topic(self, topic: Topic) -> None:
        """Add a topic at the end."""
        self.topics.append(topic)

    def read_social_media_signals(self, social_media_feed: Any) -> None:
        """Note the feed, text or posts, for the questions to come. No model is called."""
        text = social_media_feed if isinstance(social_media_feed, str) else _feed_text(social_media_feed)
        if text:
            self.state.memory.append(text)

    def read_previous_debates(self, previous_transcripts: Iterable[DebateTranscript]) -> None:
        """Note earlier questions, for the questions to come. No model is called."""
        self.state.memory += [
            f"{transcript.topic.title}: {transcript.question.text}" for transcript in previous_transcripts
        ]

    def propose_question(self, topic: Topic, previous_transcripts: Sequence[DebateTranscript]) -> Question:
        """Return a question on a topic, knowing the earlier transcripts.

        Raises:
            NoAnswerError: there is no answer; its `outcome` says why.
        """
        return run_sync(self.propose_question_async(topic, previous_transcripts))

    async def propose_question_async(self, topic: Topic, previous_transcripts: Sequence[DebateTranscript]) -> Question:
        """As `propose_question`."""
        return self._owed("question", await self.propose(topic, previous_transcripts, self.calls.next("question")))

    def introduce_question(self, question: Question) -> str:
        """Return the words that introduce a question.

        Raises:
            NoAnswerError: there is no answer; its `outcome` says why.
        """
        return run_sync(self.introduce_question_async(question))

    async def introduce_question_async(self, question: Question) -> str:
        """As `introduce_question`."""
        statement = self._owed("introduction", await self.introduce(question, self.calls.next("introduction")))
        return str(statement.statement)

    def orchestrate_debate_turn(
        self, question: Question, candidates: Sequence[Candidate], turn_number: int, previous_statements: Sequence[Any]
    ) -> list[CandidateStatement]:
        """Return what the candidates say in one turn, one after the other, each having heard those before.

        A candidate who gives no statement is left out; why stands in the candidate's `outcomes`.
        """
        return run_sync(self.orchestrate_debate_turn_async(question, candidates, turn_number, previous_statements))

    async def orchestrate_debate_turn_async(
        self, question: Question, candidates: Sequence[Candidate], turn_number: int, previous_statements: Sequence[Any]
    ) -> list[CandidateStatement]:
        """As `orchestrate_debate_turn`."""
        statements: list[CandidateStatement] = []
        for candidate in candidates:
            heard = [*previous_statements, *statements]
            try:
                statements.append(await candidate.craft_debate_statement_async(question, turn_number, heard))
            except NoAnswerError:
                continue  # the candidate's `outcomes` holds why
        return statements

    def publish_debate_transcript(
        self,
        all_statements: Iterable[Any],
        topic: Topic,
        question: Question,
        epoch: int,
        topic_index: int,
        question_index: int,
    ) -> DebateTranscript:
        """Return the transcript of all that was said to one question. No model is called."""
        return DebateTranscript(list(all_statements), self.id, epoch, topic_index, question_index, topic, question)

    # What a run builds on: the same acts, told when they take place, answering with values.

    async def propose(self, topic: Topic, earlier: Sequence[DebateTranscript], occasion: Occasion) -> Outcome[Question]:
        """Propose a question, knowing the earlier ones on its topic; its id is the beginning of the occasion's key."""
        on_topic = tuple(transcript for transcript in earlier if transcript.topic.id == topic.id)
        seen = {"topic": topic, "number": len(on_topic), "earlier": on_topic, "notes": tuple(self.state.memory)}
        answer = await self.ask_mind("propose_question", self._view(QuestionView, occasion, topic, **seen))
        if not isinstance(answer, Done):
            return answer
        return Done(Question(occasion.key.removesuffix("/question"), answer.value, topic))

    async def introduce(self, question: Question, occasion: Occasion) -> Outcome[MediatorStatement]:
        """Introduce a question."""
        view = self._view(IntroductionView, occasion, question.topic, question=question)
        answer = await self.ask_mind("introduce_question", view)
        if not isinstance(answer, Done):
            return answer
        return Done(MediatorStatement(self.id, answer.value.said_by(self.id, "the mediator"), question))

    def _view(self, view_type: type[V], occasion: Occasion, about: Topic, /, **seen: Any) -> V:
        scene = self.community.scene.with_topics([*self.topics, about])
        chance = self.community.chance_of(self.id, occasion.epoch)
        return view_type(key=occasion.key, scene=scene, chance=chance, **seen)

    def _owed(self, what: str, outcome: Outcome[T]) -> T:
        if isinstance(outcome, Done):
            return outcome.value
        raise NoAnswerError(f"mediator {self.id}", what, outcome)


def _feed_text(posts: Iterable[Any]) -> str:
    return "\n".join(as_post(post).to_string() for post in posts)
