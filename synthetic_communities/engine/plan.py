"""The plan of a run: every task, and what it waits for. The table of docs/design/architecture.md, as code.

A chain holds each agent's own tasks together: `_Chains.latest` is the key of the last of them so far. What a task
waits for through a chain it need not name: a chat turn waits for its speaker's update, which waited for the debates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..domain.key import ballot_key, key_part
from ..domain.pairing import Conversation
from .ledger import Task


@dataclass(frozen=True, slots=True)
class QuestionPlace:
    """Where a question stands in a run.

    Attributes:
        epoch: from 0.
        topic_id: its topic.
        topic_index: place of the topic in the order of topics, from 0.
        question_index: place of the question within its topic, from 0.
    """

    epoch: int
    topic_id: str
    topic_index: int
    question_index: int

    @property
    def key(self) -> str:
        """Key all tasks of this question begin with; the question's id."""
        return f"e{self.epoch}/debate/{key_part(self.topic_id)}/q{self.question_index}"


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """Where a statement stands in a run.

    Attributes:
        question: the question it answers.
        candidate_id: who speaks.
        turn: from 0.
    """

    question: QuestionPlace
    candidate_id: str
    turn: int


@dataclass(frozen=True, slots=True)
class TurnPlace:
    """Where a chat turn stands in its conversation.

    Attributes:
        conversation: the conversation.
        number: from 0.
    """

    conversation: Conversation
    number: int


@dataclass(frozen=True, slots=True)
class Course:
    """What there is to plan for.

    Attributes:
        persona_ids: everybody, in file order.
        candidate_ids: in the order listed, which is the order they speak in.
        topic_ids: in order.
        epochs: number of epochs.
        questions_per_topic: an epoch.
        turns_per_question: how often each candidate speaks to a question.
        conversations: those of every epoch.
        poster_ids: who posts, for every epoch.
        opening_opinions: whether people state their opinion before the first debate.
    """

    persona_ids: Sequence[str]
    candidate_ids: Sequence[str]
    topic_ids: Sequence[str]
    epochs: int = field(kw_only=True)
    questions_per_topic: int = field(kw_only=True)
    turns_per_question: int = field(kw_only=True)
    conversations: Sequence[Sequence[Conversation]] = field(kw_only=True)
    poster_ids: Sequence[Sequence[str]] = field(kw_only=True)
    opening_opinions: bool = field(default=True, kw_only=True)


def plan_run(course: Course) -> tuple[Task, ...]:
    """Return every task of a run, in the order of the record."""
    return tuple(_RunPlanner(course).tasks())


def plan_conversation(
    conversation: Conversation, when: str, *, epoch: int = 0, waits_for: tuple[str, ...] = ()
) -> Iterator[Task]:
    """Yield the turns of a conversation; `waits_for` holds the first one back."""
    previous: tuple[str, ...] = ()
    for number in range(len(conversation.turns)):
        task = Task(
            f"{conversation_key(when, conversation)}/{number}",
            "chat_turn",
            about=TurnPlace(conversation, number),
            epoch=epoch,
            waits_for=previous or waits_for,
            needs=previous,
        )
        yield task
        previous = (task.key,)


class _RunPlanner:
    """Lays one epoch's tasks after another's, keeping hold of each agent's chain."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._latest: dict[tuple[str, str], tuple[str, ...]] = {}
        self._feed_before: tuple[str, ...] = ()
        self._epoch_before: tuple[str, ...] = ()
        self._debate_before: tuple[str, ...] = ()

    def tasks(self) -> Iterator[Task]:
        """Yield every task of the run, each after all that it waits for."""
        yield from self._opening()
        for epoch in range(self._course.epochs):
            yield from self._epoch(epoch)
        yield from self._ballots()

    def _own(self, kind: str, who: str) -> tuple[str, ...]:
        return self._latest.get((kind, who), ())

    def _link(self, kind: str, who: str, task: Task) -> Task:
        self._latest[kind, who] = (task.key,)
        return task

    def _opening(self) -> Iterator[Task]:
        course = self._course
        openings: list[str] = []
        for who in course.candidate_ids:
            yield self._link("candidate", who, Task(f"opening/position/{key_part(who)}", "opening_position", about=who))
            openings += self._own("candidate", who)
        for who in course.persona_ids if course.opening_opinions else ():
            yield self._link("persona", who, Task(f"opening/opinion/{key_part(who)}", "opening_opinion", about=who))
            openings += self._own("persona", who)
        yield Task("opening/end", "opening_end", waits_for=tuple(openings), is_act=False)
        self._epoch_before = ("opening/end",)

    def _epoch(self, epoch: int) -> Iterator[Task]:
        said: list[str] = []
        yield from self._readings(epoch)
        for task in self._debates(epoch):
            if task.step in ("introduction", "statement"):
                said.append(task.key)
            yield task
        yield from self._candidate_ends(epoch)
        if said:
            yield from self._debate_updates(epoch, tuple(said))
        yield from self._conversations(epoch)
        yield from self._posts(epoch)
        yield from self._social(epoch)
        yield from self._persona_ends(epoch)
        yield self._epoch_end(epoch)

    def _readings(self, epoch: int) -> Iterator[Task]:
        for who in self._course.candidate_ids if epoch else ():
            waits = (*self._own("candidate", who), *self._feed_before)
            yield self._link(
                "candidate",
                who,
                Task(f"e{epoch}/read/{key_part(who)}", "reading", about=who, epoch=epoch, waits_for=waits),
            )

    def _debates(self, epoch: int) -> Iterator[Task]:
        course = self._course
        readings = tuple(key for who in course.candidate_ids if epoch for key in self._own("candidate", who))
        for topic_index, topic_id in enumerate(course.topic_ids):
            for question_index in range(course.questions_per_topic):
                place = QuestionPlace(epoch, topic_id, topic_index, question_index)
                yield from self._question(place, readings)

    def _question(self, place: QuestionPlace, readings: tuple[str, ...]) -> Iterator[Task]:
        asked, introduced = f"{place.key}/question", f"{place.key}/introduction"
        before = (*self._debate_before, *readings)
        yield Task(asked, "question", about=place, epoch=place.epoch, waits_for=before)
        yield Task(introduced, "introduction", about=place, epoch=place.epoch, waits_for=(asked,), needs=(asked,))
        statements = tuple(self._statements(place, asked, introduced))
        yield from statements
        said = tuple(task.key for task in statements)
        end = Task(
            f"{place.key}/transcript",
            "transcript",
            about=place,
            epoch=place.epoch,
            waits_for=(introduced, *said[-1:]),
            needs=(asked,),
            is_act=False,
        )
        yield end
        self._debate_before = (end.key,)
        yield from self._reflections(place, end.key)

    def _statements(self, place: QuestionPlace, asked: str, introduced: str) -> Iterator[Task]:
        previous = introduced
        for turn in range(self._course.turns_per_question):
            for who in self._course.candidate_ids:
                task = Task(
                    f"{place.key}/t{turn}/{key_part(who)}",
                    "statement",
                    about=StatementPlace(place, who, turn),
                    epoch=place.epoch,
                    waits_for=(previous, *self._own("candidate", who)),
                    needs=(asked,),
                )
                yield task
                previous = task.key

    def _reflections(self, place: QuestionPlace, end: str) -> Iterator[Task]:
        for who in self._course.candidate_ids:
            task = Task(
                f"{place.key}/reflection/{key_part(who)}",
                "reflection",
                about=StatementPlace(place, who, self._course.turns_per_question),
                epoch=place.epoch,
                waits_for=(end, *self._own("candidate", who)),
                needs=(end,),
            )
            yield self._link("candidate", who, task)

    def _candidate_ends(self, epoch: int) -> Iterator[Task]:
        for who in self._course.candidate_ids:
            key = f"e{epoch}/end/candidate/{key_part(who)}"
            waits = self._own("candidate", who)
            yield self._link(
                "candidate", who, Task(key, "candidate_end", about=who, epoch=epoch, waits_for=waits, is_act=False)
            )

    def _debate_updates(self, epoch: int, said: tuple[str, ...]) -> Iterator[Task]:
        for who in self._course.persona_ids:
            task = Task(
                f"e{epoch}/belief/debate/{key_part(who)}",
                "debate_update",
                about=who,
                epoch=epoch,
                waits_for=(*self._debate_before, *self._own("persona", who)),
                needs_any=said,
            )
            yield self._link("persona", who, task)

    def _conversations(self, epoch: int) -> Iterator[Task]:
        for conversation in self._course.conversations[epoch]:
            both = (conversation.first, conversation.second)
            waits = tuple(key for who in both for key in self._own("persona", who))
            turns = tuple(plan_conversation(conversation, epoch_key(epoch), epoch=epoch, waits_for=waits))
            yield from turns
            for who in both:
                task = Task(
                    f"e{epoch}/belief/chat/{key_part(who)}",
                    "chat_update",
                    about=who,
                    epoch=epoch,
                    waits_for=(turns[-1].key,),
                    needs=(turns[0].key,),
                )
                yield self._link("persona", who, task)

    def _posts(self, epoch: int) -> Iterator[Task]:
        posts: list[str] = []
        for who in self._course.poster_ids[epoch]:
            waits = (*self._own("persona", who), *self._feed_before)
            task = Task(post_key(epoch_key(epoch), who), "post", about=who, epoch=epoch, waits_for=waits)
            yield self._link("persona", who, task)
            posts.append(task.key)
        yield Task(f"e{epoch}/posts", "posts_end", epoch=epoch, waits_for=(*posts, *self._feed_before), is_act=False)

    def _social(self, epoch: int) -> Iterator[Task]:
        reactions: list[str] = []
        for who in self._course.persona_ids:
            task = Task(
                f"e{epoch}/react/{key_part(who)}",
                "reaction",
                about=who,
                epoch=epoch,
                waits_for=(f"e{epoch}/posts", *self._own("persona", who)),
            )
            yield self._link("persona", who, task)
            reactions.append(task.key)
        feed_end = Task(
            f"e{epoch}/feed", "feed_end", epoch=epoch, waits_for=(f"e{epoch}/posts", *reactions), is_act=False
        )
        yield feed_end
        self._feed_before = (feed_end.key,)
        for who in self._course.persona_ids:
            key = f"e{epoch}/belief/social/{key_part(who)}"
            waits = self._own("persona", who)
            yield self._link("persona", who, Task(key, "social_update", about=who, epoch=epoch, waits_for=waits))

    def _persona_ends(self, epoch: int) -> Iterator[Task]:
        for who in self._course.persona_ids:
            key = f"e{epoch}/end/persona/{key_part(who)}"
            waits = self._own("persona", who)
            yield self._link(
                "persona", who, Task(key, "persona_end", about=who, epoch=epoch, waits_for=waits, is_act=False)
            )

    def _epoch_end(self, epoch: int) -> Task:
        everybody: Iterable[tuple[str, ...]] = self._latest.values()
        waits = (*self._epoch_before, *self._feed_before, *self._debate_before, *(k for own in everybody for k in own))
        end = Task(f"e{epoch}/end", "epoch_end", epoch=epoch, waits_for=waits, is_act=False)
        self._epoch_before = (end.key,)
        return end

    def _ballots(self) -> Iterator[Task]:
        course = self._course
        ballots: list[str] = []
        for who in course.persona_ids if course.candidate_ids else ():
            waits = self._own("persona", who)
            ballots.append(ballot_key(who))
            yield Task(ballots[-1], "ballot", about=who, epoch=max(0, course.epochs - 1), waits_for=waits)
        yield Task("end", "run_end", waits_for=(*self._epoch_before, *ballots), is_act=False)


def epoch_key(epoch: int) -> str:
    """Return what the keys of an epoch's tasks begin with."""
    return f"e{epoch}"


def conversation_key(when: str, conversation: Conversation) -> str:
    """Return what the keys of a conversation's turns begin with; the conversation's id."""
    return f"{when}/chat/{key_part(conversation.first)}+{key_part(conversation.second)}"


def post_key(when: str, persona_id: str) -> str:
    """Return the key of the task in which somebody posts; the post's id."""
    return f"{when}/post/{key_part(persona_id)}"
