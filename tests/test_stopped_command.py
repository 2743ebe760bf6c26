"""A run that is stopped on the command line: its options, what is said, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.cli.durations import read_duration
from synthetic_communities.cli.main import program
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import MODELS, set_keys
from tests.small_communities import read_record

TOWN: dict[str, Any] = {
    "population_size": 6,
    "questions_per_topic": 1,
    "turns_per_question": 1,
    "num_epochs": 1,
    "random_seed": 7,
    "population_file": "people.jsonl",
    "topics": [{"id": "t0", "title": "Rents", "description": "Cap rents."}],
    "candidates": [{"id": "c0", "name": "Aisha Noor", "description": "Calm."}],
    "model": MODELS["openai"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> Path:
    """A configuration whose model is on the server."""
    set_keys(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return write_town(tmp_path, base_url=f"{server.url}/v1")


def write_town(folder: Path, **changes: Any) -> Path:
    people = "".join(f'{{"id": "p{number}"}}\n' for number in range(30))
    (folder / "people.jsonl").write_text(people, encoding="utf-8")
    config = folder / "town.yaml"
    config.write_text(yaml.safe_dump({**TOWN, **changes}), encoding="utf-8")
    return config


def call(*arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80"})
    result = runner.invoke(program, arguments, prog_name="sc", catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def find_run(folder: Path) -> Path:
    (run,) = (folder / "data" / "simulation").iterdir()
    return run.relative_to(folder)


@pytest.mark.parametrize(
    ("option", "value", "reached", "placeholder"),
    [
        ("--max-calls", "5", "the budget of 5 calls was reached", "N"),
        ("--max-tokens", "0", "the budget of 0 tokens was reached after 0 calls", "N"),
        ("--max-cost-usd", "0", "the budget of 0.00 USD was reached after 0 calls", "USD"),
        ("--deadline", "0s", "the deadline of 0 s was reached after 0 calls", "TIME"),
    ],
)
def test_a_run_that_is_stopped_says_why_and_how_to_go_on(
    town: Path, option: str, value: str, reached: str, placeholder: str
) -> None:
    result = call("run", "town.yaml", option, value)
    assert result.exit_code == 4
    path = find_run(town.parent)
    usage = json.loads((path / "usage.json").read_text(encoding="utf-8"))
    lines = result.stderr.splitlines()
    assert lines[-5:-2] == [
        f"Stopped: {usage['stopped']}.",
        f"What is recorded stands in {path}",
        "Partial (stopped): 0 of 1 epoch ended, no ballot was held.",
    ]
    assert usage["stopped"].startswith(f"{reached}; ")
    assert usage["stopped"].endswith(" acts are left undone")
    assert lines[-1] == f"To go on:  sc resume {path} {option} {placeholder}"

    shown = call("show", str(path))
    assert "Partial (stopped): 0 of 1 epoch ended, no ballot was held." in shown.stdout
    assert shown.stdout.endswith(f"\nTo go on, with a larger limit:  sc resume {path}\n")


def test_too_many_failures_stop_a_run(town: Path, server: LoopbackServer, tmp_path: Path) -> None:
    with LoopbackServer(faults={"refuse": 1.0}, fault_times=0) as bad:
        write_town(tmp_path, base_url=f"{bad.url}/v1", population_size=30)
        result = call("run", "town.yaml")
    assert result.exit_code == 4
    assert " acts came to nothing (refused " in result.stderr.replace("\n", " ")
    path = find_run(tmp_path)
    assert result.stderr.splitlines()[-1] == f"To go on:  sc resume {path} --max-failures SHARE"


def test_a_run_whose_settings_are_wrong_says_so_and_keeps_why(town: Path, server: LoopbackServer) -> None:
    write_town(town.parent, base_url=server.url)
    result = call("run", "town.yaml")
    path = find_run(town.parent)
    why = f"{MODELS['openai']}: not found at {server.url} (HTTP 404"
    remedy = "check the model's name and base_url, which usually ends in /v1 for servers of this kind"
    assert result.exit_code == 1
    assert f"Error: the run failed: {why}" in result.stderr
    assert remedy in result.stderr
    assert result.stderr.splitlines()[-1] == "Correct the configuration and begin another run."

    shown = call("show", str(path)).stdout
    assert f"no ballot was held. because {why}" in " ".join(shown.split())
    assert f"{remedy} " in " ".join(shown.split())
    assert "nothing failed" not in shown
    assert shown.endswith("\nCorrect the configuration and begin another run.\n")
    assert "Without an answer: no acts" in (failures := call("show", str(path), "--failures").stdout)
    assert f"The run itself ended before its end: {why}" in " ".join(failures.split())
    usage = json.loads((path / "usage.json").read_text(encoding="utf-8"))
    assert (usage["failed"].startswith(why), usage["wants_correction"]) == (True, True)


def test_replicates_whose_settings_are_wrong_are_not_gone_on_with(town: Path, server: LoopbackServer) -> None:
    write_town(town.parent, base_url=server.url)
    result = call("run", "town.yaml", "--replicates", "2")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Correct the configuration and begin another run.")


def test_replicates_each_have_the_budget(town: Path) -> None:
    result = call("run", "town.yaml", "--replicates", "2", "--max-calls", "5")
    assert result.exit_code == 4
    assert "Stopped: the budget of 5 calls was reached; " in result.stderr
    folder = find_run(town.parent)
    assert result.stderr.splitlines()[-5:] == [
        "That limit is one of each run, not of all of them together.",
        f"What is recorded stands in {folder}",
        "0 of 2 runs complete.",
        f"To see it: sc show {folder}",
        f"To go on:  sc resume {folder} --max-calls N",
    ]
    usages = sorted(town.parent.glob("data/simulation/*/run_*/usage.json"))
    told = [json.loads(path.read_text(encoding="utf-8")) for path in usages]
    spent = [usage["model_calls"] - usage["journal"]["answered"] for usage in told]
    assert ([usage["status"] for usage in told], spent) == (["stopped", "stopped"], [5, 5])


def test_check_says_that_a_price_is_missing(town: Path) -> None:
    write_town(town.parent, model="ollama:mine", max_cost_usd=1)
    result = call("check", "town.yaml")
    assert result.exit_code == 2
    assert "max_cost_usd (line 5): what ollama:mine costs is not known; state it under prices," in result.stderr


def test_run_says_so_too_before_anything_is_asked(town: Path) -> None:
    result = call("run", "town.yaml", "--model", "ollama:mine", "--max-cost-usd", "1")
    assert result.exit_code == 2
    assert "Error: --max-cost-usd: what ollama:mine costs is not known; state it under prices," in result.stderr
    assert not (town.parent / "data").exists()


def test_an_option_out_of_range_is_named_as_it_was_typed(town: Path) -> None:
    result = call("run", "town.yaml", "--max-failures", "20", "--max-calls", "-1")
    assert result.exit_code == 2
    assert "Error: --max-failures: 20.0 is out of range; for 20 % write 0.2" in result.stderr
    assert "Error: --max-calls: -1 is out of range; write a whole number, 0 or more" in result.stderr


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("90m", 5400), ("2h30m", 9000), ("45s", 45), ("3600", 3600), ("1.5h", 5400), ("1h1s", 3601), ("5m5", 305)],
    )
    def test_it_is_read(self, text: str, seconds: float) -> None:
        assert read_duration(text) == seconds

    @pytest.mark.parametrize(
        "text", ["", "h", "m30", "30m2h", "-5", "1e3", "2 days", "\N{FULLWIDTH DIGIT ONE}s", "inf"]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(click.BadParameter, match="write it like 90m, 2h30m, 45s, or in seconds"):
            read_duration(text)


def calls_of(server: LoopbackServer) -> int:
    return int(server.stats()["calls"])


@pytest.mark.parametrize(
    ("option", "value", "more"),
    [
        ("--max-calls", "25", "2500"),
        ("--max-tokens", "30000", "3000000"),
        ("--max-cost-usd", "0.01", "10"),
        ("--deadline", "0.05s", "2h"),
        ("--max-failures", "0.0001", "1"),
    ],
)
def test_a_run_that_was_stopped_goes_on_with_more(
    town: Path, server: LoopbackServer, option: str, value: str, more: str
) -> None:
    server.reset()
    assert call("run", "town.yaml", "--output", "undisturbed").exit_code == 0
    (undisturbed,), whole = Path("undisturbed").iterdir(), calls_of(server)
    server.reset()
    result = call("run", "town.yaml", option, value)
    assert result.exit_code == (0 if option == "--max-failures" else 4), "nothing fails here"
    path, begun = find_run(town.parent), calls_of(server)
    if option not in ("--deadline", "--max-failures"):
        assert 0 < begun < whole
        again = call("resume", str(path))
        assert (again.exit_code, calls_of(server)) == (4, begun), "what was spent before counts"
    assert call("resume", str(path), option, more).exit_code == 0
    assert calls_of(server) == whole, "nothing is paid for twice"
    assert read_record(path) == read_record(undisturbed)


def test_what_asks_nobody_is_not_stopped_by_limits_of_then(town: Path) -> None:
    assert call("run", "town.yaml", "--max-calls", "25", "--deadline", "1h").exit_code == 4
    path = find_run(town.parent)
    verified = call("verify", str(path))
    assert (verified.exit_code, verified.stdout) == (
        0,
        f"{path}: identical, as far as its epochs had ended; made again with 25 calls answered from its journal.\n",
    )
    assert call("resume", str(path), "--max-calls", "2500", "--deadline", "0.000001s").exit_code == 4
    assert call("resume", str(path), "--max-calls", "2500").exit_code == 0
    assert call("verify", str(path)).exit_code == 0
    assert call("replay", str(path), "--output", "again").exit_code == 0


@pytest.mark.parametrize(("choice", "is_cached"), [("auto", True), ("none", False)])
def test_a_run_may_do_without_the_cache_of_its_provider(town: Path, choice: str, is_cached: bool) -> None:
    with LoopbackServer(cache=True) as server:
        changes = {"model": MODELS["anthropic"], "base_url": server.url, "world_story": "Norrhaven. " * 400}
        write_town(town.parent, **changes)
        done = call("run", "town.yaml", "--prompt-cache", choice)
    assert done.exit_code == 0, done.output
    measured = json.loads((find_run(town.parent) / "usage.json").read_text(encoding="utf-8"))
    assert bool(measured["calls"]["tokens"]["cache_read_tokens"]) == is_cached
