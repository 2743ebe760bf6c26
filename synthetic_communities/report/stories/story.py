"""One person's story: who it is, what it heard, read and said, how its beliefs moved, and how it voted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ...runs.directory import DECIMAL_PLACES
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..extent import Extent, spell_damaged
from ..frames.attributes import build_columns, name_columns
from ..frames.plain_rows import PlainRow, mend_text, settle_types
from ..roster import Roster, describe_mind, find_person
from ..text import clean_text, spell_change, spell_stance
from .life import STEPS, BeliefStep, Life, Update
from .life_reading import read_life
from .outline import Item, Section, Told, spell_name
from .story_words import build_words
from .telling import ToldSoFar, ballot_section, epoch_sections, posts_before_section, update_section

MOVED_BY = {"opening": "opening", "debate": "debates", "chat": "conversations", "social": "feed"}
"""Step to what moved a belief in it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A person's way on one topic, from the first stance that is known to the last.

    Attributes:
        topic_id: the topic.
        topic: its title.
        first: in [-1, 1]; None: no stance is known.
        last: likewise.
        moved: step to the sum of the changes it made, for every step that is recorded; they add up to the whole change.
    """

    topic_id: str
    topic: str
    first: float | None = field(kw_only=True)
    last: float | None = field(kw_only=True)
    moved: Mapping[str, float] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Story(Told):
    """One person's story, as far as the run directory has it.

    Attributes:
        persona_id: whose.
        name: of the person.
        attributes: what is known of the person: name to text or number, what was nested with a dot between.
        run_id: name of the run.
        mind: name of the mind people think with.
        candidate_mind: name of the mind candidates and mediator think with.
        extent: how far the run came.
        life: what the person met with and did, in the order of time.
    """

    persona_id: str
    name: str
    attributes: Mapping[str, Any] = field(kw_only=True)
    run_id: str = field(kw_only=True)
    mind: str = field(kw_only=True)
    candidate_mind: str = field(kw_only=True)
    extent: Extent = field(kw_only=True)
    life: Life = field(kw_only=True)

    def __repr__(self) -> str:
        return f"Story({self.persona_id!r:.80}, run {self.run_id!r:.80})"

    def updates(self) -> list[Update]:
        """Return every step that could move its beliefs, in the order of time."""
        found = [self.life.opening]
        for epoch in self.life.epochs:
            found += [epoch.after_debates, epoch.after_conversation, epoch.after_feed]
        return [update for update in found if update is not None]

    def ways(self) -> list[Way]:
        """Return how it moved on each topic, all in all."""
        beliefs = [belief for update in self.updates() for belief in update.beliefs]
        topics = dict.fromkeys(belief.topic_id for belief in beliefs)
        return [_way([belief for belief in beliefs if belief.topic_id == topic_id]) for topic_id in topics]

    def rows(self) -> list[PlainRow]:
        """Return a row for every topic and step that could move a belief, topic by topic, each in order of time."""
        beliefs = [belief for update in self.updates() for belief in update.beliefs]
        topics = dict.fromkeys(belief.topic_id for belief in beliefs)
        return settle_types([[_row(each) for each in beliefs if each.topic_id == topic_id] for topic_id in topics])

    def words(self) -> list[PlainRow]:
        """Return a row for everything it heard, read and said, in the order of time."""
        return build_words(self.persona_id, self.name, self.life)

    def sections(self) -> Sequence[Section]:
        """Return it as an outline."""
        return list(self._sections())

    def _sections(self) -> Iterator[Section]:
        life = self.life
        yield self._head()
        others = {name: value for name, value in self.attributes.items() if (name, value) != ("name", self.name)}
        if others:
            items = tuple(Item(str(value), name) for name, value in others.items())
            yield Section("Attributes", items, is_long=True)
        yield from self._summary()
        if life.posts_before:
            yield posts_before_section(life.posts_before)
        told = ToldSoFar()
        if life.opening is not None:
            yield update_section("Opening opinion", life.opening, told)
        for epoch in life.epochs:
            yield from epoch_sections(epoch, told)
        if life.ballot is not None:
            yield ballot_section(life.ballot)

    def _head(self) -> Section:
        notes = [f"Run {clean_text(self.run_id)}. {self.extent}", describe_mind(self.mind, "People")]
        if self.candidate_mind != self.mind:
            notes.append(describe_mind(self.candidate_mind, "Candidates and mediator"))
        notes += filter(None, [spell_damaged(self.extent.damaged, "its words and figures")])
        return Section(f"{spell_name(self.name)} ({self.persona_id})", tuple(map(Item, notes)))

    def _summary(self) -> Iterator[Section]:
        items = [Item(_spell_way(way), spell_name(way.topic)) for way in self.ways()]
        if items:
            yield Section("All in all", tuple(items))


def read_story(files: RunFiles, roster: Roster, who: str) -> Story:
    """Return one person's story.

    Args:
        files: of the run.
        roster: of the run.
        who: id of the person, or a name that only one of the people has.

    Raises:
        UsageError: nobody is called so, or several are.
        RecordError: a line is damaged, and damage is not passed over.
    """
    files = files.counting_anew()
    persona_id = find_person(roster.people, who)
    person = next(row for row in files.metadata.rows("population") if row.text("id") == persona_id)
    life, usage = read_life(files, roster, persona_id), files.usage()
    status = usage.values.get("status") if usage is not None else None
    return Story(
        persona_id,
        roster.people[persona_id],
        attributes=_read_attributes(person),
        run_id=files.metadata.text("simulation_id"),
        mind=roster.mind,
        candidate_mind=roster.candidate_mind,
        extent=Extent(
            status if isinstance(status, str) else None,
            epochs=roster.epochs,
            epochs_ended=life.epochs_ended,
            has_ballots=life.has_ballots,
            damaged=len(files.damages),
        ),
        life=life,
    )


def _way(beliefs: Sequence[BeliefStep]) -> Way:
    known = [stance for belief in beliefs for stance in (belief.before, belief.after) if stance is not None]
    moved = {
        step: round(sum(belief.change for belief in beliefs if belief.step == step and belief.change), DECIMAL_PLACES)
        for step in STEPS
        if any(belief.step == step and belief.change is not None for belief in beliefs)
    }
    first, last = (known[0], known[-1]) if known else (None, None)
    return Way(beliefs[0].topic_id, beliefs[0].topic, first=first, last=last, moved=moved)


def _spell_way(way: Way) -> str:
    if way.first is None or way.last is None:
        return "no stance"
    moves = ", ".join(f"{MOVED_BY[step]} {spell_change(change)}" for step, change in way.moved.items())
    return f"{spell_stance(way.first)} to {spell_stance(way.last)}{f'; {moves}' if moves else ''}"


def _read_attributes(person: Row) -> dict[str, Any]:
    """Return what is known of a person: texts and numbers, by the names `SimulationResult.people` has for them."""
    columns = build_columns([person.row("demographics").values])
    names = name_columns(columns, ())
    return {names[path]: _plain(values[0]) for path, values in columns.items() if values[0] is not None}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _row(belief: BeliefStep) -> PlainRow:
    return {
        "epoch": belief.epoch,
        "step": belief.step,
        "topic_id": mend_text(belief.topic_id),
        "topic": mend_text(belief.topic),
        "before": belief.before,
        "asked_for": belief.asked_for,
        "after": belief.after,
        "change": belief.change,
        "clamped": belief.clamped,
        "sentence": mend_text(belief.sentence),
        "vote": mend_text(belief.vote),
        "first_choice": mend_text(belief.first_choice),
        "drawn": belief.drawn,
        "status": mend_text(belief.status),
        "reason": mend_text(belief.reason),
        "source": mend_text(belief.source),
    }
