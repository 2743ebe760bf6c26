"""What the command prints where a terminal takes few characters, little of it, or nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthetic_communities import GameEngine
from synthetic_communities.cli.program import MOST_ERRORS, say_errors
from synthetic_communities.config import Config
from synthetic_communities.report.text import measure_width

FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")

ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run of a scenario whose names are not in ASCII."""
    folder = tmp_path_factory.mktemp("Målestø")
    config = Config.bundled(population_size=5, num_epochs=1, name="Ålesund")
    candidates = [{**entry, "name": f"Søren {entry['id']} 漢字"} for entry in config.candidates or ()]
    topics = [{**entry, "title": f"Måned om {entry['title']}"} for entry in config.topics or ()]
    engine = GameEngine.from_config(config.changed(candidates=candidates, topics=topics))
    engine.initialize_simulation_output(folder)
    engine.run()
    return folder


def command(*arguments: str, out: object = subprocess.PIPE, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "synthetic_communities", *arguments],
        stdout=out,  # type: ignore[arg-type]
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80", **variables},
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show",), ("show", "--person", "p"), ("show", "--debate", "0.rents.0"), ("show", "--feed", "0")],
    ids=" ".join,
)
def test_a_plain_terminal_gets_plain_characters_within_its_width(arguments: tuple[str, ...], folder: Path) -> None:
    (run,) = folder.iterdir()
    people = [row["id"] for row in json.loads((run / "metadata.json").read_text("utf-8"))["population"]]
    named = [people[0] if argument == "p" else argument for argument in arguments[1:]]
    done = command(arguments[0], str(folder if arguments[0] == "list" else run), *named, **ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    paths = [line for line in done.stdout.splitlines() if " show " in line]
    assert all(measure_width(line) <= 80 for line in done.stdout.splitlines() if line not in paths)


def test_a_plain_terminal_gets_the_run_directory_in_plain_characters(tmp_path: Path) -> None:
    done = command("run", "--population", "2", "--epochs", "1", "--output", str(tmp_path / "Ø"), **ASCII)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\\" in done.stdout.splitlines()[0]


@needs_full
@pytest.mark.parametrize("option", [(), ("--json",), ("--feed", "0")], ids=" ".join)
def test_what_cannot_be_written_is_told_on_one_line(option: tuple[str, ...], folder: Path) -> None:
    (run,) = folder.iterdir()
    with FULL.open("w", encoding="utf-8") as full:
        done = command("show", str(run), *option, out=full)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the output: No space left on device\n")
    assert "Traceback" not in done.stderr


def test_without_anywhere_to_print_there_is_no_traceback(folder: Path) -> None:
    (run,) = folder.iterdir()
    line = f"exec {sys.executable} -m synthetic_communities show '{run}' >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_many_errors_are_counted_and_not_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    say_errors(f"line {number}" for number in range(40_000))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error: line 0"
    assert lines[-1] == f"Error: and {40_000 - MOST_ERRORS:,} more of these"
    assert len(lines) == MOST_ERRORS + 1


def test_one_error_more_is_told_and_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    say_errors(f"line {number}" for number in range(MOST_ERRORS + 1))
    assert capsys.readouterr().err.splitlines()[-1] == f"Error: line {MOST_ERRORS}"
