"""Prompts: for every view its sections in order, from the most shared to the least, its own question last.

    system   rules | world, topics, candidates
    user     the round's debates | the person and its memory | what it lived through this epoch | the question

    of a candidate      who it is, its positions | its notes | the question debated, what was said to it | the question
    of the mediator     questions asked before, what was said to each | its notes | the question

Whatever varies stands behind whatever is shared, so that providers can serve the beginning from their caches.
Where somebody stands changes with every update. It stands before what is said in a conversation, which no update
interrupts, and behind the feed, where the reaction and the update that follows it have it in common.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...domain.debate import Topic
from ...errors import UsageError
from ..views import (
    BallotView,
    CandidateView,
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
from .parts import Part, Sharing
from .quoting import one_line, quote
from .rules import RULES
from .sections import number_posts

Texts = tuple[str, ...]
Parts = Iterable[Part]


_RULES = Part(RULES, "everybody")


def build_system(view: View) -> Texts:
    """Return the texts of the system message: the same for every act of a run."""
    return tuple(part.text for part in build_system_parts(view))


def build_user(view: View) -> Texts:
    """Return the texts of the user message, the most shared first.

    Raises:
        UsageError: no prompt is known for this view.
    """
    return tuple(part.text for part in build_user_parts(view))


def build_system_parts(view: View) -> tuple[Part, ...]:
    """Return the texts of the system message, with who is asked with them."""
    world = sections.world_section(view.scene)
    return (_RULES, Part(world, "everybody")) if world else (_RULES,)


def build_user_parts(view: View) -> tuple[Part, ...]:
    """Return the texts of the user message, with who is asked with them.

    Raises:
        UsageError: no prompt is known for this view.
    """
    build = _BUILDERS.get(type(view))
    if build is None:
        raise UsageError(f"a language model is not asked with a {type(view).__name__}; views are those of minds.views")
    return tuple([part for part in build(view) if part.text])


def _opening(view: OpeningView) -> Parts:
    return (_person(view), *_judge(view, "OPINION: where does the person stand?"))


def _debate_update(view: DebateUpdateView) -> Parts:
    return (*_life(view), *_judge(view, "UPDATE, after the debates: where does the person stand now?"))


def _chat_update(view: ChatUpdateView) -> Parts:
    return (*_life(view), *_judge(view, "UPDATE, after the conversation: where does the person stand now?"))


def _social_update(view: SocialUpdateView) -> Parts:
    numbers = number_posts(view.considered)
    seen = (*_life_without_feed(view), Part(sections.feed_section(view.feed, numbers), "feed"), _standing(view, "feed"))
    done = Part(sections.reactions_section(view, numbers))
    candidates = Part(sections.candidates_section(view.candidates))
    ask = Part("UPDATE, after reading the feed: where does the person stand now?")
    return (*seen, _joined(done, candidates, ask))


def _chat_turn(view: ChatTurnView) -> Parts:
    begin = "" if view.conversation else "The conversation begins. "
    ask = f"{begin}CHAT with {one_line(view.peer_name)}: what does the person say?"
    said = [Part(text, "talk") for text in sections.conversation_texts(view)]
    return (_debates(view), _person(view), _standing(view, "person"), *said, *_feed(view), Part(ask))


def _post(view: PostView) -> Parts:
    return (*_life(view), _joined(_standing(view), Part("POST: what does the person write?")))


def _reaction(view: ReactionView) -> Parts:
    feed = Part(sections.feed_section(view.feed, number_posts(view.considered)), "feed")
    ask = "REACT: which of the numbered posts does the person give a thumbs up, which a thumbs down?"
    return (*_life_without_feed(view), feed, _standing(view, "feed"), Part(ask))


def _ballot(view: BallotView) -> Parts:
    ask = _judge(view, "BALLOT: whom does the person vote for, if anybody?")
    return (_debates(view), _person(view), *ask)


def _position(view: PositionView) -> Parts:
    form = "\n".join(_position_line(topic) for topic in view.wanted)
    ask = f"POSITIONS: answer with these lines and nothing else, the brackets filled in.\n{form}"
    return (_character(view), Part(ask))


def _position_line(topic: Topic) -> str:
    return f"- {one_line(topic.id)}: [stance from -1 to +1]; [where you stand, in one or two sentences]"


def _reading(view: ReadingView) -> Parts:
    text = f"THE FEED\n{quote(view.feed_text)}" if view.feed_text.strip() else ""
    feed = sections.feed_section(view.feed) or text
    return (_character(view), *_notes(view), Part(feed), Part("READING: what do you take from the posts?"))


def _statement(view: StatementView) -> Parts:
    return (*_debate_so_far(view), Part(f"STATEMENT, turn {view.turn + 1}: what do you say?"))


def _reflection(view: ReflectionView) -> Parts:
    return (*_debate_so_far(view), Part("REFLECTION: what do you take from this question?"))


def _debate_so_far(view: StatementView | ReflectionView) -> Parts:
    question = f"THE QUESTION on {one_line(view.question.topic.title)}\n{quote(view.question.text)}"
    said = sections.said_section("SAID SO FAR", view.said)
    return (_character(view), *_notes(view), Part(question), Part(said))


def _character(view: CandidateView) -> Part:
    return Part(sections.character_section(view), "speaker")


def _notes(view: CandidateView) -> Parts:
    return [Part(text, "speaker") for text in sections.notes_texts("OWN NOTES", view.notes)]


def _question(view: QuestionView) -> Parts:
    earlier = [Part(text, "speaker") for text in sections.questions_texts(view.earlier)]
    notes = map(Part, sections.notes_texts("YOUR NOTES", view.notes))
    return (*earlier, *notes, Part(f"QUESTION on {one_line(view.topic.title)}: what do you ask the candidates?"))


def _introduction(view: IntroductionView) -> Parts:
    question = f"THE QUESTION on {one_line(view.question.topic.title)}\n{quote(view.question.text)}"
    return map(Part, (question, "INTRODUCTION: how do you introduce it?"))


def _life(view: LifeView) -> Parts:
    return (*_life_without_feed(view), *_feed(view))


def _life_without_feed(view: LifeView) -> Parts:
    return (_debates(view), _person(view), Part(sections.conversation_section(view), "talk"))


def _debates(view: PersonView) -> Part:
    return Part(sections.debates_section(view), "people")


def _person(view: PersonView) -> Part:
    return Part(sections.person_section(view), "person")


def _feed(view: LifeView) -> Parts:
    return (Part(sections.feed_section(view.feed)),)


def _standing(view: PersonView, sharing: Sharing = "nobody") -> Part:
    return Part(sections.standing_section(view), sharing)


def _judge(view: PersonView, ask: str) -> Parts:
    return (_joined(_standing(view), Part(sections.candidates_section(view.candidates)), Part(ask)),)


def _joined(*parts: Part) -> Part:
    return Part("\n\n".join([part.text for part in parts if part.text]))


_BUILDERS: Mapping[type[View], Callable[[Any], Parts]] = {
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
