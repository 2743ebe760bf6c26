"""The parts of one person's life as outlines: what it heard and read, what it said, and how its beliefs moved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..text import clean_text, count_of, spell_change, spell_stance
from .acts import spell_status
from .conversations import count_turns, turn_items
from .debates import count_said, spoken_items
from .feeds import Post, post_item, spell_reactions
from .life import BeliefStep, Considered, EpochLife, OwnBallot, Update
from .outline import Item, Section, spell_name

AFTER = {
    "debate": "after the debates",
    "chat": "after the conversation",
    "social": "after the feed",
}
"""Step to when it takes place."""

REACTIONS = {"thumbs_up": "liked it", "thumbs_down": "disliked it", "": "considered it, no reaction"}


@dataclass(slots=True)
class ToldSoFar:
    """What has been told of a life so far.

    Attributes:
        posts: ids of the posts whose words have been told.
        drawn: ids of the topics of which it has been told that the stance rests on a prior drawn from the seed.
        first_choice: the latest; None: none has been told of.
    """

    posts: set[str] = field(default_factory=set)
    drawn: set[str] = field(default_factory=set)
    first_choice: str | None = None


def update_section(title: str, update: Update, told: ToldSoFar) -> Section:
    """Return how beliefs stood before and after a step."""
    items = [_belief_item(belief, is_news=belief.topic_id not in told.drawn) for belief in update.beliefs]
    told.drawn |= {belief.topic_id for belief in update.beliefs if belief.drawn}
    for choice in dict.fromkeys(belief.first_choice for belief in update.beliefs):
        items.append(Item(_spell_choice(choice, told.first_choice), "First choice"))
        told.first_choice = choice
    if update.raw_text:
        items.append(Item(update.raw_text, "Answer as it came"))
    return Section(title, tuple(items))


def epoch_sections(life: EpochLife, told: ToldSoFar) -> Iterator[Section]:
    """Yield what somebody met with and did in an epoch, in the order of time; it counts as told from then on."""
    epoch = f"Epoch {life.epoch}"
    if life.debates or life.debates_unrecorded:
        yield _debates_section(epoch, life)
    yield from _after(epoch, life.after_debates, told)
    if life.conversation is not None:
        yield _conversation_section(epoch, life)
    yield from _after(epoch, life.after_conversation, told)
    if life.read_before_posting:
        yield _feed_section(f"{epoch}, feed read before posting", life.read_before_posting, (), told)
    yield from _post_sections(epoch, life)
    if life.read:
        yield _feed_section(f"{epoch}, feed", life.read, life.considered, told)
    yield from _after(epoch, life.after_feed, told)


def ballot_section(ballot: OwnBallot) -> Section:
    """Return what became of a ballot."""
    items = [Item(_spell_ballot(ballot), "Vote")]
    if ballot.order_shown:
        items.append(Item(", ".join(map(spell_name, ballot.order_shown)), "Order shown"))
    items.append(Item(spell_name(ballot.first_choice) if ballot.first_choice else "none", "First choice"))
    if ballot.reason and ballot.status in ("choice", "abstained"):
        items.append(Item(quote(ballot.reason), "Reason"))
    if ballot.raw_text:
        items.append(Item(ballot.raw_text, "Answer as it came"))
    return Section("Ballot", tuple(items))


def posts_before_section(posts: Sequence[Post]) -> Section:
    """Return what was posted in somebody's name before the run."""
    return Section("Own posts from before the run, with their reactions in the end", tuple(map(post_item, posts)))


def quote(words: str) -> str:
    """Return somebody's words so that they can be told from what is said about them."""
    return f'"{words}"'


def _debates_section(epoch: str, life: EpochLife) -> Section:
    items: list[Item] = []
    for debate in life.debates:
        items.append(Item(f"On {spell_name(debate.topic)}, {clean_text(debate.id)}"))
        items += spoken_items(debate, depth=1)
    items += [Item(f"{clean_text(each)}: its words are not recorded") for each in life.debates_unrecorded]
    return Section(f"{epoch}, debates: heard {count_said(life.debates)}", tuple(items), is_long=True)


def _conversation_section(epoch: str, life: EpochLife) -> Section:
    conversation = life.conversation
    assert conversation is not None
    both = " and ".join(f"{spell_name(name)} ({who})" for who, name in conversation.people.items())
    title = f"{epoch}, conversation of {both}, {conversation.id}: {count_turns(conversation)}"
    return Section(title, tuple(turn_items(conversation)), is_long=True)


def _post_sections(epoch: str, life: EpochLife) -> Iterator[Section]:
    if life.post is not None:
        title = f"{epoch}, own post {life.post.id}: {spell_reactions(life.post)} in the end"
        yield Section(title, (Item(quote(life.post.text or "")),))
    if life.post_missing is not None:
        missing = life.post_missing
        items = (Item(missing.raw_text, "Answer as it came"),) if missing.raw_text else ()
        yield Section(f"{epoch}, no post of its own: {spell_status(missing.status, missing.reason)}", items)


def _feed_section(title: str, posts: Sequence[Post], considered: Sequence[Considered], told: ToldSoFar) -> Section:
    reactions = {each.post_id: each for each in considered}
    items = [
        post_item(post, note=_spell_considered(reactions.get(post.id)), is_known=post.id in told.posts)
        for post in posts
    ]
    told.posts |= {post.id for post in posts}
    return Section(f"{title}: read {count_of(len(posts), 'posts')}", tuple(items), is_long=True)


def _spell_considered(considered: Considered | None) -> str:
    if considered is None:
        return ""
    if considered.status == "done":
        return REACTIONS.get(considered.reaction, considered.reaction)
    return f"considered it: {spell_status(considered.status, considered.reason)}"


def _after(epoch: str, update: Update | None, told: ToldSoFar) -> Iterator[Section]:
    if update is not None:
        yield update_section(f"{epoch}, {AFTER[update.step]}", update, told)


def _spell_choice(choice: str, before: str | None) -> str:
    now = spell_name(choice) if choice else "none"
    return now if before is None or before == choice else f"{now}; before: {spell_name(before) if before else 'none'}"


def _belief_item(belief: BeliefStep, *, is_news: bool) -> Item:
    facts = [_spell_stances(belief)]
    if belief.clamped:
        facts.append(f"asked for {spell_stance(belief.asked_for)}, held back by the bound on one update")
    if belief.drawn and is_news:
        facts.append("rests on a prior drawn from the seed")
    if belief.status != "done":  # nothing has changed, and the words have been told before
        return Item("; ".join([*facts, spell_status(belief.status, belief.reason)]), spell_name(belief.topic))
    facts += [f"prefers {spell_name(belief.vote)} on it"] if belief.vote else []
    words = f"\n{quote(belief.sentence)}" if belief.sentence else ""
    return Item("; ".join(facts) + words, spell_name(belief.topic))


def _spell_stances(belief: BeliefStep) -> str:
    after = "no stance" if belief.after is None else spell_stance(belief.after)
    if belief.before is None:
        return after
    if not belief.change:
        return f"unchanged at {after}"
    return f"{spell_stance(belief.before)} -> {after} ({spell_change(belief.change)})"


def _spell_ballot(ballot: OwnBallot) -> str:
    if ballot.status == "choice":
        return spell_name(ballot.candidate)
    words = spell_status(ballot.status, "" if ballot.status == "abstained" else ballot.reason)
    return words if ballot.status == "abstained" else f"none: {words}"
