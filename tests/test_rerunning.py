"""Runs that are made again from Python: gone on with, replayed, verified, and answered from a cache."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.errors import RecordError, UsageError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.journal import writer
from synthetic_communities.llm.journal.file import JournalError, count_calls, open_to_read
from synthetic_communities.llm.journal.journal import JOURNAL, CallNotRecordedError, RequestDiffersError
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.rerunning import (
    Verdict,
    is_complete,
    replay_run,
    resume_replicates,
    resume_run,
    verify_run,
)
from synthetic_communities.runs.directory import (
    BALLOTS,
    BELIEFS,
    EPOCHS,
    FAILED_CALLS,
    FINAL_VOTE,
    INPUTS,
    LINES,
    METADATA,
    PEOPLE,
    PLAN,
    USAGE,
)
from synthetic_communities.simulation.gathering import build_candidates
from synthetic_communities.simulation.kept.inputs import load_inputs
from synthetic_communities.simulation.kept.sameness import compare_records, find_difference
from synthetic_communities.testing.models import Reply, ScriptedModel
from tests.small_communities import make_attributes, make_config, read_json, read_record

NAME = "openai:gpt-5-mini"

Decide = Callable[[ModelRequest, Call], Reply]


@pytest.fixture(autouse=True)
def _gather_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.0)


def reply(request: ModelRequest, call: Call) -> Reply:
    """Return what the model says to a call: mostly what was asked for, and now and then anything else."""
    draw = random.Random(f"{call.key} {call.attempt}")
    if call.key.startswith("opening/position/"):
        return "\n".join(f"t{number}: {draw.uniform(-1, 1):+.1f}; words of {call.key}" for number in (0, 1))
    luck = draw.random()
    if luck < 0.05:
        return CallError("server error", "overheated", status=500)
    if luck < 0.1:
        return ModelReply("I would rather not.", stop="refused", model="gpt-5-mini-2026")
    if luck < 0.2:
        return "neither this nor that"
    if request.reply_format is None:
        return f"I say {draw.random()}."
    opinions = [
        {"topic": topic, "sentence": f"So be it {draw.random()}.", "stance": round(draw.uniform(-1, 1), 1)}
        | {"candidate": draw.choice("AB")}
        for topic in ("t0", "t1")
    ]
    return json.dumps({"opinions": opinions, "vote": draw.choice("AB"), "thumbs_up": [], "thumbs_down": []})


def make_engine(decide: Decide = reply, people: int = 3, name: str = NAME, **changes: Any) -> GameEngine:
    """Return a community that asks a model of these replies."""
    config = make_config(people, **changes)
    engine = GameEngine(config)
    for number in range(people):
        engine.population.add_persona(Persona(f"p{number}", make_attributes(number), config.world_story))
    engine.candidates = build_candidates(config, config.world_story)
    engine.llm_client = LLMMind(ScriptedModel(decide, name=name))
    return engine


def run(folder: Path, decide: Decide = reply, **changes: Any) -> SimulationResult:
    engine = make_engine(decide, **changes)
    engine.initialize_simulation_output(folder)
    return engine.run()


def break_off(folder: Path, decide: Decide, error: type[BaseException], **changes: Any) -> Path:
    """Run until it breaks off, and return the run directory."""
    engine = make_engine(decide, **changes)
    engine.initialize_simulation_output(folder)
    with pytest.raises(error):
        engine.run()
    assert engine.simulation_dir is not None
    return engine.simulation_dir


def out_of_quota(calls: int) -> Decide:
    """Return replies that end with an exhausted quota after so many calls."""
    left = iter(range(calls))

    def decide(request: ModelRequest, call: Call) -> Reply:
        return reply(request, call) if next(left, None) is not None else ModelUnavailableError("the quota is used up")

    return decide


class Counting:
    """The usual replies, and which calls they were given to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, request: ModelRequest, call: Call) -> Reply:
        self.calls.append(call)
        return reply(request, call)

    @property
    def mind(self) -> LLMMind:
        return LLMMind(ScriptedModel(self, name=NAME))


def nobody(request: ModelRequest, call: Call) -> Reply:
    raise AssertionError(f"{call.key} was asked")


SILENT = LLMMind(ScriptedModel(nobody, name=NAME))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run that nobody disturbed."""
    return run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copy(whole: SimulationResult, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy_run(whole.path, tmp_path / "copy")


def copy_run(path: Path, to: Path) -> Path:
    to.mkdir(parents=True)
    for each in path.iterdir():
        (to / each.name).write_bytes(each.read_bytes())
    return to


def look(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


def edit_line(file: Path, number: int, edit: Callable[[dict[str, Any]], None]) -> None:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(lines[number])
    edit(row)
    lines[number] = json.dumps(row, ensure_ascii=False) + "\n"
    file.write_text("".join(lines), encoding="utf-8")


def edit_json(file: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    value = read_json(file)
    edit(value)
    file.write_text(json.dumps(value, indent=2), encoding="utf-8")


def end_early(path: Path) -> None:
    """Make of a complete run one that was killed just before it ended."""
    for name in (USAGE, FINAL_VOTE, BALLOTS):
        (path / name).unlink(missing_ok=True)


def keys_of(journal: Path) -> Counter[tuple[str, int]]:
    with closing(open_to_read(journal)) as connection:
        return Counter(connection.execute("SELECT key, attempt FROM calls").fetchall())


class TestResume:
    @pytest.mark.parametrize("calls", [0, 1, 7, 40, 60])
    def test_after_an_exhausted_quota_the_record_is_that_of_an_undisturbed_run(
        self, tmp_path: Path, whole: SimulationResult, calls: int
    ) -> None:
        path = break_off(tmp_path, out_of_quota(calls), ModelUnavailableError)
        assert read_json(path / USAGE)["status"] == "failed"
        rest = Counting()
        result = resume_run(path, model=rest.mind)
        assert read_record(path) == read_record(whole.path)
        assert keys_of(path / JOURNAL) == keys_of(whole.path / JOURNAL)
        assert len(rest.calls) == count_calls(whole.path / JOURNAL) - calls
        assert result.measured["status"] == "complete"
        assert result.measured["journal"]["answered"] == calls
        assert result.measured["journal"]["made"] == len(rest.calls)

    def test_after_a_cancel_among_the_ballots(self, tmp_path: Path, whole: SimulationResult) -> None:
        engine = make_engine(lambda request, call: stop(call) or reply(request, call), max_concurrent=1)
        engine.initialize_simulation_output(tmp_path)
        running: list[asyncio.Task[Any]] = []

        def stop(call: Call) -> None:
            if call.key == "ballot/p1":
                running[0].cancel()

        async def main() -> None:
            running.append(asyncio.create_task(engine.run_async()))
            with pytest.raises(asyncio.CancelledError):
                await running[0]

        asyncio.run(main())
        path = engine.simulation_dir
        assert path is not None
        kept = [json.loads(line)["status"] for line in (path / BALLOTS).read_text(encoding="utf-8").splitlines()]
        assert "not_asked" in kept
        rest = Counting()
        resume_run(path, model=rest.mind)
        assert read_record(path) == read_record(whole.path)
        assert {call.key for call in rest.calls} <= {"ballot/p1", "ballot/p2"}

    def test_the_whole_was_a_run_with_all_that_can_happen(self, whole: SimulationResult) -> None:
        outcomes = whole.measured["calls"]["outcomes"]
        with closing(open_to_read(whole.path / JOURNAL)) as connection:
            found = dict(connection.execute("SELECT coalesce(stop, failure), count(*) FROM calls GROUP BY 1"))
            again = connection.execute("SELECT count(*) FROM calls WHERE attempt = 2").fetchone()[0]
        assert found == outcomes
        assert set(found) == {"end", "refused", "server error"}
        assert again > 3

    def test_it_can_be_broken_off_again_and_again(self, tmp_path: Path, whole: SimulationResult) -> None:
        path = break_off(tmp_path, out_of_quota(9), ModelUnavailableError)
        for _ in range(3):
            with pytest.raises(ModelUnavailableError):
                resume_run(path, model=LLMMind(ScriptedModel(out_of_quota(9), name=NAME)))
        resume_run(path, model=Counting().mind)
        assert read_record(path) == read_record(whole.path)
        assert keys_of(path / JOURNAL) == keys_of(whole.path / JOURNAL)

    def test_a_run_with_two_models_asks_each_its_own(self, tmp_path: Path) -> None:
        def two(number: int, decide: Decide) -> GameEngine:
            engine = make_engine(decide)
            for candidate in engine.candidates:
                candidate.llm_client = LLMMind(ScriptedModel(decide, name="openai:gpt-5"))
            engine.initialize_simulation_output(tmp_path / str(number))
            return engine

        undisturbed = two(0, reply).run()
        broken = two(1, out_of_quota(30))
        with pytest.raises(ModelUnavailableError):
            broken.run()
        assert broken.simulation_dir is not None
        rest = Counting()
        again = two(2, rest)
        again.go_on(broken.simulation_dir)
        again.run()
        assert read_record(broken.simulation_dir) == read_record(undisturbed.path)
        assert len(rest.calls) == count_calls(undisturbed.path / JOURNAL) - 30

    def test_a_complete_run_is_returned_as_it_is(self, copy: Path) -> None:
        before = look(copy)
        assert resume_run(copy).path == copy
        assert look(copy) == before

    @pytest.mark.parametrize("name", [EPOCHS, BELIEFS])
    def test_lines_that_were_cut_off_are_completed(self, copy: Path, whole: SimulationResult, name: str) -> None:
        end_early(copy)
        (copy / EPOCHS).write_bytes((copy / EPOCHS).read_bytes()[:-100])
        (copy / name).write_bytes((copy / name).read_bytes()[:-7])
        resume_run(copy, model=SILENT)
        assert read_record(copy) == read_record(whole.path)

    def test_a_file_that_was_edited_is_named_with_the_byte(self, copy: Path) -> None:
        end_early(copy)
        edit_line(copy / BELIEFS, 0, lambda row: row.update(persona_id="px"))
        first = (copy / BELIEFS).read_bytes()
        with pytest.raises(RecordError, match=rf"{copy / BELIEFS}, byte \d+: b.* stands there, and the run, made"):
            resume_run(copy, model=SILENT)
        assert (copy / BELIEFS).read_bytes() == first

    def test_other_people_are_refused_and_named(self, copy: Path) -> None:
        end_early(copy)
        before = look(copy)
        edit_line(copy / PEOPLE, 1, lambda row: row["attributes"].update(susceptibility=0.125))
        with pytest.raises(
            RecordError, match=r"was made of something else: population\[1\].*susceptibility.* 0.125 now"
        ):
            resume_run(copy, model=SILENT)
        assert {name: value for name, value in look(copy).items() if name != PEOPLE} == {
            name: value for name, value in before.items() if name != PEOPLE
        }

    def test_other_settings_are_refused_and_named(self, copy: Path) -> None:
        end_early(copy)
        edit_json(copy / INPUTS, lambda value: value["settings"].update(num_epochs=3))
        with pytest.raises(RecordError, match=r"config.num_epochs: 2 then, 3 now"):
            resume_run(copy, model=SILENT)

    @pytest.mark.parametrize(
        ("edit", "why"),
        [
            (lambda value: value.update(format_version=9), "format version 9; this package reads version 1"),
            (lambda value: value["settings"].update(colour=1), "names settings this package does not know: 'colour'"),
            (lambda value: value.pop("stated"), "is damaged: it lacks settings"),
        ],
    )
    def test_damaged_inputs_are_refused(self, copy: Path, edit: Callable[[dict[str, Any]], None], why: str) -> None:
        edit_json(copy / INPUTS, edit)
        with pytest.raises(RecordError, match=why):
            load_inputs(copy)

    def test_a_torn_line_of_people_is_named(self, copy: Path) -> None:
        (copy / PEOPLE).write_bytes((copy / PEOPLE).read_bytes()[:-9])
        with pytest.raises(RecordError, match=rf"{PEOPLE}:3 is damaged: it was cut off"):
            load_inputs(copy)

    def test_people_that_are_gone_are_refused(self, copy: Path) -> None:
        end_early(copy)
        (copy / PEOPLE).unlink()
        with pytest.raises(RecordError, match=f"holds no {PEOPLE}: it was made by an earlier version"):
            resume_run(copy, model=SILENT)

    def test_only_limits_may_change(self, tmp_path: Path, whole: SimulationResult) -> None:
        path = break_off(tmp_path, out_of_quota(20), ModelUnavailableError)
        with pytest.raises(UsageError, match="num_epochs, random_seed cannot change within a run; what may: max_conc"):
            resume_run(path, model=SILENT, num_epochs=5, max_concurrent=2, random_seed=1)
        result = resume_run(path, model=Counting().mind, max_concurrent=2)
        assert result.measured["limits"]["max_concurrent"] == 2
        assert read_record(path) == read_record(whole.path)

    def test_another_version_of_the_package_is_refused_and_named(self, copy: Path) -> None:
        end_early(copy)
        edit_json(copy / METADATA, lambda value: value["provenance"].update(package="0.0.7"))
        with pytest.raises(RecordError, match=r"provenance.package: '0.0.7' then, .* now"):
            resume_run(copy, model=SILENT)

    def test_other_prompts_are_refused_and_the_first_difference_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = break_off(tmp_path, out_of_quota(20), ModelUnavailableError)
        change_prompts(monkeypatch)
        with pytest.raises(RequestDiffersError, match=r"text 1 of its user message: it said .* and now says 'Hello! "):
            resume_run(path, model=SILENT)

    def test_a_journal_that_is_lost_or_empty_is_not_paid_for_again(self, tmp_path: Path) -> None:
        path = break_off(tmp_path, out_of_quota(60), ModelUnavailableError)
        assert (path / EPOCHS).is_file()
        for lose in (lambda: (path / JOURNAL).write_bytes(b""), (path / JOURNAL).unlink):
            lose()
            with pytest.raises(RecordError, match=f"has lost its {JOURNAL}: put it back, or run again from"):
                resume_run(path)

    @pytest.mark.parametrize("name", [".", BELIEFS, JOURNAL])
    def test_what_may_not_be_written_to_is_named_before_anything_is_done(
        self, copy: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end_early(copy)
        before = look(copy)
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != copy / name)
        told = rf"^{copy / name} may not be written to, .*chmod -R u\+w {copy}\), or copy the"
        with pytest.raises(RecordError, match=told):
            resume_run(copy, model=SILENT)
        assert look(copy) == before

    def test_a_damaged_journal_is_refused_before_anything_is_taken_away(self, copy: Path) -> None:
        (copy / USAGE).unlink()
        (copy / JOURNAL).write_bytes((copy / JOURNAL).read_bytes()[:5000])
        before = look(copy)
        with pytest.raises(JournalError, match=f"{JOURNAL} is damaged"):
            resume_run(copy, model=SILENT)
        assert look(copy) == before

    def test_a_kill_while_the_journal_is_made_loses_nothing(self, tmp_path: Path, whole: SimulationResult) -> None:
        path = break_off(tmp_path, out_of_quota(0), ModelUnavailableError)
        (path / USAGE).unlink()
        (path / JOURNAL).touch()
        resume_run(path, model=Counting().mind)
        assert read_record(path) == read_record(whole.path)

    def test_calls_of_failed_acts_are_added_after_a_line_that_was_cut_off(self, tmp_path: Path) -> None:
        path = break_off(tmp_path, out_of_quota(20), ModelUnavailableError)
        (path / FAILED_CALLS).write_text('{"task": "a"}\n{"task": "b', encoding="utf-8")
        resume_run(path, model=Counting().mind)
        first, *others = (path / FAILED_CALLS).read_text(encoding="utf-8").splitlines()
        assert first == '{"task": "a"}'
        assert {json.loads(line)["outcome"] for line in others} >= {"refused", "server error"}

    def test_a_mind_of_a_scripts_own_has_to_be_passed_along(self, tmp_path: Path) -> None:
        path = break_off(tmp_path, out_of_quota(20), ModelUnavailableError, name="my own model")
        with pytest.raises(RecordError, match="the mind was 'my own model', which a script brought along; from Python"):
            resume_run(path)

    def test_a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room(
        self, tmp_path: Path, whole: SimulationResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_rows, left = writer.add_rows, iter(range(15))

        def fill(connection: sqlite3.Connection, new: Any) -> None:
            if next(left, None) is None:
                raise sqlite3.OperationalError("database or disk is full")
            add_rows(connection, new)

        monkeypatch.setattr(writer, "add_rows", fill)
        path = break_off(tmp_path, reply, JournalError)
        assert read_json(path / USAGE)["status"] == "failed"
        monkeypatch.setattr(writer, "add_rows", add_rows)
        rest = Counting()
        recorded = count_calls(path / JOURNAL)
        resume_run(path, model=rest.mind)
        assert recorded >= 15
        assert len(rest.calls) == count_calls(whole.path / JOURNAL) - recorded
        assert read_record(path) == read_record(whole.path)

    def test_one_mind_of_several_runs_keeps_a_journal_in_each(self, tmp_path: Path) -> None:
        counting = Counting()
        configs = [made_config(tmp_path, random_seed=seed) for seed in (1, 2)]
        results = GameEngine.run_many(configs, model=counting.mind, base_dir=tmp_path / "many")
        assert sum(count_calls(each.path / JOURNAL) for each in results) == len(counting.calls)
        assert all(max(keys_of(each.path / JOURNAL).values()) == 1 for each in results)
        assert [verify_run(each.path, model=SILENT).word for each in results] == ["identical"] * 2

    def test_replicates_are_gone_on_with_each_from_its_own_journal(self, tmp_path: Path) -> None:
        config = made_config(tmp_path)
        usual = GameEngine.run_replicates(config, 3, model=Counting().mind, folder=made(tmp_path / "usual"))
        broken = made(tmp_path / "broken")
        with pytest.raises(ModelUnavailableError):
            GameEngine.run_replicates(
                config, 3, model=LLMMind(ScriptedModel(out_of_quota(100), name=NAME)), folder=broken
            )
        rest = Counting()
        again = resume_replicates(broken, model=rest.mind)
        paths = [sorted(Path(each.path).glob("run_*")) for each in (usual, again)]
        assert [read_record(path) for path in paths[0]] == [read_record(path) for path in paths[1]]
        assert len(rest.calls) == sum(count_made(path / JOURNAL) for path in paths[0]) - 100
        assert all(is_complete(path) for path in paths[1])

    def test_a_replicate_that_had_not_begun_is_named(self, tmp_path: Path) -> None:
        folder = made(tmp_path / "broken")
        with pytest.raises(ModelUnavailableError):
            GameEngine.run_replicates(
                made_config(tmp_path), 2, model=LLMMind(ScriptedModel(out_of_quota(9), name=NAME)), folder=folder
            )
        _, second = sorted(folder.glob("run_*"))
        (second / METADATA).unlink()
        (second / INPUTS).unlink()
        with pytest.raises(
            RecordError, match=f"^{second / INPUTS} is gone, and {folder / PLAN} names that run; put it"
        ):
            resume_replicates(folder, model=SILENT)
        (folder / PLAN).unlink()  # as where an earlier version made it
        with pytest.raises(RecordError, match=f"^{second} had not begun when the runs were broken off; delete them"):
            resume_replicates(folder, model=SILENT)

    def test_after_a_run_a_mind_can_be_asked_again(self, tmp_path: Path) -> None:
        async def main() -> str:
            engine = make_engine()
            engine.initialize_simulation_output(tmp_path)
            await engine.run_async()
            request = ModelRequest((), ("And you?",), max_output_tokens=5)
            return (await engine.llm_client.model_asked.reply(request, Call("own/x"))).text

        assert asyncio.run(main()).startswith("I say")


def count_made(journal: Path) -> int:
    """Return how many calls of a journal were made for its own run."""
    with closing(open_to_read(journal)) as connection:
        return int(connection.execute("SELECT count(*) FROM calls WHERE source = 'call'").fetchone()[0])


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def made_config(folder: Path, **changes: Any) -> Config:
    """Return a configuration with a file of people."""
    file = folder / "people.jsonl"
    lines = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(3)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return make_config(3, population_file=file, **changes)


def change_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this version of the package ask in other words."""
    build = LLMMind.build_request

    def build_changed(mind: LLMMind, view: Any) -> ModelRequest:
        request = build(mind, view)
        user = (f"Hello! {request.user[0]}", *request.user[1:])
        return ModelRequest(
            request.system, user, max_output_tokens=request.max_output_tokens, reply_format=request.reply_format
        )

    monkeypatch.setattr(LLMMind, "build_request", build_changed)


class TestVerify:
    def test_a_run_is_what_comes_of_its_journal_and_nothing_is_written(self, copy: Path) -> None:
        before, calls = look(copy), count_calls(copy / JOURNAL)
        assert verify_run(copy, model=SILENT) == Verdict("identical", answered=calls)
        assert look(copy) == before

    @pytest.mark.parametrize("calls", [0, 1, 5, 40, 60])
    def test_a_run_that_did_not_end_is_held_against_it_as_far_as_it_goes(self, tmp_path: Path, calls: int) -> None:
        path = break_off(tmp_path, out_of_quota(calls), ModelUnavailableError)
        before = look(path)
        verdict = verify_run(path, model=SILENT)
        assert (verdict.word, verdict.why, verdict.is_complete) == ("identical", "", False)
        assert look(path) == before

    def test_entries_that_an_epoch_was_built_on_are_missing_in_a_run_that_did_not_end(self, copy: Path) -> None:
        end_early(copy)
        with closing(sqlite3.connect(copy / JOURNAL)) as connection, connection:
            connection.execute("DELETE FROM calls WHERE key LIKE 'e1/%' OR key LIKE 'ballot/%'")
        verdict = verify_run(copy, model=SILENT)
        assert (verdict.word, verdict.why) == ("cannot say", "e1/read/c0 is not in the journal")
        for file in (copy / name for name in LINES if (copy / name).is_file()):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            file.write_text("".join(line for line in lines if json.loads(line)["epoch"] == 0), encoding="utf-8")
        assert verify_run(copy, model=SILENT).word == "identical"
        edit_line(copy / BELIEFS, 0, lambda row: row.update(persona_id="px"))
        assert verify_run(copy, model=SILENT).word == "differs"

    def test_the_journal_of_a_killed_run_stays_as_it_lies(self, copy: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(copy / JOURNAL)) as connection:
            connection.execute("UPDATE calls SET seconds = 1.0")
            connection.commit()
            killed = copy_run(copy, tmp_path / "killed")  # before SQLite has put its log in order
        before = look(killed)
        assert len(before[f"{JOURNAL}-wal"][0]) > 0
        assert verify_run(killed, model=SILENT).word == "identical"
        assert look(killed) == before

    def test_what_candidates_first_say_may_not_stand_there_yet(self, copy: Path) -> None:
        end_early(copy)
        for name in (EPOCHS, BELIEFS):
            (copy / name).unlink()

        def unsettle(value: dict[str, Any]) -> None:
            for candidate in value["candidates"]:
                candidate.update(initial_policy_positions={}, initial_stances={})

        edit_json(copy / METADATA, unsettle)
        assert verify_run(copy, model=SILENT).why == ""

    def test_an_edited_line_is_named(self, copy: Path) -> None:
        edit_line(copy / BELIEFS, 2, lambda row: row.update(persona_id="px"))
        verdict = verify_run(copy, model=SILENT)
        assert verdict.word == "differs"
        assert verdict.why == "beliefs.jsonl, line 3, persona_id: 'px' then, 'p1' now"

    @pytest.mark.parametrize("is_complete", [True, False])
    def test_edited_metadata_are_named(self, copy: Path, is_complete: bool) -> None:
        if not is_complete:
            end_early(copy)
        edit_json(copy / METADATA, lambda value: value["config"].update(random_seed=8))
        verdict = verify_run(copy, model=SILENT)
        assert (verdict.word, verdict.why) == ("differs", "metadata.json, config.random_seed: 8 then, 7 now")

    def test_an_edited_or_missing_vote_is_named(self, copy: Path) -> None:
        edit_json(copy / FINAL_VOTE, lambda value: value.update({"Aisha Noor": 99}))
        assert "final_vote.json, Aisha Noor: 99 then" in verify_run(copy, model=SILENT).why
        (copy / FINAL_VOTE).unlink()
        assert verify_run(copy, model=SILENT).why == "final_vote.json is missing"

    @pytest.mark.parametrize("name", [EPOCHS, BALLOTS, BELIEFS])
    def test_missing_lines_and_added_ones_are_named(self, copy: Path, name: str) -> None:
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))
        assert verify_run(copy, model=SILENT).why == f"{name}: lines are missing at its end"
        (copy / name).write_bytes(content + b'{"epoch": 9}\n')
        number = content.count(b"\n") + 1
        assert verify_run(copy, model=SILENT).why == f"{name}, line {number}: it is too many"
        (copy / name).unlink()
        assert verify_run(copy, model=SILENT).why == f"{name}: lines are missing at its end"

    def test_the_vote_of_a_run_that_says_not_that_it_ended_is_compared(self, copy: Path) -> None:
        (copy / USAGE).unlink()
        assert verify_run(copy, model=SILENT).why == ""
        edit_line(copy / BALLOTS, 1, lambda row: row.update(first_choice="nobody"))
        assert "ballots.jsonl, line 2, first_choice: 'nobody' then" in verify_run(copy, model=SILENT).why
        (copy / BALLOTS).unlink()
        edit_json(copy / FINAL_VOTE, lambda value: value.update({"Aisha Noor": 99}))
        assert "final_vote.json, Aisha Noor: 99 then" in verify_run(copy, model=SILENT).why

    def test_ballots_that_were_not_asked_for_any_more_are_not_compared(self, copy: Path) -> None:
        for name in (USAGE, FINAL_VOTE):
            (copy / name).unlink()
        edit_line(copy / BALLOTS, 1, lambda row: row.update(status="not_asked", first_choice=None))
        assert verify_run(copy, model=SILENT).why == ""

    def test_epochs_that_ended_are_whole_in_every_file(self, copy: Path) -> None:
        end_early(copy)
        lines = (copy / BELIEFS).read_bytes().splitlines(keepends=True)
        (copy / BELIEFS).write_bytes(b"".join(lines[:-1]))
        verdict = verify_run(copy, model=SILENT)
        assert verdict == Verdict(
            "differs", "beliefs.jsonl: lines are missing at its end", is_complete=False, answered=verdict.answered
        )

    def test_other_prompts_leave_it_open(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        change_prompts(monkeypatch)
        verdict = verify_run(copy, model=SILENT)
        assert verdict.word == "cannot say"
        assert "text 1 of its user message: it said" in verdict.why

    def test_an_entry_that_is_missing_leaves_it_open(self, copy: Path) -> None:
        with closing(sqlite3.connect(copy / JOURNAL)) as connection, connection:
            connection.execute("DELETE FROM calls WHERE key = 'ballot/p1'")
        assert verify_run(copy, model=SILENT) == Verdict("cannot say", "ballot/p1 was not asked then")

    def test_an_edited_reply_shows(self, copy: Path) -> None:
        with closing(sqlite3.connect(copy / JOURNAL)) as connection, connection:
            connection.execute(
                "UPDATE calls SET reply = 'I say no.' WHERE key LIKE 'e1/post/%' AND stop = 'end' AND attempt = 1"
            )
        assert verify_run(copy, model=SILENT).word in ("differs", "cannot say")

    def test_edited_settings_that_change_what_is_asked_are_named(self, copy: Path) -> None:
        edit_json(copy / INPUTS, lambda value: value["settings"].update(random_seed=8))
        verdict = verify_run(copy, model=SILENT)
        assert (verdict.word, verdict.why) == ("differs", "metadata.json, config.random_seed: 7 then, 8 now")

    def test_edited_settings_under_another_version_leave_it_open(self, copy: Path) -> None:
        edit_json(copy / INPUTS, lambda value: value["settings"].update(random_seed=8))
        edit_json(copy / METADATA, lambda value: value["provenance"].update(package="0.0.1"))
        assert verify_run(copy, model=SILENT).word == "cannot say"

    def test_people_and_settings_that_were_edited_show(self, copy: Path) -> None:
        edit_line(copy / PEOPLE, 0, lambda row: row["attributes"].update(name="Somebody"))
        assert verify_run(copy, model=SILENT).word in ("differs", "cannot say")

    def test_no_key_is_needed_and_no_model_asked(self, tmp_path: Path) -> None:
        engine = make_engine(model=NAME)
        engine.llm_client = LLMMind(ScriptedModel(reply, name=NAME), seed=engine.config.random_seed)
        engine.initialize_simulation_output(tmp_path)
        path = engine.run().path
        edit_json(
            path / METADATA,
            lambda value: value["provenance"].update(
                mind_because="you named it", candidate_mind_because="you named it"
            ),
        )
        verdict = verify_run(path)
        assert (verdict.word, verdict.why) == ("identical", "")

    def test_a_run_without_a_model_is_made_again_without_a_journal(self, tmp_path: Path) -> None:
        engine = make_engine()
        engine.llm_client = None
        engine.initialize_simulation_output(tmp_path)
        path = engine.run().path
        assert not (path / JOURNAL).exists()
        assert verify_run(path) == Verdict("identical")

    def test_values_are_compared_with_their_kinds(self) -> None:
        assert find_difference({"a": [1, {"b": True}]}, {"a": [1, {"b": 1}]}) == "a[1].b: True then, 1 now"
        assert find_difference({"a": 1}, {}) == "a: 1 then, not there now"
        assert find_difference({}, {"a": [0] * 50}) == "a: not there then, 50 of them now"
        assert find_difference({"a": [1]}, {"a": [1, 2]}) == "a: [1] then, [1, 2] now"
        assert find_difference({"a": [1.0]}, {"a": [1.0]}) is None

    def test_a_line_that_is_written_otherwise_or_damaged_is_said(self, whole: SimulationResult, copy: Path) -> None:
        lines = (copy / BELIEFS).read_bytes()
        (copy / BELIEFS).write_bytes(lines.replace(b": ", b":", 1))
        why = compare_records(copy, whole.path, is_complete=True)
        assert why == "beliefs.jsonl, line 1: the same values, written differently"
        (copy / BELIEFS).write_bytes(b"{" + lines)
        assert compare_records(copy, whole.path, is_complete=True) == "beliefs.jsonl, line 1: it is damaged"


class TestReplay:
    def test_the_same_run_comes_out_without_a_call(self, tmp_path: Path, whole: SimulationResult) -> None:
        before = look(whole.path)
        again = replay_run(whole.path, model=SILENT, base_dir=tmp_path)
        assert again.path != whole.path
        assert read_record(again.path) == read_record(whole.path)
        assert keys_of(again.path / JOURNAL) == keys_of(whole.path / JOURNAL)
        assert look(whole.path) == before

    def test_a_change_is_refused_where_it_first_asks_something_else(
        self, tmp_path: Path, whole: SimulationResult
    ) -> None:
        config = made_config(tmp_path, num_epochs=3)
        with pytest.raises(CallNotRecordedError, match=r"(was not asked then|it said)"):
            replay_run(whole.path, config, model=SILENT, base_dir=tmp_path)

    def test_a_change_that_asks_nothing_new_is_free_and_in_one_order(
        self, tmp_path: Path, whole: SimulationResult
    ) -> None:
        config = made_config(tmp_path, max_concurrent=30)
        again = replay_run(whole.path, config, model=SILENT, base_dir=tmp_path)
        assert again.measured["journal"]["made"] == 0
        assert again.measured["limits"]["max_concurrent"] == 1
        assert (again.path / BALLOTS).read_bytes() == (whole.path / BALLOTS).read_bytes()

    def test_only_what_is_asked_otherwise_is_paid_for(self, tmp_path: Path, whole: SimulationResult) -> None:
        rest = Counting()
        config = made_config(tmp_path, num_epochs=3)
        again = replay_run(whole.path, config, allow_calls=True, model=rest.mind, base_dir=tmp_path)
        told = again.measured["journal"]
        assert 0 < len(rest.calls) == told["made"]
        assert told["answered"] > 20
        assert not any(call.key.startswith(("opening", "e0")) for call in rest.calls)
        assert told["answered"] + told["made"] == count_calls(again.path / JOURNAL)
        once_more = replay_run(again.path, model=SILENT, base_dir=tmp_path / "again")
        assert read_record(once_more.path) == read_record(again.path)

    def test_a_run_that_was_broken_off_may_be_replayed_to_its_end(
        self, tmp_path: Path, whole: SimulationResult
    ) -> None:
        path = break_off(tmp_path, out_of_quota(30), ModelUnavailableError)
        rest = Counting()
        again = replay_run(path, allow_calls=True, model=rest.mind, base_dir=tmp_path / "again")
        assert read_record(again.path) == read_record(whole.path)
        assert len(rest.calls) == count_calls(whole.path / JOURNAL) - 30
        assert not is_complete(path)


class TestCache:
    def run(self, folder: Path, decide: Decide, **changes: Any) -> SimulationResult:
        engine = make_engine(decide, **changes)
        engine.use_cache(folder / "cache")
        engine.initialize_simulation_output(folder)
        return engine.run()

    def test_the_same_run_costs_only_its_failures_again(self, tmp_path: Path) -> None:
        first, second = Counting(), Counting()
        before, again = self.run(tmp_path, first), self.run(tmp_path, second)
        assert read_record(again.path) == read_record(before.path)
        failed = [
            call
            for call in first.calls
            if isinstance(reply(ModelRequest((), (), max_output_tokens=1), call), CallError)
        ]
        assert 0 < len(second.calls) == len(failed)
        assert verify_run(again.path, model=SILENT).word == "identical", "what the cache answered is in its journal"

    def test_replicates_stay_independent(self, tmp_path: Path) -> None:
        first, second = Counting(), Counting()
        self.run(tmp_path, first, replicate=0)
        self.run(tmp_path, second, replicate=1)
        made = {(call.key, call.attempt) for call in second.calls}
        assert {("opening/opinion/p0", 1), ("opening/position/c0", 1)} <= made, "asked anew though asked the same"

    def test_equal_requests_of_one_run_have_answers_of_their_own(self, tmp_path: Path) -> None:
        def count(results: Iterable[SimulationResult]) -> list[int]:
            return [each.measured["journal"]["made"] for each in results]

        runs = [self.run(tmp_path, Counting()) for _ in range(2)]
        assert count(runs)[0] == count_calls(runs[0].path / JOURNAL)
        entries = count_calls(tmp_path / "cache" / "answers.sqlite3")
        self.run(tmp_path, Counting())
        assert count_calls(tmp_path / "cache" / "answers.sqlite3") == entries, "what was taken is not added again"

    def test_runs_side_by_side_share_one(self, tmp_path: Path) -> None:
        config = made_config(tmp_path)
        first = GameEngine.run_replicates(
            config, 3, model=Counting().mind, cache=tmp_path / "cache", base_dir=tmp_path / "a"
        )
        counting = Counting()
        second = GameEngine.run_replicates(
            config, 3, model=counting.mind, cache=tmp_path / "cache", base_dir=tmp_path / "b"
        )
        paths = [sorted(Path(each.path).glob("run_*")) for each in (first, second)]
        assert [read_record(path) for path in paths[0]] == [read_record(path) for path in paths[1]]
        assert 0 < len(counting.calls) < 30, "failures alone"
