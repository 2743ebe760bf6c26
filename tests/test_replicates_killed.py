"""Replicates whose process is killed before they have begun, and keys that are asked for before anything is made."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.cli.main import program
from synthetic_communities.config import Config
from synthetic_communities.errors import ConfigurationError, RecordError, UsageError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.rerunning import list_replicates, resume_replicates, resume_run
from synthetic_communities.runs.directory import EPOCHS, INPUTS, METADATA, PLAN, REPLICATES
from synthetic_communities.runs.plan import read_plan, write_plan
from synthetic_communities.testing.environment import build_environment
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import SETTINGS, make_attributes, read_record

PEOPLE = 2

KILLED = """
import os, signal, sys
from synthetic_communities import replicated
from synthetic_communities.cli.main import main
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.journal import writer
from synthetic_communities.simulation import kept_run

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(owner, name, times):
    done, left = getattr(owner, name), [times]
    def do(*given, **named):
        value = done(*given, **named)
        left[0] -= 1
        return value if left[0] else die()
    setattr(owner, name, do)

def die_before(owner, name, times):
    done, left = getattr(owner, name), [times]
    def do(*given, **named):
        left[0] -= 1
        return done(*given, **named) if left[0] else die()
    setattr(owner, name, do)

MOMENT
sys.argv[0] = "synthetic-communities"
main()
"""
"""The command, whose process is killed by a signal at a moment that is put in."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(no_auth=True, dialect="llamacpp") as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The records of replicates that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    runs = GameEngine.run_replicates(Config.from_yaml(write_town(folder, server)), 3, base_dir=folder / "out")
    return [read_record(each.path) for each in runs]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_town(tmp_path, server)
    server.reset()


def write_town(folder: Path, server: LoopbackServer, **changes: Any) -> Path:
    people = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(PEOPLE)]
    (folder / "people.jsonl").write_text("\n".join(people), encoding="utf-8")
    settings = {**SETTINGS, "population_size": PEOPLE, "num_epochs": 1, "population_file": "people.jsonl"}
    settings |= {"model": "vllm:test", "base_url": f"{server.url}/v1", **changes}
    (folder / "town.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder / "town.yaml"


def call(*arguments: str | Path) -> Result:
    """Run the command in this process, with a terminal of 80 columns."""
    typed = [str(argument) for argument in arguments]
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(program, typed, prog_name="synthetic-communities", catch_exceptions=False)


def kill(moment: str) -> Path:
    """Run three replicates in a process that is killed at a moment, and return their folder."""
    typed = ["run", "town.yaml", "--replicates", "3", "--output", "out"]
    program_text = KILLED.replace("MOMENT", moment)
    done = subprocess.run(
        [sys.executable, "-c", program_text, *typed], env=build_environment(), capture_output=True, timeout=60
    )
    assert done.returncode == -9, done.stderr
    (folder,) = Path("out").iterdir()
    return folder


MOMENTS = {
    "laid out, none begun": "die_after(replicated, 'write_plan', 2)",
    "the third begins": "die_before(kept_run, 'open_journal', 3)",
    "the opening is under way": "die_before(writer, 'add_rows', 4)",
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=list(MOMENTS))
def test_all_are_gone_on_with_whenever_the_process_was_killed(moment: str, undisturbed: list[dict[str, str]]) -> None:
    folder = kill(moment)
    runs = list_replicates(folder)
    assert len(runs) == 3
    assert not (folder / REPLICATES).exists()
    shown = call("show", folder)
    assert (shown.exit_code, "; 0 of 3 runs complete." in shown.stdout) == (0, True), shown.output
    assert f"\nTo go on:  synthetic-communities resume {folder}\n" in shown.stdout
    assert not any(words in shown.stdout for words in ("95 %", "complete runs alone", "no interval")), shown.stdout
    listed = json.loads(call("list", "out", "--json").stdout)
    assert [(each["status"], each["epochs"]) for each in listed["runs"]] == [(None, 1)] * 3
    assert listed["unreadable"] == []

    resumed = call("resume", folder)
    assert (resumed.exit_code, "; 3 of 3 runs complete." in resumed.stdout) == (0, True), resumed.output
    assert "To go on" not in resumed.stdout
    assert [read_record(each.path) for each in Replicates(folder)] == undisturbed
    assert call("verify", folder).exit_code == 0


def test_one_alone_of_those_that_had_not_begun(undisturbed: list[dict[str, str]]) -> None:
    folder = kill(MOMENTS["laid out, none begun"])
    second = list_replicates(folder)[1]
    assert resume_run(second).is_complete
    assert read_record(second) == undisturbed[1]


@pytest.mark.parametrize(
    "moment",
    [
        "die_before(kept_run, 'write_metadata', 2)",
        "die_before(replicated, 'write_plan', 1)",
    ],
)
def test_a_folder_that_was_not_laid_out_says_what_to_do(moment: str, server: LoopbackServer) -> None:
    folder = kill(moment)
    assert server.stats()["calls"] == 0
    told = (
        f"Error: {folder} was broken off before all of its runs were laid out: none had begun, no model was asked, and "
        "nothing is lost. Delete what there is of them, and run again\n"
    )
    for command in ("resume", "show", "verify"):
        refused = call(command, folder)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", told), command
    with pytest.raises(RecordError, match="was broken off before all of its runs were laid out"):
        resume_replicates(folder)
    listed = json.loads(call("list", "out", "--json").stdout)
    assert [each["path"] for each in listed["unreadable"]] == [str(folder)]
    assert f"Error: {listed['unreadable'][0]['why']}\n" == told
    assert listed["runs"] == []


class TestPlan:
    def make(self, folder: Path) -> Path:
        return GameEngine.run_replicates(Config.bundled(population_size=2, num_epochs=1), 2, folder=folder).path

    def test_it_says_which_runs_there_are(self, tmp_path: Path) -> None:
        folder = self.make(tmp_path / "runs")
        plan = read_plan(folder)
        assert plan is not None
        assert (list(plan.find_runs()), plan.shares_opening) == ([0, 1], True)
        assert list(plan.find_runs().values()) == list_replicates(folder) == [each.path for each in Replicates(folder)]

    def test_a_folder_is_not_used_twice(self, tmp_path: Path) -> None:
        folder = self.make(tmp_path / "runs")
        before = sorted(folder.rglob("*"))
        with pytest.raises(UsageError, match=f"^{folder} holds replicates already; name an empty folder$"):
            GameEngine.run_replicates(Config.bundled(population_size=2, num_epochs=1), 2, folder=folder)
        assert sorted(folder.rglob("*")) == before

    @pytest.mark.parametrize("name", ["", ".", "..", "../elsewhere", "/etc"])
    def test_a_run_elsewhere_is_refused(self, name: str, tmp_path: Path) -> None:
        folder = self.make(tmp_path / "runs")
        text = (folder / PLAN).read_text("utf-8")
        (folder / PLAN).write_text(text.replace(list_replicates(folder)[0].name, name), encoding="utf-8")
        with pytest.raises(RecordError, match="that is no name of a directory in the folder"):
            list_replicates(folder)

    def test_a_run_that_is_a_link_elsewhere_is_refused(self, tmp_path: Path) -> None:
        folder = self.make(tmp_path / "runs")
        first = list_replicates(folder)[0]
        shutil.move(first, tmp_path / "elsewhere")
        first.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RecordError, match="is a symbolic link that leads out of"):
            list_replicates(folder)

    @pytest.mark.parametrize("lost", [INPUTS, METADATA])
    def test_a_run_that_is_gone_is_named(self, lost: str, tmp_path: Path) -> None:
        folder = self.make(tmp_path / "runs")
        first = list_replicates(folder)[0]
        (first / lost).unlink()
        with pytest.raises(RecordError, match=f"{first / lost} is gone, and {folder / PLAN} names that run"):
            list_replicates(folder)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{"format_version": 2, "shares_opening": true, "runs": []}', "is of format version 2"),
            ('{"format_version": 1, "shares_opening": true, "runs": []}', "was broken off before"),
            ('{"format_version": 1, "runs": [{"replicate": 0, "run": "r"}]}', "lacks its shares_opening"),
            ("{", "cannot be read"),
        ],
    )
    def test_damage_is_named(self, text: str, said: str, tmp_path: Path) -> None:
        (tmp_path / PLAN).write_text(text, encoding="utf-8")
        with pytest.raises(RecordError, match=said):
            read_plan(tmp_path)

    def test_a_folder_of_runs_that_no_plan_names_is_as_it_was(self, tmp_path: Path) -> None:
        """An engine has made its directory and was never run: whatever else is in that folder is not to be deleted."""
        GameEngine(Config.bundled(population_size=2)).initialize_simulation_output(tmp_path)
        refused = call("show", tmp_path)
        assert refused.stderr == f"Error: {tmp_path} is no run directory: it holds no metadata.json\n"

    def test_a_folder_of_any_runs_is_none_of_replicates(self, tmp_path: Path) -> None:
        assert read_plan(tmp_path) is None
        assert list_replicates(tmp_path) == []
        assert call("resume", tmp_path).stderr == f"Error: {tmp_path} is no run directory: it holds no metadata.json\n"

    def test_what_is_written_is_read_back(self, tmp_path: Path) -> None:
        written = write_plan(tmp_path, [(4, tmp_path / "a"), (5, tmp_path / "b")], shares_opening=False)
        assert read_plan(tmp_path) == written


def write_key_command(folder: Path, key: str) -> tuple[str, Path]:
    """Return a command that prints a key, or fails if there is none, and the file it counts its runs in."""
    runs, script = folder / "asked.txt", folder / "key.py"
    script.write_text(f"open({str(runs)!r}, 'a').write('x')\nprint({key!r})\nraise SystemExit(not {key!r})\n", "utf-8")
    return shlex.join([sys.executable, "-S", str(script)]), runs


class TestKeys:
    def test_a_command_is_run_once_for_all_replicates(self, tmp_path: Path, server: LoopbackServer) -> None:
        command, asked = write_key_command(tmp_path, "k" * 20)
        write_town(tmp_path, server, api_key_command=command, max_calls=8)
        assert call("run", "town.yaml", "--replicates", "3", "--output", "out").exit_code == 4
        assert asked.read_text("utf-8") == "x"
        (folder,) = Path("out").iterdir()
        assert call("resume", folder, "--api-key-command", command, "--max-calls", "900").exit_code == 0
        assert asked.read_text("utf-8") == "xx"

    def test_each_command_is_run_once_for_any_runs(self, tmp_path: Path, server: LoopbackServer) -> None:
        command, asked = write_key_command(tmp_path, "k" * 20)
        config = Config.from_yaml(write_town(tmp_path, server, api_key_command=command))
        other = config.changed(api_key_command=f"{command} other")
        GameEngine.run_many([config, other, config.changed(random_seed=8)], base_dir=tmp_path / "many")
        assert asked.read_text("utf-8") == "xx"

    def test_where_it_prints_none_nothing_is_made(self, tmp_path: Path, server: LoopbackServer) -> None:
        command, asked = write_key_command(tmp_path, "")
        write_town(tmp_path, server, api_key_command=command)
        for typed in ((), ("--cache", "answers"), ("--replicates", "2", "--cache", "answers")):
            refused = call("run", "town.yaml", "--output", "out", *typed)
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert "api_key_command: ended with status 1" in refused.stderr
            assert not Path("out").exists()
            assert not Path("answers").exists()
        assert asked.read_text("utf-8") == "xxx"

    def test_nor_from_python(self, tmp_path: Path, server: LoopbackServer) -> None:
        command, _ = write_key_command(tmp_path, "")
        config = Config.from_yaml(write_town(tmp_path, server, api_key_command=command))
        with pytest.raises(ConfigurationError, match="ended with status 1"):
            GameEngine.from_config(config).initialize_simulation_output(tmp_path / "out")
        with pytest.raises(ConfigurationError, match="ended with status 1"):
            GameEngine.run_replicates(config, 2, base_dir=tmp_path / "out")
        with pytest.raises(ConfigurationError, match="ended with status 1"):
            GameEngine.run_many([config], base_dir=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_resume_without_a_key_leaves_all_as_it_was(self, tmp_path: Path, server: LoopbackServer) -> None:
        write_town(tmp_path, server, max_calls=8)
        assert call("run", "town.yaml", "--replicates", "2", "--output", "out").exit_code == 4
        (folder,) = Path("out").iterdir()
        command, asked = write_key_command(tmp_path, "")
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        refused = call("resume", folder, "--api-key-command", command, "--max-calls", "900")
        assert (refused.exit_code, "ended with status 1" in refused.stderr) == (2, True)
        assert asked.read_text("utf-8") == "x"
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        assert all((path / name).is_file() for path in list_replicates(folder) for name in (JOURNAL, METADATA))
        assert not any((path / EPOCHS).is_file() for path in list_replicates(folder))
