"""The calls of acts that came to nothing, in runs that were broken off and gone on with: those of undisturbed ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.rerunning import replay_run, resume_run
from synthetic_communities.runs.directory import FAILED_CALLS, USAGE
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import mark_requests, run_engine, set_keys, use_policy
from tests.small_communities import read_record
from tests.test_failed_calls import TROUBLE, make_small


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


MIXED = {**TROUBLE, "chat turn": "500:1,refuse:0"}

LASTING = {act: fault for act, fault in TROUBLE.items() if fault.endswith(":0") and "," not in fault}
"""What goes wrong however often it is asked: acts under way when a run broke off fail as they would have."""


@pytest.fixture(autouse=True)
def troubled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """Acts that fail in every way, each call of them as often as its server says."""
    set_keys(monkeypatch)
    use_policy(monkeypatch, max_tries=3)
    mark_requests(monkeypatch, getattr(request, "param", MIXED))
    server.reset()


def make_troubled(server: LoopbackServer) -> GameEngine:
    return make_small(server, max_concurrent=1)


def sorted_lines(path: Path) -> list[str]:
    return sorted((path / FAILED_CALLS).read_text(encoding="utf-8").splitlines())


def leave_all(file: Path) -> None:
    pass


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def spoil(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b'{"task": 1}\n' + lines[-1])


@pytest.mark.parametrize("lose", [leave_all, cut, Path.unlink])
def test_what_the_journal_answers_is_written_where_it_is_missing(
    server: LoopbackServer, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = run_engine(make_troubled(server), tmp_path).path
    lines = sorted_lines(path)
    assert {'"tries": 3' in line for line in lines} == {True, False}
    with closing(sqlite3.connect(path / JOURNAL)) as journal, journal:
        # What a process leaves that was killed, and one that was ended by Ctrl-C, while they waited for these calls.
        columns = "key, act, attempt, try, failure, detail, seconds"
        journal.execute(f"INSERT INTO failed_tries SELECT {columns}, ended - 1000 FROM failed_tries")
        journal.execute("INSERT INTO failed_tries SELECT key, act, 1, 1, 'cancelled', '', 0, ended FROM calls")
    (path / USAGE).unlink()
    lose(path / FAILED_CALLS)
    server.reset()
    resume_run(path)
    assert sorted_lines(path) == lines
    assert server.stats()["calls"] == 0


@pytest.mark.parametrize("troubled", [LASTING], indirect=True, ids=["lasting"])
@pytest.mark.parametrize("done", [9, 16])
def test_a_run_broken_off_on_the_way_has_the_lines_of_an_undisturbed_one(
    server: LoopbackServer, tmp_path: Path, done: int
) -> None:
    undisturbed = run_engine(make_troubled(server), tmp_path / "whole").path

    def cut_the_power(moment: Moment) -> None:
        if moment.done == done:
            raise RuntimeError("no power")

    server.reset()
    engine = make_troubled(server)
    engine.observer = cut_the_power
    with pytest.raises(RuntimeError, match="no power"):
        run_engine(engine, tmp_path / "broken")
    path = engine.simulation_dir
    assert path is not None
    first = sorted_lines(path)
    (path / FAILED_CALLS).unlink()
    resume_run(path)
    assert 0 < len(first) < len(sorted_lines(path))
    assert sorted_lines(path) == sorted_lines(undisturbed)
    assert read_record(path) == read_record(undisturbed)


def test_a_line_that_cannot_be_read_stands_for_no_call(server: LoopbackServer, tmp_path: Path) -> None:
    path = run_engine(make_troubled(server), tmp_path).path
    lines = sorted_lines(path)
    (path / USAGE).unlink()
    spoil(path / FAILED_CALLS)
    resume_run(path)
    assert sorted_lines(path) == sorted([*lines, '{"task": 1}'])


def test_what_a_cache_answered_has_no_line_afterwards_either(server: LoopbackServer, tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        engine = make_troubled(server)
        engine.use_cache(tmp_path / "answers")
        server.reset()
        paths.append(run_engine(engine, tmp_path / str(number)).path)
    lines = sorted_lines(paths[1])
    assert 0 < len(lines) < len(sorted_lines(paths[0]))
    (paths[1] / USAGE).unlink()
    (paths[1] / FAILED_CALLS).unlink()
    resume_run(paths[1])
    assert sorted_lines(paths[1]) == lines


def test_a_replay_has_no_line_of_calls_that_were_another_runs(server: LoopbackServer, tmp_path: Path) -> None:
    path = run_engine(make_troubled(server), tmp_path / "first").path
    again = replay_run(path, base_dir=tmp_path / "again")
    assert not (again.path / FAILED_CALLS).exists()
