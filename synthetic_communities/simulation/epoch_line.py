"""The line of an epoch, which holds something of everybody: put together in pieces, never whole."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..runs.directory import encode


def epoch_text(
    before: Mapping[str, Any],
    *,
    persona_ids: Iterable[str],
    votes: Mapping[str, str],
    stances: Mapping[str, str],
    after: Mapping[str, Any],
) -> Iterator[str]:
    """Yield the line of an epoch in pieces; together they are what encoding it whole would give.

    Args:
        before: what stands before the two lists of people; not empty.
        persona_ids: everybody, in the order of the record.
        votes: persona id to its item of `population_votes`, encoded.
        stances: persona id to its stances, encoded.
        after: what stands after them; not empty.
    """
    ids = tuple(persona_ids)
    yield f'{encode(before)[:-1]}, "population_votes": ['
    yield from _separated(votes[who] for who in ids)
    yield '], "stances": {'
    yield from _separated(f"{encode(who)}: {stances[who]}" for who in ids)
    yield f"}}, {encode(after)[1:]}"


def _separated(items: Iterable[str]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield f", {item}" if number else item
