"""Several runs that share places: none waits for ever, no place is lost, and the limit holds."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Done, Failed, Outcome
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.runner import Perform, Places, run_tasks
from synthetic_communities.engine.together import run_together
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from synthetic_communities.waiting import without_place

LONGEST_SECONDS = 1_000.0
"""Virtual time in which each of these groups of plans has long ended."""


def draw_plan(chance: random.Random) -> Ledger:
    """Return a plan in which anything may wait for anything before it, and need it."""
    keys: list[str] = []
    tasks = []
    for number in range(chance.randint(1, 15)):

        def some(most: int) -> tuple[str, ...]:
            return tuple(chance.sample(keys, min(len(keys), chance.randint(0, most))))

        waits, needs, any_of = some(2), some(1), some(2) if chance.random() < 0.3 else ()
        is_act = chance.random() < 0.8
        tasks.append(Task(f"k{number}", "step", waits_for=waits, needs=needs, needs_any=any_of, is_act=is_act))
        keys.append(f"k{number}")
    return Ledger(tasks)


class Crowd:
    """Acts of several runs, and the most of them that were under way at once."""

    def __init__(self) -> None:
        self.under_way = self.peak = 0

    def performer(self, seed: str) -> Perform:
        """Return what does the acts of one run: some wait without a place, some fail."""

        async def perform(task: Task) -> Outcome[Any]:
            chance = random.Random(f"{seed} {task.key}")
            self._enter(1)
            await asyncio.sleep(chance.uniform(0, 3))
            if chance.random() < 0.3:
                self._enter(-1)
                async with without_place():
                    await asyncio.sleep(chance.uniform(0, 3))
                self._enter(1)
                await asyncio.sleep(chance.uniform(0, 1))
            self._enter(-1)
            return Failed("timeout") if chance.random() < 0.4 else Done(None)

        return perform

    def _enter(self, number: int) -> None:
        self.under_way += number
        self.peak = max(self.peak, self.under_way)


def _ignore(task: Task, outcome: Outcome[Any]) -> None:
    """Settle nothing."""


@pytest.mark.parametrize("part", range(3))
def test_whatever_the_plans_all_of_them_come_to_their_end(part: int) -> None:
    for seed in range(200 * part, 200 * (part + 1)):
        chance = random.Random(seed)
        ledgers, places = [draw_plan(chance) for _ in range(chance.randint(1, 4))], Places(chance.randint(1, 4))
        crowd = Crowd()
        runs = [
            run_tasks(ledger, crowd.performer(f"{seed} {number}"), _ignore, places=places)
            for number, ledger in enumerate(ledgers)
        ]
        run_in_virtual_time(asyncio.wait_for(run_together(runs), LONGEST_SECONDS))
        for ledger in ledgers:
            ledger.validate()
        assert [ledger.unfinished for ledger in ledgers] == [0] * len(ledgers)
        assert crowd.peak <= places.limit
        held = [places._taken, len(places._runs), len(places._returning)]
        assert held == [0, 0, 0], f"plans of seed {seed}"


def test_a_run_whose_last_task_is_skipped_while_another_makes_room_comes_to_rest() -> None:
    async def perform(task: Task) -> Outcome[Any]:
        await asyncio.sleep(1.0)
        return Failed("timeout") if task.key == "b1" else Done(None)

    places = Places(1)
    ledgers = [
        Ledger([Task(f"a{n}", "step") for n in range(4)]),
        Ledger([Task("b1", "s"), Task("b2", "s", needs=("b1",))]),
    ]
    runs = [run_tasks(ledger, perform, _ignore, places=places) for ledger in ledgers]
    run_in_virtual_time(asyncio.wait_for(run_together(runs), LONGEST_SECONDS))
    assert ledgers[1].count_states() == {"failed": 1, "skipped": 1}


def test_of_all_runs_the_act_with_the_longest_path_ahead_goes_first() -> None:
    began: list[str] = []

    async def perform(task: Task) -> Outcome[Any]:
        began.append(task.key)
        await asyncio.sleep(1.0)
        return Done(None)

    places = Places(1)
    short = Ledger([Task(f"a{number}", "step") for number in range(2)])
    long = Ledger([Task("b0", "step"), Task("b1", "step", waits_for=("b0",)), Task("b2", "step", waits_for=("b1",))])
    runs = [run_tasks(ledger, perform, _ignore, places=places) for ledger in (short, long)]
    run_in_virtual_time(run_together(runs))
    assert began == ["a0", "b0", "b1", "a1", "b2"]


def test_an_act_that_asks_for_its_place_again_goes_by_its_path_and_before_equal_ones() -> None:
    went: list[str] = []

    async def perform(task: Task) -> Outcome[Any]:
        if task.key.startswith("wait"):
            async with without_place():
                await asyncio.sleep(1.0)
        went.append(task.key)
        await asyncio.sleep(2.0)
        return Done(None)

    chain = [Task(key, "step", waits_for=before) for key, *before in ("a", "ba", "cb", "dc")]
    waiting = [Task(f"wait{number}", "step") for number in range(2)]
    after = [Task(f"after{number}", "step", waits_for=(f"wait{number}",)) for number in range(2)]
    ledger = Ledger([*waiting, *chain, Task("short", "step"), *after])
    run_in_virtual_time(run_tasks(ledger, perform, _ignore, places=Places(2)))
    assert went[:6] == ["a", "short", "b", "wait0", "wait1", "c"]
