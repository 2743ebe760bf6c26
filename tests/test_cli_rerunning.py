"""`resume`, `replay`, `verify` and `--cache` as a person types them: what they print, ask and leave."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities import replay_run, resume_run, verify_run
from synthetic_communities.cli.main import program
from synthetic_communities.domain.outcome import Refused
from synthetic_communities.errors import RecordError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.journal import writer
from synthetic_communities.llm.journal.journal import JOURNAL, current_journal
from synthetic_communities.llm.model import ModelRequest
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import View
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.rerunning import resume_replicates
from synthetic_communities.runs.directory import METADATA, USAGE
from synthetic_communities.runs.lock import RunLock
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import SETTINGS, make_attributes, make_config, make_engine, read_json, read_record

PEOPLE = 3

OPENING = PEOPLE + 2
"""Calls of the opening: people and candidates state where they stand."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(no_auth=True, dialect="llamacpp") as started:
        yield started


@pytest.fixture
def town(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a small town, in the working directory; its server has counted nothing yet."""
    monkeypatch.chdir(tmp_path)
    people = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(PEOPLE)]
    Path("people.jsonl").write_text("\n".join(people), encoding="utf-8")
    server.reset()
    return write_town("town.yaml", model="vllm:test", base_url=f"{server.url}/v1")


def write_town(name: str, **changes: Any) -> Path:
    settings = {**SETTINGS, "population_size": PEOPLE, "num_epochs": 1, "population_file": "people.jsonl", **changes}
    Path(name).write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Path(name)


def call(*arguments: str | Path) -> Result:
    """Run the command in this process, with a terminal of 80 columns."""
    typed = [str(argument) for argument in arguments]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(
        program, typed, prog_name="synthetic-communities", catch_exceptions=False
    )
    assert "Traceback" not in result.output
    return result


def calls_of(server: LoopbackServer) -> int:
    """Return how many calls it has had since this was asked last."""
    calls: int = server.stats()["calls"]
    server.reset()
    return calls


def run(*arguments: str | Path) -> Path:
    """Run a community that comes to its end, and return its directory."""
    result = call("run", *arguments)
    assert result.exit_code == 0, result.stderr
    return Path(result.stdout.splitlines()[0].removeprefix("Run directory: "))


def interrupt_at(monkeypatch: pytest.MonkeyPatch, key: str, replicate: int = 0) -> None:
    """Press Ctrl-C when a mind is about to be asked for one act."""
    answer = LLMMind.answer

    async def answer_or_interrupt(mind: LLMMind, view: View) -> Any:
        is_rehearsal = current_journal.get() is None
        if not is_rehearsal and (view.key, view.chance.replicate) == (key, replicate):
            signal.raise_signal(signal.SIGINT)
        return await answer(mind, view)

    monkeypatch.setattr(LLMMind, "answer", answer_or_interrupt)


class TestResume:
    def test_an_interrupted_run_becomes_the_one_it_would_have_been(
        self, town: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        undisturbed, needed = run(town, "--output", "undisturbed"), calls_of(server)
        with monkeypatch.context() as patched:
            interrupt_at(patched, "ballot/p1")
            broken = call("run", town, "--output", "broken")
        (path,) = Path("broken").iterdir()
        assert (broken.exit_code, broken.stderr.splitlines()[-1]) == (
            130,
            f"To go on:  synthetic-communities resume {path}",
        )
        journaled = calls_of(server)
        assert 0 < journaled < needed

        resumed = call("resume", path, "--max-concurrent", "2")
        assert (resumed.exit_code, resumed.stdout.splitlines()[0]) == (0, f"Run directory: {path}")
        assert resumed.stdout == call("show", path).stdout.join([f"Run directory: {path}\n", ""])
        usage = read_json(path / USAGE)
        assert usage["limits"]["max_concurrent"] == 2
        answered = usage["journal"]["answered"]
        assert usage["journal"] == {"answered": answered, "made": calls_of(server), "mode": "wal"}
        assert (answered + usage["journal"]["made"], 0 < answered <= journaled) == (needed, True)
        assert read_record(path) == read_record(undisturbed)

    def test_there_is_nothing_to_go_on_with_in_a_complete_run(self, town: Path, server: LoopbackServer) -> None:
        path = run(town)
        before, _ = {file.name: file.read_bytes() for file in path.iterdir()}, calls_of(server)
        resumed = call("resume", path)
        told = f"{path} is complete; there is nothing to go on with.\n"
        assert (resumed.exit_code, resumed.stdout) == (0, told + call("show", path).stdout)
        assert call("resume", path, "--json").stdout == call("show", path, "--json").stdout
        assert {file.name: file.read_bytes() for file in path.iterdir()} == before
        assert calls_of(server) == 0

    def test_what_failed_in_a_complete_run_is_counted_and_asked_in_another(self, tmp_path: Path) -> None:
        engine = make_engine(
            make_config(2, num_epochs=1), ScriptedMind({"e0/react/p0": Refused(), "ballot/p1": Refused()})
        )
        engine.initialize_simulation_output(tmp_path)
        path = engine.run().path
        told = (
            f"{path} is complete; there is nothing to go on with.\n"
            "Without an answer: 2 acts. Epochs that have ended are not asked again, nor are ballots.\n"
            f"To have all asked anew, begin another run: synthetic-communities run {path / 'config.yaml'}\n"
        )
        assert call("resume", path, "--retry-failures").stdout.startswith(told)

    def test_a_folder_of_replicates(self, town: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        assert call("run", town, "--replicates", "2", "--output", "undisturbed").exit_code == 0
        needed = calls_of(server)
        with monkeypatch.context() as patched:
            interrupt_at(patched, "ballot/p1", replicate=1)
            assert call("run", town, "--replicates", "2", "--output", "broken").exit_code == 130
        (folder,), (undisturbed,) = Path("broken").iterdir(), Path("undisturbed").iterdir()
        made_before = calls_of(server)
        assert Replicates(folder).rows[1]["status"] == "interrupted"

        resumed = call("resume", folder)
        assert (resumed.exit_code, "2 of 2 runs complete." in resumed.stdout) == (0, True)
        assert made_before < needed
        assert calls_of(server) <= needed - made_before + 20, "those that were cut short are made again"
        assert [read_record(each.path) for each in Replicates(folder)] == [
            read_record(each.path) for each in Replicates(undisturbed)
        ]

    def test_what_is_no_run_is_refused(self, town: Path) -> None:
        Path("empty").mkdir()
        for command in ("resume", "verify"):
            missing, empty = call(command, "nowhere"), call(command, "empty")
            assert (missing.exit_code, missing.stderr) == (2, "Error: there is no directory nowhere\n")
            assert (empty.exit_code, empty.stderr) == (
                2,
                "Error: empty is no run directory: it holds no metadata.json\n",
            )

    def test_a_run_that_has_lost_its_journal(self, town: Path, server: LoopbackServer) -> None:
        path = run(town)
        (path / JOURNAL).unlink()
        (path / USAGE).unlink()
        calls_of(server)
        for command in ("resume", "verify"):
            refused = call(command, path)
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert f"{path} has lost its {JOURNAL}: put it back" in refused.stderr
        assert calls_of(server) == 0

    def test_a_run_under_way_has_not_failed(
        self, town: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            interrupt_at(patched, "e0/post/p1")
            call("run", town, "--output", "out")
        (path,) = Path("out").iterdir()
        server.reset()
        with RunLock(path):
            refused = call("resume", path)
        assert refused.exit_code == 1
        assert f"Error: {path} is in use by process" in refused.stderr
        assert "failed" not in refused.stderr
        assert "To go on" not in refused.stderr
        assert calls_of(server) == 0

    def test_from_python_with_a_mind_of_a_scripts_own(self, tmp_path: Path) -> None:
        engine = make_engine(make_config(2, num_epochs=1), ScriptedMind())
        engine.initialize_simulation_output(tmp_path)
        result = engine.run()
        record = read_record(result.path)
        (result.path / USAGE).unlink()
        with pytest.raises(RecordError, match="from Python, pass that mind as model="):
            resume_run(result.path)
        assert resume_run(result.path, model=ScriptedMind()).is_complete
        assert read_record(result.path) == record
        assert verify_run(result.path, model=ScriptedMind()).word == "identical"

    def test_a_lost_journal_of_a_model_that_a_script_brought_along(self, tmp_path: Path) -> None:
        mind = LLMMind(ScriptedModel(lambda request, call: "Let us see."))
        engine = make_engine(make_config(2, num_epochs=1), mind)
        engine.initialize_simulation_output(tmp_path)
        path = engine.run().path
        (path / USAGE).unlink()
        (path / JOURNAL).unlink()
        with pytest.raises(RecordError, match=f"has lost its {JOURNAL}"):
            resume_run(path, model=mind)

    def test_another_version_of_the_package_is_named(self, tmp_path: Path) -> None:
        engine = make_engine(make_config(2, num_epochs=1, model="offline"))
        engine.initialize_simulation_output(tmp_path)
        path = engine.run().path
        (path / USAGE).unlink()
        metadata = read_json(path / METADATA)
        metadata["provenance"]["package"] = "0.0.1"
        (path / METADATA).write_text(json.dumps(metadata), encoding="utf-8")
        refused = call("resume", path)
        assert (refused.exit_code, ": provenance.package: '0.0.1' then, " in refused.stderr) == (1, True)
        assert call("verify", path).exit_code == 0, "a record that comes out the same is the same"

    def test_replicates_interrupted_again_say_how_to_go_on(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        interrupt_at(monkeypatch, "ballot/p1", replicate=1)
        assert call("run", town, "--replicates", "2", "--output", "broken").exit_code == 130
        (folder,) = Path("broken").iterdir()
        with pytest.raises(KeyboardInterrupt) as caught:
            resume_replicates(folder)
        assert str(caught.value).endswith(f"import resume_replicates; runs = resume_replicates('{folder}')")

    def test_replicates_from_python_with_a_mind_of_a_scripts_own(self, tmp_path: Path) -> None:
        config = make_config(2, num_epochs=1, population_file=str(write_people(tmp_path, 2)))
        runs = GameEngine.run_replicates(config, 2, model=ScriptedMind(), folder=tmp_path / "runs")
        record = read_record(runs[1].path)
        (runs[1].path / USAGE).unlink()
        again = resume_replicates(runs.path, model=ScriptedMind())
        assert [row["status"] for row in again.rows] == ["complete", "complete"]
        assert read_record(again[1].path) == record


def write_people(folder: Path, number: int) -> Path:
    lines = [json.dumps({"id": f"p{each}", **make_attributes(each)}) for each in range(number)]
    (folder / "runs").mkdir()
    file = folder / "people.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


class TestReplay:
    def test_the_same_again_costs_nothing(self, town: Path, server: LoopbackServer) -> None:
        path, _ = run(town), calls_of(server)
        replayed = call("replay", path, "--output", "again")
        (again,) = Path("again").iterdir()
        assert (replayed.exit_code, replayed.stdout.splitlines()[0]) == (0, f"Run directory: {again}")
        assert calls_of(server) == 0
        assert read_record(again) == read_record(path)
        assert verify_run(again).word == "identical", "it has a journal of its own"

    def test_another_configuration_asks_only_what_is_new_and_only_when_allowed(
        self, town: Path, server: LoopbackServer
    ) -> None:
        path, needed = run(town), calls_of(server)
        longer = write_town("longer.yaml", num_epochs=2, model="vllm:test", base_url=f"{server.url}/v1")
        refused = call("replay", path, "--config", longer)
        assert (refused.exit_code, calls_of(server)) == (1, 0)
        error, left = refused.stderr.splitlines()[-2:]
        assert error.startswith("Error: the run needs a call that is not recorded: e1/")
        assert error.endswith(" was not asked then; with --allow-calls a model is asked")
        assert left.startswith("What is recorded stands in data/simulation/run_")

        allowed = call("replay", path, "--config", longer, "--allow-calls")
        assert allowed.exit_code == 0
        made = calls_of(server)
        usage = read_json(max(Path("data/simulation").iterdir(), key=lambda each: each.stat().st_mtime_ns) / USAGE)
        assert usage["journal"]["made"] == made
        assert 0 < usage["journal"]["answered"] <= needed
        assert made > 0

    def test_the_refusal_names_where_a_request_differs(self, town: Path, server: LoopbackServer) -> None:
        path = run(town)
        other = write_town("other.yaml", world_story="A town in the hills.", model="vllm:test", base_url=server.url)
        error = call("replay", path, "--config", other).stderr
        assert "question, text 2 of its system message: it said " in error
        assert "by the water." in error
        assert "in the hills." in error

    def test_from_python(self, town: Path, server: LoopbackServer) -> None:
        path, _ = run(town), calls_of(server)
        result = replay_run(path, base_dir="again")
        assert (calls_of(server), read_record(result.path)) == (0, read_record(path))


class TestVerify:
    def test_identical(self, town: Path, server: LoopbackServer) -> None:
        path, calls = run(town), calls_of(server)
        verified = call("verify", path)
        assert (verified.exit_code, verified.stderr) == (0, "")
        assert verified.stdout == f"{path}: identical; made again with {calls} calls answered from its journal.\n"
        assert calls_of(server) == 0

    def test_no_key_and_no_server_are_needed(
        self, town: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-not-needed-again")
        path = run(write_town("keyed.yaml", model="openai:gpt-5-mini", base_url=f"{server.url}/v1"))
        monkeypatch.delenv("OPENAI_API_KEY")
        calls_of(server)
        assert (call("verify", path).exit_code, calls_of(server)) == (0, 0)

    def test_offline_there_are_no_calls_to_answer(self, town: Path) -> None:
        path = run(write_town("offline.yaml"), "--model", "offline")
        assert call("verify", path).stdout == f"{path}: identical; made again with no call of a model.\n"
        assert not (path / JOURNAL).exists()

    def test_it_differs(self, town: Path) -> None:
        path = run(town)
        file = path / "beliefs.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        row = json.loads(lines[4])
        lines[4] = f"{json.dumps({**row, 'after': 0.123})}\n"
        file.write_text("".join(lines), encoding="utf-8")
        verified = call("verify", path)
        assert verified.exit_code == 1
        assert verified.stdout == f"{path}: differs: beliefs.jsonl, line 5, after: 0.123 then, {row['after']} now.\n"

    def test_interrupted_it_says_nothing_of_its_own_folder(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = run(town)
        interrupt_at(monkeypatch, "ballot/p1")
        with pytest.raises(KeyboardInterrupt) as caught:
            verify_run(path)
        assert str(caught.value) == f"{path} was not compared to its end; nothing in it was changed"
        assert call("verify", path).stderr == "Interrupted.\n"

    def test_it_cannot_be_said(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = run(town)
        change_a_prompt(monkeypatch)
        verified = call("verify", path)
        assert verified.exit_code == 3
        assert verified.stdout == (
            f"{path}: cannot say: this package asks something else than the one that ran, or the journal lacks a call: "
            "e0/debate/t0/q0/question: its user message has 2 texts, and had 1.\n"
        )

    def test_a_folder_of_replicates(self, town: Path) -> None:
        assert call("run", write_town("offline.yaml"), "--replicates", "2", "--output", "out").exit_code == 0
        (folder,) = Path("out").iterdir()
        first, second = (each.path for each in Replicates(folder))
        (second / "final_vote.json").write_text("{}", encoding="utf-8")
        verified = call("verify", folder)
        assert verified.exit_code == 1
        lines = verified.stdout.splitlines()
        assert (lines[0].partition(";")[0], len(lines)) == (f"{first}: identical", 2)
        assert lines[1].startswith(f"{second}: differs: final_vote.json, ")


def change_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask something else than before, as another version of the package may."""
    build = LLMMind.build_request

    def build_other(mind: LLMMind, view: View) -> ModelRequest:
        request = build(mind, view)
        return replace(request, user=(*request.user, "Be brief."))

    monkeypatch.setattr(LLMMind, "build_request", build_other)


class TestCache:
    def test_the_second_time_nothing_is_asked(self, town: Path, server: LoopbackServer) -> None:
        first, needed = run(town, "--cache", "answers"), calls_of(server)
        second = run(town, "--cache", "answers")
        assert calls_of(server) == 0
        assert read_json(second / USAGE)["journal"] == {"answered": needed, "made": 0, "mode": "wal"}
        assert read_record(second) == read_record(first)
        assert call("verify", second).exit_code == 0, "what came from elsewhere is in its own journal, too"

    def test_replicates_stay_independent(self, town: Path, server: LoopbackServer) -> None:
        run(town, "--cache", "answers")
        needed = calls_of(server)
        assert call("run", town, "--replicates", "2", "--cache", "answers", "--output", "out").exit_code == 0
        (folder,) = Path("out").iterdir()
        measured = [each.measured["journal"] for each in Replicates(folder)]
        assert (measured[0]["answered"], measured[0]["made"]) == (needed, 0), "the first is the run from before"
        assert measured[1]["answered"] == OPENING, "the opening is that of the first, and nothing else is"
        assert calls_of(server) == measured[1]["made"] > 0


class TestRetrying:
    """Failures of a server that was broken for a while."""

    @pytest.fixture
    def stopped(self, town: Path) -> Path:
        """A run that was stopped by a server that answers nobody."""
        with LoopbackServer(no_auth=True, dialect="llamacpp", faults={"malformed": 1.0}, fault_times=0) as broken:
            settings = {"model": "vllm:test", "base_url": f"{broken.url}/v1", "max_failures": 0.1}
            write_town("broken.yaml", **settings, population_size=PEOPLE)
            result = call("run", "broken.yaml", "--max-calls", "4", "--output", "stopped")
        assert result.exit_code == 4, result.stderr
        (path,) = Path("stopped").iterdir()
        return path

    def move_to(self, path: Path, server: LoopbackServer) -> None:
        """Let a run find the server that works, as if the broken one had been mended."""
        for name in ("inputs.json", METADATA):
            text = (path / name).read_text(encoding="utf-8")
            (path / name).write_text(re.sub(r"http://127.0.0.1:[0-9]+", server.url, text), encoding="utf-8")

    def test_what_failed_has_failed_unless_it_is_asked_again(
        self, town: Path, stopped: Path, server: LoopbackServer
    ) -> None:
        self.move_to(stopped, server)
        undisturbed = run(town, "--output", "undisturbed")
        whole = calls_of(server)
        shutil.copytree(stopped, "copy")
        assert call("resume", stopped, "--max-calls", "1000", "--max-failures", "1").exit_code == 0
        assert read_record(stopped) != read_record(undisturbed), "some have failed"
        calls_of(server)

        assert call("resume", "copy", "--retry-failures", "--max-calls", "9").exit_code == 4
        assert call("resume", "copy", "--max-calls", "1000").exit_code == 0, "it is known from then on"
        assert calls_of(server) == whole, "each that failed was made again, once"
        assert read_record(Path("copy")) == read_record(undisturbed)
        assert call("verify", "copy").exit_code == 0


def test_a_replay_that_was_broken_off_is_replayed_again(town: Path, server: LoopbackServer) -> None:
    path = run(town)
    write_town("longer.yaml", model="vllm:test", base_url=f"{server.url}/v1", num_epochs=2)
    assert call("replay", path, "--config", "longer.yaml", "--output", "again").exit_code == 1
    (again,) = Path("again").iterdir()
    calls_of(server)
    assert "To go on" not in call("show", again).stdout
    refused = call("resume", again)
    assert (refused.exit_code, calls_of(server)) == (2, 0)
    assert refused.stderr == (
        f"Error: {again} is a replay that was broken off; replay again instead: its calls were another run's\n"
    )


def test_a_refused_resume_leaves_all_as_it_was(town: Path) -> None:
    path = run(town)
    usage = read_json(path / USAGE)
    (path / USAGE).write_text(json.dumps(usage | {"status": "interrupted"}), encoding="utf-8")
    lines = (path / "beliefs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (path / "beliefs.jsonl").write_text(
        "".join([*lines[:3], lines[3].replace('"epoch": 0', '"epoch": 7'), *lines[4:]]), "utf-8"
    )
    before = {each.name: each.read_bytes() for each in path.iterdir()}
    refused = call("resume", path)
    assert refused.exit_code == 1
    assert f"Error: {path} cannot be gone on with: {path / 'beliefs.jsonl'}, byte " in refused.stderr
    assert "To go on" not in refused.stderr
    assert {each.name: each.read_bytes() for each in path.iterdir()} == before


def test_a_cache_and_a_key_are_named_anew(town: Path, server: LoopbackServer) -> None:
    whole = run(town, "--cache", "answers")
    calls_of(server)
    assert call("run", town, "--max-calls", "3", "--output", "stopped").exit_code == 4
    (path,) = Path("stopped").iterdir()
    calls_of(server)
    key = f"{shlex.quote(sys.executable)} -c 'print(chr(107) * 20)'"
    done = call("resume", path, "--max-calls", "99", "--cache", "answers", "--api-key-command", key)
    assert (done.exit_code, calls_of(server)) == (0, 0), done.stderr
    assert read_record(path) == read_record(whole)


def test_a_disk_that_fills_up_on_the_way_on_is_a_run_that_went_further(
    town: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("run", town, "--max-calls", "3").exit_code == 4
    (path,) = Path("data/simulation").iterdir()

    def fill_up(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(writer, "add_rows", fill_up)
        result = call("resume", path, "--max-calls", "99")
    assert (result.exit_code, read_json(path / USAGE)["status"]) == (1, "failed")
    assert "To go on:" in result.stderr
    assert call("resume", path, "--max-calls", "99").exit_code == 0
    assert call("verify", path).exit_code == 0
