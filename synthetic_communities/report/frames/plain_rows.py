"""What rows have to be for every data frame library to take them as they are, with the right types.

Libraries settle the type of a column by its first rows; one of them looks at a hundred, and what does not fit into the
type afterwards is an error, or is cut. So an absent text is `""` and not None; a number that may have decimals is
always a float; texts are such as can be encoded; and where a hundred rows would leave open what a column holds, rows
that settle it come first.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from ...runs.row import Row

PlainRow: TypeAlias = dict[str, Any]
"""A flat mapping: texts, numbers, true or false, None, lists of texts."""

ROWS_LOOKED_AT = 100
"""By so many rows the types of columns are settled."""


def mend_text(text: str) -> str:
    """Return a text that can be encoded: half a surrogate pair becomes a replacement character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def take_text(row: Row, key: str) -> str:
    """Return a text of the record.

    Raises:
        RecordError: there is none.
    """
    return mend_text(row.text(key))


def take_any_text(row: Row, key: str) -> str:
    """Return a text of the record, `""` where it says that there is none.

    Raises:
        RecordError: there is something else.
    """
    return mend_text(row.text_or_none(key) or "")


def take_texts(row: Row, key: str) -> list[str]:
    """Return a list of texts of the record.

    Raises:
        RecordError: there is none.
    """
    return list(map(mend_text, row.texts(key)))


def settle_types(groups: Iterable[Sequence[PlainRow]]) -> list[PlainRow]:
    """Return the rows of all groups, group by group, in an order by whose first rows every column's type is settled.

    That is the order given, unless all of its first `ROWS_LOOKED_AT` rows lack a number that later ones have: then a
    group that has it comes first, one for each column. Groups stay whole.
    """
    groups = [group for group in groups if group]
    rows = list(chain.from_iterable(groups))
    if len(rows) <= ROWS_LOOKED_AT:
        return rows
    open_names = [name for name in rows[0] if all(row[name] is None for row in rows[:ROWS_LOOKED_AT])]
    leading = {_find_settling(groups, name) for name in open_names}
    places = sorted(range(len(groups)), key=lambda place: place not in leading)
    return list(chain.from_iterable(groups[place] for place in places))


def _find_settling(groups: Sequence[Sequence[PlainRow]], name: str) -> int | None:
    """Return the place of the group in which a value of this name comes soonest; None if there is none anywhere."""
    first = {place: _find_known(group, name) for place, group in enumerate(groups)}
    known = [place for place in first if first[place] < len(groups[place])]
    return min(known, key=lambda place: first[place], default=None)


def _find_known(group: Sequence[PlainRow], name: str) -> int:
    return next((place for place, row in enumerate(group) if row[name] is not None), len(group))
