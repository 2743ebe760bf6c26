"""What of people's attributes goes for nothing: names that look misspelled, and what is not known of whom."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from ..domain.person import GROUPS, LISTS, SHARES, TEXTS, Person
from ..minds.offline.temper import TAKEN
from ..report.text import count_of

_ALIKE = 0.8
"""How alike two names have to be, from 0 to 1 for the same, for one to be taken for the other misspelled."""

_LEAST_LETTERS = 4
"""Letters of the shortest name that is taken for the beginning of another."""

_PRIORS = "prior_beliefs"

_PATHS = {path.rpartition(".")[2]: path for path in TAKEN}

_KNOWN = frozenset({"id", *SHARES, *TEXTS, *LISTS, *GROUPS})

_SHARES = tuple(name for name in TAKEN if "." not in name)


def describe_misspelled(people: Iterable[Person], *, are_offline: bool) -> list[str]:
    """Return in words the attributes that are gone by under another name: how many people have each, and that name.

    Attributes of any name may be given, so only those are told that look like one that is gone by, of whom has not
    got that one.

    Args:
        people: who takes part.
        are_offline: whether they think with the offline mind; a model is shown every attribute as it stands, but
            prior beliefs are gone by all the same.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for person in people:
        counts.update(_misspelled_of(person, are_offline=are_offline))
    return [f"{name} ({count_of(number, 'people')}; did you mean {meant}?)" for (name, meant), number in counts.items()]


def describe_unknown(people: Sequence[Person]) -> Iterator[str]:
    """Yield in words what the offline mind takes where an attribute is not known, and of how many people it is not."""
    counts = {path: sum(not _knows(person, path) for person in people) for path in TAKEN}
    for taken in sorted(set(TAKEN.values())):
        unknown = [f"{path} ({counts[path]:,})" for path in TAKEN if TAKEN[path] == taken and counts[path]]
        if unknown:
            yield f"taken as {taken:g}: {', '.join(unknown)}"


def _misspelled_of(person: Person, *, are_offline: bool) -> Iterator[tuple[str, str]]:
    for name, value in person.attributes.items():
        if name not in _KNOWN:
            meant = _find_meant(name, value, are_offline=are_offline)
            if meant and not _knows(person, meant):
                yield name, meant
    if are_offline:
        yield from _misspelled_in(person, "media_diet", person.media_diet)
        yield from _misspelled_in(person, "personality_traits", person.traits)


def _misspelled_in(person: Person, group: str, numbers: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    members = _members(group)
    for name in numbers:
        meant = None if name in members else _find_alike(name, members)
        if meant and meant not in numbers:
            yield f"{group}.{name}", f"{group}.{meant}"


def _find_meant(name: str, value: object, *, are_offline: bool) -> str | None:
    """Return the attribute that is gone by and was meant by this one; None: this is one of its own."""
    if not are_offline:
        return _find_alike(name, (_PRIORS,))
    if isinstance(value, Mapping):
        return _find_alike(name, tuple(GROUPS))
    if not _is_share(value):
        return _find_alike(name, (*_SHARES, *GROUPS), is_begun=False)
    found = _find_alike(name, tuple(_PATHS))
    return _PATHS[found] if found else None


@lru_cache(1024)  # most people have attributes of the same names
def _find_alike(name: str, known: tuple[str, ...], *, is_begun: bool = True) -> str | None:
    """Return the one of those known that a name is like, or, if `is_begun`, the beginning of; None: it is like none."""
    plain = name.casefold()
    alike = difflib.get_close_matches(plain, known, n=1, cutoff=_ALIKE)
    begun = [each for each in known if is_begun and len(plain) >= _LEAST_LETTERS and each.startswith(plain)]
    return next(iter([*alike, *begun]), None)


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _members(group: str) -> tuple[str, ...]:
    return tuple(path.partition(".")[2] for path in TAKEN if path.startswith(f"{group}."))


def _knows(person: Person, path: str) -> bool:
    group, _, name = path.rpartition(".")
    if path in GROUPS:
        return path in person.attributes
    if not group:
        return path in person.shares
    return name in (person.media_diet if group == "media_diet" else person.traits)
