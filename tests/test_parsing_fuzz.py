"""Whatever comes back: any text is a value or unreadable, any answer a reply or a failure, in time linear in it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.domain.debate import Topic
from synthetic_communities.llm.failures import CallError
from synthetic_communities.llm.limits.headers import read_rates
from synthetic_communities.llm.model import ModelReply
from synthetic_communities.llm.wire.answers import HttpAnswer
from synthetic_communities.minds import views
from synthetic_communities.minds.llm.mind import MOST_MARKS, read_positions
from synthetic_communities.minds.llm.reading import MAX_REPLY_BYTES
from synthetic_communities.minds.views import View
from tests.bad_servers import BadServer, Peer
from tests.fuzz_targets import (
    SOUND,
    VIEWS,
    Canned,
    check_failure,
    check_reply,
    make_provider,
    sound_for,
    try_answer,
    try_opening,
    try_text,
)
from tests.fuzzed_answers import BODIES, HEADERS, TOLD, fuzz_answer
from tests.fuzzed_texts import JUDGEMENTS, NASTY, PIECES, STATED, VALUES, fuzz_text
from tests.model_calls import CALL, ask, make_model, make_request, provider_of
from tests.small_views import JUDGING, KINDS, make_view

KIND = st.sampled_from(KINDS)
STOP = st.sampled_from(["end", "cut", "refused"])

# Texts, as hypothesis makes them up.

SCALAR = st.one_of(st.sampled_from(VALUES), st.floats(), st.integers(), st.text(st.characters(), max_size=20))
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*JUDGEMENTS[0], *STATED]) | st.text(), inner)
    ),
    max_leaves=6,
)
CHANGED = st.builds(
    lambda sound, name, value: json.dumps({**sound, name: value}),
    st.sampled_from(JUDGEMENTS),
    st.sampled_from([*JUDGEMENTS[0]]) | st.text(),
    VALUE,
)
TWICE = st.builds(
    lambda sound, name, value: f'{json.dumps(sound)[:-1]}, "{name}": {json.dumps(value)}}}',
    st.sampled_from(JUDGEMENTS),
    st.sampled_from([*JUDGEMENTS[0]]),
    SCALAR,
)
PIECED = st.lists(st.sampled_from([*NASTY, *PIECES, "rents: ", "0.4; ", "So.", '"vote":', '"A"']), max_size=40)
TEXT = st.one_of(
    st.text(st.characters()),
    PIECED.map("".join),
    CHANGED,
    TWICE,
    VALUE.map(json.dumps),
    st.builds(str.__add__, CHANGED, TWICE),
)


@given(TEXT, KIND, STOP)
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_answer_to_any_view(text: str, kind: type[View], stop: Any) -> None:
    came = try_text(text, VIEWS[kind], stop)
    assert came in {"end": ("value", "unreadable"), "cut": ("unreadable",), "refused": ("refused",)}[stop]


@given(st.integers(0, 2**32), KIND)
@settings(max_examples=300, deadline=None)
def test_so_is_any_sound_reply_gone_wrong(seed: int, kind: type[View]) -> None:
    random, view = Random(seed), VIEWS[kind]
    assert try_text(fuzz_text(random, sound_for(view)), view) in ("value", "unreadable")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_changed_at_random_is_at_times_read_and_at_times_not(kind: type[View]) -> None:
    random, view = Random(1), VIEWS[kind]
    came = Counter(try_text(fuzz_text(random, sound_for(view)), view) for _ in range(150))
    assert came["value"] >= 10, "else nothing is tried but what is thrown away at once"
    assert came["unreadable"] >= 1


# Answers of servers, from bytes to what a mind makes of them.


def try_answers(protocol: str, *answers: HttpAnswer, kind: type[View] = views.BallotView) -> list[str]:
    """Return what came of these answers, each given to a model that knows all options yet."""

    async def use() -> list[str]:
        canned, came = Canned(), []
        for answer in answers:
            canned.answer = SOUND
            async with make_provider(protocol, canned) as model:
                canned.answer = answer
                came.append(await try_answer(model, VIEWS[kind]))
        return [*map(str, came)]

    return asyncio.run(use())


ANSWER = st.builds(
    HttpAnswer,
    st.integers(100, 999) | st.sampled_from([200, 200, 200, 400, 401, 422, 429, 529]),
    st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(TOLD) | st.text(max_size=30), max_size=4),
    st.one_of(
        st.binary(),
        VALUE.map(lambda value: json.dumps(value).encode()),
        st.builds(lambda body, text: json.dumps(body(text)).encode(), st.sampled_from([*BODIES.values()]), TEXT),
        st.builds(lambda name, value: json.dumps({name: value}).encode(), st.sampled_from(["error", "choices"]), VALUE),
    ),
)


@given(ANSWER, st.sampled_from([*BODIES]), KIND)
@settings(max_examples=150, deadline=None)
def test_any_answer_is_a_reply_or_a_failure(answer: HttpAnswer, protocol: str, kind: type[View]) -> None:
    try_answers(protocol, answer, kind=kind)


@pytest.mark.parametrize("protocol", BODIES)
def test_so_is_any_sound_answer_gone_wrong(protocol: str) -> None:
    random = Random(protocol)
    came = Counter(try_answers(protocol, *(fuzz_answer(random, protocol) for _ in range(800))))
    assert came["value"] >= 10
    assert set(came) == {"value", "unreadable", "refused", "failed call", "stopped run"}


@pytest.mark.parametrize("protocol", BODIES)
def test_what_is_told_on_opening_opens_a_model_or_stops_the_run(protocol: str) -> None:
    async def use() -> Counter[str]:
        random, canned, came = Random(protocol), Canned(), Counter[str]()
        for _ in range(300):
            canned.answer = fuzz_answer(random, protocol)
            came[await try_opening(make_provider(protocol, canned))] += 1
        return came

    assert asyncio.run(use())["value"] >= 100


def over_sdk(*answers: HttpAnswer) -> list[ModelReply | CallError]:
    """Return what the official SDK's client makes of answers."""
    left = list(answers)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, content=b"{}")
        given = left.pop(0)
        headers = [(name.encode(), told.encode("utf-8", "replace")) for name, told in given.headers.items()]
        return httpx2.Response(given.status, headers=headers, content=given.content)

    async def use() -> list[ModelReply | CallError]:
        came: list[ModelReply | CallError] = []
        async with provider_of(make_model("anthropic:m", transport=httpx2.MockTransport(answer))) as model:
            while left:
                try:
                    came.append(await model.reply(make_request(), CALL))
                except CallError as error:
                    came.append(error)
        return came

    return asyncio.run(use())


def test_the_sdk_stands_in_the_way_of_no_answer() -> None:
    random = Random(3)
    stops_no_run = (200, 201, 400, 408, 409, 422, 500, 503, 529)
    answers = (fuzz_answer(random, "anthropic") for _ in range(600))
    for came in over_sdk(*(answer for answer in answers if answer.status in stops_no_run and answer.status != 400)):
        check_reply(came) if isinstance(came, ModelReply) else check_failure(came)


@pytest.mark.parametrize("charset", ["hex", "zlib", "rot13", "idna", "undefined", "utf-16", "utf-8\x00", '"bz2"'])
def test_an_error_in_a_code_that_is_none_of_texts_still_says_what_failed(charset: str) -> None:
    body = json.dumps({"error": {"type": "overloaded_error", "message": "Busy."}}).encode()
    (failure,) = over_sdk(HttpAnswer(529, {"content-type": f"application/json; Charset={charset}"}, body))
    assert isinstance(failure, CallError)
    assert (failure.kind, failure.detail, failure.is_transient) == ("overloaded", "Busy.", True)


def test_a_reason_without_end_is_told_shortened() -> None:
    for reason in ("x" * 100_000, [[["x"] * 10_000]], "\ud800"):
        body = json.dumps({"content": [], "stop_reason": reason}).encode()
        assert try_answers("anthropic", HttpAnswer(200, {}, body)) == ["failed call"]


@pytest.mark.parametrize("reason", [["content_filter"], {"content_filter": 1}, 7, None])
def test_a_reason_to_stop_that_is_no_text_is_none(reason: Any) -> None:
    choice = {"message": {"content": '{"vote": "A"}'}, "finish_reason": reason}
    assert try_answers("openai", HttpAnswer(200, {}, json.dumps({"choices": [choice]}).encode())) == ["value"]


def test_a_date_without_a_zone_is_in_greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        told = {
            "anthropic-ratelimit-requests-remaining": "1",
            "anthropic-ratelimit-requests-reset": "2026-11-23T13:00:10Z",
            "date": "Mon, 23 Nov 2026 13:00:00 -0000",
        }
        (fact,) = read_rates(told, now=0.0)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert fact.reset_seconds == 10.0


# Bytes on real connections.


def garble(random: Random, protocol: str) -> bytes:
    """Return what a server writes, head and body, with some bytes of it changed."""
    answer = fuzz_answer(random, protocol)
    head = f"HTTP/1.1 {answer.status} Whatever\r\ncontent-type: application/json\r\n"
    headers = answer.headers if random.random() < 0.5 else {}
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = random.choice((answer.content, json.dumps(BODIES[protocol]("A cap.")).encode()))
    length = len(body) + random.choice((0, 0, 0, 7, -3))
    written = f"{head}{told}content-length: {length}\r\n\r\n".encode("utf-8", "replace") + body
    for _ in range(random.choice((0, 0, 1, 3))):
        place = random.randrange(len(head) + 40)
        written = written[:place] + random.choice((b"\x00", b"\r\n", b":", b"\xff", b"9", b"")) + written[place + 1 :]
    return written


@pytest.mark.parametrize("name", ["openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3"])
def test_any_bytes_on_the_wire_are_a_reply_or_a_failure(name: str) -> None:
    random = Random(name)
    written = [garble(random, name.partition(":")[0]) for _ in range(60)]
    left = list(written)

    async def write(peer: Peer) -> None:
        await peer.send(left.pop())
        peer.writer.write_eof()
        await asyncio.Event().wait()  # until the other side closes, too

    async def use(server: BadServer) -> Counter[str]:
        url = f"{server.url}/v1" if name.startswith("openai") else server.url
        came = Counter[str]()
        for _ in written:
            model = make_model(name, base_url=url, transport=None, call_timeout_seconds=10.0)
            async with provider_of(model) as provider:
                came[str(await try_answer(provider, VIEWS[views.PostView]))] += 1
        return came

    with BadServer(write) as server:
        came = asyncio.run(use(server))
    assert came.total() == len(written)
    assert came["failed call"] >= 10
    assert came["value"] >= 3


@pytest.mark.parametrize("name", ["openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3"])
def test_the_words_beside_a_status_may_be_any_bytes(name: str) -> None:
    async def answer(peer: Peer) -> None:
        await peer.answer(None, status="200 \udcff\udcfe")

    with BadServer(answer) as server:
        url = f"{server.url}/v1" if name.startswith("openai") else server.url
        assert ask(make_model(name, base_url=url, transport=None)).text == "Hello."
        assert server.wait_until_closed()


# What is empty, and how long it takes.


@pytest.mark.parametrize("text", ["", " \n", "\x00", "\u200b\u200d", "\ufeff", "\u202e \u2066", "\ud800", "\x1b\x07"])
def test_what_cannot_be_seen_is_no_word(text: str) -> None:
    for kind in KINDS:
        assert try_text(text, VIEWS[kind]) == "unreadable"
    assert try_text(f"rents: 0.5; {text}\ntrams: 0; Wait.", VIEWS[views.PositionView]) == "unreadable"
    assert try_text(f"{text}A cap.", VIEWS[views.PostView]) == "value"


def test_marks_around_a_topic_are_bounded_in_number() -> None:
    view = make_view(views.PositionView, wanted=(Topic("rents", "Rents", ""),))
    for marks, came in ((MOST_MARKS, "value"), (MOST_MARKS + 1, "unreadable")):
        assert try_text(f"{'*' * marks}rents: 1; Yes.", view) == came
        assert try_text(f"rents{'*' * marks}: 1; Yes.", view) == came
        assert try_text(f"rents:{' ' * marks} 1; Yes.", view) == "value"


@pytest.mark.parametrize("topic_id", ["_", "-", "*", "_-_", "'", "1."])
def test_an_id_of_marks_alone_is_found_and_takes_no_longer_than_others(topic_id: str) -> None:
    view = make_view(views.PositionView, wanted=(Topic(topic_id, "T", ""),))
    assert read_positions(f"- {topic_id}: 0.5; So.", view).by_topic[topic_id] == "So."
    long = topic_id * (MAX_REPLY_BYTES // len(topic_id))
    began = time.process_time()
    assert try_text(long, view) == "unreadable"
    assert time.process_time() - began < 10.0, "where time grew with the square of the length, it would be a minute"


LONG = (*PIECES, "[ ", "{} ", "</think>", "0", "rents", "\u200b", "ä", '{"vote":"A"}', '{"opinions":[]}', '{"vote":0,')
STARTS = ("", "{[" * 64, '{"vote": "', "rents: 0.")
ACTS = (views.BallotView, views.PositionView, views.PostView)


def measure_growth(use: Callable[[str], object], start: str, piece: str, length: int) -> tuple[float, float]:
    """Return the processor time for so many characters and for four times as many, the best of some tries."""
    texts = [start + piece * (length * times // len(piece)) for times in (1, 4)]
    best = [float("inf")] * 2
    for _ in range(4):
        for place, text in enumerate(texts):
            began = time.process_time()
            use(text)
            best[place] = min(best[place], time.process_time() - began)
    return best[0], best[1]


def assert_linear(short: float, long: float, what: object) -> None:
    """Fail unless four times as much took about four times as long; what is over at once is not compared."""
    assert long < 0.003 + 4 * 1.8 * short, f"{what}: {short * 1000:.2f} ms, then {long * 1000:.2f} ms"


@pytest.mark.timing
@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("start", STARTS, ids=["nothing", "brackets", "text", "position"])
def test_time_to_read_a_reply_grows_with_its_length_and_no_faster(kind: type[View], start: str) -> None:
    for piece in LONG:
        assert_linear(*measure_growth(lambda text: try_text(text, VIEWS[kind]), start, piece, 10_000), (piece, start))


@pytest.mark.timing
@pytest.mark.parametrize("protocol", BODIES)
@pytest.mark.parametrize("status", [200, 400, 429])
def test_time_to_read_an_answer_grows_with_its_length_and_no_faster(protocol: str, status: int) -> None:
    def read(text: str) -> object:
        return try_answers(protocol, HttpAnswer(status, {"retry-after": text}, text.encode("utf-8", "replace")))

    for start in ("", '{"error": {"message": "', '{"choices": [{"message": {"content": "', '[{"retryDelay": "1'):
        for piece in ("[", " ", "9", "a", ",", '\\"', "\\u0020", "{}", "[],", '",""', "data_", "0s"):
            assert_linear(*measure_growth(read, start, piece, 50_000), (piece, start))


@pytest.mark.parametrize("kind", JUDGING)
def test_ten_megabytes_are_not_looked_into(kind: type[View]) -> None:
    text = json.dumps(JUDGEMENTS[-1])
    for long in (text + " " * 10_000_000, "[" * 10_000_000, "ä" * 10_000_000):
        began = time.process_time()
        assert try_text(long, VIEWS[kind]) == "unreadable"
        assert time.process_time() - began < 0.5
