"""Waiting for a limiter: who goes first, who is not lost, on one loop and on several in threads of their own."""

import asyncio
import gc
import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.llm.limits.changes import LimitChange
from synthetic_communities.llm.limits.limiter import Limiter
from synthetic_communities.llm.limits.registry import build_limiter, find_limiter
from synthetic_communities.llm.limits.shared import SharedLimiter
from synthetic_communities.llm.limits.ticket import OTHER, Ending, Ticket
from synthetic_communities.testing.virtual_time import run_in_virtual_time

SERVED = Ending("served")
REFUSED = Ending("refused", "rate limit, HTTP 429", retry_after_seconds=5.0)


def make_limiter(most: int, clock: Callable[[], float] = time.monotonic, *, is_open: bool = False) -> SharedLimiter:
    """Return a limiter; an open one is past its opening, in which calls go one by one."""
    limiter = Limiter(most)
    if is_open:
        limiter.take(Ticket(), -100.0)
        limiter.under_way = 0
    return SharedLimiter("scripted:model", limiter, clock=clock)


def make_virtual(most: int, *, is_open: bool = True) -> SharedLimiter:
    """Return one that goes by the clock of the running loop."""
    return make_limiter(most, asyncio.get_running_loop().time, is_open=is_open)


async def turn(times: int = 3) -> None:
    """Let everybody else go on as far as they can."""
    for _ in range(times):
        await asyncio.sleep(0)


class TestOrder:
    def test_the_most_urgent_goes_first_then_who_is_first_by_key_then_who_came_first(self) -> None:
        gone: list[str] = []

        async def call(limiter: SharedLimiter, urgency: float, key: str, mark: str) -> None:
            ticket = Ticket()
            await limiter.take(ticket, (-urgency, key))
            gone.append(mark)
            limiter.end(ticket, SERVED)

        async def use() -> None:
            limiter, first = make_virtual(1), Ticket()
            await limiter.take(first, (0.0, ""))
            async with asyncio.TaskGroup() as group:
                calls = [(0.0, "b"), (0.0, "a"), (5.0, "z"), (2.0, "y"), (5.0, "c"), (0.0, "a")]
                for number, (urgency, key) in enumerate(calls):
                    group.create_task(call(limiter, urgency, key, f"{urgency:g}{key}{number}"))
                await turn()
                assert gone == []
                limiter.end(first)

        run_in_virtual_time(use())
        assert gone == ["5c4", "5z2", "2y3", "0a1", "0a5", "0b0"]

    def test_of_equals_who_came_first_goes_first(self) -> None:
        gone: list[int] = []

        async def call(limiter: SharedLimiter, number: int) -> None:
            ticket = Ticket()
            await limiter.take(ticket, (0.0, "same"))
            gone.append(number)
            limiter.end(ticket)

        async def use() -> None:
            limiter, first = make_virtual(1), Ticket()
            await limiter.take(first, (0.0, ""))
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(call(limiter, number))
                await turn()
                limiter.end(first)

        run_in_virtual_time(use())
        assert gone == list(range(20))

    def test_who_comes_later_does_not_pass_who_waits(self) -> None:
        async def use() -> None:
            limiter, first = make_virtual(1), Ticket()
            await limiter.take(first, (0.0, "z"))
            waiting = asyncio.create_task(limiter.take(Ticket(), (0.0, "z")))
            await turn()
            limiter.limiter.under_way = 0
            later = asyncio.create_task(limiter.take(Ticket(), (0.0, "z")))
            await turn()
            assert (waiting.done(), later.done()) == (True, False)
            later.cancel()

        run_in_virtual_time(use())


class TestWaiting:
    def test_it_says_how_long_it_took(self) -> None:
        async def use() -> tuple[float, float]:
            limiter, first = make_virtual(2), Ticket()
            at_once = await limiter.take(first, (0.0, ""))
            limiter.end(first, REFUSED)
            return at_once, await limiter.take(Ticket(), (0.0, ""))

        at_once, later = run_in_virtual_time(use())
        assert (at_once, later) == (0.0, pytest.approx(5.0))

    def test_a_pause_holds_for_all_who_wait_and_for_who_comes_later(self) -> None:
        async def use() -> list[float]:
            limiter, first = make_virtual(100), Ticket()
            limiter.limiter.pace.refuse = lambda *_: True  # type: ignore[method-assign]  # a pause, and no pace
            await limiter.take(first, (0.0, ""))
            limiter.end(first, REFUSED)
            clock = asyncio.get_running_loop().time

            async def call(delay: float) -> float:
                await asyncio.sleep(delay)
                await limiter.take(Ticket(), (0.0, ""))
                return clock()

            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(call(delay)) for delay in (0.0, 0.0, 1.0, 4.5, 6.0)]
            return [call.result() for call in calls]

        assert run_in_virtual_time(use()) == [5.0, 5.0, 5.0, 5.0, 6.0]

    def test_where_no_timer_is_fine_enough_calls_go_off_pass_by_pass(self) -> None:
        timers: list[float] = []
        ticks = itertools.count()

        async def use() -> None:
            loop = asyncio.get_running_loop()
            set_timer = loop.call_later

            def note_timer(delay: float, *arguments: Any, **more: Any) -> asyncio.TimerHandle:
                timers.append(delay)
                return set_timer(0.0, *arguments, **more)

            loop.call_later = note_timer  # type: ignore[method-assign]
            limiter = make_limiter(1_000, lambda: next(ticks) * 50e-6)
            for _ in range(20):
                await limiter.take(Ticket(), (0.0, ""))

        asyncio.run(use())
        assert timers == [], "the opening lets a call go every millisecond or so"

    def test_but_not_for_ever(self) -> None:
        async def use() -> float:
            limiter = make_virtual(1_000, is_open=False)
            for _ in range(20):
                await limiter.take(Ticket(), (0.0, ""))
            return asyncio.get_running_loop().time()

        # Virtual time passes in timers only.
        assert 0.01 < run_in_virtual_time(use()) < 0.03

    @pytest.mark.parametrize("cancel_after", [0, 1, 2, 3])
    def test_a_cancelled_call_is_passed_over_and_loses_no_place(self, cancel_after: int) -> None:
        async def use() -> int:
            limiter, first = make_virtual(1), Ticket()
            await limiter.take(first, (0.0, ""))
            cancelled = asyncio.create_task(limiter.take(Ticket(), (0.0, "a")))
            waiting = asyncio.create_task(limiter.take(Ticket(), (0.0, "b")))
            await turn()
            limiter.end(first)  # the first of the two is let go, and cancelled before or after it knows
            await turn(cancel_after)
            was_done = cancelled.done()
            cancelled.cancel()
            await turn()
            if was_done:
                limiter.end(Ticket())
            await turn()
            assert waiting.done()
            return limiter.limiter.under_way

        assert run_in_virtual_time(use()) == 1

    def test_who_waited_for_a_pause_and_was_cancelled_leaves_the_others_their_timer(self) -> None:
        async def use() -> float:
            limiter, first = make_virtual(9), Ticket()
            await limiter.take(first, (0.0, ""))
            limiter.end(first, REFUSED)
            cancelled = asyncio.create_task(limiter.take(Ticket(), (0.0, "a")))
            waiting = asyncio.create_task(limiter.take(Ticket(), (0.0, "b")))
            await turn()
            cancelled.cancel()
            await waiting
            return asyncio.get_running_loop().time()

        assert run_in_virtual_time(use()) == pytest.approx(5.0)

    @settings(deadline=None)
    @given(
        most=st.integers(1, 5),
        calls=st.lists(
            st.tuples(
                st.floats(0, 3), st.floats(0, 2), st.none() | st.floats(0, 3), st.sampled_from(["", "refused", "other"])
            ),
            max_size=30,
        ),
        rate=st.none() | st.floats(60, 6_000),
    )
    def test_nobody_is_lost_and_the_limit_is_kept_whatever_is_cancelled_and_refused(
        self, most: int, calls: list[tuple[float, float, float | None, str]], rate: float | None
    ) -> None:
        under_way = peak = 0
        gone: list[int] = []

        async def call(limiter: SharedLimiter, number: int, delay: float, seconds: float, how: str) -> None:
            nonlocal under_way, peak
            await asyncio.sleep(delay)
            ticket, ending = Ticket(), OTHER
            await limiter.take(ticket, (0.0, str(number)))
            under_way += 1
            peak = max(peak, under_way)
            gone.append(number)
            try:
                await asyncio.sleep(seconds)
                ending = {"": SERVED, "refused": REFUSED}.get(how, OTHER)
            finally:
                under_way -= 1
                limiter.end(ticket, ending)

        async def use() -> None:
            limiter = make_virtual(most)
            limiter.give(requests_per_minute=rate)
            loop, tasks = asyncio.get_running_loop(), []
            for number, (delay, seconds, cancel_at, how) in enumerate(calls):
                task = asyncio.create_task(call(limiter, number, delay, seconds, how))
                tasks.append(task)
                if cancel_at is not None:
                    loop.call_later(cancel_at, task.cancel)
            await asyncio.gather(*tasks, return_exceptions=True)
            assert limiter.limiter.under_way == 0
            # Whoever comes afterwards gets a place, though the pace may have become slow.
            await limiter.take(Ticket(), (0.0, ""))

        run_in_virtual_time(use())
        assert peak <= most
        assert under_way == 0
        kept = {number for number, (_, _, cancel_at, _) in enumerate(calls) if cancel_at is None}
        assert kept <= set(gone)


class TestThreads:
    def test_loops_in_threads_of_their_own_share_one_limit(self) -> None:
        limiter = make_limiter(3, is_open=True)
        lock, under_way, peak, gone = threading.Lock(), [0], [0], [0]

        async def call(number: int) -> None:
            ticket = Ticket()
            await limiter.take(ticket, (0.0, str(number)))
            with lock:
                under_way[0] += 1
                peak[0] = max(peak[0], under_way[0])
            await asyncio.sleep(0.0005)
            with lock:
                under_way[0] -= 1
                gone[0] += 1
            limiter.end(ticket, SERVED)

        async def use(seed: int) -> None:
            chance = random.Random(seed)
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    group.create_task(call(chance.randrange(1_000) + number))

        with ThreadPoolExecutor(4) as threads:
            for run in [threads.submit(asyncio.run, use(seed)) for seed in range(4)]:
                run.result(timeout=60)
        assert (peak[0], gone[0], under_way[0], limiter.limiter.under_way) == (3, 400, 0, 0)

    def test_a_call_on_one_loop_is_woken_by_the_end_of_one_on_another(self) -> None:
        limiter = make_limiter(1, is_open=True)
        is_held, may_end = threading.Event(), threading.Event()

        async def hold() -> None:
            ticket = Ticket()
            await limiter.take(ticket, (0.0, ""))
            is_held.set()
            await asyncio.to_thread(may_end.wait, 30)
            limiter.end(ticket)

        async def wait() -> float:
            await asyncio.to_thread(is_held.wait, 30)
            taking = asyncio.create_task(limiter.take(Ticket(), (0.0, "")))
            await turn()
            assert not taking.done()
            may_end.set()
            return await asyncio.wait_for(taking, 30)

        with ThreadPoolExecutor(2) as threads:
            holding, waiting = threads.submit(asyncio.run, hold()), threads.submit(asyncio.run, wait())
            holding.result(timeout=60)
            assert waiting.result(timeout=60) > 0

    def test_every_loop_has_a_timer_of_its_own_and_needs_no_other_to_go_on(self) -> None:
        limiter = make_limiter(100, is_open=True)
        limiter.give(requests_per_minute=60 * 100)
        is_stuck, may_go_on = threading.Event(), threading.Event()

        async def stick() -> None:
            waiting = asyncio.create_task(_take_many(limiter, 60, "a"))
            await turn()
            is_stuck.set()
            may_go_on.wait(30)  # this loop stands still, its calls waiting
            await waiting

        async def go_on() -> None:
            await asyncio.to_thread(is_stuck.wait, 30)
            await asyncio.wait_for(_take_many(limiter, 40, "0"), 30)  # 25 are saved up at most
            may_go_on.set()

        with ThreadPoolExecutor(2) as threads:
            runs = [threads.submit(asyncio.run, use) for use in (stick(), go_on())]
            for run in runs:
                run.result(timeout=60)

    def test_a_loop_that_was_closed_with_calls_waiting_takes_no_place_away(self) -> None:
        limiter, first = make_limiter(1, is_open=True), Ticket()
        loop = asyncio.new_event_loop()
        abandoned = loop.create_task(limiter.take(Ticket(), (0.0, "a")))

        async def use() -> None:
            await limiter.take(first, (0.0, ""))
            await asyncio.to_thread(loop.run_until_complete, turn())
            loop.close()
            waiting = asyncio.create_task(limiter.take(Ticket(), (0.0, "b")))
            await turn()
            limiter.end(first)
            await asyncio.wait_for(waiting, 30)

        asyncio.run(use())
        assert limiter.limiter.under_way == 1
        abandoned._log_destroy_pending = False  # type: ignore[attr-defined]
        abandoned.get_coro().close()  # type: ignore[union-attr]


async def _take_many(limiter: SharedLimiter, count: int, key: str) -> None:
    for _ in range(count):
        await limiter.take(Ticket(), (0.0, key))


class TestTelling:
    def test_changes_are_logged_with_the_models_name_and_told_to_who_watches(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        told: list[tuple[str, LimitChange]] = []

        def note(name: str, change: LimitChange) -> None:
            told.append((name, change))

        async def use() -> None:
            limiter = make_virtual(9)
            limiter.give(requests_per_minute=60)
            limiter.watch(note)
            limiter.watch(note)
            limiter.give(tokens_per_minute=10_000)
            limiter.unwatch(note)
            limiter.give(requests_per_minute=30, tokens_per_minute=10_000)
            limiter.unwatch(note)
            limiter.give(requests_per_minute=20)

        with caplog.at_level(logging.INFO, logger="synthetic_communities.limits"):
            run_in_virtual_time(use())
        assert [(name, change.reason) for name, change in told] == [
            ("scripted:model", "10,000 tokens per minute are set"),
            ("scripted:model", "10,000 tokens per minute are set"),
            ("scripted:model", "30 requests per minute are set"),
        ]
        assert [record.getMessage() for record in caplog.records] == [
            "scripted:model: max_concurrent calls at once: 60 requests per minute are set",
            "scripted:model: max_concurrent calls at once: 10,000 tokens per minute are set",
            "scripted:model: max_concurrent calls at once: 30 requests per minute are set",
            "scripted:model: max_concurrent calls at once: 20 requests per minute are set",
        ]


class TestRegistry:
    @pytest.mark.parametrize(
        ("name", "seconds"),
        [("openai:m", 1 / 800), ("anthropic:m", 1 / 400), ("ollama:m", 1 / 800), ("scripted:model", 1 / 800)],
    )
    def test_calls_through_an_sdk_begin_at_half_the_pace(self, name: str, seconds: float) -> None:
        limiter = build_limiter(name, most=10).limiter
        limiter.take(Ticket(), 0.0)
        assert limiter.wait_for(Ticket(), 0.0) == pytest.approx(seconds)

    def test_an_account_and_a_model_have_one_limiter_in_the_whole_process(self) -> None:
        first = find_limiter("openai:m", "http://h/v1", "key", most=10)
        assert find_limiter("openai:m", "http://h/v1", "key", most=10) is first
        others = [
            find_limiter("openai:n", "http://h/v1", "key", most=10),
            find_limiter("openai:m", "http://g/v1", "key", most=10),
            find_limiter("openai:m", "http://h/v1", "yek", most=10),
            find_limiter("openai:m", "http://h/v1", None, most=10),
            build_limiter("openai:m", most=10),
        ]
        assert len({id(limiter) for limiter in (first, *others)}) == 6

    def test_whoever_may_make_more_calls_raises_the_most(self) -> None:
        first = find_limiter("openai:more", "http://h/v1", None, most=10)
        assert find_limiter("openai:more", "http://h/v1", None, most=4_000) is first
        assert find_limiter("openai:more", "http://h/v1", None, most=1) is first
        assert first.limiter.crowd.limit == 4_000

    def test_it_is_forgotten_with_the_last_who_holds_it(self) -> None:
        mark = find_limiter("openai:forgotten", "http://h/v1", None, most=10)
        mark.limiter.too_long = 7
        del mark
        gc.collect()
        assert find_limiter("openai:forgotten", "http://h/v1", None, most=10).limiter.too_long == 0

    def test_no_key_is_kept(self) -> None:
        key = "sk-not-to-be-found-0123456789"
        limiter = find_limiter("openai:secret", "http://h/v1", key, most=10)
        seen: set[int] = set()

        def texts(thing: object, depth: int = 6) -> str:
            if depth == 0 or id(thing) in seen:
                return ""
            seen.add(id(thing))
            held = gc.get_referents(thing) if not isinstance(thing, (str, bytes, type)) else ()
            return f"{thing!r} {' '.join(texts(each, depth - 1) for each in held)}"

        import synthetic_communities.llm.limits.registry as registry

        found = texts(limiter) + texts(dict(registry._limiters))
        assert "http://h/v1" in found
        assert key not in found


def test_a_ticket_that_was_never_granted_was_sent_before_everything() -> None:
    assert Ticket().granted_at == -math.inf
