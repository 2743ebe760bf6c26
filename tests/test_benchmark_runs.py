"""The benchmark's measures, taken on a handful of people over replies that take next to no time."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities.benchmark.bare import Recorded, ask_bare, httpx_over_aiohttp
from synthetic_communities.benchmark.baseline import load_baseline
from synthetic_communities.benchmark.belief_update import UpdatePlan, list_update_figures, take_update
from synthetic_communities.benchmark.children import call_in_child
from synthetic_communities.benchmark.client_cpu import CpuBench, CpuPlan, Provider, list_cpu_figures, take_cpu
from synthetic_communities.benchmark.command import benchmark
from synthetic_communities.benchmark.machine import describe_machine, measure_room
from synthetic_communities.benchmark.measures import CannotMeasureError, Figure, Measure, Sample, build_measure
from synthetic_communities.benchmark.own_scenario import OwnPlan, list_own_figures, take_own
from synthetic_communities.benchmark.rates import RatePlan, list_rate_figures, take_rates
from synthetic_communities.benchmark.records import RecordPlan, find_different_files, list_record_figures, take_records
from synthetic_communities.benchmark.replicates import ReplicatesPlan, list_replicates_figures, take_replicates
from synthetic_communities.benchmark.shares import RunsPlan, list_runs_figures, take_runs
from synthetic_communities.benchmark.starting import StartPlan, list_start_figures, take_starts
from synthetic_communities.benchmark.table import EVERYTHING
from synthetic_communities.benchmark.towns import Town, build_config, write_people
from synthetic_communities.benchmark.whole_runs import time_run
from synthetic_communities.config import Config
from synthetic_communities.scenario.people import build_people, format_person
from synthetic_communities.testing.loopback import LoopbackServer

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "benchmark.py"
TOWN = Town(4, 4, epochs=1)
DIFFERENCES = {"added by the journal"}
"""What one time has beyond another: on a busy machine the other may be the longer one."""


def quiet(line: str) -> None:
    """Listen to nothing."""


def write_scenario(path: Path) -> None:
    """Write a scenario of two people who only talk."""
    write_people(path.parent, 2)
    path.write_text(
        "population_size: 2\npopulation_file: people_2.jsonl\nquestions_per_topic: 0\nturns_per_question: 1\n"
        "num_epochs: 1\nrandom_seed: 1\nnum_rounds_mean: 1\nnum_rounds_variance: 0\npost_probability: 0\n",
        "utf-8",
    )


def names_of(figures: tuple[Figure, ...]) -> set[str]:
    return {figure.name for figure in figures}


def read_ratios(path: Path) -> list[tuple[str, list[str]]]:
    """Return every measure that was written, with the names of its ratios."""
    rows = json.loads(path.read_text(encoding="utf-8"))["measures"]
    return [(row["name"], [each["name"] for each in row["figures"] if each["is_ratio"]]) for row in rows]


def check(samples: list[Sample], figures: tuple[Figure, ...], count: int = 1) -> Sample:
    """Return the last of so many samples; each has a value for every figure, and nothing is wrong with it."""
    assert len(samples) == count
    for sample in samples:
        assert sample.faults == ()
        assert set(sample.values) == names_of(figures)
        assert all(value > -1 if name in DIFFERENCES else value >= 0 for name, value in sample.values.items())
    return samples[-1]


class TestMeasures:
    def test_a_belief_update(self) -> None:
        plan = UpdatePlan(6, latency_seconds=0.05, limits=(2, 6), repetitions=2, sequential_people=3)
        values = check(list(take_update(plan, quiet)), list_update_figures(plan), 2).values
        assert values["limit 2, beyond waiting"] > 0
        assert values["limit 6, bare client beyond waiting"] > 0
        one_by_one = [
            values[leg] * (values[beyond] + seconds)
            for leg, beyond, seconds in (
                ("limit 2", "limit 2, beyond waiting", 0.15),
                ("limit 2, bare client", "limit 2, bare client beyond waiting", 0.15),
                ("limit 6", "limit 6, beyond waiting", 0.05),
                ("limit 6, bare client", "limit 6, bare client beyond waiting", 0.05),
            )
        ]
        assert one_by_one == pytest.approx([one_by_one[0]] * 4)
        assert one_by_one[0] > 6 * 0.05

    @pytest.mark.timing
    def test_two_at_once_are_up_to_twice_as_fast(self) -> None:
        plan = UpdatePlan(6, latency_seconds=0.05, limits=(2,), repetitions=1, sequential_people=3)
        (sample,) = take_update(plan, quiet)
        assert 1 < sample.values["limit 2"] < 2.2

    def test_a_whole_run_beside_its_bound_and_phases(self) -> None:
        plan = RunsPlan(TOWN, mean_seconds=0.02, seeds=(1,), in_phases=True)
        values = check(list(take_runs(plan, quiet)), list_runs_figures(plan)).values
        assert 0 < values["share of the bound"] < 1
        assert values["the bound"] == pytest.approx(values["share of the bound"] * values["the run"])

    def test_the_bound_is_made_of_what_the_server_slept(self, tmp_path: Path) -> None:
        with LoopbackServer(latency=0.01) as server:
            run = time_run(build_config(Town(4, 2, epochs=1), tmp_path, seed=1), server, tmp_path)
            stats = server.stats()
        assert run.faults == ()
        assert run.work == pytest.approx(stats["slept_seconds"], abs=1e-4)
        # Two questions of six acts, a reflection, updates, a talk, a ballot: some twenty calls follow one another.
        assert run.critical_path > 0.19
        assert run.work - run.critical_path > 0.25 * 0.01 * stats["calls"], "as many calls are made beside these"
        assert run.bound == max(run.critical_path, run.work / 2)

    def test_one_record_at_every_limit(self) -> None:
        plan = RecordPlan(Town(3, 1, epochs=1), (1, 3))
        assert check(list(take_records(plan, quiet)), list_record_figures(plan)).values == {"the same record": 2}

    def test_replicates_at_once(self) -> None:
        plan = ReplicatesPlan(TOWN, 2, mean_seconds=0.02, repetitions=1)
        values = check(list(take_replicates(plan, quiet)), list_replicates_figures(plan)).values
        assert values["the possible"] > 1
        assert values["faster at once"] == pytest.approx(values["one after the other"] / values["at once"])

    @pytest.mark.parametrize("provider", ["openai", "anthropic"])
    def test_processor_time_a_call(self, provider: Provider) -> None:
        plan = CpuPlan(provider, TOWN, latency_seconds=0.0, repetitions=1)
        values = check(list(take_cpu(plan, quiet)), list_cpu_figures(plan)).values
        assert all(value > 0 for name, value in values.items() if name not in DIFFERENCES)

    @pytest.mark.parametrize("has_journal", [True, False])
    def test_what_the_journal_adds_is_measured_beside_a_run_without(self, has_journal: bool, tmp_path: Path) -> None:
        plan = CpuPlan("openai", TOWN, latency_seconds=0.0, repetitions=1)
        with LoopbackServer() as server:
            timed, faults = CpuBench(plan, server, tmp_path).take_run(has_journal=has_journal)
        assert (timed.calls > 0, faults) == (True, ())
        assert len(list(tmp_path.rglob("journal.sqlite3"))) == has_journal

    @pytest.mark.parametrize(
        ("told", "provider", "repetitions"),
        [("nothing", "openai", 1), ("headers", "openai", 2), ("headers", "anthropic", 1), ("setting", "openai", 1)],
    )
    def test_a_limit_of_requests_a_second(self, told: Any, provider: Provider, repetitions: int) -> None:
        plan = RatePlan(
            told,
            40,
            provider=provider,
            limit=10,
            per_second=40.0,
            bucket=5,
            latency_seconds=0.0,
            repetitions=repetitions,
        )
        values = check(list(take_rates(plan, quiet)), list_rate_figures(plan), repetitions).values
        assert values["in all"] > 35 / 40
        if told == "nothing":  # what was let through after the first second, of which a full bucket is no part
            quota = 40.0 * (values["in all"] - 1)
            assert values["done of the quota"] * quota <= quota + 5
        else:
            assert values["done of the quota"] <= 1

    @pytest.mark.timing
    def test_starting(self) -> None:
        plan = StartPlan(1)
        values = check(list(take_starts(plan, quiet)), list_start_figures(plan)).values
        assert values["python alone"] < values["import synthetic_communities"]

    def test_a_scenario_of_ones_own(self) -> None:
        plan = OwnPlan(
            Config.bundled(population_size=3, num_epochs=1, max_concurrent=3), mean_seconds=0.01, seeds=(1, 2)
        )
        check(list(take_own(plan, quiet)), list_own_figures(plan), 2)


class TestWhatMustNotBe:
    def test_calls_that_fail_are_told(self, tmp_path: Path) -> None:
        with LoopbackServer(when={"BALLOT: whom": "filter-400"}) as server:
            run = time_run(build_config(Town(2, 2, epochs=1), tmp_path, seed=1), server, tmp_path)
        acts, calls = run.faults
        assert acts == "2 acts failed, ballot/p001 first"
        assert "'400': 2" in calls

    def test_files_that_differ_are_named(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        for folder, ballots in ((one, "{}"), (other, "[]")):
            folder.mkdir()
            (folder / "ballots.jsonl").write_text(ballots, "utf-8")
            (folder / "usage.json").write_text(folder.name, "utf-8")
        (other / "final_vote.json").write_text("{}", "utf-8")
        assert find_different_files(one, other) == ["ballots.jsonl", "final_vote.json"]
        assert find_different_files(one, one) == []

    def test_a_bare_client_whose_calls_fail_is_no_measure(self) -> None:
        with LoopbackServer() as server:
            request = Recorded(f"{server.url}/v1/chat/completions", {"authorization": "Bearer key"}, b"{}")
            with pytest.raises(ExceptionGroup):
                ask_bare(httpx_over_aiohttp, [request], 1)

    def test_a_child_tells_what_a_function_returns(self) -> None:
        told = call_in_child("synthetic_communities.benchmark.measures", "Sample", 3)
        assert told == {"values": 3, "faults": []}

    def test_a_child_that_fails_says_why(self) -> None:
        with pytest.raises(CannotMeasureError, match=r"No module named 'synthetic_communities\.nowhere'"):
            call_in_child("synthetic_communities.nowhere", "measure")


class TestMachine:
    def test_what_is_free_is_a_share(self) -> None:
        assert 0 < measure_room(0.02) <= 1

    def test_what_it_is(self) -> None:
        machine = describe_machine()
        assert {"platform", "processors", "python", "packages", "load_average_1_minute"} <= set(machine)
        assert machine["packages"]["aiohttp"]


class TestCommand:
    def test_one_measure_is_taken_by_its_name_and_a_scenario_of_ones_own_beside_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = RecordPlan(Town(2, 1, epochs=1), (1, 2))
        tiny = build_measure("tiny", "two people", plan, list_record_figures, take_records)
        monkeypatch.setitem(EVERYTHING, "tiny", tiny)
        write_scenario(tmp_path / "own.yaml")
        with (tmp_path / "own.yaml").open("a", encoding="utf-8") as file:
            file.write("model: anthropic:claude-haiku-5-5\nrequests_per_minute: 60\n")  # none of it is asked here
        options = ["--only", "tiny", "--config", str(tmp_path / "own.yaml"), "--json", str(tmp_path / "told.json")]
        result = CliRunner().invoke(benchmark, options)
        assert result.exit_code == 0, result.output
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["tiny", "the", "same", "record", "2", "1", "limits", "1,", "2", ">=", "2", "reached"] in rows
        assert "2 people at limit 1" in result.stderr
        measure, figures = next((name, figures) for name, figures in read_ratios(tmp_path / "told.json") if figures)
        assert re.fullmatch("own-[0-9a-f]{8}", measure), "another scenario is another measure"
        assert figures == ["share of the bound"]
        assert (measure, figures[0]) in load_baseline(tmp_path / "told.json")

    def test_a_scenario_of_ones_own_has_the_same_name_wherever_it_lies(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[str] = []

        def take_down(measures: Sequence[Measure], wanted: object) -> int:
            taken.append(measures[-1].name)
            return 0

        monkeypatch.setattr("synthetic_communities.benchmark.command.run_benchmark", take_down)
        for folder in ("here", "there", "other people"):
            (tmp_path / folder).mkdir()
            write_scenario(tmp_path / folder / "own.yaml")
            if folder == "other people":
                (tmp_path / folder / "people_2.jsonl").write_text(
                    "".join(map(format_person, build_people(random.Random(2), 2))), "utf-8"
                )
            CliRunner().invoke(benchmark, ["--only", "start", "--config", str(tmp_path / folder / "own.yaml")])
        here, there, others = taken
        assert here == there != others

    def test_the_script_is_the_command(self) -> None:
        shown = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
        told = CliRunner().invoke(benchmark, ["--help"], prog_name="x").stdout.partition("\n")[2]
        assert told.split() == shown.partition("\n")[2].split()
