"""What somebody else may write into `inputs.json` and `plan.json`: nothing of it is run, or leads elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.errors import RecordError
from synthetic_communities.rerunning import resume_run, verify_run
from synthetic_communities.runs.directory import INPUTS, PLAN, USAGE
from synthetic_communities.runs.plan import read_plan, write_plan
from synthetic_communities.simulation.kept.inputs import load_inputs
from tests.small_communities import make_config, make_engine
from tests.test_rerunning import edit_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was broken off, as it seems."""
    engine = make_engine(make_config(3), None)
    engine.initialize_simulation_output(tmp_path)
    path = engine.run().path
    (path / USAGE).unlink()
    return path


def put(path: Path, **settings: Any) -> None:
    edit_json(path / INPUTS, lambda value: value["settings"].update(settings))


def test_a_command_in_it_is_not_run(run: Path, tmp_path: Path) -> None:
    put(run, api_key_command=f"touch {tmp_path / 'made'}")
    resume_run(run)
    assert load_inputs(run).config.api_key_command is None
    assert not (tmp_path / "made").exists()


def test_no_file_that_it_names_is_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("what nobody is to know", encoding="utf-8")
    put(run, world_story=None, world_file=str(tmp_path / "secret"))
    assert load_inputs(run).config.load_world_story() == ""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_epochs": "3"}, "num_epochs: '3' is text, no number"),
        ({"world_story": ["a"]}, "world_story: .* is no text"),
        ({"candidates": {"a": 1}}, "candidates: .* is of the wrong kind"),
        ({"candidates": [5]}, r"candidates\[0\]: 5 is no mapping"),
        ({"x" * 100_000: 1}, "settings this package does not know: .{9,200}$"),
        ({f"x{number}": 1 for number in range(9_000)}, "settings this package does not know: .{9,200}$"),
    ],
    ids=["a number", "a world", "candidates", "a candidate", "a long name", "many names"],
)
def test_settings_that_are_none_are_told_with_their_file(run: Path, settings: dict[str, Any], told: str) -> None:
    put(run, **settings)
    for make_again in (resume_run, verify_run):
        with pytest.raises(RecordError, match=rf"^{run / INPUTS}.*{told}"):
            make_again(run)


def test_settings_that_are_gone_are_named(run: Path) -> None:
    edit_json(run / INPUTS, lambda value: value["settings"].pop("random_seed"))
    with pytest.raises(RecordError, match=r"damaged: its settings lack random_seed$"):
        verify_run(run)


@pytest.mark.parametrize("version", [True, 1.0, "9" * 9_000], ids=["a flag", "a number", "a text"])
def test_a_version_that_is_none_is_told_in_short(run: Path, version: Any) -> None:
    edit_json(run / INPUTS, lambda value: value.update(format_version=version))
    with pytest.raises(RecordError, match=r"is of format version .{1,100}; this package reads version 1$"):
        verify_run(run)


def test_what_it_says_was_not_kept_is_told_in_short(run: Path) -> None:
    edit_json(run / INPUTS, lambda value: value.update(not_kept=["z" * 9_000] * 9_000))
    with pytest.raises(RecordError, match=r"z; and 8995 more\. It cannot be replayed") as refused:
        verify_run(run)
    assert len(str(refused.value)) < 4_000


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "\x1b[31m", "a" * 256, "..", "/etc", "a/b", ""])
def test_what_can_be_no_directory_in_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    write_plan(tmp_path, [(0, tmp_path / "run")], shares_opening=True)
    edit_json(tmp_path / PLAN, lambda value: value["runs"][0].update(run=name))
    with pytest.raises(RecordError, match=r"run cannot be '.{0,90}: that is no name of a directory in the folder$"):
        read_plan(tmp_path)


@pytest.mark.parametrize("again", [(0, "other"), (1, "run")])
def test_no_run_stands_for_two_replicates(again: tuple[int, str], tmp_path: Path) -> None:
    write_plan(tmp_path, [(0, tmp_path / "run")], shares_opening=True)
    row = {"replicate": again[0], "run": again[1]}
    edit_json(tmp_path / PLAN, lambda value: value["runs"].append(row))
    with pytest.raises(RecordError, match=r"names a run or a replicate twice; take it from a copy$"):
        read_plan(tmp_path)
