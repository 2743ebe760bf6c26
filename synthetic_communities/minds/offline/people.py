"""What a person says, writes, likes and votes."""

from collections.abc import Iterable, Mapping, Sequence

from ...domain.ballot import Choice
from ...domain.feed import FeedPost, ReactionKind, Reactions
from ...domain.outcome import Done, NotAsked
from ...domain.remark import Remark
from ..views import BallotView, ChatTurnView, PostView, ReactionView
from .choices import Distance, measure_distances
from .priors import Holding, find_holdings, stances_of
from .rules import weighted_mean, within_bound
from .sources import SOMEBODY
from .temper import Temper, measure_temper
from .words import at_stance, list_stances, make_remark, plain, tell_gap, tell_nearness

NO_TOPIC = NotAsked("no topic to speak about")


def speak_in_chat(view: ChatTurnView) -> Done[Remark] | NotAsked:
    """Return the own stance on every topic, and how far the partner's last words are from it."""
    holdings = find_holdings(view)
    if not holdings:
        return NO_TOPIC
    said = [remark for remark in view.conversation if remark.speaker_id != view.person.id]
    answers = _answer_last(said[-1], view, holdings) if said else []
    return Done(make_remark([f"{list_stances(holdings)}.", *answers], stances_of(holdings)))


def write_post(view: PostView) -> Done[Remark] | NotAsked:
    """Return a post on the topic the person is furthest from the middle on; ties go to the first in the scene."""
    holdings = find_holdings(view)
    if not holdings:
        return NO_TOPIC
    strongest = max(holdings, key=lambda holding: abs(holding.stance))
    text = f"{at_stance(strongest.topic.title, strongest.stance)}, the furthest I am from 0 on any topic."
    return Done(make_remark([text], {strongest.topic.id: strongest.stance}))


def react(view: ReactionView) -> Done[Reactions]:
    """Return a thumbs up for posts near enough, a thumbs down for those beyond the bound, nothing between."""
    own = stances_of(find_holdings(view))
    temper = measure_temper(view.person)
    considered = set(view.considered)
    kinds = {post.id: _react_to(post, own, temper) for post in view.feed if post.id in considered}
    return Done(Reactions({post_id: kind for post_id, kind in kinds.items() if kind is not None}))


def vote(view: BallotView) -> Done[Choice] | NotAsked:
    """Return a vote for the nearest candidate, or none if the draw of the stream `turnout` keeps the person away."""
    distances = measure_distances(view, stances_of(find_holdings(view)))
    if not distances:
        return NotAsked("no candidate to vote for, or no topic to tell candidates apart by")
    nearest = distances[0].candidate.id
    draw, turnout = view.chance.draw("turnout"), measure_temper(view.person).turnout
    votes = draw < turnout
    reason = f"{_tell_distances(distances)} {_tell_turnout(draw, turnout, votes=votes)}"
    return Done(Choice(nearest if votes else None, reason, first_choice=nearest))


def _answer_last(last: Remark, view: ChatTurnView, holdings: Iterable[Holding]) -> list[str]:
    name, bound = last.speaker_name or view.peer_name or SOMEBODY, measure_temper(view.person).bound
    placed = [(holding, last.stances[holding.topic.id]) for holding in holdings if holding.topic.id in last.stances]
    return [
        f"{tell_gap(name, hold.topic.title, stance, hold.stance)}, {tell_nearness(hold.stance, stance, bound)}."
        for hold, stance in placed
    ]


def _react_to(post: FeedPost, own: Mapping[str, float], temper: Temper) -> ReactionKind | None:
    gaps = [abs(stance - own[topic_id]) for topic_id, stance in post.text.stances.items() if topic_id in own]
    if not gaps:
        return None
    distance = weighted_mean(gaps, [1.0] * len(gaps))
    if within_bound(0.0, distance, temper.like_range):
        return "thumbs_up"
    return None if within_bound(0.0, distance, temper.bound) else "thumbs_down"


def _tell_distances(distances: Sequence[Distance]) -> str:
    figures = ", ".join(f"{distance.candidate.name} {plain(distance.squared)}" for distance in distances)
    return f"Mean squared distance: {figures}."


def _tell_turnout(draw: float, turnout: float, *, votes: bool) -> str:
    comparison = "below" if votes else "not below"
    return f"Turnout draw {plain(draw)} {comparison} {plain(turnout)}: {'votes' if votes else 'abstains'}."
