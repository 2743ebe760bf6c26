"""One seed, one record: whatever is done at once, in whatever order it ends, and whatever fails."""

from __future__ import annotations

import hashlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.minds import views
from synthetic_communities.minds.views import View
from synthetic_communities.runs.directory import FINAL_VOTE, LINES, METADATA
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from tests.small_communities import draw_delay, make_config, make_engine, read_record, run_community

PEOPLE = 7
CHANGES: dict[str, Any] = {
    "num_epochs": 3,
    "post_probability": 0.6,
    "reaction_probability": 0.5,
    "num_rounds_variance": 1,
    "feed_size": 4,
}


def fail_some(view: View) -> Reply:
    """Fail about every eighth act, as the task's key says."""
    draw = random.Random(f"fate of {view.key}")
    if draw.random() > 0.125:
        return None
    return draw.choice([Failed("connection", "at 12:00"), Refused("no"), Unreadable("???"), OSError("at 12:00")])


SCRIPTS = {"all goes well": None, "some acts fail": fail_some}


@pytest.fixture(scope="module", params=SCRIPTS)
def script(request: pytest.FixtureRequest) -> Any:
    """What goes wrong, drawn by the key of the task."""
    return SCRIPTS[request.param]


@pytest.fixture(scope="module")
def one_by_one(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The record of a run in which one act follows another."""
    result = run_community(
        tmp_path_factory.mktemp("reference"), ScriptedMind(script), PEOPLE, max_concurrent=1, **CHANGES
    )
    assert bool(result.failures) == bool(script)
    return read_record(result.path)


@pytest.mark.parametrize("delays", range(4))
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_the_record_is_the_same_for_every_limit_and_every_order_of_completion(
    limit: int, delays: int, script: Any, one_by_one: Mapping[str, str], tmp_path: Path
) -> None:
    mind = ScriptedMind(script, delay_seconds=draw_delay(delays))
    result = run_community(tmp_path, mind, PEOPLE, max_concurrent=limit, **CHANGES)

    record = read_record(result.path)
    assert record.keys() == one_by_one.keys() == {*LINES, FINAL_VOTE, METADATA}
    for name, text in one_by_one.items():
        assert record[name] == text, name


def test_acts_that_end_in_a_very_unequal_order_leave_no_trace(
    one_by_one: Mapping[str, str], script: Any, tmp_path: Path
) -> None:
    """Who is slow in one run is quick in the other: updates of one epoch end long after the next has begun."""

    def slow_updates(view: View) -> float:
        return 500.0 if isinstance(view, views.SocialUpdateView) and view.person.id < "p3" else 0.5

    mind = ScriptedMind(script, delay_seconds=slow_updates)
    result = run_community(tmp_path, mind, PEOPLE, max_concurrent=100, **CHANGES)
    assert read_record(result.path) == one_by_one


@pytest.mark.parametrize("slow", range(PEOPLE))
def test_an_epoch_that_ends_late_holds_nothing_of_the_next(slow: int, tmp_path: Path) -> None:
    """One person's last update of epoch 0 outlasts debates, talks and posts of the others in epoch 1."""
    changes = {**CHANGES, "post_probability": 0.25}
    mind = ScriptedMind(delay_seconds=lambda view: 500.0 if view.key == f"e0/belief/social/p{slow}" else 1.0)
    late = read_record(run_community(tmp_path, mind, PEOPLE, max_concurrent=100, **changes).path)
    assert late == read_record(run_community(tmp_path, ScriptedMind(), PEOPLE, max_concurrent=1, **changes).path)


def test_timeouts_by_key_leave_the_same_record(tmp_path: Path) -> None:
    def delay(view: View) -> float:
        return 60.0 if random.Random(view.key).random() < 0.1 else 1.0

    records = [
        read_record(
            run_community(
                tmp_path,
                ScriptedMind(delay_seconds=delay),
                PEOPLE,
                max_concurrent=limit,
                call_timeout_seconds=timeout,
                **CHANGES,
            ).path
        )
        for limit, timeout in ((1, 10.0), (7, 20.0), (100, 59.0))
    ]
    assert '"timeout"' in records[0]["epochs.jsonl"]
    assert records[0] == records[1] == records[2]


def test_the_scenario_s_name_is_told_to_no_mind_and_stands_in_the_settings_alone(tmp_path: Path) -> None:
    minds = {name: ScriptedMind() for name in ("Norrhaven", None)}
    paths = {name: run_community(tmp_path, mind, name=name).path for name, mind in minds.items()}
    assert minds["Norrhaven"].asked == minds[None].asked
    assert "Norrhaven" not in repr(minds["Norrhaven"].asked)
    named, unnamed = (read_record(paths[name]) for name in minds)
    assert named[METADATA].count('"name": "Norrhaven"') == 2, "among the settings, and among those in effect"
    assert {**named, METADATA: named[METADATA].replace('"name": "Norrhaven"', '"name": null')} == unnamed


def test_another_seed_gives_another_record(tmp_path: Path) -> None:
    records = [
        read_record(run_community(tmp_path, None, PEOPLE, random_seed=seed, **CHANGES).path) for seed in (7, 7, 8)
    ]
    assert records[0] == records[1]
    for name in ("epochs.jsonl", "conversations.jsonl", "reactions.jsonl", "exposures.jsonl", "beliefs.jsonl"):
        assert records[0][name] != records[2][name], name


def test_an_engine_that_ran_in_another_loop_before_gives_the_same_record(tmp_path: Path) -> None:
    config = make_config(PEOPLE, **CHANGES)
    engine = make_engine(config)
    engine.initialize_simulation_output(tmp_path)
    synchronous = engine.run()
    assert read_record(synchronous.path) == read_record(run_community(tmp_path, None, PEOPLE, **CHANGES).path)


IN_A_PROCESS = """
import sys
from pathlib import Path
from tests.small_communities import read_record, run_community
from tests.test_determinism import CHANGES, PEOPLE, digest
print(digest(read_record(run_community(Path(sys.argv[1]), None, PEOPLE, **CHANGES).path)))
"""


def digest(record: Mapping[str, str]) -> str:
    """Return a short name for a record."""
    return hashlib.sha256("\x00".join(f"{name}\x00{record[name]}" for name in sorted(record)).encode()).hexdigest()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_record_does_not_depend_on_the_process(hash_seed: str, tmp_path: Path) -> None:
    """Sets and hashes are in another order in another process; nothing may follow them."""
    here = digest(read_record(run_community(tmp_path, None, PEOPLE, **CHANGES).path))
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == here


# Acts overlap.


async def time_run(directory: Path, mind: ScriptedMind, **changes: Any) -> float:
    """Run a community and return how long it took, in virtual seconds."""
    engine = make_engine(make_config(**changes), mind)
    engine.initialize_simulation_output(directory)
    await engine.run_async()
    return virtual_seconds()


def test_what_can_be_done_at_once_is_done_at_once(tmp_path: Path) -> None:
    one_by_one, side_by_side = ScriptedMind(delay_seconds=2.0), ScriptedMind(delay_seconds=2.0)
    in_sum = run_in_virtual_time(time_run(tmp_path, one_by_one, people=20, max_concurrent=1))
    at_once = run_in_virtual_time(time_run(tmp_path, side_by_side, people=20, max_concurrent=100))

    assert sorted(one_by_one.asked_keys) == sorted(side_by_side.asked_keys)
    assert in_sum == pytest.approx(2.0 * len(one_by_one.asked))
    # By hand, in acts of 2 s: in each of 2 epochs 2 debates of 2 words of the mediator and 4 statements, an update,
    # 4 turns, an update, a post and a reaction; between them a reading, at the end an update and the ballot. Openings
    # overlap the first question, reflections the next one, the last updates of an epoch the debates of the next.
    longest_path = 2 * (2 * (2 + 4) + 1 + 4 + 1 + 1 + 1) + 1 + 2
    assert at_once == pytest.approx(2.0 * longest_path)


def test_the_next_debate_begins_while_slow_updates_of_the_last_epoch_go_on(tmp_path: Path) -> None:
    spans: dict[str, tuple[float, float]] = {}

    class Timing(ScriptedMind):
        async def answer(self, view: View) -> Any:
            began = virtual_seconds()
            answer = await super().answer(view)
            spans[view.key] = (began, virtual_seconds())
            return answer

    slow = Timing(delay_seconds=lambda view: 1000.0 if view.key == "e0/belief/social/p1" else 1.0)
    run_community(tmp_path, slow, max_concurrent=100)

    slow_end = spans["e0/belief/social/p1"][1]
    assert spans["e1/debate/t0/q0/question"][0] < slow_end
    assert spans["e1/debate/t1/q0/t1/c1"][1] < slow_end
    assert spans["e1/belief/debate/p0"][1] < slow_end
    assert spans["e1/belief/debate/p1"][0] == slow_end


def test_the_ballot_of_one_is_cast_while_another_still_updates(tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=lambda view: 1000.0 if view.key == "e1/belief/social/p1" else 1.0)
    run_community(tmp_path, mind, max_concurrent=100)
    assert mind.asked_keys[-1] == "ballot/p1"


# The record holds nothing that was measured.

MEASURED = {
    "a time of day": r"\d\d:\d\d:\d\d",
    "a date": r"20\d\d-\d\d-\d\d|20\d{6}_\d{6}",
    "an absolute path": r'"(/|[A-Za-z]:\\)[^"]',
    "an object's address": r"0x[0-9a-fA-F]{6,}",
    "what was measured": r'"[^"]*(seconds|duration|elapsed|attempts?|tokens|usd|cost|latency|pid|in_flight)[^"]*":',
    "a number of more than six places": r"\d\.\d{7}",
}


def test_the_record_holds_nothing_measured(one_by_one: Mapping[str, str]) -> None:
    for name, text in one_by_one.items():
        for what, pattern in MEASURED.items():
            found = re.search(pattern, text)
            assert not found, f"{name} holds {what}: {found[0] if found else ''}"
        assert os.getcwd() not in text
        assert str(os.getpid()) not in re.findall(r"\d+", text), name


def test_files_named_by_the_settings_stand_in_the_record_without_their_folders(tmp_path: Path) -> None:
    world = tmp_path / "world.md"
    world.write_text("A town.", encoding="utf-8")
    result = run_community(
        tmp_path, None, 2, population_file=str(tmp_path / "people.jsonl"), world_file=str(world), world_story=None
    )
    record = read_record(result.path)
    assert str(tmp_path) not in "".join(record.values())
    assert '"world.md"' in record[METADATA]


def test_an_answer_of_no_known_kind_leaves_no_address_in_the_record(tmp_path: Path) -> None:
    class Puzzle:
        pass

    class PuzzlingMind:
        name = source = "puzzling"

        async def answer(self, view: View) -> Any:
            return Puzzle()

    record = read_record(run_community(tmp_path, PuzzlingMind(), num_epochs=1).path)
    assert not re.search(MEASURED["an object's address"], "".join(record.values()))
