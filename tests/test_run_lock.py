"""One process at a time in a run directory: the second is refused and told who is there, whatever the first left."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities import GameEngine
from synthetic_communities.errors import RecordError, RunInUseError
from synthetic_communities.runs.directory import METADATA
from synthetic_communities.runs.lock import LOCK, RunLock, lock_file
from synthetic_communities.runs.lock_note import Holder, find_beginning, is_gone, read_note, this_process, write_note
from tests.small_communities import make_config, make_engine, run_engine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there, and links not usual")

knows_beginnings = pytest.mark.skipif(find_beginning(os.getpid()) is None, reason="this system does not tell")

HOLDING = """
import sys
from pathlib import Path
from synthetic_communities.runs.lock import RunLock

with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("let go", flush=True)
"""


def refuse_locks(descriptor: int) -> None:
    """Lock as a file system does that knows no locks."""
    raise OSError(errno.ENOLCK, "No locks available")


both_ways = pytest.mark.parametrize("lock", [lock_file, refuse_locks], ids=["locked", "named"])

Lock = Callable[[int], None]


@contextmanager
def held_elsewhere(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a run directory."""
    command = [sys.executable, "-c", HOLDING, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refused(directory: Path, lock: Lock = lock_file) -> RunInUseError:
    """Return why a run directory cannot be had."""
    with pytest.raises(RunInUseError) as caught, RunLock(directory, lock=lock):
        pass
    return caught.value


def write_lock(directory: Path, content: Holder | bytes) -> None:
    text = content if isinstance(content, bytes) else json.dumps(asdict(content)).encode()
    (directory / LOCK).write_bytes(text)


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    with held_elsewhere(tmp_path) as process:
        error = refused(tmp_path)
        assert (error.path, error.host, error.pid) == (tmp_path, socket.gethostname(), process.pid)
        assert error.started is not None
        assert before <= datetime.fromisoformat(error.started) <= datetime.now(UTC)
        assert str(error) == (
            f"{tmp_path} is in use by process {process.pid} on {error.host}, since {error.started}; "
            "wait until it has ended, or end it"
        )
        process.communicate("\n")
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    with RunLock(tmp_path):
        pass


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
        assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == process.pid
        with RunLock(tmp_path):
            assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == os.getpid()
            assert refused(tmp_path).pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


@both_ways
def test_the_same_process_is_refused_as_well_and_the_first_keeps_it(tmp_path: Path, lock: Lock) -> None:
    with RunLock(tmp_path, lock=lock):
        for _ in range(3):
            assert refused(tmp_path, lock).pid == os.getpid()
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600
    with RunLock(tmp_path, lock=lock):
        pass
    assert list(tmp_path.iterdir()) == []


@both_ways
def test_it_is_let_go_when_what_was_done_fails(tmp_path: Path, lock: Lock) -> None:
    with pytest.raises(ZeroDivisionError), RunLock(tmp_path, lock=lock):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


GARBAGE = [b"", b"\0" * 9000, b"[" * 4000, b"{}", b'{"host": 3, "pid": 1}', b"\xff", b'{"host": "a\\u001b", "pid": 1}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_lock_of_nobody_is_taken_over_whatever_it_says(tmp_path: Path, garbage: bytes) -> None:
    write_lock(tmp_path, garbage)
    with RunLock(tmp_path):
        assert refused(tmp_path).pid == os.getpid()


def test_who_holds_a_lock_that_says_nothing_is_not_known(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path):
        write_lock(tmp_path, b"?")
        error = refused(tmp_path)
    assert (error.host, error.pid, error.started) == (None, None, None)
    assert str(error).startswith(f"{tmp_path} is in use by a process that does not say who it is; wait")


def test_a_lock_cannot_be_a_link_or_anything_but_a_file_of_its_own(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    for make in (
        lambda lock: lock.symlink_to(other),
        lambda lock: lock.symlink_to(tmp_path / "nowhere"),
        lambda lock: os.link(other, lock),
        os.mkfifo,
        os.mkdir,
    ):
        directory = tmp_path / "run"
        directory.mkdir()
        make(directory / LOCK)
        with pytest.raises(RecordError, match=r"run\.lock cannot be a lock: it is a link, a directory or the like"):
            RunLock(directory).__enter__()
        (directory / LOCK).rmdir() if (directory / LOCK).is_dir() else (directory / LOCK).unlink()
        directory.rmdir()
    assert other.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_that_is_removed_while_it_is_taken_counts_for_nothing(tmp_path: Path) -> None:
    tries: list[int] = []

    def lock_slowly(descriptor: int) -> None:
        lock_file(descriptor)
        tries.append(descriptor)
        if len(tries) < 4:
            (tmp_path / LOCK).unlink()

    with RunLock(tmp_path, lock=lock_slowly):
        assert len(tries) == 4
        assert refused(tmp_path).pid == os.getpid()


def test_a_lock_that_vanishes_for_ever_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(RunInUseError, match="does not say who it is"):
        RunLock(tmp_path, lock=lambda _: (tmp_path / LOCK).unlink()).__enter__()


@both_ways
def test_somebody_elses_lock_is_not_removed(tmp_path: Path, lock: Lock) -> None:
    with RunLock(tmp_path, lock=lock):
        (tmp_path / LOCK).unlink()
        write_lock(tmp_path, b"another's")
    assert (tmp_path / LOCK).read_bytes() == b"another's"


def test_a_directory_that_is_gone_is_told_of_with_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        RunLock(tmp_path / "gone").__enter__()
    assert caught.value.filename in (tmp_path / "gone" / LOCK, str(tmp_path / "gone" / LOCK))

    with RunLock(tmp_path):
        (tmp_path / LOCK).unlink()
    assert list(tmp_path.iterdir()) == []


def test_another_error_of_locking_is_told_and_leaves_no_file_open(tmp_path: Path) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    files = Path("/proc/self/fd")
    before = {*os.listdir(files)} if files.is_dir() else set()
    with pytest.raises(OSError, match=r"Input/output error: '.*run\.lock'"):
        RunLock(tmp_path, lock=fail).__enter__()
    assert not before or {*os.listdir(files)} <= before


# Where files cannot be locked.


class TestNamed:
    def test_a_process_that_is_there_is_not_taken_from(self, tmp_path: Path) -> None:
        write_lock(tmp_path, this_process())
        error = refused(tmp_path, refuse_locks)
        assert error.pid == os.getpid()
        assert str(error).endswith(f"or end it; if it is gone already, remove {tmp_path / LOCK}")

    def test_a_process_that_is_gone_is(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            pass
        write_lock(tmp_path, Holder(socket.gethostname(), ended.pid, started="then"))
        with RunLock(tmp_path, lock=refuse_locks):
            assert refused(tmp_path, refuse_locks).pid == os.getpid()
        assert list(tmp_path.iterdir()) == []

    @knows_beginnings
    def test_another_process_of_the_same_id_does_not_count(self, tmp_path: Path) -> None:
        write_lock(tmp_path, Holder(socket.gethostname(), os.getpid(), started="then", process_began="boot 1"))
        with RunLock(tmp_path, lock=refuse_locks):
            assert json.loads((tmp_path / LOCK).read_bytes())["process_began"] == find_beginning(os.getpid())

    @pytest.mark.parametrize("left", [Holder("elsewhere.example", 1, started="then"), *GARBAGE])
    def test_what_cannot_be_known_is_not_taken_over(self, tmp_path: Path, left: Any) -> None:
        write_lock(tmp_path, left)
        before = (tmp_path / LOCK).read_bytes()
        assert f"if it is gone already, remove {tmp_path / LOCK}" in str(refused(tmp_path, refuse_locks))
        assert (tmp_path / LOCK).read_bytes() == before

    def test_who_was_faster_in_taking_over_keeps_it(self, tmp_path: Path) -> None:
        """Another process takes a stale lock over between the look at it and its removal."""
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            pass
        write_lock(tmp_path, Holder(socket.gethostname(), ended.pid, started="then"))
        faster = RunLock(tmp_path, lock=refuse_locks)
        entered: list[RunLock] = []

        def refuse_slowly(descriptor: int) -> None:
            if not entered:
                entered.append(faster)
                faster.__enter__()
            refuse_locks(descriptor)

        error = refused(tmp_path, refuse_slowly)
        assert error.pid == os.getpid()
        assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == os.getpid()
        faster.__exit__(None, None, None)
        assert list(tmp_path.iterdir()) == []


class TestNotes:
    @given(st.binary(max_size=60) | st.dictionaries(st.sampled_from(["host", "pid", "started"]), st.text() | st.none()))
    def test_any_note_is_read_or_not_understood(self, tmp_path_factory: pytest.TempPathFactory, note: Any) -> None:
        file = tmp_path_factory.getbasetemp() / "note"
        file.write_bytes(note if isinstance(note, bytes) else json.dumps(note).encode())
        with file.open("rb") as opened:
            assert read_note(opened.fileno()) is None

    def test_what_was_written_is_read_though_more_stood_there(self, tmp_path: Path) -> None:
        (tmp_path / "note").write_bytes(b"x" * 9000)
        with (tmp_path / "note").open("r+b") as file:
            write_note(file.fileno(), this_process())
            found = read_note(file.fileno())
        assert found is not None
        assert (found.pid, found.process_began) == (os.getpid(), find_beginning(os.getpid()))

    def test_who_is_gone(self) -> None:
        here, mine = socket.gethostname(), os.getpid()
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            pass
        assert not is_gone(this_process())
        assert not is_gone(Holder(here, mine, started="then"))
        assert not is_gone(Holder(here, 1, started="then"))
        assert is_gone(Holder(here, ended.pid, started="then"))
        assert not is_gone(Holder(f"not-{here}", ended.pid, started="then"))

    @knows_beginnings
    def test_a_process_began_once(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            assert find_beginning(other.pid) == find_beginning(other.pid) != find_beginning(os.getpid())
            other.kill()
        assert find_beginning(other.pid) is None


# A whole run.


def test_a_run_holds_its_directory_and_lets_it_go(tmp_path: Path) -> None:
    engine = make_engine(make_config(3))
    held: list[int | None] = []

    def watch(moment: object) -> None:
        assert engine.simulation_dir is not None
        if not held:
            held.append(refused(engine.simulation_dir).pid)

    engine.observer = watch
    path = run_engine(engine, tmp_path).path
    assert held == [os.getpid()]
    assert not (path / LOCK).exists()


def test_a_run_in_a_directory_in_use_writes_nothing_there(tmp_path: Path) -> None:
    engine: GameEngine = make_engine(make_config(3))
    engine.initialize_simulation_output(tmp_path)
    assert engine.simulation_dir is not None
    with held_elsewhere(engine.simulation_dir) as process, pytest.raises(RunInUseError) as caught:
        engine.run()
    assert caught.value.pid == process.pid
    assert not (engine.simulation_dir / METADATA).exists()
