"""A model that costs nothing: it answers every act readably, at the length asked for, and tells what it was asked.

It stands in for a model whose calls are to be counted before any of them is made.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Self

from ...llm.model import Call, ModelReply, ModelRequest, ReplyFormat
from .judgement import NOBODY

WORD = "word "
"""What replies consist of."""

_BRACKET = re.compile(r"\[[^\[\]\n]+\]")
_STANCE = "+0.50"


class StandIn:
    """A model that replies at once, and is asked through no journal.

    Attributes:
        name: of the model it stands in for.
        keeps_journal: True: no journal is to be put in front of it.
    """

    keeps_journal = True

    def __init__(
        self,
        name: str,
        length: Callable[[str], float | None],
        *,
        sentence: float,
        words: float,
        note: Callable[[str, ModelRequest, Call, str], None],
    ) -> None:
        """Take how long replies are.

        Args:
            name: of the model it stands in for.
            length: act to the characters of its replies; None: as usual.
            sentence: characters of each sentence within a reply that has a form.
            words: characters of a reply in plain text.
            note: is told the name, what was asked, for which call, and what was replied.
        """
        self.name = name
        self._length = length
        self._sentence = sentence
        self._words = words
        self._note = note

    async def __aenter__(self) -> Self:
        """Open nothing."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close nothing."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return a reply of the length asked for."""
        text = self._write(request, self._length(call.act))
        self._note(self.name, request, call, text)
        return ModelReply(text, stop="end", model=self.name)

    def _write(self, request: ModelRequest, length: float | None) -> str:
        if request.reply_format is not None:
            return write_judgement(request.reply_format, self._sentence, length)
        form = [line for line in request.user[-1].splitlines() if _BRACKET.search(line)]
        if form:
            return fill_form(form, self._sentence, length)
        return write_words(self._words if length is None else length)


@lru_cache(maxsize=256)
def write_words(length: float) -> str:
    """Return words of so many characters, at least one, ending with a full stop."""
    whole = max(2, round(length))
    return f"{(WORD * (whole // len(WORD) + 1))[: whole - 1].rstrip().ljust(whole - 1, 's')}."


def fill_form(lines: list[str], sentence: float, length: float | None) -> str:
    """Return lines with their brackets filled in: a number for each stance, a sentence for all else.

    Args:
        lines: those with brackets.
        sentence: characters of each sentence.
        length: of the whole reply; None: it follows from the sentences.
    """

    def fill(each: float) -> str:
        """Return the form with every gap filled by so many characters."""
        return "\n".join(_BRACKET.sub(lambda found: _fill(found.group(), each), line) for line in lines)

    return fill(sentence if length is None else sentence + (length - len(fill(sentence))) / len(lines))


def _fill(bracket: str, sentence: float) -> str:
    return _STANCE if "from -1 to +1" in bracket else write_words(sentence)


@lru_cache(maxsize=64)
def _judgement(topics: tuple[str, ...], letter: str, sentence: float, length: float | None) -> str:
    def write(each: float) -> str:
        """Return a judgement in which every sentence has so many characters."""
        words = write_words(each)
        opinions = [{"topic": topic, "sentence": words, "stance": -0.55, "candidate": letter} for topic in topics]
        rest: dict[str, Any] = {"first_choice": letter, "vote": letter, "reason": words}
        return json.dumps({"opinions": opinions, **rest, "thumbs_up": [1], "thumbs_down": []})

    sentences = len(topics) + 1
    return write(sentence if length is None else sentence + (length - len(write(sentence))) / sentences)


def write_judgement(reply_format: ReplyFormat, sentence: float, length: float | None) -> str:
    """Return a judgement in which every field is filled in.

    Args:
        reply_format: of judgements.
        sentence: characters of each sentence in it.
        length: of the whole reply; None: it follows from the sentences.
    """
    fields = reply_format.schema["properties"]
    topics = _some(fields["opinions"])["items"]["properties"]["topic"].get("enum", ())
    letters = [letter for letter in _some(fields["first_choice"])["enum"] if letter != NOBODY]
    return _judgement(tuple(topics), letters[0] if letters else NOBODY, sentence, length)


def _some(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a value that is there, of one that may be null."""
    return next(each for each in schema["anyOf"] if each.get("type") != "null")
