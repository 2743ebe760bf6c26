"""The loopback server's cache of prompts: what is written, what is read, for how long, and what `usage` tells of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer
from anthropic import types as anthropic_types
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.server.app import LoopbackApp
from synthetic_communities.testing.server.arguments import build_arguments, parse_settings
from synthetic_communities.testing.server.caching import Block, CacheTerms, CacheUse, PromptCache, Ttl
from synthetic_communities.testing.server.settings import LoopbackSettings
from synthetic_communities.testing.server.tokens import TokenRule, build_token_rule
from tests.patience import Servers

MESSAGES, CHAT, OLLAMA = "/v1/messages", "/v1/chat/completions", "/api/chat"
HEADERS = {"authorization": "Bearer a-key", "anthropic-version": "2026-10-21"}
RULE = TokenRule(4.0)
MARKED = CacheTerms(100)
STEPS = CacheTerms(256, step_tokens=128)
SCHEMA = {
    "type": "object",
    "properties": {"words": {"type": "string"}},
    "required": ["words"],
    "additionalProperties": False,
}


def text(tokens: int, name: str = "a") -> str:
    """Return a text of so many tokens together with the line before the next."""
    return (name * (4 * tokens))[: 4 * tokens - 1]


def block(tokens: int, name: str = "a", mark: Ttl | None = None) -> Block:
    return Block(text(tokens, name), mark)


class Shelf:
    """A cache, one kind of terms, and a clock that is set by hand."""

    def __init__(self, terms: CacheTerms, most: int = 1000) -> None:
        self.cache = PromptCache(most)
        self.terms = terms
        self.now = 0.0

    def send(self, *blocks: Block, beginning: str = "model") -> CacheUse:
        return self.cache.use(beginning, blocks, self.terms, RULE, self.now)

    def ask(self, *blocks: Block, beginning: str = "model") -> tuple[int, int]:
        """Ask, and have the reply at once; return the tokens read and written."""
        use = self.send(*blocks, beginning=beginning)
        self.cache.keep(use, self.now)
        return use.read_tokens, use.written_tokens


class TestWhatIsMarked:
    def test_it_is_written_once_and_then_read(self) -> None:
        shelf, last = Shelf(MARKED), block(50, "z")
        assert shelf.ask(block(200, "a"), block(100, "b", "5m"), last) == (0, 300)
        assert shelf.ask(block(200, "a"), block(100, "b", "5m"), last) == (300, 0)
        assert shelf.ask(block(200, "a"), block(100, "b", "5m"), block(80, "y")) == (300, 0)

    def test_what_is_not_marked_is_not_written(self) -> None:
        shelf = Shelf(MARKED)
        assert shelf.ask(block(200), block(100, "b")) == (0, 0)
        assert shelf.ask(block(200), block(100, "b")) == (0, 0)
        assert len(shelf.cache) == 0

    def test_a_longer_beginning_reads_the_shorter_one_and_writes_the_rest(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", "5m"))
        assert shelf.ask(block(200, "a", "5m"), block(150, "b", "5m"), block(9, "c")) == (200, 150)
        assert shelf.ask(block(200, "a"), block(150, "b", "5m"), block(100, "d")) == (350, 0)

    def test_one_character_that_differs_ends_it(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", "5m"), block(150, "b", "5m"))
        other = Block(text(150, "b")[:-1] + "c", "5m")
        assert shelf.ask(block(200, "a", "5m"), other) == (200, 150)
        assert shelf.ask(Block("c" + text(200, "a")[1:], "5m"), block(150, "b", "5m")) == (0, 350)

    def test_the_same_text_in_other_blocks_is_another_beginning(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(Block("ab" * 200), Block("cd" * 200, "5m"))
        assert shelf.ask(Block("ab" * 200 + "cd" * 200, "5m"))[0] == 0

    def test_everything_else_a_reply_depends_on_comes_first(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", "5m"), beginning="plain text")
        assert shelf.ask(block(200, "a", "5m"), beginning="judgement") == (0, 200)
        assert shelf.ask(block(200, "a", "5m"), beginning="plain text") == (200, 0)

    def test_what_is_too_short_is_passed_over(self) -> None:
        shelf = Shelf(MARKED)
        for _ in range(2):
            assert shelf.ask(block(99, "a", "5m")) == (0, 0)
        assert shelf.ask(block(99, "a", "5m"), block(1, "b", "5m")) == (0, 100)
        assert shelf.ask(block(99, "a", "5m"), block(1, "b", "5m")) == (100, 0)

    def test_nothing_can_be_read_before_a_reply_is_sent(self) -> None:
        shelf = Shelf(MARKED)
        together = [shelf.send(block(200, "a", "5m"), block(9, str(number))) for number in range(5)]
        assert [(use.read_tokens, use.written_tokens) for use in together] == [(0, 200)] * 5
        shelf.cache.keep(together[3], 1.0)
        assert shelf.ask(block(200, "a", "5m")) == (200, 0)

    def test_it_looks_back_over_twenty_blocks_and_no_more(self) -> None:
        for between, found in ((18, (200, 2 * 18 + 2)), (19, (0, 200 + 2 * 19 + 2))):
            shelf = Shelf(MARKED)
            shelf.ask(block(200, "a", "5m"))
            rest = [block(2, "b")] * between
            assert shelf.ask(block(200, "a"), *rest, block(2, "z", "5m")) == found

    def test_a_mark_nearer_by_finds_what_the_last_one_does_not(self) -> None:
        shelf, rest = Shelf(MARKED), [block(2, "b")] * 30
        shelf.ask(block(200, "a", "5m"))
        assert shelf.ask(block(200, "a", "5m"), *rest, block(2, "z", "5m")) == (200, 62)

    def test_five_minutes_and_an_hour_are_counted_apart(self) -> None:
        shelf = Shelf(MARKED)
        use = shelf.send(block(200, "a", "1h"), block(100, "b", "1h"), block(50, "c", "5m"), block(9, "d"))
        assert (use.written_1h_tokens, use.written_5m_tokens) == (300, 50)
        shelf.cache.keep(use, 0.0)
        use = shelf.send(block(200, "a", "1h"), block(100, "b", "1h"), block(70, "e", "5m"))
        assert (use.read_tokens, use.written_1h_tokens, use.written_5m_tokens) == (300, 0, 70)


class TestLifetime:
    @pytest.mark.parametrize(("ttl", "seconds"), [("5m", 300.0), ("1h", 3600.0)])
    def test_it_is_forgotten_when_its_time_is_over(self, ttl: Ttl, seconds: float) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", ttl))
        shelf.now = seconds
        assert shelf.ask(block(200, "a", ttl)) == (0, 200)

    @pytest.mark.parametrize(("ttl", "seconds"), [("5m", 300.0), ("1h", 3600.0)])
    def test_each_read_renews_it(self, ttl: Ttl, seconds: float) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", ttl))
        for _ in range(3):
            shelf.now += seconds - 1
            assert shelf.ask(block(200, "a", ttl)) == (200, 0)
        shelf.now += seconds
        assert shelf.ask(block(200, "a", ttl)) == (0, 200)

    def test_time_runs_from_the_reply(self) -> None:
        shelf = Shelf(MARKED)
        use = shelf.send(block(200, "a", "5m"))
        shelf.cache.keep(use, 60.0)
        shelf.now = 359.0
        assert shelf.ask(block(200, "a", "5m")) == (200, 0)

    def test_a_longer_read_renews_what_is_marked_before_it(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", "5m"), block(100, "b", "5m"))
        shelf.now = 250.0
        shelf.ask(block(200, "a", "5m"), block(100, "b", "5m"))
        shelf.now = 500.0
        assert shelf.ask(block(200, "a", "5m"), block(100, "c", "5m")) == (200, 100)

    def test_what_nobody_marks_is_not_renewed_by_a_longer_read(self) -> None:
        shelf = Shelf(MARKED)
        shelf.ask(block(200, "a", "5m"), block(100, "b", "5m"))
        shelf.now = 250.0
        shelf.ask(block(200, "a"), block(100, "b", "5m"))
        shelf.now = 500.0
        assert shelf.ask(block(200, "a", "5m"), block(100, "c", "5m")) == (0, 300)

    def test_an_hour_is_not_cut_short_by_five_minutes(self) -> None:
        shelf = Shelf(MARKED)
        hour, minutes = shelf.send(block(200, "a", "1h")), shelf.send(block(200, "a", "5m"))
        shelf.cache.keep(hour, 0.0)
        shelf.cache.keep(minutes, 1.0)
        shelf.now = 3000.0
        assert shelf.ask(block(200, "a", "5m")) == (200, 0)


class TestSteps:
    def test_whole_steps_are_read_whoever_marked_what(self) -> None:
        shelf = Shelf(STEPS)
        assert shelf.ask(block(300), block(100, "b")) == (0, 0)
        assert shelf.ask(block(300), block(100, "b")) == (384, 0)
        assert shelf.ask(block(300), block(100, "c")) == (256, 0)

    def test_too_short_a_beginning_is_not_read(self) -> None:
        shelf = Shelf(STEPS)
        shelf.ask(block(200), block(100, "b"))
        assert shelf.ask(block(200), block(100, "c")) == (0, 0)

    def test_blocks_do_not_matter(self) -> None:
        shelf = Shelf(STEPS)
        shelf.ask(block(300), block(100, "b"))
        assert shelf.ask(Block(f"{text(300)}\n{text(100, 'b')}")) == (384, 0)

    def test_another_form_is_another_beginning(self) -> None:
        shelf = Shelf(STEPS)
        shelf.ask(block(400), beginning="plain")
        assert shelf.ask(block(400), beginning="judgement") == (0, 0)

    def test_calls_sent_together_all_miss(self) -> None:
        shelf = Shelf(STEPS)
        together = [shelf.send(block(400)) for _ in range(4)]
        assert [use.read_tokens for use in together] == [0] * 4

    def test_it_is_forgotten_after_five_minutes_and_renewed_by_a_read(self) -> None:
        shelf = Shelf(STEPS)
        shelf.ask(block(400))
        shelf.now = 299.0
        assert shelf.ask(block(400)) == (384, 0)
        shelf.now = 598.0
        assert shelf.ask(block(400)) == (384, 0)
        shelf.now = 898.0
        assert shelf.ask(block(400)) == (0, 0)


class TestMemory:
    @given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=60))
    def test_it_holds_no_more_than_it_may(self, most: int, names: list[int]) -> None:
        for terms in (MARKED, STEPS):
            shelf = Shelf(terms, most)
            for name in names:
                shelf.ask(Block(f"{name:04d}" * 400, "5m"))
                assert len(shelf.cache) <= most

    def test_what_was_used_last_stays(self) -> None:
        shelf = Shelf(MARKED, most=2)
        for name in "ab":
            shelf.ask(block(200, name, "5m"))
        shelf.ask(block(200, "a", "5m"))
        shelf.ask(block(200, "c", "5m"))
        assert shelf.ask(block(200, "a", "5m")) == (200, 0)
        assert shelf.ask(block(200, "b", "5m")) == (0, 200)

    @pytest.mark.parametrize("times", [1, 2])
    def test_of_steps_the_ends_go_first(self, times: int) -> None:
        shelf = Shelf(STEPS, most=4)
        for _ in range(times):
            shelf.ask(block(512, "a"))
        shelf.ask(block(128, "b"))
        assert shelf.ask(block(512, "a")) == (384, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 80), st.sampled_from([None, "5m", "1h"])), max_size=8))
def test_tokens_are_read_or_written_or_neither_and_never_twice(parts: list[tuple[int, int, Ttl | None]]) -> None:
    blocks = [block(tokens, "abcd"[name], mark) for name, tokens, mark in parts]
    shelf, whole = Shelf(CacheTerms(40)), RULE.count("\n".join(each.text for each in blocks)) if blocks else 0
    first, cut = shelf.send(*blocks), shelf.send(*blocks[: len(blocks) // 2])
    assert 0 <= first.written_tokens <= whole
    assert first.read_tokens == cut.read_tokens == 0
    shelf.cache.keep(first, 0.0)
    again = shelf.send(*blocks)
    assert (again.read_tokens, again.written_tokens) == (first.written_tokens, 0)


# Over sockets


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(
        cache=True, token_chars=4.0, latency=0.02, when={"DROP": "drop", "BEGUN": "drop-mid"}
    ) as server:
        yield server


@pytest.fixture
def http(server: LoopbackServer) -> Iterator[httpx.Client]:
    server.reset()
    with httpx.Client(base_url=server.url, headers=HEADERS, timeout=60, trust_env=False, verify=False) as client:
        yield client


def message(*texts: str, marks: tuple[int, ...] = (), ttl: str | None = None, **more: Any) -> dict[str, Any]:
    control = {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {})
    blocks = [
        {"type": "text", "text": each} | ({"cache_control": control} if place in marks else {})
        for place, each in enumerate(texts)
    ]
    return {"model": "claude-haiku-5-5", "max_tokens": 500, "messages": [{"role": "user", "content": blocks}]} | more


def chat(*texts: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": each} for each in texts]} | more


def ask(http: httpx.Client, body: dict[str, Any]) -> tuple[int, int, int]:
    """Return the tokens of a message's prompt: plain, written and read; the SDK's type knows the reply."""
    reply = http.post(MESSAGES, json=body).json()
    usage = anthropic_types.Message.model_validate(reply, strict=True).usage
    assert usage.cache_creation is not None
    assert usage.cache_creation_input_tokens == (
        usage.cache_creation.ephemeral_5m_input_tokens + usage.cache_creation.ephemeral_1h_input_tokens
    )
    return usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens or 0


def cached(http: httpx.Client, body: dict[str, Any]) -> tuple[int, int]:
    usage = http.post(CHAT, json=body).json()["usage"]
    return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


class TestMessages:
    def test_usage_tells_what_was_written_and_read(self, http: httpx.Client) -> None:
        body = message(text(600), text(100, "b"), marks=(0,))
        assert ask(http, body) == (100, 600, 0)
        assert ask(http, body) == (100, 0, 600)

    def test_the_breakdown_tells_for_how_long(self, http: httpx.Client) -> None:
        reply = http.post(MESSAGES, json=message(text(600), "b", marks=(0,), ttl="1h")).json()
        assert reply["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 600}
        reply = http.post(MESSAGES, json=message(text(700), "b", marks=(0,), ttl="5m")).json()
        assert reply["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 700, "ephemeral_1h_input_tokens": 0}

    def test_without_marks_nothing_is_cached(self, http: httpx.Client) -> None:
        for _ in range(2):
            assert ask(http, message(text(600), text(100, "b")))[1:] == (0, 0)

    def test_a_mark_on_the_whole_body_is_one_on_its_end(self, http: httpx.Client) -> None:
        body = message(text(600), text(100, "b"), cache_control={"type": "ephemeral"})
        assert [ask(http, body)[1:] for _ in range(2)] == [(700, 0), (0, 700)]

    @pytest.mark.parametrize(
        ("model", "tokens", "is_cached"),
        [
            ("claude-haiku-5-5", 511, False),
            ("claude-haiku-5-5", 512, True),
            ("claude-opus-5-5", 512, True),
            ("claude-haiku-4-5", 4095, False),
            ("claude-haiku-4-5", 4096, True),
            ("claude-opus-4-6", 1023, False),
            ("claude-opus-4-6", 1024, True),
        ],
    )
    def test_each_model_has_its_shortest_beginning(
        self, http: httpx.Client, model: str, tokens: int, is_cached: bool
    ) -> None:
        _, written, _ = ask(http, message(text(tokens), "b", marks=(0,), model=model))
        assert written == (tokens if is_cached else 0)

    @pytest.mark.parametrize(
        "change",
        [
            {"model": "claude-sonnet-5-5"},
            {"thinking": {"type": "disabled"}},
            {"output_config": {"effort": "low"}},
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ],
    )
    def test_model_thinking_effort_and_format_come_first(self, http: httpx.Client, change: dict[str, Any]) -> None:
        ask(http, message(text(600), "b", marks=(0,)))
        assert ask(http, message(text(600), "b", marks=(0,), **change))[2] == 0
        assert ask(http, message(text(600), "b", marks=(0,), **change))[2] >= 600

    def test_the_limit_of_the_reply_does_not_matter(self, http: httpx.Client) -> None:
        ask(http, message(text(600), "b", marks=(0,)))
        assert ask(http, message(text(600), "b", marks=(0,), max_tokens=300))[2] == 600

    def test_the_system_message_comes_before_the_others(self, http: httpx.Client) -> None:
        system = [{"type": "text", "text": text(600), "cache_control": {"type": "ephemeral"}}]
        ask(http, message("one", system=system))
        assert ask(http, message("two", system=system))[2] == 600

    def test_five_marks_are_too_many_and_four_are_not(self, http: httpx.Client) -> None:
        texts = [text(600, name) for name in "abcde"]
        assert http.post(MESSAGES, json=message(*texts, marks=(0, 1, 2, 3))).status_code == 200
        refused = http.post(MESSAGES, json=message(*texts, marks=(0, 1, 2, 3, 4)))
        assert refused.status_code == 400
        assert "maximum of 4 blocks with cache_control" in refused.json()["error"]["message"]

    def test_an_hour_comes_before_five_minutes(self, http: httpx.Client) -> None:
        body = message(text(600), text(100, "b"), "c", marks=(0, 1))
        first, second, _ = body["messages"][0]["content"]
        first["cache_control"], second["cache_control"] = {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral"}
        assert ask(http, body)[1] == 700
        first["cache_control"], second["cache_control"] = second["cache_control"], first["cache_control"]
        refused = http.post(MESSAGES, json=body)
        assert refused.status_code == 400
        assert "must not come after" in refused.json()["error"]["message"]

    def test_marks_change_nothing_of_the_reply(self, http: httpx.Client) -> None:
        plain, marked = (
            http.post(MESSAGES, json=message(text(600), "b", marks=marks)).json()["content"] for marks in ((), (0, 1))
        )
        assert plain == marked

    def test_calls_sent_together_all_miss_and_one_after_them_reads(self) -> None:
        async def together(server: LoopbackServer) -> list[int]:
            async with httpx.AsyncClient(
                base_url=server.url, headers=HEADERS, trust_env=False, verify=False, timeout=60
            ) as client:
                bodies = [message(text(600), f"number {number}", marks=(0,)) for number in range(8)]
                replies = await asyncio.gather(*(client.post(MESSAGES, json=body) for body in bodies))
                return [reply.json()["usage"]["cache_read_input_tokens"] for reply in replies]

        def ask_together(server: LoopbackServer) -> None:
            read = asyncio.run(together(server))
            if server.stats()["peak_in_flight"] == 8:
                assert read == [0] * 8
            with httpx.Client(base_url=server.url, headers=HEADERS, timeout=60, trust_env=False, verify=False) as http:
                assert ask(http, message(text(600), "another", marks=(0,)))[2] == 600

        with Servers(latency=0.05, cache=True, token_chars=4.0) as servers:
            servers.reach(8, ask_together)

    def test_a_reply_that_never_began_leaves_nothing(self, http: httpx.Client) -> None:
        for last, read in (("DROP", 0), ("BEGUN", 600)):
            body = message(text(600, last[0]), last, marks=(0,))
            with pytest.raises(httpx.RemoteProtocolError):
                http.post(MESSAGES, json=body)
            assert ask(http, message(text(600, last[0]), "b", marks=(0,)))[2] == read

    def test_a_request_that_is_refused_leaves_nothing(self, http: httpx.Client) -> None:
        assert http.post(MESSAGES, json=message(text(600), "[[loopback:529]]", marks=(0,))).status_code == 529
        assert ask(http, message(text(600), "b", marks=(0,)))[2] == 0

    def test_a_reset_forgets_it(self, http: httpx.Client, server: LoopbackServer) -> None:
        ask(http, message(text(600), "b", marks=(0,)))
        server.reset()
        assert ask(http, message(text(600), "b", marks=(0,)))[2] == 0


class TestChatCompletions:
    def test_it_needs_no_marks(self, http: httpx.Client) -> None:
        assert cached(http, chat(text(1200), "b")) == (1201, 0)
        assert cached(http, chat(text(1200), "c")) == (1201, 1152)

    @pytest.mark.parametrize(
        ("model", "read"), [("anthropic/claude-haiku-5-5", 0), ("openai/gpt-oss-120b", 0), ("openai/gpt-5-mini", 1152)]
    )
    def test_of_models_that_are_passed_on_it_keeps_what_their_makers_keep_unasked(
        self, http: httpx.Client, model: str, read: int
    ) -> None:
        assert [cached(http, chat(text(1200), last, model=model))[1] for last in "bc"] == [0, read]

    def test_less_than_1024_tokens_are_not_read(self, http: httpx.Client) -> None:
        cached(http, chat(text(1020), text(300, "b")))
        assert cached(http, chat(text(1020), text(300, "c")))[1] == 0
        cached(http, chat(text(1024), text(300, "b")))
        assert cached(http, chat(text(1024), text(300, "c")))[1] == 1024

    @pytest.mark.parametrize(
        "change",
        [
            {"model": "gpt-4.1-mini"},
            {"reasoning_effort": "low"},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
        ],
    )
    def test_model_effort_and_format_come_first(self, http: httpx.Client, change: dict[str, Any]) -> None:
        cached(http, chat(text(1200), "b"))
        assert cached(http, chat(text(1200), "b", **change))[1] == 0
        assert cached(http, chat(text(1200), "b", **change))[1] >= 1152


class TestStats:
    def test_tokens_are_told_by_protocol(self, http: httpx.Client, server: LoopbackServer) -> None:
        for _ in range(2):
            ask(http, message(text(600), text(100, "b"), marks=(0,)))
            cached(http, chat(text(1200), "b"))
        http.post(
            OLLAMA, json={"model": "llama3.2:3b", "stream": False, "messages": [{"role": "user", "content": "a"}]}
        )
        stats = server.stats()
        assert stats["prompt_by_path"] == {
            MESSAGES: {"plain": 200, "written_5m": 600, "written_1h": 0, "read": 600},
            CHAT: {"plain": 1201 + 49, "written_5m": 0, "written_1h": 0, "read": 1152},
            OLLAMA: {"plain": 1, "written_5m": 0, "written_1h": 0, "read": 0},
        }
        assert stats["prompt_tokens"] == sum(sum(each.values()) for each in stats["prompt_by_path"].values())


@asynccontextmanager
async def serve(settings: LoopbackSettings, clock: Callable[[], float]) -> Any:
    app = LoopbackApp(settings, clock, clock).build()
    async with TestClient(TestServer(app), headers=HEADERS) as client:
        yield client


@pytest.mark.asyncio
async def test_without_a_cache_all_of_it_is_plain() -> None:
    async with serve(LoopbackSettings(token_chars=4.0), lambda: 0.0) as client:
        for _ in range(2):
            body = message(text(600), text(100, "b"), marks=(0,))
            usage = (await (await client.post(MESSAGES, json=body)).json())["usage"]
            assert (usage["input_tokens"], usage["cache_creation_input_tokens"]) == (700, 0)
            assert usage["cache_read_input_tokens"] == 0
            usage = (await (await client.post(CHAT, json=chat(text(1200), "b"))).json())["usage"]
            assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


@pytest.mark.asyncio
async def test_a_server_of_ones_own_keeps_pages_of_sixteen_tokens() -> None:
    settings = LoopbackSettings(cache=True, token_chars=4.0, dialect="llamacpp", no_auth=True)
    async with serve(settings, lambda: 0.0) as client:
        replies = [await (await client.post(CHAT, json=chat(text(40), last))).json() for last in "bc"]
    assert [each["usage"]["prompt_tokens_details"]["cached_tokens"] for each in replies] == [0, 32]


@pytest.mark.asyncio
async def test_time_is_that_of_the_servers_clock() -> None:
    times = [0.0]
    async with serve(LoopbackSettings(cache=True, token_chars=4.0), lambda: times[0]) as client:
        read = []
        for now in (0.0, 299.0, 598.0, 898.0):
            times[0] = now
            reply = await (await client.post(MESSAGES, json=message(text(600), "b", marks=(0,)))).json()
            read.append(reply["usage"]["cache_read_input_tokens"])
    assert read == [0, 600, 600, 0]


# Settings that go with it


@pytest.mark.asyncio
async def test_texts_have_the_lengths_that_are_asked_for() -> None:
    settings = LoopbackSettings(reply_lengths={"POST:": 120, "CHAT": 60}, reply_chars=300, string_chars=250)
    asked = ("POST: what?", "CHAT: what?", "What?")
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    bodies = [*map(message, asked), message("Judge.", output_config=form)]
    async with serve(settings, lambda: 0.0) as client:
        replies = [await (await client.post(MESSAGES, json=body)).json() for body in bodies]
    *texts, judgement = [reply["content"][0]["text"] for reply in replies]
    for said, length in zip((*texts, json.loads(judgement)["words"]), (120, 60, 300, 250), strict=True):
        assert length - 12 <= len(said) <= length


def test_they_survive_the_command_line() -> None:
    settings = LoopbackSettings(cache=True, token_chars=4.0, reply_lengths={"a=b": 30, "--x": 1}, string_chars=300)
    assert parse_settings(build_arguments(settings)) == settings


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reply-length", "POST=long"], "'long' is no number of characters"),
        (["--reply-length", "POST=0"], "reply length 'POST'=0: at least 1"),
        (["--string-chars", "0"], "string_chars 0: at least 1"),
        (["--token-chars", "0"], "token_chars 0.0: at least 0.1"),
    ],
)
def test_wrong_ones_are_named(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit):
        parse_settings(arguments)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("seed", "other"), [(1, 2), (3, 4)])
def test_tokens_are_three_to_four_and_a_half_characters_unless_told(seed: int, other: int) -> None:
    drawn = [build_token_rule(each).characters for each in (seed, other)]
    assert all(3.0 <= characters <= 4.5 for characters in drawn)
    assert drawn[0] != drawn[1]
    assert {build_token_rule(each, 4.0).characters for each in (seed, other)} == {4.0}
