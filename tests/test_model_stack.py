"""A model as a run has it: what each wrapper adds, in which order, and the whole over the loopback server."""

import asyncio
import base64
import contextlib
import gc
import io
import json
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import httpx
import pytest

from synthetic_communities.errors import ConfigurationError, UsageError
from synthetic_communities.llm.access.masked import Masked
from synthetic_communities.llm.bodies import encode_bodies
from synthetic_communities.llm.caching.warmed import Warmed
from synthetic_communities.llm.call_log import CallEntry, CallLog, CallTotals, measure_totals
from synthetic_communities.llm.exchange import Exchange
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.first_replies import FirstReplies
from synthetic_communities.llm.journal.journaled import Journaled
from synthetic_communities.llm.limits.limited import Limited
from synthetic_communities.llm.logged import Logged
from synthetic_communities.llm.model import Call, Model, ModelReply, ModelRequest, Usage
from synthetic_communities.llm.money.budgeted import Budgeted, Counted
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.llm.prompt_cut import PromptCut, was_cut
from synthetic_communities.llm.retrying import Retrying, RetryPolicy
from synthetic_communities.llm.timed import Timed
from synthetic_communities.llm.wire.over_aiohttp import (
    build_httpx2_transport,
    build_httpx_transport,
    find_proxy,
    open_session,
)
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.model_calls import CALL, JUDGEMENT, KEY, ask, ask_async, make_model, make_request, note_in
from tests.patience import until

NAMES = ("openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3")
BUSY = CallError("overloaded", "try later", is_transient=True)


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server that answers at once."""
    with LoopbackServer(byte_seconds=0.2) as server:
        yield server


def connect(server: LoopbackServer, name: str, **settings: Any) -> Model:
    """Make a model that is asked over a real connection."""
    base_url = f"{server.url}/v1" if name.startswith("openai:") else server.url
    return make_model(name, base_url=base_url, **{"transport": None, **settings})


class Slow(Wrapper):
    """A model that takes its time."""

    def __init__(self, inner: Model, seconds: float) -> None:
        super().__init__(inner)
        self.seconds = seconds

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        await asyncio.sleep(self.seconds)
        return await self.inner.reply(request, call)


def test_the_order_of_the_wrappers() -> None:
    model = make_model("openai:gpt-x")
    tries = [Budgeted, Limited, Counted, Logged, Timed, PromptCut, Masked]
    assert wrappers_of(model) == [Journaled, FirstReplies, Retrying, Warmed, *tries]


def test_one_call_goes_first_where_a_provider_keeps_prompts_and_is_to() -> None:
    assert Warmed in wrappers_of(make_model("anthropic:claude-haiku-5-5"))
    assert Warmed in wrappers_of(make_model("vllm:mine"))
    assert Warmed not in wrappers_of(make_model("openai:gpt-x", caches=False))
    assert Warmed not in wrappers_of(make_model("ollama:llama3.2:3b"))
    assert Warmed not in wrappers_of(make_model("llamacpp:mine"))


def wrappers_of(model: Model) -> list[type[Model]]:
    """Return what is stacked on a provider, the outermost first."""
    if not isinstance(model, Wrapper):
        return []
    assert model.name == model.inner.name
    return [type(model), *wrappers_of(model.inner)]


def test_a_call_has_a_total_time_limit() -> None:
    async def use(seconds: float) -> ModelReply:
        return await Timed(Slow(ScriptedModel(["Yes."]), seconds), 60.0).reply(make_request(), CALL)

    assert run_in_virtual_time(use(59.0)).text == "Yes."
    with pytest.raises(CallError, match="no reply within 60 s") as failed:
        run_in_virtual_time(use(61.0))
    assert (failed.value.kind, failed.value.is_transient) == ("timeout", True)


@pytest.mark.parametrize(
    ("characters", "tokens", "cut"),
    [
        (24_000, 6_000, False),
        (24_000, 4_096, False),
        (24_000, 3_000, False),
        (24_000, 2_999, True),
        (24_000, 0, True),
        (24_000, None, False),
        (1_999, 10, False),
    ],
)
def test_what_counts_as_cut(characters: int, tokens: int | None, cut: bool) -> None:
    assert was_cut(characters, tokens) is cut


def test_a_cut_prompt_fails_for_good_and_its_tokens_still_count() -> None:
    usage = Usage(input_tokens=100, cache_read_tokens=50, output_tokens=7)
    inner = ScriptedModel([ModelReply("Yes.", stop="end", model="m", usage=usage)])
    with pytest.raises(CallError, match="150 tokens read of") as failed:
        asyncio.run(PromptCut(inner).reply(make_request("x" * 5_000), CALL))
    assert (failed.value.kind, failed.value.is_transient) == ("prompt cut by the server", False)
    assert failed.value.usage == usage


def exchanges_of(*replies: Any, policy: RetryPolicy | None = None) -> list[Exchange]:
    """Make a call of a scripted model through the wrappers that measure, in virtual time, and return its tries."""
    exchanges: list[Exchange] = []
    model = Retrying(Logged(Slow(ScriptedModel(list(replies)), 2.0), exchanges.append), policy)

    async def use() -> None:
        with contextlib.suppress(CallError, ModelUnavailableError):
            await model.reply(make_request("Who\nare you?"), CALL)

    run_in_virtual_time(use())
    return exchanges


def log_of(*replies: Any, policy: RetryPolicy | None = None) -> CallLog:
    """Make a call in the same way, and return the log."""
    log = CallLog()
    for exchange in exchanges_of(*replies, policy=policy):
        log.note(exchange.entry)
    return log


def test_every_try_is_measured() -> None:
    usage = Usage(input_tokens=100, output_tokens=20)
    log = log_of(BUSY, ModelReply("Yes.", stop="end", model="m-1", usage=usage))
    first, second = log.entries
    assert first == CallEntry(CALL.key, CALL.act, asked="scripted:model", outcome="overloaded", seconds=2.0)
    assert 0 < second.waited_seconds < 1
    assert second == CallEntry(
        CALL.key,
        CALL.act,
        asked="scripted:model",
        outcome="end",
        tries=2,
        model="m-1",
        usage=usage,
        seconds=pytest.approx(2.0),  # type: ignore[arg-type]
        waited_seconds=second.waited_seconds,
    )


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ModelReply("", stop="refused", model="m"), "refused"),
        (ModelReply("", stop="cut", model="m"), "cut"),
        (CallError("bad request"), "bad request"),
        (ModelUnavailableError("a bad key"), "model unavailable"),
    ],
)
def test_how_a_try_ended_is_kept(reply: Any, outcome: str) -> None:
    assert [entry.outcome for entry in log_of(reply).entries] == [outcome]


def test_a_call_within_a_call_stands_under_the_key_of_that_with_its_own_tries() -> None:
    class Asking(ScriptedModel):
        async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
            return await inner.reply(request, Call("within", "other", attempt=1, tries=3))

    log = CallLog()
    inner, outer = Logged(ScriptedModel(["Yes."]), note_in(log)), Logged(Asking([]), note_in(log))
    run_in_virtual_time(outer.reply(make_request("Who?"), Call("outer", "chat turn", attempt=2, tries=1)))
    assert [(each.key, each.act, each.attempt, each.tries) for each in log.entries] == [("outer", "chat turn", 2, 3)]


def test_a_cancelled_call_is_measured_too_and_calls_under_way_are_counted() -> None:
    log = CallLog()
    model = Logged(Slow(ScriptedModel(lambda request, call: "Yes."), 2.0), note_in(log))

    async def use() -> None:
        calls = [asyncio.create_task(model.reply(make_request(), Call(f"p{number}"))) for number in range(3)]
        await asyncio.sleep(1.0)
        calls[1].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await model.reply(make_request(), Call("last"))

    run_in_virtual_time(use())
    told = [(entry.key, entry.outcome, entry.seconds, entry.in_flight) for entry in log.entries]
    assert told == [("p1", "cancelled", 1.0, 2), ("p0", "end", 2.0, 1), ("p2", "end", 2.0, 3), ("last", "end", 2.0, 1)]


def test_entries_are_added_up_by_act() -> None:
    counted = Usage(input_tokens=100, cache_read_tokens=10, output_tokens=20)
    entries = [
        CallEntry("a", "chat", outcome="end", model="m", usage=counted, seconds=1.0, in_flight=4),
        CallEntry("b", "chat", outcome="end", model="m", usage=counted, seconds=2.0, waited_seconds=0.5),
        CallEntry("c", "chat", outcome="overloaded", seconds=0.25),
        CallEntry("d", "ballot", outcome="end", model="n", usage=Usage(output_tokens=5)),
    ]
    log = CallLog()
    for entry in entries:
        log.note(entry)
    assert log.totals_by_act()["chat"] == CallTotals(
        3,
        outcomes={"end": 2, "overloaded": 1},
        models={"m": 2},
        usage=Usage(input_tokens=200, cache_read_tokens=20, output_tokens=40),
        uncounted=0,
        seconds=3.25,
        waited_seconds=0.5,
        peak_in_flight=4,
    )
    assert list(log.totals_by_act()) == ["ballot", "chat"]
    totals = log.totals()
    assert (totals.calls, totals.uncounted, totals.models) == (4, 1, {"m": 2, "n": 1})
    assert totals.usage == Usage(input_tokens=200, cache_read_tokens=20, output_tokens=45)
    assert measure_totals([]).usage == Usage()


def test_a_line_of_the_log_says_who_what_for_and_how_long_and_stays_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="synthetic_communities.calls"):
        log_of("Yes,\nindeed. " + "z" * 500)
    (record,) = [record for record in caplog.records if record.name == "synthetic_communities.calls"]
    line = record.getMessage()
    assert "\n" not in line
    for part in (CALL.key, CALL.act, "attempt 1", "try 1", "end after 2.00 s", "waited 0.00 s", "1 in flight"):
        assert part in line
    assert "prompt 'Who\\nare you?'" in line
    assert "Yes,\\nindeed." in line
    assert len(line) < 600


def test_an_observer_is_given_what_passed_and_no_copy_of_it() -> None:
    reply = ModelReply("Yes.", stop="end", model="m")
    first, second = exchanges_of(BUSY, reply)
    assert first.result is BUSY
    assert (first.reply, first.error) == (None, "overloaded: try later")
    assert second.result is reply
    assert (second.reply, second.error) == ("Yes.", None)
    assert first.request is second.request
    assert first.request == make_request("Who\nare you?")
    assert [exchange.entry.tries for exchange in (first, second)] == [1, 2]


def test_whole_texts_are_lines_of_json() -> None:
    lines = [encode_bodies(each, Prices()) for each in exchanges_of(BUSY, "Yes,\nindeed.")]
    assert [line.index("\n") == len(line) - 1 for line in lines] == [True, True]
    first, second = map(json.loads, lines)
    assert (first["outcome"], first["reply"], first["error"]) == ("overloaded", None, "overloaded: try later")
    assert (first["cost_usd"], second["cost_usd"]) == (None, None), "a model without a price"
    assert (second["system"], second["user"], second["reply"]) == (
        ["The rules.", "The town."],
        ["Who\nare you?"],
        "Yes,\nindeed.",
    )


def test_without_a_listener_no_line_is_made(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="synthetic_communities.calls"):
        log_of("Yes.")
    assert caplog.records == []


def test_a_model_is_used_where_it_is_open(server: LoopbackServer) -> None:
    model = connect(server, "openai:gpt-x")

    async def use() -> None:
        await model.reply(make_request(), CALL)

    with pytest.raises(UsageError, match="async with"):
        asyncio.run(use())


@pytest.mark.parametrize("name", NAMES)
def test_replies_come_over_real_connections(server: LoopbackServer, name: str) -> None:
    model = connect(server, name, window_tokens=8192)
    reply = ask(model, make_request("Judge. " * 500, reply_format=JUDGEMENT))
    assert set(json.loads(reply.text)) == {"stance", "vote"}
    assert reply.stop == "end"
    assert reply.usage.prompt_tokens is not None
    assert reply.usage.prompt_tokens > 500


@pytest.mark.parametrize("name", NAMES)
def test_runs_one_after_the_other_and_side_by_side_share_nothing(server: LoopbackServer, name: str) -> None:
    model = connect(server, name)
    requests = [make_request(f"Who are you, {number}?") for number in range(5)]

    async def use() -> list[str]:
        async with model, asyncio.TaskGroup() as group:
            replies = [group.create_task(model.reply(request, CALL)) for request in requests]
        return [reply.result().text for reply in replies]

    expected = asyncio.run(use())
    assert len(set(expected)) == 5
    assert asyncio.run(use()) == expected
    with ThreadPoolExecutor(2) as threads:
        assert [run.result() for run in [threads.submit(asyncio.run, use()) for _ in range(2)]] == [expected] * 2
    gc.collect()  # a connection left behind is a warning, and a warning an error


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", "rate limit"),
        ("500", "server error"),
        ("529", "overloaded"),
        ("drop", "connection"),
        ("drop-mid", "connection"),
        ("malformed", "malformed reply"),
        ("wrong-shape", "malformed reply"),
        ("wrong-type", "malformed reply"),
        ("huge", "reply too large"),
        ("cut-prompt", "prompt cut by the server"),
    ],
)
def test_what_goes_wrong_on_a_real_connection_has_its_name(
    server: LoopbackServer, name: str, fault: str, kind: str
) -> None:
    with pytest.raises(CallError) as failed:
        ask(connect(server, name), make_request("x " * 2000, f"[[loopback:{fault}]]"))
    assert failed.value.kind == kind


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", ["slow", "hang"])
def test_a_body_byte_by_byte_ends_with_the_call_and_so_does_silence(
    server: LoopbackServer, name: str, fault: str
) -> None:
    with pytest.raises(CallError, match="timeout: no reply within"):
        ask(connect(server, name, call_timeout_seconds=0.2), make_request(f"[[loopback:{fault}]]"))
    gc.collect()


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_fails_in_passing_is_made_again(server: LoopbackServer, name: str) -> None:
    log = CallLog()
    retry = RetryPolicy(first_wait_seconds=0.0)
    request = make_request(f"[[loopback:500:1]] {name}")
    assert ask(connect(server, name, retry=retry, observe=note_in(log)), request).stop == "end"
    assert [(entry.outcome, entry.tries) for entry in log.entries] == [("server error", 1), ("end", 2)]


def test_more_than_a_hundred_calls_are_under_way_at_once() -> None:
    with LoopbackServer(latency=600.0, latency_cap=600.0) as server:
        model = connect(server, "openai:gpt-x")

        async def use() -> None:
            async with model:
                requests = [make_request(f"Who are you, {number}?") for number in range(150)]
                calls = [asyncio.create_task(model.reply(request, CALL)) for request in requests]
                await until(lambda: server.stats()["in_flight"] == 150)
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)

        asyncio.run(use())


@pytest.mark.parametrize("name", ["vllm:m", "ollama:m", "openai-compatible:m"])
def test_nobody_listening_is_known_at_opening(name: str) -> None:
    # Port 9 of this machine is reserved for throwing things away, and nobody does that today.
    with pytest.raises(ModelUnavailableError, match=r"nobody listens at http://127\.0\.0\.1:9"):
        ask(make_model(name, base_url="http://127.0.0.1:9/v1", transport=None))


def test_no_key_is_in_any_log_at_any_level(server: LoopbackServer, caplog: pytest.LogCaptureFixture) -> None:
    bodies, errors = io.StringIO(), []

    def write(exchange: Exchange) -> None:
        bodies.write(encode_bodies(exchange, Prices()))

    with caplog.at_level(logging.DEBUG):
        for name in NAMES:
            ask(connect(server, name, observe=write))
            for fault in ("500", "drop"):
                with pytest.raises(CallError) as failed:
                    ask(connect(server, name, observe=write), make_request(f"[[loopback:{fault}]]"))
                errors.append(f"{failed.value!r} {failed.value.detail}")
    assert len(bodies.getvalue().splitlines()) == 9
    assert KEY not in caplog.text + bodies.getvalue() + str(errors)


def test_proxies_are_those_of_the_system_but_for_ones_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3129")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert find_proxy("https://api.openai.com/v1") == "http://proxy.example:3128"
    assert find_proxy("http://server.example:8000/v1") == "http://proxy.example:3129"
    assert find_proxy("https://models.inside.example/v1") is None
    assert find_proxy("http://localhost:8000/v1") is None
    assert find_proxy("http://127.0.0.1:11434") is None
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    assert find_proxy("https://api.openai.com/v1") == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "proxy",
    [
        *(
            "socks5://someone:secret@proxy.example",
            "http://someone:secret@127.0.0.1:99999",
            "http://someone:secret@[::1",
        ),
        *(
            "http://someone:sec/secret@127.0.0.1:1",
            "http://someone:secret@proxy..example:1",
            "someone:secret@:0",
            "http://",
        ),
    ],
)
def test_a_proxy_that_is_none_is_refused_and_no_password_shown(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ConfigurationError, match=r"add api\.openai\.com to no_proxy") as failed:
        find_proxy("https://api.openai.com/v1")
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "proxy", ["HTTP://proxy.example:3128", "http://someone:secret@proxy.example", "http://[::1]:1"]
)
def test_a_proxy_is_taken_as_it_is_written(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    assert find_proxy("https://api.openai.com/v1") == proxy


@pytest.mark.parametrize("status", ["407 ", "502 Bad Gateway"])
def test_a_proxy_that_lets_nothing_through_ends_the_run_and_no_password_is_told(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def use() -> str:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            monkeypatch.setenv("https_proxy", f"http://someone:secret@127.0.0.1:{port}")
            model = make_model(
                "openai:gpt-x", base_url="https://server.example/v1", transport=None, retry=RetryPolicy(max_tries=1)
            )
            with pytest.raises(ModelUnavailableError, match="no connection to https://server") as failed:
                await ask_async(model, make_request())
            return str(failed.value)

    assert "secret" not in asyncio.run(use())


@pytest.mark.parametrize("host", ["api..example", "api.example..", f"{'a' * 64}.example", "api.。example"])
def test_a_host_that_no_name_server_can_be_asked_for_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        make_model("openai:gpt-x", base_url=f"https://{host}/v1", transport=None)


@pytest.mark.parametrize("build", [build_httpx_transport, build_httpx2_transport])
def test_the_transport_has_room_for_all_connections_asked_for(build: Callable[[str, int], Any]) -> None:
    async def use() -> int:
        session = build("http://127.0.0.1:9", 1_000).get_client()
        try:
            return int(session.connector.limit)
        finally:
            await session.close()

    assert asyncio.run(use()) == 1_000


def test_own_connections_have_room_for_all_that_are_asked_for() -> None:
    async def use() -> tuple[int, bool]:
        session = open_session("https://server.example", 1_000, headers={})
        try:
            assert isinstance(session.connector, aiohttp.TCPConnector)
            context = session.connector._ssl
            assert isinstance(context, ssl.SSLContext)
            return session.connector.limit, context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
        finally:
            await session.close()

    assert asyncio.run(use()) == (1_000, True)


@contextlib.asynccontextmanager
async def noting_heads(heads: list[bytes], *headers: str) -> AsyncIterator[int]:
    """Listen, and answer every request soundly, on a connection of its own; give the port, and take down the heads."""
    body = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}).encode()
    answer_head = "\r\n".join(("HTTP/1.1 200 OK", *headers, "connection: close", "", "")).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(heads[-1].lower().partition(b"content-length:")[2].split()[0]))
        writer.write(answer_head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "localhost", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


def test_calls_go_through_the_proxy_that_the_system_names(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def use() -> None:
        async with noting_heads(heads) as port:
            monkeypatch.setenv("http_proxy", f"http://someone:secret@localhost:{port}")
            model = make_model("openai:gpt-x", base_url="http://server.example/v1", transport=None)
            await ask_async(model, make_request())

    asyncio.run(use())
    assert heads[-1].startswith(b"POST http://server.example/v1/chat/completions HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"someone:secret") in heads[-1]


def test_no_cookie_ties_later_calls_to_one_machine() -> None:
    heads: list[bytes] = []

    async def use() -> None:
        async with noting_heads(heads, "set-cookie: machine=7") as port:
            model = make_model("openai:gpt-x", base_url=f"http://localhost:{port}/v1", transport=None)
            await ask_async(model, make_request(), make_request())

    asyncio.run(use())
    assert len(heads) == 2
    assert b"cookie" not in b"".join(heads).lower()


def test_building_a_model_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\n"
        "from synthetic_communities.llm.naming import parse_model_name\n"
        "from synthetic_communities.llm.stack import build_model\n"
        "build_model(parse_model_name('openai:m'), api_key='k')\n"
        "build_model(parse_model_name('anthropic'), api_key='k')\n"
        "print([name for name in ('httpx', 'httpx2', 'aiohttp', 'anthropic', 'dotenv') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_transport_of_ones_own_is_closed_with_the_model() -> None:
    closed = 0

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            choice = {"message": {"content": "Hello."}, "finish_reason": "stop"}
            return httpx.Response(200, json={"choices": [choice]})

        async def aclose(self) -> None:
            nonlocal closed
            closed += 1

    model = make_model("openai:gpt-x", transport=Transport())
    assert asyncio.run(ask_async(model, make_request()))[0].text == "Hello."
    assert closed == 1
