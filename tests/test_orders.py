"""A thousand random orders in which acts end, with calls that fail: always the same record, and never a deadlock."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.llm.failures import CallError
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import View
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.small_communities import TOPICS, draw_delay, lines_of, make_config, make_engine, read_record, run_engine
from tests.test_determinism import fail_some

ORDERS = 1_000
PARTS = 8
ORDERS_OF_ANY_MIND = 200
PEOPLE = 3
CHANGES: dict[str, Any] = {"topics": TOPICS[:1], "turns_per_question": 1, "num_rounds_mean": 1}

JUDGEMENT = '{"opinions": [{"topic": "t0", "sentence": "So be it.", "stance": 0.4}], "vote": "A", "thumbs_up": []}'


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not repeat for a thousand runs what none of them is about.

    Versions of packages are looked up once, and settings are not written beside the record.
    """
    monkeypatch.setattr("importlib.metadata.version", functools.lru_cache(importlib.metadata.version))
    monkeypatch.setattr("synthetic_communities.game_engine.write_config", lambda *_: None)


def run_once(
    directory: Path, mind: Mind, people: int = PEOPLE, **changes: Any
) -> tuple[Mapping[str, str], Counter[str]]:
    """Return the record of a run, and how many acts ended how."""
    result = run_engine(make_engine(make_config(people, **{**CHANGES, **changes}), mind), directory)
    assert result.is_complete
    statuses: Counter[str] = Counter()
    for row in result.usage:
        statuses.update({status: row[status] for status in ("done", "not_asked", "refused", "unreadable")})
        statuses.update({status: row[status] for status in ("failed", "skipped")})
    skipped = [row for row in result.failures if row["status"] == "skipped"]
    assert len(skipped) == statuses["skipped"]
    assert all(row["reason"] for row in skipped), "whatever is skipped has its reason"
    assert len(lines_of(result, "ballots")) == people
    return read_record(result.path), statuses


def orders(part: int, number: int) -> Iterator[tuple[int, int]]:
    """Yield a seed for the delays and a limit, for one part of this number of orders."""
    for seed in range(part * number // PARTS, (part + 1) * number // PARTS):
        yield seed, random.Random(seed).choice([2, 3, 5, 100])


def draw_fates(part: int) -> Callable[[View], Reply]:
    """Return what makes about every eighth act fail, as its key says; others in every part."""

    def fail(view: View) -> Reply:
        draw = random.Random(f"fate {part} of {view.key}")
        if draw.random() > 0.125:
            return None
        return draw.choice([Failed("connection", "at 12:00"), Refused("no"), Unreadable("???"), OSError("at 12:00")])

    return fail


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_mind_fails_the_order_of_completion_leaves_one_record(part: int, tmp_path: Path) -> None:
    fates = draw_fates(part)
    expected, statuses = run_once(tmp_path / "one by one", ScriptedMind(fates), max_concurrent=1)
    assert min(statuses[status] for status in ("done", "failed")) > 0
    for seed, limit in orders(part, ORDERS_OF_ANY_MIND):
        mind = ScriptedMind(fates, delay_seconds=draw_delay(seed))
        found = run_once(tmp_path / str(seed), mind, max_concurrent=limit)
        assert found == (expected, statuses), f"delays of seed {seed}, limit {limit}"


class SlowModel(ScriptedModel):
    """A model that takes its time, and now and then fails, as the task's key and the attempt say.

    Attributes:
        keeps_journal: True: no journal is put in front of it, which would take longer than the rest of such a run.
    """

    keeps_journal = True

    def __init__(self, part: int, seed: int) -> None:
        super().__init__(functools.partial(_reply, part))
        self._seed = seed

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return a reply after a while."""
        await asyncio.sleep(random.Random(f"{self._seed} {call.key} {call.attempt}").uniform(0.001, 9.0))
        return await super().reply(request, call)


def _reply(part: int, request: ModelRequest, call: Call) -> ModelReply | str | CallError:
    if part % 2 and call.key == "e0/debate/t0/q0/question":  # after which much is skipped
        return CallError("connection", "at 12:00")
    luck = random.Random(f"fate {part} of {call.key}, attempt {call.attempt}").random()
    if luck < 0.1:
        return CallError("connection", "at 12:00")
    if luck < 0.5:
        return "{"
    if luck < 0.6:
        return ModelReply("No.", stop="refused", model="scripted:model")
    if request.reply_format is not None:
        return JUDGEMENT
    return "t0: +0.5; So be it." if call.key.startswith("opening/position") else "So be it."


@pytest.mark.parametrize("part", range(PARTS))
def test_what_fails_by_task_and_attempt_leaves_one_record_in_a_thousand_orders(part: int, tmp_path: Path) -> None:
    people = 2 + part % 2
    expected, statuses = run_once(tmp_path / "one by one", LLMMind(SlowModel(part, 0)), people, max_concurrent=1)
    assert min(statuses[status] for status in ("done", "failed", "refused", "unreadable")) > 0
    assert statuses["skipped"] > 0 or part % 2 == 0
    for seed, limit in orders(part, ORDERS):
        model = SlowModel(part, seed)
        found = run_once(tmp_path / str(seed), LLMMind(model), people, max_concurrent=limit)
        assert found == (expected, statuses), f"delays of seed {seed}, limit {limit}"
        assert max(call.attempt for call in model.calls) > 1


@pytest.mark.parametrize("seed", range(10))
def test_a_plan_in_phases_leaves_the_same_record(seed: int, tmp_path: Path) -> None:
    expected = run_once(tmp_path / "dependencies", ScriptedMind(fail_some), max_concurrent=1)
    mind = ScriptedMind(fail_some, delay_seconds=draw_delay(seed))
    assert run_once(tmp_path / "phases", mind, max_concurrent=7, schedule="phases") == expected


def test_phases_take_longer(tmp_path: Path) -> None:
    def seconds(schedule: str) -> float:
        config = make_config(12, **CHANGES, schedule=schedule, max_concurrent=100)
        ends: list[float] = []

        def delay(view: View) -> float:
            return draw_delay(3)(view)

        class Timed(ScriptedMind):
            async def answer(self, view: View) -> Any:
                answer = await super().answer(view)
                ends.append(asyncio.get_running_loop().time())
                return answer

        run_engine(make_engine(config, Timed(delay_seconds=delay)), tmp_path / schedule)
        return max(ends)

    assert seconds("phases") > 1.2 * seconds("dependencies")
