"""Requests and calls for tests of models, and a way to make one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx

from synthetic_communities.llm.call_log import CallLog
from synthetic_communities.llm.exchange import Observer
from synthetic_communities.llm.model import Call, Model, ModelReply, ModelRequest, ReplyFormat
from synthetic_communities.llm.naming import parse_model_name
from synthetic_communities.llm.retrying import RetryPolicy
from synthetic_communities.llm.stack import build_model
from synthetic_communities.llm.wrapper import Wrapper

KEY = "sk-not-to-be-shown-0123456789"
ONCE = RetryPolicy(max_tries=1)
CALL = Call("e0/belief/debate/p1", "debate_update")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "stance": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "vote": {"type": "string", "enum": ["A", "B"]},
    },
    "required": ["stance", "vote"],
    "additionalProperties": False,
}
JUDGEMENT = ReplyFormat("judgement", SCHEMA)


def make_request(*user: str, **settings: Any) -> ModelRequest:
    """Make a request of two system texts; 300 tokens of room unless said otherwise."""
    return ModelRequest(
        ("The rules.", "The town."), user or ("Who are you?",), **{"max_output_tokens": 300, **settings}
    )


def make_model(name: str, **settings: Any) -> Model:
    """Make a model as a run has it, that tries once; over httpx's own transport, but for Anthropic."""
    model_name = parse_model_name(name)
    settings = {"api_key": KEY, "retry": ONCE, **settings}
    if "transport" not in settings and model_name.provider.protocol != "anthropic":
        settings["transport"] = httpx.AsyncHTTPTransport()
    return build_model(model_name, **settings)


def provider_of(model: Model) -> Model:
    """Return the provider alone, without what is stacked on it."""
    return provider_of(model.inner) if isinstance(model, Wrapper) else model


async def ask_async(model: Model, *requests: ModelRequest) -> list[ModelReply]:
    """Open a model, make requests one after the other, close it, and return the replies."""
    async with model:
        return [await model.reply(request, CALL) for request in requests]


def ask(model: Model, *requests: ModelRequest) -> ModelReply:
    """Make requests one after the other, on a loop of their own, and return the last reply."""
    return asyncio.run(ask_async(model, *(requests or (make_request(),))))[-1]


def note_in(log: CallLog) -> Observer:
    """Return an observer that takes down in a log what was measured."""
    return lambda exchange: log.note(exchange.entry)


def giving_back(places: asyncio.Semaphore) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return how an act gives its place back while it waits, as in a run whose places these are."""

    @asynccontextmanager
    async def give_back() -> AsyncIterator[None]:
        places.release()
        try:
            yield
        finally:
            await places.acquire()

    return give_back
