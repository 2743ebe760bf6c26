"""How often Python looks for rubbish while acts are under way, and that it is as before afterwards."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Done, Outcome
from synthetic_communities.engine.collecting import NEW_OBJECTS, collecting_rarely, not_collecting
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.runner import Places, run_tasks


@pytest.fixture(autouse=True)
def _a_setting_of_our_own() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(500, 11, 12)
    yield
    gc.set_threshold(*before)


def run(perform: Any) -> None:
    """Run one act."""
    asyncio.run(run_tasks(Ledger([Task("a", "act")]), perform, lambda task, outcome: None, places=Places(1)))


def test_it_is_rare_while_acts_are_under_way_and_as_before_afterwards() -> None:
    seen = []

    async def perform(task: Task) -> Outcome[None]:
        seen.append(gc.get_threshold())
        return Done(None)

    run(perform)
    assert seen == [(NEW_OBJECTS, 11, 12)]
    assert gc.get_threshold() == (500, 11, 12)


def test_it_is_as_before_when_an_act_raises() -> None:
    async def perform(task: Task) -> Outcome[None]:
        raise LookupError

    with pytest.raises(LookupError):
        run(perform)
    assert gc.get_threshold() == (500, 11, 12)


def test_the_last_who_wants_it_rare_ends_it_whatever_thread_it_is_in() -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with collecting_rarely():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay)
    with collecting_rarely():
        thread.start()
        assert inside.wait(60)
    assert gc.get_threshold() == (NEW_OBJECTS, 11, 12)
    leave.set()
    thread.join()
    assert gc.get_threshold() == (500, 11, 12)


@pytest.mark.parametrize("own", [(0, 11, 12), (50_000, 11, 12)])
def test_who_has_turned_it_off_or_made_it_rarer_keeps_that(own: tuple[int, int, int]) -> None:
    gc.set_threshold(*own)
    with collecting_rarely():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_what_somebody_sets_meanwhile_stays() -> None:
    with collecting_rarely():
        gc.set_threshold(900, 1, 1)
    assert gc.get_threshold() == (900, 1, 1)


def test_what_was_there_before_is_passed_over_meanwhile() -> None:
    assert gc.get_freeze_count() == 0
    with collecting_rarely(), collecting_rarely():
        assert gc.get_freeze_count() > 1_000
    assert gc.get_freeze_count() == 0


def test_what_somebody_has_set_aside_stays_aside() -> None:
    gc.freeze()
    try:
        with collecting_rarely():
            pass
        assert gc.get_freeze_count() > 1_000
    finally:
        gc.unfreeze()


def test_who_has_turned_it_off_finds_nothing_set_aside() -> None:
    gc.disable()
    try:
        with collecting_rarely():
            assert gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_while_much_is_built_it_does_not_look_and_afterwards_it_does() -> None:
    def build() -> None:
        with not_collecting():
            with not_collecting():
                assert not gc.isenabled()
            assert not gc.isenabled()
            raise LookupError

    with pytest.raises(LookupError):
        build()
    assert gc.isenabled()


def test_who_has_turned_it_off_keeps_that_after_building() -> None:
    gc.disable()
    try:
        with not_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
