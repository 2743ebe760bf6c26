"""The benchmark's arithmetic, what it tells and what it judges: nothing is run here, and no clock is read."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities.benchmark.baseline import count_shared, find_worse, load_baseline
from synthetic_communities.benchmark.belief_update import (
    Leg,
    UpdatePlan,
    compare_legs,
    find_leg_faults,
    list_update_figures,
    measure_overhead,
    project_sequential,
)
from synthetic_communities.benchmark.bounds import measure_bound, measure_critical_path
from synthetic_communities.benchmark.command import Wanted, benchmark, run_benchmark
from synthetic_communities.benchmark.engine_cost import read_engine
from synthetic_communities.benchmark.judging import choose_status, judge, measure_spread
from synthetic_communities.benchmark.large_town import LargePlan, read_growth
from synthetic_communities.benchmark.measures import CannotMeasureError, Figure, Measure, Measured, Sample, Take, Tell
from synthetic_communities.benchmark.measuring import run_measure
from synthetic_communities.benchmark.own_scenario import OwnPlan
from synthetic_communities.benchmark.rates import RatePlan, measure_rates
from synthetic_communities.benchmark.replicates import compare_replicates
from synthetic_communities.benchmark.report import build_json, build_markdown, build_table
from synthetic_communities.benchmark.table import EVERYTHING, FULL, QUICK
from synthetic_communities.benchmark.timing import Timed
from synthetic_communities.benchmark.towns import Town, build_config, write_people
from synthetic_communities.benchmark.whole_runs import Run, find_call_faults
from synthetic_communities.config import Config
from synthetic_communities.engine.ledger import Task

MORE = Figure("speed-up", "x", compared_to="one by one", reach=10.0, is_ratio=True, control="bare")
BARE = Figure("bare", "x", compared_to="one by one")
LESS = Figure("cost", "ms", compared_to="the bare client", better="less", reach=2.0, is_ratio=True)
FREE = (1.0, 1.0)
MACHINE: Mapping[str, Any] = {
    "platform": "Somewhere",
    "architecture": "any",
    "processors": 2,
    "load_average_1_minute": 0.5,
    "python": "CPython 3.11.0",
    "packages": {"httpx": "0.28", "anthropic": None},
}


def take_nothing(tell: Tell) -> Iterator[Sample]:
    yield from ()


def make_measure(*figures: Figure, name: str = "some", take: Take = take_nothing) -> Measure:
    return Measure(name, "something", figures=figures or (MORE, BARE, LESS), take=take)


def make_measured(*values: float, name: str = "speed-up", room: tuple[float, ...] = FREE, **more: Any) -> Measured:
    return Measured(make_measure(), samples=tuple(Sample({name: value}) for value in values), room=room, **more)


def make_timed(seconds: float, calls: int = 6, peak: int = 2, **more: Any) -> Timed:
    return Timed(seconds, 0.006, calls=calls, peak_in_flight=peak, **{"endings": {"200": calls}, **more})


class TestJudging:
    @pytest.mark.parametrize(("figure", "good", "bad"), [(MORE, 10.0, 9.999), (LESS, 2.0, 2.001)])
    def test_what_is_as_good_as_asked_for_is_reached(self, figure: Figure, good: float, bad: float) -> None:
        assert judge(make_measured(good, name=figure.name), figure).verdict == "reached"
        assert judge(make_measured(bad, name=figure.name), figure).verdict == "missed"

    def test_it_is_the_median_that_counts(self) -> None:
        assert judge(make_measured(1.0, 10.0, 11.0), MORE).verdict == "reached"
        assert judge(make_measured(9.9, 9.7, 9.8), MORE).verdict == "missed"

    def test_nothing_is_said_of_what_nobody_asks_for(self) -> None:
        assert judge(make_measured(0.0, name="bare"), BARE).verdict == ""

    def test_what_has_no_value_was_not_measured(self) -> None:
        assert judge(make_measured(), MORE).verdict == "not measured"
        assert make_measured().median("speed-up") is None

    @pytest.mark.parametrize(
        ("measured", "why"),
        [
            (make_measured(9.0, room=(0.99, 0.849)), "only 85% of two processors were free"),
            (make_measured(9.0, 9.2, 10.1), "repetitions lie 12% apart, and not all of them miss it"),
            (
                Measured(make_measure(), samples=(Sample({"speed-up": 9.61, "bare": 9.9}),), room=FREE),
                "bare misses it too",
            ),
        ],
    )
    def test_a_sign_of_noise_leaves_it_open(self, measured: Measured, why: str) -> None:
        judged = judge(measured, MORE)
        assert (judged.verdict, judged.why) == ("too noisy to tell", why)

    @pytest.mark.parametrize(
        "measured",
        [
            make_measured(9.0, room=(0.85, 0.85)),
            make_measured(9.9, 9.0, 8.0),  # far apart, and all of them miss it
            make_measured(9.5, 9.6, 10.2),  # not far apart
            Measured(make_measure(), samples=(Sample({"speed-up": 9.8, "bare": 10.0}),), room=FREE),
            Measured(make_measure(), samples=(Sample({"speed-up": 9.6, "bare": 9.9}),), room=FREE),  # further behind
        ],
    )
    def test_without_one_a_miss_is_a_miss(self, measured: Measured) -> None:
        assert judge(measured, MORE).verdict == "missed"

    def test_nothing_excuses_a_count(self) -> None:
        counted = replace(MORE, is_counted=True)
        assert judge(make_measured(9.0, room=(0.1, 0.1)), counted).verdict == "missed"
        assert judge(make_measured(9.0, 9.2, 10.1), counted).verdict == "missed"

    def test_noise_takes_nothing_away_from_what_was_reached(self) -> None:
        assert judge(make_measured(10.0, room=(0.1, 0.1)), MORE).verdict == "reached"

    def test_spread_is_a_share_of_the_median(self) -> None:
        assert measure_spread([8.0, 10.0, 11.0]) == pytest.approx(0.3)
        assert (measure_spread([]), measure_spread([5.0]), measure_spread([0.0, 0.0])) == (0.0, 0.0, 0.0)


def make_only(value: float, **more: Any) -> Measured:
    """Return a measure with one figure, and that was taken."""
    return replace(make_measured(value, **more), measure=make_measure(MORE))


class TestStatus:
    reached, missed, noisy = make_only(10.0), make_only(9.0), make_only(9.0, room=(0.5,))
    wrong = Measured(make_measure(BARE), samples=(Sample({"bare": 1.0}, ("somebody was counted twice",)),))

    def test_zero_where_all_is_reached(self) -> None:
        assert choose_status([self.reached]) == 0

    def test_one_where_something_is_missed_or_wrong_or_could_not_be_taken(self) -> None:
        for bad in (self.missed, self.wrong, make_measured(obstacle="no network"), make_measured(10.0)):
            assert choose_status([self.reached, bad, self.noisy]) == 1

    def test_three_where_it_may_be_noise(self) -> None:
        assert choose_status([self.reached, self.noisy]) == 3

    def test_what_is_worse_than_before_counts_like_what_is_missed(self) -> None:
        assert choose_status([self.reached], [""]) == 1
        assert choose_status([self.reached], ["busy"]) == 3
        assert choose_status([self.missed], ["busy"]) == 1


class TestBaseline:
    def test_what_was_written_is_read_again(self, tmp_path: Path) -> None:
        samples = (Sample({"speed-up": 9.0, "bare": 9.0, "cost": 1.0}), Sample({"speed-up": 11.0}))
        told = build_json([Measured(make_measure(), samples=samples)], MACHINE, "now")
        (tmp_path / "told.json").write_text(json.dumps(told), "utf-8")
        medians = {"speed-up": 10.0, "bare": 9.0, "cost": 1.0}
        assert load_baseline(tmp_path / "told.json") == {("some", name): value for name, value in medians.items()}
        results = [make_measured(1.0), make_measured(1.0, name="bare")]
        assert count_shared(results, load_baseline(tmp_path / "told.json")) == 1, "of which ratios are compared"

    @pytest.mark.parametrize(
        "text",
        [
            *("", "{}", "[]", "null", '{"measures": 1}', '{"measures": [{"name": "x"}]}', "\ufeff{"),
            '{"measures": [{"name": "x", "figures": [{"name": "y", "is_ratio": true, "median": "much"}]}]}',
            '{"measures": [{"name": "x", "figures": [{"name": "y", "is_ratio": true, "median": NaN}]}]}',
            f'{{"measures": [{{"name": "x", "figures": [{{"name": "y", "median": {"9" * 400}}}]}}]}}',
            "[" * 100_000,
        ],
    )
    def test_anything_else_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "told.json").write_text(text, "utf-8")
        with pytest.raises(ValueError, match=r"told\.json (does not hold|holds)"):
            load_baseline(tmp_path / "told.json")

    @pytest.mark.parametrize(
        ("name", "before", "now", "is_worse"),
        [
            ("speed-up", 20.0, 17.0, False),
            ("speed-up", 20.0, 16.99, True),
            ("speed-up", 20.0, 30.0, False),
            ("cost", 1.0, 1.15, False),
            ("cost", 1.0, 1.16, True),
            ("cost", 1.0, 0.5, False),
            ("bare", 20.0, 1.0, False),  # no ratio
        ],
    )
    def test_worse_is_what_is_beyond_the_tolerance(self, name: str, before: float, now: float, is_worse: bool) -> None:
        found = find_worse([make_measured(now, name=name)], {("some", name): before}, 0.15)
        assert [(each.figure.name, each.before, each.now, each.noise) for each in found] == (
            [(name, before, now, "")] if is_worse else []
        )

    def test_noise_is_told_beside_it(self) -> None:
        (worse,) = find_worse([make_measured(1.0, room=(0.5,))], {("some", "speed-up"): 20.0}, 0.15)
        assert worse.noise == "only 50% of two processors were free"

    @pytest.mark.parametrize(
        ("before", "now", "noise"),
        [
            ((9.5, 9.8), (8.0, 9.8), ""),  # the bare client missed its reach before, and is as fast as it was
            ((9.5, 9.8), (8.0, 8.4), ""),  # it got worse, but within the tolerance
            ((9.5, 9.8), (7.0, 8.0), ""),  # it got worse by less
            ((9.5, 9.8), (7.53, 8.0), "bare got as much worse"),
            ((20.0, 40.0), (15.0, 30.0), "bare got as much worse"),  # far above its reach, and slowed down alike
            ((20.0, 40.0), (14.0, 30.0), ""),
            ((9.5, None), (7.6, 7.9), ""),  # what it did before is not known
        ],
    )
    def test_the_bare_client_excuses_what_got_worse_if_it_got_as_much_worse(
        self, before: tuple[float, float | None], now: tuple[float, float], noise: str
    ) -> None:
        names = ("speed-up", "bare")
        told = {("some", name): value for name, value in zip(names, before, strict=True) if value is not None}
        sample = Sample(dict(zip(names, now, strict=True)))
        (worse,) = find_worse([Measured(make_measure(), samples=(sample,), room=FREE)], told, 0.15)
        assert worse.noise == noise

    def test_where_less_is_better_it_is_the_other_way_round(self) -> None:
        cost = replace(LESS, control="bare")
        for value, noise in ((2.0, "bare got as much worse"), (2.2, "")):
            sample = Sample({"cost": value, "bare": 1.0})
            measured = Measured(make_measure(cost, BARE), samples=(sample,), room=FREE)
            told = {("some", "cost"): 1.0, ("some", "bare"): 0.5}
            assert [each.noise for each in find_worse([measured], told, 0.15)] == [noise]

    def test_only_what_both_runs_hold_is_compared(self) -> None:
        results = [make_measured(1.0)]
        assert (
            count_shared(results, {("some", "speed-up"): 1.0, ("some", "cost"): 1.0, ("other", "speed-up"): 9.0}) == 1
        )
        assert find_worse(results, {("other", "speed-up"): 9.0}, 0.15) == []


class TestBounds:
    tasks = (
        Task("a", "act"),
        Task("b", "act"),
        Task("c", "act", waits_for=("a",), needs=("b",)),
        Task("gate", "gate", waits_for=("c",), is_act=False),
        Task("d", "act", needs_any=("gate",)),
        Task("e", "act"),
    )

    def test_the_longest_chain_goes_through_whatever_is_waited_for(self) -> None:
        seconds = {"a": 1.0, "b": 2.0, "c": 0.5, "d": 0.25, "e": 2.5}
        assert measure_critical_path(self.tasks, seconds) == 2.75
        assert measure_critical_path(self.tasks, {**seconds, "e": 3.0}) == 3.0
        assert measure_critical_path((), {}) == 0.0

    def test_what_took_no_time_is_passed_through(self) -> None:
        assert measure_critical_path(self.tasks, {"a": 1.0, "d": 1.0}) == 2.0

    def test_no_sooner_than_the_chain_and_no_sooner_than_all_of_it_shared(self) -> None:
        assert measure_bound(3.0, 100.0, 50) == 3.0
        assert measure_bound(3.0, 200.0, 50) == 4.0


class TestTowns:
    def test_a_town_has_as_much_of_the_bundled_debate_as_is_asked_for(self, tmp_path: Path) -> None:
        config = build_config(Town(4, 3), tmp_path, seed=5, schedule="phases")
        assert config.find_problems() == []
        assert [topic["id"] for topic in config.topics or ()] == ["rents"]
        assert [(each["id"], list(each["positions"])) for each in config.candidates or ()] == [
            ("noor", ["rents"]),
            ("berg", ["rents"]),
        ]
        assert (config.population_size, config.max_concurrent, config.random_seed) == (4, 3, 5)
        assert (config.num_epochs, config.questions_per_topic, config.turns_per_question) == (3, 2, 2)
        assert (config.num_rounds_mean, config.num_rounds_variance, config.schedule) == (3, 1, "phases")
        assert len(build_config(Town(4, 3, topics=2, candidates=3), tmp_path, seed=5).candidates or ()) == 3

    def test_it_tells_what_it_is(self) -> None:
        assert str(Town(1_000, 500, epochs=1)) == "1,000 people, 1 topic, 2 candidates, 1 epoch, limit 500"

    def test_people_are_written_once(self, tmp_path: Path) -> None:
        path = write_people(tmp_path, 2)
        assert len(path.read_text("utf-8").splitlines()) == 2
        path.write_text("kept", "utf-8")
        assert write_people(tmp_path, 2).read_text("utf-8") == "kept"


PLAN = UpdatePlan(
    6,
    latency_seconds=0.05,
    limits=(2, 6),
    repetitions=1,
    sequential_people=3,
    speed_ups={6: 5.0},
    share_of_bare=0.9,
    overheads={2: 0.1},
)


def make_leg(limit: int, seconds: float, people: int = 6, **changes: Any) -> Leg:
    beliefs = {f"p{number}": {"rents": number} for number in range(people)}
    return replace(
        Leg(people, limit, timed=make_timed(seconds, people, min(limit, people)), beliefs=beliefs), **changes
    )


class TestBeliefUpdate:
    def test_fewer_people_one_by_one_are_projected(self) -> None:
        assert project_sequential(make_leg(1, 0.18, people=3), PLAN) == pytest.approx(0.36)
        assert project_sequential(None, PLAN) == pytest.approx(0.3)

    def test_overhead_is_what_goes_beyond_waiting(self) -> None:
        assert measure_overhead(make_leg(4, 0.17), 0.05) == pytest.approx(0.07)

    def test_ours_beside_the_bare_client(self) -> None:
        values = compare_legs(make_leg(6, 0.08), make_leg(6, 0.06), 0.36, PLAN)
        assert values == pytest.approx(
            {
                "limit 6": 4.5,
                "limit 6, bare client": 6.0,
                "limit 6, of the bare client": 0.75,
                "limit 6, beyond waiting": 0.03,
                "limit 6, bare client beyond waiting": 0.01,
            }
        )
        assert set(values) <= {figure.name for figure in list_update_figures(PLAN)}

    def test_reaches_bind_at_their_own_limit_and_never_the_bare_client(self) -> None:
        reaches = {figure.name: figure.reach for figure in list_update_figures(PLAN) if figure.reach is not None}
        assert reaches == {
            "limit 2, of the bare client": 0.9,
            "limit 2, beyond waiting": 0.1,
            "limit 6": 5.0,
            "limit 6, of the bare client": 0.9,
        }

    def test_every_control_is_a_figure_of_the_same_unit(self) -> None:
        units = {figure.name: figure.unit for figure in list_update_figures(PLAN)}
        controlled = [figure for figure in list_update_figures(PLAN) if figure.control]
        assert len(controlled) == 4
        assert all(units[figure.control] == figure.unit for figure in controlled)

    @pytest.mark.parametrize(
        ("plan", "said"),
        [
            (PLAN, "3 one by one x 2"),
            (replace(PLAN, sequential_people=6), "6 one by one"),
            (replace(PLAN, sequential_people=0, people=1_000), "1,000 x 0.05 s"),
        ],
    )
    def test_it_says_what_speed_is_compared_to(self, plan: UpdatePlan, said: str) -> None:
        assert list_update_figures(plan)[0].compared_to == said

    def test_nothing_is_wrong(self) -> None:
        assert list(find_leg_faults(make_leg(6, 0.06), make_leg(1, 0.3, people=3))) == []

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"timed": make_timed(1.0, 7)}, "limit 6: 6 people, 7 calls"),
            ({"timed": make_timed(1.0, endings={"200": 5, "500": 1})}, "6 calls were answered {'200': 5, '500': 1}"),
            ({"timed": make_timed(1.0, peak=7)}, "7 calls at once at limit 6"),
            ({"unanswered": ("p4", "p5")}, "limit 6: no answer from p4, p5"),
            ({"beliefs": {"p0": {"rents": 0.5}}}, "beliefs at limit 6 differ from those at limit 1"),
        ],
    )
    def test_whatever_must_not_be_is_said(self, changes: dict[str, Any], said: str) -> None:
        assert list(find_leg_faults(make_leg(6, 0.06, **changes), make_leg(1, 0.3, people=3))) == [said]

    def test_calls_that_ended_in_no_way_are_missed(self) -> None:
        assert list(find_call_faults(make_timed(1.0, 0, 0, endings={}), 1)) == ["0 calls were answered {}"]


class TestRates:
    timed = make_timed(
        11.0,
        210,
        endings={"200": 200, "429": 10},
        by_second={"200": {"0": 30, "1": 20, "10": 150}, "429": {"0": 9, "1": 1}},
    )

    def make_plan(self, told: Any) -> RatePlan:
        return RatePlan(told, 200, limit=10, per_second=20.0, bucket=15, latency_seconds=0.0, repetitions=1)

    def test_who_is_told_nothing_may_learn_for_a_second(self) -> None:
        values = measure_rates(self.make_plan("nothing"), self.timed)
        assert values == pytest.approx({"done of the quota": 170 / 200, "answered 429": 1 / 171, "in all": 11.0})

    @pytest.mark.parametrize("told", ["headers", "setting"])
    def test_who_is_told_has_the_bucket_and_no_second_to_learn(self, told: str) -> None:
        values = measure_rates(self.make_plan(told), self.timed)
        assert values == pytest.approx({"done of the quota": 200 / 235, "answered 429": 10 / 210, "in all": 11.0})


class TestOthers:
    def test_runs_at_once_are_held_against_one_after_the_other_and_the_possible(self) -> None:
        alone = [
            Run(make_timed(seconds), work=work, critical_path=path, limit=10, path=Path())
            for seconds, work, path in ((20.0, 60.0, 15.0), (30.0, 80.0, 25.0), (10.0, 160.0, 5.0))
        ]
        assert compare_replicates(alone, 40.0, 10) == pytest.approx(
            {
                "faster at once": 1.5,
                "the possible": 2.0,  # all work is 300 s, 10 at once
                "of the possible": 0.75,
                "at once": 40.0,
                "one after the other": 60.0,
            }
        )
        assert compare_replicates(alone, 40.0, 100)["the possible"] == pytest.approx(2.4)  # the longest chain

    def test_a_share_of_the_bound_is_the_bound_over_the_time(self) -> None:
        run = Run(make_timed(8.0), work=60.0, critical_path=5.0, limit=10, path=Path())
        assert (run.bound, run.share_of_bound) == (6.0, 0.75)

    def test_the_engine_is_held_against_asyncio(self) -> None:
        told: dict[str, Any] = {
            "bare": {"acts": 1000, "cpu_seconds": 0.02},
            "engine": {"acts": 1000, "cpu_seconds": 0.05},
            "peak_bytes": 1_500_000_000,
        }
        values = {"beside asyncio": 2.5, "an act": 0.05, "a sleep of asyncio": 0.02}
        assert read_engine(told) == pytest.approx({**values, "memory at most": 1.5})
        assert read_engine({**told, "peak_bytes": None}) == pytest.approx(values)

    def test_a_large_town_is_held_against_a_smaller_one(self) -> None:
        plan = LargePlan(10_000, 1_000)
        told: dict[str, Any] = {
            "fewer": {"seconds": 2.0, "peak_bytes": 10},
            "many": {"seconds": 21.0, "peak_bytes": 500_000_000},
        }
        values = {"an epoch": 21.0, "beside fewer people": 10.5, "an epoch of 1,000 people": 2.0}
        assert read_growth(plan, told["many"], told["fewer"]) == pytest.approx({**values, "memory at most": 0.5})
        told["many"]["peak_bytes"] = None
        assert read_growth(plan, told["many"], told["fewer"]) == pytest.approx(values)


class TestTable:
    def test_the_reaches_are_those_promised(self) -> None:
        promised = {
            measure.name: {figure.name: figure.reach for figure in measure.figures if figure.reach is not None}
            for measure in (*FULL, *QUICK)
        }
        quota = {"done of the quota": 0.95}
        assert promised == {
            "same-record": {"the same record": 3},
            "belief-update": {
                "limit 100": 92.0,
                "limit 100, of the bare client": 0.97,
                "limit 20": 19.5,
                "limit 20, of the bare client": 0.97,
            },
            "belief-update-1000": {"limit 1000": 600.0},
            "run-100": {"share of the bound": 0.95},
            "run-500": {"share of the bound": 0.78},
            "run-1000": {"share of the bound": 0.95, "faster than in phases": 1.7},
            "phases-100": {"faster than in phases": 1.35},
            "replicates": {"faster at once": 4.0, "of the possible": 0.85},
            "cpu-openai": {"processor time a call": 1.0, "beside bare": 1.6, "added by the journal": 0.1},
            "cpu-anthropic": {"beside bare": 1.25},
            "rate-untold": {**quota, "answered 429": 0.02},
            "rate-headers": {**quota, "answered 429": 0.005},
            "rate-headers-anthropic": {**quota, "answered 429": 0.005},
            "rate-stated": {**quota, "answered 429": 0.005},
            "engine": {"beside asyncio": 4.0, "memory at most": 2.0},
            "offline-100000": {"an epoch": 300.0, "memory at most": 2.0, "beside fewer people": 11.0},
            "cost": {
                "calls": 12_000,
                "prompt tokens": 9.5,
                "read from cache": 0.87,
                "read from cache, 100 people": 0.87,
                "more time for warming": 0.04,
            },
            "start": {"import synthetic_communities": 0.35, "--help": 0.35},
            "belief-update-quick": {"limit 100, beyond waiting": 0.25},
        }

    def test_every_row_of_minutes_is_taken_more_than_once(self) -> None:
        repetitions = {
            measure.name: (getattr(plan, "repetitions", None), len(getattr(plan, "seeds", ())))
            for measure in FULL
            for plan in getattr(measure.take, "args", ())
        }
        for name in ("rate-untold", "rate-headers", "rate-headers-anthropic", "rate-stated"):
            assert repetitions[name] == (3, 0)
        assert repetitions["offline-100000"] == (2, 0)
        assert OwnPlan(Config.bundled()).seeds == (1, 2, 3)

    def test_names_are_unique_in_the_table_and_figures_in_a_measure(self) -> None:
        assert len(EVERYTHING) == len({*FULL, *QUICK}) + 1
        for measure in EVERYTHING.values():
            assert len({figure.name for figure in measure.figures}) == len(measure.figures)

    def test_every_row_says_what_it_is_compared_to(self) -> None:
        assert all(figure.compared_to for measure in EVERYTHING.values() for figure in measure.figures)


def take_these(*rounds: Mapping[str, float]) -> Take:
    left = iter(rounds)

    def take(tell: Tell) -> Iterator[Sample]:
        yield Sample(next(left))

    return take


class TestMeasuring:
    def test_the_machine_is_looked_at_before_and_afterwards(self) -> None:
        looks = iter([0.9, 0.8])
        measured = run_measure(make_measure(take=take_these({"speed-up": 11.0})), str, look=lambda: next(looks))
        assert (measured.room, measured.values("speed-up"), measured.other_try) == ((0.9, 0.8), [11.0], None)

    @pytest.mark.parametrize(
        ("values", "tries", "kept", "other"),
        [([11.0], 2, 11.0, None), ([9.0], 1, 9.0, None), ([9.0, 10.0], 2, 10.0, 9.0), ([9.0, 8.0], 2, 9.0, 8.0)],
    )
    def test_what_missed_may_be_measured_once_more_and_the_better_try_counts(
        self, values: list[float], tries: int, kept: float, other: float | None
    ) -> None:
        take = take_these(*({"speed-up": value, "cost": 1.0} for value in values))
        told: list[str] = []
        measured = run_measure(make_measure(take=take), told.append, tries=tries, look=lambda: 1.0)
        assert measured.median("speed-up") == kept
        assert (measured.other_try and measured.other_try.median("speed-up")) == other
        assert ("some: speed-up was missed; measured once more" in told) == (other is not None)

    def test_less_is_the_better_try_where_less_is_better(self) -> None:
        take = take_these({"cost": 3.0}, {"cost": 2.5})
        assert run_measure(make_measure(LESS, take=take), str, tries=2, look=lambda: 1.0).median("cost") == 2.5

    def test_what_is_wrong_is_not_measured_away(self) -> None:
        def take(tell: Tell) -> Iterator[Sample]:
            yield Sample({"speed-up": 1.0}, ("wrong",))

        measured = run_measure(make_measure(MORE, take=take), str, tries=2, look=lambda: 1.0)
        assert (measured.faults, measured.other_try) == (("wrong",), None)

    def test_what_is_wrong_in_the_worse_try_is_told_too(self) -> None:
        tries = iter([Sample({"speed-up": 9.5}), Sample({"speed-up": 9.0}, ("records differ",))])
        take = lambda tell: iter([next(tries)])  # noqa: E731
        measured = run_measure(make_measure(MORE, take=take), str, tries=2, look=lambda: 0.5)
        assert (measured.values("speed-up"), measured.faults) == ([9.5], ("records differ",))
        assert choose_status([measured]) == 1

    def test_a_try_that_could_not_be_taken_is_not_the_better_one(self) -> None:
        numbers = count()

        def take(tell: Tell) -> Iterator[Sample]:
            if next(numbers):
                raise CannotMeasureError("gone")
            yield Sample({"speed-up": 9.5})

        measured = run_measure(make_measure(MORE, take=take), str, tries=2, look=lambda: 1.0)
        assert (measured.values("speed-up"), measured.other_try and measured.other_try.obstacle) == ([9.5], "gone")

    def test_the_try_that_misses_fewer_figures_is_the_better_one(self) -> None:
        take = take_these({"speed-up": 9.9, "cost": 1.0}, {"speed-up": 9.95, "cost": 5.0})
        measured = run_measure(make_measure(MORE, LESS, take=take), str, tries=2, look=lambda: 1.0)
        assert measured.values("speed-up") == [9.9]

    def test_whatever_breaks_a_measure_the_next_is_taken_and_what_it_yielded_is_kept(self) -> None:
        def take(tell: Tell) -> Iterator[Sample]:
            yield Sample({"speed-up": 11.0})
            raise ExceptionGroup("several", [ConnectionResetError("reset by peer")])

        measured = run_measure(make_measure(MORE, take=take), str, tries=2, look=lambda: 1.0)
        assert measured.values("speed-up") == [11.0]
        assert measured.obstacle.startswith("ExceptionGroup: several")

    def test_why_a_measure_cannot_be_taken_is_kept(self) -> None:
        def take(tell: Tell) -> Iterator[Sample]:
            raise CannotMeasureError("there is no such thing here")
            yield

        measured = run_measure(make_measure(take=take), str, tries=2, look=lambda: 1.0)
        assert (measured.obstacle, measured.samples) == ("there is no such thing here", ())


def take_all(*samples: Sample) -> Take:
    def take(tell: Tell) -> Iterator[Sample]:
        yield from samples

    return take


class TestReport:
    good = (Sample({"speed-up": 10.0, "bare": 12.0, "cost": 1.5}), Sample({"speed-up": 11.0, "bare": 13.0}))
    result = Measured(make_measure(), samples=good, room=(0.97, 0.91))

    def test_the_table_tells_median_spread_reach_and_what_it_is_compared_to(self) -> None:
        table = build_table([self.result], MACHINE).splitlines()
        assert table[0] == "Somewhere, 2 processors, load 0.50 at the start, Python CPython 3.11.0, httpx 0.28."
        assert re.split(" {2,}", table[3])[1:6] == ["speed-up", "10.50x", "10.00x - 11.00x", "2", "one by one"]
        assert re.split(" {2,}", table[5])[1:] == ["cost", "1.500 ms", "1", "the bare client", "<= 2 ms", "reached"]
        assert "some: something; 91% of two processors were free." in table
        assert table[-1] == "Everything that has to be reached was."

    def test_what_must_not_be_stands_below_it(self) -> None:
        missed = replace(self.result, samples=(Sample({"speed-up": 1.0, "cost": 9.0}, ("Ann was asked twice",)),))
        noisy = make_measured(9.0, room=(0.2,), other_try=make_measured(8.0))
        worse = find_worse([missed, noisy], {("some", "speed-up"): 20.0}, 0.15)
        table = build_table([missed, noisy, make_measured(obstacle="no server")], MACHINE, worse).splitlines()
        free = "only 20% of two processors were free"
        assert table[-8:] == [
            "WRONG: some: Ann was asked twice",
            "MISSED: some: speed-up",
            "MISSED: some: cost",
            f"TOO NOISY TO TELL: some: speed-up was missed, and {free}",
            "NOT MEASURED: some: cost",
            "NOT MEASURED: some: no server",
            "WORSE: some: speed-up is 1.00x, and was 20.00x",
            f"TOO NOISY TO TELL: some: speed-up is 9.00x, and was 20.00x; {free}",
        ]
        assert "some: something; 20% of two processors were free; measured twice, this is the better try." in table

    def test_markdown_holds_the_same_rows(self) -> None:
        lines = build_markdown([self.result], MACHINE).splitlines()
        rows = [line for line in lines if line.startswith("|")]
        assert rows[2] == "| some | speed-up | 10.50x | 10.00x - 11.00x | 2 | one by one | >= 10x | reached |"
        assert len({row.count("|") for row in rows}) == 1
        assert lines[-1] == "* Everything that has to be reached was."

    def test_json_holds_every_value_and_the_machine(self) -> None:
        told = json.loads(json.dumps(build_json([self.result], MACHINE, "2026-11-23T00:00:00+00:00")))
        assert (told["machine"], told["when"]) == (MACHINE, "2026-11-23T00:00:00+00:00")
        (measure,) = told["measures"]
        assert [figure["values"] for figure in measure["figures"]] == [[10.0, 11.0], [12.0, 13.0], [1.5]]
        assert (measure["figures"][0]["median"], measure["figures"][0]["verdict"]) == (10.5, "reached")
        assert measure["room"] == [0.97, 0.91]


def run(measures: Sequence[Measure], wanted: Wanted) -> int:
    """Run measures on a machine that is free."""
    return run_benchmark(measures, wanted, look=lambda: 1.0)


class TestCommand:
    good = make_measure(MORE, name="good", take=take_all(Sample({"speed-up": 11.0})))
    bad = make_measure(MORE, name="bad", take=take_all(Sample({"speed-up": 9.0})))
    torn = make_measure(MORE, name="torn", take=take_all(*(Sample({"speed-up": value}) for value in (9.0, 9.0, 12.0))))

    @pytest.mark.parametrize(("measures", "status"), [("good", 0), ("good bad torn", 1), ("good torn", 3)])
    def test_the_exit_status_says_how_it_went(self, measures: str, status: int) -> None:
        assert run([getattr(self, name) for name in measures.split()], Wanted()) == status

    def test_everything_is_written_and_held_against_a_baseline(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = Wanted(json_file=tmp_path / "told.json", markdown_file=tmp_path / "told.md")
        assert run([self.good], wanted) == 0
        assert "| good | speed-up | 11.00x |" in (tmp_path / "told.md").read_text("utf-8")
        before = load_baseline(tmp_path / "told.json")
        assert run([self.good], Wanted(baseline=before)) == 0
        assert "1 ratios were held against the baseline." in capsys.readouterr().out
        assert run([self.good], Wanted(baseline={("good", "speed-up"): 13.0}, tolerance=0.1)) == 1
        assert "WORSE: good: speed-up is 11.00x, and was 13.00x" in capsys.readouterr().out

    def test_what_was_measured_is_kept_when_a_later_measure_breaks(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def take(tell: Tell) -> Iterator[Sample]:
            raise KeyboardInterrupt
            yield

        broken = make_measure(MORE, name="broken", take=take)
        with pytest.raises(KeyboardInterrupt):
            run([self.good, broken], Wanted(json_file=tmp_path / "told.json"))
        assert list(load_baseline(tmp_path / "told.json")) == [("good", "speed-up")]
        told = capsys.readouterr().out
        assert "Broken off: 1 of 2 measures were taken." in told
        assert "NOT MEASURED: broken: broken off before it" in told

    def test_a_file_that_cannot_be_written_at_the_end_costs_no_other(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = Wanted(json_file=tmp_path / "gone" / "told.json", markdown_file=tmp_path / "told.md")
        assert run([self.good], wanted) == 1
        assert (tmp_path / "told.md").exists()
        assert "told.json cannot be written: No such file or directory" in capsys.readouterr().err

    def test_a_baseline_of_other_measures_is_no_success(self) -> None:
        assert run([self.good], Wanted(baseline={("another", "speed-up"): 1.0})) == 1

    def test_names_are_listed(self) -> None:
        listed = CliRunner().invoke(benchmark, ["--list"])
        assert (listed.exit_code, len(listed.stdout.splitlines())) == (0, len(EVERYTHING))
        assert all(name in listed.stdout for name in EVERYTHING)

    @pytest.mark.parametrize(
        ("write", "arguments", "said"),
        [
            (None, ["--only", "speed"], "'speed' is none of same-record"),
            (None, ["speed"], "'speed' is none of same-record"),
            (None, ["--quick", "start"], "choose different measures"),
            (None, ["--baseline", "none.json"], "does not exist"),
            ("{}", ["--baseline", "given"], "given does not hold what --json writes"),
            ("colour: red", ["--config", "given"], "colour"),
            (None, ["--tolerance", "2"], "--tolerance"),
            ('{"format_version": 1, "measures": []}', ["--baseline", "given"], "given is of format version 1"),
            (None, ["--quick", "--only", "start"], "choose different measures"),
            (None, ["--only", "start", "--json", "none/told.json"], "none/told.json cannot be written"),
            ("{}", ["--json", "told", "--baseline", "given"], "given does not hold what --json writes"),
            (None, ["--json", "told", "--only", "speed"], "'speed' is none of same-record"),
            (None, ["--only", "start", "--json", "told", "--markdown", "./told"], "would both write told; name two"),
        ],
    )
    def test_wrong_usage_is_2_and_measures_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str | None, arguments: list[str], said: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        if write is not None:
            (tmp_path / "given").write_text(write, "utf-8")
        result = CliRunner().invoke(benchmark, arguments)
        assert result.exit_code == 2
        assert said in result.stderr
        assert not (tmp_path / "told").exists()
