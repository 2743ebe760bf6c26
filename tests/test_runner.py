"""The runner starts what the ledger allows, never more at once than the limit, and ends cleanly however it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.domain.outcome import Done, Failed, NotAsked, Outcome, Refused, Skipped, Unreadable
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.runner import Places, run_tasks
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from synthetic_communities.waiting import urgency, without_place


class Doing:
    """Acts that take a while, and what became of them.

    Attributes:
        began: keys in the order begun.
        ended: keys in the order settled, with how they ended.
        in_flight: how many are under way.
        peak: the most that were under way at once.
        cancelled: keys of those that were cancelled.
    """

    def __init__(
        self,
        outcomes: dict[str, Outcome[Any] | BaseException] | None = None,
        seconds: Callable[[Task], float] = lambda task: 1.0,
    ) -> None:
        self._outcomes = outcomes or {}
        self._seconds = seconds
        self.began: list[str] = []
        self.ended: list[tuple[str, Outcome[Any]]] = []
        self.in_flight = 0
        self.peak = 0
        self.cancelled: list[str] = []

    async def perform(self, task: Task) -> Outcome[Any]:
        """Do an act."""
        self.began.append(task.key)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self._seconds(task))
        except asyncio.CancelledError:
            self.cancelled.append(task.key)
            raise
        finally:
            self.in_flight -= 1
        outcome = self._outcomes.get(task.key, Done(task.key))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def settle(self, task: Task, outcome: Outcome[Any]) -> None:
        """Take down how a task ended."""
        self.ended.append((task.key, outcome))


def act(key: str, *waits_for: str, **needs: tuple[str, ...]) -> Task:
    """Return an act."""
    return Task(key, "act", waits_for=waits_for, **needs)


def test_however_many_acts_there_are_few_are_tasks_of_the_loop() -> None:
    """One for each act under way, and not one for each that waits for its place."""
    acts, limit = 20_000, 50
    pending: list[int] = []

    async def perform(task: Task) -> Outcome[Any]:
        if int(task.key) % limit == 0:
            pending.append(len(asyncio.all_tasks()))
        await asyncio.sleep(1.0)
        return Done(None)

    ledger = Ledger(act(f"{number}") for number in range(acts))
    run_in_virtual_time(run_tasks(ledger, perform, lambda task, outcome: None, places=Places(limit)))
    assert len(pending) == acts / limit
    assert limit <= max(pending) <= limit + 10


def run(tasks: list[Task], doing: Doing, limit: int = 100) -> Ledger:
    """Carry a plan out in virtual time."""
    ledger = Ledger(tasks)
    run_in_virtual_time(run_tasks(ledger, doing.perform, doing.settle, places=Places(limit)))
    return ledger


SIDE_BY_SIDE = [act(f"k{number:02}") for number in range(30)]


# The limit.


@pytest.mark.parametrize("limit", [1, 2, 7, 29, 30, 31])
def test_the_limit_is_reached_and_never_exceeded(limit: int) -> None:
    doing = Doing(seconds=lambda task: random.Random(task.key).uniform(1, 9))
    ledger = run(SIDE_BY_SIDE, doing, limit)
    assert doing.peak == min(limit, 30)
    assert ledger.unfinished == 0
    assert doing.began[:limit] == [task.key for task in SIDE_BY_SIDE[:limit]]
    assert sorted(key for key, _ in doing.ended) == sorted(doing.began)


def test_bookkeeping_takes_no_place_and_is_settled_without_being_performed() -> None:
    tasks = [act("a"), Task("note", "note", waits_for=("a",), is_act=False), act("b", "note"), act("c")]
    doing = Doing()
    run(tasks, doing, limit=1)
    assert doing.began == ["a", "b", "c"]
    assert doing.ended[:2] == [("a", Done("a")), ("note", Done(None))]


def test_an_act_is_told_how_many_acts_are_on_the_longest_path_ahead() -> None:
    told: dict[str, int] = {}

    class Asking(Doing):
        async def perform(self, task: Task) -> Outcome[Any]:
            told[task.key] = urgency.get()
            return await super().perform(task)

    run([act("a"), act("b", "a"), act("c", "b"), act("d", "a"), act("e")], Asking())
    assert told == {"a": 3, "b": 2, "c": 1, "d": 1, "e": 1}
    assert urgency.get() == 0


def test_a_place_is_taken_again_the_moment_it_is_free() -> None:
    starts: dict[str, float] = {}

    class Timing(Doing):
        async def perform(self, task: Task) -> Outcome[Any]:
            starts[task.key] = virtual_seconds()
            return await super().perform(task)

    run([act("a"), act("b"), act("c"), act("d", "a")], Timing(seconds=lambda t: {"b": 5.0}.get(t.key, 1.0)), limit=2)
    assert starts == {"a": 0.0, "b": 0.0, "c": 1.0, "d": 2.0}


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_whatever_the_plan_it_is_done_in_order_and_within_the_limit(seed: int, limit: int) -> None:
    draw = random.Random(seed)
    tasks = [
        Task(f"k{n}", "step", waits_for=tuple(f"k{m}" for m in range(n) if draw.random() < 0.2), is_act=n % 4 > 0)
        for n in range(20)
    ]
    doing = Doing(seconds=lambda task: draw.uniform(0, 3))
    run(tasks, doing, limit)
    place = {key: number for number, (key, _) in enumerate(doing.ended)}
    assert len(place) == 20
    assert doing.peak <= limit
    for task in tasks:
        assert all(place[other] < place[task.key] for other in task.waits_for)


# How acts end.


def test_what_merely_failed_is_settled_and_others_go_on() -> None:
    outcomes: dict[str, Outcome[Any] | BaseException] = {
        "a": Failed("connection"),
        "b": Refused(),
        "c": Unreadable("?"),
        "d": NotAsked("nothing"),
    }
    doing = Doing(outcomes)
    tasks = [*map(act, "abcd"), *(act(f"after {key}", key) for key in "abcd")]
    ledger = run(tasks, doing)
    assert dict(doing.ended).items() >= outcomes.items()
    assert {key: ledger.state(key) for key in "abcd"} == {"a": "failed", "b": "failed", "c": "failed", "d": "not_asked"}
    assert all(ledger.state(f"after {key}") == "done" for key in "abcd")


def test_what_needs_a_failed_act_is_settled_as_skipped_and_never_performed() -> None:
    doing = Doing({"a": Failed("connection")})
    ledger = run([act("a"), act("b", needs=("a",)), act("c", needs=("b",)), act("d", needs_any=("b", "c"))], doing)
    assert doing.began == ["a"]
    assert doing.ended[1:] == [(key, Skipped("a")) for key in "bcd"]
    assert [ledger.state(key) for key in "abcd"] == ["failed", "skipped", "skipped", "skipped"]


def test_a_task_is_settled_before_anything_that_waited_for_it_begins() -> None:
    log: list[str] = []

    async def perform(task: Task) -> Outcome[Any]:
        log.append(f"{task.key} begins")
        return Done(None)

    run_in_virtual_time(
        run_tasks(
            Ledger([act("a"), act("b", "a")]), perform, lambda task, _: log.append(f"{task.key} ends"), places=Places(5)
        )
    )
    assert log == ["a begins", "a ends", "b begins", "b ends"]


# Exceptions.


class Surprise(Exception):
    """Nothing this package raises."""


@pytest.mark.parametrize("error", [Surprise("boom"), ExceptionGroup("several", [Surprise("boom"), ValueError("x")])])
def test_an_exception_cancels_what_is_under_way_and_surfaces_as_itself(error: Exception) -> None:
    doing = Doing({"k00": error}, seconds=lambda task: 1.0 if task.key == "k00" else 50.0)
    with pytest.raises(Exception, match="boom") as caught:
        run(SIDE_BY_SIDE, doing, limit=5)
    assert isinstance(caught.value, Surprise)
    assert caught.value.__context__ is None
    assert sorted(doing.cancelled) == ["k01", "k02", "k03", "k04"]
    assert doing.in_flight == 0
    assert len(doing.began) == 5


def test_the_cause_of_an_exception_is_kept() -> None:
    async def perform(task: Task) -> Outcome[Any]:
        try:
            raise KeyError("root")
        except KeyError as error:
            raise Surprise("boom") from error

    with pytest.raises(Surprise) as caught:
        run_in_virtual_time(run_tasks(Ledger([act("a")]), perform, ignore, places=Places(1)))
    assert isinstance(caught.value.__cause__, KeyError)


def ignore(task: Task, outcome: Outcome[Any]) -> None:
    """Settle nothing."""


@pytest.mark.parametrize("bookkeeping_first", [True, False])
def test_an_exception_in_settling_surfaces_as_itself_too(bookkeeping_first: bool) -> None:
    doing = Doing(seconds=lambda task: 1.0 if task.key == "k00" else 50.0)
    first = Task("note", "note", is_act=False, waits_for=() if bookkeeping_first else ("k00",))

    def settle(task: Task, outcome: Outcome[Any]) -> None:
        if task.key == "note":
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_in_virtual_time(run_tasks(Ledger([first, *SIDE_BY_SIDE]), doing.perform, settle, places=Places(5)))
    assert doing.in_flight == 0
    assert len(doing.cancelled) == (0 if bookkeeping_first else 4)


def test_of_two_exceptions_the_first_surfaces() -> None:
    doing = Doing({"a": Surprise("first"), "b": Surprise("second")}, seconds=lambda task: ord(task.key) / 100)
    with pytest.raises(Surprise, match="first"):
        run([act("b"), act("a")], doing)


# Cancellation.


async def cancel_after(seconds: float, work: Awaitable[None]) -> None:
    """Cancel work after a while, and wait until it has ended."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    task.cancel()
    await task


def test_cancelling_ends_what_is_under_way_and_starts_nothing_more() -> None:
    doing = Doing(seconds=lambda task: float(task.key[1:]) + 1)
    ledger = Ledger(SIDE_BY_SIDE)
    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(cancel_after(2.5, run_tasks(ledger, doing.perform, doing.settle, places=Places(5))))
    assert [key for key, _ in doing.ended] == ["k00", "k01"]
    assert len(doing.cancelled) == 5
    assert doing.in_flight == 0
    assert len(doing.began) == 7


def test_cancelling_waits_for_what_cleans_up() -> None:
    cleaned: list[float] = []

    async def perform(task: Task) -> Outcome[Any]:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(3)
            cleaned.append(virtual_seconds())
        return Done(None)

    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(
            cancel_after(1, run_tasks(Ledger([act("a"), act("b", "a"), act("c")]), perform, ignore, places=Places(5)))
        )
    assert cleaned == [4.0, 4.0]


def test_an_act_that_swallows_its_cancellation_starts_nothing_more() -> None:
    began: list[str] = []

    async def perform(task: Task) -> Outcome[Any]:
        began.append(task.key)
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return Failed("cancelled")
        return Done(None)

    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(
            cancel_after(1, run_tasks(Ledger([act("a"), act("b", "a")]), perform, ignore, places=Places(5)))
        )
    assert began == ["a"]


# Plans that cannot be carried out.


def test_tasks_that_wait_for_each_other_are_reported_by_key() -> None:
    doing = Doing()
    with pytest.raises(RuntimeError, match="tasks wait for each other: a, b"):
        run([act("a", "b"), act("b", "a"), act("c")], doing)
    assert doing.began == ["c"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_under_which_nothing_could_start_is_refused(limit: int) -> None:
    doing = Doing()
    with pytest.raises(ValueError, match=f"limit is {limit}"):
        run([act("a")], doing, limit)
    assert doing.began == []


def test_nothing_to_do_is_done_at_once() -> None:
    doing = Doing()
    assert run([], doing).unfinished == 0
    assert doing.ended == []


# Giving back one's place while waiting for something that is no reply.


def test_a_place_given_back_goes_to_others_and_the_limit_still_holds() -> None:
    working = Doing()

    async def perform(task: Task) -> Outcome[Any]:
        if task.key < "k05":
            await working.perform(task)
            async with without_place():
                await asyncio.sleep(10)
        return await working.perform(task)

    run_in_virtual_time(run_tasks(Ledger(SIDE_BY_SIDE), perform, working.settle, places=Places(5)))
    assert working.peak == 5
    assert len(working.ended) == 30


def test_a_place_given_back_and_an_exception_leave_the_limit_as_it_was() -> None:
    working = Doing()

    async def perform(task: Task) -> Outcome[Any]:
        if task.key < "k05":
            try:
                async with without_place():
                    await asyncio.sleep(1)
                    raise OSError("gone")
            except OSError:
                return Failed("OSError")
        return await working.perform(task)

    run_in_virtual_time(run_tasks(Ledger(SIDE_BY_SIDE), perform, working.settle, places=Places(5)))
    assert working.peak == 5
    assert len(working.ended) == 30


@pytest.mark.parametrize("seconds", [0.5, 3.5])
def test_a_place_given_back_and_a_timeout_leave_the_limit_as_it_was(seconds: float) -> None:
    """Whether time is up while waiting outside, or while waiting for a place to come back to."""
    working = Doing(seconds=lambda task: 5.0)

    async def perform(task: Task) -> Outcome[Any]:
        if task.key < "k02":
            try:
                async with asyncio.timeout(seconds), without_place():
                    await asyncio.sleep(1)
            except TimeoutError:
                return Failed("timeout")
        return await working.perform(task)

    run_in_virtual_time(run_tasks(Ledger(SIDE_BY_SIDE), perform, working.settle, places=Places(2)))
    assert working.peak == 2
    assert len(working.ended) == 30
    assert dict(working.ended)["k00"] == Failed("timeout")


def test_cancelling_ends_who_waits_without_a_place_or_for_one() -> None:
    working = Doing(seconds=lambda task: 50.0)

    async def perform(task: Task) -> Outcome[Any]:
        if task.key < "k02":
            async with without_place():
                await asyncio.sleep(1 if task.key == "k00" else 20)
        return await working.perform(task)

    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(cancel_after(5, run_tasks(Ledger(SIDE_BY_SIDE), perform, working.settle, places=Places(2))))
    assert working.in_flight == 0
    assert working.ended == []
