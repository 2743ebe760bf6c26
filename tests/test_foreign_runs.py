"""Run directories of somebody else: what leads out of them is refused, and nothing in them is too large or too deep."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from synthetic_communities.cli.main import program
from synthetic_communities.errors import RecordError
from synthetic_communities.report.listing import list_runs
from synthetic_communities.report.plots import save_plots
from synthetic_communities.report.replicates import Replicates, write_replicates
from synthetic_communities.report.result import load_run
from synthetic_communities.runs import reading
from synthetic_communities.runs.bounds import MAX_DEPTH, is_too_deep
from synthetic_communities.runs.directory import (
    BALLOTS,
    BELIEFS,
    CONFIG,
    EPOCHS,
    FAILED_CALLS,
    FINAL_VOTE,
    METADATA,
    REPLICATES,
    USAGE,
)
from tests.written_runs import make_ballot, make_belief, make_epoch, make_metadata, write_run, write_usage

SECRET = "what stands elsewhere"


def write_whole(path: Path) -> Path:
    """Write a run with a file of every sort."""
    beliefs = [make_belief(who, "opening", None, 0.5) for who in "abc"]
    write_run(path, beliefs=beliefs, ballots=[make_ballot(who) for who in "abc"], epochs=[make_epoch(0), make_epoch(1)])
    write_usage(path)
    (path / FINAL_VOTE).write_text("{}", encoding="utf-8")
    (path / FAILED_CALLS).write_text("", encoding="utf-8")
    (path / CONFIG).write_text("", encoding="utf-8")
    return path


def type_command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, list(map(str, arguments)))


class TestLinks:
    @pytest.mark.parametrize("file", [METADATA, BELIEFS, BALLOTS, EPOCHS, USAGE, FINAL_VOTE, FAILED_CALLS, CONFIG])
    @pytest.mark.parametrize("spell", [os.path.abspath, os.path.relpath], ids=["absolute", "relative"])
    def test_a_file_that_stands_elsewhere_is_refused(
        self, file: str, spell: Callable[..., str], tmp_path: Path
    ) -> None:
        run, elsewhere = write_whole(tmp_path / "runs" / "run"), tmp_path / "elsewhere"
        (run / file).rename(elsewhere)
        (run / file).symlink_to(elsewhere if spell is os.path.abspath else spell(elsewhere, run))

        for skip_damaged in (False, True):
            with pytest.raises(RecordError) as refused:
                load_run(run, skip_damaged=skip_damaged)
            told = f"{run / file} is a symbolic link that leads out of {run}, to {elsewhere}, and is not read; copy"
            assert str(refused.value).startswith(told)
        shown, listed = type_command("show", run), type_command("list", run.parent)
        assert shown.exit_code == 2
        assert "symbolic link that leads out" in shown.stderr
        assert shown.stdout == ""
        assert "symbolic link that leads out" in " ".join(listed.output.split())

    def test_one_that_leads_nowhere_or_round_in_circles_is_too(self, tmp_path: Path) -> None:
        run = write_whole(tmp_path / "run")
        (run / "x.jsonl").symlink_to(tmp_path / "nowhere")
        with pytest.raises(RecordError, match=r"x\.jsonl is a symbolic link"):
            load_run(run)
        (run / "x.jsonl").unlink()
        (run / BELIEFS).unlink()
        (run / BELIEFS).symlink_to(run / BELIEFS)
        assert load_run(run).beliefs == []

    def test_one_within_the_directory_is_read_and_so_is_a_linked_directory(self, tmp_path: Path) -> None:
        run = write_whole(tmp_path / "run")
        (run / BELIEFS).rename(run / "moved.jsonl")
        (run / BELIEFS).symlink_to("moved.jsonl")
        (run / "pictures").symlink_to(tmp_path)
        link = tmp_path / "link"
        link.symlink_to(run)
        assert len(load_run(run).beliefs) == len(load_run(link).beliefs) == 3

    def test_of_what_a_link_led_to_nothing_is_told(self, tmp_path: Path) -> None:
        run = write_whole(tmp_path / "run")
        (tmp_path / "elsewhere").write_text(SECRET, encoding="utf-8")
        (run / FAILED_CALLS).unlink()
        (run / FAILED_CALLS).symlink_to(tmp_path / "elsewhere")
        for option in ([], ["--failures"], ["--json"], ["--plots", str(tmp_path / "p")]):
            assert SECRET not in type_command("show", run, *option).output
        assert not (tmp_path / "p").exists()


class TestReplicates:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "runs" / "replicates_1"
        runs = [(number, write_whole(folder / f"run_{number}")) for number in range(2)]
        write_replicates(folder, runs)
        return folder

    def test_whole_ones_are_read(self, folder: Path) -> None:
        assert [len(run.beliefs) for run in Replicates(folder)] == [3, 3]

    @pytest.mark.parametrize("name", ["../../elsewhere", "..", ".", "", "/etc", "run_0/../../x", "run_0/", "a\0b"])
    def test_no_name_leads_out_of_the_folder(self, name: str, folder: Path) -> None:
        line = json.loads((folder / REPLICATES).read_text(encoding="utf-8").splitlines()[0])
        (folder / REPLICATES).write_text(json.dumps({**line, "run": name}) + "\n", encoding="utf-8")
        with pytest.raises(RecordError, match=r"replicates\.jsonl:1: run cannot be"):
            Replicates(folder)

    def test_a_run_that_stands_elsewhere_is_refused(self, folder: Path, tmp_path: Path) -> None:
        shutil.move(folder / "run_1", tmp_path / "elsewhere")
        (folder / "run_1").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RecordError, match=r"run_1 is a symbolic link that leads out"):
            list(Replicates(folder))
        assert type_command("show", folder).exit_code == 2
        (unreadable,) = list_runs(folder.parent).unreadable
        assert "symbolic link that leads out" in unreadable.why

    def test_the_list_of_them_stands_there_itself(self, folder: Path, tmp_path: Path) -> None:
        (folder / REPLICATES).rename(tmp_path / "elsewhere")
        (folder / REPLICATES).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RecordError, match=r"replicates\.jsonl is a symbolic link that leads out"):
            Replicates(folder)

    def test_a_folder_within_itself_is_listed_once(self, folder: Path) -> None:
        (folder / "replicates_2").symlink_to(folder.parent)
        listing = list_runs(folder.parent)
        assert len(listing.runs) == 2
        assert [unreadable.path.name for unreadable in listing.unreadable] == ["replicates_2"]

    def test_a_link_in_the_folder_that_is_listed_is_its_users(self, tmp_path: Path, folder: Path) -> None:
        (folder.parent / "run_of_mine").symlink_to(write_whole(tmp_path / "elsewhere"))
        assert len(list_runs(folder.parent).runs) == 3


def nest(depth: int) -> Any:
    """Return lists and mappings nested so deep."""
    value: Any = []
    for number in range(depth - 1):
        value = [value] if number % 2 else {"x": value}
    return value


class TestBounds:
    @pytest.mark.parametrize("depth", [2, MAX_DEPTH, MAX_DEPTH + 1, 900])
    def test_what_is_too_deep(self, depth: int) -> None:
        assert is_too_deep(nest(depth)) is (depth > MAX_DEPTH)
        assert is_too_deep([1, nest(depth - 1), [2]]) is (depth > MAX_DEPTH)
        assert not is_too_deep("[" * depth)

    @pytest.mark.parametrize("depth", [MAX_DEPTH, 900, 100_000])
    def test_a_line_is_named(self, depth: int, tmp_path: Path) -> None:
        deep = f'{{"x": {"[" * depth}{"]" * depth}}}\n'
        run = write_run(tmp_path / "run", beliefs=[make_belief("a", "opening", None, 0.5), deep])
        what = f"{run / BELIEFS}:2 is damaged: it is nested deeper than {MAX_DEPTH} lists and mappings"
        with pytest.raises(RecordError) as refused:
            _ = load_run(run).beliefs
        assert str(refused.value).startswith(what)
        result = load_run(run, skip_damaged=True)
        assert (len(result.beliefs), result.damages) == (1, (what,))

    def test_a_file_is_named(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", {**make_metadata(), "population": nest(MAX_DEPTH)})
        with pytest.raises(RecordError, match=rf"metadata\.json cannot be read: it is nested deeper than {MAX_DEPTH}"):
            load_run(run)

    def test_attributes_as_deep_as_people_may_have_are_read(self, tmp_path: Path) -> None:
        person = {"id": "a", "name": "A", "demographics": {"x": nest(49)}}
        run = write_run(tmp_path / "run", {**make_metadata("a"), "population": [person]})
        assert load_run(run).metadata["population"] == [person]

    def test_a_line_that_is_too_long_is_named_and_not_held(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [make_belief(who, "opening", None, 0.5) for who in "ab"]
        limit = max(len(json.dumps(line)) for line in lines) + 1
        long = [json.dumps({"x": "y" * (limit * times)}) + "\n" for times in (1, 3)]
        run = write_run(tmp_path / "run", beliefs=[long[0], lines[0], long[1], lines[1], long[0].rstrip("\n")])
        monkeypatch.setattr(reading, "MAX_BYTES", limit)
        monkeypatch.setattr(reading, "read_metadata", lambda path: make_metadata())

        found = list(reading.iterate_lines(run / BELIEFS))
        assert [line.is_too_long for line in found] == [True, False, True, False, True]
        assert max(len(line.text) for line in found) <= limit
        for number in (1, 3, 5):
            with pytest.raises(RecordError) as refused:
                found[number - 1].take()
            assert str(refused.value) == f"{run / BELIEFS}:{number} is longer than {limit:,} bytes, and is not read"
        assert [line.take().text("persona_id") for line in found if not line.is_too_long] == ["a", "b"]

    def test_a_line_of_just_the_limit_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = b'{"x": "yyy"}\n'
        (tmp_path / "x").write_bytes(text * 2)
        monkeypatch.setattr(reading, "MAX_BYTES", len(text))
        assert [line.take().text("x") for line in reading.iterate_lines(tmp_path / "x")] == ["yyy"] * 2
        monkeypatch.setattr(reading, "MAX_BYTES", len(text) - 1)
        assert [line.is_too_long for line in reading.iterate_lines(tmp_path / "x")] == [True] * 2

    def test_a_file_that_is_too_large_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = write_run(tmp_path / "run")
        monkeypatch.setattr(reading, "MAX_BYTES", 10)
        with pytest.raises(RecordError, match=r"metadata\.json cannot be read: it is larger than 10 bytes"):
            load_run(run)


@pytest.mark.parametrize("who", ["../../x", "/etc/\x1b[2J\0"])
def test_no_id_of_a_person_leads_out_of_a_folder(who: str, tmp_path: Path) -> None:
    beliefs = [make_belief(who, "opening", None, -0.5), make_belief(who, "debate", -0.5, 0.5)]
    run = write_run(tmp_path / "run", make_metadata([who]), beliefs=beliefs)
    before = set(tmp_path.rglob("*"))
    folder = tmp_path / "pictures"
    paths = save_plots(load_run(run), folder)
    assert len(paths) == 3
    assert set(tmp_path.rglob("*")) - before == {folder, *paths}
    assert {path.parent for path in paths} == {folder}
