"""Runs that say they are complete and lack something, and runs that were killed while they wrote."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from synthetic_communities import GameEngine, load_run
from synthetic_communities.cli.main import program
from synthetic_communities.config import Config
from synthetic_communities.errors import RecordError

PEOPLE = 5


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of two epochs."""
    engine = GameEngine.from_config(Config.bundled(population_size=PEOPLE, num_epochs=2, random_seed=5))
    engine.initialize_simulation_output(tmp_path_factory.mktemp("whole"))
    return engine.run().path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def lines_of(run: Path, name: str) -> list[bytes]:
    return (run / f"{name}.jsonl").read_bytes().splitlines(keepends=True)


def put(run: Path, name: str, lines: list[bytes]) -> None:
    (run / f"{name}.jsonl").write_bytes(b"".join(lines))


def remove(name: str) -> Callable[[Path], None]:
    return lambda run: (run / f"{name}.jsonl").unlink()


def cut(name: str, kept: int) -> Callable[[Path], None]:
    return lambda run: put(run, name, lines_of(run, name)[:kept])


def drop_first(name: str) -> Callable[[Path], None]:
    return lambda run: put(run, name, lines_of(run, name)[1:])


def double(name: str) -> Callable[[Path], None]:
    return lambda run: put(run, name, 2 * lines_of(run, name))


# 5 people, 2 topics, 2 epochs: 10 openings; debate and feed 10 an epoch each, chat 8 an epoch, as one is alone.
LINES = 10 + 2 * (10 + 8 + 10)

LACKING = {
    "no beliefs": (remove("beliefs"), rf"beliefs\.jsonl: it has 0 of the {LINES} lines of a run that says"),
    "no ballots": (remove("ballots"), r"ballots\.jsonl: it has 0 of the 5 ballots of a run that says it is complete"),
    "no epochs": (remove("epochs"), r"epochs\.jsonl: it has 0 of the 2 epochs of a run that says it is complete"),
    "beliefs cut": (cut("beliefs", 20), rf"beliefs\.jsonl: it has 20 of the {LINES} lines of a run that says"),
    "an epoch cut": (cut("epochs", 1), r"epochs\.jsonl: it has 1 of the 2 epochs of a run that says it is complete"),
    "a ballot less": (drop_first("ballots"), r"ballots\.jsonl: it has 4 of the 5 ballots of a run that says"),
    "a belief less": (drop_first("beliefs"), rf"beliefs\.jsonl: it has {LINES - 1} of the {LINES} lines of a run"),
    "beliefs twice": (double("beliefs"), rf"beliefs\.jsonl: it has {LINES} lines on a step that another line is on"),
}


def test_a_complete_run_lacks_nothing(whole: Path) -> None:
    assert len(lines_of(whole, "beliefs")) == LINES
    result = load_run(whole, skip_damaged=True)
    assert result.record.damages == ()
    assert result.damages == ()


@pytest.mark.parametrize(("damage", "message"), LACKING.values(), ids=LACKING)
def test_what_a_complete_run_lacks_is_told(damage: Callable[[Path], None], message: str, run: Path) -> None:
    damage(run)
    with pytest.raises(RecordError, match=message):
        _ = load_run(run).record
    shown = CliRunner().invoke(program, ["show", str(run)])
    assert shown.exit_code == 2
    assert "What is shown is what could be read." in shown.stderr
    assert "Damaged: 1 place" in shown.stdout


def test_lines_that_stand_there_twice_count_once(whole: Path, run: Path) -> None:
    double("beliefs")(run)
    assert load_run(run, skip_damaged=True).record.moves == load_run(whole).record.moves


def test_a_damaged_line_is_told_once_and_not_as_lacking_too(run: Path) -> None:
    lines = lines_of(run, "beliefs")
    put(run, "beliefs", [*lines[:3], b"{\n", *lines[4:]])
    result = load_run(run, skip_damaged=True)
    assert len(result.record.damages) == 1
    assert result.record.damages[0].startswith(f"{run / 'beliefs.jsonl'}:4 is damaged")


def kill(run: Path) -> None:
    """Leave the run as it is when it is killed while it writes the last epoch, whose own line comes last."""
    for name in ("usage.json", "ballots.jsonl", "final_vote.json"):
        (run / name).unlink()
    put(run, "epochs", lines_of(run, "epochs")[:-1])


def test_lines_of_an_epoch_that_was_being_written_are_passed_over(run: Path) -> None:
    kill(run)
    result = load_run(run)
    assert (result.is_complete, len(result.epochs)) == (False, 1)
    for rows in (result.beliefs, result.conversations, result.reactions, result.exposures):
        assert {row["epoch"] for row in rows} <= {0}
    assert {row["epoch"] for row in result.beliefs} == {0}
    assert {move.epoch for move in result.record.moves} == {0}
    ended = result.epochs[0]["stances"]
    assert {row["persona_id"]: row["rents.after"] for row in result.people} == {
        who: stances["rents"] for who, stances in ended.items()
    }
    assert "Epoch 1" not in str(result.story(result.people[0]["persona_id"]))


def test_of_a_run_that_has_only_begun_no_beliefs_are_told(run: Path) -> None:
    kill(run)
    (run / "epochs.jsonl").unlink()
    assert load_run(run).beliefs == []


def test_a_first_choice_that_nobody_is_called_is_damage(run: Path) -> None:
    lines = lines_of(run, "beliefs")
    put(run, "beliefs", [lines[0].replace(b"Aisha Noor", b"Nobody"), *lines[1:]])
    if lines[0] != lines_of(run, "beliefs")[0]:
        with pytest.raises(RecordError, match=r"beliefs\.jsonl:1: first_choice names nothing of this run, 'Nobody'"):
            _ = load_run(run).record
