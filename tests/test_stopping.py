"""The command told to end by the system: as on Ctrl-C, with an exit status that names the signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synthetic_communities import load_run
from synthetic_communities.cli.stopping import ENDING, stopped_as_by_ctrl_c
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.runs.directory import EPOCHS, USAGE
from synthetic_communities.runs.lock import LOCK
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import KEYS
from tests.patience import wait_for
from tests.test_cli import COMMAND, environment, run_path
from tests.test_model_choice import write_config

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended otherwise there"),
    pytest.mark.timing,  # and sends signals to its own process
]

LONG = ("--population", "20", "--epochs", "150")


@contextmanager
def started(
    folder: Path, *arguments: str, ignored: tuple[int, ...] = (), **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a run from the command line, in a process in which signals may be ignored from the beginning."""

    def ignore() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    with subprocess.Popen(
        [*COMMAND, "run", *arguments],
        cwd=folder,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_path(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return run_path(process.stdout.readline())


def check_left(folder: Path, path: Path, told: str) -> None:
    """Check that a run says where its record is, that it is whole, and that nobody holds it any more."""
    result = load_run(folder / path)
    ended = len(result.epochs)
    assert told.splitlines()[-4:] == [
        f"Interrupted. What is recorded stands in {path}",
        f"Partial (interrupted): {ended} of {result.record.epochs} epochs ended, no ballot was held.",
        f"To see it: python -m synthetic_communities show {path}",
        f"To go on:  python -m synthetic_communities resume {path}",
    ]
    assert result.measured["status"] == "interrupted"
    assert {row["epoch"] for row in result.beliefs} == set(range(ended))
    assert not (folder / path / LOCK).exists()


@pytest.mark.parametrize("ignored", [(), (signal.SIGINT,)], ids=["plain", "in the background of a shell"])
def test_a_run_ends_as_on_ctrl_c(ignored: tuple[int, ...], tmp_path: Path) -> None:
    with started(tmp_path, *LONG, ignored=ignored) as process:
        path = read_path(process)
        wait_for((tmp_path / path / EPOCHS).exists)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (143, "")
    check_left(tmp_path, path, stderr)


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As under nohup, in the background: neither a closed terminal nor Ctrl-C in another program ends the run."""
    arguments = ("--population", "20", "--epochs", "4")
    with started(tmp_path, *arguments, ignored=(signal.SIGHUP, signal.SIGINT)) as process:
        path = read_path(process)
        wait_for((tmp_path / path / EPOCHS).exists)
        for number in (signal.SIGHUP, signal.SIGINT):
            process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert load_run(tmp_path / path).is_complete


def test_a_run_that_waits_for_a_model_ends_at_once(tmp_path: Path) -> None:
    with LoopbackServer(latency=600.0) as server:
        write_config(tmp_path, base_url=f"{server.url}/v1", model="openai:gpt-x", num_epochs=2)
        with started(tmp_path, "town.yaml", OPENAI_API_KEY=KEYS["OPENAI_API_KEY"]) as process:
            path = read_path(process)
            wait_for(lambda: server.stats()["in_flight"] > 0)
            process.send_signal(signal.SIGTERM)
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    check_left(tmp_path, path, stderr)
    usage = json.loads((tmp_path / path / USAGE).read_text("utf-8"))
    assert set(usage["calls"]["outcomes"]) == {"cancelled"}


def test_replicates_end_together(tmp_path: Path) -> None:
    with started(tmp_path, *LONG, "--replicates", "2") as process:
        wait_for(lambda: len(list(tmp_path.glob(f"data/simulation/replicates_*/run_*/{EPOCHS}"))) == 2)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    (folder,) = (tmp_path / "data" / "simulation").iterdir()
    assert stderr.splitlines()[-4] == f"Interrupted. What is recorded stands in {folder.relative_to(tmp_path)}"
    assert [row["status"] for row in Replicates(folder).rows] == ["interrupted", "interrupted"]


def test_a_run_whose_terminal_is_closed_ends_as_by_sighup(tmp_path: Path) -> None:
    """Where nothing can be shown any more, that is no other reason for the end."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", *LONG],
        cwd=tmp_path,
        env={**environment(), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    )
    with process:
        try:
            wait_for(lambda: bool(list(tmp_path.glob(f"data/simulation/run_*/{EPOCHS}"))))
            os.close(theirs)
            os.close(ours)
            process.wait(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 129
    (path,) = (tmp_path / "data" / "simulation").iterdir()
    assert load_run(path).measured["status"] == "interrupted"


class TestHandlers:
    def test_those_of_before_are_there_again(self) -> None:
        before = [signal.getsignal(number) for number in (*ENDING, signal.SIGINT)]
        with stopped_as_by_ctrl_c():
            assert all(callable(signal.getsignal(number)) for number in ENDING)
        assert [signal.getsignal(number) for number in (*ENDING, signal.SIGINT)] == before

    def test_where_ctrl_c_is_ignored_it_is_so_again_and_nothing_is_held_back(self) -> None:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with stopped_as_by_ctrl_c() as stopping:
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # to no thread that other tests have left
                with pytest.raises(KeyboardInterrupt):
                    os.kill(os.getpid(), signal.SIGTERM)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        finally:
            signal.signal(signal.SIGINT, handler)
        assert [stopping.exit_status(status) for status in (0, 1, 130)] == [0, 1, 143]

    def test_handlers_of_others_are_left_alone(self) -> None:
        called: list[int] = []
        handler = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
        try:
            with stopped_as_by_ctrl_c() as stopping:
                os.kill(os.getpid(), signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, handler)
        assert called == [signal.SIGTERM]
        assert stopping.exit_status(130) == 130
