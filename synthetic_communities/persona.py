"""A persona: who somebody is, what they heard, what they believe, and the acts they can be asked for."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .cast.arguments import check_share
from .cast.attention import KNOWLEDGE, Attention
from .cast.community import Community
from .cast.member import Member
from .cast.occasion import Occasion
from .cast.remarks import message_remark, remarks_of
from .cast.standing import build_cards
from .domain.ballot import Ballot, build_ballot
from .domain.belief import Belief, BeliefChange, Opinion, change_beliefs, keep_beliefs
from .domain.belief_dict import OVERALL, read_beliefs, write_belief
from .domain.feed import FeedPost, Reactions
from .domain.memory import EpochMemory
from .domain.outcome import Answer, Done, Outcome, reason_of, value_of
from .domain.person import Person, Reading
from .domain.remark import Remark, as_remarks
from .domain.scene import CandidateCard
from .engine.bridge import run_sync
from .errors import UsageError
from .minds.views import (
    BallotView,
    ChatTurnView,
    ChatUpdateView,
    DebateUpdateView,
    OpeningView,
    PersonView,
    PostView,
    ReactionView,
    SocialUpdateView,
    UpdateView,
)
from .social_media import Post, as_feed_post, post_row

logger = logging.getLogger("synthetic_communities.beliefs")

V = TypeVar("V", bound=PersonView)

_NO_REACTIONS = Reactions({})


@dataclass
class ChatEntry:
    """A conversation somebody had.

    Attributes:
        peer_id: the partner.
        peer_name: the partner's name.
        conversation: what was said, in order: `{speaker_id, message}`.
    """

    peer_id: str
    peer_name: str
    conversation: list[dict[str, Any]]

    def remarks(self) -> Iterator[Remark]:
        """Yield what was said, in order, the partner under its name."""
        for message in self.conversation:
            remark = message_remark(message)
            is_named = remark.speaker_name not in ("", remark.speaker_id)
            is_peer = remark.speaker_id == self.peer_id
            yield remark.said_by(self.peer_id, self.peer_name) if is_peer and not is_named else remark


class Persona(Member):
    """Somebody who hears debates, talks, posts, reacts and votes.

    Attributes:
        id: unique in a population.
        features: the attributes, as given.
        world_story: the world in words, or None.
        llm_client: a mind of its own; None: the mind of its community.
        debate_knowledge: what was said in debates it heard, oldest first.
        chats: its conversations, oldest first.
        social_media_knowledge: posts it was shown, each once, oldest first.
        posts: its own posts.
        beliefs: {topic id: {belief, vote, stance}, "overall_vote": name}; scripts may assign plain strings too.
        outcomes: name of a verb to how its last act ended: why there is no answer where there is none.
        memory: what it took from earlier epochs of a run.
        candidates_shown: who stands for election, in the order last shown to it.
        community: what it shares with the others.
    """

    def __init__(
        self, persona_id: str, persona_data: Mapping[str, Any] | None = None, world_story: str | None = None
    ) -> None:
        super().__init__(persona_id, world_story)
        self.features: dict[str, Any] = dict(persona_data or {})
        self.world_story = world_story
        self.debate_knowledge: list[str] = []
        self.chats: list[ChatEntry] = []
        self.social_media_knowledge: list[dict[str, Any]] = []
        self.posts: list[Post] = []
        self.beliefs: dict[str, Any] = {}
        self.memory: list[EpochMemory] = []
        self.candidates_shown: tuple[CandidateCard, ...] = ()
        self._reading: Reading | None = None
        self._attention = Attention()
        self._drawn: frozenset[str] = frozenset()
        self._feed: tuple[FeedPost, ...] = ()
        self._considered: tuple[str, ...] = ()
        self._reactions = _NO_REACTIONS

    def __repr__(self) -> str:
        return f"Persona({self.id!r})"

    @property
    def name(self) -> str:
        """The name, or the id if no name is known."""
        return str(self.features.get("name") or self.id)

    # What existing scripts call: each verb has an `_async` twin.

    def consume_debate_content(self, debate_transcript: Any) -> None:
        """Hear a transcript: its statements become knowledge. No model is called.

        Args:
            debate_transcript: a `DebateTranscript`; anything with `statements` that have a `statement` or a `raw_text`.
        """
        # Remarks of its own, so that hearing the same transcript after the list was cleared is news again.
        self.hear(Remark.copy(remark) for remark in remarks_of(debate_transcript.statements))
        self.community = meet(self.community, debate_transcript)

    def update_beliefs(self, knowledge_category: str = "debate_knowledge", max_change_percentage: float = 0.5) -> None:
        """Update the beliefs from what is new in one of the three lists of knowledge; nothing new: nothing is asked.

        Args:
            knowledge_category: `debate_knowledge`, `chats` or `social_media_knowledge`.
            max_change_percentage: how far a stance may move, as a share of the axis, in [0, 1].
        """
        run_sync(self.update_beliefs_async(knowledge_category, max_change_percentage))

    async def update_beliefs_async(
        self, knowledge_category: str = "debate_knowledge", max_change_percentage: float = 0.5
    ) -> None:
        """As `update_beliefs`."""
        check_share("max_change_percentage", max_change_percentage)
        occasion = self.calls.next(f"belief/{knowledge_category}")
        await self.learn(knowledge_category, occasion, max_change_percentage)

    def chat_with_peers(
        self, conversation_history: Sequence[Any], peer_id: str, peer_name: str | None = None
    ) -> str | None:
        """Return what this persona says next in a conversation; None if there is no answer, see `outcomes`."""
        return run_sync(self.chat_with_peers_async(conversation_history, peer_id, peer_name))

    async def chat_with_peers_async(
        self, conversation_history: Sequence[Any], peer_id: str, peer_name: str | None = None
    ) -> str | None:
        """As `chat_with_peers`."""
        said = [message_remark(message) for message in conversation_history]
        return value_of(await self.speak(said, peer_id, peer_name or peer_id, self.calls.next("chat")))

    def create_social_media_post(self, existing_posts: Iterable[Any]) -> Post | None:
        """Write a post, having seen `existing_posts`; None if there is no answer, see `outcomes`."""
        return run_sync(self.create_social_media_post_async(existing_posts))

    async def create_social_media_post_async(self, existing_posts: Iterable[Any]) -> Post | None:
        """As `create_social_media_post`."""
        feed = tuple(as_feed_post(post) for post in existing_posts)
        return value_of(await self.write_post(feed, self.calls.next("post")))

    def react_to_post(self, post: Any) -> str | None:
        """Return `thumbs_up`, `thumbs_down` or None; why None, see `outcomes`."""
        return run_sync(self.react_to_post_async(post))

    async def react_to_post_async(self, post: Any) -> str | None:
        """As `react_to_post`."""
        occasion, shown = self.calls.next("react"), as_feed_post(post)
        shown = shown if shown.id else replace(shown, id=f"{occasion.key}/post")
        answer = await self.react((shown,), (shown.id,), occasion)
        reactions = value_of(answer)
        return reactions.by_post.get(shown.id) if reactions else None

    def vote(self, candidates: Iterable[Any]) -> str | None:
        """Return the name of the candidate chosen, or None; why None, see `outcomes`."""
        return run_sync(self.vote_async(candidates))

    async def vote_async(self, candidates: Iterable[Any]) -> str | None:
        """As `vote`."""
        return (await self.cast_ballot(build_cards(candidates), self.calls.next("ballot"))).candidate_name

    # What a population and a run build on: the same acts, told when they take place, answering with values.

    def person(self) -> Person:
        """Return who this is, as a value.

        Raises:
            ConfigurationError: attributes that cannot be read.
        """
        if self._reading is None or not self._reading.holds_for(self.id, self.features):
            self._reading = Reading.of(self.id, self.features)
        return self._reading.person

    def held_beliefs(self) -> tuple[Belief, ...]:
        """Return the beliefs held now, as values."""
        return read_beliefs(self.beliefs, self.community.scene, self._drawn)

    def first_choice(self) -> str | None:
        """Return the id of the candidate preferred now, or None."""
        return self.community.scene.candidate_id(self.beliefs.get(OVERALL))

    def has_lived(self) -> bool:
        """Say whether something it did shapes what it does next, beyond its beliefs and the lists of its knowledge."""
        return bool(self.memory or self._feed or self._drawn) or not self._attention.is_untouched

    def hear(self, remarks: Iterable[Remark]) -> None:
        """Hear what was said in a debate."""
        self.debate_knowledge += remarks

    def has_news(self, knowledge_category: str) -> bool:
        """Say whether there is something in this list that was not learned from yet.

        Raises:
            UsageError: no such list of knowledge.
        """
        if knowledge_category not in KNOWLEDGE:
            raise UsageError(f"{knowledge_category!r} is no knowledge; there are {', '.join(KNOWLEDGE)}")
        return bool(self._news(knowledge_category))

    async def form_opinion(self, occasion: Occasion) -> Outcome[tuple[BeliefChange, ...]]:
        """State the opinion everything starts from."""
        answer = await self.ask_mind("opening_opinion", self._view(OpeningView, occasion))
        return self._take_over(answer, 1.0, occasion)

    async def learn(
        self, knowledge_category: str, occasion: Occasion, max_change_share: float
    ) -> Outcome[tuple[BeliefChange, ...]]:
        """Update the beliefs from what is new in one list of knowledge."""
        if not self.has_news(knowledge_category):
            return self.not_asked("update_beliefs", "nothing new to learn")
        # Texts become remarks of this list's own, so that the same text put in again after clearing it is news again.
        self.debate_knowledge[:] = as_remarks(self.debate_knowledge)
        view = self._update_view(knowledge_category, occasion, max_change_share)
        answer = await self.ask_mind("update_beliefs", view)
        if isinstance(answer, Done):
            self._attention.note_learned(knowledge_category, getattr(self, knowledge_category))
        return self._take_over(answer, max_change_share, occasion)

    async def speak(self, said: Sequence[Remark], peer_id: str, peer_name: str, occasion: Occasion) -> Outcome[Remark]:
        """Say the next thing in a conversation."""
        view = self._life_view(ChatTurnView, occasion, conversation=tuple(said), peer_id=peer_id, peer_name=peer_name)
        answer: Answer[Remark] = await self.ask_mind("chat_with_peers", view)
        return Done(answer.value.said_by(self.id, self.name)) if isinstance(answer, Done) else answer

    async def write_post(self, feed: tuple[FeedPost, ...], occasion: Occasion) -> Outcome[Post]:
        """Write a post, having seen `feed`; the key of the occasion becomes the post's id."""
        answer: Answer[Remark] = await self.ask_mind(
            "create_social_media_post", self._life_view(PostView, occasion, feed=feed)
        )
        if not isinstance(answer, Done):
            return answer
        text = answer.value.said_by(self.id, self.name)
        post = Post(occasion.key, self.id, text, epoch=occasion.epoch)
        self.posts.append(post)
        return Done(post)

    async def react(
        self, feed: tuple[FeedPost, ...], considered: tuple[str, ...], occasion: Occasion
    ) -> Outcome[Reactions]:
        """See a feed, and react to what is considered in it."""
        self.see(feed)
        self._considered = considered
        if not considered:
            return self.not_asked("react_to_post", "nothing to react to")
        view = self._life_view(ReactionView, occasion, feed=feed, considered=considered)
        answer: Answer[Reactions] = await self.ask_mind("react_to_post", view)
        self._reactions = answer.value if isinstance(answer, Done) else _NO_REACTIONS
        return answer

    def see(self, feed: tuple[FeedPost, ...]) -> None:
        """Be shown a feed: what was not seen before becomes knowledge."""
        self._feed, self._considered = feed, ()
        self._reactions = _NO_REACTIONS
        known = {as_feed_post(post).id for post in self.social_media_knowledge}
        self.social_media_knowledge += [post_row(post) for post in feed if post.id not in known]

    async def cast_ballot(self, candidates: tuple[CandidateCard, ...], occasion: Occasion) -> Ballot:
        """Vote, once; whatever comes of it is a ballot."""
        if candidates != self.community.scene.candidates:
            self.community = replace(self.community, scene=replace(self.community.scene, candidates=candidates))
        view = self._view(BallotView, occasion)
        answer = await self.ask_mind("vote", view) if candidates else self.not_asked("vote", "no candidates")
        order = tuple(card.id for card in view.candidates)
        preferred = self.first_choice()
        return build_ballot(self.id, answer, self.community.scene, order_shown=order, preferred=preferred)

    def remember_epoch(self, epoch: int) -> None:
        """Close an epoch: keep the beliefs, and the words of the last `memory_epochs` epochs."""
        latest = EpochMemory(
            epoch,
            self.held_beliefs(),
            first_choice=self.first_choice(),
            heard=self._heard(),
            conversation=self._talked(self._this_epoch("chats"))["conversation"],
            feed=self._feed,
        )
        self.memory.append(latest)
        forgotten = len(self.memory) - self.community.memory_epochs
        if forgotten > 0:
            older = self.memory[forgotten - 1]
            self.memory[forgotten - 1] = replace(older, heard=(), conversation=(), feed=())
        self._attention.begin_epoch({name: getattr(self, name) for name in KNOWLEDGE})
        self._feed, self._considered, self._reactions = (), (), _NO_REACTIONS

    # Views.

    def _view(self, view_type: type[V], occasion: Occasion, **seen: Any) -> V:
        chance = self.community.chance_of(self.id, occasion.epoch, is_opening=view_type.is_opening)
        if view_type.shows_candidates:  # in an order drawn for each persona and act
            self.candidates_shown = chance.shuffle(f"order/{view_type.act}", self.community.scene.candidates)
        return view_type(
            key=occasion.key,
            scene=self.community.scene,
            chance=chance,
            person=self.person(),
            beliefs=self.held_beliefs(),
            first_choice=self.first_choice(),
            memory=tuple(self.memory),
            candidates=self.candidates_shown if view_type.shows_candidates else (),
            **seen,
        )

    def _life_view(self, view_type: type[V], occasion: Occasion, **seen: Any) -> V:
        lived = {"heard": self._heard(), "feed": self._feed, **self._talked(self._this_epoch("chats"))}
        return self._view(view_type, occasion, **{**lived, **seen})

    def _update_view(self, knowledge_category: str, occasion: Occasion, max_change_share: float) -> UpdateView:
        news, bound = self._news(knowledge_category), {"max_change_share": max_change_share}
        if knowledge_category == "debate_knowledge":
            return self._life_view(DebateUpdateView, occasion, heard=as_remarks(news), **bound)
        if knowledge_category == "chats":
            return self._life_view(ChatUpdateView, occasion, **self._talked(news), **bound)
        posts = tuple(as_feed_post(post) for post in news)
        shown = {post.id: post for post in (*self._feed, *posts)}
        unseen = tuple(post.id for post in posts)
        done = {"considered": self._considered, "reactions": self._reactions}
        return self._life_view(SocialUpdateView, occasion, feed=tuple(shown.values()), unseen=unseen, **done, **bound)

    def _news(self, knowledge_category: str) -> Sequence[Any]:
        """Return what came in this epoch and was not learned from; of posts, also old ones that are shown again."""
        items = getattr(self, knowledge_category)
        if knowledge_category != "social_media_knowledge":
            return self._attention.news_of_epoch(knowledge_category, items)
        came, shown = set(map(id, self._this_epoch(knowledge_category))), {post.id for post in self._feed}
        unlearned = self._attention.news(knowledge_category, items)
        return [post for post in unlearned if id(post) in came or as_feed_post(post).id in shown]

    def _this_epoch(self, knowledge_category: str) -> Sequence[Any]:
        return self._attention.this_epoch(knowledge_category, getattr(self, knowledge_category))

    def _heard(self) -> tuple[Remark, ...]:
        return as_remarks(self._this_epoch("debate_knowledge"))

    def _talked(self, chats: Sequence[Any]) -> dict[str, Any]:
        """Return what views show of conversations: the words, and the partner of the last."""
        entries = [as_chat(chat) for chat in chats]
        partner = {"peer_id": entries[-1].peer_id, "peer_name": entries[-1].peer_name} if entries else {}
        return {"conversation": tuple(remark for entry in entries for remark in entry.remarks()), **partner}

    # Answers.

    def _take_over(
        self, answer: Answer[Opinion], max_change_share: float, occasion: Occasion
    ) -> Outcome[tuple[BeliefChange, ...]]:
        if not isinstance(answer, Done):
            return answer
        changes = change_beliefs(self._topic_ids(), self.held_beliefs(), answer.value.beliefs, max_change_share)
        self._apply(changes, answer.value.first_choice)
        for change in changes:
            logger.debug("%s %s: %s before, %s after", occasion.key, change.topic_id, change.before, change.after)
        return Done(changes)

    def _apply(self, changes: Iterable[BeliefChange], first_choice: str | None) -> None:
        scene = self.community.scene
        for change in changes:
            if change.status == "done" and change.belief is not None:
                self.beliefs[change.topic_id] = write_belief(change.belief, scene)
                self._note_drawn(change.topic_id, drawn=change.belief.drawn)
        if first_choice is not None:
            self.beliefs[OVERALL] = scene.candidate_name(first_choice)

    def _note_drawn(self, topic_id: str, *, drawn: bool) -> None:
        if drawn != (topic_id in self._drawn):
            self._drawn ^= {topic_id}

    def unchanged(self, outcome: Outcome[Any]) -> tuple[BeliefChange, ...]:
        """Return the changes of an update that did not happen: every belief as it was, with why."""
        return keep_beliefs(self._topic_ids(), self.held_beliefs(), outcome.status, reason_of(outcome))

    def _topic_ids(self) -> list[str]:
        return [topic.id for topic in self.community.scene.topics]


def as_chat(chat: Any) -> ChatEntry:
    """Return a conversation as a `ChatEntry`, made from a mapping of its fields if it is one.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(chat, ChatEntry):
        return chat
    if isinstance(chat, Mapping) and "conversation" in chat:
        peer_id = str(chat.get("peer_id", ""))
        return ChatEntry(peer_id, str(chat.get("peer_name") or peer_id), list(chat["conversation"]))
    raise UsageError(f"{chat!r} is no conversation: put ChatEntry(peer_id, peer_name, conversation) into chats")


def meet(community: Community, transcript: Any) -> Community:
    """Return the community, knowing the topic of a transcript and the candidates who spoke in it."""
    topic = getattr(transcript, "topic", None)
    cards = [
        CandidateCard(statement.candidate_id, getattr(statement, "candidate_name", None) or statement.candidate_id)
        for statement in transcript.statements
        if getattr(statement, "candidate_id", None)
    ]
    scene = community.scene.with_topics([topic] if topic else []).with_candidates(cards)
    return community if scene is community.scene else replace(community, scene=scene)
