"""Questions of debates and what was said to them, found in a run and told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ...domain.key import key_part
from ...errors import UsageError
from ...runs.directory import EPOCHS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..nearest import find_nearest
from ..roster import Roster, describe_mind, require_text, spell_lost
from ..text import clean_text, count_of
from .acts import MissingAct, name_act, read_missing, spell_status
from .outline import Item, Section, Told, spell_name

MEDIATOR = "Mediator"

SpeakerKind = Literal["mediator", "candidate"]
KINDS: tuple[SpeakerKind, ...] = ("mediator", "candidate")


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said to a question.

    Attributes:
        speaker_id: who.
        name: of the speaker.
        kind: `mediator` for an introduction, `candidate` for a statement.
        text: the words.
        source: where the words come from; empty: nobody said.
    """

    speaker_id: str
    name: str
    kind: SpeakerKind = field(kw_only=True)
    text: str = field(kw_only=True)
    source: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Debate(Told):
    """A question, and all that was said to it.

    Attributes:
        id: of the question.
        epoch: when it was asked, from 0.
        topic_id: what it is about.
        topic: title of the topic.
        question: its words.
        source: where they come from; empty: nobody said.
        statements: what was said, in order; first the introduction, if there was one.
        missing: what was to be said and was not.
        mind: name of the mind candidates and mediator think with.
    """

    id: str
    epoch: int
    topic_id: str = field(kw_only=True)
    topic: str = field(kw_only=True)
    question: str = field(kw_only=True)
    source: str = field(kw_only=True)
    statements: tuple[Statement, ...] = field(kw_only=True)
    missing: tuple[MissingAct, ...] = field(default=(), kw_only=True)
    mind: str = field(kw_only=True)

    def __repr__(self) -> str:
        return f"Debate({self.id!r:.80})"

    def sections(self) -> Sequence[Section]:
        """Return it as an outline."""
        title = f"Epoch {self.epoch}, debate on {spell_name(self.topic)} ({self.id}): {count_said([self])}"
        missing = (Item(spell_missing(act), "Not said") for act in self.missing)
        who = Item(describe_mind(self.mind, "Candidates and mediator"))
        return [Section(title, (who, *spoken_items(self), *missing))]


def count_said(debates: Sequence[Debate]) -> str:
    """Return how much there was to hear, in words; introductions belong to their questions."""
    said = sum(statement.kind == "candidate" for debate in debates for statement in debate.statements)
    return f"{count_of(len(debates), 'questions')}, {count_of(said, 'statements')}"


def spoken_items(debate: Debate, depth: int = 0) -> Iterator[Item]:
    """Yield a question and what was said to it."""
    yield Item(debate.question, "Question", depth=depth)
    for statement in debate.statements:
        name = MEDIATOR if statement.kind == "mediator" else spell_name(statement.name)
        yield Item(statement.text, name, depth=depth)


def spell_missing(act: MissingAct) -> str:
    """Return what was to be done, how that ended, and its key."""
    return f"{name_act(act.step)} {spell_status(act.status, act.reason)}, {clean_text(act.task)}"


def read_debates(epoch: Row, roster: Roster) -> Iterator[Debate]:
    """Yield the questions asked in an epoch, in order, from a line of `epochs.jsonl`."""
    for row in epoch.rows("debates"):
        question, topic_id = row.row("question"), row.text("topic_id")
        yield Debate(
            question.text("id"),
            epoch.whole_number("epoch"),
            topic_id=topic_id,
            topic=roster.topics.get(topic_id, topic_id),
            question=question.text("text"),
            source=question.text_or_none("source") or "",
            statements=tuple(_read_statement(said, roster) for said in row.rows("statements")),
            mind=epoch.text("candidate_mind"),
        )


def find_debate(files: RunFiles, roster: Roster, wanted: str) -> Debate:
    """Return a question and what was said to it.

    Args:
        files: of the run.
        roster: of the run.
        wanted: epoch, topic and number of the question, counted from 0, with dots between (`0.rents.1`); the topic by
            its id or its number, an id before a number. Or the id of the question as it is recorded.

    Raises:
        UsageError: no question is meant, or there is none such; the message says which there are.
        RecordError: a line is damaged, and damage is not passed over.
    """
    require_text(wanted, "a debate is meant by epoch, topic and question, as in '0.rents.1', or by its id")
    files = files.counting_anew()
    ids = (wanted, _question_id(roster, wanted))
    found: list[Debate] = []
    others: list[_Asked] = []
    lost: list[MissingAct] = []
    for debates, missing in files.each(EPOCHS, lambda row: (list(read_debates(row, roster)), list(read_missing(row)))):
        found += [replace(debate, missing=_missing_of(debate, missing)) for debate in debates if debate.id in ids]
        others += [_Asked(debate.id, debate.epoch, debate.topic_id) for debate in debates]
        lost += [act for act in missing if act.step == "question" and act.task.rpartition("/")[0] in ids]
    if not found:
        raise UsageError(_explain(roster, wanted, others, lost) + spell_lost(files))
    return found[0]


class _Asked(NamedTuple):
    """A question that was asked, by id, and what about."""

    id: str
    epoch: int
    topic_id: str


def _read_statement(row: Row, roster: Roster) -> Statement:
    kind = row.choice("type", KINDS)
    speaker_id = row.text(f"{kind}_id")
    return Statement(
        speaker_id,
        MEDIATOR if kind == "mediator" else roster.candidates.get(speaker_id, speaker_id),
        kind=kind,
        text=row.text("statement"),
        source=row.text_or_none("source") or "",
    )


def _missing_of(debate: Debate, missing: Sequence[MissingAct]) -> tuple[MissingAct, ...]:
    steps = ("introduction", "statement")
    return tuple(act for act in missing if act.step in steps and act.task.startswith(f"{debate.id}/"))


def _parse(wanted: str) -> tuple[int, str, int] | None:
    found = re.fullmatch(r"([0-9]{1,9})\.(.+)\.([0-9]{1,9})", wanted, re.DOTALL)
    return (int(found[1]), found[2], int(found[3])) if found else None


def _topic_id(roster: Roster, topic: str) -> str | None:
    if topic in roster.topics:
        return topic
    ids = list(roster.topics)
    is_place = re.fullmatch(r"[0-9]{1,9}", topic) and int(topic) < len(ids)
    return ids[int(topic)] if is_place else None


def _question_id(roster: Roster, wanted: str) -> str | None:
    """Return the id a question would have that is named by epoch, topic and number; None if it is not so named."""
    place = _parse(wanted)
    topic_id = _topic_id(roster, place[1]) if place else None
    return f"e{place[0]}/debate/{key_part(topic_id)}/q{place[2]}" if place and topic_id is not None else None


def _explain(roster: Roster, wanted: str, seen: Sequence[_Asked], lost: Sequence[MissingAct]) -> str:
    """Return why there is no such question, and which there are."""
    if lost:
        return f"{wanted!r:.80} was not asked: {spell_missing(lost[0])}"
    if not seen:
        return f"no debate is recorded in this run, so there is no {wanted!r:.80}"
    place = _parse(wanted)
    if place is None:
        return _explain_form(wanted, seen)
    epoch, topic, _ = place
    topic_id = _topic_id(roster, topic)
    if topic_id is None:
        return f"there is no topic {topic!r:.80}; there are {_list_topics(roster)}"
    epochs = dict.fromkeys(asked.epoch for asked in seen)
    if epoch not in epochs:
        return f"no debate of epoch {epoch} is recorded; recorded are those of {', '.join(map(str, epochs))}"
    there_are = [asked.id for asked in seen if asked.epoch == epoch and asked.topic_id == topic_id]
    recorded = f"there are {', '.join(there_are)}" if there_are else "there is none"
    return f"there is no question {place[2]} on {spell_name(topic_id)} in epoch {epoch}; {recorded}"


def _explain_form(wanted: str, seen: Sequence[_Asked]) -> str:
    near = find_nearest(wanted, [asked.id for asked in seen])
    example = f"0.{seen[0].topic_id}.0"
    forms = f"name it by epoch, topic and question, counted from 0, as in {example}, or by its id, as in {seen[0].id}"
    nearest = [f"nearest: {', '.join(near)}"] if near else []
    return "; ".join([f"{wanted!r:.80} is no debate of this run", *nearest, forms])


def _list_topics(roster: Roster) -> str:
    return ", ".join(f"{spell_name(topic_id)} ({place})" for place, topic_id in enumerate(roster.topics)) or "none"
