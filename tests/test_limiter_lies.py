"""A limiter told nonsense: wrong headers and counts, refusals without end. It may wait, but neither break nor stall."""

import asyncio
import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.json_shapes import count
from synthetic_communities.llm.limits.allowance import (
    BLIND_UNTIL_DISPROVED,
    LONGEST_BLIND_SECONDS,
    Allowance,
    Reckoning,
)
from synthetic_communities.llm.limits.headers import COUNTED, RateFact, read_rates
from synthetic_communities.llm.limits.limited import Limited
from synthetic_communities.llm.limits.limiter import Limiter
from synthetic_communities.llm.limits.refused import FORGOTTEN_SECONDS, LONGEST_REFUSED_SECONDS, Refused
from synthetic_communities.llm.limits.retry_after import parse_retry_after
from synthetic_communities.llm.limits.shared import SharedLimiter
from synthetic_communities.llm.limits.ticket import Ending, Ticket
from synthetic_communities.llm.model import Call, Model, Usage
from synthetic_communities.llm.retrying import Retrying
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.model_calls import make_request

YEAR = 31_536_000.0
WALL = 1_795_000_000.0


@dataclass
class Course:
    """How calls went: when the last one ended, and the longest that was waited for one to go."""

    ended_at: float
    longest_wait: float


def drive(
    limiter: Limiter, calls: int, answer: Callable[[int, float], Ending], *, at_once: int = 5, seconds: float = 0.1
) -> Course:
    """Make calls as soon as they may go, so many at once, each answered after so long."""
    now, longest, made = 0.0, 0.0, 0
    under_way: list[tuple[float, int, Ticket]] = []
    while made < calls or under_way:
        ticket = Ticket(4_000, 300)
        wait = limiter.wait_for(ticket, now) if made < calls and len(under_way) < at_once else math.inf
        assert wait >= 0
        if wait == 0:
            limiter.take(ticket, now)
            made += 1
            heapq.heappush(under_way, (now + seconds, made, ticket))
        elif under_way and now + wait >= under_way[0][0]:
            now, number, ended = heapq.heappop(under_way)
            limiter.end(ended, answer(number, now), now)
        else:
            assert wait < math.inf, "nothing is under way, and nothing may go"
            longest = max(longest, wait)
            now += max(wait, 1e-6)
    return Course(now, longest)


def serve(*facts: RateFact, usage: Usage | None = None) -> Callable[[int, float], Ending]:
    return lambda number, now: Ending("served", rates=facts, usage=usage)


class TestHeaders:
    @given(
        st.lists(
            st.builds(
                RateFact,
                st.sampled_from(COUNTED),
                st.sampled_from([0, 1, 10, 10**15 - 1]),
                limit=st.sampled_from([None, 1, 10, 10**15 - 1]),
                reset_seconds=st.sampled_from([None, -YEAR, 0.0, 1.0, YEAR, 1e12]),
                is_moment=st.booleans(),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_whatever_they_tell_no_call_waits_longer_than_for_one_look(self, facts: list[RateFact]) -> None:
        def answer(number: int, now: float) -> Ending:
            return Ending("served", rates=(facts[number % len(facts)],))

        assert drive(Limiter(100), 12, answer).longest_wait <= LONGEST_BLIND_SECONDS + 1e-6

    @given(st.sampled_from(["x-ratelimit-{1}-{0}", "anthropic-ratelimit-{0}-{1}"]), st.data())
    def test_whatever_stands_there_is_read_or_passed_over(self, form: str, data: st.DataObject) -> None:
        odd = st.sampled_from(["-1", "0", "7", "never", "nan", "inf", "1" + "0" * 400, "", "²", "1e3", "9" * 15 + "s"])
        dates = st.sampled_from(["2100-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
        headers: Mapping[str, str] = {
            form.format(what, part): data.draw(odd | dates)
            for what in ("requests", "tokens", "input-tokens")
            for part in ("remaining", "limit", "reset")
        } | {"date": data.draw(odd | st.just("Mon, 01 Jan 0001 00:00:00 GMT"))}
        facts = read_rates(headers, now=WALL)
        assert all(0 <= fact.remaining < 10**15 and (fact.limit is None or fact.limit > 0) for fact in facts)
        assert drive(Limiter(100), 8, serve(*facts)).longest_wait <= LONGEST_BLIND_SECONDS + 1e-6

    def test_what_is_served_again_and_again_with_nothing_left_is_not_waited_for_any_more(self) -> None:
        limiter = Limiter(100)
        course = drive(limiter, 500, serve(RateFact("requests", 0, limit=100, reset_seconds=YEAR)), at_once=1)
        assert course.ended_at == pytest.approx(BLIND_UNTIL_DISPROVED * LONGEST_BLIND_SECONDS + 500 * 0.1, abs=2.0)
        assert [change.reason for change in limiter.changes] == [
            "the server tells of a limit of 100 requests",
            "calls are served although the server tells that no requests are left",
        ]

    def test_a_refusal_makes_headers_count_again(self) -> None:
        allowance, fact = Allowance(), RateFact("requests", 0, reset_seconds=YEAR)
        then, now = Reckoning(0.0, None, 0.0), 0.0
        for position in range(1, BLIND_UNTIL_DISPROVED + 2):
            allowance.tell(fact, then, position=position, sent_at=now, now=now)
            now += allowance.wait_for(1.0, now)
            then = allowance.take(1.0, now)
        assert allowance.is_disproved
        assert allowance.wait_for(1.0, now) == 0.0
        allowance.tell(fact, then, position=position + 1, sent_at=now, now=now, is_refused=True)
        assert not allowance.is_disproved
        assert allowance.wait_for(1.0, now) == LONGEST_BLIND_SECONDS

    def test_calls_that_waited_for_what_came_in_disprove_nothing(self) -> None:
        allowance, now = Allowance(), 0.0
        then = allowance.take(1.0, now)
        for position in range(1, 20):
            fact = RateFact("requests", 0, limit=1, reset_seconds=60.0)
            allowance.tell(fact, then, position=position, sent_at=now, now=now)
            now += allowance.wait_for(1.0, now)
            then = allowance.take(1.0, now)
        assert not allowance.is_disproved
        assert now == pytest.approx(19 * 60.0)


class TestCounts:
    def test_a_count_beyond_all_reason_is_none(self) -> None:
        found = [count({"n": n}, "n") for n in (0, 10**15 - 1, 10**15, 10**400, -1, 1.0, True)]
        assert found == [0, 10**15 - 1, None, None, None, None, None]

    def test_a_wrong_count_stops_nothing_for_long(self) -> None:
        limiter = Limiter(100)
        limiter.give("tokens", 60_000, 0.0)
        usage = Usage(input_tokens=10**15 - 1, output_tokens=10**15 - 1)
        assert drive(limiter, 3, serve(usage=usage), at_once=1).longest_wait < 200.0

    def test_a_large_count_that_can_be_is_believed(self) -> None:
        limiter = Limiter(100)
        limiter.give("tokens", 60_000, 0.0)
        usage = Usage(input_tokens=16_000, output_tokens=32_000)
        assert drive(limiter, 2, serve(usage=usage), at_once=1).longest_wait == pytest.approx(47.0, abs=3.0)


class TestRefused:
    def test_it_is_how_long_nothing_but_refusals_came(self) -> None:
        refused = Refused()
        assert refused.seconds == 0.0
        for now in (10.0, 100.0, 250.0):
            refused.refuse(now)
        assert refused.seconds == 240.0
        refused.serve()
        assert refused.seconds == 0.0
        refused.refuse(300.0)
        assert refused.seconds == 0.0

    def test_who_did_not_ask_for_long_begins_anew(self) -> None:
        refused = Refused()
        refused.refuse(0.0)
        refused.refuse(FORGOTTEN_SECONDS)
        assert refused.seconds == FORGOTTEN_SECONDS
        refused.refuse(2 * FORGOTTEN_SECONDS + 1.0)
        assert refused.seconds == 0.0

    @pytest.mark.parametrize(
        ("status", "retry_after", "told"),
        [
            (429, None, "its limit seems to be used up"),
            (429, 30.0, "its limit seems to be used up"),
            (429, 80.0, "its limit seems to be used up"),
            (529, 80.0, "it is overloaded"),
        ],
    )
    def test_a_server_that_refuses_everything_is_given_up(
        self, status: int, retry_after: float | None, told: str
    ) -> None:
        kind = "rate limit" if status == 429 else "overloaded"
        busy = CallError(kind, is_transient=True, retry_after_seconds=retry_after, status=status)
        gave_up_at, message, tries = run_in_virtual_time(self._ask_until_given_up(ScriptedModel(lambda *asked: busy)))
        assert LONGEST_REFUSED_SECONDS <= gave_up_at <= LONGEST_REFUSED_SECONDS + 200.0
        assert "refused every call for" in message
        assert told in message
        assert tries < 200

    def test_one_reply_now_and_then_is_hope_enough(self) -> None:
        busy = CallError("rate limit", is_transient=True, retry_after_seconds=30.0, status=429)
        asked = 0

        def reply(*_: object) -> str | CallError:
            nonlocal asked
            asked += 1
            return "Hello." if asked % 10 == 0 else busy

        _, message, _ = run_in_virtual_time(self._ask_until_given_up(ScriptedModel(reply), calls=40))
        assert message == ""

    async def _ask_until_given_up(self, model: Model, calls: int = 300) -> tuple[float, str, int]:
        """Make calls, five at once, until one finds that there is no hope; return when, why, and how many tries."""
        loop = asyncio.get_running_loop()
        limited = Limited(model, SharedLimiter("scripted:model", Limiter(100), clock=loop.time))
        began, numbers, told = loop.time(), iter(range(calls)), []

        async def work() -> None:
            for number in numbers:
                try:
                    await Retrying(limited).reply(make_request(), Call(f"k{number}"))
                except CallError:
                    continue
                except ModelUnavailableError as error:
                    told.append((loop.time() - began, str(error)))
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(work())
        first = min(told, default=(loop.time() - began, ""))
        return *first, len(model.calls) if isinstance(model, ScriptedModel) else 0


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str) | st.just("1e308"))
def test_a_wait_that_is_asked_for_is_none_or_within_bounds(told: str) -> None:
    headers = {"retry-after": told, "retry-after-ms": told}
    seconds = parse_retry_after(headers, {"retryDelay": told}, now=WALL)
    assert seconds is None or 0.0 <= seconds <= 1e9


def test_a_wait_of_more_than_a_life_is_one_of_a_life() -> None:
    assert parse_retry_after({"retry-after": "1e308"}, None, now=WALL) == 1e9
