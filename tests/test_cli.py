"""The command as a person types it: what each command prints, where, and with which exit status it ends."""

from __future__ import annotations

import configparser
import importlib
import io
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from synthetic_communities.cli.live import draw
from synthetic_communities.cli.logs import logs_on_stderr
from synthetic_communities.cli.main import program
from synthetic_communities.cli.progress import EVERY_SECONDS, tell_until
from synthetic_communities.cli.running import run_community
from synthetic_communities.domain.debate import Topic
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.domain.person import parse_person
from synthetic_communities.forecast.counting import count_drawn_priors
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.call_log import CallEntry
from synthetic_communities.llm.exchange import Exchange
from synthetic_communities.llm.failures import CallError, NotReachedError
from synthetic_communities.llm.model import ModelReply
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.report.steps import ACTS
from synthetic_communities.runs.directory import EPOCHS, METADATA, PLAN, USAGE
from synthetic_communities.simulation.progress import (
    DOINGS,
    OUTSIDE_EPOCHS,
    Progress,
    describe_doing,
    estimate_seconds_left,
    spell_time,
)
from synthetic_communities.simulation.watching import Moment, Watcher
from synthetic_communities.testing.scripted import ScriptedMind
from tests.model_calls import make_request
from tests.patience import wait_for
from tests.small_communities import make_config, make_engine, read_json, read_record

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "synthetic_communities")
SMALL = ("--population", "6", "--epochs", "1")
PATH_LINE = re.compile(r"Run directory: (.+)\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    """Run the command in this process, with a terminal of 80 columns."""
    runner = CliRunner(env={"COLUMNS": "80"})
    result = runner.invoke(program, arguments, prog_name="synthetic-communities", catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **changes}


def spawn(place: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=place,
        env=environment(**changes),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=60,
    )


def run_path(output: str) -> Path:
    """Return the run directory that the output names on its first line."""
    found = PATH_LINE.match(output)
    assert found, output
    return Path(found[1])


def write_town(place: Path, text: str = "") -> Path:
    """Write the bundled scenario, with lines added to its configuration."""
    assert call("init", "town").exit_code == 0
    config = place / "town" / "config.yaml"
    config.write_text(f"{config.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")
    return config


# Without a command.


@pytest.mark.timing
def test_alone_it_runs_the_bundled_scenario_in_under_ten_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    done = spawn(tmp_path)

    assert time.monotonic() - began < 10
    assert (done.returncode, done.stderr) == (0, "")
    result = SimulationResult(tmp_path / run_path(done.stdout))
    assert result.is_complete
    assert result.vote_counts is not None
    assert result.vote_counts.population == 100
    assert "Offline mind: no model was asked" in done.stdout
    told = " ".join(re.sub(r"  \d+ +\d+ +", " ", done.stdout).split())
    assert f"Aisha Noor {result.vote_counts['Aisha Noor']}" in told
    assert re.search(r"^2,482 acts in .* s, 0 model calls: .* done, .*nothing failed\.$", done.stdout, re.M)


def test_alone_it_does_what_run_does(place: Path) -> None:
    alone, run = call(), call("run")

    assert (alone.exit_code, run.exit_code) == (0, 0)
    assert read_record(run_path(alone.stdout)) == read_record(run_path(run.stdout))


def test_what_the_last_line_says_can_be_typed_as_it_stands(place: Path) -> None:
    *_, last = call("run", "--population", "3", "--epochs", "1").stdout.splitlines()
    found = re.fullmatch(r"One run is one draw.*; (.+) gives intervals\. Your own: (.+)", last)
    assert found is not None
    replicates, init = (told.split() for told in found.groups())

    assert call(*replicates, "--population", "3", "--epochs", "1").exit_code == 0
    assert call(*init).exit_code == 0


# run


def test_every_option_of_run_acts(place: Path) -> None:
    result = call(
        *("run", "--model", "offline", "--candidate-model", "offline", "--epochs", "2", "--population", "8"),
        *("--seed", "5", "--max-concurrent", "3", "--output", "elsewhere/deep"),
    )

    assert result.exit_code == 0
    path = run_path(result.stdout)
    assert path.parent == Path("elsewhere/deep")
    settings, usage = read_json(path / METADATA)["config"], read_json(path / USAGE)
    stated = ("model", "candidate_model", "num_epochs", "population_size", "random_seed")
    assert [settings[name] for name in stated] == ["offline", "offline", 2, 8, 5]
    assert usage["limits"]["max_concurrent"] == 3
    assert len(SimulationResult(path).ballots) == 8
    assert "8 people, 3 candidates, 2 topics, 2 epochs, seed 5." in result.stdout


def test_run_takes_a_configuration_and_keeps_it_as_it_was_given(place: Path) -> None:
    config = write_town(place, "# my own town")
    result = call("run", str(config), *SMALL[:0])

    assert result.exit_code == 0
    assert (run_path(result.stdout) / "config.yaml").read_text("utf-8") == config.read_text("utf-8")


def test_a_configuration_that_options_changed_is_kept_as_it_was_run(place: Path) -> None:
    result = call("run", str(write_town(place)), *SMALL, "--seed", "99")

    assert "random_seed: 99" in (run_path(result.stdout) / "config.yaml").read_text("utf-8")


def test_the_path_and_the_tables_go_to_stdout_and_nothing_to_stderr(place: Path) -> None:
    result = call("run", *SMALL)

    assert result.stdout.startswith("Run directory: data/simulation/run_")
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("columns", ["40", "80", "100", "200"])
def test_the_tables_fit_the_terminal(tmp_path: Path, columns: str) -> None:
    done = spawn(tmp_path, "run", *SMALL, COLUMNS=columns)
    lines = done.stdout.splitlines()[1:]

    assert len(lines) <= 25
    told = [line for line in lines if " show " not in line]  # a command to be typed is not broken
    assert max(map(len, told)) <= min(100, max(80, int(columns)))


@pytest.mark.parametrize(("flag", "lines_per_act"), [("-v", 1), ("--verbose", 1), ("-vv", 3)])
def test_verbose_tells_of_every_act(place: Path, flag: str, lines_per_act: int) -> None:
    result = call("run", *SMALL, flag)
    acts = read_json(run_path(result.stdout) / USAGE)["acts"]
    statuses = [item for act in acts.values() for item in act["statuses"].items()]
    done = sum(number for status, number in statuses if status == "done")
    others = sum(number for status, number in statuses if status != "done")

    lines = [line for line in result.stderr.splitlines() if not re.search(r" before, \S+ after$", line)]

    assert len(lines) == done * lines_per_act + others * min(lines_per_act, 2)
    assert any(re.fullmatch(r"ballot/p\d+ done", line) for line in lines)
    assert not logging.getLogger("synthetic_communities").handlers


def test_very_verbose_tells_every_belief_before_and_after(place: Path) -> None:
    result = call("run", *SMALL, "-vv")
    rows = [row for row in SimulationResult(run_path(result.stdout)).beliefs if row["status"] == "done"]

    told = re.findall(r"^\S+ \S+: \S+ before, \S+ after$", result.stderr, re.M)

    assert len(told) == len(rows) > 0


def test_the_texts_of_calls_go_nowhere_where_no_model_is_asked(place: Path) -> None:
    assert call("run", *SMALL, "--log-bodies", "bodies.jsonl").exit_code == 0
    assert not Path("bodies.jsonl").exists()


def test_log_lines_hold_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with logs_on_stderr(1):
        logging.getLogger("synthetic_communities.acts").info("%s", "\x1b[2J\rgone\nand\u202eback")
        logging.getLogger("synthetic_communities.llm").warning("more than a tenth")
        try:
            raise ValueError("as\x1b it was")
        except ValueError:
            logging.getLogger("synthetic_communities").exception("failed")

    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["[2J gone andback", "Warning: more than a tenth", "Error: failed"]
    assert lines[-1] == "ValueError: as it was"


def test_what_a_mind_logs_is_not_told_without_verbose(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mind = ScriptedMind({"e0/chat/*": ValueError("boom")})
    assert run_community(make_engine(make_config(), mind), place, verbosity=0, command="sc") == 0

    output = capsys.readouterr()
    assert output.err == ""
    assert "chat turns: 2 failed (ValueError), 6 skipped" in output.out
    assert "Without an answer: 2 failed, 10 skipped\n" in output.out


# Exit status 1: nothing could be counted, or the run failed.


def test_nobody_answered(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = make_engine(make_config(), ScriptedMind({"ballot/*": Failed("timeout")}))

    assert run_community(engine, place, verbosity=0, command="sc") == 1
    output = capsys.readouterr()
    assert "Nothing could be counted: nobody answered when asked to vote." in output.err
    assert "Without an answer: 5 failed\n  ballots: 5 failed (timeout)\n" in output.out


@pytest.mark.parametrize("changes", [{"candidates": None}, {"people": 0}])
def test_where_nobody_can_vote_nothing_is_amiss(place: Path, changes: Mapping[str, Any]) -> None:
    assert run_community(make_engine(make_config(**changes)), place, verbosity=0, command="sc") == 0


def test_a_run_whose_record_cannot_be_written_fails_and_says_what_there_is(place: Path) -> None:
    resource = pytest.importorskip("resource")

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = subprocess.run(
        [*COMMAND, "run"],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=limit_files,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failed = rf"Error: the run failed: {run_path(done.stdout)}/\w+\.jsonl: File too large"
    assert re.fullmatch(failed, done.stderr.splitlines()[0])
    assert "What is recorded stands in data/simulation/run_" in done.stderr
    assert read_json(place / run_path(done.stdout) / USAGE)["status"] == "failed"


# Exit status 2: wrong usage or configuration.


def refused(*arguments: str) -> list[str]:
    """Return what the command says when it refuses to do anything."""
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not Path("data").exists()
    return result.stderr.splitlines()


def test_a_model_that_does_not_exist(place: Path) -> None:
    (line,) = refused("run", "--model", "gpt-99")

    assert line.startswith("Error: --model: 'gpt-99' names no provider; did you mean openai:gpt-99? Else write ")


def test_everything_wrong_with_options_is_said_at_once_by_their_names(place: Path) -> None:
    lines = refused("run", "--epochs", "0", "--population", "-1", "--max-concurrent", "0", "--candidate-model", "x")

    assert [line.split(": ")[1] for line in lines] == [
        "--population",
        "--epochs",
        "--max-concurrent",
        "--candidate-model",
    ]


@pytest.mark.parametrize("command", ["run", "check"])
def test_everything_wrong_with_a_configuration_is_said_at_once(place: Path, command: str) -> None:
    (place / "bad.yaml").write_text("num_epochs: 0\nrandom_sed: 3\npost_probability: 7\ntopics: [{id: yes}]\n")

    lines = refused(command, "bad.yaml")

    assert all(line.startswith("Error: bad.yaml") for line in lines)
    said = "\n".join(lines)
    for part in ("num_epochs (line 1)", "did you mean random_seed?", "for 7 % write 0.07", "population_size", "title"):
        assert part in said


def test_as_many_problems_are_said_as_are_listed(place: Path) -> None:
    (place / "bad.yaml").write_text("".join(f"unknown_{number}: 1\n" for number in range(51)))

    lines = refused("run", "bad.yaml")

    assert len(lines) == 51
    assert re.fullmatch(r"Error: bad\.yaml: \d more problems not shown; mend these first", lines[-1])


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_configuration_that_is_not_there(place: Path, command: str) -> None:
    (line,) = refused(command, "nowhere.yaml")

    assert line == "Error: nowhere.yaml: does not exist; correct the path, or make the file"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_damaged_people_file_is_told_line_by_line(place: Path, command: str) -> None:
    config = write_town(place)
    (place / "town" / "people.jsonl").write_text('{"id": "a"}\nnonsense\n{"id": "a"}\n')

    lines = refused(command, str(config))

    assert [line.split(": ")[1] for line in lines] == [f"{place}/town/people.jsonl:2", f"{place}/town/people.jsonl:3"]


@pytest.mark.parametrize(("command", "size"), [("run", "101"), ("check", "101")])
def test_fewer_people_than_asked_for(place: Path, command: str, size: str) -> None:
    config = write_town(place)
    config.write_text(config.read_text("utf-8").replace("population_size: 100", f"population_size: {size}"), "utf-8")

    (line,) = refused(command, str(config))

    assert "holds 100 people, fewer than the population_size of 101" in line
    assert refused(command, "--population", size) == [
        f"Error: --population: {size} people are asked for, and the bundled scenario has 100; "
        "ask for fewer, or make a scenario of your own: init my-town"
    ]


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_configuration_without_anybody_or_anything(place: Path, command: str) -> None:
    names = ("population_size", "questions_per_topic", "random_seed")
    text = "".join(f"{name}: 0\n" for name in names) + "turns_per_question: 1\nnum_epochs: 1\n"
    (place / "empty.yaml").write_text(text)

    (line,) = refused(command, "empty.yaml")

    assert line == "Error: empty.yaml: there is nothing to run: no people, no candidates, no topics"


def test_an_output_folder_that_cannot_be_made(place: Path) -> None:
    (place / "taken").write_text("")

    assert refused("run", "--output", "taken/inside") == [
        "Error: no run directory can be made in taken/inside: Not a directory; "
        "name a folder you may write to: --output DIR"
    ]


@pytest.mark.parametrize(
    "arguments", [("fly",), ("run", "--epochs", "many"), ("show",), ("run", "a", "b"), ("check", "a", "b")]
)
def test_wrong_usage(place: Path, arguments: tuple[str, ...]) -> None:
    assert refused(*arguments)[0].startswith("Usage: synthetic-communities")


def test_a_configuration_where_a_command_belongs_is_told_how_to_be_run(place: Path) -> None:
    *_, last = refused("my town.yaml", "--epochs", "1")

    assert last == "Error: my town.yaml is no command; to run it: synthetic-communities run 'my town.yaml' --epochs 1"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--model ollama:qwen3:8b", "--model is an option of run: scripts/run run --model ollama:qwen3:8b"),
        ("--replicates=2", "--replicates is an option of run: scripts/run run --replicates=2"),
        ("--probe check 'a b'", "--probe is an option of check: scripts/run check --probe 'a b'"),
        ("--probe", "No such option '--probe'."),
    ],
)
def test_an_option_before_its_command(place: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str) -> None:
    monkeypatch.setenv("SYNTHETIC_COMMUNITIES_COMMAND", "scripts/run")

    first, *_, last = refused(*shlex.split(typed))

    assert first == "Usage: scripts/run [OPTIONS] [COMMAND] [ARGS]..."
    assert last.startswith(f"Error: {meant}")


# Exit status 130: interrupted.


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that takes long enough to be interrupted, its path line already read."""
    with subprocess.Popen(
        [*COMMAND, "run", "--population", "20", "--epochs", "200"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_an_interrupted_run_says_where_its_record_is_and_what_it_holds(
    tmp_path: Path, long_run: subprocess.Popen[str]
) -> None:
    assert long_run.stdout is not None
    path = run_path(long_run.stdout.readline())
    wait_for(lambda: (tmp_path / path / EPOCHS).exists())
    long_run.send_signal(signal.SIGINT)
    stdout, stderr = long_run.communicate(timeout=60)

    assert long_run.returncode == 130
    assert stdout == ""
    ended = len(SimulationResult(tmp_path / path).epochs)
    assert stderr.splitlines() == [
        f"Interrupted. What is recorded stands in {path}",
        f"Partial (interrupted): {ended} of 200 epochs ended, no ballot was held.",
        f"To see it: python -m synthetic_communities show {path}",
        f"To go on:  python -m synthetic_communities resume {path}",
    ]
    shown = spawn(tmp_path, "show", str(path))
    assert shown.returncode == 0
    assert f"Partial (interrupted): {ended} of 200 epochs ended, no ballot was held." in shown.stdout
    assert shown.stdout.endswith(f"\nTo go on:  python -m synthetic_communities resume {path}\n")
    assert "Aisha Noor" in shown.stdout


class Interrupting(GameEngine):
    """An engine at which somebody presses Ctrl-C before anything was recorded."""

    async def run_async(self) -> SimulationResult:
        raise KeyboardInterrupt


def test_a_run_interrupted_before_it_recorded_anything(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_community(Interrupting(make_config()), place, verbosity=0, command="sc") == 130

    output = capsys.readouterr()
    path = run_path(output.out)
    assert output.err == f"Interrupted. What is recorded stands in {path}: the configuration, and nothing else yet.\n"


@program.command("press-ctrl-c", hidden=True)
def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def test_any_other_command_can_be_interrupted(place: Path) -> None:
    result = call("press-ctrl-c")

    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


# check


def test_check_says_what_is_assumed_and_what_a_run_will_do(place: Path) -> None:
    result = call("check", str(write_town(place)))
    lines = result.stdout.splitlines()

    assert result.exit_code == 0
    assert lines[0] == f"{place}/town/config.yaml: nothing is wrong with it."
    assert "  reaction_probability  0.4 (share)" in lines
    assert "  chat turns                            918" in lines
    assert "  reactions to the feed   at most       300" in lines
    assert "  in all                  at most     2,482" in lines
    assert lines.index("A run will make these acts:") < lines.index("Not stated, and therefore assumed:")
    start = lines.index("The longest chain of acts that wait for one another: 136.")
    assert lines[start : start + 4] == [
        "The longest chain of acts that wait for one another: 136.",
        "At most 20 acts are under way at once.",
        "Model calls: 0. No language model is asked, and nothing is spent.",
        "",
    ]
    assert "  call_timeout_seconds  no limit; calls of models 120 s, of local servers 600 s" in lines
    assert max(map(len, lines[1:])) <= 80
    assert not (place / "data").exists()


def test_check_tells_who_has_no_prior_belief(place: Path) -> None:
    config = write_town(place)
    people = place / "town" / "people.jsonl"
    rows = [json.loads(line) for line in people.read_text("utf-8").splitlines()]
    for row in rows[:7]:
        del row["prior_beliefs"]
    people.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")

    lines = call("check", str(config)).stdout.splitlines()

    gap = "  7 of 100 people have no prior belief on Rents: one is drawn from the seed"
    assert lines[lines.index("Not known, and therefore drawn:") + 1] == gap
    assert lines.count(gap) == 1


def test_a_prior_on_any_subject_of_the_topic_will_do() -> None:
    people = [parse_person("a", {"prior_beliefs": {"market": 0.5}}), parse_person("b", {"prior_beliefs": {"x": 1}})]

    assert count_drawn_priors(people, Topic("rents", "Rents", "?", priors=("rents", "-market"))) == 1
    assert count_drawn_priors(people, Topic("x", "X", "?")) == 1


# show


def test_show_shows_the_tables_of_run_again(place: Path) -> None:
    run = call("run", *SMALL)
    show = call("show", str(run_path(run.stdout)))

    assert show.exit_code == 0
    *tables, last = show.stdout.splitlines()
    assert tables == run.stdout.splitlines()[1:-1]
    assert last == "One run is one draw of chance; replicates give intervals.", "of what file it was is not recorded"


def test_show_needs_the_run_directory_alone(place: Path) -> None:
    run = call("run", str(write_town(place)), *SMALL)
    (place / "town").rename(place / "gone")
    moved = run_path(run.stdout).rename(place / "moved")

    def without_path(text: str) -> list[str]:
        return [line for line in text.splitlines() if not any(told in line for told in beside)]

    beside = ("--person", "Run directory", "One run is one draw")
    assert f"; run {place / 'town'}" in run.stdout or "; run CONFIG --replicates 10" in run.stdout

    assert without_path(call("show", str(moved)).stdout) == without_path(run.stdout)


def test_show_of_what_is_no_run(place: Path) -> None:
    (place / "empty").mkdir()
    for folder, why in {
        "nowhere": "there is no directory nowhere",
        "empty": "empty is no run directory: it holds no metadata.json",
    }.items():
        assert refused("show", folder) == [f"Error: {why}"]


@pytest.mark.parametrize("command", ["show", "resume", "replay", "verify"])
def test_a_folder_that_runs_are_in_is_told_from_none(place: Path, command: str) -> None:
    for folder, file in {"some runs": METADATA, "a plan": PLAN}.items():
        (place / folder / "run_1").mkdir(parents=True)
        (place / folder / "run_1" / METADATA).write_text("{}")
        (place / folder / file).write_text("{}")
    (place / "some runs" / METADATA).rename(place / METADATA)

    assert refused(command, "some runs") == [
        "Error: some runs is no run directory, it holds some; to see which: synthetic-communities list 'some runs'"
    ]
    assert "to see which" not in refused(command, "a plan")[0]


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (METADATA, lambda text: text.replace('"format_version": 1', '"format_version": 99'), "format version 99"),
        (METADATA, lambda text: text.replace('"candidates"', '"contenders"'), "something lacks its candidates"),
    ],
)
def test_show_where_nothing_can_be_read(place: Path, file: str, damage: Callable[[str], str], message: str) -> None:
    path = run_path(call("run", *SMALL, "--output", "runs").stdout)
    (path / file).write_text(damage((path / file).read_text("utf-8")), "utf-8")

    (line,) = refused("show", str(path))

    assert message in line


def test_show_of_a_run_that_was_killed(place: Path) -> None:
    path = run_path(call("run", "--population", "6", "--epochs", "2").stdout)
    (path / USAGE).unlink()
    (path / "ballots.jsonl").unlink()

    result = call("show", str(path))

    assert result.exit_code == 0
    assert "Partial (still running, or killed): 2 of 2 epochs ended, no ballot was held." in result.stdout
    assert "Rents" in result.stdout
    assert result.stdout.endswith(f"\nTo go on, if it was killed:  synthetic-communities resume {path}\n")


# init


def test_from_init_to_check_to_run(tmp_path: Path) -> None:
    init = spawn(tmp_path, "init", "my town")
    assert f"  {shlex.quote(sys.executable)} -m synthetic_communities.scenario.people " in init.stdout
    typed = [line.strip() for line in init.stdout.splitlines() if " -m synthetic_communities" in line]
    outputs = [
        subprocess.run(
            re.sub("^python ", f"{shlex.quote(sys.executable)} ", line),
            shell=True,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in typed
    ]

    assert sorted(path.name for path in (tmp_path / "my town").iterdir()) == ["config.yaml", "people.jsonl", "world.md"]
    assert outputs[0].startswith("my town/config.yaml: nothing is wrong with it.")
    assert "100 people, 3 candidates, 2 topics, 3 epochs, seed 42." in outputs[1]
    assert len((tmp_path / "my town" / "people.jsonl").read_text("utf-8").splitlines()) == 500


def test_init_overwrites_nothing(place: Path) -> None:
    (place / "town").mkdir()
    (place / "town" / "world.md").write_text("mine")
    (place / "town" / "notes.txt").write_text("mine too")

    (line,) = refused("init", "town")

    assert line == "Error: nothing was written, as there is already town/world.md; name another folder"
    assert sorted(path.name for path in (place / "town").iterdir()) == ["notes.txt", "world.md"]


def test_init_into_what_is_no_folder(place: Path) -> None:
    (place / "town").write_text("")

    assert refused("init", "town") == ["Error: town cannot be written: File exists; name another folder"]


# What all commands share.


def test_version(place: Path) -> None:
    assert re.fullmatch(r"synthetic-communities \d+\.\d+\.\d+\n", call("--version").stdout)


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in ("run", "resume", "replay", "verify", "check", "show", "init"))]
)
def test_help(place: Path, command: tuple[str, ...]) -> None:
    result = call(*command, "--help")

    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert not [line for line in result.stdout.splitlines() if re.search(r"[a-z]-$", line)]


def test_help_tells_of_every_exit_status(place: Path) -> None:
    told = call("--help").stdout.partition("Exit status: ")[2]

    assert re.findall(r"(?:^|[;,]\s+)(\d+) ", told) == ["0", "1", "2", "3", "4", "130", "143", "129"]


def test_every_option_is_used_by_a_test() -> None:
    others = ("test_show.py", "test_replicates.py", "test_stopped_command.py", "test_cli_rerunning.py")
    others = (*others, "test_spending.py", "test_probe.py", "test_foretelling.py")
    files = (Path(__file__), *map(Path(__file__).with_name, others))
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    context = click.Context(program)
    commands = [program, *(program.commands[name] for name in program.list_commands(context))]
    options = [name for command in commands for option in command.get_params(context) for name in option.opts]

    assert [name for name in options if name.startswith("-") and f'"{name}"' not in source] == []


def test_the_console_script_is_this_program() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    module, _, name = setup["options.entry_points"]["console_scripts"].partition("=")[2].strip().partition(":")

    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.timing
def test_help_is_there_at_once(tmp_path: Path) -> None:
    def measure_seconds() -> float:
        """Return the processor time it takes: what else the machine does meanwhile does not count."""
        before = os.times()
        assert (
            spawn(tmp_path, "--help", PYTHONDONTWRITEBYTECODE="").returncode == 0
        )  # the first try keeps what it compiles
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    assert min(measure_seconds() for _ in range(5)) <= 0.35


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys, synthetic_communities.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )

    assert not {"rich", "anthropic", "httpx", "pydantic", "aiohttp"} & set(done.stdout.split())


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    assert spawn(tmp_path, "init", "town").returncode == 0
    (tmp_path / "people.jsonl").write_text('{"id": "another"}\n')

    done = spawn(tmp_path, "check", "town/config.yaml")

    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("Warning: town/config.yaml: population_file (line 4): took town/people.jsonl;")


@pytest.mark.parametrize("arguments", [("run", "-v"), ("run", *SMALL), ("--help",)])
def test_a_closed_pipe_is_no_trouble(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()

    assert b"Traceback" not in stderr
    assert b"Exception" not in stderr


def test_nobody_reading_the_log_does_not_stop_a_run(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "run", "-v"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        stdout = process.stdout.read()

    assert "nothing failed.\n" in stdout
    assert SimulationResult(tmp_path / run_path(stdout)).is_complete


def test_names_print_where_the_encoding_is_small(tmp_path: Path) -> None:
    assert spawn(tmp_path, "init", "town").returncode == 0
    config = tmp_path / "town" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("Aisha Noor", "Zoë Łuk"), "utf-8")

    done = spawn(tmp_path, "run", "town/config.yaml", *SMALL, PYTHONIOENCODING="latin-1")

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u0141uk" in done.stdout


# Progress.


MOMENT = Moment(1, 3, "chat_turn", 500, 2000, 20, 3)


def make_progress(*times: float) -> Progress:
    """Return a progress whose clock shows these times, one after the other."""
    clock = iter(times)
    return Progress(lambda: next(clock))


def test_progress_tells_everything_on_one_line() -> None:
    progress = make_progress(100.0, 160.0)
    progress(MOMENT)

    assert progress.line() == (
        "epoch 1 (2nd of 3), people talk in pairs: 500 of 2,000 acts done, "
        "20 in flight, 3 without an answer, 1:00 elapsed, about 3:00 left"
    )


def test_progress_before_anything_is_known() -> None:
    assert make_progress(0.0, 3.2).line() == "getting ready, 0:03 elapsed"
    assert estimate_seconds_left(Moment(0, 1, "", 0, 10, 0, 0), 5.0) is None


def test_every_step_has_words_for_what_is_going_on() -> None:
    assert set(DOINGS) == {"", *ACTS}
    for step in OUTSIDE_EPOCHS:
        assert "epoch" not in describe_doing(Moment(0, 3, step, 0, 1, 0, 0))
    assert describe_doing(Moment(2, 3, "a_later_step", 0, 1, 0, 0)) == "epoch 2 (3rd of 3), a_later_step"


@pytest.mark.parametrize(
    ("seconds", "spelled"), [(0, "0:00"), (59.6, "1:00"), (600, "10:00"), (3723, "1:02:03"), (360000, "100:00:00")]
)
def test_times(seconds: float, spelled: str) -> None:
    assert spell_time(seconds) == spelled


def test_a_line_is_written_every_ten_seconds_until_the_run_ends(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    progress(MOMENT)

    def wait(seconds: float) -> bool:
        now[0] += seconds
        return now[0] > 3 * EVERY_SECONDS

    tell_until(wait, progress)

    lines = capsys.readouterr().err.splitlines()
    assert [re.findall(r"\d:\d\d elapsed", line) for line in lines] == [[f"0:{n}0 elapsed"] for n in (1, 2, 3)]


@pytest.mark.parametrize("width", [80, 100])
def test_the_display_of_a_long_run_fits_a_terminal(width: int) -> None:
    progress = make_progress(0.0, 40_000.0)
    progress(Moment(99, 100, "debate_update", 1_234_567, 2_345_678, 1_000, 123_456))
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        console.print(draw(progress))

    doing, bar, rest = capture.get().splitlines()
    assert doing.rstrip() == "epoch 99 (100th of 100), people weigh what was debated"
    assert re.fullmatch("[━╸╺]+ +1,234,567 of 2,345,678 acts done", bar.rstrip())
    assert rest.startswith("1,000 in flight, 123,456 without an answer, 11:06:40 elapsed, about 10:00:00")
    assert max(map(len, (doing, bar, rest))) <= width


HELD_UP = Moment(1, 3, "chat_turn", 500, 2000, 20, 3, held_up="held up by anthropic (HTTP 429)")


def test_what_calls_wait_for_is_told_after_a_while_in_place_of_the_time_left() -> None:
    now = [100.0]
    progress = Progress(lambda: now[0])
    rests = {}
    for now[0], moment in ((110.0, HELD_UP), (112.0, HELD_UP), (115.0, HELD_UP), (122.4, MOMENT), (123.0, HELD_UP)):
        progress(moment)
        rests[now[0]] = progress.rest(moment)

    told = "held up by anthropic (HTTP 429) for 5 s, 20 in flight, 3 without an answer, 0:15 elapsed"
    assert rests.pop(115.0) == told
    assert all(rest.startswith("20 in flight, ") and rest.endswith(" left") for rest in rests.values())


def test_on_a_terminal_what_calls_wait_for_is_what_is_not_cut() -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    progress(HELD_UP)
    now[0] = 25.0
    console = Console(width=80, force_terminal=True, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        console.print(draw(progress))
    assert capture.get().splitlines()[2].startswith("held up by anthropic (HTTP 429) for 25 s, 20 in flight")


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (CallError("rate limit", is_transient=True, status=429), "held up by openai (HTTP 429)"),
        (CallError("timeout", is_transient=True), "held up by openai (timeout)"),
        (NotReachedError("refused", where="here", remedy="look"), "no connection to openai"),
        (CallError("bad request", status=400), ""),
        (ModelReply("Yes.", stop="end", model="m"), ""),
    ],
)
def test_what_a_try_tells_of_what_calls_wait_for(result: Any, told: str) -> None:
    moments: list[Moment] = []
    watcher = Watcher(1, moments.append)
    tried = Exchange(make_request(), CallEntry("k", "post", asked="openai:m", outcome="x"), result=result)
    watcher.note_try(tried)
    assert [moment.held_up for moment in moments] == [told] * bool(told)
    gone = Exchange(make_request(), CallEntry("k", "post", asked="openai:m", outcome="cancelled"), result=OSError())
    watcher.note_try(gone)
    watcher.note_try(replace(tried, result=ModelReply("Yes.", stop="end", model="m")))
    assert [moment.held_up for moment in moments] == [told, ""] * bool(told)


def test_on_a_terminal_the_progress_is_redrawn_and_stdout_stays_clean(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "run", "-v", *SMALL],
        cwd=tmp_path,
        env=environment(TERM="xterm-256color"),
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    ) as process:
        os.close(slave)
        shown = "".join(read_terminal(master))
        assert process.stdout is not None
        stdout = process.stdout.read()

    assert process.returncode == 0
    assert "acts done" in shown
    assert "ballot/p" in shown, "the log scrolls by above the display"
    assert stdout.startswith("Run directory: ")
    assert "\x1b" not in stdout
    assert "nothing failed.\n" in stdout


def read_terminal(master: int) -> Iterator[str]:
    """Yield what is written to a terminal until nobody writes to it any more."""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            return
        if not data:
            return
        yield data.decode(errors="replace")
