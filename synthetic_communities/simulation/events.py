"""What has happened in a run, by when it happened."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..cast.remarks import remarks_of
from ..domain.ballot import Ballot
from ..domain.debate import DebateTranscript, Question
from ..domain.feed import FeedPost, Reactions
from ..domain.feed_ranking import FeedPool
from ..domain.pairing import Conversation
from ..domain.remark import Remark
from ..engine.plan import Course, QuestionPlace
from ..persona import Persona
from ..social_media import Post

Affinities = Mapping[str, Mapping[str, float]]
"""Persona id to author id to affinity."""

BEFORE_ALL = -1
"""The epoch before the first, whose feed is what a script had posted beforehand."""


class Events:
    """What has happened in a run. Entries are added, never changed, and stand under the epoch they belong to.

    Of those that grow with people, what nobody looks at any more is dropped.

    Attributes:
        transcripts: of all questions so far, in order.
        questions: those asked.
        statements: what was said to a question so far, in order.
        conversation_of: epoch to persona id to the conversation that persona is drawn for.
        said: epoch and conversation to what was said so far, in order.
        posts: epoch to task key to post.
        feed_to_react_to: epoch to every post up to it, with the counts of the end of the epoch before.
        feed_at_end: epoch to every post up to it, with the counts of its end.
        affinities_at_end: epoch to what everybody's reactions up to its end tell of how they took to authors.
        shown: epoch and persona id to the feed shown and the ids of the posts considered.
        shown_to_posters: epoch and persona id to the feed shown to who posts.
        reactions: epoch to persona id to what it did with them.
        ballots: persona id to ballot.
    """

    def __init__(
        self,
        course: Course,
        *,
        feed_beforehand: FeedPool,
        affinities_beforehand: Affinities,
        published: list[DebateTranscript],
    ) -> None:
        self.transcripts: list[DebateTranscript] = []
        self.questions: dict[QuestionPlace, Question] = {}
        self.statements: defaultdict[QuestionPlace, list[Any]] = defaultdict(list)
        self.conversation_of: list[dict[str, Conversation]] = [
            {who: conversation for conversation in those for who in (conversation.first, conversation.second)}
            for those in course.conversations
        ]
        self.said: defaultdict[tuple[int, Conversation], list[Remark]] = defaultdict(list)
        self.posts: defaultdict[int, dict[str, Post]] = defaultdict(dict)
        self.feed_to_react_to: dict[int, FeedPool] = {}
        self.feed_at_end: dict[int, FeedPool] = {BEFORE_ALL: feed_beforehand}
        self.affinities_at_end: dict[int, Affinities] = {BEFORE_ALL: affinities_beforehand}
        self.shown: dict[tuple[int, str], tuple[tuple[FeedPost, ...], tuple[str, ...]]] = {}
        self.shown_to_posters: dict[tuple[int, str], tuple[FeedPost, ...]] = {}
        self.reactions: defaultdict[int, dict[str, Reactions]] = defaultdict(dict)
        self.ballots: dict[str, Ballot] = {}
        self._published = published
        self._heard_up_to: dict[str, int] = {}
        self._words: dict[str, tuple[Remark, ...]] = {}

    def publish(self, transcript: DebateTranscript) -> None:
        """Add a transcript, and let those who follow the run from outside have it too."""
        self.transcripts.append(transcript)
        self._words[transcript.question.id] = remarks_of(transcript.statements)
        self._published.append(transcript)

    def transcripts_of(self, epoch: int) -> list[DebateTranscript]:
        """Return the transcripts of one epoch, in order."""
        return [transcript for transcript in self.transcripts if transcript.epoch == epoch]

    def let_hear(self, persona: Persona, epoch: int) -> None:
        """Let somebody hear the epoch's transcripts, once; called in its own tasks, all of which waited for them."""
        if self._heard_up_to.get(persona.id, BEFORE_ALL) < epoch:
            self._heard_up_to[persona.id] = epoch
            for transcript in self.transcripts_of(epoch):
                persona.hear(self._words[transcript.question.id])
