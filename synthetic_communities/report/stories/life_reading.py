"""From the files of a run to one person's life: each is read once, and only what concerns that person is kept."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ...domain.key import key_part
from ...runs.directory import BALLOTS, BELIEFS, CONVERSATIONS, EPOCHS, EXPOSURES, REACTIONS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..roster import Roster
from .acts import MissingAct, read_missing
from .conversations import Conversation, join_turns, read_turn
from .debates import Debate, read_debates
from .feeds import post_id, read_posts
from .life import BeliefStep, Considered, EpochLife, Life, Update
from .life_posts import LifePosts
from .life_rows import read_belief_step, read_considered, read_own_ballot

T = TypeVar("T")
K = TypeVar("K")

Moment = tuple[int, str]
"""Epoch, and what took place in it: a step of `beliefs.jsonl` or `exposures.jsonl`."""

UPDATE_KEYS = {
    "opening": "opening/opinion/{who}",
    "debate": "e{epoch}/belief/debate/{who}",
    "chat": "e{epoch}/belief/chat/{who}",
    "social": "e{epoch}/belief/social/{who}",
}
"""Step to the key of the act in which somebody updates its beliefs."""


def read_life(files: RunFiles, roster: Roster, who: str) -> Life:
    """Return what one person met with and did.

    Args:
        files: of the run.
        roster: of the run.
        who: id of the person.

    Raises:
        RecordError: a line is damaged, and damage is not passed over.
    """
    own = _read_own_lines(files, roster, who)
    epochs = _read_epochs(files, roster, who, own.shown)
    ballots = list(files.each(BALLOTS, lambda row: read_own_ballot(row, roster) if row.text("id") == who else None))
    return Life(
        _update(own, epochs, who, (0, "opening")),
        epochs.posts.written_before(),
        epochs=tuple(_epoch_life(own, epochs, who, epoch) for epoch in _recorded(own, epochs)),
        ballot=next((ballot for ballot in ballots if ballot is not None), None),
        epochs_ended=len(epochs.heard),
        has_ballots=bool(ballots),
    )


@dataclass(frozen=True, slots=True)
class _OwnLines:
    """What the files of lines say of one person.

    Attributes:
        beliefs: moment to a value a topic.
        shown: moment to ids.
        turns: epoch to the turns of its conversation, each as a conversation of one turn.
        considered: epoch to the posts it considered.
    """

    beliefs: Mapping[Moment, Sequence[BeliefStep]]
    shown: Mapping[Moment, tuple[str, ...]]
    turns: Mapping[int, Sequence[Conversation]] = field(kw_only=True)
    considered: Mapping[int, Sequence[Considered]] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class _Epochs:
    """What the lines of epochs say that concerns one person.

    Attributes:
        heard: epoch to id to what was said in the debates it heard.
        missing: key of task to the act that came to nothing.
        posts: those it wrote or was shown.
    """

    heard: Mapping[int, Mapping[str, Debate]]
    missing: Mapping[str, MissingAct]
    posts: LifePosts


def _read_own_lines(files: RunFiles, roster: Roster, who: str) -> _OwnLines:
    def own(file: str, read: Callable[[Row], T]) -> Iterator[T]:
        """Yield what is read of a file's lines about this person, and of no others."""
        return _each(files, file, lambda row: read(row) if row.text("persona_id") == who else None)

    def read_belief(row: Row) -> tuple[Moment, BeliefStep]:
        """Return a step of belief, with when it was."""
        belief = read_belief_step(row, roster)
        return (belief.epoch, belief.step), belief

    def read_own_turn(row: Row) -> tuple[int, Conversation] | None:
        """Return a turn of a conversation it took part in, with the epoch; None: it is of others."""
        is_own = who in (row.text("speaker_id"), row.text("listener_id"))
        return (row.whole_number("epoch"), read_turn(row, roster)) if is_own else None

    return _OwnLines(
        _group(own(BELIEFS, read_belief)),
        dict(own(EXPOSURES, lambda row: ((row.whole_number("epoch"), row.text("step")), row.texts("shown")))),
        turns=_group(_each(files, CONVERSATIONS, read_own_turn)),
        considered=_group(own(REACTIONS, lambda row: (row.whole_number("epoch"), read_considered(row)))),
    )


def _read_epochs(files: RunFiles, roster: Roster, who: str, shown: Mapping[Moment, tuple[str, ...]]) -> _Epochs:
    posts = LifePosts(who, {each for (_, step), ids in shown.items() if step in ("post", "feed") for each in ids})

    def read(row: Row) -> tuple[int, dict[str, Debate], list[MissingAct]]:
        """Return an epoch, the debates it heard then, and what it was to do and did not; posts are noted."""
        epoch = row.whole_number("epoch")
        ids = shown.get((epoch, "debate"), ())
        debates = {debate.id: debate for debate in read_debates(row, roster) if debate.id in ids}
        missing = [act for act in read_missing(row) if _is_own(act, who)]
        posts.note(epoch, list(read_posts(row, roster)))
        return epoch, debates, missing

    lines = list(files.each(EPOCHS, read))
    return _Epochs(
        {epoch: debates for epoch, debates, _ in lines},
        {act.task: act for _, _, missing in lines for act in missing},
        posts,
    )


def _is_own(act: MissingAct, who: str) -> bool:
    """Say whether an act was the person's own, or a turn of its conversation."""
    parts = act.task.split("/")
    return key_part(who) in (parts[-1] if act.step != "chat_turn" else "+".join(parts[2:3])).split("+")


def _epoch_life(own: _OwnLines, epochs: _Epochs, who: str, epoch: int) -> EpochLife:
    heard, ids = epochs.heard.get(epoch, {}), own.shown.get((epoch, "debate"), ())
    turns = own.turns.get(epoch, ())
    return EpochLife(
        epoch,
        debates=tuple(heard[each] for each in ids if each in heard),
        debates_unrecorded=tuple(each for each in ids if each not in heard),
        after_debates=_update(own, epochs, who, (epoch, "debate")),
        conversation=join_turns(turns, list(epochs.missing.values())) if turns else None,
        after_conversation=_update(own, epochs, who, (epoch, "chat")),
        read_before_posting=epochs.posts.as_shown(epoch, own.shown.get((epoch, "post"), ())),
        post=epochs.posts.written_in(epoch),
        post_missing=epochs.missing.get(post_id(epoch, who)),
        read=epochs.posts.as_shown(epoch, own.shown.get((epoch, "feed"), ())),
        considered=tuple(own.considered.get(epoch, ())),
        after_feed=_update(own, epochs, who, (epoch, "social")),
    )


def _update(own: _OwnLines, epochs: _Epochs, who: str, moment: Moment) -> Update | None:
    beliefs = own.beliefs.get(moment)
    if beliefs is None:
        return None
    epoch, step = moment
    missing = epochs.missing.get(UPDATE_KEYS[step].format(epoch=epoch, who=key_part(who)))
    return Update(step, tuple(beliefs), raw_text=missing.raw_text if missing else "")


def _recorded(own: _OwnLines, epochs: _Epochs) -> list[int]:
    """Return the epochs of which anything is recorded: where a line is damaged, others still tell of its epoch."""
    steps = {epoch for epoch, step in (*own.beliefs, *own.shown) if step != "opening"}
    return sorted({*epochs.heard, *steps, *own.turns, *own.considered})


def _each(files: RunFiles, file: str, read: Callable[[Row], T | None]) -> Iterator[T]:
    return (each for each in files.each(file, read) if each is not None)


def _group(items: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for key, item in items:
        groups[key].append(item)
    return dict(groups)
