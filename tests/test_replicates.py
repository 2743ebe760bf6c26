"""Several runs at once: records as they have alone, one limit for all, and what they say together."""

from __future__ import annotations

import asyncio
import errno
import html
import json
import re
import signal
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from synthetic_communities import game_engine
from synthetic_communities.cast.community import Community
from synthetic_communities.cli.main import program
from synthetic_communities.config import Config
from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.errors import ConfigurationError, Problem, RecordError, UsageError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.minds.views import ChatTurnView, View
from synthetic_communities.report.replicate_lines import has_no_count
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.report.terminal.replicate_table import build_replicate_table
from synthetic_communities.runs.directory import METADATA
from synthetic_communities.simulation import kept_run
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from tests.small_communities import draw_delay, lines_of, read_json, read_record
from tests.small_records import make_record
from tests.small_views import KINDS, make_view

PEOPLE = 6


def bundled(**changes: Any) -> Config:
    """Return a small part of the bundled scenario."""
    return Config.bundled(**{"population_size": PEOPLE, "num_epochs": 2, **changes})


def run_alone(config: Config, directory: Path, mind: ScriptedMind | None = None) -> dict[str, str]:
    """Return the record of one run by itself."""
    engine = GameEngine.from_config(config, model=mind)
    engine.initialize_simulation_output(directory)
    return read_record(run_in_virtual_time(engine.run_async()).path)


class TestMany:
    @pytest.mark.parametrize("limit", [1, 3, None])
    def test_each_has_the_record_it_has_alone(self, limit: int | None, tmp_path: Path) -> None:
        configs = [bundled(random_seed=seed, population_size=size) for seed, size in ((1, 4), (2, 7), (3, 2))]
        mind = ScriptedMind(delay_seconds=draw_delay(5))
        together = run_in_virtual_time(
            GameEngine.run_many_async(configs, max_concurrent=limit, model=mind, base_dir=tmp_path / "together")
        )
        for number, (config, result) in enumerate(zip(configs, together, strict=True)):
            assert read_record(result.path) == run_alone(config, tmp_path / f"{number}", ScriptedMind())

    @pytest.mark.parametrize(("stated", "expected"), [(None, 9), (4, 4)])
    def test_one_limit_holds_for_all(self, stated: int | None, expected: int, tmp_path: Path) -> None:
        under_way = most = 0

        class Counting(ScriptedMind):
            async def answer(self, view: View) -> Any:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                try:
                    return await super().answer(view)
                finally:
                    under_way -= 1

        configs = [bundled(max_concurrent=limit) for limit in (2, 9, 3)]
        mind = Counting(delay_seconds=1.0)
        results = run_in_virtual_time(
            GameEngine.run_many_async(configs, max_concurrent=stated, model=mind, base_dir=tmp_path)
        )
        assert most == expected
        assert [read_json(result.path / "usage.json")["limits"]["max_concurrent"] for result in results] == [
            expected
        ] * 3

    def test_what_waits_in_one_leaves_its_place_to_others(self, tmp_path: Path) -> None:
        configs = [bundled(random_seed=seed) for seed in range(4)]

        def seconds(limit: int, some: list[Config]) -> float:
            async def measure() -> float:
                mind = ScriptedMind(delay_seconds=draw_delay(1, 2.0))
                await GameEngine.run_many_async(some, max_concurrent=limit, model=mind, base_dir=tmp_path)
                return virtual_seconds()

            return run_in_virtual_time(measure())

        alone = sum(seconds(6, [config]) for config in configs)
        assert seconds(6, configs) < alone / 2

    def test_nothing_runs_where_one_configuration_is_wrong(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="population_size"):
            GameEngine.run_many([bundled(), bundled(population_size=-1)], base_dir=tmp_path / "runs")
        assert not (tmp_path / "runs").exists()

    def test_one_that_stops_stops_all_and_the_first_reason_surfaces(self, tmp_path: Path) -> None:
        class Breaking(ScriptedMind):
            async def answer(self, view: View) -> Any:
                if view.chance.seed == 2 and view.key.startswith("e0/belief/debate"):
                    raise UsageError("the mind is used wrongly")
                return await super().answer(view)

        configs = [bundled(random_seed=seed) for seed in (1, 2, 3)]
        with pytest.raises(UsageError, match="used wrongly"):
            run_in_virtual_time(
                GameEngine.run_many_async(configs, model=Breaking(delay_seconds=draw_delay(3)), base_dir=tmp_path)
            )
        statuses = [read_json(path / "usage.json")["status"] for path in sorted(tmp_path.iterdir())]
        assert sorted(statuses) == ["failed", "interrupted", "interrupted"]

    def test_no_runs_are_no_trouble(self, tmp_path: Path) -> None:
        assert GameEngine.run_many([], base_dir=tmp_path) == []

    @pytest.mark.parametrize("one", ["town.yaml", Path("town.yaml"), Config.bundled()])
    def test_one_configuration_is_no_list_of_them(self, one: Any, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"^configs is one configuration, .*give a list of them"):
            GameEngine.run_many(one, base_dir=tmp_path)

    def test_ctrl_c_says_where_they_are_and_how_to_go_on(self, tmp_path: Path) -> None:
        mind = Ending(lambda: signal.raise_signal(signal.SIGINT), slow_seconds=0.0)
        with pytest.raises(KeyboardInterrupt) as caught:
            GameEngine.run_many([bundled(), bundled(replicate=1)], model=mind, base_dir=tmp_path)
        told = str(caught.value)
        paths = sorted(map(str, tmp_path.iterdir()))
        assert f"stands in {paths[0]}, {paths[1]}; to go on " in told
        (advice,) = re.findall(r"from synthetic_communities import resume_run; results = .*$", told)
        namespace: dict[str, Any] = {}
        exec(advice.replace("resume_run(path)", "str(path)"), namespace)
        assert namespace["results"] == paths

    def test_an_observer_is_told_of_all_together(self, tmp_path: Path) -> None:
        moments: list[Moment] = []
        GameEngine.run_many([bundled(), bundled(random_seed=1)], base_dir=tmp_path, observer=moments.append)
        assert (moments[-1].done, moments[-1].in_flight) == (moments[-1].total, 0)
        assert [moment.done for moment in moments] == sorted(moment.done for moment in moments)
        alone: list[Moment] = []
        GameEngine.run_many([bundled()], base_dir=tmp_path, observer=alone.append)
        assert moments[-1].total > alone[-1].total

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", True])
    def test_a_limit_that_is_none_is_refused(self, wrong: Any, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=rf"^max_concurrent is {wrong!r}; give a whole number, at least 1$"):
            GameEngine.run_many([bundled()], max_concurrent=wrong, base_dir=tmp_path / "runs")
        assert not (tmp_path / "runs").exists()


class TestReplicates:
    def test_people_and_opening_opinions_are_the_same_and_the_rest_is_not(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(population_size=12), 3, base_dir=tmp_path)
        openings = [[row for row in lines_of(run, "beliefs") if row["step"] == "opening"] for run in runs]
        orders = [[row for row in lines_of(run, "exposures") if row["step"] == "opening"] for run in runs]
        assert openings[0]
        assert openings[0] == openings[1] == openings[2]
        assert orders[0] == orders[1] == orders[2]
        assert runs[0].metadata["population"] == runs[1].metadata["population"]
        for name in ("conversations", "reactions"):
            assert len({json.dumps(lines_of(run, name)) for run in runs}) == 3, name
        assert len({json.dumps([row["order_shown"] for row in run.ballots]) for run in runs}) == 3

    def test_the_first_is_what_a_run_alone_is(self, tmp_path: Path) -> None:
        first, second = GameEngine.run_replicates(bundled(), 2, base_dir=tmp_path)
        assert read_record(first.path) == run_alone(bundled(), tmp_path / "alone")
        assert read_record(second.path) == run_alone(bundled(replicate=1), tmp_path / "another")

    def test_people_are_drawn_anew_where_that_is_asked_for(self, tmp_path: Path) -> None:
        first, second = GameEngine.run_replicates(bundled(), 2, resample=True, base_dir=tmp_path)
        assert [row["id"] for row in first.metadata["population"]] != [
            row["id"] for row in second.metadata["population"]
        ]
        assert len(first.metadata["population"]) == len(second.metadata["population"]) == PEOPLE

    def test_a_line_a_run_holds_the_numbers_of_that_run(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(), 3, base_dir=tmp_path)
        lines = [json.loads(line) for line in (runs.path / "replicates.jsonl").read_text("utf-8").splitlines()]
        assert [line["replicate"] for line in lines] == [0, 1, 2]
        for line, run in zip(lines, runs, strict=True):
            assert run.path == runs.path / line["run"]
            assert run.vote_counts is not None
            assert list(line["ballots"].values()) == list(run.vote_counts.values())
            assert sum(line["ballots"].values()) + sum(line["not_chosen"].values()) == line["people"] == PEOPLE
            after = [row["rents.after"] for row in run.people]
            assert line["topics"]["rents"]["after"]["mean"] == pytest.approx(statistics.fmean(after), abs=1e-6)
            assert line["topics"]["rents"]["after"]["deviation"] == pytest.approx(statistics.stdev(after), abs=1e-6)

    def test_they_are_read_back_from_their_folder(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(), 3, base_dir=tmp_path)
        again = Replicates(runs.path)
        assert (len(again), list(again), again[-1]) == (3, list(runs), runs[2])
        assert (again.spreads, again.summary()) == (runs.spreads, runs.summary())

    def test_spreads_have_mean_interval_and_range(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(), 4, base_dir=tmp_path)
        spreads = {(row["group"], row["of"]): row for row in runs.spreads}
        numbers = [row["ballots"]["noor"] for row in runs.rows]
        noor = spreads["ballots", "noor"]
        assert (noor["runs"], noor["lowest"], noor["highest"]) == (4, min(numbers), max(numbers))
        half = 3.182446 * statistics.stdev(numbers) / 2
        assert (noor["low"], noor["high"]) == pytest.approx((noor["mean"] - half, noor["mean"] + half), abs=1e-5)
        assert {group for group, _ in spreads} == {"ballots", "not_chosen", "mean", "deviation"}
        per_run = sum(row["mean"] for key, row in spreads.items() if key[0] in ("ballots", "not_chosen"))
        assert per_run == pytest.approx(PEOPLE)

    def test_the_table_says_what_it_is_of(self, tmp_path: Path) -> None:
        table = GameEngine.run_replicates(bundled(), 3, base_dir=tmp_path).summary(80)
        lines = table.splitlines()
        assert lines[0] == f"Norrhaven: 3 replicates of {PEOPLE} people, 2 epochs, seed 42; 3 of 3 runs complete."
        assert "offline mind" in lines[1]
        assert max(map(len, lines)) <= 80
        assert re.search(r"^Aisha Noor, ballots +\d+\.\d +-?\d+\.\d to \d+\.\d +\d+\.\d +\d+\.\d$", table, re.MULTILINE)
        assert re.search(r"^Rents, mean stance after +[+-]\d\.\d\d +[+-]\d\.\d\d to", table, re.MULTILINE)

    def test_of_a_long_name_the_name_is_cut_and_not_what_is_said_of_it(self) -> None:
        long = "A land value tax on undeveloped plots within the old town walls"
        record = make_record(name=long, topics={"rents": long}, candidates={"noor": long}, epochs=3)
        what = {"ballots": "noor", "mean": "rents", "deviation": "rents"}
        numbers = {"runs": 3, "mean": 0.5, "low": 0.1, "high": 0.9, "lowest": 0.1, "highest": 0.9}
        spreads = [{"group": group, "of": of, **numbers} for group, of in what.items()]
        lines = build_replicate_table(record, [{"status": "complete"}] * 3, spreads, 80).splitlines()
        assert lines[0] == "A land val...: 3 replicates of 3 people, 3 epochs, seed 7; 3 of 3 runs complete."
        assert [re.split("  +", line)[0] for line in lines[4:7]] == [
            "A land value tax on u..., ballots",
            "A land valu..., mean stance after",
            "A land valu..., spread (sd) after",
        ]
        assert max(map(len, lines)) == 80

    def test_fewer_than_three_have_no_interval_and_it_is_said(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(), 2, base_dir=tmp_path)
        assert {(row["low"], row["high"]) for row in runs.spreads} == {(None, None)}
        assert runs.summary().splitlines()[-1] == "Fewer than 3 runs give no interval."

    def test_failures_are_counted_as_that_in_every_run(self, tmp_path: Path) -> None:
        mind = ScriptedMind({"ballot/*": Failed("timeout")})
        runs = GameEngine.run_replicates(bundled(), 3, model=mind, base_dir=tmp_path)
        failed = next(row for row in runs.spreads if (row["group"], row["of"]) == ("not_chosen", "failed"))
        assert (failed["mean"], failed["lowest"], failed["highest"]) == (PEOPLE, PEOPLE, PEOPLE)

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", True])
    @pytest.mark.parametrize("name", ["n", "max_concurrent"])
    def test_what_is_no_number_is_refused(self, name: str, wrong: Any, tmp_path: Path) -> None:
        given = {"n": 2, "base_dir": tmp_path / "runs", name: wrong}
        with pytest.raises(UsageError, match=rf"^{name} is {wrong!r}; give a whole number, at least 1$"):
            GameEngine.run_replicates(bundled(), **given)
        assert not (tmp_path / "runs").exists()

    def test_their_numbers_are_those_of_their_configurations(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(replicate=5), 2, base_dir=tmp_path)
        assert [row["replicate"] for row in runs.rows] == [5, 6]
        assert ["replicate: 5" in (run.path / "config.yaml").read_text("utf-8") for run in runs] == [True, False]

    def test_they_can_be_awaited_and_go_to_a_folder_there_is(self, tmp_path: Path) -> None:
        running = GameEngine.run_replicates_async(bundled(), 2, model=ScriptedMind(), folder=tmp_path)
        runs = run_in_virtual_time(running)
        assert (runs.path, len(runs), {run.path.parent for run in runs}) == (tmp_path, 2, {tmp_path})

    def test_inside_a_running_community_the_twin_is_named_and_nothing_is_made(self, tmp_path: Path) -> None:
        class Repeating(ScriptedMind):
            async def answer(self, view: View) -> Any:
                GameEngine.run_replicates(bundled(), 2, base_dir=tmp_path / "inner")

        with pytest.raises(UsageError, match=r"await GameEngine\.run_replicates_async\(\) instead"):
            GameEngine.run_replicates(bundled(), 1, model=Repeating(), base_dir=tmp_path / "outer")
        assert not (tmp_path / "inner").exists()

    def test_nothing_is_made_where_the_configuration_is_wrong(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError):
            GameEngine.run_replicates(bundled(population_size=-1), 3, base_dir=tmp_path / "runs")
        assert not (tmp_path / "runs").exists()

    def test_a_folder_without_replicates_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match="holds no replicates"):
            Replicates(tmp_path)

    def test_replicates_of_another_version_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "replicates.jsonl").write_text('{"format_version": 9}\n', encoding="utf-8")
        with pytest.raises(RecordError, match=r"replicates.jsonl:1 is of format version 9"):
            Replicates(tmp_path)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (None, "something lacks its run"),
            ({"run": 5}, "run cannot be 5"),
            ({"run": ".."}, r"run cannot be '\.\.'"),
            ({"run": "../elsewhere"}, "run cannot be '../elsewhere'"),
            ({"run": ""}, "run cannot be ''"),
            ({"run": "a\0"}, "run cannot be 'a"),
            ({"format_version": True}, "format_version cannot be True"),
            ({"replicate": "0"}, "replicate cannot be '0'"),
            ({"status": 1}, "status cannot be 1"),
            ({"people": None}, "people cannot be None"),
            ({"ballots": []}, "ballots cannot be"),
            ({"ballots": {"noor": "many"}}, "noor cannot be 'many'"),
            ({"not_chosen": {"failed": 0.5}}, "failed cannot be 0.5"),
            ({"topics": {"rents": 1}}, "rents cannot be 1"),
            ({"topics": {"rents": {"before": {"mean": 0, "deviation": 0}}}}, "something lacks its after"),
            ({"topics": {"rents": {"before": {"mean": 2, "deviation": 0}, "after": {}}}}, "mean cannot be 2"),
        ],
    )
    def test_a_garbled_line_is_told_with_its_place(
        self, change: dict[str, Any] | None, said: str, tmp_path: Path
    ) -> None:
        runs = GameEngine.run_replicates(bundled(population_size=2, num_epochs=1), 2, base_dir=tmp_path)
        garbled = {"format_version": 1} if change is None else {**runs.rows[1], **change}
        file = runs.path / "replicates.jsonl"
        file.write_text(f"{json.dumps(runs.rows[0])}\n{json.dumps(garbled)}\n", encoding="utf-8")
        with pytest.raises(RecordError, match=rf"replicates\.jsonl:2: {said}"):
            Replicates(runs.path)


class Ending(ScriptedMind):
    """Breaks off the second replicate at its ballot, long after the others have come to their end."""

    def __init__(self, stop: Callable[[], None], *, slow_seconds: float = 1000.0) -> None:
        super().__init__(delay_seconds=lambda view: slow_seconds if view.chance.replicate == 1 else 0.0)
        self.stop = stop

    async def answer(self, view: View) -> Any:
        answer = await super().answer(view)
        if view.chance.replicate == 1 and view.key.startswith("ballot/"):
            self.stop()
        return answer


def break_off() -> None:
    """Stop a run as a mistake does."""
    raise UsageError("the mind is used wrongly")


class TestBrokenOff:
    def break_the_second(self, folder: Path) -> Replicates:
        running = GameEngine.run_replicates_async(
            bundled(), 3, model=Ending(break_off), max_concurrent=100, folder=folder
        )
        with pytest.raises(UsageError, match="used wrongly"):
            run_in_virtual_time(running)
        return Replicates(folder)

    def test_every_run_has_its_line(self, tmp_path: Path) -> None:
        runs = self.break_the_second(tmp_path)
        assert [(row["replicate"], row["status"]) for row in runs.rows] == [
            (0, "complete"),
            (1, "failed"),
            (2, "complete"),
        ]
        assert [row["status"] for row in runs.rows] == [run.measured["status"] for run in runs]

    def test_the_table_is_of_the_complete_and_says_so(self, tmp_path: Path) -> None:
        runs = self.break_the_second(tmp_path)
        lines = runs.summary().splitlines()
        assert lines[0].endswith("2 of 3 runs complete.")
        assert lines[-2:] == ["The numbers are of the complete runs alone.", "Fewer than 3 runs give no interval."]
        assert {row["runs"] for row in runs.spreads} == {2}

    def test_when_cancelled_likewise(self, tmp_path: Path) -> None:
        async def run_and_cancel() -> None:
            task = asyncio.current_task()
            assert task is not None
            mind = Ending(lambda: bool(task.cancel()) and None)
            await GameEngine.run_replicates_async(bundled(), 3, model=mind, max_concurrent=100, folder=tmp_path)

        with pytest.raises(asyncio.CancelledError):
            run_in_virtual_time(run_and_cancel())
        assert [row["status"] for row in Replicates(tmp_path).rows] == ["complete", "interrupted", "complete"]

    def test_what_cannot_be_read_is_left_out_and_the_reason_stays_the_first(self, tmp_path: Path) -> None:
        def spoil_and_break_off() -> None:
            (spoilt,) = (path for path in tmp_path.glob("run_*") if not (path / "usage.json").exists())
            (spoilt / METADATA).write_text("{", encoding="utf-8")
            break_off()

        with pytest.raises(UsageError, match="used wrongly") as caught:
            run_in_virtual_time(
                GameEngine.run_replicates_async(
                    bundled(), 3, model=Ending(spoil_and_break_off), max_concurrent=100, folder=tmp_path
                )
            )
        assert [row["replicate"] for row in Replicates(tmp_path).rows] == [0, 2]
        assert "not all of them stand in" in caught.value.__notes__[0]

    def test_ctrl_c_says_where_they_are_and_how_to_read_them(self, tmp_path: Path) -> None:
        mind = Ending(lambda: signal.raise_signal(signal.SIGINT), slow_seconds=0.0)
        with pytest.raises(KeyboardInterrupt) as caught:
            GameEngine.run_replicates(bundled(), 2, model=mind, base_dir=tmp_path)
        (folder,) = tmp_path.iterdir()
        assert f"stands in {folder}; to read it: from " in str(caught.value)
        told = str(caught.value)
        assert f"import Replicates; runs = Replicates('{folder}'); to go on with them: from " in told
        assert told.endswith(f"import resume_replicates; runs = resume_replicates('{folder}')")
        assert [row["replicate"] for row in Replicates(folder).rows] == [0, 1]
        assert Replicates(folder).rows[1]["status"] == "interrupted"


SMALL = ("--population", "4", "--epochs", "1", "--output", "out")


def call(*arguments: str) -> Result:
    """Run the command in this process, with a terminal of 80 columns."""
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(program, arguments, prog_name="synthetic-communities", catch_exceptions=False)


class TestCommand:
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def run_three(self) -> tuple[Path, Result]:
        result = call("run", "--replicates", "3", *SMALL)
        assert result.exit_code == 0, result.output
        (folder,) = Path("out").iterdir()
        return folder, result

    def test_run_shows_what_the_runs_say_and_where_they_are(self) -> None:
        folder, result = self.run_three()
        first, *_ = runs = Replicates(folder)
        lines = result.stdout.splitlines()
        assert lines[0] == "Norrhaven: 3 replicates of 4 people, 1 epoch, seed 42; 3 of 3 runs complete."
        assert lines[1] == "Everybody thought with the offline mind."
        assert lines[-2:] == [
            f"The runs: {folder}",
            f"  one of them: synthetic-communities show {first.path}",
        ]
        assert result.stdout.startswith(runs.summary(80))

    def test_show_prints_the_same_again_and_list_names_each_run(self) -> None:
        folder, result = self.run_three()
        assert call("show", str(folder)).stdout == result.stdout
        listed = call("list", "out").stdout
        assert all(str(run.path.relative_to("out")) in listed for run in Replicates(folder))

    def test_a_notebook_shows_the_table(self) -> None:
        folder, _ = self.run_three()
        shown = Replicates(folder)._repr_html_()
        assert shown == f"<pre>{html.escape(Replicates(folder).summary())}</pre>"
        assert "3 of 3 runs complete" in shown

    def test_show_and_list_tell_replicates_apart(self) -> None:
        folder, _ = self.run_three()
        second = Replicates(folder)[2].path
        assert ", seed 42, replicate 2." in call("show", str(second)).stdout
        assert "seed 42." in call("show", str(Replicates(folder)[0].path)).stdout
        listed = call("list", "out").stdout.splitlines()
        assert [line.rpartition(", ")[2] for line in listed if line.startswith("  ") and second.name in line] == [
            "replicate 2"
        ]

    def test_as_json(self) -> None:
        folder, _ = self.run_three()
        told = json.loads(call("show", str(folder), "--json").stdout)
        runs = Replicates(folder)
        assert told == {"path": str(folder), "runs": runs.rows, "spreads": runs.spreads, "foretold": []}
        assert json.loads(call("run", "--replicates", "2", "--json", *SMALL).stdout)["runs"][1]["replicate"] == 1

    def test_resample_draws_other_people_for_each(self) -> None:
        assert call("run", "--replicates", "2", "--resample", *SMALL).exit_code == 0
        (folder,) = Path("out").iterdir()
        first, second = (
            {person["id"] for person in read_json(run.path / METADATA)["population"]} for run in Replicates(folder)
        )
        assert first != second

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            (("run", "--replicates", "0"), "0 is not in the range x>=1"),
            (("run", "--resample"), "--resample goes with --replicates"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, typed: tuple[str, ...], said: str) -> None:
        result = call(*typed, *SMALL)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
        assert not Path("out").exists()

    def stop_in_the_second(
        self, monkeypatch: pytest.MonkeyPatch, stop: Callable[[], None]
    ) -> tuple[Result, Path, list[str]]:
        """Return what the command says, the folder, and what it says of that, where the second run is stopped."""
        answer = OfflineMind.answer

        async def answer_or_stop(mind: OfflineMind, view: View) -> Any:
            if view.chance.replicate == 1 and view.key.startswith("ballot/"):
                stop()
            return await answer(mind, view)

        monkeypatch.setattr(OfflineMind, "answer", answer_or_stop)
        result = call("run", "--replicates", "3", *SMALL)
        (folder,) = Path("out").iterdir()
        complete = sum(row["status"] == "complete" for row in Replicates(folder).rows)
        shown = call("show", str(folder))
        assert (shown.exit_code, f"; {complete} of 3 runs complete." in shown.stdout) == (0, True)
        left = [
            f"What is recorded stands in {folder}",
            f"{complete} of 3 runs complete.",
            f"To see it: synthetic-communities show {folder}",
            f"To go on:  synthetic-communities resume {folder}",
        ]
        return result, folder, left

    def test_a_failure_says_where_the_runs_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result, folder, left = self.stop_in_the_second(monkeypatch, break_off)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-5:] == ["Error: the runs failed: the mind is used wrongly", *left]
        assert Replicates(folder).rows[1]["status"] == "failed"

    def test_ctrl_c_says_where_the_runs_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result, folder, left = self.stop_in_the_second(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
        assert (result.exit_code, result.stdout) == (130, "")
        assert result.stderr.splitlines()[-4:] == [f"Interrupted. {left[0]}", *left[1:]]
        assert Replicates(folder).rows[1]["status"] == "interrupted"

    def test_a_full_disk_is_no_wrong_usage(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(kept_run, "write_metadata", refuse)
        result = call("run", "--replicates", "3", *SMALL)
        (folder,) = Path("out").iterdir()
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-2:] == [
            f"Error: the runs failed: [Errno {errno.ENOSPC}] No space left on device",
            f"{folder} was broken off before all of its runs were laid out: none had begun, no model was asked, and "
            "nothing is lost. Delete what there is of them, and run again.",
        ]

    def test_a_configuration_refused_late_leaves_no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> None:
            raise ConfigurationError([Problem("topics", "something is wrong with them")])

        monkeypatch.setattr(game_engine, "refuse_problems", refuse)
        result = call("run", "--replicates", "2", *SMALL)
        assert (result.exit_code, result.stderr) == (2, "Error: topics: something is wrong with them\n")
        assert list(Path("out").iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_wrong_usage(self) -> None:
        Path("taken").write_text("", encoding="utf-8")
        result = call("run", "--replicates", "2", "--output", "taken/inside")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            "Error: no folder can be made in taken/inside: Not a directory; "
            "name a folder you may write to: --output DIR\n"
        )

    @pytest.mark.parametrize(("failing", "status"), [((0, 1), 1), ((1,), 0)])
    def test_where_nothing_could_be_counted_in_any_run_the_status_is_1(
        self, failing: tuple[int, ...], status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = OfflineMind.answer

        async def answer_or_fail(mind: OfflineMind, view: View) -> Any:
            if view.key.startswith("ballot/") and view.chance.replicate in failing:
                return Failed("timeout")
            return await answer(mind, view)

        monkeypatch.setattr(OfflineMind, "answer", answer_or_fail)
        result = call("run", "--replicates", "2", *SMALL)
        (folder,) = Path("out").iterdir()
        for told in (result, call("show", str(folder)), call("show", str(folder), "--json")):
            assert told.exit_code == status
            said = "Nothing could be counted in any run: nobody answered when asked to vote." in told.stderr
            assert said == (status == 1)
            assert told.stdout

    @pytest.mark.parametrize(("kind", "nothing"), [("not_asked", False), ("unrecorded", False), ("refused", True)])
    def test_who_was_not_asked_gave_no_wrong_answer(self, kind: str, nothing: bool) -> None:
        lines = [{"ballots": {"noor": 0}, "not_chosen": {"abstained": 0, kind: 4}}, {"ballots": None}]
        assert has_no_count(lines) == nothing
        assert not has_no_count([*lines, {"ballots": {"noor": 0}, "not_chosen": {"abstained": 1}}])

    def test_where_nobody_can_vote_nothing_is_amiss(self, tmp_path: Path) -> None:
        runs = GameEngine.run_replicates(bundled(population_size=0), 2, base_dir=tmp_path)
        assert call("show", str(runs.path)).exit_code == 0

    def test_a_model_that_was_typed_is_the_reason_and_told_once(self) -> None:
        call("init", "town")
        (file,) = Path("town").glob("*.yaml")
        with LoopbackServer(no_auth=True) as server:
            settings = f"{file.read_text('utf-8')}\nbase_url: {server.url}/v1\n"
            file.write_text(settings, encoding="utf-8")
            result = call("run", str(file), "--model", "vllm:typed", "--replicates", "2", *SMALL)
        assert result.exit_code == 0, result.output
        (folder,) = Path("out").iterdir()
        assert {run.record.mind_because for run in Replicates(folder)} == {"it was named"}
        assert [line for line in result.stderr.splitlines() if "because" in line] == [
            "synthetic_communities: vllm:typed, because it was named"
        ]

    def test_one_run_has_to_be_named_for_its_story(self) -> None:
        folder, _ = self.run_three()
        result = call("show", str(folder), "--person", "p001")
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{folder} holds several; name one of those" in result.stderr


def test_a_provider_is_sent_another_seed_for_each_replicate_but_at_the_opening() -> None:
    mind = LLMMind(ScriptedModel([]), seed=7)

    def seed_sent(kind: type[View], replicate: int) -> int | None:
        return mind.build_request(make_view(kind, chance=Chance(7, replicate=replicate))).seed

    seeds = [seed_sent(ChatTurnView, replicate) for replicate in range(5)]
    assert (seeds[0], len(set(seeds))) == (7, 5)
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)
    assert LLMMind(ScriptedModel([])).build_request(make_view(ChatTurnView, chance=Chance(7, replicate=2))).seed is None


def test_at_the_opening_chance_is_the_same_in_every_replicate() -> None:
    community = Community(seed=7, replicate=3)
    assert community.chance_of("p1", 0, is_opening=True) == Chance(7, 0, "p1")
    assert community.chance_of("p1", 0) == Chance(7, 0, "p1", 3)
    assert [kind.act for kind in KINDS if kind.is_opening] == ["opening opinion", "opening position"]
