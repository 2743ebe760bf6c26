"""Run directories with damage in them: tables, or a clear error that names the place; never anything else."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities import load_run
from synthetic_communities.errors import RecordError
from synthetic_communities.report.numbers.figures import build_json, findings_as_json
from synthetic_communities.report.record import Record
from synthetic_communities.report.terminal.tables import MAX_LINES
from tests.written_runs import NOOR, make_ballot, make_belief, make_epoch, make_metadata, write_run, write_usage

FAILURE = {"task": "e0/post/c", "step": "post", "status": "failed", "reason": "timeout", "raw_text": None}
ACTS = {"post": {"statuses": {"done": 2, "failed": 1}, "seconds": 0.1}}
LINES: dict[str, list[dict[str, Any]]] = {
    "beliefs": [
        *(make_belief(who, "opening", None, 0.25) for who in "abc"),
        make_belief("a", "debate", 0.25, -0.5),
        make_belief("b", "chat", 0.25, 0.5, clamped=True),
    ],
    "ballots": [make_ballot("a"), make_ballot("b", None), make_ballot("c", "berg")],
    "epochs": [make_epoch(0, failures=[FAILURE], population_votes=[{"id": "a", "overall_vote": NOOR}])],
}


def write(directory: Path, metadata: Any = None, usage: Any = None, **lines: Any) -> Path:
    """Write a whole run with some of its files replaced."""
    path = write_run(directory / "run", metadata, **{**LINES, **lines})
    write_usage(path, **(usage or {"acts": ACTS}))
    return path


def read(path: Path) -> Record:
    return load_run(path).record


def test_the_run_is_whole_without_damage(tmp_path: Path) -> None:
    text = load_run(write(tmp_path)).summary()

    assert "Vote (offline mind)" in text
    assert "(a) moved most: Rents +0.25 to -0.50;" in text
    assert "  posts: 1 failed (timeout)" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidates": [{"id": "noor"}]}, r"metadata\.json: something lacks its name"),
        ({"topics": ["rents"]}, "topics holds something that is no mapping"),
        ({"config": {"num_epochs": "two"}}, "num_epochs cannot be 'two'"),
        ({"config": {"num_epochs": True}}, "num_epochs cannot be True"),
        ({"provenance": {}}, "something lacks its mind"),
    ],
)
def test_damaged_metadata_is_named(tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read(write(tmp_path, make_metadata(**changes)))


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        ("beliefs", {**make_belief("a", "chat", None, 0.5), "after": "far"}, r"beliefs\.jsonl:1: after cannot be 'far"),
        ("beliefs", make_belief("a", "chat", None, 1.5), r"beliefs\.jsonl:1: after cannot be 1\.5, as stances lie in"),
        ("beliefs", make_belief("a", "chat", -1e308, 0.5), r"beliefs\.jsonl:1: before cannot be -1e\+308, as"),
        ("beliefs", make_belief("z", "chat", None, 0.5), "persona_id names nothing of this run, 'z'"),
        ("ballots", make_ballot("z"), "'z' has two ballots, or is nobody"),
        ("ballots", {**make_ballot("a"), "candidate_id": "nobody"}, "cannot be: choice, 'nobody'"),
        ("ballots", make_ballot("a", None, status="choice"), "the ballot of 'a' cannot be: choice, None"),
        ("ballots", make_ballot("a", None, status="lost"), "status cannot be 'lost'"),
        ("epochs", make_epoch(0, failures=[{}]), r"epochs\.jsonl:1: something lacks its step"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, file: str, row: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read(write(tmp_path, **{file: [row]}))


def test_two_ballots_of_one_person_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"ballots\.jsonl:2: 'a' has two ballots"):
        read(write(tmp_path, ballots=[make_ballot("a"), make_ballot("a")]))


def test_records_of_early_runs_lack_what_was_not_recorded_then(tmp_path: Path) -> None:
    metadata = make_metadata()
    del metadata["provenance"]["candidate_mind_because"], metadata["topics"][0]["for"], metadata["config"]["name"]
    record = read(write(tmp_path, metadata))

    assert (record.candidate_mind_because, record.in_favour, record.name) == ("", {}, None)


@given(st.randoms(use_true_random=False), st.booleans())
def test_any_damage_gives_tables_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, skip_damaged: bool
) -> None:
    files: dict[str, Any] = copy.deepcopy({"metadata": make_metadata(), "usage": {"acts": ACTS}, **LINES})
    holders = list(find_holders(files))
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(holders)
        holder[key] = chance.choice([None, "x", 3, -0.5, 1e308, True, [], {}, [3], {"x": "y"}])
    usable = {name: content for name, content in files.items() if name not in LINES or isinstance(content, list)}
    usable = {name: content for name, content in usable.items() if name != "usage" or isinstance(content, dict)}
    path = write(tmp_path_factory.mktemp("damaged"), **usable)
    try:
        result = load_run(path, skip_damaged=skip_damaged)
        text, line = result.summary(), str(result)
    except RecordError:
        return
    assert len(text.splitlines()) <= MAX_LINES
    assert "\n" not in line
    assert findings_as_json(build_json(result.record))


def find_holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a value with every key or place of it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from find_holders(item)
