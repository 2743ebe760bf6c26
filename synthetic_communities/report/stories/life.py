"""What one person met with and did in a run, step by step: plain values."""

from dataclasses import dataclass, field

from .acts import MissingAct
from .conversations import Conversation
from .debates import Debate
from .feeds import Post

STEPS = ("opening", "debate", "chat", "social")
"""Steps that can move a belief, in the order in which they take place."""


@dataclass(frozen=True, slots=True)
class BeliefStep:
    """What one step did to one belief.

    Attributes:
        topic_id: about what.
        topic: title of the topic.
        epoch: when, from 0.
        step: what moved it, one of `STEPS`.
        before: stance before it, in [-1, 1]; None if there was none.
        after: stance afterwards, likewise.
        change: `after` - `before`; None unless both are there.
        asked_for: stance the mind asked for; None if it asked for none.
        clamped: whether the bound on one update kept `after` from that.
        sentence: the belief in words, afterwards; empty: it has none.
        vote: name of the candidate preferred on the topic, afterwards; empty: none.
        first_choice: name of the candidate preferred overall, afterwards; empty: none.
        drawn: whether the stance afterwards rests on a prior drawn from the seed.
        status: how the act ended; `not_stated`: the answer left this topic out.
        reason: why the belief stayed as it was, where there was no answer.
        source: where the sentence comes from; empty: nobody said.
    """

    topic_id: str
    topic: str
    epoch: int = field(kw_only=True)
    step: str = field(kw_only=True)
    before: float | None = field(kw_only=True)
    after: float | None = field(kw_only=True)
    change: float | None = field(kw_only=True)
    asked_for: float | None = field(kw_only=True)
    clamped: bool = field(kw_only=True)
    sentence: str = field(kw_only=True)
    vote: str = field(kw_only=True)
    first_choice: str = field(kw_only=True)
    drawn: bool = field(kw_only=True)
    status: str = field(kw_only=True)
    reason: str = field(kw_only=True)
    source: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Update:
    """What one step did to a person's beliefs.

    Attributes:
        step: one of `STEPS`.
        beliefs: a value a topic, in order.
        raw_text: the answer as it came, where it could not be read; else empty.
    """

    step: str
    beliefs: tuple[BeliefStep, ...]
    raw_text: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Considered:
    """A post to which a person considered reacting.

    Attributes:
        post_id: the post.
        reaction: `thumbs_up` or `thumbs_down`; empty: none.
        status: how the act ended in which it was asked.
        reason: why there is no answer.
    """

    post_id: str
    reaction: str
    status: str = field(kw_only=True)
    reason: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class EpochLife:
    """What one person met with and did in one epoch; in the order of time.

    Attributes:
        epoch: from 0.
        debates: those it heard.
        debates_unrecorded: ids of questions it heard of which the words are not recorded.
        after_debates: its beliefs after them; None: no such step is recorded.
        conversation: the one it had; None: none is recorded.
        after_conversation: its beliefs after it; None: no such step is recorded.
        read_before_posting: the feed it saw before it posted, with the reactions the posts had.
        post: what it posted, with the reactions at the end of what is recorded; None: nothing is recorded.
        post_missing: how its post came to nothing; None: it did not.
        read: the feed it was shown, likewise.
        considered: the posts to which it considered reacting.
        after_feed: its beliefs after that; None: no such step is recorded.
    """

    epoch: int
    debates: tuple[Debate, ...] = field(kw_only=True)
    debates_unrecorded: tuple[str, ...] = field(kw_only=True)
    after_debates: Update | None = field(kw_only=True)
    conversation: Conversation | None = field(kw_only=True)
    after_conversation: Update | None = field(kw_only=True)
    read_before_posting: tuple[Post, ...] = field(kw_only=True)
    post: Post | None = field(kw_only=True)
    post_missing: MissingAct | None = field(kw_only=True)
    read: tuple[Post, ...] = field(kw_only=True)
    considered: tuple[Considered, ...] = field(kw_only=True)
    after_feed: Update | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class OwnBallot:
    """What became of a person's ballot.

    Attributes:
        status: how it ended: `choice`, `abstained`, or why there is no answer.
        candidate: name of the candidate chosen; empty: none.
        order_shown: names of the candidates in the order shown.
        first_choice: name of the candidate preferred, also by who abstains; empty: none.
        reason: the person's words; without an answer, why there is none.
        raw_text: the answer as it came, where it could not be read; else empty.
        source: where the reason comes from; empty: nobody said.
    """

    status: str
    candidate: str
    order_shown: tuple[str, ...] = field(kw_only=True)
    first_choice: str = field(kw_only=True)
    reason: str = field(kw_only=True)
    raw_text: str = field(kw_only=True)
    source: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Life:
    """What one person met with and did in a run.

    Attributes:
        opening: its opening opinion; None: none is recorded.
        posts_before: what was posted in its name before the run, with the reactions at the end of what is recorded.
        epochs: those that are recorded, in order.
        ballot: None: there was no ballot, or this one is not recorded.
        epochs_ended: number of epochs in the record.
        has_ballots: whether there was a ballot.
    """

    opening: Update | None
    posts_before: tuple[Post, ...]
    epochs: tuple[EpochLife, ...] = field(kw_only=True)
    ballot: OwnBallot | None = field(kw_only=True)
    epochs_ended: int = field(kw_only=True)
    has_ballots: bool = field(kw_only=True)
