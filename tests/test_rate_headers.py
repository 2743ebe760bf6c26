"""What servers tell of their limits in headers, and how an answer of each provider carries it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.llm.failures import CallError
from synthetic_communities.llm.limits.headers import RateFact, parse_duration, read_rates
from synthetic_communities.testing.server.rate import RateState, build_anthropic_headers, build_openai_headers
from tests.model_calls import ask, make_model

NOW = 1_795_000_000.0


def openai(**values: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


def anthropic(**values: str) -> dict[str, str]:
    return {f"anthropic-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1.5s", 1.5),
        ("1h2m3.25s", 3723.25),
        ("2d", 172_800.0),
        ("350us", 0.00035),
        ("30", 30.0),
        (" 2s ", 2.0),
        ("0s", 0.0),
        ("", None),
        ("s", None),
        ("1", 1.0),
        ("-1s", None),
        ("1.5", None),
        ("soon", None),
        ("1s soon", None),
        ("nan", None),
        ("infs", None),
        ("1e9s", None),
        ("٣s", None),
        ("9" * 16, None),
        ("9" * 10 + "s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_openais_headers() -> None:
    told = openai(limit_requests="500", remaining_requests="499", reset_requests="120ms")
    told |= openai(limit_tokens="30000", remaining_tokens="12000", reset_tokens="36s", limit_tokens_usage_based="1")
    assert read_rates({"content-type": "application/json", **told}, now=NOW) == (
        RateFact("requests", 499, limit=500, reset_seconds=pytest.approx(0.12)),  # type: ignore[arg-type]
        RateFact("tokens", 12_000, limit=30_000, reset_seconds=36.0),
    )


def test_anthropics_headers_and_not_the_one_that_repeats_the_narrowest() -> None:
    told = anthropic(requests_limit="50", requests_remaining="49", requests_reset=moment(2))
    told |= anthropic(input_tokens_limit="40000", input_tokens_remaining="0", input_tokens_reset=moment(60))
    told |= anthropic(output_tokens_limit="8000", output_tokens_remaining="7000", output_tokens_reset=moment(-1))
    told |= anthropic(tokens_limit="48000", tokens_remaining="0", tokens_reset=moment(60))
    assert read_rates(told, now=NOW) == (
        RateFact("requests", 49, limit=50, reset_seconds=2.0, is_moment=True),
        RateFact("input tokens", 0, limit=40_000, reset_seconds=60.0, is_moment=True),
        RateFact("output tokens", 7_000, limit=8_000, reset_seconds=-1.0, is_moment=True),
    )


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        (None, 10.0),
        (formatdate(NOW - 1, usegmt=True), 10.0),
        (formatdate(NOW + 3600, usegmt=True), -3590.0),
        (formatdate(NOW - 3600, usegmt=True), 3610.0),
        ("yesterday", 10.0),
        ("Sun, 99 Nov 99999 08:49:37 GMT", 10.0),
    ],
)
def test_moments_are_held_against_the_servers_own_clock_where_ours_is_another(date: str | None, seconds: float) -> None:
    told = anthropic(requests_limit="50", requests_remaining="1", requests_reset=moment(10))
    (fact,) = read_rates({**told, **({} if date is None else {"date": date})}, now=NOW)
    assert fact.reset_seconds == seconds


@pytest.mark.parametrize(
    ("headers", "facts"),
    [
        ({}, ()),
        (openai(limit_requests="500", reset_requests="1s"), ()),
        (openai(remaining_requests="many"), ()),
        (openai(remaining_requests="-1"), ()),
        (openai(remaining_requests="9" * 16), ()),
        (openai(remaining="3", limit="4", reset="1"), ()),
        (openai(remaining_requests="3"), (RateFact("requests", 3),)),
        (openai(remaining_tokens="3", limit_tokens="0", reset_tokens="?"), (RateFact("tokens", 3),)),
        ({"x-ratelimit": "3", "ratelimit-remaining": "3"}, ()),
        (
            anthropic(requests_remaining="3", requests_reset="tomorrow"),
            (RateFact("requests", 3, is_moment=True),),
        ),
    ],
)
def test_what_is_unreadable_is_left_out(headers: Mapping[str, str], facts: tuple[RateFact, ...]) -> None:
    found = read_rates(headers, now=NOW)
    assert [(fact.counted, fact.remaining, fact.limit, fact.is_moment) for fact in found] == [
        (fact.counted, fact.remaining, fact.limit, fact.is_moment) for fact in facts
    ]
    assert [fact.reset_seconds for fact in found] == [None] * len(facts)


@pytest.mark.parametrize("text", ["2026-11-18T08:26:45+02:00", "2026-11-18T06:26:45.000Z", "2026-11-18T06:26:45"])
def test_a_moment_may_have_a_zone_and_without_one_is_in_greenwich(text: str) -> None:
    now = datetime(2026, 11, 18, 6, 26, 40, tzinfo=UTC).timestamp()
    (fact,) = read_rates(anthropic(requests_remaining="3", requests_reset=text), now=now)
    assert fact.reset_seconds == 5.0


NAMES = st.sampled_from(
    [
        "date",
        *openai(limit_requests="", remaining_requests="", reset_requests="", remaining_tokens="", x=""),
        *anthropic(requests_limit="", requests_remaining="", requests_reset="", input_tokens_remaining=""),
    ]
)


@settings(deadline=None)  # the first time, reading a date brings all of `email` along
@given(st.dictionaries(NAMES, st.text(max_size=30) | st.integers().map(str) | st.floats().map(str)))
def test_any_headers_are_read(headers: dict[str, str]) -> None:
    for fact in read_rates(headers, now=NOW):
        assert fact.remaining >= 0
        assert fact.limit is None or fact.limit > 0


@given(limit=st.integers(1, 10_000), share=st.floats(0, 1), seconds=st.floats(0, 86_400))
def test_what_the_loopback_server_writes_is_read(limit: int, share: float, seconds: float) -> None:
    state = RateState(limit, int(limit * share), seconds)
    requests, tokens = read_rates(build_openai_headers(state), now=NOW)
    assert (requests.counted, requests.remaining, requests.limit) == ("requests", state.remaining, limit)
    assert requests.reset_seconds == pytest.approx(seconds, abs=0.0011)
    assert (tokens.counted, tokens.reset_seconds) == ("tokens", 0.0)
    requests, read, written = read_rates(build_anthropic_headers(state, NOW), now=NOW)
    assert (requests.counted, requests.remaining, requests.limit) == ("requests", state.remaining, limit)
    assert requests.reset_seconds is not None
    assert seconds - 1e-3 <= requests.reset_seconds < seconds + 1 + 1e-3
    assert (read.counted, written.counted) == ("input tokens", "output tokens")


CHAT = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}
MESSAGE = {"content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn"}
TOLD = openai(limit_requests="500", remaining_requests="7", reset_requests="1s")
FACTS = (RateFact("requests", 7, limit=500, reset_seconds=1.0),)


def over(status: int, body: Any, headers: Mapping[str, str]) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, json=body, headers=headers))


def test_a_reply_over_plain_http_carries_what_was_told_and_equals_one_that_does_not() -> None:
    told = ask(make_model("openai:m", transport=over(200, CHAT, TOLD)))
    untold = ask(make_model("openai:m", transport=over(200, CHAT, {})))
    assert (told.rates, untold.rates) == (FACTS, ())
    assert told == untold


def test_a_reply_over_the_sdk_carries_it_too() -> None:
    headers = anthropic(requests_limit="50", requests_remaining="49", requests_reset="2030-01-01T00:00:00Z")

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=MESSAGE, headers=headers)

    reply = ask(make_model("anthropic:claude-haiku-5-5", transport=httpx2.MockTransport(answer)))
    assert [(fact.counted, fact.remaining, fact.limit) for fact in reply.rates] == [("requests", 49, 50)]


@pytest.mark.parametrize(("status", "facts"), [(429, FACTS), (503, FACTS), (529, FACTS)])
def test_a_refusal_carries_it(status: int, facts: tuple[RateFact, ...]) -> None:
    model = make_model("openai:m", transport=over(status, {"error": {"message": "Slow down."}}, TOLD))
    with pytest.raises(CallError) as failed:
        ask(model)
    assert failed.value.rates == facts
