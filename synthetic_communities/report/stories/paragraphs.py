"""Words broken into lines by the room they take in a terminal."""

from collections.abc import Iterator

from ..text import clean_text, measure_width

LONGEST_PIECE = 4
"""Characters for each column that a line may hold: marks on other characters take no room, and could go on for ever."""


def wrap_text(text: str, width: int, *, first: str = "", rest: str = "") -> Iterator[str]:
    """Yield the lines of a text: whole, harmless, its own line breaks kept, empty lines left out.

    Args:
        text: what is to be shown.
        width: columns a line may take; a word that is longer is broken.
        first: what the first line begins with.
        rest: what all others begin with.
    """
    start = first
    for paragraph in text.splitlines():
        for line in _fill(clean_text(paragraph).split(" "), width, start, rest):
            yield line
            start = rest


def _fill(words: list[str], width: int, first: str, rest: str) -> Iterator[str]:
    """Yield lines that hold as many of the words as there is room for."""
    start, line = first, ""
    for word in words:
        for piece in _break(word, width - max(len(first), len(rest))):
            joined = f"{line} {piece}" if line else piece
            if line and not _fits(joined, width - len(start)):
                yield start + line
                start, joined = rest, piece
            line = joined
    if line:
        yield start + line


def _break(word: str, width: int) -> Iterator[str]:
    """Yield a word in pieces of at most that width."""
    if _fits(word, width):
        yield word
        return
    if word.isascii():
        yield from (word[start : start + width] for start in range(0, len(word), width))
        return
    piece, room = "", width
    for character in word:
        room -= measure_width(character)
        if room < 0 or len(piece) == LONGEST_PIECE * width:
            yield piece
            piece, room = "", width - measure_width(character)
        piece += character
    yield piece


def _fits(text: str, width: int) -> bool:
    if text.isascii():
        return len(text) <= width
    return len(text) <= LONGEST_PIECE * width and measure_width(text) <= width
