"""The same tasks with barriers between steps."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.phases import BARRIER, lay_out_in_phases
from synthetic_communities.engine.plan import Course, plan_run
from tests.test_plan import COURSES, make_course


@pytest.fixture(params=COURSES.values(), ids=COURSES)
def course(request: pytest.FixtureRequest) -> Course:
    """What there is to plan for."""
    return request.param


def carry_out(tasks: tuple[Task, ...], luck: random.Random) -> Iterator[tuple[str, str]]:
    """Do every task, ending those under way in any order, and yield what happens: `begins` or `ends`, and the key."""
    ledger, executing = Ledger(tasks), list[Task]()
    while ledger.unfinished:
        while (task := ledger.take(acts_allowed=True)) is not None:
            yield "begins", task.key
            executing.append(task)
        task = executing.pop(luck.randrange(len(executing)))
        ledger.end(task, "done")
        yield "ends", task.key


def test_the_tasks_are_the_same_in_the_same_order(course: Course) -> None:
    plan = plan_run(course)
    laid_out = [task for task in lay_out_in_phases(plan) if task.step != BARRIER]
    assert [(task.key, task.step, task.needs, task.needs_any) for task in laid_out] == [
        (task.key, task.step, task.needs, task.needs_any) for task in plan
    ]
    assert all(set(old.waits_for) <= set(new.waits_for) for old, new in zip(plan, laid_out, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_every_plan_comes_to_its_end(course: Course, seed: int) -> None:
    tasks = lay_out_in_phases(plan_run(course))
    ended = [key for what, key in carry_out(tasks, random.Random(seed)) if what == "ends"]
    assert sorted(ended) == sorted(task.key for task in tasks)


def test_nobody_begins_a_step_before_all_have_ended_the_one_before() -> None:
    tasks = lay_out_in_phases(plan_run(make_course(7, epochs=2)))
    phases = {task.key: (task.epoch, task.step) for task in tasks if task.is_act}
    in_debates = ("question", "introduction", "statement", "reflection")
    open_phases: dict[tuple[int, str], int] = {}
    for what, key in carry_out(tasks, random.Random(1)):
        if key not in phases:
            continue
        phase = phases[key]
        open_phases[phase] = open_phases.get(phase, 0) + (1 if what == "begins" else -1)
        under_way = [each for each, number in open_phases.items() if number]
        assert len(under_way) <= 1, under_way
        assert phase[1] not in in_debates or open_phases[phase] <= 2


def test_turns_of_a_conversation_do_not_wait_for_other_conversations() -> None:
    tasks = lay_out_in_phases(plan_run(make_course(6, epochs=1)))
    turns = [task for task in tasks if task.step == "chat_turn"]
    barriers = {key for task in turns for key in task.waits_for if key.startswith(BARRIER)}
    assert len(barriers) == 1
    assert len({task.key.rpartition("/")[0] for task in turns}) == 3


def test_dependencies_alone_let_steps_overlap() -> None:
    phases = {task.key: (task.epoch, task.step) for task in plan_run(make_course(7, epochs=2)) if task.is_act}
    under_way: dict[str, tuple[int, str]] = {}
    most = 0
    for what, key in carry_out(plan_run(make_course(7, epochs=2)), random.Random(1)):
        if key in phases:
            under_way.update({key: phases[key]} if what == "begins" else {})
            under_way = {each: phase for each, phase in under_way.items() if what == "begins" or each != key}
            most = max(most, len(set(under_way.values())))
    assert most > 2
