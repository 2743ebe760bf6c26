"""Runs that were killed while they wrote: wherever the last line was cut, it is passed over and told, never guessed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities import Config, GameEngine, SimulationResult, load_run
from synthetic_communities.cli.main import program
from synthetic_communities.errors import RecordError
from synthetic_communities.runs.directory import (
    BALLOTS,
    BELIEFS,
    CONVERSATIONS,
    EPOCHS,
    EXPOSURES,
    FAILED_CALLS,
    FORMAT_VERSION,
    LINE_START,
    LINES,
    PEOPLE,
    REACTIONS,
    USAGE,
    encode,
    encode_line,
)
from tests.written_runs import make_belief, write_run

CALL = {
    "task": "e0/post/p0",
    "act": "post",
    "attempt": 1,
    "tries": 1,
    "outcome": "timeout",
    "model": None,
    "system": ["Sé brief."],
    "user": ["Write."],
    "reply": None,
    "error": "no reply",
}

READ: dict[str, Callable[[SimulationResult], list[dict[str, Any]]]] = {
    BELIEFS: lambda run: run.beliefs,
    CONVERSATIONS: lambda run: run.conversations,
    REACTIONS: lambda run: run.reactions,
    EXPOSURES: lambda run: run.exposures,
    BALLOTS: lambda run: run.ballots,
    EPOCHS: lambda run: run.epochs,
    FAILED_CALLS: lambda run: run.failed_calls,
}
"""File to what is read of it."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two people and two epochs, all of it on the disk when it was killed."""
    engine = GameEngine.from_config(Config.bundled(population_size=2, num_epochs=2, post_probability=1.0))
    engine.initialize_simulation_output(tmp_path_factory.mktemp("whole"))
    path = engine.run().path
    (path / FAILED_CALLS).write_text("".join(f"{encode_line({**CALL, 'tries': n})}\n" for n in (1, 2)), "utf-8")
    (path / USAGE).unlink()
    return path


@pytest.fixture
def killed(whole: Path, tmp_path: Path) -> Path:
    """A copy to cut."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def cut(file: Path, kept: int) -> tuple[int, int]:
    """Cut all but this many bytes off the last line of a file; return its number, and how long it was."""
    content = file.read_bytes()
    before = content[: content[:-1].rfind(b"\n") + 1]
    file.write_bytes(content[: len(before) + kept])
    return before.count(b"\n") + 1, len(content) - len(before)


def test_the_files_cut_here_are_all_there_are(whole: Path) -> None:
    assert {*READ} == {*LINES, FAILED_CALLS} == {path.name for path in whole.glob("*.jsonl")} - {PEOPLE}


@pytest.mark.parametrize("name", [BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES, BALLOTS, EPOCHS, FAILED_CALLS])
def test_a_last_line_cut_anywhere_is_passed_over_and_told(killed: Path, name: str) -> None:
    file = killed / name
    rows, content = READ[name](load_run(killed)), file.read_bytes()
    number, length = cut(file, 0)
    without = READ[name](load_run(killed))
    assert 0 <= len(without) < len(rows)
    step = 1 if length < 1000 else 7  # the line of an epoch is long
    for kept in [*range(1, length - 2, step), length - 2]:
        file.write_bytes(content)
        cut(file, kept)
        result = load_run(killed)
        assert READ[name](result) == without, kept
        assert result.damages == (f"{file}:{number} is damaged: it was cut off while it was written",)
    for kept in (length - 1, length):  # with its last brace it is whole
        file.write_bytes(content)
        cut(file, kept)
        result = load_run(killed)
        assert (READ[name](result), result.damages) == (rows, ())


@pytest.mark.parametrize("name", [*LINES, FAILED_CALLS])
@pytest.mark.parametrize("kept", [1, 40])
def test_everything_that_is_shown_of_it_says_so(killed: Path, name: str, kept: int) -> None:
    number, _ = cut(killed / name, kept)
    who = load_run(killed).people[0]["persona_id"]
    is_counted = name in (BELIEFS, BALLOTS, EPOCHS)
    options = () if is_counted else ("--failures",) if name == FAILED_CALLS else ("--person", who)
    done = CliRunner().invoke(program, ["show", str(killed), *options])

    assert done.exit_code == 2
    assert f"Error: {killed / name}:{number} is damaged: it was cut off while it was written" in done.stderr
    assert "Damaged: 1 place could not be read" in done.stdout
    if is_counted:
        assert "Damaged: 1 place could not be read" in load_run(killed).summary()


def test_an_epoch_whose_line_is_cut_has_not_ended(killed: Path) -> None:
    cut(killed / EPOCHS, 100)
    result = load_run(killed)
    assert [row["epoch"] for row in result.epochs] == [0]
    for rows in (result.beliefs, result.conversations, result.exposures, result.reactions):
        assert {row["epoch"] for row in rows} == {0}


@pytest.mark.parametrize("tail", [b"\0" * 300, b'{"format_version": 1, "epoch": 0, "s": "\xc3', b"\xff"])
def test_what_a_power_cut_leaves_at_the_end_is_passed_over_as_well(killed: Path, tail: bytes) -> None:
    rows = load_run(killed).beliefs
    with (killed / BELIEFS).open("ab") as file:
        file.write(tail)
    result = load_run(killed)
    assert result.beliefs == rows
    assert len(result.damages) == 1


def test_other_damage_of_a_killed_run_is_an_error_all_the_same(killed: Path) -> None:
    lines = (killed / BALLOTS).read_bytes().splitlines(keepends=True)
    for damaged in (
        [lines[0][:40] + b"\n", lines[1]],
        [lines[0], lines[1][:40] + b"\n"],
        [lines[0], lines[1].replace(b'"status"', b'"x"').rstrip(b"\n")],
    ):
        (killed / BALLOTS).write_bytes(b"".join(damaged))
        with pytest.raises(RecordError, match=r"ballots\.jsonl:\d"):
            _ = load_run(killed).ballots


def test_a_line_cut_off_in_a_run_that_came_to_its_end_is_an_error(killed: Path) -> None:
    (killed / USAGE).write_text(json.dumps({"format_version": 1, "status": "complete"}), "utf-8")
    cut(killed / BELIEFS, 40)
    with pytest.raises(RecordError, match=r"beliefs\.jsonl:\d+ is damaged: it was cut off while it was written; load"):
        _ = load_run(killed).beliefs


# The version in every line.


def state_version(file: Path, version: int, which: slice) -> int:
    """Have some lines of a file state a version of their format, and return how many these are."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    newer = [line.replace(LINE_START, f'{{"format_version": {version}, ', 1) for line in lines[which]]
    lines[which] = newer
    file.write_text("".join(lines), "utf-8")
    return len(newer)


class TestVersions:
    def test_every_line_begins_with_it(self, whole: Path) -> None:
        for file in whole.glob("*.jsonl"):
            for line in file.read_text("utf-8").splitlines():
                assert line.startswith(f'{{"format_version": {FORMAT_VERSION}, ')
                assert encode(json.loads(line)) == line

    def test_no_row_has_it(self, whole: Path) -> None:
        result = load_run(whole)
        for name, read in READ.items():
            assert read(result), name
            assert not any("format_version" in row for row in read(result)), name

    @pytest.mark.parametrize("name", READ)
    @pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, None, [1]])
    def test_one_that_is_not_known_is_refused_by_name(self, killed: Path, name: str, version: Any) -> None:
        lines = [json.loads(line) for line in (killed / name).read_text("utf-8").splitlines()]
        rows = READ[name](load_run(killed))
        lines[-1]["format_version"] = version
        (killed / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
        what = f"{killed / name}:{len(lines)} is of format version {version!r}; this package reads version 1"
        with pytest.raises(RecordError) as caught:
            READ[name](load_run(killed))
        assert str(caught.value) == f"{what}; load_run(path, skip_damaged=True) reads past it"
        lenient = load_run(killed, skip_damaged=True)
        assert len(READ[name](lenient)) < len(rows)
        assert lenient.damages == (what,)

    def test_many_of_one_version_are_told_together_and_the_rest_is_shown(self, killed: Path) -> None:
        number = state_version(killed / BELIEFS, 2, slice(1, None))
        state_version(killed / BALLOTS, 3, slice(0, 1))
        done = CliRunner().invoke(program, ["show", str(killed)])
        read = "this package reads version 1"
        assert done.exit_code == 2
        assert sorted(done.stderr.splitlines()) == [
            f"Error: {killed / BALLOTS}:1 is of format version 3; {read}",
            f"Error: {killed / BELIEFS}: {number} lines, the first of them line 2, are of format version 2; {read}",
            "What is shown is what could be read.",
        ]
        assert f"Damaged: {number + 1} places could not be read" in done.stdout

    def test_several_versions_are_told_one_by_one(self, killed: Path) -> None:
        for number in range(3):
            state_version(killed / BELIEFS, number + 2, slice(number, number + 1))
        result = load_run(killed, skip_damaged=True)
        assert len(result.beliefs) > 3
        assert len(result.damages_in_short) == 3
        assert result.damages_in_short == result.damages

    @pytest.mark.parametrize("name", READ)
    def test_lines_of_the_first_runs_name_none(self, killed: Path, name: str) -> None:
        rows = READ[name](load_run(killed))
        text = (killed / name).read_text("utf-8")
        (killed / name).write_text(text.replace(f'"format_version": {FORMAT_VERSION}, ', ""), "utf-8")
        assert READ[name](load_run(killed)) == rows

    def test_it_may_stand_anywhere_in_a_line(self, tmp_path: Path) -> None:
        line = {**make_belief("a", "opening", None, 0.5), "format_version": 1}
        assert len(load_run(write_run(tmp_path / "run", beliefs=[line])).beliefs) == 1
