"""Conversations of two, found in a run and told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...errors import UsageError
from ...runs.directory import CONVERSATIONS, EPOCHS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..extent import spell_damaged
from ..nearest import MOST, find_nearest
from ..roster import Roster, describe_mind, require_text, spell_lost
from ..text import count_of
from .acts import MissingAct, read_missing, spell_status
from .outline import Item, Section, Told, spell_name


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A turn of a conversation.

    Attributes:
        number: within the conversation, from 0.
        speaker_id: who speaks, or was to speak.
        name: of the speaker.
        text: the words; empty if there are none.
        status: how the act ended.
        reason: why there are no words.
        source: where the words come from; empty: nobody said.
    """

    number: int
    speaker_id: str
    name: str = field(kw_only=True)
    text: str = field(kw_only=True)
    status: str = field(kw_only=True)
    reason: str = field(kw_only=True)
    source: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Conversation(Told):
    """What two people said to each other in one epoch.

    Attributes:
        id: of the conversation.
        epoch: when, from 0.
        people: id to name of the two: who spoke first, and who answered.
        rounds: how many times each of the two was to speak.
        turns: in order; those at the end that were skipped as well.
        mind: name of the mind people think with.
        damaged: number of places that could not be read where its turns were looked for; None: nobody counted, as
            in a story, which counts for all that is in it.
    """

    id: str
    epoch: int
    people: dict[str, str] = field(kw_only=True)
    rounds: int = field(kw_only=True)
    turns: tuple[ChatTurn, ...] = field(kw_only=True)
    mind: str = field(kw_only=True)
    damaged: int | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"Conversation({self.id!r:.80})"

    def sections(self) -> Sequence[Section]:
        """Return it as an outline."""
        both = " and ".join(f"{spell_name(name)} ({spell_name(who)})" for who, name in self.people.items())
        title = f"Epoch {self.epoch}, conversation of {both}, {self.id}: {count_turns(self)}"
        notes = filter(None, (describe_mind(self.mind, "People"), spell_damaged(self.damaged or 0, "its turns")))
        return [Section(title, (*map(Item, notes), *turn_items(self)))]


def count_turns(conversation: Conversation) -> str:
    """Return how long a conversation was, in words."""
    said = sum(turn.status == "done" for turn in conversation.turns)
    return f"{count_of(conversation.rounds, 'rounds')}, {count_of(said, 'turns')}"


def turn_items(conversation: Conversation, depth: int = 0) -> Iterator[Item]:
    """Yield what was said, and what was not, with why."""
    are_namesakes = len(set(conversation.people.values())) == 1
    for turn in conversation.turns:
        name = f"{spell_name(turn.name)} ({spell_name(turn.speaker_id)})" if are_namesakes else spell_name(turn.name)
        words = turn.text if turn.status == "done" else f"(no words: {spell_status(turn.status, turn.reason)})"
        yield Item(words, name, depth=depth)


def read_turn(row: Row, roster: Roster) -> Conversation:
    """Return a conversation of one turn, from a line of `conversations.jsonl`."""
    speaker, listener, number = row.text("speaker_id"), row.text("listener_id"), row.whole_number("turn")
    first, second = (speaker, listener) if number % 2 == 0 else (listener, speaker)
    turn = ChatTurn(
        number,
        speaker,
        name=roster.people.get(speaker, speaker),
        text=row.text_or_none("message") or "",
        status=row.text("status"),
        reason=row.text("reason"),
        source=row.text_or_none("source") or "",
    )
    return Conversation(
        row.text("conversation_id"),
        row.whole_number("epoch"),
        people={who: roster.people.get(who, who) for who in (first, second)},
        rounds=row.whole_number("num_rounds"),
        turns=(turn,),
        mind=row.text("mind"),
    )


def join_turns(parts: Sequence[Conversation], skipped: Sequence[MissingAct]) -> Conversation:
    """Return the conversation whose turns are given one by one, at least one, with those of it that were skipped."""
    whole = parts[0]
    turns = [turn for part in parts for turn in part.turns]
    turns += [_skipped_turn(whole, act) for act in skipped if _is_skipped_turn(whole, act)]
    return Conversation(
        whole.id,
        whole.epoch,
        people=whole.people,
        rounds=whole.rounds,
        turns=tuple(sorted(turns, key=lambda turn: turn.number)),
        mind=whole.mind,
    )


def find_conversation(files: RunFiles, roster: Roster, wanted: str) -> Conversation:
    """Return the conversation with this id.

    Raises:
        UsageError: there is none; the message says which are nearest.
        RecordError: a line is damaged, and damage is not passed over.
    """
    require_text(wanted, "a conversation is meant by its id, as in 'e0/chat/p010+p036'")
    files = files.counting_anew()
    parts = [part for part in files.each(CONVERSATIONS, lambda row: read_turn(row, roster)) if part.id == wanted]
    if not parts:
        raise UsageError(_explain(files, wanted) + spell_lost(files))
    epochs = files.each(EPOCHS, lambda row: list(read_missing(row)))
    whole = join_turns(parts, [act for missing in epochs for act in missing])
    return replace(whole, damaged=len(files.damages))


def _is_skipped_turn(conversation: Conversation, act: MissingAct) -> bool:
    is_its = act.step == "chat_turn" and act.task.rpartition("/")[0] == conversation.id
    return is_its and act.status == "skipped" and act.task.rpartition("/")[2].isdecimal()


def _skipped_turn(conversation: Conversation, act: MissingAct) -> ChatTurn:
    number = int(act.task.rpartition("/")[2])
    who, name = list(conversation.people.items())[number % 2]
    return ChatTurn(number, who, name=name, text="", status=act.status, reason=act.reason, source="")


def _explain(files: RunFiles, wanted: str) -> str:
    ids = list(dict.fromkeys(files.each(CONVERSATIONS, lambda row: row.text("conversation_id"))))
    if not ids:
        return f"no conversation is recorded in this run, so there is no {wanted!r:.80}"
    near = _find_shared(wanted, ids) or find_nearest(wanted, ids)
    others = f"nearest: {', '.join(near)}" if near else f"an id looks like this: {ids[0]}"
    return f"there is no conversation {wanted!r:.80} in this run; {others}"


def _find_shared(wanted: str, ids: Sequence[str]) -> list[str]:
    """Return the ids with somebody in them who is named in one that is not there: first with both, and of its epoch."""
    people, epoch = _people_in(wanted), wanted.partition("/")[0]
    shared = [each for each in ids if people & _people_in(each)]
    shared.sort(key=lambda each: (-len(people & _people_in(each)), each.partition("/")[0] != epoch))
    return shared[:MOST]


def _people_in(conversation_id: str) -> set[str]:
    return set(conversation_id.rpartition("/")[2].split("+"))
