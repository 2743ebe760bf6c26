"""The acts of a run: what each step of the plan asks of the cast, seeing only what it waited for."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..cast.occasion import Occasion
from ..cast.remarks import remarks_of
from ..conversation import enter_conversation, speak_turn
from ..domain.debate import Question
from ..domain.feed import FeedPost, Reactions, draw_considered
from ..domain.feed_ranking import FeedPool
from ..domain.outcome import Done, Outcome
from ..domain.remark import Remark
from ..engine.ledger import Task
from ..engine.plan import QuestionPlace, StatementPlace, TurnPlace
from ..social_media import Post
from .events import Events
from .stage import Stage

Act = Callable[[Task], Awaitable[Outcome[Any]]]


class Acts:
    """What each step of the plan asks of the cast.

    What one agent holds changes only in its own tasks, which follow one another; what many see changes only in
    bookkeeping tasks, which everything that sees it waits for. So no act can see how far others happen to be.
    """

    def __init__(self, stage: Stage, events: Events) -> None:
        self._stage = stage
        self._events = events
        self._people = stage.population.members()
        self._candidates = {candidate.id: candidate for candidate in stage.candidates}
        self._topics = {topic.id: topic for topic in stage.mediator.topics}
        self._by_step: dict[str, Act] = {
            "opening_position": self._open_positions,
            "opening_opinion": self._open_opinion,
            "reading": self._read,
            "question": self._ask_question,
            "introduction": self._introduce,
            "statement": self._state,
            "reflection": self._reflect,
            "debate_update": self._learn_from_debate,
            "chat_turn": self._take_turn,
            "chat_update": self._learn_from_chat,
            "post": self._post,
            "reaction": self._react,
            "social_update": self._learn_from_feed,
            "ballot": self._vote,
        }

    async def perform(self, task: Task) -> Outcome[Any]:
        """Do an act and return how it ended."""
        return await self._by_step[task.step](task)

    # Candidates and mediator.

    async def _open_positions(self, task: Task) -> Outcome[Any]:
        return await self._candidates[task.about].prepare()

    async def _read(self, task: Task) -> Outcome[Any]:
        pool = self._events.feed_at_end[task.epoch - 1]
        feed = self._stage.population.community.feed_of(task.about, task.epoch, pool)
        return await self._candidates[task.about].read(feed, _occasion(task))

    async def _ask_question(self, task: Task) -> Outcome[Question]:
        topic = self._topics[task.about.topic_id]
        outcome = await self._stage.mediator.propose(topic, self._events.transcripts, _occasion(task))
        if isinstance(outcome, Done):
            self._events.questions[task.about] = outcome.value
        return outcome

    async def _introduce(self, task: Task) -> Outcome[Any]:
        outcome = await self._stage.mediator.introduce(self._events.questions[task.about], _occasion(task))
        return self._taken_down(task.about, outcome)

    async def _state(self, task: Task) -> Outcome[Any]:
        place: StatementPlace = task.about
        said = remarks_of(self._events.statements[place.question])
        candidate = self._candidates[place.candidate_id]
        outcome = await candidate.speak(self._events.questions[place.question], place.turn, said, _occasion(task))
        return self._taken_down(place.question, outcome)

    async def _reflect(self, task: Task) -> Outcome[Any]:
        place: StatementPlace = task.about
        said = remarks_of(self._events.statements[place.question])
        return await self._candidates[place.candidate_id].reflect(
            self._events.questions[place.question], said, _occasion(task)
        )

    def _taken_down(self, place: QuestionPlace, outcome: Outcome[Any]) -> Outcome[Any]:
        if isinstance(outcome, Done):
            self._events.statements[place].append(outcome.value)
        return outcome

    # People.

    async def _open_opinion(self, task: Task) -> Outcome[Any]:
        return await self._people[task.about].form_opinion(_occasion(task))

    async def _learn_from_debate(self, task: Task) -> Outcome[Any]:
        return await self._learn("debate_knowledge", task)

    async def _take_turn(self, task: Task) -> Outcome[Remark]:
        place: TurnPlace = task.about
        speaker, _ = place.conversation.turns[place.number]
        self._events.let_hear(self._people[speaker], task.epoch)
        said = self._events.said[task.epoch, place.conversation]
        outcome = await speak_turn(self._people, place, said, _occasion(task))
        if isinstance(outcome, Done):
            said.append(outcome.value)
        return outcome

    async def _learn_from_chat(self, task: Task) -> Outcome[Any]:
        conversation = self._events.conversation_of[task.epoch][task.about]
        enter_conversation(self._people, task.about, conversation, self._events.said[task.epoch, conversation])
        return await self._learn("chats", task)

    async def _post(self, task: Task) -> Outcome[Post]:
        feed = self._feed_for(task.about, task.epoch, self._events.feed_at_end[task.epoch - 1])
        self._events.let_hear(self._people[task.about], task.epoch)
        self._events.shown_to_posters[task.epoch, task.about] = feed
        outcome = await self._people[task.about].write_post(feed, _occasion(task))
        if isinstance(outcome, Done):
            self._events.posts[task.epoch][task.key] = outcome.value
        return outcome

    async def _react(self, task: Task) -> Outcome[Reactions]:
        config, persona = self._stage.config, self._people[task.about]
        self._events.let_hear(persona, task.epoch)
        feed = self._feed_for(task.about, task.epoch, self._events.feed_to_react_to[task.epoch])
        chance = persona.community.chance_of(task.about, task.epoch)
        considered = draw_considered(feed, chance, config.reaction_probability)
        outcome = await persona.react(feed, considered, _occasion(task))
        self._events.shown[task.epoch, task.about] = (feed, considered)
        if isinstance(outcome, Done):
            self._events.reactions[task.epoch][task.about] = outcome.value
        return outcome

    async def _learn_from_feed(self, task: Task) -> Outcome[Any]:
        return await self._learn("social_media_knowledge", task)

    async def _vote(self, task: Task) -> Outcome[Any]:
        persona = self._people[task.about]
        cards = self._stage.population.community.scene.candidates
        self._events.ballots[task.about] = await persona.cast_ballot(cards, _occasion(task))
        return persona.outcomes["vote"]

    async def _learn(self, knowledge_category: str, task: Task) -> Outcome[Any]:
        self._events.let_hear(self._people[task.about], task.epoch)
        return await self._people[task.about].learn(
            knowledge_category, _occasion(task), self._stage.config.max_change_percentage
        )

    def _feed_for(self, persona_id: str, epoch: int, pool: FeedPool) -> tuple[FeedPost, ...]:
        affinities = self._events.affinities_at_end[epoch - 1].get(persona_id)
        return self._stage.population.community.feed_of(persona_id, epoch, pool, affinities)


def _occasion(task: Task) -> Occasion:
    return Occasion(task.key, task.epoch)
