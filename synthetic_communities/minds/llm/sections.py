"""The sections prompts are built from, from the most shared to the least.

A line is either quoted, or begins with words of ours or a dash: nobody's text stands where a title or an act would.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ...domain.belief import Belief
from ...domain.debate import DebateTranscript, Topic
from ...domain.feed import FeedPost, ReactionKind
from ...domain.memory import EpochMemory
from ...domain.remark import Remark
from ...domain.scene import CandidateCard, Scene
from ..views import CandidateView, LifeView, PersonView, SocialUpdateView
from .quoting import one_line, quote
from .wording import describe_person

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Neutral names of candidates; more candidates than letters get two."""

REACTION_WORDS: Mapping[ReactionKind, str] = {"thumbs_up": "thumbs up", "thumbs_down": "thumbs down"}


def candidate_letter(place: int) -> str:
    """Return the letter of the candidate at this place of the order shown, from 0."""
    return LETTERS[place] if place < len(LETTERS) else f"{LETTERS[place // len(LETTERS) - 1]}{LETTERS[place % 26]}"


def world_section(scene: Scene) -> str:
    """Return the world, the topics and the names of the candidates: the same for everybody."""
    return _world(scene.world_story.strip(), scene.topics, tuple(card.name for card in scene.candidates))


@lru_cache(maxsize=8)
def _world(story: str, topics: tuple[Topic, ...], names: tuple[str, ...]) -> str:
    parts = [f"THE WORLD\n{quote(story)}" if story else ""]
    if topics:
        parts.append("THE TOPICS\n" + "\n".join(map(_topic_line, topics)))
    if names:
        parts.append("THE CANDIDATES\n" + "\n".join(f"- {name}" for name in sorted(map(one_line, names))))
    return "\n\n".join(part for part in parts if part)


def _topic_line(topic: Topic) -> str:
    against, in_favour = topic.against or "the proposal is rejected", topic.in_favour or "the proposal is supported"
    axis = f"-1: {one_line(against)}; +1: {one_line(in_favour)}"
    return f"- {one_line(topic.id)}: {one_line(topic.title)}. {one_line(topic.description)} ({axis})"


def debates_section(view: PersonView) -> str:
    """Return what was said in debates, epoch by epoch, shared by all who heard it; nothing if nobody heard any.

    While an epoch is lived through it is that of the epoch; who looks back is told those that it remembers.
    """
    rounds = [(past.epoch, past.heard) for past in view.memory]
    if isinstance(view, LifeView):
        rounds = [(view.chance.epoch, view.heard)]
    return _debates(tuple([(epoch, _named(heard)) for epoch, heard in rounds if heard]))


def _named(heard: Iterable[Remark]) -> tuple[tuple[str, str], ...]:
    return tuple([(remark.speaker_name, remark) for remark in heard])  # no copies: a text keeps its own hash


@lru_cache(maxsize=64)
def _debates(rounds: tuple[tuple[int, tuple[tuple[str, str], ...]], ...]) -> str:
    return "\n\n".join(_debate(epoch, said) for epoch, said in rounds)


def _debate(epoch: int, said: Iterable[tuple[str, str]]) -> str:
    return f"THE DEBATES, round {epoch + 1}\n" + "\n".join(_remark(name, text) for name, text in said)


def person_section(view: PersonView) -> str:
    """Return who the person is, and what it remembers: word for word only when it looks back.

    What was said and read before would stand in every prompt of an epoch, and be a third of what they cost.
    """
    looks_back = not isinstance(view, LifeView)
    parts = [f"THE PERSON\n{describe_person(view.person)}", *_memory(view.memory, view.scene, with_words=looks_back)]
    return "\n\n".join(parts)


def conversation_section(view: LifeView) -> str:
    """Return the epoch's conversation so far."""
    return f"THE CONVERSATION with {one_line(view.peer_name)}\n{_said(view.conversation)}" if view.conversation else ""


def conversation_texts(view: LifeView) -> list[str]:
    """Return the epoch's conversation so far, a text for each remark: what was said before begins as it did then."""
    title = f"THE CONVERSATION with {one_line(view.peer_name)}"
    return _titled(title, (_said([remark]) for remark in view.conversation))


def number_posts(considered: Iterable[str]) -> dict[str, int]:
    """Return post id to the number it is shown with, from 1, for the posts somebody may react to."""
    return {post_id: number for number, post_id in enumerate(considered, start=1)}


def feed_section(feed: Iterable[FeedPost], numbers: Mapping[str, int] = MappingProxyType({})) -> str:
    """Return posts with their counts, those in `numbers` with their number; nothing if there are none."""
    lines = feed_lines(feed, numbers)
    return f"THE FEED\n{lines}" if lines else ""


def standing_section(view: PersonView) -> str:
    """Return what the person believes now."""
    return (
        f"WHERE THE PERSON STANDS NOW\n{_beliefs(view.beliefs, view.first_choice, view.scene)}" if view.beliefs else ""
    )


def candidates_section(candidates: Sequence[CandidateCard]) -> str:
    """Return the candidates with the letters of this act, in the order shown."""
    letters = [f"{candidate_letter(place)}: {one_line(card.name)}" for place, card in enumerate(candidates)]
    return f"CANDIDATES FOR THIS ACT\n{chr(10).join(letters)}" if letters else ""


def feed_lines(feed: Iterable[FeedPost], numbers: Mapping[str, int] = MappingProxyType({})) -> str:
    """Return posts with their counts, those in `numbers` with their number."""
    return "\n".join(_post(post, numbers.get(post.id)) for post in feed)


def character_section(view: CandidateView) -> str:
    """Return who the candidate is, and where it stands."""
    parts = [f"THE PERSON\nName: {one_line(view.candidate.name)}\nStands as a candidate."]
    if view.character.strip():
        parts[0] += f"\n{quote(view.character)}"
    if view.positions:
        stands = [_position(topic_id, text) for topic_id, text in view.positions.items()]
        parts.append("OWN POSITIONS\n" + "\n".join(stands))
    return "\n\n".join(parts)


def notes_texts(title: str, notes: Iterable[str]) -> list[str]:
    """Return notes under a title, a text for each: with one more, what stands before it begins as it did."""
    return _titled(title, map(quote, notes))


def reactions_section(view: SocialUpdateView, numbers: Mapping[str, int]) -> str:
    """Return what the person did with the posts it was shown, under the numbers they are shown with."""
    given = view.reactions.by_post
    lines = [
        f"- {REACTION_WORDS[given[post.id]]}: {_name_post(post, numbers.get(post.id))}"
        for post in view.feed
        if post.id in given
    ]
    return "OWN REACTIONS\n" + "\n".join(lines) if lines else ""


def said_section(title: str, said: Sequence[Remark]) -> str:
    """Return what was said so far under a title; nothing if nothing was."""
    return f"{title}\n{_said(said)}" if said else ""


def questions_texts(earlier: Iterable[DebateTranscript]) -> list[str]:
    """Return questions asked before, each with what was said to it, a text for each."""
    return _titled("ASKED BEFORE ON THIS TOPIC", ("\n".join(_asked(transcript)) for transcript in earlier))


def _titled(title: str, texts: Iterable[str]) -> list[str]:
    return [text if place else f"{title}\n{text}" for place, text in enumerate(texts)]


def _asked(transcript: DebateTranscript) -> Iterator[str]:
    yield f"Asked:\n{quote(transcript.question.text)}"
    yield from map(_statement, transcript.statements)


def _statement(statement: Any) -> str:
    """Return a statement of any make that a script may pass: see `DebateTranscript`."""
    text = statement if isinstance(statement, str) else getattr(statement, "statement", None)
    text = getattr(statement, "raw_text", "") if text is None else text
    return _remark(getattr(text, "speaker_name", "") or getattr(statement, "candidate_name", ""), text)


def _said(remarks: Iterable[str]) -> str:
    return "\n".join(_remark(getattr(remark, "speaker_name", ""), remark) for remark in remarks)


def _remark(speaker: str, text: str) -> str:
    return f"By {one_line(speaker) or 'somebody'}:\n{quote(text)}"


def _post(post: FeedPost, number: int | None) -> str:
    head = f"{f'Post {number}, by' if number else 'By'} {_author(post)} ({post.likes} up, {post.dislikes} down):"
    return f"{head}\n{quote(post.text)}"


def _name_post(post: FeedPost, number: int | None) -> str:
    return f"{f'post {number},' if number else 'the post'} by {_author(post)}"


def _author(post: FeedPost) -> str:
    return one_line(post.text.speaker_name or post.author_id)


def _position(topic_id: str, text: Remark) -> str:
    return f"- {one_line(topic_id)}: {_stance(text.stances.get(topic_id))}\n{quote(text)}"


def _memory(memory: Sequence[EpochMemory], scene: Scene, *, with_words: bool) -> Iterator[str]:
    for past in memory:
        lines = [f"WHAT THE PERSON REMEMBERS, round {past.epoch + 1}"]
        lines += [said_section("Said in conversation:", past.conversation)] if with_words and past.conversation else []
        lines += [f"Read in the feed:\n{feed_lines(past.feed)}"] if with_words and past.feed else []
        lines += [f"Stood then:\n{_beliefs(past.beliefs, past.first_choice, scene)}"] if past.beliefs else []
        yield "\n".join(lines)


def _beliefs(beliefs: Iterable[Belief], first_choice: str | None, scene: Scene) -> str:
    lines = [f"- {one_line(belief.topic_id)}: {_stance(belief.stance)}\n{quote(belief.sentence)}" for belief in beliefs]
    name = scene.candidate_name(first_choice)
    return "\n".join([*lines, f"First choice: {one_line(name) if name else 'none'}"])


def _stance(stance: float | None) -> str:
    return "stance not stated" if stance is None else f"stance {stance + 0.0:+.2f}"
