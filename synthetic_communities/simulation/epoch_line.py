"""The line of an epoch, which holds something of everybody: joined from pieces, never whole in memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..runs.directory import encode, encode_line, to_bytes


def join_epoch(
    before: Mapping[str, Any], votes: Iterator[bytes], stances: Iterator[bytes], after: Mapping[str, Any]
) -> Iterator[bytes]:
    """Yield the line of an epoch in pieces; joined they are what encoding it whole would give.

    Args:
        before: what stands before `population_votes`; not empty.
        votes: the items of `population_votes`, encoded, ", " before each; cut anywhere but within the first ", ".
        stances: those of `stances`, likewise.
        after: what stands after them; not empty.
    """
    yield to_bytes(f'{encode_line(before)[:-1]}, "population_votes": [')
    yield from _without_first_separator(votes)
    yield b'], "stances": {'
    yield from _without_first_separator(stances)
    yield to_bytes(f"}}, {encode(after)[1:]}\n")


def _without_first_separator(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces, b"").removeprefix(b", ")
    yield from pieces
