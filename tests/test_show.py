"""`show` as a person types it: one life, debates, conversations, feeds, failures, pictures, JSON; and bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from synthetic_communities import SimulationResult
from synthetic_communities.cli.main import program
from synthetic_communities.cli.running import run_community
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.report.numbers.figures import build_json
from synthetic_communities.report.stories.outline import Told
from synthetic_communities.runs.directory import BALLOTS, BELIEFS, CONVERSATIONS, EPOCHS, FAILED_CALLS, METADATA, USAGE
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine
from tests.spoken_communities import TROUBLE, run_spoken

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("--population", "6", "--epochs", "1")
NOTE = "What is shown is what could be read."

VIEWS: tuple[tuple[tuple[str, ...], Callable[[SimulationResult], Told]], ...] = (
    (("--person", "p1"), lambda run: run.story("p1")),
    (("--person", "Person 1"), lambda run: run.story("p1")),
    (("--debate", "1.t0.0"), lambda run: run.debate("e1/debate/t0/q0")),
    (("--debate", "e0/debate/t0/q0"), lambda run: run.debate("0.0.0")),
    (("--conversation", "e1/chat/p2+p0"), lambda run: run.conversation("e1/chat/p2+p0")),
    (("--feed", "0"), lambda run: run.feed(0)),
    (("--failures",), lambda run: run.failed_acts()),
)
"""What is typed, and what is shown."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of three people in which acts fail in every way."""
    return run_spoken(tmp_path_factory.mktemp("spoken"), TROUBLE).path


@pytest.fixture
def run(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulationResult:
    """A copy of it, in the working directory."""
    shutil.copytree(original, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return SimulationResult("run")


def call(*arguments: str, columns: int = 80) -> Result:
    """Run the command in this process."""
    runner = CliRunner(env={"COLUMNS": str(columns)})
    result = runner.invoke(program, arguments, prog_name="synthetic-communities", catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def spawn(place: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **changes}
    command = [sys.executable, "-m", "synthetic_communities", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False, timeout=60)


def refused(*arguments: str) -> list[str]:
    """Return what the command says when it shows nothing."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()


def garble(file: str, number: int) -> str:
    """Write nonsense over a line of a file of the run, and return its place."""
    lines = Path("run", file).read_text("utf-8").splitlines(keepends=True)
    lines[number - 1] = "{]\n"
    Path("run", file).write_text("".join(lines), "utf-8")
    return f"run/{file}:{number}"


class TestViews:
    @pytest.mark.parametrize(("typed", "shown"), VIEWS)
    @pytest.mark.parametrize("columns", [40, 80, 200])
    def test_what_is_shown(
        self, run: SimulationResult, typed: tuple[str, ...], shown: Callable[[SimulationResult], Told], columns: int
    ) -> None:
        result = call("show", "run", *typed, columns=columns)

        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == shown(run).text(columns)
        assert max(map(len, result.stdout.splitlines())) <= min(columns, 100)

    @pytest.mark.parametrize(("typed", "shown"), VIEWS)
    def test_as_json(
        self, run: SimulationResult, typed: tuple[str, ...], shown: Callable[[SimulationResult], Told]
    ) -> None:
        result = call("show", "run", *typed, "--json")

        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.isascii()
        value = json.loads(result.stdout)
        kind = typed[0].removeprefix("--")
        assert list(value) == ["path", "status", "damaged", kind]
        assert (value["path"], value["status"], value["damaged"]) == ("run", "complete", 0)
        assert value[kind] == as_plain(shown(run))

    def test_the_json_of_a_story_holds_what_moved_whom(self, run: SimulationResult) -> None:
        story = json.loads(call("show", "run", "--person", "p0", "--json").stdout)["person"]

        first = story["life"]["epochs"][0]
        assert first["after_conversation"]["beliefs"][0] | {"before": 0.4, "asked_for": -0.3} == (
            first["after_conversation"]["beliefs"][0] | {"after": -0.1, "change": -0.5, "clamped": True}
        )
        assert [post["id"] for post in first["read"]] == ["e0/post/p2", "e0/post/p1"]
        assert story["life"]["ballot"]["candidate"] == "Johan Berg"
        assert story["attributes"]["prior_beliefs.t0"] == -0.482166

    def test_tables_as_json(self, run: SimulationResult) -> None:
        value = json.loads(call("show", "run", "--json").stdout)

        assert value == json.loads(json.dumps(build_json(run.record, run.path)))
        assert value["path"] == "run"

    def test_requests_and_replies_stand_beside_the_acts_they_were_made_for(self, run: SimulationResult) -> None:
        line = {"task": "e1/post/p1", "act": "post", "attempt": 1, "tries": 1, "outcome": "timeout", "model": None}
        texts = {"system": ["Be brief."], "user": ["Post."], "reply": None, "error": "read timed out"}
        Path("run", FAILED_CALLS).write_text(f"{json.dumps({**line, **texts})}\n", "utf-8")

        lines = call("show", "run", "--failures").stdout.splitlines()

        start = lines.index("e1/post/p1: post failed (timeout)")
        assert lines[start + 1 : start + 6] == [
            *("  Asked, try 1: timeout", "    System: Be brief.", "    Request: Post."),
            *("    Reply: (there was none)", "    Error: read timed out"),
        ]

    def test_pictures(self, run: SimulationResult) -> None:
        result = call("show", "run", "--plots", "my pictures")

        assert (result.exit_code, result.stderr) == (0, "")
        head, *paths = result.stdout.splitlines()
        assert head == "Pictures:"
        assert sorted(path.strip().strip("'") for path in paths) == sorted(map(str, Path("my pictures").iterdir()))
        value = json.loads(call("show", "run", "--plots", "others", "--json").stdout)
        others = [f"others/{Path(path.strip().strip(chr(39))).name}" for path in paths]
        assert value == {"path": "run", "damaged": 0, "plots": others}

    def test_pictures_that_cannot_be_written(self, run: SimulationResult) -> None:
        Path("taken").write_text("")

        assert refused("show", "run", "--plots", "taken")[-1] == (
            "Error: Invalid value for --plots: no pictures can be written to taken: File exists"
        )

    def test_pictures_without_what_they_need(self, run: SimulationResult, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)

        (line,) = refused("show", "run", "--plots", "pictures")

        assert "pip install 'synthetic-communities[plot]'" in line
        assert not Path("pictures").exists()

    def test_one_thing_at_a_time(self, run: SimulationResult) -> None:
        lines = refused("show", "run", "--feed", "0", "--failures", "--person", "p0")

        assert lines[-1].endswith(" show different things; give one of them at a time")
        assert {"--person", "--feed", "--failures"} <= set(lines[-1].split())

    @pytest.mark.parametrize("typed", [("--feed", "0"), ("--person", "")])
    def test_zero_and_nothing_are_values(self, run: SimulationResult, typed: tuple[str, ...]) -> None:
        assert call("show", "run", *typed).stdout == (call("show", "run", "--feed", "0").stdout if typed[1] else "")

    def test_the_advice_of_the_tables_can_be_typed(self, run: SimulationResult) -> None:
        (advice,) = [line for line in call("show", "run").stdout.splitlines() if "--person" in line]

        arguments = advice.partition("synthetic-communities ")[2].split()
        assert call(*arguments).stdout.startswith("Person ")


class TestRunAsJson:
    def test_stdout_holds_json_and_nothing_else(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        result = call("run", *SMALL, "--json")

        value = json.loads(result.stdout)
        assert (result.exit_code, value["status"], value["people"]) == (0, "complete", 6)
        assert result.stderr == f"Run directory: {value['path']}\n"
        assert json.loads(call("show", value["path"], "--json").stdout) == value

    def test_nobody_answered(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        engine = make_engine(make_config(), ScriptedMind({"ballot/*": Failed("timeout")}))

        assert run_community(engine, tmp_path, verbosity=0, command="sc", as_data=True) == 1
        output = capsys.readouterr()
        assert json.loads(output.out)["vote"]["not_chosen"]["failed"] == 5
        assert output.err.splitlines()[-1] == "Nothing could be counted: nobody answered when asked to vote."


class TestBadInput:
    @pytest.mark.parametrize("typed", [(), ("--person", "p0"), ("--failures",), ("--plots", "x"), ("--json",)])
    def test_what_is_no_run(self, run: SimulationResult, typed: tuple[str, ...]) -> None:
        assert refused("show", "nowhere", *typed) == ["Error: there is no directory nowhere"]

    @pytest.mark.parametrize("typed", [(), ("--person", "p0"), ("--failures",), ("--json",)])
    def test_an_unknown_version(self, run: SimulationResult, typed: tuple[str, ...]) -> None:
        text = Path("run", METADATA).read_text("utf-8")
        Path("run", METADATA).write_text(text.replace('"format_version": 1', '"format_version": 9'), "utf-8")

        assert refused("show", "run", *typed) == [
            "Error: run/metadata.json is of format version 9; this package reads version 1"
        ]

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            (("--person", "p7"), "nobody in this run has the id or the name 'p7'; nearest ids: p0, p1, p2"),
            (("--debate", "0.t1.0"), "there is no topic 't1'; there are t0 (0)"),
            (("--conversation", "e0/chat/p0+p2"), "there is no conversation 'e0/chat/p0+p2' in this run; nearest: "),
            (("--feed", "2"), "epoch 2 is not recorded; recorded are 0, 1"),
        ],
    )
    @pytest.mark.parametrize("more", [(), ("--json",)])
    def test_what_is_not_there(
        self, run: SimulationResult, typed: tuple[str, ...], said: str, more: tuple[str, ...]
    ) -> None:
        (line,) = refused("show", "run", *typed, *more)

        assert line.startswith(f"Error: {said}")

    def test_what_is_typed_does_nothing_to_the_terminal(self, run: SimulationResult) -> None:
        (line,) = refused("show", "run", "--person", "\x1b[2J\u202e")

        assert "\x1b" not in line
        assert "\u202e" not in line

    def test_a_path_the_system_refuses(self, run: SimulationResult) -> None:
        for typed in ((), ("--person", "p0"), ("--json",)):
            (line,) = refused("show", "x" * 300, *typed)
            assert line.endswith("cannot be read: File name too long")

    @pytest.mark.parametrize(
        ("file", "number", "typed"),
        [
            (BELIEFS, 2, ()),
            (EPOCHS, 1, ()),
            (BALLOTS, 3, ()),
            (BELIEFS, 2, ("--json",)),
            (BELIEFS, 2, ("--person", "p0")),
            (CONVERSATIONS, 1, ("--person", "p1")),
            (CONVERSATIONS, 1, ("--conversation", "e1/chat/p2+p0")),
            (EPOCHS, 1, ("--feed", "1")),
            (EPOCHS, 2, ("--feed", "0")),
            (EPOCHS, 2, ("--debate", "0.0.0")),
            (EPOCHS, 1, ("--failures",)),
            (BALLOTS, 1, ("--failures", "--json")),
            (BELIEFS, 2, ("--plots", "pictures")),
        ],
    )
    def test_damage_is_named_and_the_rest_is_shown(
        self, run: SimulationResult, file: str, number: int, typed: tuple[str, ...]
    ) -> None:
        place = garble(file, number)

        result = call("show", "run", *typed)

        assert result.exit_code == 2
        assert len(result.stdout.splitlines()) > 2
        named, note = result.stderr.splitlines()
        assert named.startswith(f"Error: {place} is damaged: ")
        assert note == NOTE

    def test_every_damaged_place_is_named(self, run: SimulationResult) -> None:
        places = [garble(BELIEFS, 2), garble(BELIEFS, 5), garble(EPOCHS, 2), garble(BALLOTS, 1)]

        lines = call("show", "run", "--person", "p0").stderr.splitlines()

        assert sorted(line.split(" is damaged")[0] for line in lines[:-1]) == sorted(
            f"Error: {each}" for each in places
        )

    def test_damage_is_named_where_nothing_can_be_shown(self, run: SimulationResult) -> None:
        place = garble(EPOCHS, 2)

        damage, error = refused("show", "run", "--feed", "1")

        assert damage.startswith(f"Error: {place} is damaged: ")
        assert error == f"Error: epoch 1 cannot be read: {damage.removeprefix('Error: ')}; readable are 0"

    def test_json_counts_what_is_damaged(self, run: SimulationResult) -> None:
        garble(BALLOTS, 1)
        garble(EPOCHS, 2)

        views = ((), ("--person", "p0"), ("--plots", "pictures"))
        found = [json.loads(call("show", "run", *view, "--json").stdout)["damaged"] for view in views]
        assert found == [2, 2, 2]

    def test_a_line_that_was_cut_off(self, run: SimulationResult) -> None:
        text = Path("run", BELIEFS).read_bytes()
        Path("run", BELIEFS).write_bytes(text[:-9])

        result = call("show", "run", "--person", "p2")

        assert result.exit_code == 2
        assert "is damaged: it was cut off while it was written" in result.stderr

    @pytest.mark.parametrize("typed", [(), ("--person", "p0")])
    def test_a_partial_run_is_shown_and_said_to_be_partial(self, run: SimulationResult, typed: tuple[str, ...]) -> None:
        for file in (USAGE, BALLOTS):
            Path("run", file).unlink()
        for file in Path("run").glob("*.jsonl"):
            lines = file.read_text("utf-8").splitlines(keepends=True)
            file.write_text("".join(line for line in lines if json.loads(line).get("epoch", 0) == 0), "utf-8")

        result = call("show", "run", *typed)

        assert (result.exit_code, result.stderr) == (0, "")
        assert "Partial (still running, or killed): 1 of 2 epochs ended, no ballot was held." in " ".join(
            result.stdout.split()
        )
        value = json.loads(call("show", "run", *typed, "--json").stdout)
        assert value["status"] is None


class TestTerminals:
    def test_plain_ascii_where_there_is_nothing_else(self, run: SimulationResult, tmp_path: Path) -> None:
        text = Path("run", CONVERSATIONS).read_text("utf-8")
        Path("run", CONVERSATIONS).write_text(text.replace("Person 0 says", "Sóley \U0001f600 segir"), "utf-8")

        done = spawn(tmp_path, "show", "run", "--person", "p0", PYTHONIOENCODING="ascii")

        assert (done.returncode, done.stderr) == (0, b"")
        assert b"  Person 0: S\\xf3ley \\U0001f600 segir e0/chat/p2+p0/1.\n" in done.stdout
        assert spawn(tmp_path, "show", "run", "--person", "p1", PYTHONIOENCODING="ascii").stdout.isascii()

    @pytest.mark.parametrize(
        "typed", [("--person", "p0"), ("--conversation", "e0/chat/p2+p0"), ("--failures", "--json")]
    )
    def test_who_reads_only_the_beginning_is_no_trouble(
        self, run: SimulationResult, tmp_path: Path, typed: tuple[str, ...]
    ) -> None:
        for file in (CONVERSATIONS, EPOCHS):
            text = Path("run", file).read_text("utf-8").replace("Person 0 says", "word " * 60_000)
            Path("run", file).write_text(text.replace('"raw_text": null', f'"raw_text": "{"x" * 300_000}"'), "utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "synthetic_communities", "show", "run", *typed]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.stdout.close()
            stderr = process.stderr.read()

        assert stderr == b""


def as_plain(told: Told) -> Any:
    """Return what JSON has for a value."""
    return json.loads(json.dumps(asdict(told)))  # type: ignore[call-overload]
