"""Disks that are full, folders that are gone or cannot be written: the run ends, says why, and what stands is whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities import Config, GameEngine, SimulationResult, load_run
from synthetic_communities.cli.repeating import describe_left as describe_runs_left
from synthetic_communities.cli.running import describe_left, run_community
from synthetic_communities.runs import spool as spooling
from synthetic_communities.runs.directory import (
    BALLOTS,
    BELIEFS,
    CONVERSATIONS,
    EPOCHS,
    EXPOSURES,
    FINAL_VOTE,
    METADATA,
    REACTIONS,
    USAGE,
    make_run_directory,
)
from synthetic_communities.runs.lock import LOCK
from synthetic_communities.runs.writing import all_or_nothing, errors_named, noted_on
from synthetic_communities.simulation.many import make_replicates_folder
from synthetic_communities.simulation.watching import Moment
from tests.test_cli import COMMAND, environment, run_path

needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")

FULL = "No space left on device"
EPOCHS_ASKED = 3
PEOPLE = 4

FillDisk = Callable[..., None]


def make_engine(folder: Path) -> GameEngine:
    config = Config.bundled(population_size=PEOPLE, num_epochs=EPOCHS_ASKED, post_probability=1.0)
    engine = GameEngine.from_config(config)
    engine.initialize_simulation_output(folder)
    return engine


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> FillDisk:
    """Return what lets the disk be full for files of these names, from the given write of such a file on."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs to tell the name of an open file")
    fsync = os.fsync

    def fill(*names: str, after: int = 0) -> None:
        written: list[str] = []

        def fail(descriptor: int) -> None:
            name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.removesuffix(".partial")
            if name in names:
                written.append(name)
                if len(written) > after:
                    raise OSError(errno.ENOSPC, FULL)
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fail)

    return fill


def check_whole(result: SimulationResult, ended: int) -> None:
    """Check that the record holds so many epochs, whole in every file, and everybody once in each."""
    assert result.damages == ()
    assert [row["epoch"] for row in result.epochs] == list(range(ended))
    for name in (BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES):
        file = result.path / name
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
        assert {line["epoch"] for line in lines} == set(range(ended)), name
    topics = {row["topic_id"] for row in result.beliefs}
    social = [(row["epoch"], row["persona_id"], row["topic_id"]) for row in result.beliefs if row["step"] == "social"]
    assert len(social) == len(set(social)) == ended * PEOPLE * len(topics)
    assert not list(result.path.glob("*.partial"))
    assert not (result.path / LOCK).exists()


@pytest.mark.parametrize("name", [BELIEFS, CONVERSATIONS, REACTIONS, EXPOSURES, EPOCHS])
@pytest.mark.parametrize("ended", [0, 1])
def test_a_full_disk_ends_the_run_and_leaves_whole_epochs(
    tmp_path: Path, fill_disk: FillDisk, name: str, ended: int
) -> None:
    engine = make_engine(tmp_path)
    fill_disk(name, after=ended)
    with pytest.raises(OSError, match=FULL) as caught:
        engine.run()
    assert engine.simulation_dir is not None
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(engine.simulation_dir / name)
    assert not hasattr(caught.value, "__notes__")
    result = load_run(engine.simulation_dir)
    assert result.measured["status"] == "failed"
    check_whole(result, ended)
    assert (result.ballots, result.vote_counts) == ([], None)


def test_where_nothing_more_can_be_written_the_first_cause_is_told_and_the_rest_noted(
    tmp_path: Path, fill_disk: FillDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.bundled(population_size=PEOPLE, num_epochs=EPOCHS_ASKED, post_probability=1.0)
    fill_disk(CONVERSATIONS, EPOCHS, USAGE, after=2)
    assert run_community(GameEngine.from_config(config), tmp_path, verbosity=0, command="sc") == 1
    (path,) = tmp_path.iterdir()
    assert capsys.readouterr().err.splitlines() == [
        f"Error: the run failed: {path / CONVERSATIONS}: {FULL}",
        f"Error: {path / USAGE} could not be written either: {FULL}",
        f"What is recorded stands in {path}",
        "Partial (still running, or killed): 1 of 3 epochs ended, no ballot was held.",
        f"To see it: sc show {path}",
        f"To go on:  sc resume {path}",
    ]
    result = load_run(path)
    assert result.measured == {}
    check_whole(result, 1)


def test_a_disk_that_is_full_at_the_vote_leaves_all_epochs(tmp_path: Path, fill_disk: FillDisk) -> None:
    engine = make_engine(tmp_path)
    fill_disk(BALLOTS)
    with pytest.raises(OSError, match=f"{FULL}: '.*ballots") as caught:
        engine.run()
    assert caught.value.__notes__ == [f"{engine.simulation_dir}/{BALLOTS} could not be written either: {FULL}"]
    assert engine.simulation_dir is not None
    result = load_run(engine.simulation_dir)
    check_whole(result, EPOCHS_ASKED)
    assert (result.measured["status"], result.ballots) == ("failed", [])


def test_a_count_that_cannot_be_written_is_counted_from_the_ballots(tmp_path: Path, fill_disk: FillDisk) -> None:
    engine = make_engine(tmp_path)
    fill_disk(FINAL_VOTE)
    with pytest.raises(OSError, match=f"{FULL}: '.*final_vote.json'"):
        engine.run()
    assert engine.simulation_dir is not None
    result = load_run(engine.simulation_dir)
    assert not (result.path / FINAL_VOTE).exists()
    assert len(result.ballots) == sum(row["ballots"] for row in result.votes) == PEOPLE


def test_a_run_that_cannot_begin_its_record_says_so(tmp_path: Path, fill_disk: FillDisk) -> None:
    engine = make_engine(tmp_path)
    fill_disk(METADATA)
    with pytest.raises(OSError, match=f"{FULL}: '.*metadata.json'"):
        engine.run()
    assert engine.simulation_dir is not None
    assert sorted(path.name for path in engine.simulation_dir.iterdir()) == [
        "config.yaml",
        "inputs.json",
        "people.jsonl",
    ]
    assert "the configuration, and nothing else yet" in describe_left(engine.simulation_dir, "sc")


def test_what_waits_on_a_full_disk_names_the_run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "MEMORY_BYTES", 256)
    monkeypatch.setattr(spooling, "TemporaryFile", lambda dir: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    engine = make_engine(tmp_path)
    with pytest.raises(OSError, match=FULL) as caught:
        engine.run()
    assert caught.value.filename == str(engine.simulation_dir)
    assert engine.simulation_dir is not None
    assert load_run(engine.simulation_dir).measured["status"] == "failed"


# A disk that really is full.


TOO_LARGE = ("--population", "10", "--epochs", "50")

SMALL_DISK = """
mount -t tmpfs -o size=160k tmpfs "$1" || exit 77
shift
"$@"
status=$?
cp -r disk kept
exit $status
"""


def test_a_small_disk_that_fills_up(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs a way to mount a small disk")
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", SMALL_DISK, "sh", "disk", *COMMAND, "run", *TOO_LARGE, "--output", "disk"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no disk may be mounted here")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    path = run_path(done.stdout)
    assert done.stderr.startswith(f"Error: the run failed: {path}")
    assert f": {FULL}\n" in done.stderr
    result = load_run(tmp_path / "kept" / path.relative_to("disk"))
    ended = len(result.epochs)
    assert 0 < ended < 50
    assert {row["epoch"] for row in result.beliefs} == {*range(ended)}
    assert result.damages == ()


# A folder that is gone, or may not be written to.


def test_a_directory_that_is_removed_while_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Watched(GameEngine):
        """An engine whose run directory somebody removes in the second epoch."""

        def _follow(self, moment: Moment) -> None:
            super()._follow(moment)
            if moment.epoch == 1 and self.simulation_dir is not None:
                shutil.rmtree(self.simulation_dir, ignore_errors=True)

    config = Config.bundled(population_size=PEOPLE, num_epochs=EPOCHS_ASKED, post_probability=1.0)
    assert run_community(Watched.from_config(config), tmp_path, verbosity=0, command="sc") == 1
    output = capsys.readouterr()
    path = run_path(output.out)
    failed, besides, left = output.err.splitlines()
    assert failed.startswith(f"Error: the run failed: {path}/")
    assert failed.endswith(": No such file or directory")
    assert besides == f"Error: {path / USAGE}.partial could not be written either: No such file or directory"
    assert left == f"Nothing is recorded any more: {path} is gone."
    assert not path.exists()


def test_folders_that_are_gone_hold_nothing(tmp_path: Path) -> None:
    told = f"Nothing is recorded any more: {tmp_path / 'gone'} is gone."
    assert describe_runs_left(tmp_path / "gone", "sc") == told


READ_ONLY_DISK = """
mount -t tmpfs tmpfs disk && mount -o remount,ro disk || exit 77
"$@"
"""


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs a way to mount a disk")
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", READ_ONLY_DISK, "sh", *COMMAND, "run", "--output", "disk/runs"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no disk may be mounted here")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no run directory can be made in disk/runs: Read-only file system" in done.stderr


# For its owner alone.


@pytest.fixture
def _nothing_masked() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(path: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in path.rglob("*") if each.is_file()}


@needs_modes
@pytest.mark.usefixtures("_nothing_masked")
def test_a_run_is_private_though_the_umask_masks_nothing(tmp_path: Path) -> None:
    engine = make_engine(tmp_path / "a" / "b")
    held: set[int] = set()
    engine.observer = lambda moment: held.update(modes(tmp_path))
    path = engine.run().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert held == modes(path) == {0o600}
    assert len(list(path.iterdir())) > 8
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")} == {0o777}


@needs_modes
@pytest.mark.usefixtures("_nothing_masked")
def test_replicates_are_private_too(tmp_path: Path) -> None:
    config = Config.bundled(population_size=2, num_epochs=1)
    runs = GameEngine.run_replicates(config, 2, base_dir=tmp_path / "runs")
    for path in (runs.path, *(run.path for run in runs)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert modes(runs.path) == {0o600}
    assert stat.S_IMODE(make_replicates_folder(tmp_path).stat().st_mode) == 0o700


@needs_modes
def test_a_directory_whose_name_is_taken_is_as_private(tmp_path: Path) -> None:
    made = [make_run_directory(tmp_path, "run_1") for _ in range(3)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 3


# The parts.


class TestParts:
    def test_several_files_are_taken_back_together(self, tmp_path: Path) -> None:
        old, new, gone = (tmp_path / name for name in ("old", "new", "gone"))
        old.write_bytes(b"before")

        def fail() -> None:
            old.write_bytes(b"before and after")
            new.write_bytes(b"after")
            raise ValueError("after all")

        with pytest.raises(ValueError, match="after all"), all_or_nothing([old, new, gone]):
            fail()
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old": b"before"}

    def test_without_an_error_all_stands(self, tmp_path: Path) -> None:
        with all_or_nothing([tmp_path / "new"]):
            (tmp_path / "new").write_bytes(b"after")
        assert (tmp_path / "new").read_bytes() == b"after"

    def test_an_error_that_names_a_file_keeps_it(self) -> None:
        with pytest.raises(OSError, match="'other'"), errors_named(Path("here")):
            raise OSError(errno.EIO, "wrong", "other")
        with pytest.raises(OSError, match="'here'"), errors_named(Path("here")):
            raise OSError(errno.EIO, "wrong")

    def test_what_fails_after_the_run_has_ended_well_is_raised(self) -> None:
        def fail() -> Any:
            raise OSError(errno.EIO, "wrong", "file")

        with pytest.raises(OSError, match="wrong"), noted_on(None):
            fail()
        error = ValueError("first")
        with noted_on(error):
            fail()
        assert error.__notes__ == ["file could not be written either: wrong"]
