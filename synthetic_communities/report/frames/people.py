"""People and what became of them: attributes beside outcomes, a row a person, for cross-tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...runs.directory import DECIMAL_PLACES
from ...runs.row import Row
from ..numbers.standpoints import closing_choices, closing_stances, opening_choices, opening_stances
from ..record import Record
from .attributes import Path, build_columns, name_columns
from .plain_rows import PlainRow, mend_text, settle_types

NAME: Path = ("name",)
"""Where attributes have what somebody is called."""


def build_people(population: Sequence[Row], record: Record) -> list[PlainRow]:
    """Return a row a person, in the order of people: id, name, attributes, and what became of it.

    Args:
        population: everybody, as `metadata.json` has it.
        record: what became of them.

    Raises:
        RecordError: something in the population is damaged.
    """
    outcomes = _outcomes(record)
    people = [{"persona_id": mend_text(row.text("id")), "name": mend_text(row.text("name"))} for row in population]
    columns = build_columns([row.row("demographics").values for row in population])
    if _says_names(columns.get(NAME, []), people):
        columns.pop(NAME, None)
    taken = {name for row in (*people[:1], *outcomes.values()) for name in row}
    names = name_columns(columns, taken)
    rows = [
        people[place]
        | {name: columns[path][place] for path, name in names.items()}
        | outcomes[population[place].text("id")]
        for place in range(len(population))
    ]
    return settle_types([row] for row in rows)


def _says_names(values: Sequence[Any], people: Sequence[PlainRow]) -> bool:
    """Say whether the attribute says nothing but what everybody's name is."""
    return all(value in ("", person["name"]) for value, person in zip(values, people, strict=False))


def _outcomes(record: Record) -> dict[str, PlainRow]:
    """Return person to what became of it: stances topic by topic, first choices, ballot."""
    before, after = opening_choices(record) or {}, closing_choices(record) or {}
    stances = {topic: (opening_stances(record, topic), closing_stances(record, topic)) for topic in record.topics}
    return {
        who: {
            **{
                f"{mend_text(topic)}.{when}": value
                for topic in stances
                for when, value in _stances(stances[topic], who)
            },
            "first_choice_before": mend_text(before.get(who) or ""),
            "first_choice_after": mend_text(after.get(who) or ""),
            "changed_first_choice": _has_changed(before.get(who), after.get(who)),
            **_ballot(record, who),
        }
        for who in record.people
    }


def _stances(stances: tuple[Mapping[str, float], Mapping[str, float]], who: str) -> Iterator[tuple[str, float | None]]:
    before, after = (each.get(who) for each in stances)
    change = None if before is None or after is None else round(after - before, DECIMAL_PLACES) + 0.0
    yield from (("before", before), ("after", after), ("change", change))


def _has_changed(before: str | None, after: str | None) -> float | None:
    """Return 1 or 0, as a number that may be missing: of truth values beside None, pandas makes objects."""
    return float(before != after) if before is not None and after is not None else None


def _ballot(record: Record, who: str) -> PlainRow:
    ballot = record.ballots.get(who)
    if ballot is None:
        return {"ballot_status": "unrecorded" if record.ballots else "", "ballot": ""}
    return {"ballot_status": ballot.status, "ballot": mend_text(ballot.candidate_id or "")}
