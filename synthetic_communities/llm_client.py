"""The names existing scripts know a model by: making a client, and asking it with a prompt.

Scripts and their tests replace these functions on the module; so they are looked up when they are called, by this
package too: a persona whose client was found by its key asks through whatever stands here by then.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any, Self

from .cast.thinking import MindSettings, build_llm_mind, build_mind
from .domain.outcome import Failed, Refused, Unreadable
from .engine.bridge import run_sync
from .errors import ConfigurationError, NoAnswerError, Problem
from .llm.access.keys import read_environment
from .llm.choice import OFFLINE, ModelChoice, choose_model
from .llm.failures import CallError
from .llm.journal.journaled import Journaled
from .llm.logged import Logged
from .llm.model import Call, Model, ModelReply, ModelRequest
from .llm.naming import PROVIDERS, parse_model_name
from .minds.base import Mind
from .minds.llm.mind import LLMMind
from .warned import warn_caller

DEFAULT_MODEL = "gemini:gemini-2.5-flash-lite"
"""What a key stands for where no model is named."""


class LLMClient(LLMMind):
    """A model with a key, as existing scripts hold it: a mind for `llm_client`, and what `generate_response` takes.

    Attributes:
        model: `provider:model`.
    """

    def __init__(self, api_key: str | None, model: str, settings: MindSettings) -> None:
        self.model = str(parse_model_name(model))
        self._api_key = api_key
        self._settings = settings
        inner = build_llm_mind(model, api_key, settings)
        super().__init__(
            _LookedUpLate(self, inner.name, inner.model_asked, settings),
            temperature=settings.temperature,
            effort=settings.effort,
            seed=settings.seed,
            max_concurrent=inner.max_concurrent,
        )

    def __repr__(self) -> str:
        return f"LLMClient({self.model!r})"

    def asking(self, model: str | None) -> Self:
        """Return a client of the same provider and key that asks another of its models; None: this client.

        Raises:
            ConfigurationError: the model is another provider's, to whom this key does not belong.
        """
        if model is None:
            return self
        provider = parse_model_name(self.model).provider.name
        named, _, _ = model.partition(":")
        if named not in PROVIDERS:  # names of models may hold a colon, as in llama3.2:3b
            return type(self)(self._api_key, f"{provider}:{model}", self._settings)
        if named != provider:
            what = f"{model!r} is another provider's, and the client's key is for {provider}"
            raise ConfigurationError([Problem("model", what, "make a client of its own for it, with its key")])
        return type(self)(self._api_key, model, self._settings)

    def asked_with(self, settings: MindSettings) -> Self:
        """Return a client of the same model and key that is asked with these settings."""
        return type(self)(self._api_key, self.model, settings)


def create_client(api_key: str, *, model: str | None = None, base_url: str | None = None) -> LLMClient:
    """Return a client that asks a model with this key. Nothing is opened and nothing is sent.

    Args:
        api_key: the key.
        model: `provider:model`; None: Gemini's small model. A key goes to the provider named, never to one guessed.
        base_url: where the model is reached; None: where its provider usually is.

    Raises:
        ConfigurationError: no such provider, or a key that is none.
    """
    if not api_key:
        raise ConfigurationError([Problem("api_key", "it is empty", "pass the provider's key")])
    return LLMClient(api_key, model or DEFAULT_MODEL, MindSettings(base_url=base_url))


def generate_response(
    client: LLMClient,
    prompt: str,
    system_instruction: str | None,
    temperature: float | None = None,
    max_output_tokens: int = 8000,
    model: str | None = None,
) -> str:
    """Return what the model replies to a prompt.

    Args:
        client: from `create_client`.
        prompt: the user message.
        system_instruction: the system message; None: there is none.
        temperature: sent where it is not None; a provider that takes none refuses it.
        max_output_tokens: room for the reply.
        model: another model of the client's provider; None: the client's own.

    Raises:
        NoAnswerError: there is no reply, or one that was refused or cut off; its `outcome` says why.
        ConfigurationError: a temperature where the provider takes none, or a model of another provider.
        ModelUnavailableError: no call can succeed.
    """
    return run_sync(generate_response_async(client, prompt, system_instruction, temperature, max_output_tokens, model))


async def generate_response_async(
    client: LLMClient,
    prompt: str,
    system_instruction: str | None,
    temperature: float | None = None,
    max_output_tokens: int = 8000,
    model: str | None = None,
) -> str:
    """As `generate_response`."""
    system = (system_instruction,) if system_instruction else ()
    request = ModelRequest(system, (prompt,), max_output_tokens=max_output_tokens, temperature=temperature)
    asked = client.asking(model)
    async with asked:
        try:
            reply = await _inner(asked).reply(request, Call("own/generate_response", "generate_response"))
        except CallError as error:
            raise NoAnswerError(asked.model, "reply", Failed(error.kind, error.detail)) from error
    if reply.stop != "end":
        outcome = Refused(reply.text) if reply.stop == "refused" else Unreadable(reply.text)
        raise NoAnswerError(asked.model, "whole reply", outcome)
    return reply.text


def find_mind() -> Mind:
    """Return the mind that existing scripts rely on being found: by name or by key in the environment, else offline.

    The choice goes to stderr; that nothing was found is a warning.

    Raises:
        ConfigurationError: nothing was found, and `SYNTHETIC_COMMUNITIES_REQUIRE_LLM` is set.
    """
    environment = read_environment(os.environ)
    choice = choose_model(None, None, environment, looks_for_keys=True)
    return open_door(choice, MindSettings(), environment)


def open_door(choice: ModelChoice, settings: MindSettings, environment: Mapping[str, str]) -> Mind:
    """Return the mind of a choice, having told of it.

    Raises:
        ConfigurationError: the model cannot be asked.
    """
    tell_choice(choice)
    if not choice.key_variable:
        return build_mind(choice.name, settings, environment)
    client: Any = create_client(environment[choice.key_variable], model=choice.name)
    if isinstance(client, LLMClient):
        return client.asked_with(settings)
    # Otherwise it is whatever a script put in the place of `create_client` made.
    return LLMMind(_LookedUpLate(client, choice.name, None, settings))


_told: set[ModelChoice] = set()


def tell_choice(choice: ModelChoice) -> None:
    """Say on stderr, once a process, which model is asked and why; warn if one was looked for and none found."""
    if choice.is_fallback:
        warn_caller(f"running offline, because {choice.reason}; the words are templates, no model's")
    elif choice.name != OFFLINE and choice not in _told:
        _told.add(choice)
        print(f"synthetic_communities: {parse_model_name(choice.name)}, because {choice.reason}", file=sys.stderr)  # noqa: T201


class _LookedUpLate:
    """The model of a client, asked through `generate_response_async` or `generate_response` if they were replaced."""

    keeps_journal = True

    def __init__(self, client: object, name: str, inner: Model | None, settings: MindSettings) -> None:
        self.name = name
        self.inner = inner
        self._replacement = Journaled(Logged(_Replacement(client, name), settings.observe))

    async def __aenter__(self) -> Self:
        if self.inner is not None:
            await self.inner.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self.inner is not None:
            await self.inner.__aexit__(*exc_info)

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply, of the model or of what a script put in its place."""
        is_replaced = generate_response is not _OWN_SYNC or generate_response_async is not _OWN_ASYNC
        if is_replaced or self.inner is None:
            return await self._replacement.reply(request, call)
        return await self.inner.reply(request, call)


class _Replacement:
    """What a script put in the place of a function or of the client, as a model."""

    def __init__(self, client: object, name: str) -> None:
        self.name = name
        self._client = client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Leave everything as it is: nothing was opened."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return what the function says, the synchronous one in a thread of its own."""
        system, prompt = "\n\n".join(request.system), "\n\n".join(request.user)
        arguments: Any = (self._client, prompt, system, request.temperature, request.max_output_tokens)
        if generate_response is not _OWN_SYNC:
            text = await asyncio.to_thread(generate_response, *arguments)
        else:
            text = await generate_response_async(*arguments)
        return ModelReply(text, stop="end", model=self.name)


def _inner(client: LLMClient) -> Model:
    model = client.model_asked
    return model.inner if isinstance(model, _LookedUpLate) and model.inner is not None else model


_OWN_ASYNC, _OWN_SYNC = generate_response_async, generate_response
