"""The command `list`: the runs in a folder, newest first, and what cannot be read as one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities import Config, GameEngine
from synthetic_communities.cli.listing import MAX_WIDTH, MIN_WIDTH, describe_listing
from synthetic_communities.cli.main import program
from synthetic_communities.report.listing import ListedRun, Listing, UnreadableRun, list_runs, read_listed_run
from synthetic_communities.report.text import measure_width
from synthetic_communities.runs.directory import EPOCHS, FINAL_VOTE, METADATA, USAGE
from tests.written_runs import BERG, NOOR, make_ballot, make_metadata, write_run, write_usage

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "\u202egnp.exe",
    "<b>",
    "x" * 10_000,
    "東京都知事" * 40,
    "\ud800",
    "\x00",
)


def write_named(folder: Path, name: str, **changes: Any) -> Path:
    """Write a run that its metadata calls by the name of its directory."""
    return write_run(folder / name, make_metadata(simulation_id=name, **changes))


def count(path: Path, votes: Mapping[str, int]) -> None:
    (path / FINAL_VOTE).write_text(json.dumps(votes), encoding="utf-8")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["list", *arguments], prog_name="synthetic-communities", catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder `runs` in the working directory, on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("runs").mkdir()
    return Path("runs")


# What is printed.


def test_runs_stand_newest_first_with_what_came_of_them(folder: Path) -> None:
    ended = write_named(folder, "run_20260101_000000")
    write_usage(ended, started="2026-01-01T00:00:00+00:00")
    count(ended, {NOOR: 1, BERG: 2})
    tied = write_named(folder, "baseline", config={"num_epochs": 1200, "name": None})
    write_usage(tied, started="2026-03-01T00:30:00+02:00", status="interrupted")
    count(tied, {NOOR: 1, BERG: 1})
    killed = write_named(folder, "run_20260131_235959_2", population=[], config={"num_epochs": 3})
    os.utime(killed / METADATA, (0, 0))
    provenance = {**make_metadata()["provenance"], "mind": "ollama:qwen3:8b", "candidate_mind": "openai:gpt-5"}
    renamed = write_run(folder / "renamed", make_metadata(simulation_id="mine", provenance=provenance))
    os.utime(renamed / METADATA, (86_400 * 365, 86_400 * 365))

    result = invoke("runs")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "date (UTC)   scenario   model           people  epochs  most ballots",
        "2026-02-28   -          offline mind         3   1,200  1 each: Ais...  partial",
        "  baseline",
        "2026-01-31~  -          offline mind         0       3  no ballot       partial",
        "  run_20260131_235959_2",
        "2026-01-01   Norrhaven  offline mind         3       2  2: Johan Berg   complete",
        "  run_20260101_000000",
        "1971-01-01?  Norrhaven  ollama:qwen...       3       2  no ballot       partial",
        "  renamed",
        "",
        "~ from the name the run was given: no usage.json says when it began",
        "? from the time of its metadata.json: nothing else says when it began",
        "",
        "To see one: synthetic-communities show runs/baseline",
    ]


def test_a_wide_terminal_has_room_for_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tied = write_named(folder, "a tie")
    write_usage(tied)
    count(tied, {NOOR: 1_000, BERG: 1_000})
    monkeypatch.setenv("COLUMNS", "200")
    assert invoke("runs").stdout.splitlines() == [
        "date (UTC)  scenario   model         people  epochs  most ballots",
        "2026-01-02  Norrhaven  offline mind       3       2  1,000 each: Aisha Noor, Johan Berg  complete",
        "  a tie",
        "",
        "To see one: synthetic-communities show 'runs/a tie'",
    ]


def test_runs_of_one_second_stand_by_their_number(folder: Path) -> None:
    for number in ("", "_2", "_10", "_9"):
        write_named(folder, f"run_20260101_000000{number}")
    write_named(folder, "run_20260101_000001")
    lines = invoke("runs").stdout.splitlines()
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        "run_20260101_000001",
        *(f"run_20260101_000000{number}" for number in ("_10", "_9", "_2", "")),
    ]


def test_what_cannot_be_read_is_listed_with_why(folder: Path) -> None:
    write_usage(write_named(folder, "good"))
    (folder / "foreign").mkdir()
    (folder / "damaged").mkdir()
    (folder / "damaged" / METADATA).write_text("{", encoding="utf-8")
    write_run(folder / "later", make_metadata(format_version=7))
    (write_run(folder / "torn") / USAGE).write_text("", encoding="utf-8")
    count_path = write_run(folder / "uncounted")
    count(count_path, {NOOR: 1.5})  # type: ignore[dict-item]
    write_run(folder / "voted twice", ballots=[make_ballot("a"), make_ballot("a")])
    (folder / ".hidden").mkdir()
    (folder / "notes.txt").write_text("", encoding="utf-8")

    result = invoke("runs")
    assert result.exit_code == 0
    text = re.sub(r"\s+", " ", result.stdout)
    assert "6 folders cannot be read as a run:" in text
    assert " runs/foreign is no run directory: it holds no metadata.json " in text
    assert " runs/damaged/metadata.json cannot be read: Expecting property name" in text
    assert " runs/later/metadata.json is of format version 7; this package reads version 1 " in text
    assert " runs/torn/usage.json cannot be read: Expecting value" in text
    assert " runs/uncounted/final_vote.json: Aisha Noor cannot be 1.5 " in text
    assert " runs/voted twice/ballots.jsonl:2: 'a' has two ballots, or is nobody of the run " in text
    assert text.endswith("To see one: synthetic-communities show runs/good ")
    assert "hidden" not in text
    assert "notes" not in text
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_if_nothing_can_be_read_that_is_all_it_says(folder: Path) -> None:
    (folder / "foreign").mkdir()
    result = invoke("runs")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "1 folder cannot be read as a run:",
            "  runs/foreign is no run directory: it holds no metadata.json",
        ],
    )


def test_where_there_is_nothing_it_says_what_to_do(folder: Path) -> None:
    (folder / "notes.txt").write_text("", encoding="utf-8")
    assert says("runs") == (
        "Error: there is no run in runs; to make one there: synthetic-communities run --output runs\n"
    )
    assert says() == (
        "Error: there is no folder data/simulation; name the folder your runs are in, or make one: "
        "synthetic-communities run\n"
    )
    assert says("runs/notes.txt").startswith("Error: there is no folder runs/notes.txt;")
    path = write_run(folder / "my run")
    assert says(str(path)) == (
        "Error: runs/my run is itself a run; to see it: synthetic-communities show 'runs/my run'\n"
    )
    assert says("runs", "--epochs", "3").startswith("Usage:")


def says(*arguments: str) -> str:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def test_by_default_it_lists_what_run_makes(folder: Path) -> None:
    engine = GameEngine.from_config(Config.bundled(population_size=12, num_epochs=1))
    engine.initialize_simulation_output()
    result = engine.run()
    lines = invoke().stdout.splitlines()
    most = max(row["ballots"] for row in result.votes if row["status"] == "choice")
    leaders = [row["candidate_name"] for row in result.votes if row["candidate_id"] and row["ballots"] == most]
    assert (f"{most}: {leaders[0]}" if len(leaders) == 1 else f"{most} each: ") in lines[1]
    assert lines[1].split()[1:6] == ["Norrhaven", "offline", "mind", "12", "1"]
    assert lines[1].endswith("  complete")
    assert lines[2] == f"  {result.path.name}"
    assert lines[-1] == f"To see one: synthetic-communities show {result.path}"


def test_machines_get_json(folder: Path) -> None:
    path = write_named(folder, "run_20260101_000000")
    write_usage(path, started="2026-01-01T01:00:00+01:00")
    count(path, {NOOR: 1, BERG: 1})
    write_named(folder, "run_20250101_000000")
    (folder / "foreign").mkdir()
    result = invoke("runs", "--json")
    assert result.exit_code == 0
    listing = json.loads(result.stdout)
    assert listing == {
        "runs": [
            {
                "path": "runs/run_20260101_000000",
                "when": "2026-01-01T00:00:00+00:00",
                "when_from": "usage",
                "name": "Norrhaven",
                "replicate": 0,
                "mind": "offline mind",
                "candidate_mind": "offline mind",
                "people": 3,
                "epochs": 2,
                "status": "complete",
                "votes": {NOOR: 1, BERG: 1},
                "leaders": [NOOR, BERG],
                "is_complete": True,
            },
            {
                "path": "runs/run_20250101_000000",
                "when": "2025-01-01T00:00:00+00:00",
                "when_from": "name",
                "name": "Norrhaven",
                "replicate": 0,
                "mind": "offline mind",
                "candidate_mind": "offline mind",
                "people": 3,
                "epochs": 2,
                "status": None,
                "votes": None,
                "leaders": [],
                "is_complete": False,
            },
        ],
        "unreadable": [{"path": "runs/foreign", "why": "runs/foreign is no run directory: it holds no metadata.json"}],
    }


def test_the_page_has_every_key_of_the_json(folder: Path) -> None:
    write_named(folder, "run_20260101_000000")
    (folder / "foreign").mkdir()
    listing = json.loads(invoke("runs", "--json").stdout)
    keys = ["runs", *(f"runs[].{key}" for key in listing["runs"][0])]
    keys += ["unreadable", *(f"unreadable[].{key}" for key in listing["unreadable"][0])]
    page = (Path(__file__).resolve().parent.parent / "docs/results.md").read_text("utf-8")
    (section,) = re.findall(r"^## Runs in a folder\n(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE) == keys


def test_only_small_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_named(folder, "run_20260101_000000")
    write_usage(path)
    count(path, {NOOR: 1})
    write_run(path, make_metadata(), epochs=["no JSON"], beliefs=["nor this"], ballots=["nor that"])
    assert [run.votes for run in list_runs(folder).runs] == [{NOOR: 1}], "the count is enough"
    (path / EPOCHS).unlink()
    (path / FINAL_VOTE).unlink()
    assert len(list_runs(folder).unreadable) == 1, "without a count, ballots are counted"


def test_a_link_that_leads_nowhere_is_passed_over(folder: Path) -> None:
    (folder / "gone").symlink_to("nowhere")
    write_named(folder, "run_20260101_000000")
    assert len(list_runs(folder).runs) == 1


# One run in a few words.


@pytest.mark.parametrize(
    ("name", "started", "when", "source"),
    [
        ("run_20260101_000000", "2026-01-02T03:04:05-05:00", "2026-01-02T08:04:05", "usage"),
        ("run_20260101_123456_7", None, "2026-01-01T12:34:56", "name"),
        ("run_20260101_123456", "yesterday", "2026-01-01T12:34:56", "name"),
        ("run_20260101_123456", "2026-01-02T03:04:05", "2026-01-01T12:34:56", "name"),
        ("run_20260101_123456", "0001-01-01T00:00:00+14:00", "2026-01-01T12:34:56", "name"),
        ("run_20261399_999999", None, "2001-09-09T01:46:40", "file"),
        ("run_20260101_123456_7_8", None, "2001-09-09T01:46:40", "file"),
        ("mine", None, "2001-09-09T01:46:40", "file"),
    ],
)
def test_when_a_run_began_is_taken_from_what_says_it_best(
    name: str, started: str | None, when: str, source: str, tmp_path: Path
) -> None:
    path = write_run(tmp_path / "moved here", make_metadata(simulation_id=name))
    if started is not None:
        write_usage(path, started=started)
    os.utime(path / METADATA, (1_000_000_000, 1_000_000_000))
    run = read_listed_run(path)
    assert (run.when, run.when_from) == (datetime.fromisoformat(when).replace(tzinfo=UTC), source)


@pytest.mark.parametrize(
    ("ballots", "votes", "leaders"),
    [
        ([], None, ()),
        ([make_ballot("a"), make_ballot("b", "berg"), make_ballot("c")], {NOOR: 2, BERG: 1}, (NOOR,)),
        ([make_ballot("a"), make_ballot("b", "berg")], {NOOR: 1, BERG: 1}, (NOOR, BERG)),
        ([make_ballot("a", None)], {NOOR: 0, BERG: 0}, ()),
    ],
)
def test_without_a_count_ballots_are_counted(
    ballots: Any, votes: dict[str, int] | None, leaders: tuple[str, ...], tmp_path: Path
) -> None:
    run = read_listed_run(write_run(tmp_path / "run", ballots=ballots))
    assert (run.votes, run.leaders, run.is_complete) == (votes, leaders, False)


def test_a_run_of_before_scenarios_had_names_has_none(tmp_path: Path) -> None:
    assert read_listed_run(write_run(tmp_path / "run", make_metadata(config={"num_epochs": 1}))).name is None


def test_if_nobody_was_chosen_it_says_so(folder: Path) -> None:
    count(write_named(folder, "run_20260101_000000"), {NOOR: 0, BERG: 0})
    assert "0: nobody chosen" in invoke("runs").stdout


def test_what_the_terminal_lacks_stands_there_by_its_number() -> None:
    run = ListedRun(
        Path("runs/bürger"),
        datetime(2026, 1, 1, tzinfo=UTC),
        when_from="name",
        name="Bürger",
        mind="größer",
        candidate_mind="größer",
        people=3,
        epochs=1,
        status="complete",
        votes={"José": 2},
    )
    wide, narrow = (describe_listing(Listing((run,), ()), Path("runs"), "sc", 140, each) for each in ("utf-8", "ascii"))
    assert ("Bürger" in wide, "größer" in wide, "José" in wide) == (True, True, True)
    table = narrow.split("\n\n")[0]
    assert table.isascii()
    assert all(name in table for name in (r"B\xfcrger", r"gr\xf6\xdfer", r"Jos\xe9"))


# Whatever it holds.

WORDS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
RUNS = st.builds(
    ListedRun,
    WORDS.map(lambda name: Path("runs") / f"x{name}".replace("/", "").replace("\x00", "")),
    st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),
    when_from=st.sampled_from(["usage", "name", "file"]),
    name=st.none() | WORDS,
    mind=WORDS,
    candidate_mind=WORDS,
    people=st.integers(0, 10**6),
    epochs=st.integers(0, 10**6),
    status=st.sampled_from(["complete", "interrupted", None]),
    votes=st.none() | st.dictionaries(WORDS, st.integers(0, 10**6), max_size=4),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(RUNS, max_size=4), st.lists(WORDS, max_size=3), st.integers(1, 300))
def test_lines_fit_and_hold_no_control_characters(runs: list[ListedRun], whys: list[str], width: int) -> None:
    listing = Listing(tuple(runs), tuple(UnreadableRun(Path("x"), why) for why in whys))
    lines = describe_listing(listing, Path("runs"), "synthetic-communities", width).split("\n")
    room = min(MAX_WIDTH, max(MIN_WIDTH, width))
    # Advice is there to be typed: it holds the path as it is.
    table = [line for line in lines if not line.startswith("To see one: ")]
    assert all(measure_width(line) <= room for line in table if not line.startswith("  "))
    assert all(character.isprintable() for line in table for character in line)
    assert sum(line.endswith(("complete", "partial")) for line in table) >= len(runs)
