"""From a name to a model that can be asked: the one place where provider and wrappers are put together.

From the outside in, and why in this order:

* `Journaled` is outermost: what it has recorded is asked of nobody, and what came of a call in the end is on the
  disk before anything is built on it;
* `FirstReplies` tells whether a call has succeeded in the end, after however many tries;
* `Retrying` comes next: waiting for the next try belongs neither to a try's time nor to the calls in flight;
* `Warmed` lets one call with a new shared beginning go first, try by try: a try that failed has cached nothing, and who
  waits takes neither budget nor a place at the provider. What the journal answers never comes here, and to
  `FirstReplies` those that wait are under way;
* `Budgeted` holds back a try that its run may not spend any more, so that it takes no place at the provider;
* `Limited` takes a place at the provider for each try, and holds none between two of them;
* `Counted` counts against the run's budget what goes out, which is not yet what waits for a place;
* `Logged` sees every single try, those that ran out of time too;
* `Timed` limits one try, from connecting to the last byte;
* `PromptCut` stands before all that: what it fails is no reply to anybody further out;
* `Masked` stands next to the provider: nobody further out gets to see a key that a server repeats.
"""

import logging
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError, Problem
from .access.keys import check_key
from .access.masked import Masked
from .caching.manner import find_least_tokens, waits_in_runs_only
from .caching.warmed import Warmed
from .exchange import Observer
from .first_replies import FirstReplies
from .journal.journaled import Journaled
from .limits.limited import Limited
from .limits.registry import build_limiter, find_limiter
from .limits.shared import SharedLimiter
from .logged import Logged
from .model import Model
from .money.budgeted import Budgeted, Counted
from .naming import ModelName
from .prompt_cut import PromptCut
from .providers.anthropic_client import build_client
from .providers.anthropic_messages import AnthropicMessages
from .providers.ollama_chat import OllamaChat
from .providers.openai_chat import OpenAIChat
from .providers.openai_dialects import DIALECTS
from .retrying import Retrying, RetryPolicy
from .timed import Timed
from .wire.aiohttp_connections import AiohttpConnections
from .wire.connections import MAX_REPLY_BYTES, Connections
from .wire.over_aiohttp import MAX_CONNECTIONS, OWN_MACHINE
from .wire.server import Server, parse_base_url
from .wire.transport import HttpConnections

logger = logging.getLogger(__name__)


def build_model(
    name: ModelName,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    key_variable: str | None = None,
    call_timeout_seconds: float | None = None,
    window_tokens: int | None = None,
    max_connections: int = MAX_CONNECTIONS,
    max_reply_bytes: int = MAX_REPLY_BYTES,
    transport: Any = None,
    retry: RetryPolicy | None = None,
    observe: Observer | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    caches: bool = True,
) -> Model:
    """Return a model that retries, measures, and holds to limits. Nothing is opened yet.

    Args:
        name: which model.
        api_key: its key; None: it is asked without one.
        base_url: where it is reached; None: where its provider usually is.
        key_variable: where the key came from, for messages; None: the provider's own variable.
        call_timeout_seconds: how long one try may take; None: what its provider usually needs.
        window_tokens: for Ollama, room for prompt and reply together; None: the server's default.
        max_connections: how many connections there may be at once.
        max_reply_bytes: how much of a reply is read, in bytes.
        transport: carries requests instead of one over aiohttp, say a fake: an `httpx.AsyncBaseTransport`, or an
            `httpx2.AsyncBaseTransport` for Anthropic. It is closed whenever the model is.
        retry: when to try again; None: as by default.
        observe: is told of every try, besides the run that is under way.
        requests_per_minute: how many calls the account may make of this model; None: what the server turns out to take.
        tokens_per_minute: the same for tokens of prompts and replies together.
        caches: whether the provider is to keep the beginnings of prompts where that pays; False: no marks are set, and
            nobody waits for another's call.

    Raises:
        ConfigurationError: a key or an address is missing or unusable.
    """
    server = _server_of(name, api_key, base_url, key_variable)
    model = _build_provider(name, server, transport, window_tokens, max_connections, max_reply_bytes, caches=caches)
    model = PromptCut(Masked(model, server.key))
    model = Logged(Timed(model, call_timeout_seconds or name.provider.call_timeout_seconds), observe)
    limiter = _limiter_of(server, transport, max_connections)
    limiter.give(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    model = Budgeted(Limited(Counted(model), limiter))
    return Journaled(FirstReplies(Retrying(_warmed(model, name) if caches else model, retry)))


def _warmed(model: Model, name: ModelName) -> Model:
    least_tokens = find_least_tokens(name)
    if least_tokens is None:
        return model
    return Warmed(model, least_tokens, in_runs_only=waits_in_runs_only(name))


def _limiter_of(server: Server, transport: Any, max_connections: int) -> SharedLimiter:
    if transport is not None:  # what carries requests elsewhere leads to an account of its own
        return build_limiter(server.name, most=max_connections)
    return find_limiter(server.name, server.url, server.key, most=max_connections)


def _server_of(name: ModelName, api_key: str | None, base_url: str | None, key_variable: str | None) -> Server:
    provider = name.provider
    url = base_url or provider.base_url
    if url is None:
        raise ConfigurationError([Problem("base_url", f"{name} has no address", "write it like http://HOST:8000/v1")])
    if provider.key_required and not api_key:
        what = f"{provider.name} is asked with a key, and there is none"
        raise ConfigurationError([Problem("model", what, f"set {provider.key_variable}")])
    url = parse_base_url(url)
    if api_key:
        check_key(api_key, key_variable or "api_key")
        _tell_unencrypted(url)
    return Server(
        str(name),
        url,
        key=api_key,
        key_variable=key_variable or provider.key_variable,
        start_command=provider.start_command and provider.start_command.format(model=name.model),
        get_command=f"ollama pull {name.model}" if provider.protocol == "ollama" else None,
        is_versioned=provider.protocol == "openai",
    )


@lru_cache
def _tell_unencrypted(url: str) -> None:
    """Warn, once for each address, that a key goes there for everybody on the way to read."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in OWN_MACHINE:
        logger.warning("the key goes to %s unencrypted, and so does all that is said; use https where it is there", url)


def _build_provider(
    name: ModelName,
    server: Server,
    transport: Any,
    window_tokens: int | None,
    max_connections: int,
    max_reply_bytes: int,
    *,
    caches: bool,
) -> Model:
    def connect() -> Connections:
        """Return connections that are not open yet: through the transport that was given, else over aiohttp."""
        headers = {"authorization": f"Bearer {server.key}"} if server.key else {}
        if transport is not None:
            return HttpConnections(transport, server.url, headers, max_reply_bytes=max_reply_bytes)
        limits = {"max_connections": max_connections, "max_reply_bytes": max_reply_bytes}
        return AiohttpConnections(server.url, headers, **limits)

    provider = name.provider
    if provider.protocol == "anthropic":
        limits = {"max_connections": max_connections, "max_reply_bytes": max_reply_bytes}
        return AnthropicMessages(server, name.model, lambda: build_client(server, transport, **limits), caches=caches)
    if provider.protocol == "ollama":
        return OllamaChat(server, name.model, connect, window_tokens=window_tokens)
    is_own = provider.is_local or provider.base_url is None
    return OpenAIChat(server, name.model, DIALECTS[provider.name], connect, checks_listening=is_own)
