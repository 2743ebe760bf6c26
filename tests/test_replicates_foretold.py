"""The price of several runs: what is foretold of all of them, held against what they took together."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.cli import rerunning
from synthetic_communities.cli.held import Held, measure_held
from synthetic_communities.cli.main import program
from synthetic_communities.cli.spending import Consent, Expense
from synthetic_communities.config import Config
from synthetic_communities.errors import RecordError
from synthetic_communities.forecast import foretelling
from synthetic_communities.forecast.assumed import Assumed, Span
from synthetic_communities.foreseeing import forecast_together
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.report.numbers.taken import add_taken, take_minutes_together, take_paid
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.report.result import load_run
from synthetic_communities.report.steps import STEP_OF_ACT
from synthetic_communities.report.terminal.spent import describe_spent
from synthetic_communities.rerunning import replay_run
from synthetic_communities.runs.directory import FORECAST, USAGE
from synthetic_communities.runs.row import Row
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import SETTINGS, make_attributes, read_json

PEOPLE = 5
MODEL = "vllm:test"
PRICES = {MODEL: {"input": 1.0, "output": 4.0}}


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(no_auth=True, dialect="llamacpp", seed=4) as started:
        yield started


def write_town(folder: Path, server: LoopbackServer, **changes: Any) -> Path:
    """Write a configuration of a small town, with a file of more people than it asks for."""
    people = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(2 * PEOPLE)]
    (folder / "people.jsonl").write_text("\n".join(people), encoding="utf-8")
    model = {"model": MODEL, "base_url": f"{server.url}/v1", "prices": PRICES}
    given = {"population_file": "people.jsonl", "population_size": PEOPLE, "num_epochs": 1}
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **model, **given, **changes}), encoding="utf-8")
    return path


@pytest.fixture
def town(server: LoopbackServer, tmp_path: Path) -> Path:
    return write_town(tmp_path, server)


def call(*arguments: str | Path, status: int = 0) -> Result:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(program, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done


def by_figure(rows: list[dict[str, Any]]) -> Mapping[str, dict[str, Any]]:
    return {row["figure"]: row for row in rows}


def calls_of(path: Path, which: str = "calls") -> int:
    return int(read_json(path / USAGE)[which]["calls"])


class TestForecast:
    def test_it_is_the_sum_of_all_runs_whose_opening_counts_once(self, town: Path) -> None:
        config = Config.from_yaml(town).changed(num_rounds_mean=8, num_rounds_variance=3)
        together = GameEngine.from_config(config).forecast(replicates=3)
        alone = [GameEngine.from_config(config.changed(replicate=number)).forecast() for number in range(3)]
        assert together.acts == sum(each.acts for each in alone) - 2 * (PEOPLE + 2)
        levels = [each.levels for each in alone]
        assert len(set(levels)) > 1
        assert together.levels == max(levels)
        assert together.asked is not None
        assert (together.asked.replicates, together.asked.rehearsed, together.replicates) == (3, 3, 3)
        openings = [step for step in together.asked.steps if step.step.startswith("opening_")]
        assert [step.calls for step in openings] == [Span(2, 2), Span(PEOPLE, PEOPLE)]
        each = [one.asked.calls.low for one in alone if one.asked is not None]
        assert together.asked.calls == Span(sum(each) - 2 * (PEOPLE + 2), sum(each) - 2 * (PEOPLE + 2))

    def test_those_that_draw_their_own_people_share_nothing(self, town: Path) -> None:
        config = Config.from_yaml(town)
        engine = GameEngine.from_config(config)
        together = engine.forecast(replicates=3, resample=True)
        changed = [config.changed(replicate=number, resample_people=True) for number in range(3)]
        alone = [GameEngine.from_config(each).forecast().asked for each in changed]
        assert together.asked is not None
        assert together.asked.calls == sum((each.calls for each in alone if each is not None), Span(0, 0))
        assert not together.shares_opening
        assert engine.foretold(replicates=3, resample=True) is together
        assert engine.foretold(replicates=3) is not together

    def test_of_many_the_first_are_rehearsed(self, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        exact = GameEngine.from_config(town).forecast(replicates=6).asked
        monkeypatch.setattr(foretelling, "MOST_ACTS", 2 * GameEngine.from_config(town).forecast().acts + 20)
        forecast = GameEngine.from_config(town).forecast(replicates=6)
        asked = forecast.asked
        assert asked is not None
        assert exact is not None
        assert asked.rehearsed == 2
        assert "Rehearsed were 2 of the 6 runs" in str(forecast)
        assert exact.calls.low in asked.calls
        assert asked.calls.low < asked.calls.high, "how many react is not known of those that were not rehearsed"
        assert asked.tokens.prompt_tokens.low == pytest.approx(exact.tokens.prompt_tokens.low, rel=0.1)

    def test_they_share_one_limit(self, town: Path) -> None:
        engine = GameEngine.from_config(Config.from_yaml(town).changed(max_concurrent=1))
        alone, together = (engine.forecast(replicates=number).asked for number in (1, 4))
        assert alone is not None
        assert together is not None
        assert together.minutes.low == pytest.approx(together.calls.low / alone.calls.low * alone.minutes.low)
        wide = GameEngine.from_config(Config.from_yaml(town).changed(max_concurrent=500))
        minutes = [each.minutes.low for number in (1, 4) if (each := wide.forecast(replicates=number).asked)]
        assert minutes[0] <= minutes[1] < 1.3 * minutes[0], "side by side they take as long as the longest"

    def test_each_of_several_has_its_share_of_the_places(self, town: Path) -> None:
        """Their opening, which they share, is small; all go through the same debates at about the same time."""
        seconds = Assumed(seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(2, 2)))
        config = Config.from_yaml(town).changed(opening_opinions=False)
        few = GameEngine.from_config(config.changed(max_concurrent=3)).forecast(seconds).asked
        together = GameEngine.from_config(config.changed(max_concurrent=12)).forecast(seconds, replicates=4).asked
        assert few is not None
        assert together is not None
        assert 2 * few.calls.low / 60 / 3 < 0.9 * few.minutes.low, "places are empty now and then"
        assert together.minutes.low == pytest.approx(few.minutes.low, rel=0.1)

    def test_beginnings_are_read_again_after_more_others(self, town: Path) -> None:
        config = Config.from_yaml(town).changed(max_concurrent=1, world_story="A town by the water. " * 200)
        slow = Assumed(seconds_per_reply=dict.fromkeys(STEP_OF_ACT, Span(40, 40)))
        alone, together = (GameEngine.from_config(config).forecast(slow, replicates=number).asked for number in (1, 4))
        assert alone is not None
        assert together is not None
        shares = [each.tokens.cache_read_tokens.low / each.tokens.prompt_tokens.low for each in (alone, together)]
        assert shares[1] < 0.9 * shares[0]

    def test_check_tells_of_all(self, town: Path) -> None:
        told = call("check", town, "--replicates", "3").stdout
        assert "3 runs together will ask models:" in told
        assert "They share their opening, which is counted once." in told
        data, other = (
            json.loads(call("check", town, "--replicates", "3", "--json", *more).stdout)
            for more in ((), ("--resample",))
        )
        forecast = GameEngine.from_config(town).forecast(replicates=3)
        assert forecast.asked is not None
        assert (data["replicates"], data["asked"]) == (3, json.loads(json.dumps(forecast.asked.as_data())))
        assert other["asked"]["calls"]["low"] > data["asked"]["calls"]["high"]
        assert "--replicates" in call("check", town, "--resample", status=2).stderr

    def test_a_probe_narrows_it(self, town: Path) -> None:
        told, probed = (
            json.loads(call("check", town, "--replicates", "2", "--json", *more).stdout)["asked"]
            for more in ((), ("--probe",))
        )
        assert probed["replicates"] == 2
        assert probed["calls"] == told["calls"]
        assert probed["assumed"]["characters_per_token"] != told["assumed"]["characters_per_token"]

    def test_the_question_before_much_is_spent_goes_by_it(self, town: Path, tmp_path: Path) -> None:
        settings = yaml.safe_load(town.read_text("utf-8"))
        dear = {**settings, "prices": {MODEL: {"input": 20_000.0, "output": 20_000.0}}}
        town.write_text(yaml.safe_dump(dear), encoding="utf-8")
        for options in ((), ("--resample",)):
            forecast = GameEngine.from_config(town).forecast(replicates=2, resample=bool(options))
            refused = call("run", town, "--replicates", "2", *options, status=2).stderr
            assert f"for up to {forecast.calls:,} calls" in " ".join(refused.split())


class TestRuns:
    @pytest.fixture(scope="class")
    @classmethod
    def seconds_and_folder(cls, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Path]:
        base = tmp_path_factory.mktemp("runs")
        server.reset()
        began = time.monotonic()
        call("run", write_town(base, server), "--replicates", "3", "--output", base / "out")
        seconds = time.monotonic() - began
        (folder,) = (base / "out").iterdir()
        return seconds, folder

    @pytest.fixture
    def folder(self, seconds_and_folder: tuple[float, Path]) -> Path:
        return seconds_and_folder[1]

    def test_what_they_took_stands_beside_it(
        self, folder: Path, server: LoopbackServer, seconds_and_folder: tuple[float, Path]
    ) -> None:
        rows = by_figure(Replicates(folder).foretold)
        answered = server.stats()["by_path"]["/v1/chat/completions"]["200"]
        assert rows["calls"]["low"] == rows["calls"]["took"] == rows["calls"]["high"] == answered
        for figure in ("prompt_tokens", "output_tokens", "cost_usd"):
            assert rows[figure]["low"] <= rows[figure]["took"] <= rows[figure]["high"], figure
        usages = [read_json(run.path / USAGE) for run in Replicates(folder)]
        longest = max(usage["seconds"] for usage in usages)
        to_a_second = 1.0  # as the moments are told at which runs began
        assert longest - 0.001 <= rows["minutes"]["took"] * 60 <= seconds_and_folder[0] + to_a_second
        assert json.loads(call("show", folder, "--json").stdout)["foretold"] == Replicates(folder).foretold

    def test_it_is_shown(self, folder: Path) -> None:
        told = call("show", folder).stdout
        rows = by_figure(Replicates(folder).foretold)
        took = f"{rows['calls']['took']:,.0f}"
        assert any(line.split() == ["calls", took, took] for line in told.splitlines())
        assert f"\nAll runs together: {took} calls, " in told
        assert max(map(len, told.splitlines()[:-2])) <= 80

    def test_what_they_share_is_paid_for_once(self, folder: Path) -> None:
        runs = [run.path for run in Replicates(folder)]
        assert sum(calls_of(path, "calls_answered") for path in runs) == 2 * (PEOPLE + 2)
        answered = [load_run(path).usage_answered for path in runs]
        assert [each["calls"] if each else 0 for each in answered] == [
            calls_of(path, "calls_answered") for path in runs
        ]
        told = [call("show", path).stdout for path in runs]
        assert ["of these answered from other records: " in each for each in told] == [
            each is not None for each in answered
        ]

    def test_damage_is_told_and_the_rest_is_shown(self, folder: Path, tmp_path: Path) -> None:
        copied = tmp_path / folder.name
        shutil.copytree(folder, copied)
        (copied / FORECAST).write_text('{"calls": 3}', encoding="utf-8")
        with pytest.raises(RecordError, match=r"forecast\.json"):
            _ = Replicates(copied).foretold
        shown = call("show", copied, status=2)
        assert "forecast.json" in shown.stderr
        assert "3 replicates of 5 people" in shown.stdout
        (copied / FORECAST).unlink()
        assert Replicates(copied).foretold == []
        usage = Replicates(copied)[0].path / USAGE
        usage.write_text(json.dumps({**read_json(usage), "calls_answered": []}), encoding="utf-8")
        assert "2 of 3 runs together: " in Replicates(copied).summary()

    def test_until_all_are_complete_nothing_stands_beside_it(self, folder: Path, tmp_path: Path) -> None:
        copied = tmp_path / folder.name
        shutil.copytree(folder, copied)
        (Replicates(copied)[1].path / USAGE).unlink()
        assert Replicates(copied).foretold == []
        told = call("resume", copied).stdout
        rows, whole = (by_figure(Replicates(each).foretold) for each in (copied, folder))
        assert rows["minutes"]["took"] is None, "one of them says how long it took the last time alone"
        assert {name: row["took"] for name, row in rows.items() if name != "minutes"} == {
            name: pytest.approx(row["took"]) for name, row in whole.items() if name != "minutes"
        }
        assert "Foretold and measured" in told


class TestGoneOnWith:
    """What is foretold of the rest, before anybody is asked whether to pay for it."""

    def lay_out(self, town: Path, tmp_path: Path, *options: str) -> list[Path]:
        """Return the run directories of replicates none of which has asked anything."""
        call("run", town, *options, "--output", tmp_path / "out", "--max-calls", "0", status=4)
        (folder,) = (tmp_path / "out").iterdir()
        return [run.path for run in Replicates(folder)]

    def foresee(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> Expense:
        """Return what somebody would be asked to agree to, who then does not."""
        told: list[Expense] = []

        def note(expense: Expense, consent: Consent) -> bool:
            told.append(expense)
            return False

        with monkeypatch.context() as patched:
            patched.setattr(rerunning, "is_confirmed", note)
            call("resume", path, "--max-calls", "999", status=1)
        return told[0]

    def test_looked_at_later_they_want_a_larger_limit(self, town: Path, tmp_path: Path) -> None:
        folder = self.lay_out(town, tmp_path, "--replicates", "2")[0].parent

        shown = call("show", folder).stdout

        assert shown.endswith(f"\nTo go on, with a larger limit:  program resume {folder}\n")

    def test_each_with_its_own_people(self, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [{"id": f"p{number}", "story": "She sells fish. " * number**2} for number in range(2 * PEOPLE)]
        (town.parent / "people.jsonl").write_text("\n".join(map(json.dumps, people)), encoding="utf-8")
        runs = self.lay_out(town, tmp_path, "--replicates", "3", "--resample")
        call("resume", runs[1], "--max-calls", "999")
        engines = [GameEngine.from_run(path) for path in (runs[0], runs[2])]
        together = forecast_together(engines, shares_opening=False)
        alone = [asked for engine in engines if (asked := engine.forecast().asked)]
        prompts = [each.tokens.prompt_tokens.low for each in alone]
        assert abs(prompts[0] - prompts[1]) > 0.02 * prompts[0], "else it would not matter whose people they are"
        assert together is not None
        assert together.asked is not None
        assert together.asked.tokens.prompt_tokens.low == pytest.approx(sum(prompts))
        assert together.asked.calls == sum((each.calls for each in alone), Span(0, 0))
        expense = self.foresee(runs[0].parent, monkeypatch)
        assert (expense.runs, expense.cost_usd, expense.is_rest) == (2, together.asked.cost_usd, False)

    def test_an_opening_that_others_asked_is_not_asked_again(
        self, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = self.lay_out(town, tmp_path, "--replicates", "3")
        folder, whole = runs[0].parent, self.foresee(runs[0].parent, monkeypatch)
        assert (whole.cost_usd, whole.is_rest) == (GameEngine.from_config(town).forecast(replicates=3).cost_usd, False)
        call("resume", runs[0], "--max-calls", "999")
        opening = read_json(runs[0] / USAGE)["calls_by_epoch"]["opening"]["cost_usd"]
        config = GameEngine.from_run(runs[1]).config
        for left in ([runs[1]], runs[1:]):
            assert measure_held(left, config) == Held(pytest.approx(opening), 0.0)
        call("resume", runs[1], "--max-calls", "3", status=4)
        paid = read_json(runs[1] / USAGE)["calls"]["cost_usd"] - opening
        assert paid > 0
        for left in ([runs[1]], runs[1:]):
            assert measure_held(left, config) == Held(pytest.approx(opening + paid), pytest.approx(paid))
        rest = self.foresee(folder, monkeypatch)
        forecast = forecast_together([GameEngine.from_run(path) for path in runs[1:]], shares_opening=True)
        assert forecast is not None
        assert forecast.cost_usd is not None
        assert rest.cost_usd is not None
        assert rest.is_rest
        assert rest.cost_usd.high == pytest.approx(forecast.cost_usd.high - opening - paid)


TOKENS = {"input_tokens": 10, "cache_write_tokens": 5, "cache_read_tokens": 3, "output_tokens": 2, "thinking_tokens": 0}


def measured(calls: int, cost_usd: float | None, answered: int = 0, **changes: Any) -> Row:
    """Return what a run tells of its calls, those among them that other records answered having cost half."""
    whole = {"calls": calls, "tokens": {**TOKENS, "input_tokens": 10 * calls}, "cost_usd": cost_usd}
    half = {"calls": answered, "tokens": TOKENS, "cost_usd": None if cost_usd is None else cost_usd / 2}
    times = {"started": "2026-11-23T20:00:00+00:00", "seconds": 30.0, "resumed": False}
    return Row("usage.json", {**times, "model_calls": calls, "calls": whole, "calls_answered": half, **changes})


class TestTaken:
    def test_what_was_paid_is_what_is_left_without_what_was_answered(self) -> None:
        assert take_paid(measured(4, 8.0, 1)) == {
            "calls": 3,
            "prompt_tokens": 30,
            "cache_read_tokens": 0,
            "output_tokens": 0,
            "cost_usd": 4.0,
        }
        assert take_paid(measured(4, 8.0))["cost_usd"] == 8.0, "no calls, no cost, whatever stands there"

    def test_what_is_not_known_of_one_is_not_known_of_all(self) -> None:
        together = add_taken([take_paid(measured(4, 8.0)), take_paid(measured(2, None, 1))])
        assert (together["calls"], together["cost_usd"], together["prompt_tokens"]) == (5, None, 58)

    def test_what_is_not_known_of_the_answered_is_not_known_of_the_rest(self) -> None:
        unknown = {"calls": 1, "tokens": TOKENS, "cost_usd": None}
        assert take_paid(measured(4, 8.0, calls_answered=unknown))["cost_usd"] is None

    def test_where_nothing_was_paid_nothing_is_told(self) -> None:
        assert list(describe_spent([measured(0, 0.0), None])) == []
        assert list(describe_spent([measured(2, None), None])) == [
            "1 of 2 runs together: 2 calls, 30 tokens, at a price that is not known."
        ]

    def test_time_is_from_the_first_to_the_last(self) -> None:
        later = measured(1, 1.0, started="2026-11-23T21:01:00+01:00", seconds=15.0)
        assert take_minutes_together([later, measured(1, 1.0)]) == pytest.approx(75 / 60)
        assert take_minutes_together([later, measured(1, 1.0, resumed=True)]) is None
        assert take_minutes_together([]) is None

    @pytest.mark.parametrize("started", ["yesterday", "", "2026-13-01T00:00:00+00:00"])
    def test_what_is_no_time_is_named(self, started: str) -> None:
        with pytest.raises(RecordError, match=r"usage\.json: started cannot be"):
            take_minutes_together([measured(1, 1.0, started=started)])


class TestAnswered:
    def test_by_a_cache_and_by_another_run(self, town: Path, tmp_path: Path) -> None:
        for _ in range(2):
            call("run", town, "--cache", tmp_path / "cache", "--output", tmp_path / "out")
        first, second = sorted((tmp_path / "out").iterdir())
        assert (calls_of(first, "calls_answered"), load_run(first).usage_answered) == (0, None)
        assert calls_of(second, "calls_answered") == calls_of(second) == calls_of(first)
        answered = load_run(second).usage_answered
        assert answered is not None
        assert answered["cost_usd"] == read_json(first / USAGE)["calls"]["cost_usd"]
        paid = f"{calls_of(first)} calls, {answered['cost_usd']:.4f} USD paid before"
        assert f"  of these answered from other records: {paid}" in call("show", second).stdout.splitlines()
        again = replay_run(first, base_dir=tmp_path / "again").path
        assert calls_of(again, "calls_answered") == calls_of(first)

    def test_what_the_run_itself_has_paid_for_is_its_own(self, town: Path, tmp_path: Path) -> None:
        call("run", town, "--output", tmp_path / "out", "--max-calls", "12", status=4)
        (path,) = (tmp_path / "out").iterdir()
        assert read_json(path / USAGE)["resumed"] is False
        told = call("resume", path, "--max-calls", "999").stdout
        assert read_json(path / USAGE)["resumed"] is True
        assert calls_of(path, "calls_answered") == 0
        assert "of these answered" not in told
        rows = by_figure(load_run(path).foretold)
        assert "Foretold and measured" in told
        assert rows["calls"]["low"] == rows["calls"]["took"], "calls are those of the whole run"
        for figure in ("prompt_tokens", "output_tokens", "cost_usd"):
            assert rows[figure]["low"] <= rows[figure]["took"] <= rows[figure]["high"], figure
        assert rows["minutes"]["took"] is None, "and time would be that of the last process"


class TestFromPython:
    @pytest.mark.parametrize(
        ("replicates", "resample", "is_kept"), [(1, False, True), (2, False, False), (1, True, False)]
    )
    def test_what_was_foretold_of_a_run_is_kept(
        self, town: Path, tmp_path: Path, replicates: int, resample: bool, is_kept: bool
    ) -> None:
        engine = GameEngine.from_config(town)
        engine.forecast(replicates=replicates, resample=resample)
        engine.initialize_simulation_output(tmp_path / "out")
        result = engine.run()
        assert bool(result.foretold) == is_kept

    def test_runs_that_are_not_alike_are_foretold_as_each_is(self, town: Path) -> None:
        config = Config.from_yaml(town).changed(post_probability=0.05)  # so few react to anything
        others = [{**each, "description": "By the water. " * 200} for each in config.candidates or ()]
        engines = [GameEngine.from_config(each) for each in (config, config.changed(candidates=others))]
        together = forecast_together(engines, shares_opening=False)
        alone = [asked.tokens.prompt_tokens.low for engine in engines if (asked := engine.forecast().asked)]
        assert together is not None
        assert together.asked is not None
        assert together.asked.tokens.prompt_tokens.low == pytest.approx(sum(alone), rel=0.01)
        assert together.calls == round(together.asked.calls.high) < together.acts

    def test_an_opening_that_is_shared_takes_of_the_account_once(self, town: Path) -> None:
        elsewhere = "http://127.0.0.1:9/v1"  # an account keeps its limits, and that of the server has none
        config = Config.from_yaml(town).changed(requests_per_minute=10, base_url=elsewhere)
        engines = [GameEngine.from_config(config) for _ in range(3)]
        whole, shared = (forecast_together(engines, shares_opening=shares) for shares in (False, True))
        assert whole is not None
        assert shared is not None
        assert whole.minutes is not None
        assert shared.minutes is not None
        assert shared.minutes.high / whole.minutes.high == pytest.approx((shared.calls or 0) / (whole.calls or 1), 0.02)

    def test_where_nobody_is_asked_no_plan_is_drawn_up(self) -> None:
        offline = GameEngine.from_config(Config.bundled(population_size=2, num_epochs=1))
        assert forecast_together([offline, offline], shares_opening=True) is None

    def test_where_nothing_was_foretold_nothing_is(self, town: Path, tmp_path: Path) -> None:
        engine = GameEngine.from_config(town)
        engine.initialize_simulation_output(tmp_path / "out")
        assert engine.run().foretold == []
