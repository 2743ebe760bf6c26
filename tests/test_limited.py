"""A model that keeps to its limits: what each try takes and gives back, what a server's answers teach, and how well."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthetic_communities.llm.failures import CallError, ModelUnavailableError, NotReachedError, WrongSettingsError
from synthetic_communities.llm.first_replies import FirstReplies
from synthetic_communities.llm.limits.changes import LimitChange
from synthetic_communities.llm.limits.headers import RateFact, read_rates
from synthetic_communities.llm.limits.limited import Limited, read_ending
from synthetic_communities.llm.limits.limiter import LONGEST_PAUSE_SECONDS, Limiter
from synthetic_communities.llm.limits.shared import SharedLimiter
from synthetic_communities.llm.model import Call, Model, ModelReply, ModelRequest, Usage
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.llm.retrying import Retrying, RetryPolicy
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.simulation.failed_calls import FailedCalls
from synthetic_communities.simulation.run_calls import RunCalls
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.server.problem import Problem
from synthetic_communities.testing.server.rate import (
    RateBucket,
    RateState,
    build_anthropic_headers,
    build_openai_headers,
)
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from synthetic_communities.waiting import place_given_back, urgency
from tests.model_calls import ask, giving_back, make_model, make_request

WALL = 1_795_000_000.25
FACT = RateFact("requests", 7, limit=10, reset_seconds=1.0)


def make_limiter(most: int = 100) -> SharedLimiter:
    """Return a limiter that goes by the clock of the running loop."""
    return SharedLimiter("scripted:model", Limiter(most), clock=asyncio.get_running_loop().time)


def limit(inner: Model, most: int = 100) -> Limited:
    return Limited(inner, make_limiter(most))


def busy(status: int = 429, retry_after: float | None = 1.0, detail: str = "", **more: Any) -> CallError:
    kind = "rate limit" if status == 429 else "overloaded"
    return CallError(kind, detail, is_transient=True, retry_after_seconds=retry_after, status=status, **more)


class TestTries:
    def test_a_place_is_held_while_the_try_lasts_and_not_between_tries(self) -> None:
        under_way: list[int] = []

        async def use() -> str:
            limited = limit(ScriptedModel(reply))

            async def sleep(seconds: float) -> None:
                under_way.append(limited.limiter.limiter.under_way)
                await asyncio.sleep(seconds)

            model.append(limited)
            return (await Retrying(limited, sleep=sleep).reply(make_request(), Call("k"))).text

        def reply(request: ModelRequest, call: Call) -> Any:
            under_way.append(model[0].limiter.limiter.under_way)
            return busy() if call.tries < 3 else "Yes."

        model: list[Limited] = []
        assert run_in_virtual_time(use()) == "Yes."
        assert under_way == [1, 0, 1, 0, 1]
        assert model[0].limiter.limiter.under_way == 0

    @pytest.mark.parametrize("error", [ModelUnavailableError("a bad key"), CallError("timeout"), ValueError("a bug")])
    def test_whatever_comes_the_place_is_given_back(self, error: Exception) -> None:
        async def use() -> int:
            model = limit(ScriptedModel(lambda request, call: error))  # type: ignore[arg-type,return-value]
            with pytest.raises(type(error)):
                await model.reply(make_request(), Call("k"))
            return model.limiter.limiter.under_way

        assert run_in_virtual_time(use()) == 0

    def test_a_try_that_is_cancelled_gives_its_place_back(self) -> None:
        class Stuck(Wrapper):
            async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
                await asyncio.Event().wait()
                raise AssertionError

        async def use() -> tuple[int, int]:
            model = limit(Stuck(ScriptedModel([])))
            task = asyncio.create_task(model.reply(make_request(), Call("k")))
            await asyncio.sleep(1.0)
            before = model.limiter.limiter.under_way
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return before, model.limiter.limiter.under_way

        assert run_in_virtual_time(use()) == (1, 0)

    def test_waiting_is_told_as_waiting_and_added_to_that_before_the_try(self) -> None:
        inner = ScriptedModel(["Yes."])

        async def use() -> None:
            model = limit(inner)
            model.limiter.limiter.pause_until = virtual_seconds() + 7.0
            await model.reply(make_request(), Call("k", waited_seconds=2.0))

        run_in_virtual_time(use())
        assert [call.waited_seconds for call in inner.calls] == [pytest.approx(9.0)]

    def test_a_call_that_goes_at_once_is_passed_on_as_it_is(self) -> None:
        inner, call = ScriptedModel(["Yes."]), Call("k")

        async def use() -> None:
            await limit(inner).reply(make_request(), call)

        run_in_virtual_time(use())
        assert inner.calls[0] is call

    def test_the_urgent_go_first_and_of_equals_those_first_by_key(self) -> None:
        inner = ScriptedModel(lambda request, call: "Yes.")

        async def use() -> None:
            model = limit(inner)
            model.limiter.limiter.pause_until = virtual_seconds() + 1.0
            async with asyncio.TaskGroup() as group:
                for key, acts_ahead in {"b": 0, "a": 0, "c": 3, "d": 7}.items():
                    urgency.set(acts_ahead)
                    group.create_task(model.reply(make_request(), Call(key)))

        run_in_virtual_time(use())
        assert [call.key for call in inner.calls] == ["d", "c", "a", "b"]

    def test_a_run_is_told_while_it_has_the_model_open(self, tmp_path: Path) -> None:
        calls = RunCalls(FailedCalls(tmp_path, Prices()), Prices())

        async def use() -> None:
            model = Limited(ScriptedModel([busy(529), busy(529), busy(529)]), make_limiter())
            with calls.heard():
                for _ in range(2):
                    with pytest.raises(CallError):
                        async with model:
                            await model.reply(make_request(), Call("k"))
                    await asyncio.sleep(5.0)
                with pytest.raises(CallError):
                    await model.reply(make_request(), Call("k"))

        run_in_virtual_time(use())
        changes = [(name, change.limit) for name, change in calls.log.limit_changes]
        assert changes == [("scripted:model", 5), ("scripted:model", 3)]

    def test_what_was_opened_before_a_run_may_be_closed_in_it(self, tmp_path: Path) -> None:
        calls = RunCalls(FailedCalls(tmp_path, Prices()), Prices())

        async def use() -> None:
            model = Limited(ScriptedModel([busy(529)]), make_limiter())
            await model.__aenter__()
            with calls.heard():
                with pytest.raises(CallError):
                    await model.reply(make_request(), Call("k"))
                await model.__aexit__(None, None, None)

        run_in_virtual_time(use())
        assert calls.log.limit_changes == []

    def test_while_it_waits_here_a_call_keeps_its_place_in_the_run(self) -> None:
        told: list[str] = []

        @asynccontextmanager
        async def give_back() -> AsyncIterator[None]:
            told.append("gave it back")
            yield

        async def use() -> None:
            model = limit(ScriptedModel(["Yes."]))
            model.limiter.limiter.pause_until = virtual_seconds() + 7.0
            place_given_back.set(give_back)
            await model.reply(make_request(), Call("k"))

        run_in_virtual_time(use())
        assert told == []


class TestEndings:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (busy(), "refused"),
            (busy(detail="Rate limit reached for requests"), "refused"),
            (busy(detail="Number of concurrent connections has exceeded your rate limit"), "crowded"),
            (busy(detail="Too many requests at once"), "crowded"),
            (busy(529), "crowded"),
            (busy(503), "crowded"),
            (CallError("server error", status=500, is_transient=True), "other"),
            (CallError("timeout", is_transient=True), "other"),
            (CallError("connection", is_transient=True), "other"),
            (CallError("bad request", "too many requests in parallel", status=400), "other"),
        ],
    )
    def test_what_a_failure_says_of_limits(self, error: CallError, kind: str) -> None:
        assert read_ending(error).kind == kind

    def test_what_came_with_it_is_kept(self) -> None:
        ending = read_ending(busy(retry_after=3.0, rates=(FACT,)))
        assert (ending.reason, ending.retry_after_seconds, ending.rates) == ("rate limit, HTTP 429", 3.0, (FACT,))
        usage = Usage(input_tokens=3, output_tokens=4)
        ending = read_ending(CallError("malformed reply", usage=usage, rates=(FACT,)))
        assert (ending.usage, ending.rates) == (usage, (FACT,))


class TestWaitsOfAYear:
    YEAR = 31_536_000.0

    def test_a_server_that_asks_for_nothing_else_stops_the_run(self) -> None:
        inner = ScriptedModel(lambda request, call: busy(retry_after=self.YEAR))

        async def use() -> tuple[list[type[BaseException]], float]:
            model, ended = Retrying(limit(inner)), []
            for number in range(3):
                with pytest.raises((CallError, ModelUnavailableError)) as failed:
                    await model.reply(make_request(), Call(f"k{number}"))
                ended.append(type(failed.value))
            assert "asked 3 times in a row for a wait that is too long, last 31,536,000 s" in str(failed.value)
            assert "run again later" in str(failed.value)
            return ended, virtual_seconds()

        ended, seconds = run_in_virtual_time(use())
        assert ended == [CallError, CallError, ModelUnavailableError]
        assert seconds < 10.0
        assert len(inner.calls) == 3

    def test_another_failure_is_what_it_is(self) -> None:
        async def use() -> None:
            error = CallError("bad request", status=400)
            model = limit(ScriptedModel([*[busy(retry_after=self.YEAR)] * 3, error]))
            for _ in range(3):
                with pytest.raises((CallError, ModelUnavailableError)):
                    await model.reply(make_request(), Call("k"))
            with pytest.raises(CallError, match="bad request"):
                await model.reply(make_request(), Call("k"))

        run_in_virtual_time(use())

    def test_one_that_does_so_now_and_then_fails_single_calls(self) -> None:
        inner = ScriptedModel(lambda request, call: busy(retry_after=self.YEAR) if int(call.key) % 2 else "Yes.")

        async def use() -> list[bool]:
            model, served = Retrying(limit(inner)), []
            for number in range(20):
                try:
                    await model.reply(make_request(), Call(f"{number}"))
                except CallError:
                    served.append(False)
                else:
                    served.append(True)
            return served

        assert run_in_virtual_time(use()) == [True, False] * 10

    def test_the_longest_that_is_waited_is_that_of_retries(self) -> None:
        assert RetryPolicy().longest_retry_after_seconds == LONGEST_PAUSE_SECONDS


@dataclass
class Served:
    """What a server made of a run's calls: when each was let through, when each was refused."""

    through: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0
    changes: list[LimitChange] = field(default_factory=list)

    def share_of_quota(self, rate: float, after: float) -> float:
        """Return the calls let through after some seconds, over what the rate allowed until the last of them."""
        return len([at for at in self.through if at > after]) / (rate * (max(self.through) - after))

    def share_refused(self, after: float = 0.0) -> float:
        """Return the share of calls after some seconds that were refused."""
        refused = len([at for at in self.refused if at > after])
        return refused / (refused + len([at for at in self.through if at > after]))


class RatedServer:
    """A server in virtual time that lets through what a token bucket does, after the way there and a queue."""

    name = "scripted:model"

    def __init__(
        self,
        served: Served,
        rate: float,
        size: int,
        *,
        latency: float,
        headers: Callable[[RateState, float], Mapping[str, str]] | None = None,
        changes_at: float = math.inf,
        later_rate: float = 0.0,
    ) -> None:
        self._served, self._rate, self._size, self._latency = served, rate, size, latency
        self._headers, self._changes_at, self._later_rate = headers, changes_at, later_rate
        self._bucket: RateBucket | None = None
        self._free_at = 0.0

    async def __aenter__(self) -> "RatedServer":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Nothing was opened."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        await asyncio.sleep(0.002)
        self._free_at = max(self._free_at, virtual_seconds()) + 0.0005
        await asyncio.sleep(self._free_at - virtual_seconds())
        now = virtual_seconds()
        bucket = self._bucket = self._bucket or RateBucket(self._rate, self._size, now)
        if now >= self._changes_at:
            bucket.state(now)
            bucket.rate = self._later_rate
        told = self._headers(bucket.state(now), WALL + now) if self._headers else {}
        try:
            bucket.take(now)
        except Problem as problem:
            self._served.refused.append(now)
            await asyncio.sleep(0.002)
            rates = read_rates(told, now=WALL + virtual_seconds())
            raise busy(retry_after=float(problem.retry_after or 0), rates=rates) from None
        self._served.through.append(now)
        await asyncio.sleep(self._latency + 0.002)
        rates = read_rates(told, now=WALL + virtual_seconds())
        return ModelReply("Yes.", stop="end", model="m", rates=rates)


def serve(
    rate: float, size: int, calls: int, *, latency: float = 1.0, given: float | None = None, **server: Any
) -> Served:
    """Make calls of a server, a hundred at once as a run does, and return what it made of them."""
    served = Served()

    async def use() -> None:
        limited = limit(RatedServer(served, rate, size, latency=latency, **server), most=1_000)
        limited.limiter.give(requests_per_minute=given)
        model, places = Retrying(limited), asyncio.Semaphore(100)

        async def call(number: int) -> None:
            async with places:
                place_given_back.set(giving_back(places))
                try:
                    await model.reply(make_request(), Call(f"{number:05d}"))
                except CallError:
                    served.failed += 1

        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                group.create_task(call(number))
        served.changes.extend(limited.limiter.limiter.changes)

    run_in_virtual_time(use())
    return served


def openai(state: RateState, wall: float) -> Mapping[str, str]:
    return build_openai_headers(state)


class TestServers:
    @pytest.mark.parametrize("latency", [0.0, 0.5, 2.0])
    def test_one_that_tells_nothing_but_a_wait_is_used_up_to_its_limit(self, latency: float) -> None:
        served = serve(20.0, 20, 2_000, latency=latency)
        assert served.share_of_quota(20.0, after=1.0) >= 0.98
        assert served.share_refused() <= 0.01
        assert served.share_refused(after=1.0) <= 0.004
        assert served.failed == 0

    @pytest.mark.parametrize("latency", [0.0, 0.5, 2.0])
    @pytest.mark.parametrize("headers", [openai, build_anthropic_headers])
    def test_one_that_tells_its_limits_is_not_asked_beyond_them(
        self, headers: Callable[[RateState, float], Mapping[str, str]], latency: float
    ) -> None:
        served = serve(20.0, 20, 800, latency=latency, headers=headers)
        assert served.share_of_quota(20.0, after=0.0) >= 0.98
        assert len(served.refused) <= 10, "half a percent of two thousand"
        assert served.share_refused(after=1.0) == 0.0
        assert served.failed == 0

    @pytest.mark.parametrize("latency", [0.0, 2.0])
    def test_one_whose_limit_is_given_refuses_nothing(self, latency: float) -> None:
        served = serve(20.0, 20, 1_000, latency=latency, given=1_200.0)
        assert served.share_of_quota(20.0, after=0.0) >= 0.99
        assert served.refused == []

    def test_a_small_store_that_runs_over_in_every_pause_is_measured_all_the_same(self) -> None:
        served = serve(200.0, 20, 6_000, latency=0.1)
        assert served.share_of_quota(200.0, after=5.0) >= 0.9
        assert served.share_refused() <= 0.01

    def test_no_store_at_all(self) -> None:
        served = serve(20.0, 1, 2_000)
        assert served.share_of_quota(20.0, after=15.0) >= 0.85
        assert served.share_refused() <= 0.01

    def test_a_few_calls_a_minute(self) -> None:
        served = serve(0.1, 3, 30)
        assert served.share_of_quota(0.1, after=30.0) >= 0.85
        assert served.failed == 0
        assert len(served.refused) <= 15

    def test_a_rate_that_falls_is_found(self) -> None:
        served = serve(20.0, 20, 1_500, changes_at=50.0, later_rate=5.0)
        assert served.share_of_quota(5.0, after=60.0) >= 0.9
        assert served.share_refused(after=55.0) <= 0.03
        assert served.failed == 0

    def test_a_rate_that_rises_is_found_with_care(self) -> None:
        served = serve(5.0, 20, 2_000, changes_at=50.0, later_rate=50.0)
        assert served.share_of_quota(50.0, after=100.0) >= 0.9
        assert served.share_refused() <= 0.01

    def test_one_without_a_limit_is_not_held_back_after_the_opening(self) -> None:
        served = serve(1e6, 10**6, 3_000, latency=0.05)
        assert served.refused == []
        assert served.changes == []
        assert max(served.through) == pytest.approx(3_000 / 100 * 0.0545, abs=0.15)


class TestFirstReplies:
    BAD = CallError("bad request", "temperature: no", status=400)

    @staticmethod
    def run(
        script: Callable[[Call], tuple[float, Any]], keys: str, *, wrap: Callable[[Model], Model] = FirstReplies
    ) -> list[Any]:
        """Make a call for each key at once, each of which takes so long and ends so; return how each ended and when."""

        class Slow(Wrapper):
            async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
                await asyncio.sleep(script(call)[0])
                return await self.inner.reply(request, call)

        async def one(model: Model, key: str) -> tuple[str, float]:
            try:
                reply = await model.reply(make_request(), Call(key))
                return reply.text, virtual_seconds()
            except (CallError, ModelUnavailableError) as error:
                return type(error).__name__, virtual_seconds()

        async def use() -> list[tuple[str, float]]:
            model = wrap(Slow(ScriptedModel(lambda request, call: script(call)[1])))
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(one(model, key)) for key in keys]
            return [call.result() for call in calls]

        return run_in_virtual_time(use())

    def test_a_lone_first_request_that_is_refused_stops_the_run_and_says_what_to_do(self) -> None:
        model = FirstReplies(ScriptedModel([self.BAD]))
        with pytest.raises(ModelUnavailableError) as failed:
            asyncio.run(model.reply(make_request(), Call("k")))
        assert str(failed.value) == (
            "scripted:model: the server takes no request as it is sent (HTTP 400: temperature: no), and none has "
            "succeeded so far; change what it names, or else check model, base_url, temperature and effort"
        )
        assert failed.value.__cause__ is self.BAD

    def test_twenty_that_are_all_refused_stop_it_when_the_last_is_known(self) -> None:
        ended = self.run(lambda call: (0.25 * (ord(call.key) - 64), self.BAD), "ABCDEFGHIJKLMNOPQRST")
        assert ended == [("WrongSettingsError", 5.0)] * 20

    def test_one_that_is_refused_waits_for_a_reply_and_then_fails_alone(self) -> None:
        ended = self.run(lambda call: (0.1, self.BAD) if call.key == "B" else (2.0, "Yes."), "ABCD")
        assert ended == [("Yes.", 2.0), ("CallError", 2.0), ("Yes.", 2.0), ("Yes.", 2.0)]

    def test_it_waits_for_the_first_reply_and_not_for_all(self) -> None:
        ended = self.run(lambda call: (0.1, self.BAD) if call.key == "B" else (ord(call.key) - 64.0, "Yes."), "ABCD")
        assert ended == [("Yes.", 1.0), ("CallError", 1.0), ("Yes.", 3.0), ("Yes.", 4.0)]

    def test_what_has_succeeded_once_has_succeeded(self) -> None:
        def script(call: Call) -> tuple[float, Any]:
            outcomes = {"A": (1.0, "Yes."), "B": (3.0, self.BAD), "C": (2.0, CallError("timeout", is_transient=True))}
            return outcomes[call.key]

        assert self.run(script, "ABC") == [("Yes.", 1.0), ("CallError", 3.0), ("CallError", 2.0)]

    def test_later_a_refused_request_fails_at_once_and_alone(self) -> None:
        model = FirstReplies(ScriptedModel(["Yes.", self.BAD]))
        asyncio.run(model.reply(make_request(), Call("a")))
        with pytest.raises(CallError, match="bad request"):
            asyncio.run(model.reply(make_request(), Call("b")))

    def test_settings_that_have_served_before_are_not_called_wrong(self) -> None:
        async def use() -> list[str]:
            model = FirstReplies(
                ScriptedModel([WrongSettingsError("no such model"), "Yes.", WrongSettingsError("gone")])
            )
            found = []
            for number in range(3):
                try:
                    found.append((await model.reply(make_request(), Call(str(number)))).text)
                except ModelUnavailableError as error:
                    found.append(f"{type(error).__name__}: {error}")
            return found

        assert asyncio.run(use()) == ["WrongSettingsError: no such model", "Yes.", "ModelUnavailableError: gone"]

    def test_a_refusal_by_a_filter_is_a_reply(self) -> None:
        refusal = ModelReply("No.", stop="refused", model="m")
        ended = self.run(lambda call: (0.1, self.BAD) if call.key == "B" else (2.0, refusal), "AB")
        assert ended == [("No.", 2.0), ("CallError", 2.0)]

    def test_other_failures_are_no_replies_and_pass_through(self) -> None:
        timeout = CallError("timeout", is_transient=True)
        ended = self.run(lambda call: (0.1, self.BAD) if call.key == "B" else (2.0, timeout), "AB")
        assert ended == [("CallError", 2.0), ("WrongSettingsError", 2.0)]

    def test_calls_that_wait_to_be_tried_again_may_still_succeed(self) -> None:
        def script(call: Call) -> tuple[float, Any]:
            if call.key == "B":
                return 0.1, self.BAD
            return 0.0, busy(retry_after=5.0) if call.tries == 1 else "Yes."

        ended = self.run(script, "AB", wrap=lambda inner: FirstReplies(Retrying(inner)))
        assert [how for how, _ in ended] == ["Yes.", "CallError"]
        assert ended[1][1] >= 5.0

    def test_who_waits_to_know_waits_for_seconds_and_then_fails_alone(self) -> None:
        ended = self.run(lambda call: (0.5, self.BAD) if call.key == "B" else (60.0, self.BAD), "AB")
        assert ended == [("WrongSettingsError", 60.0), ("CallError", 10.5)]

    def test_who_waits_to_know_keeps_nobody_from_succeeding(self) -> None:
        """With one place, a call that is to be tried again wants the place that the refused one holds."""

        async def use() -> list[str]:
            model, places = FirstReplies(Retrying(ScriptedModel(reply))), asyncio.Semaphore(1)

            @asynccontextmanager
            async def give_back() -> AsyncIterator[None]:
                places.release()
                yield
                await places.acquire()

            async def call(key: str) -> str:
                async with places:
                    place_given_back.set(give_back)
                    try:
                        return (await model.reply(make_request(), Call(key))).text
                    except CallError:
                        return "failed"

            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(call(key)) for key in ("busy", "bad")]
            return [call.result() for call in calls]

        def reply(request: ModelRequest, call: Call) -> Any:
            if call.key == "bad":
                return self.BAD
            return busy(retry_after=2.0) if call.tries == 1 else "Yes."

        assert run_in_virtual_time(use()) == ["Yes.", "failed"]

    def test_who_waits_to_know_can_be_cancelled(self) -> None:
        never = asyncio.Event

        class Stuck(Wrapper):
            async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
                if call.key == "stuck":
                    await never().wait()
                return await self.inner.reply(request, call)

        async def use() -> list[Any]:
            model = FirstReplies(Stuck(ScriptedModel([self.BAD, "Yes."])))
            stuck, held = (asyncio.create_task(model.reply(make_request(), Call(key))) for key in ("stuck", "held"))
            await asyncio.sleep(1.0)
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)
            assert model._held == []
            reply = await model.reply(make_request(), Call("later"))
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)
            return [reply.text, held.cancelled(), model._under_way]

        assert run_in_virtual_time(use()) == ["Yes.", True, 0]

    GONE = NotReachedError("refused", where="http://127.0.0.1:9/v1", remedy="check base_url")

    def test_a_server_that_is_not_there_stops_the_run_and_says_where_it_was_looked_for(self) -> None:
        with pytest.raises(ModelUnavailableError) as failed:
            asyncio.run(FirstReplies(ScriptedModel([self.GONE])).reply(make_request(), Call("k")))
        assert str(failed.value) == (
            "scripted:model: no connection to http://127.0.0.1:9/v1 came about, however often it was tried, and no "
            "call has succeeded so far (refused); check base_url"
        )
        assert failed.value.__cause__ is self.GONE

    @pytest.mark.parametrize(
        ("other", "ended"),
        [
            ((5.0, GONE), [("ModelUnavailableError", 5.0)] * 2),
            ((60.0, GONE), [("ModelUnavailableError", 10.5), ("ModelUnavailableError", 60.0)]),
            ((60.0, "Yes."), [("ModelUnavailableError", 10.5), ("Yes.", 60.0)]),
            ((5.0, "Yes."), [("CallError", 5.0), ("Yes.", 5.0)]),
            ((0.1, CallError("server error")), [("CallError", 0.5), ("CallError", 0.1)]),
            ((5.0, CallError("server error")), [("CallError", 5.0), ("CallError", 5.0)]),
            ((5.0, CallError("timeout")), [("ModelUnavailableError", 5.0), ("CallError", 5.0)]),
        ],
    )
    def test_who_reaches_nobody_waits_to_know_of_another(self, other: tuple[float, Any], ended: list[Any]) -> None:
        found = self.run(lambda call: (0.5, self.GONE) if call.key == "A" else other, "AB")
        assert [(how.replace("NotReachedError", "CallError"), when) for how, when in found] == ended

    def test_a_server_that_was_there_is_waited_for_no_longer(self) -> None:
        def script(call: Call) -> tuple[float, Any]:
            return {"A": (0.5, self.GONE), "B": (5.0, CallError("server error")), "C": (60.0, "Yes.")}[call.key]

        found = self.run(script, "ABC")
        assert found == [("NotReachedError", 10.5), ("CallError", 5.0), ("Yes.", 60.0)]

    @pytest.mark.parametrize(
        ("then", "ended"),
        [
            ([GONE] * 3, ["NotReachedError", "NotReachedError", "ModelUnavailableError"]),
            ([GONE, GONE, "Yes.", GONE], ["NotReachedError", "NotReachedError", "Yes.", "NotReachedError"]),
            (
                [GONE, GONE, CallError("timeout"), GONE],
                ["NotReachedError"] * 2 + ["CallError", "ModelUnavailableError"],
            ),
            ([GONE, GONE, CallError("server error"), GONE], ["NotReachedError"] * 2 + ["CallError", "NotReachedError"]),
        ],
    )
    def test_a_server_that_was_there_is_gone_after_three_calls_in_a_row(
        self, then: list[Any], ended: list[str]
    ) -> None:
        async def use() -> list[str]:
            model = FirstReplies(ScriptedModel(["Yes.", *then]))
            found = []
            for number in range(1 + len(then)):
                try:
                    found.append((await model.reply(make_request(), Call(str(number)))).text)
                except (CallError, ModelUnavailableError) as error:
                    found.append(type(error).__name__)
            return found

        assert asyncio.run(use()) == ["Yes.", *ended]

    def test_all_who_find_it_gone_at_once_stop_the_run_and_none_of_them_has_failed(self) -> None:
        script = {"A": (0.1, "Yes."), "B": (1.0, self.GONE), "C": (2.0, self.GONE), "D": (3.0, self.GONE)}
        found = self.run(lambda call: script.get(call.key, (60.0, self.GONE)), "ABCDE")
        assert found == [("Yes.", 0.1), *[("ModelUnavailableError", 3.0)] * 3, ("ModelUnavailableError", 60.0)]

    def test_a_call_that_reaches_it_meanwhile_leaves_them_failures_of_their_own(self) -> None:
        script = {"A": (0.1, "Yes."), "B": (1.0, self.GONE), "C": (2.0, self.GONE), "D": (5.0, self.GONE)}
        found = self.run(lambda call: script.get(call.key, (4.0, "Yes.")), "ABCDE")
        assert found == [
            ("Yes.", 0.1),
            ("NotReachedError", 4.0),
            ("NotReachedError", 4.0),
            ("NotReachedError", 5.0),
            ("Yes.", 4.0),
        ]

    def test_one_or_two_wait_for_seconds_whether_another_call_reaches_it(self) -> None:
        script = {"A": (0.1, "Yes."), "B": (1.0, self.GONE), "C": (2.0, self.GONE)}
        found = self.run(lambda call: script.get(call.key, (60.0, "Yes.")), "ABCD")
        assert found == [("Yes.", 0.1), ("NotReachedError", 11.0), ("NotReachedError", 12.0), ("Yes.", 60.0)]

    def test_the_whole_stack_stops_at_a_first_request_that_is_refused(self) -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(422, json={"detail": "no such effort"}))
        with pytest.raises(ModelUnavailableError, match=r"HTTP 422: no such effort"):
            ask(make_model("openai:m", transport=transport), make_request(effort="huge"))
