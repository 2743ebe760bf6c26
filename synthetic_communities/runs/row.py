"""One mapping of the record, whose values are looked at as they are taken."""

from collections.abc import Mapping
from typing import Any

from ..errors import RecordError


class Row:
    """A mapping of the record, and the file it stands in.

    Every method returns the value of a key, and raises `RecordError` if there is none or if it is of another kind.
    """

    def __init__(self, file: str, values: Mapping[str, Any]) -> None:
        self._file = file
        self._values = values

    def text(self, key: str) -> str:
        """Return a text."""
        return str(self._take(key, str))

    def text_or_none(self, key: str) -> str | None:
        """Return a text, or None where the record says that there is none."""
        value = self._take(key, (str, type(None)))
        return value if value is None else str(value)

    def whole_number(self, key: str) -> int:
        """Return a whole number."""
        return int(self._take(key, int))

    def whole_number_or_none(self, key: str) -> int | None:
        """Return a whole number, or None where the record says that it is not known."""
        value = self._take(key, (int, type(None)))
        return value if value is None else int(value)

    def number_or_none(self, key: str) -> float | None:
        """Return a number, or None where the record says that there is none."""
        value = self._take(key, (int, float, type(None)))
        return value if value is None else float(value)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return bool(self._take(key, bool))

    def row(self, key: str) -> "Row":
        """Return a mapping."""
        return Row(self._file, self._take(key, dict))

    def rows(self, key: str) -> "list[Row]":
        """Return a list of mappings."""
        rows = self._take(key, list)
        if not all(isinstance(row, dict) for row in rows):
            raise RecordError(f"{self._file}: {key} holds something that is no mapping")
        return [Row(self._file, row) for row in rows]

    def names(self) -> list[str]:
        """Return its keys, in order."""
        return list(self._values)

    def _take(self, key: str, kinds: type | tuple[type, ...]) -> Any:
        if key not in self._values:
            raise RecordError(f"{self._file}: something lacks its {key}")
        value = self._values[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise RecordError(f"{self._file}: {key} cannot be {value!r:.80}")
        return value
