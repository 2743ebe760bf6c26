"""What candidates and the mediator say."""

from collections.abc import Iterable, Iterator

from ...domain.debate import Topic
from ...domain.feed import FeedPost
from ...domain.outcome import Done
from ...domain.remark import Remark
from ..views import (
    CandidateView,
    IntroductionView,
    Positions,
    PositionView,
    QuestionView,
    ReadingView,
    ReflectionView,
    StatementView,
)
from .choices import own_stance
from .rules import weighted_mean
from .sources import SOMEBODY
from .words import at_stance, count_of, make_remark, plain, signed, tell_gap


def take_positions(view: PositionView) -> Done[Positions]:
    """Return the declared position on every topic wanted, or the place on the axis that a candidate without has."""
    return Done(Positions({topic.id: _state(view, topic) for topic in view.wanted}))


def read_feed(view: ReadingView) -> Done[Remark]:
    """Return a note of how many posts speak to each topic, their mean, and how far it is; no position changes."""
    notes = [_note_topic(view, topic) for topic in view.scene.topics]
    opening = f"Read {count_of(len(view.feed), 'post')}."
    return Done(make_remark([opening, *notes, *_note_unplaced(view), "No position changed."]))


def make_statement(view: StatementView) -> Done[Remark]:
    """Return the own stance on the question's topic, and how far the others' last words are from it."""
    topic = view.question.topic
    own = own_stance(view, topic.id)
    return Done(make_remark([f"{at_stance(topic.title, own)}.", *_tell_gaps(view, own)], {topic.id: own}))


def reflect(view: ReflectionView) -> Done[Remark]:
    """Return a note of how far everybody's last words on the question are from the own stance."""
    topic = view.question.topic
    own = own_stance(view, topic.id)
    return Done(make_remark([f"{at_stance(topic.title, own)}, unchanged.", *_tell_gaps(view, own)]))


def propose_question(view: QuestionView) -> Done[Remark]:
    """Return a question that names the topic's axis and the question's number."""
    topic = view.topic
    against, in_favour = topic.against or "rejected", topic.in_favour or "supported"
    text = f"{topic.title}, question {view.number + 1}: where do you stand between -1 ({against}) and +1 ({in_favour})?"
    return Done(make_remark([text]))


def introduce_question(view: IntroductionView) -> Done[Remark]:
    """Return the question with its topic."""
    return Done(make_remark([f"The question is about {view.question.topic.title}.", view.question.text]))


def _state(view: CandidateView, topic: Topic) -> Remark:
    stance = own_stance(view, topic.id)
    return make_remark([f"{at_stance(topic.title, stance)}."], {topic.id: stance})


def _tell_gaps(view: StatementView | ReflectionView, own: float) -> Iterator[str]:
    """Yield how far the last placed words of every other speaker are, in the order they first spoke."""
    topic = view.question.topic
    placed = (remark for remark in view.said if topic.id in remark.stances)
    last = {remark.speaker_id: remark for remark in placed if remark.speaker_id != view.candidate.id}
    for remark in last.values():
        name = remark.speaker_name or remark.speaker_id or SOMEBODY
        yield f"{tell_gap(name, topic.title, remark.stances[topic.id], own)}."


def _note_topic(view: ReadingView, topic: Topic) -> str:
    stances = _stances_on(view.feed, topic)
    if not stances:
        return ""
    mean = weighted_mean(stances, [1.0] * len(stances))
    own = own_stance(view, topic.id)
    return (
        f"{topic.title}: {count_of(len(stances), 'post')}, mean {signed(mean)}; "
        f"I am at {signed(own)}, {plain(abs(mean - own))} away."
    )


def _note_unplaced(view: ReadingView) -> Iterator[str]:
    unplaced = sum(not post.text.stances for post in view.feed)
    if unplaced:
        yield f"{count_of(unplaced, 'post')} could not be placed on the axis."
    if view.feed_text and not view.feed:
        yield "The feed is a text that could not be placed on the axis."


def _stances_on(feed: Iterable[FeedPost], topic: Topic) -> list[float]:
    return [post.text.stances[topic.id] for post in feed if topic.id in post.text.stances]
