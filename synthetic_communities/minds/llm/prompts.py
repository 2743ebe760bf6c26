"""Prompts: for every view its sections in order, from the most shared to the least, its own question last.

    system   rules | world, topics, candidates
    user     the epoch's debates | the person and its memory | what it lived through this epoch | the question

Whatever varies stands behind whatever is shared, so that providers can serve the beginning from their caches.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...domain.debate import Topic
from ...errors import UsageError
from ..views import (
    BallotView,
    ChatTurnView,
    ChatUpdateView,
    DebateUpdateView,
    IntroductionView,
    LifeView,
    OpeningView,
    PersonView,
    PositionView,
    PostView,
    QuestionView,
    ReactionView,
    ReadingView,
    ReflectionView,
    SocialUpdateView,
    StatementView,
    View,
)
from . import sections
from .quoting import one_line, quote
from .rules import RULES

Texts = tuple[str, ...]


def build_system(view: View) -> Texts:
    """Return the texts of the system message: the same for every act of a run."""
    world = sections.world_section(view.scene)
    return (RULES, world) if world else (RULES,)


def build_user(view: View) -> Texts:
    """Return the texts of the user message, the most shared first.

    Raises:
        UsageError: no prompt is known for this view.
    """
    build = _BUILDERS.get(type(view))
    if build is None:
        raise UsageError(f"a language model is not asked with a {type(view).__name__}; views are those of minds.views")
    return tuple(text for text in build(view) if text)


def number_posts(view: ReactionView) -> dict[str, int]:
    """Return post id to the number it is shown with, from 1, for the posts the person may react to."""
    return {post_id: number for number, post_id in enumerate(view.considered, start=1)}


def _opening(view: OpeningView) -> Texts:
    return (sections.person_section(view), _judge(view, "OPINION: where does the person stand?"))


def _debate_update(view: DebateUpdateView) -> Texts:
    return (*_life(view), _judge(view, "UPDATE, after the debates: where does the person stand now?"))


def _chat_update(view: ChatUpdateView) -> Texts:
    return (*_life(view), _judge(view, "UPDATE, after the conversation: where does the person stand now?"))


def _social_update(view: SocialUpdateView) -> Texts:
    reactions = sections.reactions_section(view)
    return (*_life(view), reactions, _judge(view, "UPDATE, after reading the feed: where does the person stand now?"))


def _chat_turn(view: ChatTurnView) -> Texts:
    begin = "" if view.conversation else "The conversation begins. "
    ask = f"{begin}CHAT with {one_line(view.peer_name)}: what does the person say?"
    return (*_life(view), _ask(view, ask))


def _post(view: PostView) -> Texts:
    return (*_life(view), _ask(view, "POST: what does the person write?"))


def _reaction(view: ReactionView) -> Texts:
    feed = sections.feed_section(view.feed, number_posts(view))
    ask = "REACT: which of the numbered posts does the person give a thumbs up, which a thumbs down?"
    return (*_life_without_feed(view), feed, _ask(view, ask))


def _ballot(view: BallotView) -> Texts:
    heard = sections.debates_section(view)
    return (heard, sections.person_section(view), _judge(view, "BALLOT: whom does the person vote for, if anybody?"))


def _position(view: PositionView) -> Texts:
    form = "\n".join(_position_line(topic) for topic in view.wanted)
    ask = f"POSITIONS: answer with these lines and nothing else, the brackets filled in.\n{form}"
    return (sections.character_section(view), ask)


def _position_line(topic: Topic) -> str:
    return f"- {one_line(topic.id)}: [stance from -1 to +1]; [where you stand, in one or two sentences]"


def _reading(view: ReadingView) -> Texts:
    text = f"THE FEED\n{quote(view.feed_text)}" if view.feed_text.strip() else ""
    feed = sections.feed_section(view.feed) or text
    return (sections.character_section(view), feed, "READING: what do you take from the posts?")


def _statement(view: StatementView) -> Texts:
    return (*_debate_so_far(view), f"STATEMENT, turn {view.turn + 1}: what do you say?")


def _reflection(view: ReflectionView) -> Texts:
    return (*_debate_so_far(view), "REFLECTION: what do you take from this question?")


def _debate_so_far(view: StatementView | ReflectionView) -> Texts:
    question = f"THE QUESTION on {one_line(view.question.topic.title)}\n{quote(view.question.text)}"
    said = sections.said_section("SAID SO FAR", view.said)
    return (question, said, sections.character_section(view))


def _question(view: QuestionView) -> Texts:
    notes = "YOUR NOTES\n" + "\n".join(map(quote, view.notes)) if view.notes else ""
    ask = f"QUESTION on {one_line(view.topic.title)}: what do you ask the candidates?"
    return (sections.questions_section(view.earlier), notes, ask)


def _introduction(view: IntroductionView) -> Texts:
    question = f"THE QUESTION on {one_line(view.question.topic.title)}\n{quote(view.question.text)}"
    return (question, "INTRODUCTION: how do you introduce it?")


def _life(view: LifeView) -> Texts:
    return (*_life_without_feed(view), sections.feed_section(view.feed))


def _life_without_feed(view: LifeView) -> Texts:
    heard, conversation = sections.debates_section(view), sections.conversation_section(view)
    return (heard, sections.person_section(view), conversation)


def _judge(view: PersonView, ask: str) -> str:
    parts = (sections.standing_section(view), sections.candidates_section(view.candidates), ask)
    return "\n\n".join(part for part in parts if part)


def _ask(view: PersonView, ask: str) -> str:
    return "\n\n".join(part for part in (sections.standing_section(view), ask) if part)


_BUILDERS: Mapping[type[View], Callable[[Any], Texts]] = {
    OpeningView: _opening,
    DebateUpdateView: _debate_update,
    ChatUpdateView: _chat_update,
    SocialUpdateView: _social_update,
    ChatTurnView: _chat_turn,
    PostView: _post,
    ReactionView: _reaction,
    BallotView: _ballot,
    PositionView: _position,
    ReadingView: _reading,
    StatementView: _statement,
    ReflectionView: _reflection,
    QuestionView: _question,
    IntroductionView: _introduction,
}
