"""Trying again: what, how often, how long, and who has the place meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import Call, ModelReply
from synthetic_communities.llm.retrying import Retrying, RetryPolicy, decide_wait
from synthetic_communities.llm.wire.http_failures import OptionRefused
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.waiting import place_given_back
from tests.model_calls import make_request

POLICY = RetryPolicy()
CALL = Call("e0/belief/debate/p1", "debate_update")


def fail(kind: str = "overloaded", *, is_transient: bool = True, retry_after: float | None = None) -> CallError:
    return CallError(kind, is_transient=is_transient, retry_after_seconds=retry_after)


class Waits:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def run(replies: list[Any], policy: RetryPolicy = POLICY) -> tuple[ModelReply | Exception, ScriptedModel, list[float]]:
    """Return how a call ended, the model it was made of, and the waits."""
    inner, waits = ScriptedModel(replies), Waits()
    model = Retrying(inner, policy, sleep=waits)
    try:
        return asyncio.run(model.reply(make_request(), CALL)), inner, waits.seconds
    except (CallError, ModelUnavailableError) as error:
        return error, inner, waits.seconds


def test_a_reply_at_once_waits_for_nothing() -> None:
    reply, inner, waits = run(["Yes."])
    assert isinstance(reply, ModelReply)
    assert (reply.text, waits, inner.calls) == ("Yes.", [], [CALL])


def test_what_failed_in_passing_is_tried_again_and_each_try_says_which_it_is() -> None:
    reply, inner, waits = run([fail(), fail("connection"), "Yes."])
    assert isinstance(reply, ModelReply)
    assert reply.text == "Yes."
    assert [(call.tries, call.waited_seconds) for call in inner.calls] == [(1, 0.0), (2, waits[0]), (3, waits[1])]
    assert {(call.key, call.act, call.attempt) for call in inner.calls} == {(CALL.key, CALL.act, 1)}


def test_what_will_fail_again_is_not_tried_again() -> None:
    for error in (fail("bad request", is_transient=False), ModelUnavailableError("a bad key")):
        failure, inner, waits = run([error, "Yes."])
        assert failure is error
        assert (len(inner.calls), waits) == (1, [])


def test_what_is_refused_for_an_option_goes_out_again_at_once_and_is_no_reason_to_give_up() -> None:
    refused = [OptionRefused(option, "no such field", status=400) for option in ("seed", "think")]
    late = CallError("overloaded", is_transient=True)
    _, model, waits = run([*refused, late, "Yes."], replace(POLICY, max_tries=2))
    assert [call.tries for call in model.calls] == [1, 2, 3, 4]
    assert [call.waited_seconds for call in model.calls] == [0, 0, 0, *waits]
    assert len(waits) == 1


def test_the_number_of_tries_is_bounded_and_the_last_failure_stands() -> None:
    errors = [fail(), fail(), fail("server error")]
    failure, inner, waits = run([*errors, "Yes."], RetryPolicy(max_tries=3))
    assert failure is errors[-1]
    assert (len(inner.calls), len(waits)) == (3, 2)


def test_a_server_that_never_answers_in_time_is_asked_twice() -> None:
    failure, inner, _ = run([fail("timeout"), fail("overloaded"), fail("timeout"), "Yes."])
    assert isinstance(failure, CallError)
    assert (failure.kind, len(inner.calls)) == ("timeout", 3)


def test_waits_double_up_to_a_limit_and_are_drawn_below_it() -> None:
    policy = RetryPolicy(first_wait_seconds=1.0, longest_wait_seconds=5.0)
    keys = [f"e0/belief/debate/p{number}" for number in range(200)]
    for failed, limit in enumerate((1.0, 2.0, 4.0, 5.0), start=1):
        waits = [decide_wait([fail()] * failed, 0.0, policy, Call(key)) for key in keys]
        drawn = [wait for wait in waits if wait is not None]
        assert len(drawn) == len(set(drawn)) == 200
        assert 0 <= min(drawn) < 0.1 * limit
        assert 0.9 * limit < max(drawn) < limit


def test_a_wait_depends_on_key_attempt_and_try_alone() -> None:
    calls = [CALL, Call(CALL.key, attempt=2), Call("e0/belief/debate/p2")]
    waits = [decide_wait([fail()] * failed, 0.0, POLICY, call) for call in calls for failed in (1, 2)]
    assert waits == [decide_wait([fail()] * failed, 0.0, POLICY, call) for call in calls for failed in (1, 2)]
    assert len(set(waits)) == 6
    # As a record is compared between machines, so are waits.
    assert waits[0] == pytest.approx(0.7115584, abs=1e-6)


def test_a_wait_that_is_asked_for_is_honoured_and_not_by_all_at_the_same_moment() -> None:
    waits = [decide_wait([fail(retry_after=7.0)], 0.0, POLICY, Call(f"p{number}")) for number in range(50)]
    drawn = [wait for wait in waits if wait is not None]
    assert all(7.0 <= wait < 8.0 for wait in drawn)
    assert len(set(drawn)) == 50


def test_a_wait_of_a_year_is_not_waited() -> None:
    error = fail("rate limit", retry_after=31_536_000.0)
    failure, inner, waits = run([error, "Yes."])
    assert failure is error
    assert (len(inner.calls), waits) == (1, [])


@given(asked=st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=40), tries=st.integers(1, 40))
def test_all_waits_together_are_bounded(asked: list[float | None], tries: int) -> None:
    policy = RetryPolicy(max_tries=tries, max_waits_seconds=100.0)
    failures: list[CallError] = []
    waited = 0.0
    for seconds in asked:
        failures.append(fail(retry_after=seconds))
        wait = decide_wait(failures, waited, policy, CALL)
        if wait is None:
            break
        assert wait >= (seconds or 0.0)
        waited += wait
    assert waited <= 100.0
    assert len(failures) <= tries


def test_its_place_goes_to_others_while_it_waits_and_not_while_it_asks() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def give_back() -> AsyncIterator[None]:
        told.append("gone")
        yield
        told.append("back")

    async def sleep(seconds: float) -> None:
        told.append("waits")

    def reply(request: Any, call: Call) -> Any:
        told.append("asks")
        return fail() if call.tries == 1 else "Yes."

    async def use() -> ModelReply:
        place_given_back.set(give_back)
        return await Retrying(ScriptedModel(reply), sleep=sleep).reply(make_request(), CALL)

    assert asyncio.run(use()).text == "Yes."
    assert told == ["asks", "gone", "waits", "back", "asks"]


def test_cancelled_while_it_waits_it_asks_no_more() -> None:
    async def use() -> int:
        inner = ScriptedModel(lambda request, call: fail(retry_after=60.0))
        waiting = asyncio.create_task(Retrying(inner).reply(make_request(), CALL))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return len(inner.calls)

    assert asyncio.run(use()) == 1
