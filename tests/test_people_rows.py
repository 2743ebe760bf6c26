"""People joined with what became of them: whatever a file says of them, each column of one kind, none lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities import SimulationResult
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.errors import RecordError
from synthetic_communities.persona import Persona
from synthetic_communities.report.frames.attributes import build_columns, name_columns
from synthetic_communities.runs.row import LARGEST
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine, run_community, run_engine
from tests.written_runs import make_ballot, make_belief, make_epoch, make_metadata, write_run, write_usage

OUTCOMES = [
    *("rents.before", "rents.after", "rents.change"),
    *("first_choice_before", "first_choice_after", "changed_first_choice", "ballot_status", "ballot"),
]


def read_people(path: Path, *attributes: Mapping[str, Any], **lines: Any) -> list[dict[str, Any]]:
    """Return the rows of people with these attributes, called `a`, `b` and so on."""
    named = zip("abcdef"[: len(attributes)], attributes, strict=True)
    population = [{"id": who, "name": who.upper(), "demographics": said} for who, said in named]
    return SimulationResult(write_run(path / "run", make_metadata(population=population), **lines)).people


def columns_of(*attributes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns made of attributes, by name."""
    columns = build_columns(attributes)
    names = name_columns(columns, ())
    return {names[path]: values for path, values in columns.items()}


# Attributes.


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([1, 2, None], [1, 2, None]),
        ([1, 0.5, None], [1.0, 0.5, None]),
        ([True, False, None], [True, False, None]),
        (["x", None, ""], ["x", "", ""]),
        ([1, "x", None], ["1", "x", ""]),
        ([True, 1, 0.5], ["true", "1", "0.5"]),
        ([["a", "b"], [], None], ["a, b", "", ""]),
        ([[1, None, {"b": ["ö"]}], "x", None], ['1, null, {"b": ["ö"]}', "x", ""]),
        ([LARGEST, -LARGEST, None], [LARGEST, -LARGEST, None]),
        ([LARGEST + 1, 1, None], [str(LARGEST + 1), "1", ""]),
        ([10**400, 0.5, None], [str(10**400), "0.5", ""]),
        (["half \ud800", ["\ud800"], None], ["half \ufffd", "\ufffd", ""]),
        ([None, None, None], [None, None, None]),
    ],
)
def test_a_column_is_of_one_kind(values: Sequence[Any], column: Sequence[Any]) -> None:
    found = columns_of(*({"x": value} for value in values))["x"]
    assert found == column
    assert [type(value) for value in found] == [type(value) for value in column]


def test_mappings_are_taken_apart_and_stand_where_their_attribute_stands() -> None:
    assert columns_of(
        {"media": {"tv": 0.5, "deep": {"er": "x"}}, "age": 40},
        {"age": 41, "media": {"blogs": 1}, "job": "baker"},
        {"media": "none at all"},
        {},
    ) == {
        "media.tv": [0.5, None, None, None],
        "media.deep.er": ["x", "", "", ""],
        "media.blogs": [None, 1, None, None],
        "media": ["", "", "none at all", ""],
        "age": [40, 41, None, None],
        "job": ["", "baker", "", ""],
    }
    ragged = columns_of({"media": {"tv": 1}, "age": 40}, {"media": {"blogs": 1}}, {"media": "none"})
    assert list(ragged) == ["media.tv", "media.blogs", "media", "age"]


def test_what_is_nested_deeply_is_one_text() -> None:
    nested: Any = "core"
    for level in reversed(range(12)):
        nested = {f"k{level}": nested}
    ((name, values),) = columns_of(nested).items()
    assert name == "k0.k1.k2.k3.k4.k5.k6.k7"
    assert values == ['{"k8": {"k9": {"k10": {"k11": "core"}}}}']


def test_what_cannot_even_be_written_down_is_an_error_and_no_crash() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(RecordError, match="nested too deeply"):
        build_columns([{"x": nested}])


def test_no_two_columns_have_one_name() -> None:
    paths = [
        ("a", "b.c"),
        ("a.b", "c"),
        ("a.b.c",),
        ("ballot",),
        ("attribute.ballot",),
        ("\ud800",),
        ("\ufffd",),
        ("", ""),
        (".",),
    ]
    assert list(name_columns(paths, ["ballot"]).values()) == [
        "a.b.c",
        "attribute.a.b.c",
        "attribute.attribute.a.b.c",
        "attribute.ballot",
        "attribute.attribute.ballot",
        "\ufffd",
        "attribute.\ufffd",
        ".",
        "attribute..",
    ]


TEXTS = st.text(st.characters(), max_size=3)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["x", "y", "name", "ballot", "x.y"]), VALUES), min_size=1, max_size=5))
def test_whatever_is_said_of_people_makes_a_frame(attributes: list[dict[str, Any]]) -> None:
    columns = columns_of(*attributes)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(attributes))]
    if columns:
        assert polars.DataFrame(rows).to_dicts() == rows
        assert pandas.DataFrame(rows).shape == (len(rows), len(columns))
    for values in columns.values():
        kinds = {type(value) for value in values if value is not None}
        assert len(kinds) <= 1
        assert kinds <= {bool, int, float, str}
        assert str not in kinds or None not in values


def test_attributes_called_like_outcomes_stand_beside_them(tmp_path: Path) -> None:
    said = {"ballot": "maybe", "rents": {"before": 3}, "persona_id": "mine", "name": "other", "attribute.ballot": 1}
    (row,) = read_people(tmp_path, said)
    assert row == {
        "persona_id": "a",
        "name": "A",
        "attribute.ballot": "maybe",
        "attribute.rents.before": 3,
        "attribute.persona_id": "mine",
        "attribute.name": "other",
        "attribute.attribute.ballot": 1,
        **dict.fromkeys(OUTCOMES[:3]),
        "first_choice_before": "",
        "first_choice_after": "",
        "changed_first_choice": None,
        "ballot_status": "",
        "ballot": "",
    }


def test_an_attribute_that_says_but_the_name_is_left_out(tmp_path: Path) -> None:
    rows = read_people(tmp_path, {"name": "A", "age": 1}, {"age": 2})
    assert [list(row) for row in rows] == [["persona_id", "name", "age", *OUTCOMES]] * 2
    assert "attribute.name" in read_people(tmp_path, {"name": "A"}, {"name": "not B"})[0]
    assert read_people(tmp_path, {"name": 5})[0]["attribute.name"] == 5


def test_the_first_hundred_need_not_know_an_attribute(tmp_path: Path) -> None:
    population = [{"id": f"p{n}", "name": f"P {n}", "demographics": {}} for n in range(150)]
    population[120]["demographics"] = {"age": 40, "likes trams": True}
    population[130]["demographics"] = {"income": 1.5, "age": 41}
    people = SimulationResult(write_run(tmp_path / "run", make_metadata(population=population))).people
    frame = polars.DataFrame(people)
    assert [frame.schema[name] for name in ("age", "likes trams", "income")] == [
        polars.Int64(),
        polars.Boolean(),
        polars.Float64(),
    ]
    assert frame.to_dicts() == people
    assert frame["age"].sum() == 81
    others = [f"p{n}" for n in range(150) if n not in (120, 130)]
    assert frame["persona_id"].to_list() == ["p120", "p130", *others]


@pytest.mark.parametrize(
    ("person", "what"),
    [
        ({"name": "A", "demographics": {}}, "something lacks its id"),
        ({"id": 3, "name": "A", "demographics": {}}, "id cannot be 3"),
        ({"id": "a", "demographics": {}}, "something lacks its name"),
        ({"id": "a", "name": "A"}, "something lacks its demographics"),
        ({"id": "a", "name": "A", "demographics": ["x"]}, "demographics cannot be ['x']"),
        ("a", "population holds something that is no mapping"),
    ],
)
def test_a_damaged_population_is_named(person: Any, what: str, tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", make_metadata(population=[person]))
    for skip_damaged in (False, True):
        with pytest.raises(RecordError) as caught:
            _ = SimulationResult(path, skip_damaged=skip_damaged).people
        assert str(caught.value) == f"{path / 'metadata.json'}: {what}"


# Outcomes.


def test_outcomes_are_where_people_stood_and_whom_they_chose(tmp_path: Path) -> None:
    path = write_run(
        tmp_path / "run",
        make_metadata("abcd"),
        beliefs=[
            make_belief("a", "opening", None, 0.1, first_choice="Johan Berg"),
            make_belief("b", "opening", None, 0.3),
            make_belief("c", "opening", None, None, first_choice=None),
            make_belief("a", "debate", 0.1, 0.3),
            make_belief("c", "debate", None, -0.5),
        ],
        ballots=[make_ballot("a"), make_ballot("b", None, first_choice="noor"), make_ballot("c", "berg")],
    )
    a, b, c, d = ({name: row[name] for name in OUTCOMES} for row in SimulationResult(path).people)
    assert list(a.values()) == [0.1, 0.3, 0.2, "berg", "noor", 1.0, "choice", "noor"]
    assert list(b.values()) == [0.3, 0.3, 0.0, "noor", "noor", 0.0, "abstained", ""]
    assert list(c.values()) == [None, -0.5, None, "", "berg", None, "choice", "berg"]
    assert list(d.values()) == [None, None, None, "", "", None, "unrecorded", ""]
    assert [type(row["changed_first_choice"]) for row in (a, b)] == [float, float], "a bool beside None is an object"


def test_without_ballots_the_last_epoch_says_whom_people_preferred(tmp_path: Path) -> None:
    votes = [{"id": "a", "overall_vote": "Johan Berg"}, {"id": "b", "overall_vote": None}]
    path = write_run(
        tmp_path / "run",
        beliefs=[make_belief("a", "opening", None, 0.1), make_belief("b", "opening", None, 0.1)],
        epochs=[make_epoch(0, population_votes=votes)],
    )
    people = SimulationResult(path).people
    assert [row["first_choice_after"] for row in people] == ["berg", "", ""]
    assert [row["changed_first_choice"] for row in people] == [1.0, None, None]
    assert {(row["ballot_status"], row["ballot"]) for row in people} == {("", "")}


def test_of_a_run_everybody_has_a_row_that_agrees_with_the_other_lists(tmp_path: Path) -> None:
    mind = ScriptedMind({"opening/opinion/p1": Failed("timeout"), "ballot/p2": Failed("timeout")})
    result = run_community(tmp_path, mind, 6)
    people = {row["persona_id"]: row for row in result.people}
    assert list(people) == [f"p{number}" for number in range(6)]
    assert [row["name"] for row in result.people] == [f"Person {number}" for number in range(6)]
    assert people["p1"]["t0.before"] is None
    for ballot in result.ballots:
        row = people[ballot["persona_id"]]
        assert (row["ballot_status"], row["ballot"]) == (ballot["status"], ballot["candidate_id"])
        assert row["first_choice_after"] == ballot["first_choice"]
    for row in result.beliefs:
        if row["step"] == "opening":
            assert people[row["persona_id"]][f"{row['topic_id']}.before"] == row["after"]
        if (row["step"], row["epoch"]) == ("social", 1):
            assert people[row["persona_id"]][f"{row['topic_id']}.after"] == row["after"]
    chosen = [row["ballot"] for row in result.people if row["ballot"]]
    counted = {row["candidate_id"]: row["ballots"] for row in result.votes if row["status"] == "choice"}
    assert {who: chosen.count(who) for who in counted} == counted


def test_without_topics_or_candidates_there_are_no_columns_of_theirs(tmp_path: Path) -> None:
    (row,) = run_community(tmp_path, people=1, topics=[], candidates=[]).people
    assert [name for name in row if name.startswith("t")] == ["turnout_propensity"]
    assert (row["first_choice_before"], row["ballot_status"], row["changed_first_choice"]) == ("", "", None)


def test_people_of_a_script_may_have_any_attributes(tmp_path: Path) -> None:
    engine = make_engine(make_config(0))
    odd = {"id": "x", "tags": ["a", {"b": 1}], "ballot": True, "home": {"rooms": 3}, "mood": None, "_line": 3}
    for number in range(2):
        engine.population.add_persona(Persona(f"q{number}", {**odd, "n": number or 0.5}, ""))
    (row, _) = run_engine(engine, tmp_path).people
    assert list(row)[:6] == ["persona_id", "name", "tags", "attribute.ballot", "home.rooms", "n"]
    assert [row[name] for name in list(row)[:6]] == ["q0", "q0", 'a, {"b": 1}', True, 3, 0.5]


def test_a_run_that_goes_on_has_people_already(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    assert [row["persona_id"] for row in SimulationResult(path).people] == ["a", "b", "c"]
    write_usage(path)
    assert json.loads(json.dumps(SimulationResult(path).people)) == SimulationResult(path).people
