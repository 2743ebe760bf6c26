"""What somebody said or wrote: text that knows who said it and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

_NOWHERE: Mapping[str, float] = {}


class Remark(str):
    """A text that is a plain string to whoever expects one, and remembers what a string forgets.

    Scripts put plain strings where remarks go (`persona.debate_knowledge.append("...")`), and take remarks
    where strings are expected; a value of two fields beside the text would have been a second copy of it.

    Attributes:
        stances: topic id to the stance in [-1, 1] the speaker's mind says the text expresses; empty if it said none.
        source: where the words come from: `template` (offline mind), `model`, or empty if not known.
        speaker_id: id of who said it; empty if not known.
        speaker_name: name of who said it, for reading; empty if not known.
    """

    __slots__ = ("source", "speaker_id", "speaker_name", "stances")

    stances: Mapping[str, float]
    source: str
    speaker_id: str
    speaker_name: str

    def __new__(
        cls,
        text: str,
        *,
        stances: Mapping[str, float] = _NOWHERE,
        source: str = "",
        speaker_id: str = "",
        speaker_name: str = "",
    ) -> Self:
        """Make a remark of `text`."""
        remark = super().__new__(cls, text)
        remark.stances = stances
        remark.source = source
        remark.speaker_id = speaker_id
        remark.speaker_name = speaker_name
        return remark

    def copy(self) -> Remark:
        """Return the same remark as another object."""
        return self.said_by(self.speaker_id, self.speaker_name)

    def said_by(self, speaker_id: str, speaker_name: str) -> Remark:
        """Return the same remark in the mouth of this speaker."""
        return Remark(self, stances=self.stances, source=self.source, speaker_id=speaker_id, speaker_name=speaker_name)


def as_remarks(texts: Iterable[str]) -> tuple[Remark, ...]:
    """Return every text as `as_remark` does."""
    return tuple([text if type(text) is Remark else as_remark(text) for text in texts])


def as_remark(text: str) -> Remark:
    """Return `text` itself if it is a remark, else a remark of an unknown speaker."""
    return text if isinstance(text, Remark) else Remark(text)
