"""The ledger decides what may start, and knows nothing of time, loops or models."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.engine.ledger import EndState, Ledger, Task


def act(key: str, *waits_for: str, needs: Iterable[str] = (), needs_any: Iterable[str] = ()) -> Task:
    """Return an act."""
    return Task(key, "act", waits_for=waits_for, needs=tuple(needs), needs_any=tuple(needs_any))


def note(key: str, *waits_for: str) -> Task:
    """Return a bookkeeping task."""
    return Task(key, "note", waits_for=waits_for, is_act=False)


def take_all(ledger: Ledger, *, acts_allowed: bool = True) -> list[Task]:
    """Take everything that is ready."""
    taken = []
    while (task := ledger.take(acts_allowed=acts_allowed)) is not None:
        taken.append(task)
    return taken


def keys(tasks: Iterable[Task]) -> list[str]:
    """Return the keys of tasks."""
    return [task.key for task in tasks]


def carry_out(ledger: Ledger, ends: dict[str, EndState]) -> dict[str, str | None]:
    """Do everything there is to do, ending tasks as said, else well, and return key to the cause of those skipped."""
    causes = {}
    while (task := ledger.take(acts_allowed=True)) is not None:
        if (cause := ledger.missing_need(task)) is not None:
            causes[task.key] = cause
            ledger.end(task, "skipped", cause)
        else:
            ledger.end(task, ends.get(task.key, "done"))
    return causes


# What is no plan.


def test_a_key_given_twice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a plan holds a key twice: b"):
        Ledger([act("a"), act("b"), act("c"), act("b")])


@pytest.mark.parametrize("kind", ["waits_for", "needs", "needs_any"])
def test_a_wait_for_an_unknown_key_is_refused_with_both_keys(kind: str) -> None:
    task = Task("b", "act", **{kind: ("a", "nowhere")})
    with pytest.raises(ValueError, match="b waits for nowhere, which is not in the plan"):
        Ledger([act("a"), task])


def test_an_empty_plan_has_nothing_to_do() -> None:
    ledger = Ledger([])
    assert ledger.take(acts_allowed=True) is None
    assert ledger.unfinished == 0
    assert ledger.stuck() == []


def test_a_state_of_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        Ledger([act("a")]).state("b")


# States.


def test_a_task_goes_from_waiting_to_ready_to_executing_to_its_end() -> None:
    ledger = Ledger([act("a"), act("b", "a")])
    assert (ledger.state("a"), ledger.state("b")) == ("ready", "waiting")
    first = ledger.take(acts_allowed=True)
    assert first is not None
    assert (ledger.state("a"), ledger.state("b")) == ("executing", "waiting")
    assert ledger.take(acts_allowed=True) is None
    ledger.end(first, "done")
    assert (ledger.state("a"), ledger.state("b")) == ("done", "ready")
    assert ledger.unfinished == 1


@pytest.mark.parametrize("end", ["done", "not_asked", "failed", "skipped"])
def test_what_waits_goes_on_however_the_other_ended(end: EndState) -> None:
    ledger = Ledger([act("a"), act("b", "a")])
    (first,) = take_all(ledger)
    ledger.end(first, end)
    assert ledger.state("a") == end
    (second,) = take_all(ledger)
    assert second.key == "b"
    assert ledger.missing_need(second) is None


def test_a_task_cannot_end_before_it_began_or_twice() -> None:
    task = act("a")
    ledger = Ledger([task, act("b", "a")])
    with pytest.raises(ValueError, match="a cannot end: it is ready"):
        ledger.end(task, "done")
    take_all(ledger)
    ledger.end(task, "done")
    with pytest.raises(ValueError, match="a cannot end: it is done"):
        ledger.end(task, "failed")
    assert ledger.unfinished == 1


def test_a_key_awaited_in_several_ways_is_awaited_once() -> None:
    ledger = Ledger([act("a"), act("b", "a", "a", needs=["a"], needs_any=["a"])])
    (first,) = take_all(ledger)
    ledger.end(first, "done")
    assert keys(take_all(ledger)) == ["b"]


def test_tasks_that_wait_for_each_other_are_named_as_stuck() -> None:
    ledger = Ledger([act("a", "c"), act("b", "a"), act("c", "b"), act("d")])
    for task in take_all(ledger):
        ledger.end(task, "done")
    assert ledger.stuck() == ["a", "b", "c"]
    assert ledger.unfinished == 3


# Order.


def test_the_longest_path_ahead_goes_first_and_equal_ones_in_the_order_of_the_plan() -> None:
    plan = [act("z"), act("b"), act("a"), act("m", "a"), note("n", "m"), act("o", "n"), act("c"), act("d", "b")]
    ledger = Ledger(plan)
    ready = take_all(ledger)
    assert [(task.key, ledger.path_ahead(task.key)) for task in ready] == [("a", 3), ("b", 2), ("z", 1), ("c", 1)]
    assert [ledger.order(task.key) for task in ready] == [2, 1, 0, 6]


def test_a_path_that_splits_counts_its_longer_arm_and_no_bookkeeping() -> None:
    plan = [act("a"), act("b", "a"), note("n", "a"), note("m", "n"), act("c", "m"), act("d", "c"), act("e", "b", "d")]
    ledger = Ledger(plan)
    assert {task.key: ledger.path_ahead(task.key) for task in plan} == {
        "a": 4,
        "b": 2,
        "n": 3,
        "m": 3,
        "c": 3,
        "d": 2,
        "e": 1,
    }


# What is known of a task.


def test_the_story_of_a_task_says_what_it_waited_for_and_what_waits_for_it() -> None:
    plan = [act("a"), act("b"), act("c", "b", needs=["a"]), act("d", needs=["c"]), act("e", "c")]
    ledger = Ledger(plan)
    story = ledger.story("c")
    assert (story.task, story.state, story.cause) == (plan[2], "waiting", "")
    assert story.waits_for == {"a": "ready", "b": "ready"}
    assert (story.followers, story.path_ahead) == (("d", "e"), 2)
    carry_out(ledger, {"a": "failed"})
    assert ledger.story("c").waits_for == {"a": "failed", "b": "done"}
    assert (ledger.story("c").state, ledger.story("c").cause) == ("skipped", "a")
    assert (ledger.story("d").state, ledger.story("d").cause) == ("skipped", "a")
    assert (ledger.story("e").state, ledger.story("e").cause) == ("done", "")


def test_states_are_counted_by_name() -> None:
    ledger = Ledger([act("a"), act("b"), act("c", "a"), note("n")])
    assert ledger.count_states() == {"ready": 3, "waiting": 1}
    task = ledger.take(acts_allowed=True)
    assert task is not None
    assert ledger.count_states() == {"ready": 2, "waiting": 1, "executing": 1}
    ledger.end(task, "done")
    carry_out(ledger, {"a": "failed", "b": "not_asked"})
    assert ledger.count_states() == {"done": 2, "failed": 1, "not_asked": 1}


@pytest.mark.parametrize("change", ["state", "open waits", "handed out", "unfinished"])
def test_a_ledger_that_contradicts_itself_is_told(change: str) -> None:
    ledger = Ledger([act("a"), act("b", "a")])
    ledger.validate()
    match change:
        case "state":
            ledger._states[1] = "ready"
        case "open waits":
            ledger._open_waits[1] = 0
        case "handed out":
            ledger._ready_acts.append((-1, 0))
        case "unfinished":
            ledger.unfinished = 1
    with pytest.raises(ValueError, match=r"^(a|b) is |1 tasks are said"):
        ledger.validate()


def test_what_becomes_ready_late_goes_before_what_stands_behind_it() -> None:
    ledger = Ledger([act("a"), act("b", "a"), act("c")])
    first = ledger.take(acts_allowed=True)
    assert first is not None
    ledger.end(first, "done")
    assert keys(take_all(ledger)) == ["b", "c"]


def test_bookkeeping_goes_first_and_needs_no_place() -> None:
    ledger = Ledger([act("a"), note("n"), act("b", "n"), note("m", "n")])
    assert keys(take_all(ledger, acts_allowed=False)) == ["n"]
    ledger.end(ledger.tasks[1], "done")
    assert keys(take_all(ledger, acts_allowed=False)) == ["m"]
    assert keys(take_all(ledger)) == ["a", "b"]


# Needs.


@pytest.mark.parametrize("end", ["not_asked", "failed"])
def test_a_need_that_did_not_end_well_is_named(end: EndState) -> None:
    plan = [act("a"), act("b"), act("c", needs=["a", "b"])]
    assert carry_out(Ledger(plan), {}) == {}
    assert carry_out(Ledger(plan), {"b": end}) == {"c": "b"}
    assert carry_out(Ledger(plan), {"b": end, "a": end}) == {"c": "a"}


def test_one_of_several_is_enough_where_any_is_needed() -> None:
    plan = [act("a"), act("b"), act("c", needs_any=["a", "b"])]
    assert carry_out(Ledger(plan), {"a": "failed"}) == {}
    assert carry_out(Ledger(plan), {"b": "not_asked"}) == {}
    assert carry_out(Ledger(plan), {"a": "failed", "b": "failed"}) == {"c": "a"}


def test_a_skipped_task_names_the_root_and_so_does_what_needs_it() -> None:
    plan = [
        act("a"),
        act("b", needs=["a"]),
        act("c", needs=["b"]),
        act("d", needs_any=["c", "b"]),
        act("e", "d"),
        act("f", needs=["e"]),
    ]
    ledger = Ledger(plan)
    assert carry_out(ledger, {"a": "failed"}) == dict.fromkeys(["b", "c", "d"], "a")
    assert [ledger.state(key) for key in "abcdef"] == ["failed", "skipped", "skipped", "skipped", "done", "done"]


def test_needs_are_waited_for() -> None:
    ledger = Ledger([act("a"), act("b"), act("c", needs=["a"], needs_any=["b"])])
    first, second = take_all(ledger)
    ledger.end(first, "done")
    assert ledger.state("c") == "waiting"
    ledger.end(second, "failed")
    (third,) = take_all(ledger)
    assert ledger.missing_need(third) == "b"


# Laws.

ENDS = st.sampled_from(["done", "not_asked", "failed"])


@st.composite
def plans(draw: st.DrawFn) -> list[Task]:
    """Draw a plan: every task waits for some of those before it."""
    tasks: list[Task] = []
    for number in range(draw(st.integers(0, 12))):
        earlier = st.lists(st.sampled_from(keys(tasks)), max_size=3) if tasks else st.just([])
        waits_for, needs, needs_any = (tuple(draw(earlier)) for _ in range(3))
        is_act = draw(st.booleans())
        tasks.append(Task(f"k{number}", "step", waits_for=waits_for, needs=needs, needs_any=needs_any, is_act=is_act))
    return draw(st.permutations(tasks))


@given(plans(), st.data())
def test_whatever_ends_first_every_task_ends_once_after_all_it_waits_for(
    tasks: list[Task], data: st.DataObject
) -> None:
    ledger = Ledger(tasks)
    executing: list[Task] = []
    ended: list[str] = []
    while ledger.unfinished:
        ledger.validate()
        allowed = len(executing) < 2
        while (task := ledger.take(acts_allowed=allowed)) is not None:
            assert {*task.waits_for, *task.needs, *task.needs_any} <= set(ended)
            executing.append(task)
            allowed = len(executing) < 2
        task = executing.pop(data.draw(st.integers(0, len(executing) - 1)))
        cause = ledger.missing_need(task)
        if cause is None:
            ledger.end(task, data.draw(ENDS))
        else:
            assert ledger.state(cause) in ("failed", "not_asked"), "a cause is a task that was tried, never one skipped"
            ledger.end(task, "skipped", cause)
        ended.append(task.key)
    assert sorted(ended) == sorted(keys(tasks))
    assert ledger.stuck() == []


@given(plans())
def test_the_path_ahead_is_the_longest_there_is(tasks: list[Task]) -> None:
    ledger = Ledger(tasks)
    followers = {
        task.key: [other for other in tasks if task.key in (*other.waits_for, *other.needs, *other.needs_any)]
        for task in tasks
    }

    def longest(task: Task) -> int:
        return task.is_act + max(map(longest, followers[task.key]), default=0)

    assert [ledger.path_ahead(task.key) for task in tasks] == list(map(longest, tasks))


@given(plans(), st.dictionaries(st.integers(0, 11).map(lambda number: f"k{number}"), ENDS), st.randoms())
def test_who_is_skipped_and_why_does_not_depend_on_what_ends_first(
    tasks: list[Task], ends: dict[str, EndState], luck: object
) -> None:
    expected = carry_out(Ledger(tasks), ends)
    ledger, executing, causes = Ledger(tasks), list[Task](), dict[str, str]()
    while ledger.unfinished:
        executing += take_all(ledger)
        luck.shuffle(executing)  # type: ignore[attr-defined]
        task = executing.pop()
        cause = ledger.missing_need(task)
        if cause is not None:
            causes[task.key] = cause
        ledger.end(task, "skipped" if cause else ends.get(task.key, "done"), cause or "")
    assert causes == expected
