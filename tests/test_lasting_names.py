"""A power cut takes what was not synced: files and names of a run that have to be there are on the disk by then."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.rerunning import resume_run
from synthetic_communities.runs.directory import (
    BELIEFS,
    CONFIG,
    EPOCHS,
    FAILED_CALLS,
    INPUTS,
    LINES,
    METADATA,
    PEOPLE,
    USAGE,
    append_lines,
    make_run_directory,
)
from synthetic_communities.runs.lock import LOCK
from synthetic_communities.runs.writing import sync_names
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="directories are not synced there")

AT_THE_START = {CONFIG, INPUTS, PEOPLE, METADATA}


class Disk:
    """What a power cut would leave: of files what was synced last, of directories the names that were synced last.

    Attributes:
        synced: path of a directory to how often it was synced.
    """

    def __init__(self) -> None:
        self.synced: Counter[Path] = Counter()
        self._sizes: dict[int, int] = {}
        self._names: dict[int, set[str]] = {}

    def fsync(self, descriptor: int) -> None:
        """Take note of what would stay, in place of `os.fsync`."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            self.synced[Path(os.readlink(f"/proc/self/fd/{descriptor}"))] += 1
            self._names[found.st_ino] = set(os.listdir(descriptor))
        else:
            self._sizes[found.st_ino] = found.st_size

    def left(self, directory: Path) -> set[str]:
        """Return the names of files that would be whole after a power cut now."""
        if not self.has(directory):
            return set()
        names = self._names.get(directory.stat().st_ino, set())
        return {file.name for file in directory.iterdir() if file.name in names and self._is_whole(file)}

    def has(self, path: Path) -> bool:
        """Say whether the name of a file or directory would be there."""
        return path.name in self._names.get(path.parent.stat().st_ino, set())

    def _is_whole(self, file: Path) -> bool:
        return self._sizes.get(file.stat().st_ino) == file.stat().st_size


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs to tell the name of an open file")
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    return disk


def prepare(folder: Path, mind: ScriptedMind | None = None) -> tuple[GameEngine, Path]:
    engine = make_engine(make_config(3), mind)
    engine.initialize_simulation_output(folder)
    assert engine.simulation_dir is not None
    return engine, engine.simulation_dir


def written(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()} - {LOCK}


def test_before_anything_is_asked_all_that_a_run_is_made_of_is_on_the_disk(tmp_path: Path, disk: Disk) -> None:
    found = []
    mind = ScriptedMind(lambda view: found.append(disk.left(path)))  # type: ignore[func-returns-value]
    engine, path = prepare(tmp_path / "data" / "simulation", mind)
    assert all(disk.has(each) for each in (tmp_path / "data", tmp_path / "data" / "simulation", path))
    engine.run()
    assert found[0] == AT_THE_START


def test_whatever_stands_in_a_run_directory_is_on_the_disk_when_an_act_ends_and_in_the_end(
    tmp_path: Path, disk: Disk
) -> None:
    engine, path = prepare(tmp_path)
    lacking: list[set[str]] = []
    engine.observer = lambda moment: lacking.append(written(path) - disk.left(path))
    engine.run()
    assert lacking == [set()] * len(lacking)
    assert written(path) == disk.left(path) > {*LINES, USAGE}


def test_names_are_synced_once_for_each_file_and_never_for_a_line(tmp_path: Path, disk: Disk) -> None:
    counts = []
    for epochs in (2, 6):
        engine = make_engine(make_config(3, num_epochs=epochs))
        engine.initialize_simulation_output(tmp_path)
        engine.run()
        assert engine.simulation_dir is not None
        counts.append(disk.synced[engine.simulation_dir])
    assert counts[0] == counts[1] <= len(written(engine.simulation_dir)) + 1, "metadata.json is written twice"
    for _ in range(5):
        append_lines(engine.simulation_dir / FAILED_CALLS, ["{}"])
    assert disk.synced[engine.simulation_dir] == counts[1] + 1


def test_a_run_that_was_gone_on_with_is_on_the_disk_too(tmp_path: Path, disk: Disk) -> None:
    engine, path = prepare(tmp_path)

    def cut_the_power(moment: Moment) -> None:
        if (path / EPOCHS).is_file():
            raise RuntimeError("no power")

    engine.observer = cut_the_power
    with pytest.raises(RuntimeError, match="no power"):
        engine.run()
    (path / BELIEFS).unlink()
    resume_run(path)
    assert written(path) == disk.left(path) > {*LINES, USAGE}


def fail_at(number: int) -> Callable[[int], None]:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_where_directories_are_not_synced_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_names(tmp_path / "not there")
    monkeypatch.setattr(os, "fsync", fail_at(errno.EINVAL))
    assert make_run_directory(tmp_path / "a" / "b", "run").is_dir()


def test_a_disk_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fail_at(errno.EIO))
    with pytest.raises(OSError, match="Input/output error") as caught:
        sync_names(tmp_path)
    assert caught.value.filename == str(tmp_path)
