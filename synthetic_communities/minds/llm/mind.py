"""The mind that asks a language model."""

import copy
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from ...domain.belief import Opinion
from ...domain.chance import Chance
from ...domain.outcome import Answer, Done, Failed, NotAsked, Refused, Unreadable
from ...domain.remark import Remark
from ...llm.failures import CallError
from ...llm.journal.journaled import as_journaled
from ...llm.model import Call, Model, ModelReply, ModelRequest
from ...waiting import sharers
from ..views import (
    ChatTurnView,
    IntroductionView,
    PersonView,
    Positions,
    PositionView,
    PostView,
    QuestionView,
    ReadingView,
    ReflectionView,
    StatementView,
    View,
)
from .judgement import judgement_format, read_judgement
from .parts import count_between, count_reuse, judges
from .prompts import build_system_parts, build_user_parts
from .quoting import is_blank, one_line
from .reading import UnreadableReplyError, check_length

logger = logging.getLogger(__name__)

ROOM_TOKENS: dict[type[View], int] = {
    ChatTurnView: 200,
    PostView: 160,
    ReadingView: 250,
    StatementView: 400,
    ReflectionView: 250,
    QuestionView: 150,
    IntroductionView: 200,
}
"""Room for the words of an act, in tokens: about twice what the rules ask for."""

JUDGEMENT_TOKENS = 200
"""Room for a judgement without its opinions."""

OPINION_TOKENS = 150
"""Room for the opinion, or the position, on one topic."""

MOST_MARKS = 100
"""How many marks of lists and emphasis, or spaces, may stand before and after the topic of a position."""

WATCHED_REPLIES = 20
"""Of how many first replies of an act the unreadable ones are counted."""

WARN_ABOVE = WATCHED_REPLIES // 10


class LLMMind:
    """A mind that asks a language model, and once more where the reply cannot be read.

    Attributes:
        name: the model's name.
        source: `model`.
        keeps_time: True: it bounds every call itself, so nobody else needs to bound the act.
        model_asked: the model.
        max_concurrent: how many calls its server is asked at once, unless somebody says so; None: as many as usual.
    """

    source = "model"
    keeps_time = True

    def __init__(
        self,
        model: Model,
        *,
        temperature: float | None = None,
        effort: str | None = None,
        seed: int | None = None,
        max_concurrent: int | None = None,
    ) -> None:
        """Take a model.

        Args:
            model: who is asked.
            temperature: sent where it is not None.
            effort: how hard to think, the same for all acts; None: not at all where the model allows it.
            seed: sent where the provider takes one.
            max_concurrent: how many calls its server is asked at once, unless somebody says so.
        """
        self.name = model.name
        self.model_asked = as_journaled(model)
        self.max_concurrent = max_concurrent
        self._temperature = temperature
        self._effort = effort
        self._seed = seed
        self._replies: Counter[str] = Counter()
        self._unreadable: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        """Open the model's connections on the running loop."""
        await self.model_asked.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        await self.model_asked.__aexit__(*exc_info)

    async def answer(self, view: View) -> Answer[Any]:
        """Return what the model answers to a view; see `Mind.answer`."""
        if view.expects is Opinion and not view.scene.topics:
            return NotAsked("no topic to have an opinion on")
        request = self.build_request(view)
        try:
            reply = await self.model_asked.reply(request, Call(view.key, view.act, 1))
            answer = self._read(reply, view)
            if isinstance(answer, Unreadable):
                request = _asked_again(request, reply, answer)
                answer = self._read(await self.model_asked.reply(request, Call(view.key, view.act, 2)), view)
        except CallError as error:
            return Failed(error.kind, error.detail)
        return answer

    def build_request(self, view: View) -> ModelRequest:
        """Return the request a view makes."""
        system, user, people = build_system_parts(view), build_user_parts(view), sharers.get()
        return ModelRequest(
            tuple([part.text for part in system]),
            tuple([part.text for part in user]),
            max_output_tokens=_room(view),
            reply_format=judgement_format(view.scene) if judges(view) else None,
            temperature=self._temperature,
            effort=self._effort,
            seed=self._seed_of(view.chance),
            reuse=count_reuse(view, (*system, *user), people),
            calls_between=count_between(view, people),
        )

    def _seed_of(self, chance: Chance) -> int | None:
        """Return the seed sent: in a repetition of a run another one, as the same would give the same words again."""
        if self._seed is None or not chance.replicate:
            return self._seed
        return Chance(self._seed, replicate=chance.replicate).stream("provider").getrandbits(31)

    def _read(self, reply: ModelReply, view: View) -> Answer[Any]:
        answer = read_reply(reply, view)
        self._watch(view.act, answer)
        return answer

    def _watch(self, act: str, answer: Answer[Any]) -> None:
        """Warn once an act's first replies turn out unreadable too often."""
        if self._replies[act] >= WATCHED_REPLIES:
            return
        self._replies[act] += 1
        if isinstance(answer, Unreadable):
            self._unreadable[act] += 1
            if self._unreadable[act] == WARN_ABOVE + 1:
                logger.warning(
                    "more than a tenth of the first %d replies to %r cannot be read (each is asked once more); "
                    "one of them: %.300r. Another model, or a higher effort, may answer in the form asked for.",
                    WATCHED_REPLIES,
                    act,
                    answer.text,
                )


def with_model(mind: LLMMind, model: Model) -> LLMMind:
    """Return a mind of the same kind that asks another model in the same words."""
    other = copy.copy(mind)
    other.name, other.model_asked = model.name, as_journaled(model)
    other._replies, other._unreadable = Counter(), Counter()
    return other


def read_reply(reply: ModelReply, view: View) -> Answer[Any]:
    """Return what a reply answers to a view: a value of the kind asked for, `Refused` or `Unreadable`."""
    if reply.stop == "refused":
        return Refused(reply.text)
    if reply.stop == "cut":
        return Unreadable(reply.text)
    try:
        return Done(_value(reply.text, view))
    except UnreadableReplyError as error:
        logger.debug("%s cannot be read: %s", view.key, error)
        return Unreadable(reply.text)


def _value(text: str, view: View) -> Any:
    if judges(view):
        assert isinstance(view, PersonView)
        return read_judgement(text, view)
    check_length(text)
    if isinstance(view, PositionView):
        return read_positions(text, view)
    if is_blank(text):
        raise UnreadableReplyError("the reply is empty")
    return Remark(text.strip(), source=LLMMind.source)


def read_positions(text: str, view: PositionView) -> Positions:
    """Return the positions in a reply, a line a topic: `id: stance; words`.

    Raises:
        UnreadableReplyError: a topic has no line, or two, or no words, or a stance that is not from -1 to +1.
    """
    lines = [line.strip() for line in text.splitlines()]
    return Positions({topic.id: _position(lines, topic.id) for topic in view.wanted})


def _position(lines: Sequence[str], topic_id: str) -> Remark:
    # Marks of lists and emphasis are passed over, but nothing between a sign and its number: it could be the sign.
    # So many and no more: an id may consist of such marks, and without a bound time would grow with their square.
    many = f"{{0,{MOST_MARKS}}}"
    name = rf"(?:[0-9]+[.)])?[\s>#*_`\"'(\[\u2022\-]{many}{re.escape(one_line(topic_id))}[\s*_`\"')\]]{many}"
    form = re.compile(rf"{name}:[\s*_`(\[]*([+\-\u2212]?[0-9](?:\.[0-9]+)?)[\s*_`)\]]*;\s*(\S.*)", re.IGNORECASE)
    found = [match for match in map(form.fullmatch, lines) if match]
    if len(found) != 1:
        raise UnreadableReplyError(f"there is not one line on {topic_id}")
    stance, words = float(found[0][1].replace("\u2212", "-")), _without_brackets(found[0][2])
    if not -1 <= stance <= 1:
        raise UnreadableReplyError(f"stance {stance} is not from -1 to +1")
    if is_blank(words):
        raise UnreadableReplyError(f"there are no words on {topic_id}")
    return Remark(words, stances={topic_id: stance}, source=LLMMind.source)


def _without_brackets(words: str) -> str:
    """Return the words without the brackets of the form, where they were kept."""
    kept = re.fullmatch(r"\[([^\[\]]*)\]", words)
    return kept[1].strip() if kept else words


def _room(view: View) -> int:
    if isinstance(view, PositionView):
        return OPINION_TOKENS * max(1, len(view.wanted))
    return ROOM_TOKENS.get(type(view), JUDGEMENT_TOKENS + OPINION_TOKENS * len(view.scene.topics))


def _asked_again(request: ModelRequest, reply: ModelReply, answer: Unreadable) -> ModelRequest:
    """Return the request of a re-ask: after a cut-off with twice the room, else with a word about the form."""
    if reply.stop == "cut":
        return replace(request, max_output_tokens=2 * request.max_output_tokens)
    again = "Your last answer did not have the form asked for. Answer again, in that form and with nothing else."
    return replace(request, user=(*request.user, again))
