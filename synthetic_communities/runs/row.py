"""One mapping of the record, whose values are looked at as they are taken."""

import reprlib
import sys
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Any, TypeVar

from ..errors import RecordError

T = TypeVar("T", bound=str)

LARGEST = 2**63 - 1
"""The largest whole number there may be: 64 bits, as much as any data frame has room for."""


class Row:
    """A mapping of the record, and the place it stands in: a file, or file and line.

    Every method returns the value of a key, and raises `RecordError` if there is none or if it is of another kind.
    """

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        self.place = place
        self.values = values

    def text(self, key: str) -> str:
        """Return a text."""
        return str(self._take(key, str))

    def text_or_none(self, key: str) -> str | None:
        """Return a text, or None where the record says that there is none."""
        value = self._take(key, (str, type(None)))
        return value if value is None else str(value)

    def whole_number(self, key: str) -> int:
        """Return a whole number."""
        number = self.whole_number_or_none(key)
        if number is None:
            raise self._wrong(key, None)
        return number

    def whole_number_or_none(self, key: str) -> int | None:
        """Return a whole number, or None where the record says that it is not known."""
        value = self._take(key, (int, type(None)))
        if value is not None and abs(value) > LARGEST:
            raise self._wrong(key, value)
        return value if value is None else int(value)

    def number_or_none(self, key: str) -> float | None:
        """Return a number, or None where the record says that there is none."""
        value = self._take(key, (int, float, type(None)))
        if value is None:
            return None
        if not abs(value) <= sys.float_info.max:  # NaN, infinity, or a whole number beyond all others
            raise self._wrong(key, value)
        return float(value)

    def stance_or_none(self, key: str) -> float | None:
        """Return a stance, or None where the record says that there is none."""
        stance = self.number_or_none(key)
        if stance is not None and abs(stance) > 1:
            raise RecordError(f"{self.place}: {key} cannot be {stance}, as stances lie in [-1, 1]")
        return stance

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return bool(self._take(key, bool))

    def row(self, key: str) -> "Row":
        """Return a mapping."""
        return Row(self.place, self._take(key, dict))

    def rows(self, key: str) -> "list[Row]":
        """Return a list of mappings."""
        rows = self._take(key, list)
        if not all(isinstance(row, dict) for row in rows):
            raise RecordError(f"{self.place}: {key} holds something that is no mapping")
        return [Row(self.place, row) for row in rows]

    def items(self) -> "Iterator[tuple[str, Row]]":
        """Yield its keys and their values, all of which are mappings."""
        return ((key, self.row(key)) for key in self.values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        texts = self._take(key, list)
        if not all(isinstance(text, str) for text in texts):
            raise RecordError(f"{self.place}: {key} holds something that is no text")
        return tuple(texts)

    def choice(self, key: str, choices: Collection[T]) -> T:
        """Return the one of these texts that it is."""
        text = self.text(key)
        for choice in choices:
            if choice == text:
                return choice
        raise RecordError(f"{self.place}: {key} cannot be {text!r:.80}")

    def known(self, key: str, known: Container[str]) -> str:
        """Return a text that is one of those known."""
        text = self.text(key)
        if text not in known:
            raise RecordError(f"{self.place}: {key} names nothing of this run, {text!r:.80}")
        return text

    def _take(self, key: str, kinds: type | tuple[type, ...]) -> Any:
        if key not in self.values:
            raise RecordError(f"{self.place}: something lacks its {key}")
        value = self.values[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise self._wrong(key, value)
        return value

    def _wrong(self, key: str, value: Any) -> RecordError:
        return RecordError(f"{self.place}: {key} cannot be {reprlib.repr(value):.80}")  # however deep and long it is
