"""Calls of servers that misbehave, over real connections: what each comes to, and that it comes to an end."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import tracemalloc
from typing import Any

import pytest

from synthetic_communities.llm.call_log import CallLog
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import Model, ModelReply
from synthetic_communities.llm.retrying import RetryPolicy
from tests.bad_servers import (
    BOMB,
    REPLIES,
    BadServer,
    Behave,
    Peer,
    close,
    close_in_a_chunk,
    close_in_the_middle,
    go_on_announcing,
    head,
    pack,
    say_hardly_anything,
    say_nothing,
    send_bomb,
    send_huge,
    send_huge_in_chunks,
    send_huge_untold,
    send_page,
)
from tests.model_calls import CALL, KEY, make_model, make_request, note_in
from tests.patience import CALL_SECONDS, PATIENCE_SECONDS, AdjustableLoop, run_on

NAMES = ("openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3")
SHORT_SECONDS = 0.15
"""How long is waited for what never comes."""

FAR_LESS_THAN_HUGE = 40_000_000
"""Bytes that are on the way in the buffers of two connections, and more."""


def connect(server: BadServer, name: str, **settings: Any) -> Model:
    base_url = f"{server.url}/v1" if name.startswith("openai:") else server.url
    return make_model(name, base_url=base_url, **{"transport": None, **settings})


def ask_twice(model: Model, loop: AdjustableLoop | None = None) -> list[ModelReply | CallError]:
    """Make two calls, one after the other, and return what came of them; on this loop, or on any."""

    async def use() -> list[ModelReply | CallError]:
        came: list[ModelReply | CallError] = []
        async with model:
            for _ in range(2):
                try:
                    came.append(await model.reply(make_request(), CALL))
                except CallError as error:
                    came.append(error)
        return came

    return asyncio.run(use()) if loop is None else run_on(loop, use())


def fail_twice(model: Model, loop: AdjustableLoop | None = None) -> list[CallError]:
    came = ask_twice(model, loop)
    assert all(isinstance(each, CallError) for each in came), came
    return [each for each in came if isinstance(each, CallError)]


def find_connections(server: BadServer) -> set[int]:
    """Return the connections over which calls came, once all are closed."""
    assert server.wait_until_closed()
    return {ask.connection for ask in server.asks}


def until_time_is_up(behave: Behave, loop: AdjustableLoop) -> Behave:
    """Return what behaves so for a moment, then sets the clock of who asks ahead, and goes on."""

    async def act(peer: Peer) -> None:
        end = asyncio.get_running_loop().call_later(0.05, loop.let_calls_time_out)
        try:
            await behave(peer)
        finally:
            end.cancel()

    return act


@pytest.mark.parametrize("name", NAMES)
class TestCalls:
    @pytest.mark.parametrize("behave", [say_nothing, say_hardly_anything, go_on_announcing])
    def test_that_get_no_whole_answer_end_in_time_and_their_connection_with_them(
        self, name: str, behave: Behave
    ) -> None:
        loop = AdjustableLoop()
        with BadServer(until_time_is_up(behave, loop)) as server:
            failures = fail_twice(connect(server, name, call_timeout_seconds=CALL_SECONDS), loop)
            assert [(each.kind, each.is_transient) for each in failures] == [("timeout", True)] * 2
            assert len(find_connections(server)) == len(server.asks) == 2

    @pytest.mark.parametrize("behave", [close, close_in_the_middle, close_in_a_chunk])
    def test_that_are_broken_off_have_lost_their_connection(self, name: str, behave: Behave) -> None:
        with BadServer(behave) as server:
            failures = fail_twice(connect(server, name))
            assert [(each.kind, each.is_transient) for each in failures] == [("connection", True)] * 2
            assert len(find_connections(server)) == len(server.asks) == 2

    @pytest.mark.parametrize("behave", [send_huge, send_huge_in_chunks, send_huge_untold])
    def test_that_get_three_gigabytes_leave_them_unread(self, name: str, behave: Behave) -> None:
        with BadServer(behave) as server:
            tracemalloc.start()
            try:
                failures = fail_twice(connect(server, name))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert [(each.kind, each.is_transient) for each in failures] == [("reply too large", False)] * 2
            assert "more than 1000000 bytes" in failures[0].detail
            assert len(find_connections(server)) == len(server.asks) == 2
        assert 2_000_000 <= server.written < FAR_LESS_THAN_HUGE
        assert peak < FAR_LESS_THAN_HUGE

    def test_that_get_a_packed_giant_unpack_no_more_than_the_limit(self, name: str) -> None:
        with BadServer(send_bomb) as server:
            model = connect(server, name)
            fail_twice(model)  # what is imported for the first call takes memory, too
            tracemalloc.start()
            try:
                failures = fail_twice(model)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        assert [each.kind for each in failures] == ["reply too large"] * 2
        assert len(BOMB) < 400_000
        assert peak < 8_000_000, "its first 16 kB come to as much as 16 MB"

    def test_the_limit_to_a_reply_can_be_set(self, name: str) -> None:
        async def pad(peer: Peer) -> None:
            await peer.answer(json.dumps(REPLIES[peer.ask.path]).encode().ljust(5_000))

        with BadServer(pad) as server:
            assert [each.kind for each in fail_twice(connect(server, name, max_reply_bytes=4_999))] == [
                "reply too large"
            ] * 2
            assert [type(each) for each in ask_twice(connect(server, name, max_reply_bytes=5_000))] == [ModelReply] * 2

    def test_an_answer_packed_once_is_read_all_the_same(self, name: str) -> None:
        async def answer(peer: Peer) -> None:
            body = json.dumps(REPLIES[peer.ask.path]).encode()
            await peer.answer(gzip.compress(body), "content-encoding: gzip")

        with BadServer(answer) as server:
            assert [getattr(each, "text", each) for each in ask_twice(connect(server, name))] == ["Hello."] * 2

    @pytest.mark.parametrize(
        ("body", "encoding", "told"),
        [
            (gzip.compress(b"{}", mtime=0), "br", "packed as 'br'"),
            (pack(2), "gzip, gzip", "packed as 'gzip, gzip'"),
            (b"no such thing", "gzip", "cannot be unpacked"),
        ],
    )
    def test_what_cannot_be_unpacked_is_no_reply_but_a_status_still_says_what_failed(
        self, name: str, body: bytes, encoding: str, told: str
    ) -> None:
        statuses = iter(("200 OK", "500 Out of order"))

        async def answer(peer: Peer) -> None:
            await peer.answer(body, f"content-encoding: {encoding}", status=next(statuses))

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
        assert [each.kind for each in failures] == ["malformed reply", "server error"]
        assert told in failures[0].detail

    @pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"a": "\xff\xfe"}', b"[" * 900_000, b"9" * 900_000])
    def test_what_is_no_reply_is_malformed(self, name: str, body: bytes) -> None:
        async def answer(peer: Peer) -> None:
            await peer.answer(body)

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
            assert [(each.kind, each.is_transient) for each in failures] == [("malformed reply", False)] * 2

    def test_a_page_is_no_reply_and_its_type_is_told_shortened(self, name: str) -> None:
        async def answer(peer: Peer) -> None:
            if len(server.asks) == 1:
                await send_page(peer)
            else:
                await peer.send(head("content-length: 0", kind="\udcff" * 5_000))

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
        assert [each.detail for each in failures] == ["no JSON (text/html)", f"no JSON ({'ÿ' * 80})"]

    @pytest.mark.parametrize(
        ("lines", "told"),
        [([b"x-a: " + b"a" * 10_000_000], "Got more than"), ([b"x-a%d: a" % n for n in range(10_000)], "Too many")],
    )
    def test_a_head_without_end_is_cut_off(self, name: str, lines: list[bytes], told: str) -> None:
        async def answer(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 200 OK\r\n", *(line + b"\r\n" for line in lines))
            await peer.answer()

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
            assert [each.kind for each in failures] == ["connection"] * 2
            assert len(find_connections(server)) == 2
        assert told in failures[0].detail
        assert len(failures[0].detail) < 400

    def test_what_a_server_says_is_shown_shortened_and_without_halves_of_characters(self, name: str) -> None:
        async def answer(peer: Peer) -> None:
            said = "\ud800" + "x" * 10_000
            await peer.answer(json.dumps({"error": {"message": said}}).encode(), status="500 Out of order")

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
        assert [each.detail for each in failures] == ["\ufffd" + "x" * 296 + "..."] * 2

    def test_what_is_no_http_is_not_repeated(self, name: str) -> None:
        async def answer(peer: Peer) -> None:
            await peer.send(f"SSH-2.0 {KEY}\r\n".encode())
            await say_nothing(peer)

        with BadServer(answer) as server:
            failures = fail_twice(connect(server, name))
        assert [each.kind for each in failures] == ["connection"] * 2
        assert KEY not in str(failures)

    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
    def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(self, name: str, status: str) -> None:
        async def redirect(peer: Peer) -> None:
            await peer.answer(b"", f"location: {other.url}{peer.ask.path}", status=status)

        with BadServer(Peer.answer) as other, BadServer(redirect) as server:
            with pytest.raises(ModelUnavailableError, match=r"redirects to .*; set base_url to where it is") as failed:
                ask_twice(connect(server, name))
            assert other.opened == 0
            assert len(server.asks) == 1
        assert other.url in str(failed.value)

    def test_nor_is_one_of_what_is_looked_at_when_a_model_is_opened(self, name: str) -> None:
        name = "vllm:m" if name.startswith("openai:") else name  # of hosted models nothing is looked at there

        async def redirect(peer: Peer) -> None:
            await peer.answer(b"{}", f"location: {other.url}{peer.ask.path}", status="307 Temporary")
            looked.append(peer.ask.head)

        looked: list[str] = []
        with BadServer(Peer.answer, Peer.answer) as other, BadServer(Peer.answer, redirect) as server:
            with contextlib.suppress(ModelUnavailableError):  # Ollama has to tell of the model; others need not
                ask_twice(connect(server, name))
            assert other.opened == 0
        assert {KEY in head for head in looked} == {True}

    def test_tries_are_so_many_and_timeouts_fewer(self, name: str) -> None:
        policy = RetryPolicy(max_tries=4, max_timeouts=2, first_wait_seconds=0.001)
        counted = {}
        for behave in (close, say_nothing, send_huge):
            log, loop = CallLog(), AdjustableLoop()
            with BadServer(until_time_is_up(behave, loop) if behave is say_nothing else behave) as server:
                settings = {"retry": policy, "observe": note_in(log), "call_timeout_seconds": CALL_SECONDS}
                fail_twice(connect(server, name, **settings), loop)
            counted[behave] = log.totals().outcomes
            assert len(server.asks) == len(log.entries)
        assert counted == {close: {"connection": 8}, say_nothing: {"timeout": 4}, send_huge: {"reply too large": 2}}

    @pytest.mark.parametrize(
        ("told", "tries"),
        [
            *((told, 2) for told in ("soon", "-5", "nan", "inf", "1e400", "\udcff", "Mon, 99 Foo 2026 25:61:00 GMT")),
            *((told, 2) for told in ("0", "Wed, 21 Oct 2015 07:28:00 GMT")),
            *((told, 1) for told in ("31536000", "1e308", "Fri, 31 Dec 9999 23:59:59 GMT")),
        ],
    )
    def test_a_wait_that_is_asked_for_is_none_or_too_long_or_not_read(self, name: str, told: str, tries: int) -> None:
        async def refuse(peer: Peer) -> None:
            await peer.answer(b"{}", f"retry-after: {told}", status="500 Out of order")

        log = CallLog()
        policy = RetryPolicy(max_tries=2, first_wait_seconds=0.001)
        with BadServer(refuse) as server:
            failures = fail_twice(connect(server, name, retry=policy, observe=note_in(log)))
        assert [each.kind for each in failures] == ["server error"] * 2
        assert [entry.tries for entry in log.entries] == [*range(1, tries + 1)] * 2

    def test_names_and_counts_of_any_size_are_not_kept_as_they_are(self, name: str) -> None:
        counts = {"input_tokens": 10**18, "output_tokens": -1, "prompt_tokens": 10**400, "completion_tokens": 10**15}

        async def answer(peer: Peer) -> None:
            extra = {
                "model": "\ud800" + "m" * 100_000,
                "usage": counts,
                "prompt_eval_count": 10**4000,
                "eval_count": 1.5,
            }
            await peer.answer(json.dumps(REPLIES[peer.ask.path] | extra).encode())

        with BadServer(answer) as server:
            (reply, _) = ask_twice(connect(server, name, tokens_per_minute=10**9))
        assert isinstance(reply, ModelReply)
        assert reply.model == "\ufffd" + "m" * 199
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (None, None)

    def test_odd_rate_headers_hold_up_nothing(self, name: str) -> None:
        odd = ("-4", "0", "never", "1" + "0" * 400, "nan", "", "0x1", "1e9", "\udcff")

        async def answer(peer: Peer) -> None:
            told = odd[len(server.asks) % len(odd)]
            parts = ("requests-remaining", "requests-limit", "requests-reset", "input-tokens-remaining")
            headers = [f"anthropic-ratelimit-{part}: {told}" for part in parts]
            parts = ("remaining-requests", "limit-requests", "reset-requests", "remaining-tokens")
            headers += [f"x-ratelimit-{part}: {told}" for part in parts]
            await peer.answer(None, *headers, f"date: {told}")

        log = CallLog()

        async def use(model: Model) -> list[str]:
            async with model, asyncio.timeout(PATIENCE_SECONDS):
                return [(await model.reply(make_request(), CALL)).text for _ in odd]

        with BadServer(answer) as server:
            assert asyncio.run(use(connect(server, name, observe=note_in(log)))) == ["Hello."] * len(odd)
        assert sum(entry.waited_seconds for entry in log.entries) < 10.0

    def test_others_do_not_wait_for_one_that_is_not_answered(self, name: str) -> None:
        async def answer(peer: Peer) -> None:
            await (say_hardly_anything(peer) if next(turns) == 0 else peer.answer())

        turns, loop = itertools.count(), AdjustableLoop()
        ended: list[str] = []

        async def ask_one(model: Model, number: int) -> None:
            try:
                ended.append((await model.reply(make_request(f"{number}"), CALL)).text)
            except CallError as error:
                ended.append(error.kind)
            if len(ended) == 7:
                loop.let_calls_time_out()

        async def use(model: Model) -> None:
            async with model, asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(ask_one(model, number))

        with BadServer(answer) as server:
            run_on(loop, use(connect(server, name, call_timeout_seconds=CALL_SECONDS)))
        assert ended == ["Hello."] * 7 + ["timeout"]


@pytest.mark.parametrize("name", ["openai-compatible:m", "ollama:llama3"])
@pytest.mark.parametrize("behave", [say_nothing, close, send_huge, send_page])
def test_opening_a_model_ends_or_says_what_to_do(name: str, behave: Behave, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = SHORT_SECONDS if behave is say_nothing else PATIENCE_SECONDS
    for module in ("opening", "ollama_model"):
        monkeypatch.setattr(f"synthetic_communities.llm.providers.{module}.OPENING_SECONDS", seconds)
    with BadServer(Peer.answer, lookups=behave) as server:
        model = make_model(name, base_url=f"{server.url}/v1" if ":m" in name else server.url, transport=None)
        if name.startswith("openai") and behave in (send_huge, send_page):  # somebody listens, and more is not asked
            assert [getattr(each, "text", each) for each in ask_twice(model)] == ["Hello."] * 2
        else:
            told = "no answer from|nobody listens at|says: more than 1000000 bytes|says: no JSON"
            with pytest.raises(ModelUnavailableError, match=told):
                ask_twice(model)
        assert server.wait_until_closed()


def test_the_anthropic_model_does_without_what_it_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthetic_communities.llm.providers.anthropic_abilities.OPENING_SECONDS", SHORT_SECONDS)
    for behave in (say_nothing, close, send_huge, send_page):
        with BadServer(Peer.answer, lookups=behave) as server:
            came = ask_twice(connect(server, "anthropic:claude-haiku-5-5"))
            assert [getattr(each, "text", each) for each in came] == ["Hello."] * 2
