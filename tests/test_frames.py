"""The rows of results: taken by both data frame libraries as they are, with the types and values the page promises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest

from synthetic_communities import Config, GameEngine, SimulationResult
from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.minds import views
from synthetic_communities.report.frames.plain_rows import mend_text, settle_types
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.scripted import ScriptedMind
from tests import model_communities, small_communities
from tests.small_communities import make_config, make_engine, run_community
from tests.written_runs import make_belief, make_exposure, make_metadata, write_run

PAGE = (Path(__file__).resolve().parent.parent / "docs/results.md").read_text("utf-8")

LISTS = (
    *("votes", "ballots", "beliefs", "conversations", "debates", "posts", "reactions", "exposures"),
    *("failures", "failed_calls", "usage", "usage_by_epoch", "usage_by_agent"),
)
"""Lists whose keys are the same in every run; those of `people` go by topics and attributes."""

Types = Mapping[str, str]


def types_of(name: str) -> Types:
    """Return key to type of a list's rows, as the page has them, in its order."""
    (section,) = re.findall(rf"^### `{name}`\n(.*?)(?=^#|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", section, flags=re.MULTILINE))


def types_of_people(result: SimulationResult, attributes: Types) -> Types:
    """Return column to type of `people`, given those of its attributes."""
    types: dict[str, str] = {}
    for key, kind in types_of("people").items():
        if key == "<attribute>":
            types |= attributes
        elif key.startswith("<topic id>"):
            types |= {}
        elif key == "first_choice_before":
            types |= {
                f"{topic['id']}.{when}": "number or None"
                for topic in result.metadata["topics"]
                for when in ("before", "after", "change")
            } | {key: kind}
        elif key != "<attribute>.<key>":
            types[key] = kind
    return types


POLARS = {
    "text": polars.String(),
    "whole number": polars.Int64(),
    "number": polars.Float64(),
    "true or false": polars.Boolean(),
    "list of texts": polars.List(polars.String()),
}


def polars_type(kind: str, values: Sequence[Any]) -> Any:
    """Return the type a column of these values must have; nothing can be known of one that holds no value at all."""
    if all(value is None for value in values):
        return polars.Null()
    if not any(value for value in values) and kind == "list of texts":
        return polars.List(polars.Null())
    return POLARS[kind.removesuffix(" or None")]


def pandas_type(kind: str, values: Sequence[Any]) -> str:
    """Return the same for pandas, which has no column of whole numbers in which some are missing."""
    if kind in ("text", "list of texts") or all(value is None for value in values):
        return "str" if kind == "text" else "object"
    is_missing = None in values
    return {
        "whole number": "float64" if is_missing else "int64",
        "number": "float64",
        "true or false": "bool",
    }[kind.removesuffix(" or None")]


def check_frames(rows: list[dict[str, Any]], types: Types) -> None:
    """Hold rows against the types promised, and both libraries against the rows."""
    if not rows:
        return
    assert all(list(row) == list(types) for row in rows)
    columns = {name: [row[name] for row in rows] for name in types}
    polar = polars.DataFrame(rows)
    assert polar.to_dicts() == rows
    assert dict(polar.schema) == {name: polars_type(kind, columns[name]) for name, kind in types.items()}
    pandan = pandas.DataFrame(rows)
    for name, kind in types.items():
        wanted, dtype = pandas_type(kind, columns[name]), pandan[name].dtype
        assert pandas.api.types.is_string_dtype(dtype) if wanted == "str" else dtype == wanted, name
        assert [None if value != value else value for value in pandan[name].tolist()] == columns[name], name


def check_lists(result: SimulationResult) -> None:
    for name in LISTS:
        check_frames(getattr(result, name), types_of(name))


# Runs.

PERSON = {
    "susceptibility": "number or None",
    "turnout_propensity": "number or None",
    "personality_traits.openness": "number or None",
    "prior_beliefs.t0": "number or None",
}
"""What the people of small communities have."""


def run_bundled(folder: Path) -> SimulationResult:
    engine = GameEngine.from_config(Config.bundled())
    engine.initialize_simulation_output(folder)
    return engine.run()


def run_troubled(folder: Path) -> SimulationResult:
    """Acts that fail in every way: in the opening, in debates, conversations, updates, posts, reactions, ballots."""
    mind = ScriptedMind(
        {
            "opening/opinion/p0": Refused(),
            "opening/opinion/p1": Unreadable("?!"),
            "e0/debate/t0/q0/question": Failed("timeout"),
            "e1/debate/*/t0/*": OSError("gone"),
            "e1/chat/*/0": Failed("timeout"),
            views.ChatTurnView: lambda view: Failed("timeout") if view.key.endswith("/1") else None,
            "e0/belief/debate/*": Refused(),
            "e1/post/*": Refused(),
            "e1/react/*": Unreadable("Hm."),
            views.BallotView: lambda view: {
                "p0": Unreadable("?"),
                "p1": Refused(),
                "p2": Failed("timeout"),
            }.get(view.person.id),
        }
    )
    return run_community(folder, mind, 7)


def run_and_break_off(folder: Path, key: str) -> SimulationResult:
    """A run that an error ended at this task."""
    mind = ScriptedMind({key: ModelUnavailableError("no key")})
    engine = make_engine(make_config(5, num_epochs=3), mind)
    engine.initialize_simulation_output(folder)
    with pytest.raises(ModelUnavailableError):
        engine.run()
    assert engine.simulation_dir is not None
    return SimulationResult(engine.simulation_dir)


RUNS: Mapping[str, Callable[[Path], SimulationResult]] = {
    "with failures of every kind": run_troubled,
    "broken off in its second epoch": lambda folder: run_and_break_off(folder, "e1/post/*"),
    "broken off in its first": lambda folder: run_and_break_off(folder, "e0/react/*"),
    "broken off among its ballots": lambda folder: run_and_break_off(folder, "ballot/p3"),
    "without opening opinions": lambda folder: run_community(folder, opening_opinions=False),
    "without topics": lambda folder: run_community(folder, topics=[]),
    "without candidates": lambda folder: run_community(folder, candidates=[]),
    "without either": lambda folder: run_community(folder, topics=[], candidates=[]),
    "without people": lambda folder: run_community(folder, people=0),
    "of one person": lambda folder: run_community(folder, people=1),
    "without posts": lambda folder: run_community(folder, post_probability=0.0),
    "without questions": lambda folder: run_community(folder, questions_per_topic=0),
}


@pytest.mark.parametrize("run", RUNS)
def test_both_libraries_take_every_list_of_a_run(run: str, tmp_path: Path) -> None:
    result = RUNS[run](tmp_path)
    check_lists(result)
    has_people = result.metadata["population"]
    check_frames(result.people, types_of_people(result, PERSON if has_people else {}))


def test_the_runs_looked_at_are_what_they_are_called(tmp_path: Path) -> None:
    troubled = run_troubled(tmp_path)
    assert {row["status"] for row in troubled.failures} == {"refused", "unreadable", "failed", "skipped"}
    assert {row["status"] for row in troubled.ballots} == {"unreadable", "refused", "failed", "choice", "abstained"}
    assert {row["status"] for row in troubled.beliefs} == {"done", "not_asked", "refused", "unreadable", "skipped"}
    assert {row["status"] for row in troubled.conversations} == {"done", "failed"}
    assert {row["status"] for row in troubled.reactions} == {"done", "unreadable"}
    broken = run_and_break_off(tmp_path, "ballot/p3")
    assert ("not_asked" in {row["status"] for row in broken.ballots}, broken.is_complete) == (True, False)
    assert len(run_and_break_off(tmp_path, "e1/post/*").epochs) == 1
    assert run_and_break_off(tmp_path, "e0/react/*").epochs == []


def test_both_libraries_take_the_bundled_run(tmp_path: Path) -> None:
    result = run_bundled(tmp_path)
    check_lists(result)
    sizes = {name: len(getattr(result, name)) for name in LISTS}
    steps = 1 + 3 * 3
    assert (sizes["beliefs"], sizes["ballots"], sizes["votes"]) == (100 * 2 * steps, 100, 3 + 6)
    assert (sizes["failures"], sizes["failed_calls"], sizes["usage"]) == (0, 0, 14)

    people = polars.DataFrame(result.people)
    assert people.height == 100
    assert people.schema["age"] == polars.Int64()
    assert people.schema["media_diet.tv"] == people.schema["rents.change"] == polars.Float64()
    assert people.schema["interests"] == people.schema["ballot"] == polars.String()
    assert people.schema["changed_first_choice"] == polars.Float64()
    assert people.to_dicts() == result.people
    assert not [name for name in people.columns if name.startswith("attribute.")]


def test_both_libraries_take_calls_that_failed_and_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_communities.set_keys(monkeypatch)
    model_communities.use_policy(monkeypatch, max_tries=2)
    model_communities.mark_requests(monkeypatch, {"chat turn": "refuse:0", "post": "500:0"})
    with LoopbackServer() as server:
        engine = model_communities.make_engine(server, "openai:gpt-5-mini", people=2, num_epochs=1)
        result = model_communities.run_engine(engine, tmp_path)

    check_lists(result)
    calls = [(row["task"], row["attempt"], row["tries"], row["outcome"]) for row in result.failed_calls]
    assert sorted(calls) == [
        ("e0/chat/p0+p1/0", 1, 1, "refused"),
        *[(f"e0/post/p{who}", 1, tries, "server error") for who in (0, 1) for tries in (1, 2)],
    ]
    assert all("Person" in row["system"] + row["user"] for row in result.failed_calls)
    assert all(bool(row["error"]) == (row["outcome"] == "server error") for row in result.failed_calls)
    assert {row["task"] for row in result.failed_calls} <= {row["task"] for row in result.failures}

    usage = {row["step"]: row for row in result.usage}
    assert sum(row["calls"] for row in result.usage) == result.measured["model_calls"]
    known = [row["input_tokens"] for row in result.usage if row["input_tokens"] is not None]
    assert sum(known) == result.measured["calls"]["tokens"]["input_tokens"]
    assert (usage["post"]["acts"], usage["post"]["failed"], usage["post"]["calls"]) == (2, 2, 4)
    assert usage["post"]["output_tokens"] is None, "of calls that all failed nobody said"
    assert usage["ballot"]["output_tokens"] > 0


def test_of_calls_by_a_mind_of_a_script_nothing_is_known(tmp_path: Path) -> None:
    result = run_community(tmp_path, ScriptedMind())
    unknown = ("calls", "call_seconds", "input_tokens", "output_tokens")
    assert {row[key] for row in result.usage for key in unknown} == {None}
    assert {row["calls"] for row in run_community(tmp_path, None).usage} == {0}


# Numbers, texts and lists that are missing in the first rows.


def known_late(key: str, people: int = 150) -> list[dict[str, Any]]:
    """Return lines of a person each, of which only the last has a number."""
    rows = [make_belief(f"p{number}", "opening", None, None, asked_for=None) for number in range(people - 1)]
    return [*rows, make_belief(f"p{people - 1}", "opening", None, None, asked_for=None) | {key: 0.25}]


@pytest.mark.parametrize("key", ["before", "asked_for", "after"])
def test_a_stance_that_the_first_hundred_lack_keeps_its_type(key: str, tmp_path: Path) -> None:
    metadata = make_metadata([f"p{number}" for number in range(150)])
    result = SimulationResult(write_run(tmp_path / "run", metadata, beliefs=known_late(key)))
    check_frames(result.beliefs, types_of("beliefs"))
    order = [row["persona_id"] for row in result.beliefs]
    assert order == ["p149", *(f"p{number}" for number in range(149))]


def test_people_stay_in_order_where_the_first_hundred_rows_settle_every_type(tmp_path: Path) -> None:
    lines = known_late("after", 120)
    lines[99] = {**lines[99], "before": 0.5, "asked_for": 0.5, "after": 0.5}
    metadata = make_metadata([f"p{number}" for number in range(120)])
    result = SimulationResult(write_run(tmp_path / "run", metadata, beliefs=lines))
    assert [row["persona_id"] for row in result.beliefs] == [f"p{number}" for number in range(120)]


def test_the_hundred_and_first_row_is_one_too_late(tmp_path: Path) -> None:
    metadata = make_metadata([f"p{number}" for number in range(102)])
    for place, first in ((100, "p100"), (99, "p0")):
        lines = [make_belief(f"p{number}", "opening", 0.5, None, asked_for=0.5) for number in range(102)]
        lines[place]["after"] = 0.25
        result = SimulationResult(write_run(tmp_path / "run", metadata, beliefs=lines))
        check_frames(result.beliefs, types_of("beliefs"))
        assert result.beliefs[0]["persona_id"] == first


def test_lists_that_are_empty_at_first_hold_texts(tmp_path: Path) -> None:
    lines = [make_exposure(f"p{number}", "opening") for number in range(150)]
    lines.append(make_exposure("p149", "post", ["e0/post/p3"]))
    metadata = make_metadata([f"p{number}" for number in range(150)])
    result = SimulationResult(write_run(tmp_path / "run", metadata, exposures=lines))
    check_frames(result.exposures, types_of("exposures"))


def test_groups_stay_whole_and_one_comes_first_for_each_open_column() -> None:
    def row(group: int, one: float | None = None, other: float | None = None) -> dict[str, Any]:
        return {"group": group, "one": one, "other": other}

    groups = [[row(0)] * 60, [row(1)] * 60, [row(2), row(2), row(2, 0.5)], [row(3), row(3, 0.1)], [row(4, None, 0.7)]]
    assert [row["group"] for row in settle_types(groups)] == [3, 3, 4, *[0] * 60, *[1] * 60, 2, 2, 2]
    polars.DataFrame(settle_types(groups))
    assert settle_types([]) == settle_types([[], []]) == []
    assert settle_types([[row(0)] * 150]) == [row(0)] * 150, "what nobody has, nobody can settle"


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Zoë 東京 \U0001f600", "Zoë 東京 \U0001f600"),
        ("half \ud800 a pair", "half \ufffd a pair"),
        ("\udc00", "\ufffd"),
        ("a pair in two halves: \ud83d\ude00", "a pair in two halves: \U0001f600"),
    ],
)
def test_texts_that_cannot_be_encoded_are_mended(text: str, mended: str) -> None:
    assert mend_text(text) == mended


def test_hostile_texts_arrive_as_they_are(tmp_path: Path) -> None:
    hostile = ["\x1b[31mred", "\x00", "\u202egnp", "<b>", "half \ud800", "x" * 10_000, '"; DROP TABLE', "\r\n\t"]
    lines = [make_belief("a", "opening", None, 0.5, sentence=text, reason=text) for text in hostile]
    result = SimulationResult(write_run(tmp_path / "run", beliefs=lines))
    check_frames(result.beliefs, types_of("beliefs"))
    assert [row["sentence"] for row in result.beliefs] == [text.replace("\ud800", "\ufffd") for text in hostile]


def test_ids_that_cannot_be_encoded_are_mended_everywhere_alike(tmp_path: Path) -> None:
    engine = make_engine(make_config(3), ids=["a", "b\udfff", "c"])
    result = small_communities.run_engine(engine, tmp_path)
    check_lists(result)
    people = ["a", "b\ufffd", "c"]
    assert [row["persona_id"] for row in result.people] == people
    assert list(dict.fromkeys(row["persona_id"] for row in result.beliefs)) == people
    assert {row["persona_id"] for row in result.posts} <= set(people)
