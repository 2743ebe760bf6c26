"""What an agent sees when it is asked: one frozen view for every act.

A view holds exactly what the act may know: the outputs of the tasks it waited for, never what else has
happened by now. The class of a view says what is asked, and its `expects` what kind of answer it takes.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from ..domain.ballot import Choice
from ..domain.belief import Belief, Opinion
from ..domain.chance import Chance
from ..domain.debate import DebateTranscript, Question, Topic
from ..domain.feed import FeedPost, Reactions
from ..domain.memory import EpochMemory
from ..domain.person import Person
from ..domain.remark import Remark
from ..domain.scene import CandidateCard, Scene


@dataclass(frozen=True, kw_only=True)
class View:
    """What every act sees.

    Attributes:
        key: the task's key; what a scripted mind goes by.
        scene: the world, the topics, the candidates.
        chance: the agent's own chance in this epoch.
    """

    act: ClassVar[str]
    """Name of the act, as tables and logs show it."""
    expects: ClassVar[type]
    """Type of the value an answer to this view holds."""
    is_opening: ClassVar[bool] = False
    """Whether the act belongs to the opening, whose chance is the same in every repetition of a run."""

    key: str
    scene: Scene
    chance: Chance


@dataclass(frozen=True, kw_only=True)
class PersonView(View):
    """What every act of a person sees.

    Attributes:
        person: who acts.
        beliefs: its own beliefs now, one a topic it holds one on.
        first_choice: id of the candidate it prefers now, or None.
        memory: what it took from earlier epochs, oldest first.
        candidates: who stands for election, in the order shown to this person for this act; empty for acts that are
            not shown them.
    """

    shows_candidates: ClassVar[bool] = False
    """Whether the act is shown the candidates, to say whom it prefers."""

    person: Person
    beliefs: tuple[Belief, ...] = ()
    first_choice: str | None = None
    memory: tuple[EpochMemory, ...] = ()
    candidates: tuple[CandidateCard, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpeningView(PersonView):
    """A person states its opinion before the first debate."""

    act: ClassVar[str] = "opening opinion"
    is_opening: ClassVar[bool] = True
    shows_candidates: ClassVar[bool] = True
    expects: ClassVar[type] = Opinion


@dataclass(frozen=True, kw_only=True)
class LifeView(PersonView):
    """What a person's acts within an epoch see besides.

    Attributes:
        heard: what was said in the epoch's debates, in order, the mediator's words included.
        conversation: what was said in the epoch's conversation so far, own words included.
        peer_id: id of the partner in it; empty if there was none.
        peer_name: name of the partner.
        feed: the posts this person is shown, in the order shown.
    """

    heard: tuple[Remark, ...] = ()
    conversation: tuple[Remark, ...] = ()
    peer_id: str = ""
    peer_name: str = ""
    feed: tuple[FeedPost, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UpdateView(LifeView):
    """What every update of a person's beliefs sees.

    Attributes:
        max_change_share: how far a stance may move, as a share of the axis: what is asked for beyond that is cut short.
    """

    shows_candidates: ClassVar[bool] = True
    expects: ClassVar[type] = Opinion

    max_change_share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DebateUpdateView(UpdateView):
    """A person updates its beliefs from the epoch's debates (`heard`)."""

    act: ClassVar[str] = "update from debate"


@dataclass(frozen=True, kw_only=True)
class ChatTurnView(LifeView):
    """A person speaks in a conversation: the next turn after `conversation`."""

    act: ClassVar[str] = "chat turn"
    expects: ClassVar[type] = Remark


@dataclass(frozen=True, kw_only=True)
class ChatUpdateView(UpdateView):
    """A person updates its beliefs from its whole `conversation`."""

    act: ClassVar[str] = "update from chat"


@dataclass(frozen=True, kw_only=True)
class PostView(LifeView):
    """A person writes a post; `feed` holds what it would be shown of earlier epochs."""

    act: ClassVar[str] = "post"
    expects: ClassVar[type] = Remark


@dataclass(frozen=True, kw_only=True)
class ReactionView(LifeView):
    """A person reacts to its `feed`, once for all of it.

    Attributes:
        considered: ids of the posts in `feed` it may react to, in the order shown; never empty.
    """

    act: ClassVar[str] = "reaction"
    expects: ClassVar[type] = Reactions

    considered: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SocialUpdateView(UpdateView):
    """A person updates its beliefs from its `feed`.

    Attributes:
        unseen: ids of the posts in `feed` it had not been shown before; never empty.
        considered: ids of the posts in `feed` it was asked to react to, in the order shown.
        reactions: what it did with them.
    """

    act: ClassVar[str] = "update from social media"

    unseen: tuple[str, ...]
    considered: tuple[str, ...] = ()
    reactions: Reactions = field(default_factory=lambda: Reactions({}))


@dataclass(frozen=True, kw_only=True)
class BallotView(PersonView):
    """A person votes."""

    act: ClassVar[str] = "ballot"
    shows_candidates: ClassVar[bool] = True
    expects: ClassVar[type] = Choice


@dataclass(frozen=True, kw_only=True)
class CandidateView(View):
    """What every act of a candidate sees.

    Attributes:
        candidate: who acts.
        character: what it is like, in words.
        positions: its own positions, as far as it has stated them; topic id to words with a stance.
        notes: what it noted down so far, oldest first.
    """

    candidate: CandidateCard
    character: str = ""
    positions: dict[str, Remark] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Positions:
    """Where a candidate stands.

    Attributes:
        by_topic: topic id to the position in words, with its stance.
    """

    by_topic: dict[str, Remark]


@dataclass(frozen=True, kw_only=True)
class PositionView(CandidateView):
    """A candidate states its position on every topic of `wanted`.

    Attributes:
        wanted: the topics it has no position on yet; never empty.
    """

    act: ClassVar[str] = "opening position"
    is_opening: ClassVar[bool] = True
    expects: ClassVar[type] = Positions

    wanted: tuple[Topic, ...]


@dataclass(frozen=True, kw_only=True)
class ReadingView(CandidateView):
    """A candidate reads what people post, and notes what it makes of it.

    Attributes:
        feed: the posts it is shown, most telling first.
        feed_text: the feed as one text, where a script passed it as such.
    """

    act: ClassVar[str] = "reading of the feed"
    expects: ClassVar[type] = Remark

    feed: tuple[FeedPost, ...] = ()
    feed_text: str = ""


@dataclass(frozen=True, kw_only=True)
class StatementView(CandidateView):
    """A candidate speaks to a question.

    Attributes:
        question: the question.
        turn: from 0; every candidate speaks once a turn.
        said: what was said to this question so far.
    """

    act: ClassVar[str] = "statement"
    expects: ClassVar[type] = Remark

    question: Question
    turn: int
    said: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReflectionView(CandidateView):
    """A candidate looks back on a question, and notes what it takes from it.

    Attributes:
        question: the question.
        said: all that was said to it.
    """

    act: ClassVar[str] = "reflection"
    expects: ClassVar[type] = Remark

    question: Question
    said: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MediatorView(View):
    """What every act of the mediator sees."""


@dataclass(frozen=True, kw_only=True)
class QuestionView(MediatorView):
    """The mediator proposes a question.

    Attributes:
        topic: what it is to be about.
        number: how many questions on this topic were asked before, in all epochs.
        earlier: the transcripts of those questions, oldest first.
        notes: what the mediator noted down so far.
    """

    act: ClassVar[str] = "question"
    expects: ClassVar[type] = Remark

    topic: Topic
    number: int = 0
    earlier: tuple[DebateTranscript, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IntroductionView(MediatorView):
    """The mediator introduces a question.

    Attributes:
        question: the question.
    """

    act: ClassVar[str] = "introduction"
    expects: ClassVar[type] = Remark

    question: Question
