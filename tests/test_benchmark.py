"""The benchmark: what it measures, tells and judges, on a handful of people and replies that take next to no time."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities.benchmark.command import benchmark, run_benchmark
from synthetic_communities.benchmark.legs import (
    Asked,
    Leg,
    Pair,
    Result,
    find_faults,
    measure_overhead,
    measure_speed_up,
)
from synthetic_communities.benchmark.measuring import measure_twice_if_missed, run_plan
from synthetic_communities.benchmark.plans import FULL, QUICK, Plan, Reach
from synthetic_communities.benchmark.report import build_json, build_table

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "benchmark.py"

EASY, IMPOSSIBLE = Reach("speed-up", 6, 0.01), Reach("speed-up", 6, 1e6)
TINY = Plan("tiny", 6, latency_seconds=0.05, sequential_people=3, limits=(2, 6), reaches=(EASY,))
MACHINE: Mapping[str, Any] = {
    "platform": "Somewhere",
    "architecture": "any",
    "processors": 2,
    "load_average_1_minute": 0.5,
    "python": "CPython 3.11.0",
    "packages": {"httpx": "0.28"},
}


def make_leg(kind: Any, limit: int, seconds: float, people: int = 6, **changes: Any) -> Leg:
    asked = Asked(people, statuses={"200": people}, peak_in_flight=min(limit, people), bytes_in=1000 * people)
    beliefs = {} if kind == "bare client" else {f"p{number}": {"rents": number} for number in range(people)}
    leg = Leg(kind, people, limit, seconds=seconds, cpu_seconds=0.006, asked=asked, beliefs=beliefs)
    return replace(leg, **changes)


def make_pair(limit: int, seconds: float, **changes: Any) -> Pair:
    return Pair(make_leg("parallel", limit, seconds, **changes), make_leg("bare client", limit, 0.95 * seconds))


def make_result(*pairs: Pair, plan: Plan = TINY) -> Result:
    sequential = make_leg("sequential", 1, 0.18, people=3)
    return Result(plan, sequential=sequential, pairs=pairs or (make_pair(2, 0.18), make_pair(6, 0.06)))


@pytest.fixture(scope="module")
def result() -> Result:
    """Return what a tiny run measures."""
    return run_plan(TINY, lambda line: None)


class TestMeasuring:
    def test_everybody_is_asked_once_and_believes_the_same_at_every_limit(self, result: Result) -> None:
        assert find_faults(result) == []
        assert [len(leg.beliefs) for leg in result.legs] == [3, 6, 0, 6, 0]
        assert all(beliefs for beliefs in result.sequential.beliefs.values())

    def test_every_leg_is_there(self, result: Result) -> None:
        kinds = [(leg.kind, leg.people, leg.limit) for leg in result.legs]
        bare = [("bare client", 6, 2), ("bare client", 6, 6)]
        assert kinds == [("sequential", 3, 1), ("parallel", 6, 2), bare[0], ("parallel", 6, 6), bare[1]]

    def test_the_bare_client_makes_the_very_same_requests(self, result: Result) -> None:
        assert {leg.asked.bytes_in for pair in result.pairs for leg in (pair.parallel, pair.bare)} == {
            result.parallel[0].asked.bytes_in
        }
        assert result.parallel[0].asked.bytes_in > 6 * 5_000

    def test_no_leg_is_faster_than_its_replies(self, result: Result) -> None:
        assert all(measure_overhead(leg, TINY) > 0 for leg in result.legs)


class TestSecondTry:
    @pytest.mark.parametrize(("seconds", "kept", "other"), [([0.1], 0.1, None), ([9, 0.1], 0.1, 9), ([8, 9], 8, 9)])
    def test_a_leg_that_missed_is_measured_once_more(
        self, seconds: list[float], kept: float, other: float | None
    ) -> None:
        plan = replace(TINY, reaches=(Reach("overhead", 6, 0.2),))
        tries: Iterator[float] = iter(seconds)
        told: list[str] = []
        pair = measure_twice_if_missed(lambda: make_pair(6, next(tries)), make_result().sequential, plan, told.append)
        assert pair.parallel.seconds == kept
        assert (pair.other_try and pair.other_try.parallel.seconds) == other
        assert next(tries, None) is None
        assert len(told) == len(seconds) - 1


class TestJudging:
    def test_nothing_is_wrong(self) -> None:
        assert find_faults(make_result()) == []

    def test_a_speed_up_is_projected_where_fewer_people_went_one_by_one(self) -> None:
        result = make_result()
        assert measure_speed_up(result.parallel[1], result.sequential) == pytest.approx(6.0)

    def test_overhead_is_what_goes_beyond_waiting(self) -> None:
        assert measure_overhead(make_leg("parallel", 4, 0.17), TINY) == pytest.approx(0.07)

    def test_reaches_bind_at_their_own_limit_and_bind_no_bare_client(self) -> None:
        plan = replace(TINY, reaches=(IMPOSSIBLE,))
        (fault,) = find_faults(make_result(plan=plan))
        assert fault == "limit 6: speed-up of 6.000 misses >= 1e+06x"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"asked": Asked(7, statuses={"200": 7}, peak_in_flight=6, bytes_in=1)}, "6 people, 7 calls"),
            ({"asked": Asked(6, statuses={"200": 5, "500": 1}, peak_in_flight=6, bytes_in=1)}, "'500': 1"),
            ({"asked": Asked(6, statuses={"200": 6}, peak_in_flight=7, bytes_in=1)}, "7 calls at once"),
            ({"unanswered": ("p4",)}, "no answer from p4"),
            ({"beliefs": {"p0": {"rents": 0.5}}}, "beliefs at limit 6 differ"),
        ],
    )
    def test_whatever_must_not_be_is_said(self, changes: dict[str, Any], said: str) -> None:
        (fault,) = find_faults(make_result(make_pair(2, 0.18), make_pair(6, 0.06, **changes)))
        assert said in fault

    def test_the_reaches_are_those_promised(self) -> None:
        assert {str(reach) for reach in FULL.reaches} == {">= 19x", ">= 90x"}
        assert [str(reach) for reach in QUICK.reaches] == ["overhead <= 0.25 s"]


class TestReport:
    def test_the_table_says_what_each_row_is_compared_to(self) -> None:
        rows = build_table(make_result(), MACHINE).splitlines()
        (parallel,) = [row for row in rows if row.startswith("parallel") and "0.060" in row]
        assert "6.00x  sequential x 2" in parallel
        assert "0.950" in parallel
        assert parallel.endswith(">= 0.01x reached")
        assert "The sequential leg is on 3 people only: speed-ups compare to it x 2." in rows
        assert rows[-1].startswith("Everyone was asked once")

    def test_what_was_missed_and_what_was_measured_twice_stands_in_it(self) -> None:
        pair = replace(make_pair(6, 0.06), other_try=make_pair(6, 0.08))
        result = make_result(make_pair(2, 0.18), pair, plan=replace(TINY, reaches=(IMPOSSIBLE,)))
        table = build_table(result, MACHINE)
        assert ">= 1e+06x MISSED" in table
        assert "in the other it took 0.080 s, the bare client 0.076 s." in table
        assert "At limit 6 the bare client misses it too" in table
        assert "MISSED: limit 6" in table.splitlines()[-1]

    def test_json_holds_every_leg_and_the_machine(self) -> None:
        told = json.loads(json.dumps(build_json(make_result(), MACHINE, "2026-11-23T00:00:00+00:00")))
        assert told["machine"] == MACHINE
        assert told["passed"] is True
        assert [pair["limit"] for pair in told["pairs"]] == [2, 6]
        assert told["pairs"][1]["share_of_bare_client"] == pytest.approx(0.95)
        assert told["pairs"][1]["parallel"]["compared_to"] == "sequential x 2"
        assert told["sequential"]["people"] == 3


class TestCommand:
    def test_a_missed_reach_is_measured_twice_said_and_exits_with_1(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        plan = replace(TINY, people=3, limits=(3,), reaches=(replace(IMPOSSIBLE, limit=3),))
        assert run_benchmark(plan, tmp_path / "told.json") == 1
        printed = capsys.readouterr()
        assert "MISSED: limit 3" in printed.out
        assert "measured once more" in printed.err
        told = json.loads((tmp_path / "told.json").read_text("utf-8"))
        assert (told["passed"], told["pairs"][0]["other_try"] is None) == (False, False)
        assert {"platform", "processors", "python", "packages"} <= set(told["machine"])
        assert told["machine"]["packages"]["aiohttp"]

    def test_everything_reached_exits_with_0(self) -> None:
        plan = replace(TINY, people=2, sequential_people=1, limits=(2,), reaches=(replace(EASY, limit=2),))
        assert run_benchmark(plan, None) == 0

    def test_the_script_is_the_command(self) -> None:
        shown = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
        assert CliRunner().invoke(benchmark, ["--help"], prog_name="x").stdout.partition("\n")[2] in shown
