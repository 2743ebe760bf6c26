"""The fakes this package ships: a mind that answers from a script, and time that costs nothing."""

from __future__ import annotations

import asyncio
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.outcome import Done, Failed, Refused
from synthetic_communities.domain.person import Person
from synthetic_communities.domain.remark import Remark
from synthetic_communities.domain.scene import Scene
from synthetic_communities.minds import views
from synthetic_communities.minds.base import Mind
from synthetic_communities.testing import scripted, virtual_time
from synthetic_communities.testing.scripted import ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds

ANN = Person("ann", "Ann", attributes={})


def make_view(key: str, kind: type[views.View] = views.PostView, **seen: Any) -> Any:
    """Return a view of somebody who knows nothing."""
    return kind(key=key, scene=Scene(), chance=Chance(1), person=ANN, **seen)


def answer(mind: ScriptedMind, key: str, kind: type[views.View] = views.PostView) -> Any:
    """Return what a mind answers to a view of this key."""
    return run_in_virtual_time(mind.answer(make_view(key, kind)))


@pytest.mark.parametrize("module", [scripted, virtual_time])
def test_the_example_of_the_docstring_runs(module: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?:^ {4}.*\n|^\n)+", module.__doc__ or "", flags=re.MULTILINE)
    (example,) = [block for block in map(inspect.cleandoc, blocks) if block]
    assert "assert" in example
    exec(compile(example, module.__name__, "exec"), {"__name__": "example"})


# A mind that answers from a script.


def test_it_is_a_mind_and_asks_the_offline_mind_where_the_script_is_silent() -> None:
    mind = ScriptedMind({"e1/*": Refused()})
    assert isinstance(mind, Mind)
    assert answer(mind, "e0/post/ann").status == "not_asked", "what the offline mind says where there is no topic"
    assert answer(mind, "e1/post/ann") == Refused()


def test_the_first_pattern_or_class_that_matches_decides() -> None:
    mind = ScriptedMind({"e0/post/a*": Failed("first"), views.PostView: Failed("second"), "*": Failed("third")})
    assert answer(mind, "e0/post/ann") == Failed("first")
    assert answer(mind, "e0/post/bob") == Failed("second")
    assert answer(mind, "e0/post/bob", views.OpeningView) == Failed("third")


def test_a_class_matches_those_below_it_and_a_pattern_the_whole_key() -> None:
    mind = ScriptedMind({views.LifeView: Failed("life"), "opening": Failed("whole"), "OPENING/*": Failed("case")})
    assert answer(mind, "x", views.DebateUpdateView) == Failed("life")
    assert isinstance(answer(mind, "opening/opinion/ann", views.OpeningView), Done)


def test_a_rule_may_look_at_the_view_or_leave_it_to_the_other_mind() -> None:
    other = ScriptedMind({"*": Failed("other")})
    mind = ScriptedMind({"e0/*": lambda view: Done(Remark(view.key)) if "ann" in view.key else None}, otherwise=other)
    assert answer(mind, "e0/post/ann") == Done("e0/post/ann")
    assert answer(mind, "e0/post/bob") == Failed("other")


def test_the_whole_script_may_be_a_callable_and_exceptions_are_raised() -> None:
    error = ValueError("boom")
    mind = ScriptedMind(lambda view: error if view.key == "bad" else Failed("fine"))
    assert answer(mind, "good") == Failed("fine")
    with pytest.raises(ValueError, match="boom") as caught:
        answer(mind, "bad")
    assert caught.value is error
    assert mind.in_flight == 0


def test_it_keeps_what_it_was_asked_and_how_much_at_once() -> None:
    mind = ScriptedMind({"*": Refused()}, delay_seconds=lambda view: float(view.key))

    async def ask_three() -> list[float]:
        async with asyncio.TaskGroup() as group:
            for key in ("3", "1", "2"):
                group.create_task(mind.answer(make_view(key)))
            await asyncio.sleep(1.5)
            in_flight = mind.in_flight
        return [in_flight, virtual_seconds()]

    assert run_in_virtual_time(ask_three()) == [2, 3.0]
    assert mind.asked_keys == ["3", "1", "2"]
    assert [view.key for view in mind.asked] == mind.asked_keys
    assert (mind.peak_in_flight, mind.in_flight) == (3, 0)


def test_cancelled_it_answers_nothing_and_counts_right() -> None:
    mind = ScriptedMind(delay_seconds=9.0)

    async def give_up() -> None:
        async with asyncio.timeout(1):
            await mind.answer(make_view("a"))

    with pytest.raises(TimeoutError):
        run_in_virtual_time(give_up())
    assert mind.in_flight == 0


# Time that costs nothing.


def test_time_jumps_from_timer_to_timer_in_order() -> None:
    log: list[tuple[str, float]] = []

    async def wait(name: str, *naps: float) -> None:
        for seconds in naps:
            await asyncio.sleep(seconds)
            log.append((name, virtual_seconds()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait("slow", 3600.0, 86400.0 * 365))
            group.create_task(wait("quick", 1.0, 2.0))

    run_in_virtual_time(main())
    assert [name for name, _ in log] == ["quick", "quick", "slow", "slow"]
    assert [moment for _, moment in log] == pytest.approx([1.0, 3.0, 3600.0, 3600.0 + 86400.0 * 365])


def test_time_stands_still_while_there_is_something_to_do() -> None:
    async def work() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return virtual_seconds()

    assert run_in_virtual_time(work()) == 0.0


def test_timers_of_one_moment_go_off_in_the_order_set() -> None:
    async def main() -> list[int]:
        log: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(50):
            loop.call_later(5.0, log.append, number)
        await asyncio.sleep(5.0)
        await asyncio.sleep(0.001)
        return log

    assert run_in_virtual_time(main()) == list(range(50))


def test_every_run_begins_at_zero_and_leaves_ordinary_time_alone() -> None:
    assert [run_in_virtual_time(nap(5)), run_in_virtual_time(nap(7))] == [5.0, 7.0]

    async def outside() -> None:
        with pytest.raises(RuntimeError, match="run_in_virtual_time"):
            virtual_seconds()

    asyncio.run(outside())


async def nap(seconds: float) -> float:
    """Sleep, and return what time it is then."""
    await asyncio.sleep(seconds)
    return virtual_seconds()


def test_threads_are_waited_for() -> None:
    assert run_in_virtual_time(asyncio.to_thread(lambda: 42)) == 42


def test_waiting_for_what_nothing_brings_about_is_an_error_and_not_a_hang() -> None:
    cleaned: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned.append(True)

    with pytest.raises(RuntimeError, match="everything waits, and no timer is set"):
        run_in_virtual_time(wait())
    assert cleaned == [True]
