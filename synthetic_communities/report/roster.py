"""Who and what a run is made of, by id: what ids of the record are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import UsageError
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .nearest import find_nearest
from .reading import read_names
from .record import OFFLINE
from .stories.outline import spell_name
from .text import clean_text, count_of


@dataclass(frozen=True, slots=True)
class Roster:
    """Who and what a run is made of.

    Attributes:
        people: id to name, in order.
        candidates: id to name, in order.
        topics: id to title, in order.
        mind: name of the mind people think with.
        candidate_mind: name of the mind candidates and mediator think with.
        epochs: number of epochs asked for.
    """

    people: Mapping[str, str]
    candidates: Mapping[str, str]
    topics: Mapping[str, str] = field(kw_only=True)
    mind: str = field(kw_only=True)
    candidate_mind: str = field(kw_only=True)
    epochs: int = field(kw_only=True)


def read_roster(metadata: Row) -> Roster:
    """Return who and what a run is made of.

    Raises:
        RecordError: its metadata is damaged.
    """
    provenance = metadata.row("provenance")
    return Roster(
        read_names(metadata.rows("population")),
        read_names(metadata.rows("candidates")),
        topics={row.text("id"): row.text("title") for row in metadata.rows("topics")},
        mind=provenance.text("mind"),
        candidate_mind=provenance.text("candidate_mind"),
        epochs=metadata.row("config").whole_number("num_epochs"),
    )


def find_person(people: Mapping[str, str], who: str) -> str:
    """Return the id of who is meant: an id, or a name that only one of the people has.

    Raises:
        UsageError: nobody is, or several are; the message says who may be meant.
    """
    require_text(who, "a person is meant by its id or its name")
    if who in people:
        return who
    named = [persona_id for persona_id, name in people.items() if who in (name, clean_text(name))]
    if len(named) == 1:
        return named[0]
    if named:
        ids = _enumerate(named)
        raise UsageError(f"{len(named):,} people are called {spell_name(who)}: {ids}; give the id of one of them")
    raise UsageError(f"nobody in this run has the id or the name {who!r:.80}; {_suggest(people, who)}")


def require_text(value: object, wanted: str) -> None:
    """Raise `UsageError` if a value is no text.

    Args:
        value: what was given.
        wanted: what is wanted, as a sentence.
    """
    if not isinstance(value, str):
        raise UsageError(f"{wanted}, which is a text; this is {value!r:.80}")


def spell_lost(files: RunFiles) -> str:
    """Return that what was looked for may have been where damage is, to stand at the end of a message; else nothing."""
    number = len(files.damages)
    return f"; {count_of(number, 'places')} could not be read, where it may have been" if number else ""


def describe_mind(mind: str, who: str) -> str:
    """Return what some thought with, in words."""
    if mind == OFFLINE:
        return f"{who} thought with the offline mind: no model was asked, its words are templates."
    return f"{who} thought with {clean_text(mind)}."


NAMED_AT_MOST = 10
"""Ids that a message names before it says how many more there are."""


def _suggest(people: Mapping[str, str], who: str) -> str:
    ids = find_nearest(who, people)
    names: dict[str, str] = {}
    for persona_id, name in people.items():
        names.setdefault(name, persona_id)
    near = [f"{spell_name(name)} ({spell_name(names[name])})" for name in find_nearest(who, names)]
    parts = [f"nearest ids: {', '.join(map(spell_name, ids))}"] if ids else []
    parts += [f"nearest names: {', '.join(near)}"] if near else []
    return "; ".join(parts) or f"there are {_enumerate(list(people)) or 'no people in it'}"


def _enumerate(ids: list[str]) -> str:
    more = len(ids) - NAMED_AT_MOST
    named = ", ".join(map(spell_name, ids[:NAMED_AT_MOST]))
    return f"{named} and {more:,} more" if more > 0 else named
