"""From the name of a model to the mind that thinks with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..late import Late
from ..llm.access.key_command import SOURCE
from ..llm.access.keys import find_key
from ..llm.choice import OFFLINE
from ..llm.exchange import Observer
from ..llm.journal.journaled import Journaled, NoCalls
from ..llm.naming import parse_model_name
from ..llm.wire.connections import MAX_REPLY_BYTES
from ..llm.wire.over_aiohttp import MAX_CONNECTIONS
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind
from ..minds.offline.mind import OfflineMind

if TYPE_CHECKING:
    from ..llm import stack
else:  # a community without a language model needs nothing of it
    stack = Late("synthetic_communities.llm.stack")


@dataclass(frozen=True, slots=True)
class MindSettings:
    """How a model is asked.

    Attributes:
        base_url: where it is reached; None: where its provider usually is.
        api_key_env: the variable that holds the key; None: the provider's own.
        look_up_key: returns the key that a command prints; None: the key is in a variable.
        temperature: sent where it is not None.
        effort: how hard to think; None: not at all where the model allows it.
        seed: sent where the provider takes one; None: not.
        call_timeout_seconds: how long one call may take; None: what the provider usually needs.
        window_tokens: for Ollama, room for prompt and reply together; None: the server's default.
        max_connections: how many connections there may be at once.
        requests_per_minute: how many calls the account may make of a model; None: what the server turns out to take.
        tokens_per_minute: the same for tokens of prompts and replies together.
        max_reply_bytes: how much of a reply is read, in bytes; None: as by default.
        observe: is told of every try of every call, besides the run that is under way.
        transport: carries requests instead of one over aiohttp, say a fake.
        caches: whether the provider keeps the beginnings of prompts, where that pays.
    """

    base_url: str | None = field(default=None, kw_only=True)
    api_key_env: str | None = field(default=None, kw_only=True)
    look_up_key: Callable[[], str] | None = field(default=None, kw_only=True)
    temperature: float | None = field(default=None, kw_only=True)
    effort: str | None = field(default=None, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)
    call_timeout_seconds: float | None = field(default=None, kw_only=True)
    window_tokens: int | None = field(default=None, kw_only=True)
    max_connections: int = field(default=MAX_CONNECTIONS, kw_only=True)
    requests_per_minute: float | None = field(default=None, kw_only=True)
    tokens_per_minute: float | None = field(default=None, kw_only=True)
    max_reply_bytes: int | None = field(default=None, kw_only=True)
    observe: Observer | None = field(default=None, kw_only=True)
    transport: Any = field(default=None, kw_only=True)
    caches: bool = field(default=True, kw_only=True)


def build_mind(name: str, settings: MindSettings, environment: Mapping[str, str]) -> Mind:
    """Return the mind that thinks with the model of this name. Nothing is opened yet.

    Args:
        name: `offline`, `provider:model`, or `provider` for its default model.
        settings: how it is asked; the offline mind takes none of them.
        environment: variables, those of a `.env` among them.

    Raises:
        ConfigurationError: no such provider, no such default, no key, or no address.
    """
    if name == OFFLINE:
        return OfflineMind()
    model = parse_model_name(name)
    key = find_key(model.provider, environment, api_key_env=settings.api_key_env, look_up=settings.look_up_key)
    return build_llm_mind(name, key, settings)


def build_silent_mind(name: str, settings: MindSettings) -> Mind:
    """Return the mind that thinks with what a journal holds of this model, and asks nobody.

    Raises:
        ConfigurationError: no such provider, or no such default.
    """
    if name == OFFLINE:
        return OfflineMind()
    silent = Journaled(NoCalls(str(parse_model_name(name))))
    return LLMMind(silent, temperature=settings.temperature, effort=settings.effort, seed=settings.seed)


def build_llm_mind(name: str, key: str | None, settings: MindSettings) -> LLMMind:
    """Return the mind that thinks with a language model, asked with this key.

    Raises:
        ConfigurationError: no such provider, no such default, a key that is none, or no address.
    """
    model_name = parse_model_name(name)
    model = stack.build_model(
        model_name,
        api_key=key,
        base_url=settings.base_url,
        key_variable=SOURCE if settings.look_up_key is not None else settings.api_key_env,
        call_timeout_seconds=settings.call_timeout_seconds,
        window_tokens=settings.window_tokens,
        max_connections=settings.max_connections,
        transport=settings.transport,
        observe=settings.observe,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        max_reply_bytes=settings.max_reply_bytes or MAX_REPLY_BYTES,
        caches=settings.caches,
    )
    return LLMMind(
        model,
        temperature=settings.temperature,
        effort=settings.effort,
        seed=settings.seed,
        max_concurrent=model_name.provider.max_concurrent,
    )
