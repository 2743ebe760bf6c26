"""A run too much of which comes to nothing: when it is stopped, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.outcome import Done, Failed, NotAsked, Outcome, Refused, Skipped, Unreadable
from synthetic_communities.engine.ledger import Task
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.minds.views import View
from synthetic_communities.report.extent import Extent
from synthetic_communities.runs.directory import BALLOTS, EPOCHS, USAGE
from synthetic_communities.simulation.worthless import Failures, TooManyFailuresError
from tests.small_communities import make_config, make_engine, read_json, run_engine

TIMEOUT = Failed("timeout", "no reply within 120 s")


def make_task(number: int, step: str = "opening_opinion") -> Task:
    return Task(f"opening/opinion/p{number}", step)


def end_all(outcomes: list[Outcome[Any]], share: float = 0.2, *, begun: int = 0) -> TooManyFailuresError | None:
    """Let acts end one after the other, some more being under way, and return the first reason to stop."""
    failures = Failures(share)
    for number in range(max(begun, len(outcomes))):
        failures.begin(make_task(number))
    stops = [failures.end(make_task(number), outcome) for number, outcome in enumerate(outcomes)]
    return next((stop for stop in stops if stop is not None), None)


def end_of_run(ends: list[tuple[str, Outcome[Any]]], share: float = 0.2) -> str:
    """Let acts of these steps end one after the other, keyed by their numbers, and return the first reason to stop."""
    failures = Failures(share)
    for number, (step, outcome) in enumerate(ends):
        task = Task(str(number), step)
        if not isinstance(outcome, Skipped):
            failures.begin(task)
        stop = failures.end(task, outcome)
        if stop is not None:
            return str(stop)
    return ""


class TestDecision:
    @pytest.mark.parametrize("failed", [TIMEOUT, Unreadable("?"), Refused("no")])
    def test_more_than_the_share_is_too_much(self, failed: Outcome[Any]) -> None:
        done: list[Outcome[Any]] = [Done(1)] * 32
        assert end_all([*done, *[failed] * 8]) is None
        assert end_all([*done[1:], *[failed] * 9]) is not None

    def test_few_acts_say_nothing(self) -> None:
        assert end_all([TIMEOUT] * 19) is None
        assert end_all([TIMEOUT] * 20) is not None

    def test_acts_under_way_count_as_if_they_were_answered(self) -> None:
        assert end_all([TIMEOUT] * 20, begun=100) is None
        assert end_all([TIMEOUT] * 20, begun=99) is not None

    @pytest.mark.parametrize("idle", [Skipped("e0/x"), NotAsked("nothing new")])
    def test_who_was_not_asked_is_neither(self, idle: Outcome[Any]) -> None:
        assert end_all([*[idle] * 50, *[TIMEOUT] * 19]) is None
        assert end_all([*[idle] * 50, *[TIMEOUT] * 20]) is not None

    def test_steps_are_counted_each_for_itself(self) -> None:
        ends: list[tuple[str, Outcome[Any]]] = [("reaction", Done(1))] * 200 + [("post", TIMEOUT)] * 19
        assert end_of_run([*ends, ("ballot", TIMEOUT)]) == ""
        assert end_of_run([*ends, ("post", TIMEOUT)]).startswith("20 of 20 posts came to nothing (timeout 20: ")

    def test_all_together_are_counted_too_as_no_step_of_a_small_community_has_enough(self) -> None:
        steps = ("post", "reaction", "statement", "chat_turn", "ballot")
        ends: list[tuple[str, Outcome[Any]]] = [(steps[number % 5], Done(1)) for number in range(20)]
        assert end_of_run([*ends, *[("ballot", TIMEOUT)] * 5]) == ""
        told = "6 of 26 acts came to nothing (timeout 6: 20)"
        assert end_of_run([*ends, *[("ballot", TIMEOUT)] * 6]) == told

    def test_what_is_skipped_for_a_failure_does_not_make_it_more(self) -> None:
        ends: list[tuple[str, Outcome[Any]]] = [("post", Done(1))] * 20 + [("question", TIMEOUT)] * 5
        assert end_of_run([*ends, *[("statement", Skipped("20"))] * 100]) == ""

    def test_a_task_that_never_began_is_not_counted(self) -> None:
        failures = Failures(0.0)
        assert [failures.end(make_task(number), Skipped("e0/x")) for number in range(50)] == [None] * 50
        for number in range(20, 40):
            failures.begin(make_task(number))
        stops = [failures.end(make_task(number), TIMEOUT) for number in range(20, 40)]
        assert str(stops[-1]) == "20 of 20 opening opinions came to nothing (timeout 20: opening/opinion/p20)"

    def test_at_one_anything_may_come_to_nothing(self) -> None:
        assert end_all([TIMEOUT] * 500, share=1.0) is None

    def test_at_nought_nothing_may(self) -> None:
        assert end_all([Done(1)] * 50, share=0.0) is None
        assert end_all([*[Done(1)] * 19, TIMEOUT], share=0.0) is not None

    def test_the_commonest_reasons_are_told_each_with_an_example(self) -> None:
        outcomes = [
            Failed("connection"),
            *[Unreadable("?")] * 4,
            *[TIMEOUT] * 30,
            Refused(),
            Refused(),
            *[Done(1)] * 75,
        ]
        stop = end_all(outcomes[::-1])
        assert stop is not None
        assert stop.setting == "max_failures"
        reasons = "timeout 21: opening/opinion/p77; refused 2: opening/opinion/p75"
        assert str(stop) == f"23 of 98 opening opinions came to nothing ({reasons})"


class Failing:
    """The offline mind, but for the acts of a name, some of which fail."""

    name, source = "failing", "template"

    def __init__(self, act: str, fails: Callable[[int], bool]) -> None:
        self._act = act
        self._fails = fails
        self._offline = OfflineMind()
        self.asked = 0

    async def answer(self, view: View) -> Any:
        if view.act == self._act:
            self.asked += 1
            if self._fails(self.asked):
                return Failed("connection", "nobody there")
        return await self._offline.answer(view)


class TestRuns:
    def test_a_run_that_has_become_worthless_is_stopped_and_its_epochs_kept(self, tmp_path: Path) -> None:
        engine = make_engine(make_config(30, max_failures=0.2), Failing("ballot", lambda number: number % 2 == 0))
        with pytest.raises(TooManyFailuresError) as caught:
            run_engine(engine, tmp_path)
        assert str(caught.value).startswith("stopped: 10 of 20 ballots came to nothing (connection 10: ballot/p")
        assert caught.value.__cause__ is None
        path = engine.simulation_dir
        assert path is not None
        usage = read_json(path / USAGE)
        assert usage["status"] == "stopped"
        assert str(caught.value) == f"stopped: {usage['stopped']}"
        assert len((path / EPOCHS).read_text("utf-8").splitlines()) == 2
        ballots = (path / BALLOTS).read_text("utf-8").splitlines()
        assert len(ballots) == 30
        assert sum('"not_asked"' in line for line in ballots) == 10

    def test_a_run_in_which_nothing_is_left_to_do_is_complete_all_the_same(self, tmp_path: Path) -> None:
        engine = make_engine(make_config(24, max_failures=0.2), Failing("ballot", lambda number: number > 19))
        assert run_engine(engine, tmp_path).is_complete

    def test_a_larger_share_lets_it_go_on(self, tmp_path: Path) -> None:
        mind = Failing("ballot", lambda number: number % 2 == 0)
        engine = make_engine(make_config(30, max_failures=0.5), mind)
        assert run_engine(engine, tmp_path).is_complete
        assert mind.asked == 30

    def test_the_offline_mind_never_fails(self, tmp_path: Path) -> None:
        assert run_engine(make_engine(make_config(30, max_failures=0.0)), tmp_path).is_complete


def test_tables_say_that_a_run_was_stopped() -> None:
    extent = Extent("stopped", epochs=3, epochs_ended=1, has_ballots=False)
    assert str(extent) == "Partial (stopped): 1 of 3 epochs ended, no ballot was held."
