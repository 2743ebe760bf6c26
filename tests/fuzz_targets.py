"""What is tried with replies gone wrong: what came of each, and whether it is what may come of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from synthetic_communities.cast.asking import find_fault
from synthetic_communities.domain.belief import Opinion
from synthetic_communities.domain.outcome import Done, Refused, Unreadable
from synthetic_communities.domain.remark import Remark
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.json_shapes import MOST_TOKENS
from synthetic_communities.llm.model import Call, Model, ModelReply, ModelRequest, ReplyFormat, Stop
from synthetic_communities.llm.providers.anthropic_messages import AnthropicMessages
from synthetic_communities.llm.providers.ollama_chat import OllamaChat
from synthetic_communities.llm.providers.openai_chat import OpenAIChat
from synthetic_communities.llm.providers.openai_dialects import DIALECTS
from synthetic_communities.llm.wire.answers import HttpAnswer
from synthetic_communities.llm.wire.server import Server
from synthetic_communities.minds.llm.mind import read_reply
from synthetic_communities.minds.llm.quoting import is_blank
from synthetic_communities.minds.views import Positions, PositionView, View
from tests.fuzzed_texts import JUDGEMENTS, POSITIONS, WORDS
from tests.small_views import JUDGING, KINDS, make_view

Came: TypeAlias = Literal["value", "unreadable", "refused", "failed call", "stopped run"]
KEY = "sk-not-to-be-shown-0123456789"
NOW = 1_795_000_000.0
MOST_DETAIL_CHARACTERS = 400
VIEWS: Mapping[type[View], Any] = {kind: make_view(kind) for kind in KINDS}
SERVER = Server("openai:m", "http://127.0.0.1:1", key=KEY, key_variable="KEY")
REQUEST = ModelRequest(
    ("The rules.",),
    ("Who are you?",),
    max_output_tokens=300,
    reply_format=ReplyFormat("judgement", {"type": "object", "properties": {}, "required": []}),
    seed=7,
)
SOUND = HttpAnswer(200, {}, b"{}")
"""What is looked at on opening, where nothing is to go wrong."""

CALL = Call("e0/belief/debate/p1", "debate_update")


def sound_for(view: View) -> Sequence[Any]:
    """Return replies to a view that can be read; JSON as values."""
    if isinstance(view, PositionView):
        return POSITIONS
    return JUDGEMENTS if type(view) in JUDGING else WORDS


def try_text(text: str, view: View, stop: Stop = "end") -> Came:
    """Read a text as the reply to a view and say what came of it.

    Raises:
        AssertionError: what came may not come.
    """
    answer = read_reply(ModelReply(text, stop=stop, model="m"), view)
    if isinstance(answer, Done):
        assert stop == "end"
        check_value(answer.value, view)
        return "value"
    assert isinstance(answer, (Refused, Unreadable)), answer
    assert answer.text == text
    return "refused" if isinstance(answer, Refused) else "unreadable"


def check_value(value: Any, view: View) -> None:
    """Raise AssertionError unless a value is what was asked for, with nothing in it that was not shown."""
    assert isinstance(value, view.expects), value
    assert not find_fault(value, view)
    if isinstance(value, Remark):
        assert not is_blank(value)
    elif isinstance(value, Opinion):
        assert value.beliefs
        assert len({belief.topic_id for belief in value.beliefs}) == len(value.beliefs)
        assert all(belief.stance is not None and math.isfinite(belief.stance) for belief in value.beliefs)
    elif isinstance(value, Positions):
        assert isinstance(view, PositionView)
        assert list(value.by_topic) == [topic.id for topic in view.wanted]
        for topic_id, remark in value.by_topic.items():
            assert -1 <= remark.stances[topic_id] <= 1
            assert not is_blank(remark)


class Canned:
    """Stands where connections would, or the official client: every call gets the answer that was laid out last."""

    def __init__(self) -> None:
        self.answer = SOUND
        self._transport = self  # what `HttpConnections.close` closes

    async def post(self, path: str, content: bytes) -> HttpAnswer:
        """Return the answer."""
        return self.answer

    async def get(self, path: str) -> HttpAnswer:
        """Return the answer."""
        return self.answer

    async def close(self) -> None:
        """Close nothing."""

    aclose = close

    # What the official client looks like from the provider.

    @property
    def messages(self) -> Canned:
        return self

    models = with_raw_response = messages

    async def create(self, **arguments: Any) -> Canned:
        return self

    async def retrieve(self, model: str) -> Canned:
        return self

    @property
    def http_response(self) -> Canned:
        return self

    @property
    def status_code(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    @property
    def content(self) -> bytes:
        return self.answer.content


def make_provider(protocol: str, canned: Any) -> Model:
    """Return a provider that gets canned answers, and knows all options yet."""
    if protocol == "openai":
        return OpenAIChat(SERVER, "m", DIALECTS["openai-compatible"], lambda: canned, clock=lambda: NOW)
    if protocol == "ollama":
        return OllamaChat(SERVER, "m", lambda: canned, clock=lambda: NOW)
    return AnthropicMessages(SERVER, "m", lambda: canned, clock=lambda: NOW)


async def try_answer(model: Model, view: View) -> Came:
    """Make a call of an open model and say what came of it.

    Raises:
        AssertionError: what came may not come.
    """
    try:
        reply = await model.reply(REQUEST, CALL)
    except CallError as error:
        check_failure(error)
        return "failed call"
    except ModelUnavailableError as error:
        check_stop(error)
        return "stopped run"
    check_reply(reply)
    return try_text(reply.text, view, reply.stop)


async def try_opening(model: Model) -> Came:
    """Open a model, close it, and say what came of it.

    Raises:
        AssertionError: what came may not come.
    """
    try:
        async with model:
            return "value"
    except ModelUnavailableError as error:
        check_stop(error)
        return "stopped run"


def check_stop(error: ModelUnavailableError) -> None:
    """Raise AssertionError unless what stops a run is bounded, can be written down, and shows no key."""
    told = str(error)
    assert KEY not in told
    assert len(told) < 2 * MOST_DETAIL_CHARACTERS
    told.encode("utf-8")


def check_failure(error: CallError) -> None:
    """Raise AssertionError unless what is said of a failure is bounded, can be written down, and shows no key."""
    assert KEY not in f"{error.detail} {error}"
    assert len(error.detail) <= MOST_DETAIL_CHARACTERS
    error.detail.encode("utf-8")
    wait = error.retry_after_seconds
    assert wait is None or (math.isfinite(wait) and wait >= 0)
    _check_rates(error)


def check_reply(reply: ModelReply) -> None:
    """Raise AssertionError unless a reply can be written down and its counts added up."""
    f"{reply.text} {reply.model}".encode()
    assert reply.stop in ("end", "cut", "refused")
    assert 0 < len(reply.model) <= 200
    usage = reply.usage
    written = (usage.cache_write_tokens, usage.cache_write_1h_tokens)
    for tokens in (usage.input_tokens, usage.cache_read_tokens, *written, usage.output_tokens):
        assert tokens is None or 0 <= tokens < MOST_TOKENS
    _check_rates(reply)


def _check_rates(told: CallError | ModelReply) -> None:
    for fact in told.rates:
        assert fact.remaining >= 0
        assert fact.limit is None or fact.limit > 0
        assert fact.reset_seconds is None or math.isfinite(fact.reset_seconds)
